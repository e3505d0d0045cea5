"""Nose tips on the committed lesson's own pictures, against its truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calibration.camera import CAMERAS
from calibration.rig import Rig
from gaze.faces.boxes import Faces
from gaze.faces.detectors.centerface import CenterFace
from gaze.faces.finder import FaceFinder
from gaze.faces.landmarks import (
    LandmarkError,
    Landmarks,
    average,
    dlib_points,
    known_locator,
    locate,
    tight_boxes,
)
from sessions.folder import Session
from sessions.video import open_camera, read_frames

LESSON = Path(__file__).parents[2] / "data" / "lesson"


@pytest.fixture(scope="module")
def seen():
    """Two moments of both cameras: pictures, faces, and the true face of each row."""
    assert LESSON.is_dir(), "the committed lesson is not there"
    session = Session.open(LESSON)
    truth = pd.read_parquet(LESSON / "truth" / "heads.parquet")
    pictures = []
    for camera in CAMERAS:
        info = open_camera(session, camera)
        pictures.append([p for _, p in read_frames(info, [5, info.frames // 2])])
        times = info.times_s[[5, info.frames // 2]]
    finder = FaceFinder(CenterFace())
    parts = []
    for m in range(2):  # scans only: each moment by itself
        finder.forget()
        parts.append(finder.find([0.0], [[p[m]] for p in pictures], m))
    faces = Faces.concatenate(parts)
    rows = []
    for k in range(len(faces)):
        camera = CAMERAS[faces.camera[k]]
        now = truth[np.abs(truth["time_s"] - times[faces.moment[k]]) < 0.5 / 5]
        now = now[np.abs(now["time_s"] - times[faces.moment[k]]) < 0.01]
        uv = now[[f"nose_u_{camera}_px", f"nose_v_{camera}_px"]].to_numpy()
        best = np.linalg.norm(uv - faces.centre_px[k], axis=1).argmin()
        rows.append((*uv[best], now["student"].iloc[best]))
    nose = np.array([r[:2] for r in rows], np.float64)
    return pictures, faces, nose, [r[2] for r in rows], truth


def test_every_face_is_found_and_nothing_else(seen) -> None:
    _, faces, nose, who, truth = seen
    off = np.linalg.norm(nose - faces.centre_px, axis=1) / faces.height_px
    assert off.max() < 0.6  # no box without a face
    students = truth["student"].nunique()
    for m in range(2):
        for c in (0, 1):
            mine = (faces.moment == m) & (faces.camera == c)
            assert len({who[k] for k in np.flatnonzero(mine)}) == mine.sum() == students


def test_the_detectors_nose(seen) -> None:
    pictures, faces, nose, _, _ = seen
    found = locate("detector", pictures, faces)
    error = np.linalg.norm(found.nose_px - nose, axis=1)
    assert np.median(error / faces.height_px) < 0.05
    ratio = error / (found.nose_sigma_px * np.sqrt(2))
    assert 0.4 < np.sqrt((ratio**2).mean()) < 2.0  # σ says about how wrong it is


def test_dlib_is_better_on_faces_that_look_into_the_camera(seen) -> None:
    pytest.importorskip("dlib")
    pictures, faces, nose, _, _ = seen
    # a nose in the middle of the detector's five points: the face is nearly frontal
    eyes, tip = faces.points_px[:, :2].mean(1), faces.points_px[:, 2]
    frontal = np.abs(tip[:, 0] - eyes[:, 0]) < 0.08 * faces.height_px
    assert frontal.sum() >= 3
    part = faces.take(frontal)
    error = np.linalg.norm(dlib_points(pictures, part).nose_px - nose[frontal], axis=1)
    assert np.median(error / part.height_px) < 0.03


def test_tight_boxes_lie_inside_and_below_the_forehead() -> None:
    box = np.array([[100.0, 50.0, 180.0, 150.0]])
    tight = tight_boxes(box)[0]
    assert tight == pytest.approx([98.0, 70.55, 182.0, 152.05])


def test_the_mean_is_weighted_and_no_surer_than_its_common_half() -> None:
    a = Landmarks(np.array([[0.0, 0.0]]), np.array([1.0]), np.zeros((1, 4)))
    b = Landmarks(np.array([[3.0, 0.0]]), np.array([2.0]), np.ones((1, 4)))
    mean = average([a, b])
    assert mean.nose_px[0] == pytest.approx([3 * 0.25 / 1.25, 0.0])
    assert mean.nose_sigma_px[0] == pytest.approx(np.sqrt(0.5 + 0.5 / 1.25))
    assert np.array_equal(mean.tight_box_px, a.tight_box_px)


def test_unknown_locator() -> None:
    with pytest.raises(LandmarkError, match="mean or network or detector or dlib"):
        known_locator("magic")


def test_rig_of_the_lesson_is_readable() -> None:
    if LESSON.is_dir():
        assert Rig.load(LESSON / "truth" / "rig.json").baseline_m > 1
