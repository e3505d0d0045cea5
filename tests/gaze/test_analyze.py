"""The pipeline on a lesson of squares: end to end, resumed, one camera, bad input."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gaze.analyze as pipeline
import gaze.lesson.resume as resume
from calibration.camera import CAMERAS
from calibration.errors import DiskFullError, RigError, UserError
from calibration.rig import Rig
from calibration.verdict import Cause, Verdict
from gaze.analyze import analyze
from gaze.commands.app import app
from gaze.faces.detectors import DetectorError
from gaze.faces.look import Looker
from gaze.lesson.settings import AnalyzeSettings
from gaze.people.costs import IdentityError
from sessions.errors import SessionError, VideoError
from sessions.folder import Session
from sessions.run import atomic_write
from sessions.tables import WITH_POINT, read_table
from tests.gaze.squares import Frontal, write_lesson

OPTIONS = {"detector": "squares", "landmarks": "detector"}


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rig, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("squares") / "lesson"
    rig, truth = write_lesson(folder)
    return folder, rig, truth


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report has tests of its own."""
    monkeypatch.setattr(pipeline, "heatmaps_and_report", lambda run, report: None)


AROUND = ("run_name", "resume", "overwrite", "gain", "progress", "model")


def run(folder: Path, **options):
    around = {k: options.pop(k) for k in AROUND if k in options}
    settings = AnalyzeSettings.of(**{**OPTIONS, **options})
    return analyze(folder, settings, **{"model": Frontal(), **around})


def with_truth(folder: Path, truth: pd.DataFrame) -> Path:
    (folder / "truth").mkdir(exist_ok=True)
    truth.to_parquet(folder / "truth" / "heads.parquet")
    return folder


def test_end_to_end(lesson) -> None:
    folder, _, truth = lesson
    stages: dict[str, float] = {}
    done = run(folder, progress=lambda stage, share: stages.__setitem__(stage, share))
    table = read_table(done.gaze_path, "gaze")
    students = read_table(done.students_path, "students")
    faces = read_table(done.faces_path, "faces")
    assert list(students["student"]) == [f"S-{k:02d}" for k in range(1, 9)]
    assert list(students["row"]) == [1, 1, 1, 2, 2, 2, 3, 3]
    assert (students["coverage"] > 0.98).all()
    assert len(table) == 8 * 30 and (np.diff(table["time_s"]) >= 0).all()
    # noses within millimetres although the squares' edges are whole pixels of a 540p picture
    seats = truth.groupby("student")[["nose_x_m", "nose_y_m", "nose_z_m"]].median().to_numpy()
    found = students[["seat_x_m", "seat_y_m", "seat_z_m"]].to_numpy()
    off = np.linalg.norm(found[:, None] - seats[None], axis=-1).min(1)
    assert np.median(off) < 0.005 and off.max() < 0.05  # one square is partly behind another
    # every gaze point can be traced back to two faces of the same student and moment
    both = table[table["cameras"] == 2]
    for camera in ("left", "right"):
        traced = faces.set_index("row").loc[both[f"row_{camera}"]]
        assert (traced["camera"] == camera).all()
        assert (traced["student"].astype(str).to_numpy() == both["student"].astype(str)).all()
        assert np.allclose(traced["time_s"], both["time_s"])
    points = table["status"].isin(WITH_POINT)
    assert table.loc[points, "gaze_x_m"].notna().all()
    assert table.loc[~points, "gaze_x_m"].isna().all()
    assert set(stages) >= {"faces and heads", "who is who", "gaze points"}
    assert stages["faces and heads"] == 1.0
    quality = json.loads(done.quality_path.read_text())
    assert quality["coverage"] > 0.98 and len(quality["rows"]) == 3
    assert quality["clock"]["source"] == "session.toml"
    assert quality["seconds"]["faces"] > 0 and quality["epipolar_px"]["median"] < 1.5
    assert quality["sigma_m"]["median_rig_share"] > 0
    assert done.info().state == "done" and not (done.folder / "parts").exists()


def test_with_true_heads_and_noses_the_point_is_the_target(lesson) -> None:
    folder, _, truth = lesson
    table = read_table(run(with_truth(folder, truth), head="truth", nose="truth").gaze_path, "gaze")
    measured = table[table["cameras"] == 2]
    assert np.abs(measured[["gaze_x_m", "gaze_y_m"]].to_numpy() - [1.0, 0.6]).max() < 1e-3
    assert (measured["status"] == "ok").all() and (measured["area"] == "right half").all()


def test_with_true_heads_the_noses_cost_centimetres(lesson) -> None:
    folder, _, truth = lesson
    done = run(with_truth(folder, truth), head="truth")
    table = read_table(done.gaze_path, "gaze")
    off = table[["gaze_x_m", "gaze_y_m"]].to_numpy() - [1.0, 0.6]
    assert 0 < np.median(np.linalg.norm(off, axis=1)) < 0.04
    assert done.info().settings["head"] == "truth"


def test_an_interrupted_run_goes_on_and_gives_the_same(lesson, monkeypatch) -> None:
    folder, _, _ = lesson
    monkeypatch.setattr(resume, "CHUNK_S", 2.0)
    whole = run(folder, run_name="whole")
    looked: list[int] = []
    look = Looker.look

    def interrupted(self, time_s, left, right, first):
        looked.append(first)
        if len(looked) == 3:
            raise KeyboardInterrupt
        return look(self, time_s, left, right, first)

    monkeypatch.setattr(Looker, "look", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(folder, run_name="cut")
    cut = folder / "runs" / "cut"
    assert json.loads((cut / "run.json").read_text())["state"] == "running"
    assert not (cut / "gaze.parquet").exists()
    kept = sorted(p.name for p in (cut / "parts").iterdir())
    assert kept == ["00000.npz"]
    again = run(folder, run_name="cut")
    assert 0 not in looked[3:]  # the first chunk was not looked at again
    a, b = (read_table(r.gaze_path, "gaze") for r in (whole, again))
    pd.testing.assert_frame_equal(a, b)


def test_interrupted_in_the_report_it_goes_on_without_looking_again(lesson, monkeypatch) -> None:
    folder, _, _ = lesson
    reports = []

    def report(run, progress):
        reports.append(run.info().state)
        if len(reports) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "heatmaps_and_report", report)
    with pytest.raises(KeyboardInterrupt):
        run(folder, run_name="late", fps=4.0)
    monkeypatch.setattr(Looker, "look", lambda *a, **k: pytest.fail("looked again"))
    done = run(folder, run_name="late", fps=4.0)
    assert reports == ["running", "running"] and done.info().state == "done"
    assert not (done.folder / "parts").exists()


@pytest.mark.parametrize(
    "error", [MemoryError("267 GiB"), ValueError("odd"), UserError("no areas")]
)
def test_a_report_that_fails_leaves_the_tables_and_says_so(lesson, monkeypatch, error) -> None:
    folder, _, _ = lesson
    monkeypatch.setattr(
        pipeline, "heatmaps_and_report", lambda run, report: (_ for _ in ()).throw(error)
    )
    name = f"failed-{type(error).__name__}"
    done = run(folder, run_name=name, stop_s=1.0)
    assert done.info().state == "done" and len(read_table(done.gaze_path, "gaze"))
    # first of all, but behind a class that does not fit its rig: squares are no faces
    squares, said, *_ = json.loads(done.quality_path.read_text())["warnings"]
    assert (squares["code"], said["code"]) == ("class_does_not_fit", "no_report")
    first = said["message"]
    assert "The tables are whole, but the report could not be made" in first
    assert str(error) in first and "gaze report" in first
    monkeypatch.setattr(pipeline, "analyze", lambda session, settings, **around: done)
    result = CliRunner().invoke(app, ["analyze", str(folder)])
    assert result.exit_code == 1 and "Traceback" not in result.output
    assert "could not be made" in " ".join(result.output.split())


def test_a_full_disk_in_the_report_keeps_what_is_done(lesson, monkeypatch) -> None:
    folder, _, _ = lesson

    def full(run, report):
        with atomic_write(run.report_path):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pipeline, "heatmaps_and_report", full)
    with pytest.raises(DiskFullError, match="no space is left"):
        run(folder, run_name="full-report", stop_s=1.0)
    info = json.loads((folder / "runs" / "full-report" / "run.json").read_text())
    assert info["state"] == "running"


def test_other_settings_do_not_resume(lesson, monkeypatch) -> None:
    folder, _, _ = lesson
    monkeypatch.setattr(Looker, "look", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run(folder, run_name="a")
    monkeypatch.undo()
    monkeypatch.setattr(pipeline, "heatmaps_and_report", lambda run, report: None)
    done = run(folder, fps=2.0)
    assert done.folder.name != "a" and len(read_table(done.gaze_path, "gaze")) == 8 * 12


def test_one_camera_only_is_wider_and_says_so(tmp_path: Path) -> None:
    visible = np.ones((60, 8, 2), bool)
    visible[20:40, 4, 1] = False  # hidden from the right camera for two seconds
    write_lesson(tmp_path / "l", visible=visible)
    table = read_table(run(tmp_path / "l").gaze_path, "gaze")
    part = table[(table["time_s"] >= 2.05) & (table["time_s"] < 3.95)]
    alone = part[part["cameras"] == 1]
    assert alone["student"].nunique() == 1 and len(alone) >= 9
    student = alone["student"].iloc[0]
    own = table[(table["student"] == student) & (table["cameras"] == 2)]
    assert (alone["nose_z_sigma_m"] > 2 * own["nose_z_sigma_m"].median()).all()
    assert np.abs(alone["nose_z_m"] - own["nose_z_m"].median()).max() < 0.3
    assert alone["head_qw"].notna().all() and alone["epipolar_px"].isna().all()


def test_opted_out_seats_are_never_detected(tmp_path: Path) -> None:
    rig, truth = write_lesson(tmp_path / "l")
    x, z = truth[truth["student"] == "T7"][["nose_x_m", "nose_z_m"]].median()
    toml = tmp_path / "l" / "session.toml"
    entry = f'[[students]]\nid = "X"\nseat_m = [{x:.2f}, {z:.2f}]\nopt_out = true\n'
    toml.write_text(toml.read_text() + entry)
    done = run(tmp_path / "l")
    table = read_table(done.gaze_path, "gaze")
    assert (table[table["student"] == "X"]["status"] == "masked").all()
    assert table["student"].nunique() == 8
    faces = read_table(done.faces_path, "faces")
    for c, name in enumerate(("left", "right")):
        P = truth[truth["student"] == "T7"][["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy()
        uv = rig.camera(name).project(rig.T_WC(name).inverse().apply(P)).mean(0)
        mine = faces[faces["camera"] == name][["nose_u_px", "nose_v_px"]].to_numpy()
        assert np.linalg.norm(mine - uv, axis=1).min() > 8, c


def test_nobody_there_is_a_finished_run_with_a_warning(tmp_path: Path) -> None:
    write_lesson(tmp_path / "l", seconds=2, visible=np.zeros((20, 8, 2), bool))
    done = run(tmp_path / "l")
    quality = json.loads(done.quality_path.read_text())
    assert "No face was found" in quality["warnings"][0]["message"] and quality["coverage"] is None
    assert len(read_table(done.gaze_path, "gaze")) == 0


def test_offset_of_the_right_clock(tmp_path: Path) -> None:
    """The right camera was started one second earlier: its clock shows one second more."""
    write_lesson(tmp_path / "l", extra_toml="offset_s = 1.0\n")
    table = read_table(run(tmp_path / "l").gaze_path, "gaze")
    shift = table["frame_right"] - table["frame_left"]
    assert (shift == 10).all()


def test_refuses_what_is_wrong(tmp_path: Path, lesson) -> None:
    folder, rig, _ = lesson
    with pytest.raises(DetectorError):
        run(folder, detector="none")
    with pytest.raises(IdentityError):
        run(folder, identity="none")
    with pytest.raises(UserError, match="share no moment"):
        run(folder, start_s=100.0)
    with pytest.raises(SessionError, match="no weights 'none'"):
        analyze(folder, AnalyzeSettings(weights="none", **OPTIONS))
    for fps in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SessionError, match="moments per second are impossible"):
            run(folder, fps=fps)
    with pytest.raises(SessionError, match=r"start and stop.*found 2 s to 1 s"):
        run(folder, start_s=2.0, stop_s=1.0)
    write_lesson(tmp_path / "l", seconds=1)
    (tmp_path / "l" / "right.mp4").unlink()
    with pytest.raises(SessionError, match="right camera's video is missing"):
        run(tmp_path / "l")
    write_lesson(tmp_path / "l", seconds=1)
    whole = (tmp_path / "l" / "left.mp4").read_bytes()
    (tmp_path / "l" / "left.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VideoError):
        run(tmp_path / "l")
    write_lesson(tmp_path / "l", seconds=1, scale=0.4)
    other = replace(rig, left=replace(rig.left, size_px=(960, 600)))
    other.save(tmp_path / "l" / "rig.json")
    with pytest.raises(RigError, match=r"another part of them.*768×432.*960×600"):
        run(tmp_path / "l")
    (tmp_path / "l" / "rig.json").unlink()
    with pytest.raises(RigError, match="Run `gaze calibrate` first"):
        run(tmp_path / "l")
    assert not list((tmp_path / "l").glob("runs/*/gaze.parquet"))


def test_a_failed_rig_is_refused_unless_forced(tmp_path: Path) -> None:
    rig, _ = write_lesson(tmp_path / "l", seconds=1)
    from dataclasses import replace

    bad = Verdict((Cause("swapped", "FAIL", "the cameras are swapped"),))
    replace(rig, verdict=bad).save(tmp_path / "l" / "rig.json")
    with pytest.raises(RigError, match="the cameras are swapped"):
        run(tmp_path / "l")
    done = run(tmp_path / "l", force=True)
    assert json.loads(done.quality_path.read_text())["rig"]["forced"] is True


def test_no_space_leaves_nothing_half_written(lesson, monkeypatch) -> None:
    folder, _, _ = lesson
    import errno

    from gaze.faces.rows import FaceRows

    def full(self, path, **more):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FaceRows, "save", full)
    with pytest.raises(DiskFullError, match="no space is left"):
        run(folder, run_name="full")
    assert list((folder / "runs" / "full" / "parts").iterdir()) == []


def test_session_object_and_path_are_alike(lesson) -> None:
    folder, _, _ = lesson
    done = run(Session.open(folder), fps=1.0)
    assert done.lesson_folder == folder.resolve()


def test_timestamps_are_the_clock(tmp_path: Path) -> None:
    """The right camera's frames were taken one second later than its video says."""
    folder = tmp_path / "l"
    write_lesson(folder, extra_toml="")
    rows = [
        f"{c},{k},{k / 10 + (1.0 if c == 'right' else 0.0)}" for c in CAMERAS for k in range(60)
    ]
    (folder / "timestamps.csv").write_text("camera,frame,time_s\n" + "\n".join(rows) + "\n")
    done = run(folder)
    table = read_table(done.gaze_path, "gaze")
    assert (table["frame_right"] - table["frame_left"] == -10).all()
    assert table["time_s"].min() == pytest.approx(1.0, abs=0.11)
    assert json.loads(done.quality_path.read_text())["clock"]["source"] == "timestamps.csv"
    (folder / "timestamps.csv").write_text("camera,frame,time_s\nleft,0,0.0\nright,0,0.0\n")
    with pytest.raises(SessionError, match=r"does not fit the left video.*1 times.*60 frames"):
        run(folder)


def test_a_clock_that_cannot_be_known_is_said_to_be_assumed(tmp_path: Path) -> None:
    write_lesson(tmp_path / "l", seconds=2, extra_toml="")
    quality = json.loads(run(tmp_path / "l").quality_path.read_text())
    assert quality["clock"]["source"] == "assumed"
    assert any(w["code"] == "clock_assumed" for w in quality["warnings"])


def test_swapped_videos_are_refused(tmp_path: Path) -> None:
    write_lesson(tmp_path / "l", seconds=4)
    left, right = (tmp_path / "l" / f"{c}.mp4" for c in CAMERAS)
    left.rename(tmp_path / "x.mp4")
    right.rename(left)
    (tmp_path / "x.mp4").rename(right)
    with pytest.raises(SessionError, match="the two videos seem to be swapped"):
        run(tmp_path / "l")


def test_opting_out_needs_a_seat(tmp_path: Path) -> None:
    write_lesson(tmp_path / "l", seconds=1)
    toml = tmp_path / "l" / "session.toml"
    toml.write_text(toml.read_text() + '[[students]]\nid = "X"\nopt_out = true\n')
    with pytest.raises(SessionError, match="X opted out, but has no seat"):
        run(tmp_path / "l")


def test_videos_of_different_length_are_said(tmp_path: Path) -> None:
    write_lesson(tmp_path / "l", seconds=6)
    (tmp_path / "l" / "right.mp4").rename(tmp_path / "right.mp4")
    write_lesson(tmp_path / "l", seconds=3)
    (tmp_path / "right.mp4").rename(tmp_path / "l" / "right.mp4")
    done = run(tmp_path / "l")
    quality = json.loads(done.quality_path.read_text())
    assert quality["clock"]["causes"] and {c["message"] for c in quality["clock"]["causes"]} <= {
        w["message"] for w in quality["warnings"]
    }
    assert read_table(done.gaze_path, "gaze")["time_s"].max() < 3
