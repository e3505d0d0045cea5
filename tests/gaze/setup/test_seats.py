"""`gaze calibrate --seats RUN`: a class checks the room, or is refused in one sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.errors import CalibrationError
from calibration.inputs import Seen
from calibration.room.evidence import Seated
from calibration.transform import Transform
from gaze.setup import calibrate
from gaze.setup.calibrate import calibrate_lesson, room_sentences
from sessions.errors import RunError
from sessions.run import sha256
from tests.calibration import rigs
from tests.gaze.lessons import gaze_table, write_lesson

ROOM = rigs.random_room(np.random.default_rng(4))
RIG = ROOM.rig
TOML = '\n[board]\nkind = "chessboard"\ninner_corners = [9, 6]\nsquare_m = 0.025\n'


def lesson_with(folder: Path, *, cameras: int = 2, left_m: float = 0.0, top: str = "") -> Path:
    """A class of 24, seen by a rig whose room is ``left_m`` off."""
    noses, seats = rigs.a_class(ROOM, np.random.default_rng(1))
    noses = noses + [left_m, 0, 0]
    names = [f"S-{k:02d}" for k in range(24)]
    status = np.full(24, "ok" if cameras == 2 else "one_camera")
    table = gaze_table(np.zeros(24), np.array(names), status, np.ones((24, 2)), 0.1, noses)
    width, height = ROOM.blackboard_m
    students = tuple((n, tuple(s.round(2).tolist())) for n, s in zip(names, seats, strict=True))
    run = write_lesson(folder, table, students=students, width=width, height=height, top=top,
                       name="r")  # fmt: skip
    with (folder / "session.toml").open("a") as file:
        file.write(TOML)
    (folder / "calibration").mkdir()
    T_WA = RIG.T_WA
    assert T_WA is not None
    wrong = replace(RIG, T_WA=Transform(T_WA.R, T_WA.t + [left_m, 0, 0], "W", "A"))
    wrong.save(folder / "rig.json")
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(
        text.replace('"inputs": {}', f'"inputs": {{"rig_sha256": "{sha256(folder / "rig.json")}"}}')
    )
    return folder


def solved(monkeypatch: pytest.MonkeyPatch, rig: Any = RIG) -> list[Seated | None]:
    """Pictures are not solved; what the room would be solved with is kept."""
    given: list[Seated | None] = []

    def solve(*args: object, seated: Seated | None, **more: object) -> object:
        given.append(seated)
        seen = Seen(rigs.BOARD, {}, (), seated=seated)
        return replace(rig, inputs=rig.inputs.but(seen=seen))

    monkeypatch.setattr(calibrate, "calibrate_folder", solve)
    return given


@pytest.mark.parametrize("left_m", [0.0, 0.7])
def test_a_class_is_where_its_cameras_see_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_m: float
) -> None:
    """Not where the wrong room of its run had it: K is given in the camera's frame."""
    lesson, given = lesson_with(tmp_path / "l", left_m=left_m), solved(monkeypatch)
    rig, *_ = calibrate_lesson(lesson, page=False, seats="r")
    (seated,) = given
    assert seated is not None and seated.students == 24
    off = RIG.T_WC("left").apply(np.array(seated.p_L)) - seated.at_m
    sigma = np.sqrt(np.diag(seated.covariance))
    assert (np.abs(off) < 2.5 * sigma[3:6]).all() and abs(seated.size - 1) < 0.06
    assert rig.inputs.seen is not None
    assert Seen.from_dict(rig.inputs.seen.to_dict()).seated == seated, "rig.json carries it"
    assert "24 students sit" in room_sentences(rig)[-1]


@pytest.mark.parametrize("cameras, found", [(1, "0 noses"), (2, "another")])
def test_a_class_that_says_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cameras: int, found: str
) -> None:
    """Noses that one camera alone saw lie near their seats because they were put there."""
    lesson = lesson_with(tmp_path / "l", cameras=cameras)
    given = solved(monkeypatch)
    if found == "another":
        (lesson / "rig.json").write_text("{}")
        found = "not of the rig.json"
    with pytest.raises(CalibrationError, match=found):
        calibrate_lesson(lesson, page=False, seats="r")
    assert not given
    with pytest.raises(RunError):
        calibrate_lesson(lesson, page=False, seats="none")


def test_cameras_that_were_moved_since_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = lesson_with(tmp_path / "l")
    before = (lesson / "rig.json").read_bytes()
    T = RIG.T_RL
    solved(monkeypatch, replace(RIG, T_RL=Transform(T.R, T.t + [0.1, 0, 0], "R", "L")))
    with pytest.raises(CalibrationError, match="--seats was filmed before the cameras were moved"):
        calibrate_lesson(lesson, page=False, seats="r")
    assert (lesson / "rig.json").read_bytes() == before


def test_who_changed_seats_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson, given = lesson_with(tmp_path / "l"), solved(monkeypatch)
    (lesson / "events.csv").write_text("time_s,label,end_s,kind\n5,S-03: 1.0 9.0,,seat\n")
    calibrate_lesson(lesson, page=False, seats="r")
    assert given[0] is not None and given[0].students < 24
