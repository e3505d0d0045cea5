"""How alike are the two cameras' head-pose errors? The constant COMMON of gaze/room/fusion.py.

    gaze simulate LESSON …; python tests/benchmarks/two_cameras.py LESSON…

Heads of simulated lessons, cropped with their true boxes, so that only the network errs. Prints,
about the head's own x, y, z (pitch, yaw, roll): the correlation of the two cameras' normalised
errors about zero, and how large those are (rms of error / σ; 1 = σ is right).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).parents[2]))

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import rotation_log
from gaze.faces.heads import CROP_SCALE, crops_through, down_in_camera, views
from gaze.room.geometry import R_FRONTAL
from headpose.estimator import HeadPoseEstimator
from sessions.simulation.people import load_people
from sessions.video import probe, read_frames

EVERY = 5  # frames
VISIBLE = 0.9  # share of the face that nobody hides, in both cameras


def normalised_errors(lesson: Path, model: HeadPoseEstimator) -> np.ndarray:
    """(N, 2, 3) error / σ of N heads in both cameras, about the head's own axes."""
    rig = Rig.load(lesson / "truth" / "rig.json")
    who = json.loads((lesson / "truth" / "about.json").read_text())["people"]
    truth = pd.read_parquet(lesson / "truth" / "heads.parquet")
    people = {p.name: p for p in load_people()}
    truth = truth[(truth.frame % EVERY == 0) & (truth.visible_left >= VISIBLE)]
    truth = truth[truth.visible_right >= VISIBLE]
    R_WS = Rotation.from_quat(truth[[f"head_q{a}" for a in "xyzw"]].to_numpy()).as_matrix()
    nose_W = truth[[f"nose_{a}_m" for a in "xyz"]].to_numpy()
    points_S = np.stack(
        [(p.landmarks - p.nose) @ p.R_BS for p in (people[who[s]] for s in truth.student)]
    )
    points_W = nose_W[:, None] + np.einsum("nij,nkj->nki", R_WS, points_S)
    out = np.zeros((len(truth), 2, 3))
    for c, name in enumerate(CAMERAS):
        camera, T_WC = rig.camera(name), rig.T_WC(name)
        uv = camera.project((points_W - T_WC.t) @ T_WC.R)
        seen = views(camera, np.concatenate([uv.min(1), uv.max(1)], 1), down_in_camera(rig, name))
        R_CS = T_WC.R.T @ R_WS
        numbers = sorted(set(truth.frame.tolist()))
        for k, picture in read_frames(probe(lesson / f"{name}.mp4"), numbers):
            rows = np.flatnonzero(truth.frame.to_numpy() == k)
            part = seen.take(rows)
            crops = crops_through(camera, picture, part, model.input_px)
            answer = model.predict(crops, face_px=part.side_px / CROP_SCALE)
            R_hat = part.R_CV @ (R_FRONTAL @ answer.R)
            error = np.degrees(rotation_log(np.swapaxes(R_hat, 1, 2) @ R_CS[rows]))
            variance = np.diagonal(answer.covariance_deg2, axis1=1, axis2=2)
            out[rows, c] = error / np.sqrt(variance)
    return out


def main(lessons: list[str]) -> None:
    model = HeadPoseEstimator.load()
    z = np.concatenate([normalised_errors(Path(lesson), model) for lesson in lessons])
    square = (z**2).mean(0)
    common = (z[:, 0] * z[:, 1]).mean(0) / np.sqrt(square[0] * square[1])
    print(f"{len(z)} heads\n| axis | correlation | rms error / σ, left, right |\n|---|--:|--:|")
    for k, axis in enumerate(("pitch", "yaw", "roll")):
        left, right = np.sqrt(square[:, k])
        print(f"| {axis} | {common[k]:+.2f} | {left:.2f}, {right:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
