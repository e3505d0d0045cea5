"""A run's tables, quality.json and run.json without a student: those of a run without it."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gaze.privacy.run_tables import quality_file, run_info, run_tables
from gaze.privacy.work import Work
from sessions.quality import Agreement, Caveat, HeadFusion, Quality
from sessions.run import GainStamp, Run, write_json
from sessions.tables import read_table, write_table
from sessions.validation import SigmaFactor
from tests.gaze.privacy.copies import work_on
from tests.gaze.privacy.test_as_if_never_there import NAME, NAMES, WHO, lesson_of

OTHERS = tuple(n for n in NAMES if n != WHO)
TABLES = ("gaze", "faces", "students")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A lesson with the student, and one in which it never was."""
    folder = tmp_path_factory.mktemp("both")
    for name, names in (("with", NAMES), ("without", OTHERS)):
        lesson_of(folder / name, names)
    shutil.copy(folder / "without" / "session.toml", folder / "with" / "session.toml")
    return folder / "with", folder / "without"


@pytest.fixture
def run(both: tuple[Path, Path], tmp_path: Path) -> Run:
    shutil.copytree(both[0], tmp_path / "copy")
    return Run(tmp_path / "copy" / "runs" / NAME)


def work_of(run: Run) -> Work:
    return work_on(run.lesson_folder, WHO)


def edit(run: Run, **parts: Any) -> None:
    Quality.read(run.quality_path).model_copy(update=parts).write(run.quality_path)


def both_done(run: Run) -> Work:
    work = work_of(run)
    run_tables(work, run)
    assert quality_file(work, run.quality_path) == "counted again"
    return work


def test_a_run_is_that_of_a_class_without_the_student(both: tuple[Path, Path], run: Run) -> None:
    want = Run(both[1] / "runs" / NAME)
    unseen = Caveat(code="seats_unseen", message="a seat")
    stale = Caveat(code="stale", message="of the class as it was")
    edit(run, warnings=(stale, unseen))
    work = both_done(run)
    for path in (want.gaze_path, want.faces_path, want.students_path):
        assert (run.folder / path.name).read_bytes() == path.read_bytes(), path.name
    have, asked = Quality.read(run.quality_path), Quality.read(want.quality_path)
    assert have.warnings[0] == unseen and stale not in have.warnings
    assert {w.code for w in have.warnings[1:]} >= {w.code for w in asked.warnings}
    assert have.model_copy(update={"warnings": ()}) == asked.model_copy(update={"warnings": ()})
    assert have.drift is not None and have.identity.unmatched_faces > 0
    assert [c.split(".")[0] for c in work.said.changed] == [
        f"runs/{NAME}/{t}" for t in ("gaze", "faces", "students")
    ]
    assert work.said.changed[2].endswith(f"{len(OTHERS)} rows are left") and not work.said.lost
    assert work.done == {run.gaze_path, run.faces_path, run.students_path}
    again = work_of(run)
    run_tables(again, run)  # nothing of it is left, so nothing changes
    assert not again.said.changed and len(again.done) == 3


def test_without_faces_what_they_told_is_left_out_and_said(run: Run) -> None:
    run.faces_path.unlink()
    before = read_table(run.gaze_path, "gaze").query("student != @WHO")
    work = both_done(run)
    after = read_table(run.gaze_path, "gaze")
    for side in ("row_left", "row_right"):
        assert ((after[side] < 0) == (before[side] < 0).to_numpy()).all()
    rows = after[["row_left", "row_right"]].to_numpy()
    old = before[["row_left", "row_right"]].to_numpy()
    assert np.unique(rows[rows >= 0]).tolist() == list(range(len(np.unique(old[old >= 0]))))
    assert (np.argsort(rows[rows >= 0]) == np.argsort(old[old >= 0])).all()
    quality = Quality.read(run.quality_path)
    assert quality.drift is None and quality.identity.faces == 0
    assert quality.identity.students == len(OTHERS) and quality.identity.one_camera_only == 0
    told = " ".join(work.said.lost)
    assert "how many faces there were" in told and "whether a camera was knocked" in told


def test_without_a_table_of_gaze_there_is_no_number_to_give(run: Run) -> None:
    run.gaze_path.unlink()
    run.faces_path.unlink()
    work = work_of(run)
    run_tables(work, run)
    left = read_table(run.students_path, "students")["student"].tolist()
    assert left == list(OTHERS) and not work.said.lost
    run.students_path.unlink()
    run_tables(work, run)
    assert not run.gaze_path.exists() and not run.students_path.exists()


def test_only_some_who_opted_for_one_camera_are_counted(run: Run) -> None:
    cost = {**dict.fromkeys(OTHERS, 1.0), OTHERS[0]: None, WHO: None}
    identity = Quality.read(run.quality_path).identity
    edit(run, identity=identity.model_copy(update={"pair_cost": cost, "passers": 3}))
    faces = read_table(run.faces_path, "faces")
    faces.loc[faces["camera"] == "right", "track"] = 0  # one track of the right camera
    write_table(faces, run.faces_path, "faces")
    both_done(run)
    identity = Quality.read(run.quality_path).identity
    assert identity.one_camera_only == 1 and set(identity.pair_cost) == set(OTHERS)
    assert identity.passers == 3 and identity.tracks == {"left": len(OTHERS), "right": 1}


@pytest.mark.parametrize("applied", [True, False])
def test_constant_errors_are_those_that_the_others_prove(
    both: tuple[Path, Path], run: Run, applied: bool
) -> None:
    """Taken off, or only told: then no point is moved."""
    want = Quality.read(both[1] / "runs" / NAME / "quality.json").agreement
    old = Quality.read(run.quality_path).agreement
    assert want is not None and old is not None and want.fitted and want.students
    edit(run, agreement=old.model_copy(update={"applied": applied}))
    before = read_table(run.gaze_path, "gaze").query("student != @WHO")
    work = both_done(run)
    after = read_table(run.gaze_path, "gaze")
    found = Quality.read(run.quality_path).agreement
    assert found is not None and found.applied == applied and set(work.agreed) == {run.folder}
    assert {s.student for s in found.students} == set(OTHERS)
    moved = not np.array_equal(after["gaze_x_m"], before["gaze_x_m"], equal_nan=True)
    assert moved == applied


@pytest.mark.parametrize("old", [None, Agreement(why="too few")])
def test_where_nothing_was_fitted_rows_go_and_nothing_else(run: Run, old: Agreement | None) -> None:
    edit(run, agreement=old)
    before = read_table(run.gaze_path, "gaze").query("student != @WHO")
    work = both_done(run)
    after = read_table(run.gaze_path, "gaze")
    columns = [c for c in before if c not in ("row_left", "row_right", "student")]
    assert after[columns].equals(before[columns].reset_index(drop=True))
    assert not work.agreed and Quality.read(run.quality_path).agreement == old


def test_what_no_table_can_tell_again_is_left_out_and_said(run: Run) -> None:
    """Of other versions: sums without parts, keys unknown, constant errors without the table."""
    path, old = run.quality_path, Quality.read(run.quality_path)
    assert old.agreement is not None and old.agreement.students
    seats = tuple(s.model_copy(update={"heads_n": 0}) for s in old.seats)
    edit(run, seats=seats, head_fusion=HeadFusion(chi2_mean=2.0, n=9))
    write_json(path, {**json.loads(path.read_text()), "zeta": 1, "beta": 2})
    work = work_of(run)
    quality_file(work, path)  # the tables were not read
    new = Quality.read(path)
    assert new.agreement is None and not new.model_extra
    lost = [line.removeprefix(f"runs/{NAME}/quality.json: ") for line in work.said.lost]
    assert lost[0].startswith("how well the cameras' heads agree")
    assert lost[1].startswith("beta, zeta: not known to this version")
    assert lost[2].startswith("constant errors found with the student: left out") and len(lost) == 3


@pytest.mark.parametrize("how", ["another rig", "no rig", "no hash", "not watched"])
def test_whether_a_camera_was_knocked_rests_on_the_run_s_rig(run: Run, how: str) -> None:
    rig, work = run.lesson_folder / "rig.json", work_of(run)
    if how == "another rig":
        rig.write_text(rig.read_text() + "\n")
    elif how == "no rig":
        rig.unlink()
    elif how == "no hash":
        run.update(inputs={})
    else:
        edit(run, drift=None)
    run_tables(work, run)
    quality_file(work, run.quality_path)
    known = Quality.read(run.quality_path).drift is not None
    assert known == (how == "no hash")
    said = [line for line in work.said.lost if "whether a camera was knocked" in line]
    assert len(said) == (how in ("another rig", "no rig"))


def test_tables_that_cannot_be_read_lose_rows_one_by_one(run: Run) -> None:
    """Each by itself; those already written stay as they are."""
    students = pd.read_parquet(run.students_path).drop(columns="row")
    students.to_parquet(run.students_path)
    work = work_of(run)
    run_tables(work, run)
    assert pd.read_parquet(run.students_path)["student"].tolist() == list(OTHERS)
    assert [line.split(":")[0] for line in work.said.lost] == [f"runs/{NAME}"]
    assert "its tables are not read any more" in work.said.lost[0]
    ways = [line.split(": ", 1) for line in work.said.changed]
    assert [how.split(" ", 1)[1] for _, how in ways] == [*2 * ["rows are left"], "rows went"]


def test_a_full_disk_is_no_fault_of_the_tables(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("gaze.privacy.run_tables.write_table", full)
    with pytest.raises(OSError, match="no space"):
        run_tables(work_of(run), run)


def test_nothing_is_written_through_a_link(run: Run, tmp_path: Path) -> None:
    aim = tmp_path / "students.parquet"
    run.students_path.rename(aim)
    run.students_path.symlink_to(aim)
    before = {t: (run.folder / f"{t}.parquet").read_bytes() for t in TABLES}
    work = work_of(run)
    run_tables(work, run)
    assert {t: (run.folder / f"{t}.parquet").read_bytes() for t in TABLES} == before
    assert run.students_path.is_symlink() and not work.done


def test_run_json_says_what_its_points_rest_on(run: Run) -> None:
    info, work = json.loads(run.info_path.read_text()), work_of(run)
    sigma = SigmaFactor(factor=1.3, interval_95=(1.1, 1.5), students=8, looks=40)
    write_json(run.info_path, {**info, "faces_seen": 4711})
    assert run_info(work, run.info_path) == "counts of the work left out"
    assert json.loads(run.info_path.read_text()) == info and not work.said.lost
    run.update(gain=GainStamp(description="a gain"))
    run_info(work, run.info_path)
    assert run.info().gain == GainStamp(description="a gain")
    (line,) = work.said.lost
    assert "corrected by a gain that was fitted with the student" in line
    run.update(gain=None, settings={"sigma": sigma.model_dump()})
    run_info(work, run.info_path)
    assert "taken from marked points" in work.said.lost[1] and len(work.said.lost) == 2
