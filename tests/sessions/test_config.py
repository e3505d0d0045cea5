"""session.toml: one test for each way it can be bad."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from sessions.config import load_config
from sessions.errors import ConfigError, SessionError
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


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("width_m = 4.0", "width_m = 4.0\nwidht_m = 3", "unknown key `blackboard.widht_m`"),
        ("width_m = 4.0", "", "key `blackboard.width_m` is missing"),
        ("width_m = 4.0", "width_m = 400", "centimetres"),
        ("width_m = 4.0", 'width_m = "4"', "`blackboard.width_m` is impossible: expected a number"),
        ("width_m = 4.0", "width_m = true", "expected a number"),
        ("width_m = 4.0", "width_m = nan", "expected a finite number"),
        ("left_m = 2.10", "left_m = 210", "centimetres"),
        ("out_m = 0.80", "out_m = -0.80", "`auxiliary.out_m`"),
        ("down_m = 1.45", "down_m = -1.45", "positive numbers"),
        ("square_m = 0.025", "square_m = 25", "centimetres or millimetres"),
        ("inner_corners = [9, 6]", "inner_corners = [8, 6]", "same after half a turn"),
        ("inner_corners = [9, 6]", "inner_corners = [9, 7]", "one odd and one even"),
        ("inner_corners = [9, 6]", "inner_corners = [9, 1]", "between 3 and 40"),
        ('placement = "flat"', 'placement = "lying"', "`auxiliary.placement`"),
        ('placement = "flat"', 'placement = "tilted"', "angle_deg"),
        ("x_m = [2.0, 4.0]", "x_m = [4.0, 2.0]", "from < to"),
        ('video = "right.mp4"', "", "`cameras.right.video` is missing"),
        ("[cameras.left]", "[cameras.links]", "`cameras.left` is missing"),
        ('id = "A1"', 'id = "A/1"', "`students[0].id`"),
        ('id = "A1"', 'id = "A1"\n[[students]]\nid = "A1"', "same id"),
        ("left_m = 2.10", "", "left_m missing"),
        ("left_m = 2.10\ndown_m = 1.45\nout_m = 0.80", "", "or a room_picture"),
        (
            "out_m = 0.80",
            'out_m = 0.8\n[auxiliary.room_picture]\nfile = "a.jpg"\n'
            "blackboard_corners = [[1, 2], [3, 4], [5, 6]]",
            "`auxiliary.room_picture.blackboard_corners` is impossible: expected four points",
        ),
        (
            "out_m = 0.80",
            'out_m = 0.8\n[auxiliary.room_picture]\nfile = "a.jpg"',
            "`auxiliary.room_picture.blackboard_corners` is missing",
        ),
        ("title =", "title = =", "not valid TOML"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=r"session\.toml") as caught:
        load_config(lesson(tmp_path, GOOD.replace(old, new, 1)))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


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


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    session = Session.open(lesson(tmp_path))
    with pytest.raises(SessionError, match=r"left camera's video is missing"):
        session.videos("left")
