"""The whole pipeline on the committed lesson's pixels, with the true rig: what must hold."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

import gaze.analyze as pipeline
from calibration.transform import geodesic_deg
from gaze.analyze import analyze
from gaze.lesson.settings import AnalyzeSettings
from gaze.people.embeddings import best_rows, encode
from headpose.estimator import HeadPoseEstimator
from sessions.tables import WITH_POINT, read_table

LESSON = Path(__file__).parents[1] / "data" / "lesson"
STOP_S = 5.0


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert LESSON.is_dir(), "the committed lesson is not there"
    folder = tmp_path_factory.mktemp("real") / "lesson"
    shutil.copytree(LESSON, folder)
    shutil.copy(folder / "truth" / "rig.json", folder / "rig.json")
    return folder


@pytest.fixture(scope="module")
def truth(lesson: Path) -> pd.DataFrame:
    return pd.read_parquet(lesson / "truth" / "heads.parquet")


@pytest.fixture(scope="module")
def model() -> HeadPoseEstimator:
    """Not the fastest here: that is measured, and answers a little otherwise on each processor."""
    return HeadPoseEstimator.load(runtime="torch")


@pytest.fixture(scope="module")
def run(lesson: Path, model: HeadPoseEstimator):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "heatmaps_and_report", lambda run, report: None)
        return analyze(lesson, AnalyzeSettings(stop_s=STOP_S), run_name="network", model=model)


@pytest.fixture(scope="module")
def joined(run, truth: pd.DataFrame) -> pd.DataFrame:
    """The gaze table beside the truth of the same student and moment."""
    table = read_table(run.gaze_path, "gaze")
    table = table.assign(student=table["student"].astype(str), key=(table["time_s"] * 1000).round())
    true = truth.assign(student=truth["student"].astype(str), key=(truth["time_s"] * 1000).round())
    return table.merge(true, on=["key", "student"], suffixes=("", "_true"), how="left")


def test_everybody_is_found_and_named_by_seat(run, truth: pd.DataFrame) -> None:
    students = read_table(run.students_path, "students")
    assert set(students["student"]) == set(truth["student"].astype(str))
    assert students["coverage"].min() >= 0.95
    assert list(students["row"].unique()) == [1, 2, 3]


def test_coverage(joined: pd.DataFrame) -> None:
    assert joined["status"].isin(WITH_POINT).mean() >= 0.95


def test_no_identity_switch(joined: pd.DataFrame, truth: pd.DataFrame) -> None:
    """At every moment the nearest true nose is the named student's own."""
    nose = ["nose_x_m", "nose_y_m", "nose_z_m"]
    for key, part in joined[joined["nose_x_m"].notna()].groupby("key"):
        now = truth[(truth["time_s"] * 1000).round() == key]
        away = np.linalg.norm(part[nose].to_numpy()[:, None] - now[nose].to_numpy()[None], axis=-1)
        assert list(now["student"].astype(str).to_numpy()[away.argmin(1)]) == list(part["student"])


def test_noses_within_two_and_four_centimetres(joined: pd.DataFrame) -> None:
    nose = ["nose_x_m", "nose_y_m", "nose_z_m"]
    off = np.linalg.norm(
        joined[nose].to_numpy() - joined[[f"{n}_true" for n in nose]].to_numpy(), axis=1
    )
    for row, limit_m in ((1, 0.02), (2, 0.03), (3, 0.04)):
        assert np.nanmedian(off[joined["row"] == row]) < limit_m


def test_heads_are_right_to_a_few_degrees(joined: pd.DataFrame) -> None:
    """No target is set for the network; a wrong frame or a missing step costs tens of degrees."""
    q = ["head_qx", "head_qy", "head_qz", "head_qw"]
    known = joined[q].notna().all(axis=1)
    found = Rotation.from_quat(joined.loc[known, q].to_numpy()).as_matrix()
    true = Rotation.from_quat(joined.loc[known, [f"{n}_true" for n in q]].to_numpy()).as_matrix()
    assert np.median(geodesic_deg(found, true)) < 8


def test_with_true_heads_within_four_centimetres(lesson, truth, model, monkeypatch) -> None:
    monkeypatch.setattr(pipeline, "heatmaps_and_report", lambda run, report: None)
    settings = AnalyzeSettings(stop_s=2.0, head="truth")
    done = analyze(lesson, settings, run_name="heads", model=model)
    table = read_table(done.gaze_path, "gaze")
    table = table.assign(student=table["student"].astype(str), key=(table["time_s"] * 1000).round())
    true = truth.assign(student=truth["student"].astype(str), key=(truth["time_s"] * 1000).round())
    both = table.merge(true, on=["key", "student"], suffixes=("", "_true"))
    aim = both[["head_point_x_m", "head_point_y_m"]].to_numpy()
    off = np.linalg.norm(both[["gaze_x_m", "gaze_y_m"]].to_numpy() - aim, axis=1)
    assert np.nanmedian(off) < 0.04


def test_embeddings_are_unit_free_vectors_that_are_nowhere_written(run, lesson: Path) -> None:
    pytest.importorskip("dlib")
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (200, 200, 3), dtype=np.uint8)
    vector = encode(picture, np.array([60.0, 60.0, 130.0, 140.0]))
    assert vector.shape == (128,) and 0.5 < np.linalg.norm(vector) < 2.5
    assert best_rows  # the rows are chosen without a picture
    written = {p.suffix for p in run.folder.rglob("*") if p.is_file()}
    assert written <= {".json", ".parquet"}
