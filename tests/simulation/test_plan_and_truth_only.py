"""The answers without pictures: what a placement will give, and a run as the error budget predicts
it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sessions.folder import Session
from sessions.run import Run
from sessions.simulation.budget import gaze_covariance, head_sigma_deg, nose_covariance
from sessions.simulation.plan import make_plan, seat_errors, write_plan
from sessions.simulation.simulate import Options, build_world
from sessions.simulation.truth_only import write_truth_only
from sessions.tables import read_table


def test_nose_covariance_is_what_monte_carlo_gives() -> None:
    world = build_world(Options(seed=2))
    P = world.heads(np.array([0.5])).P_W[0, :1]
    rng = np.random.default_rng(0)
    n = 4000
    rows, sides = [], []
    sigma = {"left": 1.5, "right": 0.7}
    for name, camera in world.cameras.items():
        T_CW = world.T_WC[name].inverse()
        uv = camera.project(T_CW.apply(P)) + rng.normal(0, sigma[name], (n, 2))
        xy = camera.undistort(uv)
        for k in range(2):  # x R3 − R1 = 0: two linear equations a camera
            rows.append(xy[:, k : k + 1] * T_CW.R[2] - T_CW.R[k])
            sides.append(T_CW.t[k] - xy[:, k] * T_CW.t[2])
    # weights: pixel noise over depth, nearly constant over the sample
    A, b = np.stack(rows, 1), np.stack(sides, 1)
    w = np.repeat([1 / sigma["left"], 1 / sigma["right"]], 2)
    for name, part in (("left", slice(0, 2)), ("right", slice(2, 4))):
        w[part] *= world.cameras[name].f_px / world.T_WC[name].inverse().apply(P)[0, 2]
    A, b = A * w[None, :, None], b * w
    found = np.linalg.solve(np.swapaxes(A, 1, 2) @ A, np.einsum("nij,ni->nj", A, b)[..., None])[
        ..., 0
    ]
    predicted = nose_covariance(
        world.cameras, world.T_WC, P, {k: np.array([v]) for k, v in sigma.items()}
    )[0]
    measured = np.cov(found.T)
    assert np.allclose(found.mean(0), P[0], atol=5e-4)
    assert np.allclose(np.sqrt(np.diag(measured)), np.sqrt(np.diag(predicted)), rtol=0.08)


def test_gaze_covariance_agrees_with_the_pipelines_formula() -> None:
    from gaze.room.geometry import gaze_with_covariance
    from sessions.simulation import budget

    world = build_world(Options(seed=1))
    heads = world.heads(np.array([0.5]))
    P, R = heads.P_W[0], heads.R_WS[0]
    nose = np.tile(np.diag([1e-4, 2e-4, 4e-4]), (len(P), 1, 1))
    sigma = np.full(len(P), 3.0)
    mine = gaze_covariance(P, R, nose, sigma)
    variance = np.radians(3.0) ** 2 + np.radians(budget.RIG_SIGMA_DEG) ** 2
    theirs = gaze_with_covariance(
        P,
        R,
        nose + budget.RIG_SIGMA_M**2 * np.eye(3),
        np.tile(variance * np.eye(3), (len(P), 1, 1)),
    )
    assert np.allclose(mine, theirs.covariance_m2, rtol=1e-9)


def test_smaller_and_turned_faces_are_worse() -> None:
    sigma = head_sigma_deg(np.array([12.0, 24.0, 60.0]), np.zeros(3))
    assert (np.diff(sigma) < 0).all()
    assert head_sigma_deg(np.array([40.0]), np.array([70.0])) > head_sigma_deg(
        np.array([40.0]), np.array([10.0])
    )


def test_plan_gets_worse_with_distance_and_better_with_pixels(tmp_path: Path) -> None:
    answer = make_plan(Options(students=12, rows=4, seed=1))
    rows = answer.rows()
    assert (np.diff(rows["gaze_error_cm"]) > 0).all() and (np.diff(rows["face_px_left"]) < 0).all()
    assert 40 <= answer.cameras["pair"]["convergence_deg"] <= 90
    fine = make_plan(Options(students=12, rows=4, seed=1, resolution="4k"))
    assert np.allclose(fine.seats["face_px_left"], 2 * answer.seats["face_px_left"], rtol=0.02)
    assert (fine.rows()["gaze_error_cm"] <= rows["gaze_error_cm"]).all()
    files = write_plan(answer, tmp_path / "plan")
    assert {f.name for f in files} == {"plan.csv", "plan.json", "plan.html"}
    assert len(pd.read_csv(files[0])) == 12 and len(json.loads(files[1].read_text())["seats"]) == 12
    assert "Plotly.newPlot" in files[2].read_text() and "row" in answer.text()


def test_plan_says_what_to_change_where_faces_are_small() -> None:
    answer = make_plan(Options(students=8, rows=4, far_m=7.8, resolution="720p", seed=1))
    sentence = next(s for s in answer.advice if s.startswith("row 4"))
    assert "px" in sentence and "4K" in sentence


def test_where_one_camera_sees_the_nose_the_seat_gives_the_depth() -> None:
    world = build_world(Options(seed=2))
    P = world.heads(np.array([0.5])).P_W[0]
    one, never = np.ones(len(P)), np.full(len(P), np.inf)
    covariance = nose_covariance(world.cameras, world.T_WC, P, {"left": one, "right": never})
    ray = P - world.T_WC["left"].t
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    depth = np.sqrt(np.einsum("ni,nij,nj->n", ray, covariance, ray))
    assert np.allclose(depth, 0.25, rtol=0.01)
    assert (np.sqrt(np.linalg.eigvalsh(covariance)[:, :2]) < 0.005).all(), "across the ray: pixels"
    unseen = nose_covariance(world.cameras, world.T_WC, P, {"left": never, "right": never})
    assert np.isnan(unseen).all()


def test_plan_of_a_full_class_says_who_is_hidden() -> None:
    answer = make_plan(Options(students=28, rows=5))
    assert any("hidden from" in s for s in answer.advice)
    assert (answer.seats["gaze_error_cm"] < 80).all()
    json.dumps(answer.to_dict(), allow_nan=False)


def test_plan_takes_the_head_models_own_sigma() -> None:
    default = make_plan(Options(seed=1))
    sure = make_plan(Options(seed=1), head_sigma=lambda face, turn: np.full_like(face, 0.5))
    assert (sure.seats["gaze_error_cm"] < 0.5 * default.seats["gaze_error_cm"]).all()


@pytest.mark.parametrize("scenario", ["grid", "natural"])
def test_truth_only_is_a_session_with_a_finished_run(tmp_path: Path, scenario: str) -> None:
    options = Options(students=10, rows=3, seconds=120, fps=5, scenario=scenario, seed=4)
    run = Run.open(write_truth_only(tmp_path / "a", options))
    session = Session.open(tmp_path / "a")
    assert run.lesson_folder == session.folder.resolve() and has_rig(session)
    gaze, students = read_table(run.gaze_path, "gaze"), read_table(run.students_path, "students")
    assert len(gaze) == 10 * 600 and len(students) == 10
    assert not (tmp_path / "a" / "left.mp4").exists()
    truth = pd.read_parquet(session.truth_folder / "heads.parquet")
    point = gaze["status"].isin(["ok", "one_camera", "off_board", "low_confidence"])
    assert gaze.loc[point, "gaze_x_m"].notna().all() and gaze.loc[~point, "gaze_x_m"].isna().all()
    assert point.mean() > 0.8
    error = (
        gaze[["gaze_x_m", "gaze_y_m"]].to_numpy()
        - truth[["head_point_x_m", "head_point_y_m"]].to_numpy()
    )
    near = (
        point
        & (truth["target"].astype(str) != "neighbour")
        & (truth["target"].astype(str) != "desk")
    )
    covariance = np.stack(
        [gaze["gaze_xx_m2"], gaze["gaze_xy_m2"], gaze["gaze_xy_m2"], gaze["gaze_yy_m2"]], 1
    ).reshape(-1, 2, 2)
    e, C = error[near], covariance[near]
    d2 = np.einsum("ni,ni->n", e, np.linalg.solve(C, e[..., None])[..., 0])
    assert 0.60 < (d2 < -2 * np.log(0.32)).mean() < 0.76, "σ is honest"
    again = write_truth_only(tmp_path / "b", options)
    assert read_table(again / "gaze.parquet", "gaze").equals(gaze)
    other = write_truth_only(tmp_path / "c", replace(options, seed=5))
    assert not read_table(other / "gaze.parquet", "gaze")["gaze_x_m"].equals(gaze["gaze_x_m"])


def has_rig(session: Session) -> bool:
    from calibration.rig import Rig

    return Rig.load(session.rig_path).baseline_m > 1


def test_a_real_rig_s_seats_are_planned_as_the_simulated_ones() -> None:
    """The same cameras and seats by another way in; other people sit there."""
    options = Options(students=8, rows=3)
    planned = make_plan(options).seats
    seats_m = planned[["seat_x_m", "seat_z_m"]].to_numpy()
    found = seat_errors(build_world(options).rig(), np.vstack([seats_m, [[2.0, -3.0]]]), (4.0, 1.2))
    error = found["gaze_error_cm"].to_numpy()
    assert np.allclose(error[:-1], planned["gaze_error_cm"], rtol=0.15)
    assert np.isnan(error[-1])  # behind the blackboard no camera sees anybody
