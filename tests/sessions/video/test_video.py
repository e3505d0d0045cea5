"""Videos: what they hold, frame-exact reading, and the ways they can be bad."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from sessions.errors import VideoError
from sessions.video import frame_pairs, moments, nearest_frames, probe, read_frames, read_timestamps


def write_video(path: Path, frames: int, fps: int = 25, gop: int = 10) -> Path:
    """Each frame's grey value says its number (times 4, from 12)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.options = {"g": str(gop), "crf": "10"}
        for i in range(frames):
            picture = np.full((96, 160, 3), 12 + 4 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return path


def number(picture: np.ndarray) -> int:
    return round((float(picture.mean()) - 9) / 4)  # the codec darkens by about 3


def test_probe(tmp_path: Path) -> None:
    info = probe(write_video(tmp_path / "a.mp4", 60))
    assert (info.frames, info.size_px) == (60, (160, 96))
    assert info.fps == pytest.approx(25) and info.duration_s == pytest.approx(2.4)
    assert info.keyframes[0] == 0 and len(info.keyframes) >= 5


@pytest.mark.parametrize(
    "wanted", [[0], [59], [0, 1, 2, 3], [3, 30, 31, 55], list(range(0, 60, 7))]
)
def test_frames_are_the_ones_asked_for(tmp_path: Path, wanted: list[int]) -> None:
    info = probe(write_video(tmp_path / "a.mp4", 60))
    got = list(read_frames(info, wanted))
    assert [i for i, _ in got] == wanted
    assert [number(picture) for _, picture in got] == wanted


def test_pairs_follow_the_clock(tmp_path: Path) -> None:
    """The right camera started 0.4 s later (10 frames): the same moments pair up."""
    left = probe(write_video(tmp_path / "l.mp4", 60))
    right = probe(write_video(tmp_path / "r.mp4", 50))
    when = moments(left, right, right.times_s + 0.4, fps=5)
    assert len(when) == 10 and when.time_s[0] == pytest.approx(0.4)
    np.testing.assert_array_equal(when.frame_left - 10, when.frame_right)
    for pair in frame_pairs(left, right, when):
        assert pair.left is not None and pair.right is not None
        assert number(pair.left) - 10 == number(pair.right) == when.frame_right[pair.moment]


def test_a_gap_is_a_gap() -> None:
    times = np.array([0.0, 0.1, 0.2, 0.9, 1.0])
    got = nearest_frames(times, np.array([0.0, 0.14, 0.55, 0.95]), 0.06)
    assert got.tolist() == [0, 1, -1, 3]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.9])
def test_a_video_without_its_index_is_refused(tmp_path: Path, share: float) -> None:
    whole = write_video(tmp_path / "a.mp4", 60).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(VideoError, match=r"cut\.mp4"):
        probe(tmp_path / "cut.mp4")


def test_not_a_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(VideoError, match="no video, whatever its name says; found text"):
        probe(tmp_path / "a.mp4")
    with pytest.raises(VideoError, match="missing"):
        probe(tmp_path / "b.mp4")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("camera,frame\nleft,0\n", "lacks columns"),
        ("camera,frame,time_s\nleft,0,0\nleft,1,x\n", "is not a number"),
        ("camera,frame,time_s\nleft,0,1\nleft,1,0.5\n", "do not ascend"),
    ],
)
def test_bad_timestamps(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "timestamps.csv"
    path.write_text(text)
    with pytest.raises(VideoError, match=says):
        read_timestamps(path)
