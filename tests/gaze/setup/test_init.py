"""gaze/setup/init.py loads and never overwrites; docs/session.md documents every key, exactly."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from calibration.errors import UserError
from gaze.setup.init import DEFAULTS, FOLDERS, init_lesson, session_toml
from sessions import config, surfaces
from sessions.config import SessionConfig, load_config
from sessions.errors import ConfigError, SessionError
from sessions.events.marks import read_marks
from sessions.folder import Session
from sessions.targets import read_targets
from sessions.video import read_timestamps

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "session.md").read_text(encoding="utf-8")


def test_an_empty_lesson_loads_and_has_its_folders(tmp_path: Path) -> None:
    answers = {"title": "7b, fractions", "width_m": 3.6, "height_m": 1.1,
               "left_m": 2.1, "down_m": 1.45, "out_m": 0.8}  # fmt: skip
    before = dt.date.today()  # midnight may pass
    folder = init_lesson(tmp_path / "a/lesson", answers)
    assert folder == tmp_path / "a/lesson"
    loaded = Session.open(folder).config
    assert loaded.title == "7b, fractions" and before <= loaded.date <= dt.date.today()
    assert (loaded.blackboard.width_m, loaded.blackboard.height_m) == (3.6, 1.1)
    (auxiliary,) = loaded.auxiliary
    assert (auxiliary.left_m, auxiliary.down_m, auxiliary.out_m) == (2.1, 1.45, 0.8)
    assert auxiliary.placement == "flat" and loaded.cameras.right.offset_s is None
    assert loaded.board.inner_corners == (9, 6) and loaded.retention_days is None
    made = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))
    assert made == sorted(["calibration", *FOLDERS, "session.toml"])


def test_every_answer_arrives(tmp_path: Path) -> None:
    answers = {
        "title": "x", "date": dt.date(2026, 3, 2), "width_m": 5, "height_m": 2.0,
        "kind": "charuco", "inner_corners": (8, 5), "square_m": 0.04, "placement": "tilted",
        "angle_deg": 75, "left_m": -0.5, "down_m": 1.0, "out_m": 0.5, "left_video": "l.mov",
        "right_video": "r.mov", "offset_s": -1.5, "retention_days": 90, "apart_m": 4.25,
    }  # fmt: skip
    assert set(answers) == set(DEFAULTS)
    got = load_config(init_lesson(tmp_path / "l", answers))
    (auxiliary,) = got.auxiliary
    assert {
        "title": got.title, "date": got.date, "width_m": got.blackboard.width_m,
        "height_m": got.blackboard.height_m, "kind": got.board.kind,
        "inner_corners": got.board.inner_corners, "square_m": got.board.square_m,
        "placement": auxiliary.placement, "angle_deg": auxiliary.angle_deg,
        "left_m": auxiliary.left_m, "down_m": auxiliary.down_m, "out_m": auxiliary.out_m,
        "left_video": got.cameras.left.video, "right_video": got.cameras.right.video,
        "offset_s": got.cameras.right.offset_s, "retention_days": got.retention_days,
        "apart_m": got.cameras.apart_m,
    } == answers  # fmt: skip


def test_every_optional_line_can_be_switched_on() -> None:
    text = session_toml({"placement": "tilted"})
    on = re.sub(r"^#(?=\S)", "", text, flags=re.M)
    assert on.count("\n") == text.count("\n") and on != text
    loaded = SessionConfig.model_validate(tomllib.loads(on))
    assert loaded.blackboard.areas[0].x_m == (2.0, 4.0) and loaded.blackboard.picture
    assert loaded.students[0].id == "A1" and loaded.cameras.right.offset_s == 0.0
    assert loaded.retention_days == 365 and loaded.auxiliary[0].angle_deg == 60.0
    assert max(map(len, text.splitlines())) <= 100


@given(title=st.text(max_size=40))
def test_any_title_survives(title: str) -> None:
    text = session_toml({"title": title})
    assert tomllib.loads(text)["title"] == title


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    init_lesson(tmp_path, {"title": "first"})
    with pytest.raises(SessionError, match=r"session\.toml: there is a lesson already"):
        init_lesson(tmp_path, {"title": "second"})
    assert load_config(tmp_path).title == "first"


def test_files_that_are_there_already_stay(tmp_path: Path) -> None:
    (tmp_path / "left.mp4").write_bytes(b"x")
    (tmp_path / "calibration/left").mkdir(parents=True)
    (tmp_path / "calibration/left/1.jpg").write_bytes(b"y")
    init_lesson(tmp_path)
    assert (tmp_path / "left.mp4").read_bytes() == b"x"
    assert (tmp_path / "calibration/left/1.jpg").read_bytes() == b"y"


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (
            {"width_m": 400.0},
            r"gaze init: `blackboard.width_m` is impossible.*found 400\.0.*metres",
        ),
        ({"down_m": -1.4}, r"`auxiliary.down_m` is impossible.*positive numbers"),
        ({"width_m": float("nan")}, r"`blackboard.width_m` is impossible: expected a finite"),
        ({"width_m": "wide"}, r"`blackboard.width_m` is impossible: expected a number"),
        ({"inner_corners": (8, 6)}, "one odd and one even"),
        ({"placement": "tilted"}, "angle_deg goes with placement"),
        ({"colour": "green"}, "unknown answer `colour`; expected title, date"),
    ],
)
def test_impossible_answers_write_nothing(tmp_path: Path, answers, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        init_lesson(tmp_path / "lesson", answers)
    assert not (tmp_path / "lesson").exists()


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "lesson").write_text("")
    with pytest.raises(UserError, match="no session folder can be made here"):
        init_lesson(tmp_path / "lesson")


# -- docs/session.md ------------------------------------------------------------------------------

SECTIONS: dict[type[BaseModel], str] = {
    config.SessionConfig: "Top level",
    surfaces.Blackboard: "[blackboard]",
    surfaces.Area: "[[blackboard.areas]]",
    config.BoardConfig: "[board]",
    config.Auxiliary: "[auxiliary]",
    config.RoomPictureConfig: "[auxiliary.room_picture]",
    config.Cameras: "[cameras]",
    config.CameraConfig: "[cameras.left] and [cameras.right]",
    config.Student: "[[students]]",
    config.Teacher: "[teacher]",
}


def section(heading: str) -> str:
    """The text below a heading, up to the next one."""
    start = PAGE.index(f"\n### {heading}\n")
    return re.split(r"\n##+ ", PAGE[start + 5 :], maxsplit=1)[0]


def test_every_model_of_the_configuration_has_a_section() -> None:
    models = {
        m for module in (config, surfaces) for m in vars(module).values()
        if isinstance(m, type) and issubclass(m, BaseModel) and m.__module__ == module.__name__
        and m.model_fields
    }  # fmt: skip
    on_targets_page = {surfaces.Surface, surfaces.Targets}
    assert models - {surfaces.WithAreas} == set(SECTIONS) | on_targets_page
    page = (DOCS / "targets.md").read_text(encoding="utf-8")
    for model in on_targets_page:
        for key in model.model_fields:
            assert re.search(rf"^\|.*`{key}`.* \| .* \|$", page, flags=re.M), key


@pytest.mark.parametrize("model", SECTIONS, ids=lambda m: m.__name__)
def test_every_key_is_documented_and_none_that_is_not(model: type[BaseModel]) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section(SECTIONS[model]), flags=re.M))
    assert set(rows) == set(model.model_fields)
    for name, field in model.model_fields.items():
        assert ("**required**" in rows[name]) == field.is_required(), name


def test_the_pages_examples_load(tmp_path: Path) -> None:
    example, room_picture = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.S)
    (tmp_path / "session.toml").write_text(example)
    assert load_config(tmp_path).students[0].seat_m == (0.8, 3.2)
    tape = re.search(r"\[auxiliary\].*?\n\n", example, flags=re.S)
    assert tape is not None
    (tmp_path / "session.toml").write_text(example.replace(tape[0], room_picture + "\n"))
    (auxiliary,) = load_config(tmp_path).auxiliary
    assert auxiliary.left_m is None and auxiliary.room_picture[0].file.endswith("room1.jpg")

    def block(first_line: str) -> Path:
        text = re.search(rf"```\n({first_line}\n.*?)```", PAGE, flags=re.S)
        assert text is not None
        path = tmp_path / "table.csv"
        path.write_text(text[1])
        return path

    targets = read_targets(block("start_s,end_s,student,target,x_m,y_m"))
    assert targets["student"].tolist() == ["", "A1"]
    marks = read_marks(block("time_s,label,end_s"))
    assert [(m.time_s, m.end_s) for m in marks] == [(95, None), (300, 570)]
    times = read_timestamps(block("camera,frame,time_s"))
    assert {k: len(v) for k, v in times.items()} == {"left": 2, "right": 1}
    assert pd.Series(times["left"]).is_monotonic_increasing
