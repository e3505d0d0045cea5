"""What a rig says of itself: quality, uncertainty, rig.json; numbers against their definitions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.calibrate import solve, solve_again
from calibration.errors import CalibrationError
from calibration.inputs import Seen
from calibration.judge import judge
from calibration.rig import Rig
from calibration.rig_file import RigInputs
from calibration.rig_quality import RigQuality
from calibration.solve.uncertainty import jacobian, position_jacobian, seats, triangulate
from calibration.transform import rotation_exp
from calibration.verdict import Cause, Verdict
from tests.calibration import rigs


@pytest.fixture(scope="module")
def scene() -> tuple[rigs.Room, Seen, Rig]:
    """One good calibration."""
    rng = np.random.default_rng(77)
    room = rigs.random_room(rng, angle_deg=60)
    seen = rigs.make_seen(room, rng, shared=10, alone=6, tape_error=True)
    return room, seen, solve(seen, models=(4, 5))


def test_quality_holds_what_the_page_and_json_need(scene: tuple[rigs.Room, Seen, Rig]) -> None:
    _, seen, rig = scene
    q = RigQuality.model_validate_json(rig.quality.model_dump_json())
    assert q == rig.quality
    for name in ("left", "right"):
        c = q.cameras[name]
        assert 0.1 < c.rms_px < 0.2 and c.views == 17  # 10 shared, 6 alone, 1 auxiliary
        assert c.sigma is not None
        assert set(c.sigma) == {"fx", "fy", "cx", "cy"} | {f"d{i}" for i in range(c.n_distortion)}
        assert np.array(c.coverage.cells).sum() == 16 * 54
    p = q.pair
    assert p is not None and p.holdout_px is not None
    assert p.views == 10 and p.converged and 0.09 < p.sigma_px < 0.11
    assert p.holdout_px > p.rms_px and 0.95 < p.joint_to_mono < 1.1
    assert p.baseline_m == pytest.approx(rig.baseline_m)
    rows = q.views
    assert len(rows) == 2 * 16 and not any(r.rejected for r in rows)
    one = next(r for r in rows if r.name == "03" and r.camera == "right")
    uv = seen.views[3].right
    assert uv is not None
    assert one.T_CB is not None
    predicted = rig.right.project(one.T_CB.apply(rigs.BOARD.points_B()))
    assert np.allclose(predicted - uv, np.array(one.residuals_px, float), atol=2e-3)
    assert sum(m.chosen for m in q.models) == 1
    assert [s.distance_m for s in q.seats] == [3, 6, 9] and len(q.blackboard) == 5
    assert q.slip is not None and q.slip.turn_cm[0] > q.slip.shift_cm[0] > 1


def test_rejected_views_are_listed_with_the_reason() -> None:
    rng = np.random.default_rng(78)
    room = rigs.random_room(rng, angle_deg=60)
    seen = rigs.make_seen(room, rng, shared=10, alone=6)
    v = seen.views[4]
    assert v.right is not None
    inwards = np.sign(np.array([960, 540]) - v.right.mean(0))
    spoiled = replace(v, right=v.right + inwards * [25.0, 12.0])
    views = (*seen.views[:4], spoiled, *seen.views[5:])
    rig = solve(replace(seen, views=views), models=(4,))
    row = [r for r in rig.quality.views if r.name == "04" and r.reason]
    assert row and "same moment" in row[0].reason
    truth = room.rig.T_RL
    assert np.linalg.norm(rig.T_RL.t - truth.t) < 0.01


def test_a_few_wrong_corners_are_rejected_and_counted() -> None:
    rng = np.random.default_rng(79)
    room = rigs.random_room(rng, angle_deg=60)
    seen = rigs.make_seen(room, rng, shared=8, alone=5)
    v = seen.views[2]
    assert v.left is not None
    left = v.left.copy()
    left[[5, 30]] += [[4, -3], [-5, 2]]
    views = (*seen.views[:2], replace(v, left=left), *seen.views[3:])
    rig = solve(replace(seen, views=views), models=(4,))
    row = next(r for r in rig.quality.views if r.name == "02" and r.camera == "left")
    assert row.corners_rejected == 2 and row.n == 52
    assert row.residuals_px is not None and row.residuals_px[5] is None


def test_rig_json_round_trip_and_again(scene: tuple[rigs.Room, Seen, Rig], tmp_path: Path) -> None:
    _, _, rig = scene
    rig.save(tmp_path / "rig.json")
    back = Rig.load(tmp_path / "rig.json")
    assert back.verdict == rig.verdict and back.parameter_names == rig.parameter_names
    again = solve_again(back)
    assert np.abs(again.T_RL.t - rig.T_RL.t).max() < 2e-4
    assert np.abs(again.left.K - rig.left.K).max() < 0.05
    with pytest.raises(CalibrationError, match="no corners"):
        solve_again(replace(rig, inputs=RigInputs()))


def test_triangulation_inverts_projection(scene: tuple[rigs.Room, Seen, Rig]) -> None:
    _, _, rig = scene
    P = rig.T_WC("left").inverse().apply(seats(rig, (3.5, 1.2)))
    uv = rig.left.project(P), rig.right.project(rig.T_RL.apply(P))
    assert np.abs(triangulate(rig, *uv) - P).max() < 1e-6


def test_spread_at_the_seats_is_that_of_rigs_drawn_from_the_covariance(
    scene: tuple[rigs.Room, Seen, Rig],
) -> None:
    _, _, rig = scene
    assert rig.covariance is not None
    rng = np.random.default_rng(0)
    points = seats(rig, None)
    P = rig.T_WC("left").inverse().apply(points)
    uv = rig.left.project(P), rig.right.project(rig.T_RL.apply(P))
    drawn = []
    for d in rng.multivariate_normal(np.zeros(len(rig.covariance)), rig.covariance, 300):
        r = rig.perturbed(d)
        drawn.append(r.T_WC("left").apply(triangulate(r, *uv)) - points)
    seen = np.sqrt(np.mean(np.sum(np.array(drawn) ** 2, -1), 0))
    J = position_jacobian(rig, points)
    said = np.sqrt([
        np.trace(J[3 * i : 3 * i + 3] @ rig.covariance @ J[3 * i : 3 * i + 3].T) for i in range(3)
    ])  # fmt: skip
    assert np.allclose(said, seen, rtol=0.15)
    assert [s.position_cm for s in rig.quality.seats] == pytest.approx(100 * said, rel=0.05)


def test_jacobian_is_that_of_the_rigs_own_parameters(scene: tuple[rigs.Room, Seen, Rig]) -> None:
    """∂(T_WA translation)/∂t_WA is the identity, and rotations are R exp(δ)."""
    _, _, rig = scene
    names = rig.parameter_names
    assert rig.T_WA is not None
    J = jacobian(rig, lambda r: r.T_WA.t)  # type: ignore[union-attr]
    first = names.index("t_WA.x")
    assert np.allclose(J[:, first : first + 3], np.eye(3), atol=1e-6)
    d = np.zeros(len(names))
    d[names.index("R_WA.z")] = 0.01
    moved = rig.perturbed(d)
    assert moved.T_WA is not None
    assert np.allclose(moved.T_WA.R, rig.T_WA.R @ rotation_exp([0, 0, 0.01]))


@pytest.mark.parametrize("kind", ["random", "line", "huge", "sparse", "negative", "shuffled"])
def test_nonsense_corners_end_in_a_sentence_or_a_verdict(kind: str) -> None:
    rng = np.random.default_rng(0)
    room = rigs.random_room(rng)
    seen = rigs.make_seen(room, rng, shared=6, alone=3)

    def nonsense(uv: rigs.Array | None) -> rigs.Array | None:
        if uv is None:
            return None
        uv = uv.copy()
        if kind == "random":
            uv = rng.uniform(0, 1000, uv.shape)
        elif kind == "line":
            uv[:, 1] = 300
        elif kind == "huge":
            uv *= 1e5
        elif kind == "sparse":
            uv[rng.random(len(uv)) < 0.8] = np.nan
        elif kind == "negative":
            uv = -uv
        else:
            uv = rng.permutation(uv)
        return uv

    views = tuple(replace(v, left=nonsense(v.left)) for v in seen.views)
    try:
        rig = solve(replace(seen, views=views), models=(4,))
    except CalibrationError as error:
        assert len(str(error)) > 30
    else:
        assert rig.verdict.status != "PASS"
    aux = seen.auxiliary[0]
    aux = replace(aux, view=replace(aux.view, left=nonsense(aux.view.left)))
    rig = solve(replace(seen, auxiliary=(aux,)), models=(4,))
    assert rig.verdict.status != "PASS"


def test_what_a_class_says_silences_no_other_finding(scene: tuple[rigs.Room, Seen, Rig]) -> None:
    """Cameras six metres up are said by themselves, whatever the class is said to show."""
    _, _, rig = scene
    assert rig.T_WA is not None
    wrong = replace(rig, T_WA=replace(rig.T_WA, t=rig.T_WA.t - [0, 6.0, 0]))
    class_ = Cause("tape_wrong", "WARN", "down_m disagrees with where the class sits")
    alone, both = judge(wrong), judge(wrong, (), (class_,))
    assert alone.status == "FAIL" and {c.code for c in alone.causes} >= {"tape_wrong"}
    assert set(alone.causes) < set(both.causes) and class_ in both.causes


def test_the_worst_cause_comes_first_and_decides() -> None:
    verdict = Verdict((Cause("a", "WARN", "m", "x"), Cause("b", "FAIL", "m", "x")))
    assert verdict.status == "FAIL"
    assert Verdict().status == "PASS"
