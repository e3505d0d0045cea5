"""`gaze calibrate --marked-points RUN`: a validated class counts, or is refused in one sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.errors import CalibrationError
from calibration.inputs import Seen
from calibration.room.evidence import Looked
from gaze.setup import calibrate
from gaze.setup.calibrate import calibrate_lesson, room_sentences
from sessions.errors import RunError
from sessions.run import Run
from sessions.validation import Errors, MiddleSeen, RoomShift, Spread, Validation
from tests.calibration import rigs

ROOM = rigs.random_room(np.random.default_rng(4))
RIG = ROOM.rig
MIDDLE = (1.9, 0.6)


def shift(right_L_m: Any = tuple(RIG.T_LR.t.tolist()), **changes: Any) -> RoomShift:
    """A class that sees the blackboard's middle 12 cm too far left."""
    p_L = RIG.T_WC("left").inverse().apply(np.array([MIDDLE[0] + 0.12, MIDDLE[1], 0]))
    found = RoomShift(
        shift_cm=(12, 0), sigma_cm=(3, 4), students=24,
        middle=MiddleSeen(at_m=MIDDLE, there_L_m=p_L.tolist(), right_L_m=right_L_m),
    )  # fmt: skip
    return found.model_copy(update=changes)


def lesson_with(folder: Path, room: RoomShift | None) -> Path:
    (folder / "calibration").mkdir(parents=True)
    (folder / "session.toml").write_text(
        '[blackboard]\nwidth_m = 3.8\nheight_m = 1.2\n[board]\nkind = "chessboard"\n'
        'inner_corners = [9, 6]\nsquare_m = 0.025\n[cameras.left]\nvideo = "left.mp4"\n'
        '[cameras.right]\nvideo = "right.mp4"\n'
    )
    run = Run.create(folder / "runs" / "r", {})
    run.update(state="done")
    errors = Errors(n=9, gaze_cm=Spread(mean=9, median=8, p90=20), gaze_bias_cm=(12, 0))
    Validation(overall=errors, room=room, run=run.folder).write(run.folder / "validation.json")
    return folder


def solved(monkeypatch: pytest.MonkeyPatch, rig: Any = RIG) -> list[Looked | None]:
    """Pictures are not solved; what the room would be solved with is kept."""
    given: list[Looked | None] = []

    def solve(*args: object, looked: Looked | None, **more: object) -> object:
        given.append(looked)
        seen = Seen(rigs.BOARD, {}, (), looked=looked)
        return replace(rig, inputs=rig.inputs.but(seen=seen))

    monkeypatch.setattr(calibrate, "calibrate_folder", solve)
    return given


def test_a_validated_class_counts_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson, given = lesson_with(tmp_path / "l", shift()), solved(monkeypatch)
    rig, *_ = calibrate_lesson(lesson, page=False, marked_points="r")
    assert given[0] is not None and given[0].at_m == MIDDLE and given[0].sigma_m == (0.03, 0.04)
    assert rig.inputs.seen is not None
    assert Seen.from_dict(rig.inputs.seen.to_dict()).looked == given[0], "rig.json carries it"
    assert "24 students point +12 ± 3 cm left and +0 ± 4 cm down" in room_sentences(rig)[-1]
    calibrate_lesson(lesson, page=False)
    assert given[1] is None, "only where it is asked for"


@pytest.mark.parametrize(
    "room, found",
    [(None, "under four"), (shift(middle=None), "a gain"),
     (shift(right_L_m=tuple((RIG.T_LR.t + [0.1, 0, 0]).tolist())), "right lens 10 cm")],
)  # fmt: skip
def test_a_class_that_says_nothing_of_these_cameras_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: RoomShift | None, found: str
) -> None:
    lesson = lesson_with(tmp_path / "l", room)
    solved(monkeypatch)
    with pytest.raises(CalibrationError, match=found):
        calibrate_lesson(lesson, page=False, marked_points="r")
    assert not (lesson / "rig.json").exists()
    with pytest.raises(RunError, match="no such validation"):
        calibrate_lesson(lesson, page=False, marked_points="another")
