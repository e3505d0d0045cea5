"""A bumped camera is noticed in a simulated lesson, when and which."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.camera import Camera
from calibration.errors import CalibrationError
from calibration.over_time.watch import epipolar_px, watch, which_camera_moved
from calibration.rig import Rig
from calibration.transform import Array, Transform, rotation_exp


# -- a room ----------------------------------------------------------------------------------------
def room() -> Rig:
    """Two cameras beside a 4 m blackboard, 4.6 m apart, that converge by 43° on the class."""
    K = np.array([[1400, 0, 960], [0, 1400, 540], [0, 0, 1.0]])
    D = np.array([-0.1, 0.03, 0, 0, 0])
    at_W = np.array([2.0, 0.6, 6.0])
    T_CW = {}
    for name, c_W in (("L", np.array([4.3, -0.6, 0.2])), ("R", np.array([-0.3, -0.6, 0.2]))):
        z = (at_W - c_W) / np.linalg.norm(at_W - c_W)
        x = np.cross([0, 1, 0], z)
        x /= np.linalg.norm(x)
        R = np.stack([x, np.cross(z, x), z])
        T_CW[name] = Transform(R, -R @ c_W, name, "W")
    T_WA = Transform([[-1, 0, 0], [0, 0, -1], [0, -1, 0]], [2.1, 1.45, 0.8], "W", "A")
    rig = Rig(
        Camera(K, D, (1920, 1080), "left"),
        Camera(K, D, (1920, 1080), "right"),
        T_CW["R"] @ T_CW["L"].inverse(),
        T_WA.inverse() @ T_CW["L"].inverse(),
        T_WA,
    )
    lens = [1, 1, 1.5, 1.5, 0.002, 0.004, 0.0003, 0.0003, 0.004]
    poses = [0.0008] * 3 + [0.002] * 3 + [0.002] * 3 + [0.003] * 3 + [0.003] * 3 + [0.005] * 3
    return replace(rig, covariance=np.diag(np.array(lens * 2 + poses) ** 2))


def bumped(rig: Rig, camera: str, turn_deg: Array, shove_m: Array) -> Rig:
    """The true rig after a camera turned and moved, both in its own old frame."""
    R = rotation_exp(np.radians(turn_deg))
    if camera == "right":
        return replace(rig, T_RL=Transform(R, shove_m, "R", "R").inverse() @ rig.T_RL)
    assert rig.T_AL is not None
    B = Transform(R, shove_m, "L", "L")
    return replace(rig, T_RL=rig.T_RL @ B, T_AL=rig.T_AL @ B)


def seats(rng: np.random.Generator, n: int) -> Array:
    x, z = np.meshgrid(np.linspace(0.2, 3.8, 5), np.linspace(3, 8, 4))
    W = np.column_stack([x.ravel(), 0.9 + rng.normal(0, 0.08, 20), z.ravel()])
    return W[rng.permutation(20)[:n]]


def see(rig: Rig, camera: str, P_W: Array) -> Array:
    return rig.camera(camera).project(rig.T_WC(camera).inverse().apply(P_W))


def random_bump(rng: np.random.Generator, deg: float, m: float) -> tuple[Array, Array]:
    a, b = rng.normal(size=(2, 3))
    return deg * a / np.linalg.norm(a), m * b / np.linalg.norm(b)


def noses(
    rng: np.random.Generator, rig: Rig, n: int = 20, each: int = 40, bias_px: float = 1.0
) -> tuple[Array, Array, Array]:
    """Heads that move by 8 cm; a nose is found with 1.5 px of noise and an error of each person."""
    who = np.repeat(np.arange(n), each)
    P_W = seats(rng, n)[who] + rng.normal(0, 1, (n * each, 3)) * [0.08, 0.04, 0.08]
    uv = [
        see(rig, c, P_W) + rng.normal(0, 1.5, (len(who), 2)) + rng.normal(0, bias_px, (n, 2))[who]
        for c in ("left", "right")
    ]
    return who, uv[0], uv[1]


def lesson(
    rng: np.random.Generator, n: int = 15, bump: tuple[float, str, Array, Array] | None = None
) -> tuple[Rig, Array, Array, Array, Array]:
    """15 minutes, a match every 2 s; heads and the noses' errors wander over a minute or two."""
    rig, t = room(), np.arange(0, 900.0, 2.0)

    def wander(size: int, tau_s: float, sigma: float) -> Array:
        keep = np.exp(-2.0 / tau_s)
        x = np.empty((len(t), size))
        x[0] = rng.normal(0, sigma, size)
        for i in range(1, len(t)):
            x[i] = keep * x[i - 1] + np.sqrt(1 - keep**2) * rng.normal(0, sigma, size)
        return x

    after = rig if bump is None else bumped(rig, *bump[1:])
    late = t >= (np.inf if bump is None else bump[0])
    T, W, UL, UR = [], [], [], []
    for person, seat in enumerate(seats(rng, n)):
        P_W = seat + wander(3, 60, 1.0) * [0.08, 0.04, 0.08]
        seen = rng.uniform(size=len(t)) < 0.8
        uv = []
        for camera in ("left", "right"):
            u = np.where(late[:, None], see(after, camera, P_W), see(rig, camera, P_W))
            u = u + rng.normal(0, 1.5, u.shape) + rng.normal(0, 1, 2) + wander(2, 120, 1.0)
            uv.append(u)
        T.append(t[seen])
        W.append(np.full(int(seen.sum()), person))
        UL.append(uv[0][seen])
        UR.append(uv[1][seen])
    return rig, np.concatenate(T), np.concatenate(W), np.concatenate(UL), np.concatenate(UR)


# -- the residual ----------------------------------------------------------------------------------
def test_residual_is_zero_for_true_matches_and_pixels_for_others() -> None:
    rig = room()
    rng = np.random.default_rng(0)
    P_W = seats(rng, 20)
    uL, uR = see(rig, "left", P_W), see(rig, "right", P_W)
    assert np.abs(epipolar_px(rig, uL, uR)).max() < 1e-6
    noisy = np.concatenate(
        [
            epipolar_px(rig, uL + rng.normal(0, 1, uL.shape), uR + rng.normal(0, 1, uR.shape))
            for _ in range(200)
        ]
    )
    assert noisy.std() == pytest.approx(1.0, rel=0.1), "1 px of noise is a residual of 1 px"
    assert abs(noisy.mean()) < 0.05


# -- watching --------------------------------------------------------------------------------------
@pytest.mark.parametrize("n", [4, 8, 15])
def test_a_bump_is_found_where_it_happened(n: int) -> None:
    found = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        when = rng.uniform(200, 700)
        camera = ("left", "right")[seed % 2]
        rig, t, who, uL, uR = lesson(rng, n, (when, camera, *random_bump(rng, 2.0, 0.02)))
        got = watch(t, epipolar_px(rig, uL, uR), who, seed=seed)
        assert len(got.events) <= 1
        if got.status == "moved":
            (event,) = got.events
            assert abs(event.time_s - when) < 2 * event.precision_s
            assert event.p_value <= 0.01 and event.size > 0.5 and event.people >= n - 1
            found += 1
    assert found >= (4 if n == 4 else 5)


def test_false_alarms_are_as_rare_as_stated() -> None:
    """At 5 %, 40 lessons without a bump: two expected, seven would be 1 in 200."""
    alarms = 0
    for seed in range(40):
        rig, t, who, uL, uR = lesson(np.random.default_rng(1000 + seed), 6)
        alarms += watch(t, epipolar_px(rig, uL, uR), who, false_alarm=0.05, seed=seed).events != ()
    assert alarms <= 6


def test_one_badly_matched_person_is_no_bump() -> None:
    """Somebody is taken for a neighbour from the middle on: 60 px off, and no alarm."""
    rig, t, who, uL, uR = lesson(np.random.default_rng(5), 10)
    residual = epipolar_px(rig, uL, uR)
    residual[(who == 3) & (t > 450)] += 60
    assert watch(t, residual, who).status == "steady"


def test_two_bumps_are_two_events() -> None:
    rng = np.random.default_rng(7)
    rig, t, who, uL, uR = lesson(rng, 12)
    residual = epipolar_px(rig, uL, uR)
    residual[t > 300] += 6
    residual[t > 650] -= 5
    got = watch(t, residual, who)
    assert [round(e.time_s, -1) for e in got.events] == [300, 650]
    assert got.events[0].size == pytest.approx(6, abs=1.0)
    assert watch(t, residual, who, smallest=20.0).status == "steady"


def test_several_numbers_for_each_match_may_be_watched() -> None:
    """A turn along the epipolar lines hides from the residual and shows in a second column."""
    rng = np.random.default_rng(8)
    rig, t, who, uL, uR = lesson(rng, 10)
    both = np.column_stack([epipolar_px(rig, uL, uR), rng.normal(0, 1, len(t)) + 3 * (t > 500)])
    got = watch(t, both, who)
    assert len(got.events) == 1 and abs(got.events[0].time_s - 500) < 20


def test_too_little_is_unknown_not_steady() -> None:
    t = np.arange(100.0)
    assert watch(t, np.zeros(100), np.arange(100) % 2).status == "unknown"
    got = watch(np.arange(12.0), np.zeros(12), np.arange(12) % 4)
    assert got.status == "unknown" and "too short" in got.reason
    assert watch([], [], []).status == "unknown"
    with pytest.raises(CalibrationError, match="do not fit; found 3, 2, 3 rows"):
        watch([1, 2, 3], [1, 2], [1, 2, 3])


def test_the_moved_camera_is_named_and_never_the_other() -> None:
    right = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        camera = ("left", "right")[seed % 2]
        # about the vertical axis: where epipolar lines see least, and pictures shift most
        turn = np.array([0.3, rng.choice([-2.0, 2.0]), 0.2])
        _, t, who, uL, uR = lesson(rng, 15, (450.0, camera, turn, np.full(3, 0.01)))
        shift = which_camera_moved(t, who, uL, uR, 450.0)
        assert shift.moved in (camera, "neither")
        right += shift.moved == camera
    assert right >= 10
    _, t, who, uL, uR = lesson(np.random.default_rng(3), 15)
    assert which_camera_moved(t, who, uL, uR, 450.0).moved == "neither"
    assert which_camera_moved(t, who * 0, uL, uR, 450.0).people == 1


def test_bad_input_is_named() -> None:
    with pytest.raises(CalibrationError, match="do not fit"):
        watch([0.0, 1.0], [0.0, 1.0], [1])
