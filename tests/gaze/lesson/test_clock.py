"""A declared clock is checked, a missing one measured; what was found reaches the quality file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from gaze.lesson import clock as module
from gaze.lesson.clock import (
    clock_quality,
    lesson_clock,
    refuse_other_speed,
    sounds_of,
    with_repeats,
)
from sessions.clock.clock import Clock
from sessions.clock.match import match
from sessions.clock.motion import MOTION
from sessions.clock.sound import SOUND, hear
from sessions.errors import SessionError
from sessions.video import VideoInfo, probe
from tests.sessions import clock_lessons as draw
from tests.sessions.test_clock_sound import room
from tests.sessions.video.films import picture


def _videos(
    monkeypatch: pytest.MonkeyPatch, truth: Clock, duration_s: float = 200.0, sound: bool = True
) -> Any:
    """Two videos of a drawn lesson with this clock; without sound their pictures move."""
    rng, shown = np.random.default_rng(4), (draw.stamps(0.0, duration_s, 25.0),) * 2
    moving = dict(zip(("left.mp4", "right.mp4"), draw.motion(rng, truth, shown), strict=True))
    heard = match(*draw.sound(rng, truth, shown, quiet=not sound), SOUND)
    monkeypatch.setattr(module, "_by_sound", lambda *_: heard)
    monkeypatch.setattr(module, "_motion", lambda video, *_: moving[video.path.name])
    none = np.zeros(0, np.int64)
    return [
        VideoInfo(Path(name), shown[0], (), none, (1920, 1080), "h264", None) for name in moving
    ]


def _session(offset_s: float | None) -> Any:
    right = SimpleNamespace(offset_s=offset_s)
    config = SimpleNamespace(cameras=SimpleNamespace(right=right))
    return SimpleNamespace(timestamps_path=Path("no such file"), config=config)


def _quiet(stage: str, share: float) -> None:
    return None


def test_a_right_offset_is_taken_and_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right, clock = lesson_clock(
        _session(1.5), *_videos(monkeypatch, Clock(1.5)), progress=_quiet
    )
    assert clock.clock.source == "session.toml" and clock.clock.offset_s == 1.5
    assert clock.status == "roughly measured", "sound does not show whether pictures were lost"
    assert [c.code for c in clock.causes] == ["clock_roughly_measured"]
    assert 0.29 < clock.clock.sigma_offset_s < 0.31
    assert clock_quality(clock, left, right)["checked"] == "roughly measured by sound"


def test_a_wrong_offset_is_contradicted_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right, clock = lesson_clock(
        _session(0.0), *_videos(monkeypatch, Clock(1.5)), progress=_quiet
    )
    assert clock.clock.offset_s == 0.0, "what the user states holds, aloud"
    assert clock.clock.sigma_offset_s == pytest.approx(1.5, abs=0.05), "and with its σ"
    cause, _ = clock_quality(clock, left, right)["causes"]
    assert cause["code"] == "clock_contradicted" and cause["severity"] == "FAIL"
    assert "sound +1.5" in cause["message"]


@pytest.mark.parametrize("slow", ["left", "right"])
def test_slow_motion_that_no_file_tells_is_named(
    monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    videos = _videos(monkeypatch, Clock(1.5), 300.0, sound=False)
    k = ("left", "right").index(slow)
    moving, stretched = module._motion, f"{slow}.mp4"

    def slowed(video: VideoInfo, *rest: Any) -> Any:
        seen = moving(video, *rest)
        return replace(seen, times_s=seen.times_s * (4 if video.path.name == stretched else 1))

    monkeypatch.setattr(module, "_motion", slowed)
    videos[k] = replace(videos[k], times_s=4 * videos[k].times_s)
    *_, clock = lesson_clock(_session(0.0), *videos, progress=_quiet)
    assert clock.measured is None
    assert (
        clock.causes[0].code == "clock_other_speed" and "-itsscale 0.25" in clock.causes[0].action
    )
    assert f"the {slow} one's runs 4 times as fast" in clock.causes[0].message
    with pytest.raises(SessionError, match="slow motion"):
        refuse_other_speed(clock)
    refuse_other_speed(clock, force=True)


def test_without_one_sound_decides_and_no_picture_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    *_, clock = lesson_clock(
        _session(None), *_videos(monkeypatch, Clock(-0.8, 30.0)), progress=_quiet
    )
    assert clock.clock.source == "sound" and abs(clock.clock.offset_s + 0.8) < 0.02
    assert [e.sense for e in clock.estimates] == ["sound"]


def test_sound_that_has_no_partner_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    listened: list[float] = []
    monkeypatch.setattr(module, "hear", lambda _, until_s: listened.append(until_s))
    videos = _videos(monkeypatch, Clock(1.5))
    lesson_clock(_session(1.5), *videos, progress=_quiet)
    assert len(listened) == 1, "the left video has none"
    chapters = [replace(v, files=(None, None)) for v in videos]
    monkeypatch.setattr(module, "sounds_of", lambda _: [])
    monkeypatch.setattr(module, "with_repeats", lambda info, _: info)
    lesson_clock(_session(1.5), *chapters, progress=_quiet)
    assert len(listened) == 3, "chapters tell by it whether they are there twice"


def test_without_sound_the_pictures_motion_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = _videos(monkeypatch, Clock(-0.8), 400.0, sound=False)
    *_, clock = lesson_clock(_session(None), *videos, progress=_quiet)
    assert clock.clock.source == "motion"
    assert abs(clock.clock.offset_s + 0.8) < 4 * clock.clock.sigma_offset_s


@pytest.mark.parametrize(("zone_s", "offset_s"), [(3600.0, 12.0), (-7200.0, 0.4), (300.0, 300.2)])
def test_wall_clocks_of_two_time_zones_do_not_hide_the_offset(
    monkeypatch: pytest.MonkeyPatch, zone_s: float, offset_s: float
) -> None:
    """One camera set to UTC or to winter time; the last row: wall clocks that are right."""
    times = draw.stamps(0.0, 200.0, 25.0), draw.stamps(offset_s, 200.0, 25.0)
    left, right = draw.sound(np.random.default_rng(4), Clock(offset_s), times)
    found = module._matched(left, right, SOUND, zone_s)
    assert found.clock is not None and abs(found.clock.offset_s - offset_s) < 0.02


def test_a_declared_clock_costs_no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = _videos(monkeypatch, Clock(0.2), sound=False)
    monkeypatch.setattr(module, "_motion", lambda *_: pytest.fail("pictures were decoded"))
    *_, clock = lesson_clock(_session(0.2), *videos, progress=_quiet)
    assert clock.status == "not measured" and clock.clock.sigma_offset_s > 0


def test_nothing_measured_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = _videos(monkeypatch, Clock(0.2), 20.0, sound=False)
    left, right, clock = lesson_clock(_session(None), *videos, progress=_quiet)
    assert clock.clock.source == "assumed" and clock.clock.sigma_offset_s >= 1
    said = clock_quality(clock, left, right)
    assert "clock_unmeasured" in [c["code"] for c in said["causes"]]
    assert MOTION.name in [s["sense"] for s in said["senses"]]


def test_minutes_that_were_given_out_twice_are_said(tmp_path: Path) -> None:
    """The second chapter holds the first one's last 12 s again, encoded otherwise."""
    sound, parts = room(48.0), [(0, 24), (12, 24), (24, 48)]
    films = []
    for k, (begin, end) in enumerate(parts):
        films.append(tmp_path / f"{k}.mp4")
        with av.open(str(films[-1]), "w") as out:
            shown: Any = out.add_stream("libx264", rate=5, options={"crf": str(18 + 5 * k)})
            shown.height, shown.width, shown.pix_fmt = 112, 192, "yuv420p"
            voice: Any = out.add_stream("aac", rate=16000, layout="mono")
            voice.bit_rate = 64000 - 16000 * k
            for n in range(begin * 5, end * 5):
                out.mux(shown.encode(av.VideoFrame.from_ndarray(picture(n), format="bgr24")))
            out.mux(shown.encode())
            for i in range(begin * 16000, end * 16000 - 1023, 1024):
                part = sound[None, i : i + 1024].astype(np.float32)
                block = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                block.rate, block.pts = 16000, i - begin * 16000
                out.mux(voice.encode(block))
            out.mux(voice.encode())
    for listed, said in ((films[:2], "begin with what was heard in 0.mp4 from 12 s on"),
                         (films[::2], "")):  # fmt: skip
        info = probe(listed)
        remarks = with_repeats(info, hear(sounds_of(info))).remarks[len(info.remarks) :]
        assert said in "".join(remarks) and bool(remarks) == bool(said)
