"""gain.json after a forgetting: the fit of a class in which the student never was."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from gaze.gain.fit import fit_gain_of_lesson
from gaze.privacy.forget import forget
from sessions.folder import Session
from sessions.tables import GAZE, conform
from tests.gaze.gain.test_fit import lesson
from tests.gaze.lessons import write_lesson

WHO = "S-03"
CLASS = {"students": 12, "grid": (3, 2), "seconds": 2.0, "fps": 3.0, "share": (0.5, 0.5)}


def write(folder: Path, gaze: pd.DataFrame, targets: pd.DataFrame) -> Path:
    """A lesson with a gain of its own; returns its gain.json."""
    frame = gaze.copy()
    for column in GAZE:
        if column.name not in frame:
            frame[column.name] = "" if column.dtype in ("category", "str") else 0
    names = sorted(set(frame["student"]))
    seats = tuple((n, (0.5 * k, 3.0)) for k, n in enumerate(names))
    frame = conform(frame[[c.name for c in GAZE]], "gaze")
    write_lesson(folder, frame, students=seats, name="one", title="lesson")
    targets.to_csv(folder / "targets.csv", index=False)
    fit_gain_of_lesson(Session.open(folder))
    return folder / "gain.json"


def test_the_refit_is_that_of_a_class_without_the_student(tmp_path: Path) -> None:
    one = lesson(1, **CLASS)  # type: ignore[arg-type]
    with_it = write(tmp_path / "with", one.gaze, one.targets)
    without = write(tmp_path / "without", one.gaze[one.gaze["student"] != WHO], one.targets)
    before, want = json.loads(with_it.read_text()), json.loads(without.read_text())
    assert before["evidence"] != want["evidence"]  # or it would say nothing
    said = forget(with_it.parent, WHO)
    assert any(line.startswith("gain.json: fitted again") for line in said.changed)
    have = json.loads(with_it.read_text())
    for gain in (have, want):
        assert gain["source"].pop("fitted")
    assert have == want
    assert have["evidence"]["holdout"] == before["evidence"]["holdout"]


def test_a_class_that_bears_no_gain_without_the_student_has_none(tmp_path: Path) -> None:
    one = lesson(1, **CLASS)  # type: ignore[arg-type]
    who = sorted(set(one.gaze["student"]))
    mine = one.targets.assign(student=who[0])
    path = write(tmp_path / "with", one.gaze, one.targets)
    mine.to_csv(path.parent / "targets.csv", index=False)  # all the looks are one student's
    said = forget(path.parent, who[0])
    assert not path.exists() and not said.whole
    assert any(line.startswith("gain.json") for line in said.lost)
