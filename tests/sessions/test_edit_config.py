"""session.toml edited: comments stay, and nothing impossible is written."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from gaze.setup.init import init_lesson
from sessions.config import CONFIG_NAME, load_config
from sessions.config_edit import edit_config
from sessions.errors import ConfigError, SessionError


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    return init_lesson(tmp_path / "lesson")


def comments(lesson: Path) -> list[str]:
    lines = (lesson / CONFIG_NAME).read_text(encoding="utf-8").splitlines()
    return [line.partition("#")[2] for line in lines if "#" in line]


def test_values_change_and_comments_stay(lesson: Path) -> None:
    before = comments(lesson)
    config = edit_config(
        lesson,
        {"title": "7b", "blackboard.width_m": 3.5, "cameras.right.offset_s": 0.04},
    )
    assert (config.title, config.blackboard.width_m) == ("7b", 3.5)
    assert load_config(lesson) == config and config.cameras.right.offset_s == 0.04
    assert comments(lesson) == before


def test_only_what_was_asked_changes(lesson: Path) -> None:
    before = (lesson / CONFIG_NAME).read_text(encoding="utf-8").splitlines()
    edit_config(lesson, {"auxiliary.left_m": 1.75})
    after = (lesson / CONFIG_NAME).read_text(encoding="utf-8").splitlines()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert len(changed) == 1 and changed[0][1].startswith("left_m = 1.75")


def test_a_key_is_removed_and_a_missing_one_is_no_error(lesson: Path) -> None:
    edit_config(lesson, {"cameras.apart_m": 4.5})
    assert edit_config(lesson, {"cameras.apart_m": None}).cameras.apart_m is None
    assert edit_config(lesson, {"cameras.apart_m": None, "blackboard.picture": None})


def test_students_are_replaced_as_tables(lesson: Path) -> None:
    rows = [{"id": "A1", "seat_m": [0.8, 3.2]}, {"id": "A2", "seat_m": None, "opt_out": True}]
    config = edit_config(lesson, {"students": rows})
    assert [s.id for s in config.students] == ["A1", "A2"] and config.students[1].opt_out
    assert "[[students]]" in (lesson / CONFIG_NAME).read_text(encoding="utf-8")
    assert len(edit_config(lesson, {"students": rows[:1]}).students) == 1
    assert edit_config(lesson, {"students": None}).students == ()


def test_one_of_several_placements(lesson: Path) -> None:
    two = [{"placement": "flat", "left_m": 1.0, "down_m": 1.0, "out_m": 1.0}] * 2
    edit_config(lesson, {"auxiliary": two})
    config = edit_config(lesson, {"auxiliary[1].left_m": 1.9})
    assert [a.left_m for a in config.auxiliary] == [1.0, 1.9]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"blackboard.width_m": 400}, "blackboard.width_m"),
        ({"blackbord.width_m": 4}, "blackbord"),
        ({"blackboard": None}, "blackboard"),
        ({"students": [{"id": "A1"}, {"id": "A1"}]}, "same id"),
        ({"board.inner_corners": [9, 7]}, "board.inner_corners"),
        ({"auxiliary.left_m": None}, "left_m"),
        ({"title.x": 1}, "no place for the key `title.x`"),
        ({"students[3].id": "A"}, "no place for the key"),
    ],
)
def test_the_impossible_is_refused_and_nothing_is_written(
    lesson: Path, changes: dict[str, object], named: str
) -> None:
    before = (lesson / CONFIG_NAME).read_bytes()
    with pytest.raises(ConfigError, match=named):
        edit_config(lesson, changes)
    assert (lesson / CONFIG_NAME).read_bytes() == before
    assert not list(lesson.glob(".*part*"))


def test_no_lesson_and_no_toml(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no such session folder"):
        edit_config(tmp_path / "nowhere", {})
    with pytest.raises(SessionError, match="the folder has no"):
        edit_config(tmp_path, {})
    (tmp_path / CONFIG_NAME).write_text("title = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        edit_config(tmp_path, {"title": "x"})


def test_strings_survive(lesson: Path) -> None:
    title = 'a "quoted" \\ title with 黑板'
    assert edit_config(lesson, {"title": title}).title == title
    text = (lesson / CONFIG_NAME).read_text(encoding="utf-8")
    assert tomllib.loads(text)["title"] == title


def test_a_second_placement_keeps_the_first_as_it_was(lesson: Path) -> None:
    """[auxiliary] becomes the first of [[auxiliary]], comments and tables in it too."""
    edit_config(lesson, {"auxiliary.board": {"square_m": 0.08, "inner_corners": [9, 6]}})
    before, said = load_config(lesson).auxiliary[0], comments(lesson)
    second = {"left_m": 2.5, "down_m": 1.2, "out_m": 1.5}
    config = edit_config(lesson, {f"auxiliary[1].{k}": v for k, v in second.items()})
    assert config.auxiliary[0] == before and comments(lesson) == said
    assert config.auxiliary[1].left_m == 2.5
    third = {f"auxiliary[2].{k}": 1.0 for k in second}
    config = edit_config(lesson, {**third, "auxiliary[0].left_m": 1.1})
    assert [a.left_m for a in config.auxiliary] == [1.1, 2.5, 1.0]
    assert [a.left_m for a in edit_config(lesson, {"auxiliary[1]": None}).auxiliary] == [1.1, 1.0]
    with pytest.raises(ConfigError, match="no place"):
        edit_config(lesson, {"auxiliary[7].left_m": 1.0})


def test_the_only_placement_is_the_first_of_a_list(lesson: Path) -> None:
    assert edit_config(lesson, {"auxiliary[0].left_m": 1.75}).auxiliary[0].left_m == 1.75
    assert "[[auxiliary]]" not in (lesson / CONFIG_NAME).read_text(encoding="utf-8")
    assert edit_config(lesson, {"auxiliary[0]": None}).auxiliary == ()
    with pytest.raises(ConfigError):
        edit_config(lesson, {"auxiliary[5].left_m": 1.75})
