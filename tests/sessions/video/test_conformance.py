"""Known pictures at known times: container × codec × B-frames × group length × property."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame

from calibration.film import decoded
from sessions.video import probe, read_frames, reading
from tests.sessions.video.films import number, write

N, FPS = 75, 25
MPEG2 = {"codec": "mpeg2video", "options": {"bf": "2", "g": "12", "b": "3000000"}}
MPEG4 = {"codec": "mpeg4", "options": {"bf": "2", "g": "12", "b": "3000000"}}
HEVC = {
    "codec": "libx265",
    "options": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=20:bframes=3"},
}
VPX = {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "5", "b": "600000", "g": "30"}
M2TS = {"container": "mpegts", "muxing": {"mpegts_m2ts_mode": "1"}}


def h264(b_frames: int, group: int, **more: str) -> dict[str, Any]:
    options = {"bf": str(b_frames), "g": str(group), "preset": "veryfast", **more}
    return {"codec": "libx264", "options": options}


GROUPS = {
    "no B, group 12": h264(0, 12),
    "2 B, group 12": h264(2, 12),
    "pyramid, one group": h264(4, 250, **{"b_strategy": "0", "b-pyramid": "normal"}),
    "key frames only": h264(0, 1),
    "open groups": h264(2, 20, **{"x264-params": "open-gop=1"}),
}
FILMS: dict[str, tuple[str, dict[str, Any]]] = {
    f"H.264 {suffix}, {group}": (suffix, how | (M2TS if suffix == "m2ts" else {}))
    for suffix in ("mp4", "mov", "mkv", "ts", "m2ts", "avi")
    for group, how in GROUPS.items()
}
FILMS |= {f"H.264 raw, {b} B": ("h264", h264(b, 12) | {"container": "h264"}) for b in (0, 2)}
FILMS |= {f"HEVC {suffix}": (suffix, HEVC) for suffix in ("mp4", "mkv", "ts")}
FILMS |= {
    "HEVC 10 bit mp4": ("mp4", HEVC | {"pixels": "yuv420p10le"}),
    "MPEG-2 mpg": ("mpg", MPEG2 | {"container": "vob"}),
    "MPEG-2 ts": ("ts", MPEG2),
    "MPEG-2 mkv": ("mkv", MPEG2),
    "H.264 mxf": ("mxf", h264(2, 12)),
    "H.264 ts, refreshed bit by bit": (
        "ts", h264(2, 12, **{"x264-params": "intra-refresh=1:keyint=30"}),
    ),
    "MPEG-4 avi": ("avi", MPEG4),
    "MPEG-4 mp4": ("mp4", MPEG4),
    "MJPEG avi": ("avi", {"codec": "mjpeg", "pixels": "yuvj420p"}),
    "MJPEG mov": ("mov", {"codec": "mjpeg", "pixels": "yuvj420p"}),
    "ProRes mov": ("mov", {"codec": "prores_ks", "pixels": "yuv422p10le"}),
    "VP8 webm": ("webm", {"codec": "libvpx", "options": VPX}),
    "VP9 webm": ("webm", {"codec": "libvpx-vp9", "options": VPX}),
    "AV1 mp4": ("mp4", {"codec": "libsvtav1", "options": {"preset": "12", "g": "30"}}),
    "interlaced H.264 ts": (
        "ts", h264(2, 12, **{"x264-params": "tff=1", "flags": "+ildct+ilme"}),
    ),
    "with sound ts": ("ts", h264(2, 12) | {"sound": True}),
    "with sound mp4": ("mp4", h264(2, 12) | {"sound": True}),
}  # fmt: skip


@pytest.mark.parametrize("name", FILMS)
def test_frames_come_as_asked_at_their_times(name: str, tmp_path: Path) -> None:
    """Whatever is asked, in whatever leaps: the very pictures, from 0:00 on, none lost."""
    suffix, how = FILMS[name]
    info = probe(write(tmp_path / f"a.{suffix}", frames=N, rate=FPS, **how))
    assert info.frames == N
    begin = info.times_s[0]
    assert 0 <= begin < 0.05, "sound may begin a little before the pictures"
    np.testing.assert_allclose(info.times_s - begin, np.arange(N) / FPS, atol=1.1e-3)
    whole = dict(read_frames(info, range(N)))
    assert {i: number(shown) for i, shown in whole.items()} == {i: i for i in range(N)}
    for asked in ([0], [N - 1], [N // 2], [12], [11, 13], [24, 25, 60], range(0, N, 7)):
        got = dict(read_frames(info, list(asked)))
        assert list(got) == list(asked)
        for i, shown in got.items():
            np.testing.assert_array_equal(shown, whole[i])


@pytest.mark.parametrize(("name", "most"), [
    ("H.264 mp4, 2 B, group 12", 0.8), ("HEVC mkv", 0.6), ("MJPEG mov", 0.2),
    ("H.264 mp4, key frames only", 0.2), ("interlaced H.264 ts", 0.9),
])  # fmt: skip
def test_what_nobody_asks_for_is_not_decoded(
    name: str, most: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame in six: of the others only those that it leans on."""
    suffix, how = FILMS[name]
    info = probe(write(tmp_path / f"a.{suffix}", frames=N, rate=FPS, **how))
    came = []

    def counted(*args: Any) -> Iterator[tuple[VideoFrame | None, bool]]:
        for item in decoded(*args):
            came.append(item)
            yield item

    monkeypatch.setattr(reading, "decoded", counted)
    assert len(list(read_frames(info, range(0, N, 6)))) == len(range(0, N, 6))
    assert len(came) <= most * N


@pytest.mark.parametrize("name", ["H.264 mp4, 2 B, group 12", "interlaced H.264 ts", "HEVC mkv"])
def test_pictures_that_nobody_looks_at_are_not_held(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where groups are not judged (4K) what others lean on is let go; what is asked is the same."""
    suffix, how = FILMS[name]
    info = probe(write(tmp_path / f"a.{suffix}", frames=N, rate=FPS, **how))
    whole = dict(read_frames(info, range(0, N, 6)))
    held = []

    def counted(*args: Any) -> Iterator[tuple[VideoFrame | None, bool]]:
        for item in decoded(*args):
            held.append(item[0] is not None)
            yield item

    monkeypatch.setattr(reading, "decoded", counted)
    monkeypatch.setattr(reading, "groups_of", lambda *args: None)
    got = dict(read_frames(info, range(0, N, 6)))
    assert list(got) == list(whole)
    assert all((got[i] == whole[i]).all() for i in whole)
    if suffix != "ts":  # there a key frame may say which way is up
        assert sum(held) == len(whole)


def test_a_decoder_takes_no_more_threads_than_its_lesson_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thread holds pictures; lessons side by side share the cores."""
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert reading._threads() == 4
    suffix, how = FILMS["H.264 mp4, 2 B, group 12"]
    info = probe(write(tmp_path / f"a.{suffix}", frames=N, rate=FPS, **how))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    counts = []

    def watched(packets: Any, codec: Any, *args: Any) -> Iterator[tuple[VideoFrame | None, bool]]:
        counts.append(codec.thread_count)
        return decoded(packets, codec, *args)

    monkeypatch.setattr(reading, "decoded", watched)
    assert len(dict(read_frames(info, [0, 30]))) == 2
    assert set(counts) == {1}
