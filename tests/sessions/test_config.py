"""session.toml: one test for each way it can be bad."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from sessions.config import load_config
from sessions.errors import SessionError
from sessions.folder import Session

GOOD = """
title = "7b, fractions"
date = 2026-03-02
[blackboard]
width_m = 4.0
height_m = 1.2
[[blackboard.areas]]
name = "left panel"
x_m = [2.0, 4.0]
y_m = [0.0, 1.2]
[board]
inner_corners = [9, 6]
square_m = 0.025
[auxiliary]
placement = "flat"
left_m = 2.10
down_m = 1.45
out_m = 0.80
[cameras.left]
video = "left.mp4"
[cameras.right]
video = "right.mp4"
offset_s = 0.0
[[students]]
id = "A1"
seat_m = [0.8, 3.2]
"""


def lesson(folder: Path, text: str = GOOD) -> Path:
    (folder / "session.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_documented_example_loads(tmp_path: Path) -> None:
    config = load_config(lesson(tmp_path))
    assert config.blackboard.areas[0].x_m == (2.0, 4.0)
    assert config.auxiliary[0].left_m == 2.10
    assert config.students[0].seat_m == (0.8, 3.2)


def test_several_auxiliary_placements(tmp_path: Path) -> None:
    text = GOOD.replace("[auxiliary]", "[[auxiliary]]")
    assert len(load_config(lesson(tmp_path, text)).auxiliary) == 1


def test_a_picture_of_the_room_stands_in_for_the_tape(tmp_path: Path) -> None:
    picture = """[auxiliary.room_picture]
file = "calibration/auxiliary/room.jpg"
blackboard_corners = [[812, 640], [3205, 655], [3190, 1370], [820, 1362]]
"""
    tape = "left_m = 2.10\ndown_m = 1.45\nout_m = 0.80\n"
    (one,) = load_config(lesson(tmp_path, GOOD.replace(tape, picture))).auxiliary
    assert one.left_m is None and one.room_picture[0].taken_with == "phone"
    two = picture.replace("[auxiliary", "[[auxiliary").replace("picture]", "picture]]")
    (both,) = load_config(lesson(tmp_path, GOOD.replace(tape, tape + two + two))).auxiliary
    assert both.left_m == 2.10 and len(both.room_picture) == 2


def test_no_folder_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no such session folder"):
        load_config(tmp_path / "nowhere")
    with pytest.raises(SessionError, match=r"has no session\.toml"):
        load_config(tmp_path)


def test_an_expired_lesson_refuses_to_open(tmp_path: Path) -> None:
    lesson(tmp_path, "retention_days = 30\n" + GOOD)
    assert Session.open(tmp_path, today=dt.date(2026, 4, 1)).config.retention_days == 30
    with pytest.raises(SessionError, match="retention time is over"):
        Session.open(tmp_path, today=dt.date(2026, 4, 2))


@pytest.mark.parametrize("name", [
    "rig.json", "targets.csv", "events.csv", "surface_track.csv", "timestamps.csv", "gain.json",
])  # fmt: skip
def test_what_is_no_file_is_not_read_as_if_absent(tmp_path: Path, name: str) -> None:
    """A folder, a link to a disk that is not there, one to itself."""
    folder = tmp_path / "lesson"
    folder.mkdir()
    path = lesson(folder) / name
    for put, found in (
        (path.mkdir, "a folder"),
        (lambda: path.symlink_to(tmp_path / "away"), r"a link to .*away, which is not there"),
        (lambda: path.symlink_to(name), f"a link to {name}, which is not there"),
    ):
        put()
        with pytest.raises(SessionError, match=f"{name}: there is no file behind.*{found}"):
            Session.open(folder)
        path.rmdir() if path.is_dir() else path.unlink()
    path.symlink_to(folder / "session.toml")  # one that leads to a file is as good as the file
    assert Session.open(folder).folder == folder


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    session = Session.open(lesson(tmp_path))
    with pytest.raises(SessionError, match=r"left camera's video is missing"):
        session.videos("left")
    (tmp_path / "Left.MP4").touch()
    with pytest.raises(SessionError, match=r"found Left.MP4, which has other capitals"):
        session.videos("left")
