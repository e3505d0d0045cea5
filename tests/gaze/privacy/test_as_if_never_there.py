"""After a forgetting the lesson is, byte for byte, one in which the student never was."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from calibration.rig import Rig
from gaze.commands.app import app
from gaze.exports import FORMATS, export
from gaze.gain.agreed import agreement_of, corrected
from gaze.gain.angles import angles_of, towards
from gaze.lesson.quality import students_table, with_tables
from gaze.lesson.rig_watch import watch_noses
from gaze.measures.measures import board_shares
from gaze.privacy import forget as forgetting
from gaze.privacy.forget import forget
from gaze.privacy.owned import kind_of
from gaze.privacy.run_tables import FROM_PEOPLE, OF_THE_FILM
from gaze.privacy.said import PrivacyError
from gaze.report import write_report
from gaze.report.heatmap import write_heatmaps
from gaze.validation.validate import validate_lesson
from sessions.config import Blackboard
from sessions.folder import Session
from sessions.quality import IdentityCounts, Quality
from sessions.run import Run, sha256
from sessions.tables import FACES, conform, read_table, write_table
from tests.gaze.classroom import project, room_rig
from tests.gaze.gain.test_model import GAIN
from tests.gaze.lessons import gaze_table, write_lesson

WHO = "Q7-gone"  # one of two in the last row
NAMES = ("S-01", "S-02", "S-03", "S-04", "S-05", WHO, "S-06")
SEATS = {name: (0.5 + 0.5 * i, 3.0 if i < 5 else 5.0) for i, name in enumerate(NAMES)}
MOMENTS = 120
NAME = "monday"
BOARD = Blackboard(width_m=4.0, height_m=1.2)
STAMPED = {"audit.log", f"runs/{NAME}/run.json"}  # lines and times of their own


def lesson_of(folder: Path, names: tuple[str, ...]) -> Path:
    """A lesson with the tables of these students (each one's own numbers do not depend on who else
    is there), and with everything that is made from tables. Returns the run."""
    rig = room_rig()
    parts, faces = [], []
    t = np.arange(MOMENTS) * 0.5
    for k, name in enumerate(NAMES):
        if name not in names:
            continue
        rng = np.random.default_rng(k)
        nose = np.array([SEATS[name][0], 0.3, SEATS[name][1]]) + rng.normal(0, 0.02, (MOMENTS, 3))
        status = np.where(rng.random(MOMENTS) < 0.1 + 0.05 * k, "no_face", "ok").astype(object)
        looks = rng.normal([2, 0.6], 0.2, (MOMENTS // 4, 2)) + rng.normal(0, 0.15, 2)
        xy = looks.clip([0.1, 0.1], [3.9, 1.1]).repeat(4, axis=0)
        part = gaze_table(t, np.full(MOMENTS, name), status, xy, 0.1 + 0.02 * k, nose, 30.0 + 5 * k)
        part["epipolar_px"] = np.where(status == "ok", rng.gamma(2, 0.3 + 0.1 * k, MOMENTS), np.nan)
        parts.append(part.astype({"student": str, "status": str}))
        uv = project(rig, nose) + rng.normal(0, 0.5, (MOMENTS, 2, 2))
        for c, camera in enumerate(("left", "right")):
            seen = np.flatnonzero(status == "ok")
            faces.append(pd.DataFrame({
                "camera": camera, "time_s": t[seen], "frame": seen, "student": name, "of": k,
                "nose_u_px": uv[seen, c, 0], "nose_v_px": uv[seen, c, 1],
            }))  # fmt: skip
            stray = faces[-1].iloc[:3].assign(student="", time_s=t[:3] + 0.25)  # of the same track
            faces.append(stray)
    face = pd.concat(faces).sort_values(["time_s", "of", "camera"], kind="stable")
    face["row"] = np.arange(len(face))
    face["track"] = face.groupby("camera")["of"].transform(lambda v: pd.factorize(v, sort=True)[0])
    gaze = pd.concat(parts).sort_values("time_s", kind="stable")
    for camera in ("left", "right"):
        own = face[(face["camera"] == camera) & (face["student"] != "")]
        rows = own.set_index(["time_s", "student"])["row"]
        at = pd.MultiIndex.from_frame(gaze[["time_s", "student"]])
        gaze[f"row_{camera}"] = rows.reindex(at).fillna(-1).to_numpy(np.int32)
    for c in FACES:
        if c.name not in face:
            face[c.name] = 0
    face = conform(face[[c.name for c in FACES]], "faces")
    gaze = conform(gaze.reset_index(drop=True), "gaze")
    gaze = corrected(_with_heads(gaze), agreement_of(_with_heads(gaze), BOARD), BOARD)
    students = tuple((n, SEATS[n]) for n in names)
    run = Run(write_lesson(folder, gaze, students=students, faces=face, name=NAME))
    rig.save(folder / "rig.json")
    run.update(started="then", inputs={"rig_sha256": sha256(folder / "rig.json")})
    row_of = {n: 1 + (i > 4) for i, n in enumerate(NAMES)}
    write_table(
        students_table(gaze, row_of, board_shares(gaze, BOARD)), run.students_path, "students"
    )
    quality_of(run, rig, names).write(run.quality_path)
    (folder / "targets.csv").write_text(
        "start_s,end_s,student,target,x_m,y_m\n0,5,,T1,1,0.5\n"
        + "".join(f"10,20,{n},T2,2,0.5\n" for n in names)
    )
    (folder / "events.csv").write_text(
        "time_s,label\n" + (f"7,{WHO} came late\n" if WHO in names else "") + "9,film\n"
    )
    return run.folder


def _with_heads(gaze: pd.DataFrame) -> pd.DataFrame:
    """Heads that point where the table says."""
    nose = gaze[["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy(float)
    a, e = angles_of(towards(nose, gaze[["head_x_m", "head_y_m"]].to_numpy(float))).T
    turns = Rotation.from_euler("YX", np.nan_to_num(np.stack([np.pi - a, -e], 1)))
    known = np.isfinite(a)[:, None]
    return gaze.assign(
        **dict(zip([f"head_q{k}" for k in "xyzw"],
                   np.where(known, turns.as_quat(), np.nan).T, strict=True)),
        head_yaw_sigma_deg=np.where(known[:, 0], 2.0, np.nan),
        head_pitch_sigma_deg=np.where(known[:, 0], 2.0, np.nan),
    )  # fmt: skip


def quality_of(run: Run, rig: Rig, names: tuple[str, ...]) -> Quality:
    gaze, students = read_table(run.gaze_path, "gaze"), read_table(run.students_path, "students")
    face = read_table(run.faces_path, "faces")
    facts = {n: {"heads_chi2": 2.0 + 0.3 * NAMES.index(n), "heads_n": 100 + NAMES.index(n),
                 "rig_sigma_m": 0.01 * (1 + NAMES.index(n))} for n in names}  # fmt: skip
    cost = {n: None if n == WHO else 1.0 + NAMES.index(n) for n in names}
    nobodys = (face["student"] == "").to_numpy()
    camera = face["camera"].astype(str)
    identity = IdentityCounts(
        faces=len(face), unmatched_faces=int(nobodys.sum()), students=len(names), pair_cost=cost,
        one_camera_only=int(WHO in names), tracks={"left": len(names), "right": len(names)},
    )  # fmt: skip
    sides = [face[~nobodys & (camera == c)].astype({"student": str}) for c in ("left", "right")]
    both = sides[0].merge(sides[1], on=["time_s", "student"], suffixes=("_l", "_r"))
    uv = [both[[f"nose_u_px_{s}", f"nose_v_px_{s}"]].to_numpy(float) for s in "lr"]
    person = pd.factorize(both["student"], sort=True)[0]
    drift = watch_noses(rig, both["time_s"].to_numpy(), uv[0], uv[1], person)
    assert drift is not None
    found = agreement_of(gaze, BOARD).model_copy(update={"applied": True})
    film = {"frames": {"moments": MOMENTS}, "seconds": {"pixels": 12.5}, "identity": identity,
            "drift": drift, "agreement": found}  # fmt: skip
    return with_tables(Quality.model_validate(film), gaze, students, facts)


def finish(run: Path) -> None:
    """Everything that commands make of the tables."""
    folder = run.parent.parent
    validate_lesson(Session.open(folder), run=run)
    write_heatmaps(run)
    write_report(run)
    write_report(run, class_only=True, language="de")
    for format in sorted(set(FORMATS) - {"targets"}):  # this lesson describes none
        export(run, format, folder / "out" / format)
    export(run, "visits", folder / "out" / "mine" / "looks.csv")


@pytest.fixture(scope="module")
def forgotten(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, bytes]]:
    """A lesson that forgot, one in which the student never was, and the first as it was before."""
    folder = tmp_path_factory.mktemp("with") / "lesson"
    finish(lesson_of(folder, NAMES))
    before = contents(folder)
    said = forget(folder, WHO)
    assert said.whole, str(said)
    other = tmp_path_factory.mktemp("without") / "lesson"
    run = lesson_of(other, tuple(n for n in NAMES if n != WHO))
    shutil.copy(folder / "session.toml", other)  # with a masked seat that says nothing
    finish(run)
    return folder, other, before


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, less its own place in the world."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes().replace(str(folder).encode(), b"HERE")
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != ".lock"
    }


def test_the_lesson_is_as_if_the_student_had_never_been_there(forgotten) -> None:
    folder, other, before = forgotten
    have, want = contents(folder), contents(other)
    assert set(have) == set(want)
    assert [n for n in want if have[n] != want[n] and n not in STAMPED] == []
    # and that says something: nearly all of it was otherwise
    same = {n for n in want if before.get(n) == want[n]}
    made = {n for n in want if n.endswith((".json", ".toml"))} - {f"runs/{NAME}/quality.json"}
    assert same - made <= {
        "rig.json", "calibration.html", *(n for n in want if "S-0" in n or "sub-" in n),
        "out/transitions/transitions.csv", "out/bids/README.md",
        "out/bids/dataset_description.json",
    }  # fmt: skip


def test_nothing_gives_the_forgotten_one_by_subtraction(forgotten) -> None:
    """In a row of two, sums minus the other's numbers would: none of its numbers is in what is
    left, neither as it was nor in a sum."""
    folder, _, before = forgotten
    run = f"runs/{NAME}"
    old, new = (json.loads(x) for x in (before[f"{run}/quality.json"],
                                        (folder / run / "quality.json").read_bytes()))  # fmt: skip
    left = {s["student"]: s for s in new["seats"]}
    last = next(r for r in new["rows"] if r["row"] == 2)
    assert last["students"] == 1 and last["face_px"] == left["S-06"]["face_px_median"]
    assert last["sigma_m"] == left["S-06"]["sigma_median_m"]
    assert sum(new["status_counts"].values()) == MOMENTS * 6
    for part in FROM_PEOPLE - {"drift", "warnings"}:
        assert old[part] != new[part], part
    for table in ("gaze", "faces"):  # no gap in a numbering says when there was another face
        numbers = pd.read_parquet(folder / run / f"{table}.parquet")
        if table == "faces":
            assert numbers["row"].tolist() == list(range(len(numbers)))
            assert set(numbers["track"]) == set(range(6))


def test_every_file_of_a_lesson_is_in_the_register(forgotten) -> None:
    """But for exports, which the manifest beside them lists."""
    _, other, _ = forgotten
    files = [p.relative_to(other).as_posix() for p in other.rglob("*") if p.is_file()]
    files.append(f"runs/{NAME}/parts/00000.npz")
    assert [f for f in files if kind_of(f) is None and not f.startswith("out/")] == []


def test_every_part_of_quality_json_is_known_to_a_forgetting() -> None:
    """Whoever adds a part says whether people are in it."""
    assert set(Quality.model_fields) == OF_THE_FILM | FROM_PEOPLE


# -- whole, or not at all --------------------------------------------------------------------------


@pytest.fixture()
def small(tmp_path: Path) -> Path:
    """A lesson with tables, a video and somebody's own files; quick to forget in."""
    folder = tmp_path / "lesson"
    run = lesson_of(folder, NAMES)
    write_heatmaps(run)
    (run / "heatmaps" / "my own drawing.png").write_bytes(b"\x89PNG\r\n\x1a\nmine")
    (run / "heatmaps" / "S-01 and friends.txt").write_text("mine")
    (folder / "left.mp4").write_bytes(b"\x00\x00\x00\x20ftypisom" + bytes(1000))
    (folder / "calibration" / "left").mkdir(parents=True)
    return folder


def world(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != ".lock")
    return {str(p): p.read_bytes() for p in files}


def test_videos_and_what_is_the_user_s_are_untouched(small: Path) -> None:
    inode = (small / "left.mp4").stat().st_ino
    said = forget(small, WHO)
    assert said.whole and (small / "left.mp4").stat().st_ino == inode
    pictures = {p.name for p in (small / "runs" / NAME / "heatmaps").iterdir()}
    assert {"my own drawing.png", "S-01 and friends.txt"} <= pictures
    assert f"{WHO}.png" not in pictures and (small / "calibration" / "left").is_dir()
    assert [p.name for p in small.parent.iterdir()] == ["lesson"]


@pytest.mark.parametrize("at", ["rewrite", "_prove", "audit", "exchange"])
def test_a_crash_before_the_end_leaves_the_lesson_as_it_was(
    small: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world(small)

    def dies(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(forgetting, at, dies)
    with pytest.raises(KeyboardInterrupt):
        forget(small, WHO)
    assert world(small.parent) == before


def test_what_a_kill_leaves_is_taken_away_by_the_next_forgetting(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the exchange: the new lesson in its place, the old one hidden beside it."""
    with monkeypatch.context() as patch:
        patch.setattr(forgetting.shutil, "rmtree", lambda *a, **k: None)
        said = forget(small, WHO)
    old = small.parent / ".lesson.forgetting"
    assert not said.proven and old.is_dir()
    result = CliRunner().invoke(app, ["forget", str(small), WHO, "--yes"])
    assert result.exit_code == 2 and not old.exists()  # nobody is called so any more
    assert Session.open(small).config.students


def test_without_an_exchange_in_one_step(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting.ctypes, "CDLL", lambda *a, **k: object())
    before, rename = world(small), os.rename

    def second_fails(a: Path, b: Path) -> None:
        if Path(a).name == ".lesson.forgetting":
            raise OSError("no")
        rename(a, b)

    with monkeypatch.context() as patch:
        patch.setattr(forgetting.os, "rename", second_fails)
        with pytest.raises(OSError, match="no"):
            forget(small, WHO)
    assert world(small.parent) == before
    small.rename(small.parent / ".lesson.forgetting.old")  # killed between the two
    assert forget(small, WHO).whole
    assert [p.name for p in small.parent.iterdir()] == ["lesson"]


def test_standing_in_the_lesson(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small / "runs")
    assert forget("..", WHO).whole
    assert Path.cwd() == small / "runs" and Session.open(small)


def test_links_lead_nowhere(small: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "notes.txt").write_text(f"{WHO} sat alone")
    (outside / "parts").mkdir()
    (outside / "parts" / "0.npz").write_bytes(b"x")
    (small / "elsewhere").symlink_to(outside)
    (small / "runs" / NAME / "parts").symlink_to(outside / "parts")
    (small / "runs" / "linked").symlink_to(outside)
    before = world(outside)
    with pytest.raises(PrivacyError, match="is a link"):  # what it names would not be forgotten
        forget(small, WHO)
    assert world(outside) == before and WHO in (small / "session.toml").read_text()
    (small / "runs" / "linked").unlink()
    forget(small, WHO)
    assert world(outside) == before and (small / "elsewhere").is_symlink()
    CliRunner().invoke(app, ["forget", str(small), "--all-video", "--yes"])
    assert world(outside) == before
    (tmp_path / "link").symlink_to(small)
    result = CliRunner().invoke(app, ["forget", str(tmp_path / "link"), "--everything", "--yes"])
    assert result.exit_code == 2 and "through a link" in " ".join(result.stderr.split())
    assert (small / "session.toml").is_file()
    result = CliRunner().invoke(app, ["forget", str(small), "--everything", "--yes"])
    assert result.exit_code == 0 and not small.exists() and world(outside) == before


def test_it_asks_only_about_who_is_there(small: Path) -> None:
    runner, before = CliRunner(), world(small)
    result = runner.invoke(app, ["forget", str(small), "q7-gone"])
    assert result.exit_code == 2 and "Delete" not in result.output
    assert f"Did you mean {WHO}?" in " ".join(result.stderr.split())
    for answer in ("n\n", ""):  # no, and no terminal to answer at
        result = runner.invoke(app, ["forget", str(small), WHO], input=answer)
        assert result.exit_code == 2 and f"Delete student {WHO}" in result.output
    assert world(small) == before
    assert runner.invoke(app, ["forget", str(small), WHO], input="y\n").exit_code == 0


def test_what_cannot_be_made_again_is_said(small: Path) -> None:
    GAIN.save(small / "gain.json")
    (small / "page.html").write_text('<meta name="generator" content="classroom-gaze 1"> sums')
    result = CliRunner().invoke(app, ["forget", str(small), WHO, "--yes"])
    assert result.exit_code == 1 and result.output.count("NOT MADE AGAIN") == 2
    assert not (small / "gain.json").exists() and not (small / "page.html").exists()


# -- names that are also other things --------------------------------------------------------------


@pytest.mark.parametrize("name", ["1", "12", "2.0", "left", "class", "student", "ok", "T1"])
def test_a_name_that_is_a_number_or_a_word_of_ours_takes_nothing_else_along(
    small: Path, name: str
) -> None:
    run = small / "runs" / NAME
    for table in ("gaze", "faces", "students"):
        frame = read_table(run / f"{table}.parquet", table)
        frame["student"] = frame["student"].astype(str).replace(WHO, name)
        write_table(frame, run / f"{table}.parquet", table)
    for path in (small / "session.toml", small / "targets.csv", run / "quality.json"):
        path.write_text(path.read_text().replace(WHO, name))
    toml = (small / "session.toml").read_text()
    (small / "session.toml").write_text(toml.replace('"left.mp4"', f'"left.mp4"  # not {name}'))
    rig = (small / "rig.json").read_bytes()
    forget(small, name)
    assert (small / "rig.json").read_bytes() == rig
    targets = (small / "targets.csv").read_text().splitlines()
    assert (len(targets) == 8 and "0,5,,T1,1,0.5" in targets) or name == "T1"
    config = Session.open(small).config
    assert config.cameras.left.video == "left.mp4" and name not in {s.id for s in config.students}
    assert f"not {name}" not in (small / "session.toml").read_text()
    gaze = read_table(run / "gaze.parquet", "gaze")
    assert len(gaze) == MOMENTS * 6 and name not in set(gaze["student"])
    quality = json.loads((run / "quality.json").read_text())
    assert {s["student"] for s in quality["seats"]} == set(NAMES) - {WHO}
