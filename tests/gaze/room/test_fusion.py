"""Fusion on SO(3) against Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.transform import geodesic_deg, rotation_exp, rotation_log
from gaze.room.fusion import (
    COMMON,
    COMMON_HALF_HIDDEN,
    angle_sigmas_deg,
    fuse_heads,
    scale_of_cameras,
)
from gaze.room.geometry import aimed_rotation, head_angles_deg


def heads(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    P = np.column_stack([rng.uniform(0, 4, n), np.full(n, 0.8), rng.uniform(3, 7, n)])
    return aimed_rotation(P, np.column_stack([rng.uniform(0, 4, n), np.full(n, 0.5), np.zeros(n)]))


def noisy(R: np.ndarray, S: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return R @ rotation_exp(rng.multivariate_normal(np.zeros(3), S, len(R)))


S1 = np.diag([4.0, 6.0, 2.0]) ** 2 * np.radians(1) ** 2
S2 = np.array([[30.0, 5, 0], [5, 12.0, 2], [0, 2, 8.0]]) * np.radians(1) ** 2


def test_independent_errors_are_weighted_by_their_covariance() -> None:
    n, rng = 4000, np.random.default_rng(1)
    R = heads(n)
    both = np.stack([noisy(R, S1, rng), noisy(R, S2, rng)], 1)
    S = np.tile(np.stack([S1, S2]), (n, 1, 1, 1))
    f = fuse_heads(both, S, common=(0.0, 0.0, 0.0))
    error = rotation_log(np.swapaxes(R, -1, -2) @ f.R_WS)
    fine = f.chi2 < 7.8  # those not widened
    best = np.linalg.inv(np.linalg.inv(S1) + np.linalg.inv(S2))
    assert np.cov(error.T) == pytest.approx(best, abs=0.12 * best.max())
    d2 = np.einsum("ni,nij,nj->n", error, np.linalg.inv(f.covariance_rad2), error)
    assert d2[fine].mean() == pytest.approx(3, abs=0.2)
    assert f.chi2.mean() == pytest.approx(3, abs=0.2)


def test_common_errors_do_not_average_out() -> None:
    n, rng = 4000, np.random.default_rng(2)
    R, share = heads(n), (0.75, 0.2, 0.0)
    L = np.linalg.cholesky(S1)
    shared = rng.normal(size=(n, 3)) * np.sqrt(share)
    both = np.stack(
        [
            R
            @ rotation_exp((shared + rng.normal(size=(n, 3)) * np.sqrt(1 - np.array(share))) @ L.T)
            for _ in range(2)
        ],
        1,
    )
    S = np.tile(S1, (n, 2, 1, 1))
    honest = fuse_heads(both, S, common=share)
    naive = fuse_heads(both, S, common=(0.0, 0.0, 0.0))
    error = rotation_log(np.swapaxes(R, -1, -2) @ honest.R_WS)
    d2 = [
        np.einsum("ni,nij,nj->n", error, np.linalg.inv(f.covariance_rad2), error)
        for f in (honest, naive)
    ]
    assert d2[0].mean() == pytest.approx(3, abs=0.25)
    assert d2[1].mean() > d2[0].mean() + 0.2


def test_a_much_worse_camera_is_ignored_not_extrapolated_from() -> None:
    R = heads(1)
    worse = R @ rotation_exp([np.radians(8), 0, 0])
    S = np.stack([S1, 25 * S1])[None]
    f = fuse_heads(np.stack([R, worse], 1), S, common=(0.9, 0.9, 0.9))
    assert 0 <= f.share[0, 1] < 0.2
    assert geodesic_deg(f.R_WS[0], R[0]) < 1
    assert (np.linalg.eigvalsh(f.covariance_rad2[0]) > 0).all()


def test_one_camera_keeps_its_own_and_none_stays_none() -> None:
    R = heads(3)
    both = np.stack([R, R], 1)
    both[0, 1] = np.nan
    both[1, 0] = np.nan
    both[2] = np.nan
    S = np.tile(np.stack([S1, S2]), (3, 1, 1, 1))
    f = fuse_heads(both, S)
    assert np.allclose(f.R_WS[:2], R[:2])
    assert np.allclose(f.covariance_rad2[0], S1) and np.allclose(f.covariance_rad2[1], S2)
    assert np.isnan(f.R_WS[2]).all() and np.isnan(f.chi2).all() and not f.contradiction.any()


def test_contradictions_are_said_and_widened() -> None:
    R = heads(1)
    both = np.stack([R, R @ rotation_exp([0, np.radians(60), 0])], 1)
    f = fuse_heads(both, np.tile(S1, (1, 2, 1, 1)))
    assert f.contradiction[0] and f.apart_deg[0] == pytest.approx(60)
    sigma = np.degrees(np.sqrt(f.covariance_rad2[0, 1, 1]))
    assert sigma > 25  # the truth may be either
    assert geodesic_deg(f.R_WS[0], R[0]) == pytest.approx(30, abs=1)


def test_angle_sigmas_against_monte_carlo() -> None:
    n, rng = 20000, np.random.default_rng(3)
    R = np.repeat(heads(1), n, axis=0)
    sigma = angle_sigmas_deg(R[:1], S1[None])[0]
    sampled = head_angles_deg(noisy(R, S1, rng)).std(0)
    assert sigma == pytest.approx(sampled, rel=0.05)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_angle_sigmas_where_an_angle_goes_round(axis: int) -> None:
    """Heads from −180° to 180° about each of their axes: next to the jump σ is as on its sides."""
    turned = np.radians([178.0, 179.999999, 180.0, 180.000001, 182.0])
    R = rotation_exp(turned[:, None] * np.eye(3)[axis])
    sigma = angle_sigmas_deg(R, np.tile(S1, (5, 1, 1)))
    np.testing.assert_allclose(sigma[1:4], np.tile(sigma[[0, 4]].mean(0), (3, 1)), rtol=0.01)


def test_each_covariance_is_turned_with_its_head() -> None:
    """Two heads rolled 40° apart: in the room's axes the fused Σ is that of two independent ones.

    δ lies on an axis that both Σ leave alone, so this holds exactly, and it does in no other axes.
    """
    R1 = heads(1)
    R2 = R1 @ rotation_exp([0, 0, np.radians(40)])
    S = np.radians(1) ** 2 * np.stack([np.diag([4.0, 100.0, 3600.0]), np.diag([9.0, 64.0, 3600.0])])
    f = fuse_heads(np.stack([R1, R2], 1), S[None], common=(0.0, 0.0, 0.0))
    in_room = [R[0] @ s @ R[0].T for R, s in zip((R1, R2), S, strict=True)]
    best = np.linalg.inv(np.linalg.inv(in_room[0]) + np.linalg.inv(in_room[1]))
    np.testing.assert_allclose(f.R_WS[0] @ f.covariance_rad2[0] @ f.R_WS[0].T, best, atol=1e-12)
    assert geodesic_deg(f.R_WS[0], R1[0]) == pytest.approx(20)


def test_a_second_camera_helps_yaw_and_hardly_pitch() -> None:
    """The correlations that were measured (0.65, 0, 0): σ² falls to 0.825, 0.5 and 0.5 of one's."""
    R, S = heads(1), np.diag([16.0, 36.0, 4.0]) * np.radians(1) ** 2
    f = fuse_heads(np.stack([R, R], 1), np.tile(S, (1, 2, 1, 1)))
    share = np.diag(f.covariance_rad2[0]) / np.diag(S)
    assert share == pytest.approx([(1 + 0.65) / 2, 0.5, 0.5])


@pytest.mark.parametrize(("apart_deg", "contradicts"), [(10.0, False), (24.0, False), (26.0, True)])
def test_near_heads_differ_but_do_not_contradict(apart_deg: float, contradicts: bool) -> None:
    R = heads(1)
    both = np.stack([R, R @ rotation_exp([0, np.radians(apart_deg), 0])], 1)
    f = fuse_heads(both, np.tile(np.eye(3) * np.radians(0.5) ** 2, (1, 2, 1, 1)))
    assert f.contradiction[0] == contradicts and f.chi2[0] > 100
    assert f.apart_deg[0] == pytest.approx(apart_deg)


def test_what_two_cameras_share_keeps_the_shape_of_their_errors() -> None:
    """Equal Σ, not along the axes, and half of the errors in common: three quarters of it stay."""
    R = heads(1)
    f = fuse_heads(np.stack([R, R], 1), np.tile(S2, (1, 2, 1, 1)), common=(0.5, 0.5, 0.5))
    np.testing.assert_allclose(f.covariance_rad2[0], 0.75 * S2, atol=1e-12)


def test_one_pair_in_twenty_is_widened_where_the_covariances_are_true() -> None:
    """As its 5 % say, with three degrees of freedom."""
    n, rng = 4000, np.random.default_rng(7)
    R = heads(n)
    f = fuse_heads(
        np.stack([noisy(R, S1, rng), noisy(R, S1, rng)], 1), np.tile(S1, (n, 2, 1, 1)),
        common=(0.0, 0.0, 0.0),
    )  # fmt: skip
    plain = fuse_heads(np.stack([R, R], 1), np.tile(S1, (n, 2, 1, 1)), common=(0.0, 0.0, 0.0))
    wider = np.trace(f.covariance_rad2 - plain.covariance_rad2, axis1=1, axis2=2) > 1e-4
    assert wider.mean() == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize(("d2", "contradicts"), [(20.0, False), (23.0, True)])
def test_a_contradiction_is_rarer_than_one_in_ten_thousand(d2: float, contradicts: bool) -> None:
    """χ² of three degrees of freedom: 21.1. Both pairs are 40° apart."""
    R = heads(1)
    sigma = np.radians(40) / np.sqrt(2 * d2)
    f = fuse_heads(
        np.stack([R, R @ rotation_exp([0, np.radians(40), 0])], 1),
        np.tile(np.eye(3) * sigma**2, (1, 2, 1, 1)), common=(0.0, 0.0, 0.0),
    )  # fmt: skip
    assert f.chi2[0] == pytest.approx(d2) and f.contradiction[0] == contradicts


def test_the_answer_is_that_of_least_squares_for_two_correlated_errors() -> None:
    """Against the textbook: H = [I; I], Σ = [[Σ₁, C], [Cᵀ, Σ₂]], C = L₁ P L₂ᵀ, not symmetric."""
    common = (0.5, 0.2, 0.3)
    S1 = np.array([[20.0, 4, 1], [4, 30.0, -3], [1, -3, 9.0]]) * np.radians(1) ** 2
    C = np.linalg.cholesky(S1) @ np.diag(common) @ np.linalg.cholesky(S2).T
    weights = np.linalg.inv(np.block([[S1, C], [C.T, S2]]))
    H = np.vstack([np.eye(3), np.eye(3)])
    best = np.linalg.inv(H.T @ weights @ H)
    R, delta = heads(1), np.radians([0.05, -0.03, 0.02])
    f = fuse_heads(
        np.stack([R, R @ rotation_exp(delta)], 1), np.stack([S1, S2])[None], common=common
    )
    np.testing.assert_allclose(f.covariance_rad2[0], best, rtol=0.01, atol=2e-6)
    move = best @ H.T @ weights @ np.r_[np.zeros(3), delta]
    np.testing.assert_allclose(rotation_log(R[0].T @ f.R_WS[0]), move, rtol=0.02, atol=1e-6)


def test_shares_of_the_answer() -> None:
    """Of two equal cameras half each; of one with a third of the other's σ² three quarters."""
    R, S = heads(1), np.eye(3) * np.radians(3) ** 2
    both = np.stack([R, R], 1)
    equal = fuse_heads(both, np.stack([S, S])[None], common=(0.0, 0.0, 0.0))
    assert equal.share[0] == pytest.approx([0.5, 0.5])
    better = fuse_heads(both, np.stack([3 * S, S])[None], common=(0.0, 0.0, 0.0))
    assert better.share[0] == pytest.approx([0.25, 0.75])


def test_a_head_with_a_number_missing_is_none() -> None:
    R, S = heads(1), np.eye(3) * np.radians(3) ** 2
    both, covariance = np.stack([R, R], 1), np.stack([S, S])[None]
    for broken in (both, covariance):
        kept = broken[0, 0, 1, 2]
        broken[0, 0, 1, 2] = np.nan
        f = fuse_heads(both, covariance)
        assert f.share[0].tolist() == [0, 1] and np.isnan(f.chi2[0])
        np.testing.assert_array_equal(f.R_WS[0], R[0])
        broken[0, 0, 1, 2] = kept


def test_cameras_may_change_places_and_rows_know_nothing_of_each_other() -> None:
    """Whichever camera is called first, and whoever else is there: one answer, in the room's axes.
    The second head is seen by one camera."""
    R, delta = heads(2), np.radians([3.0, -4.0, 2.0])
    S = np.stack([25 * S1, S1])
    both = np.stack([R, R @ rotation_exp(delta)], 1)
    both[1, 0] = np.nan
    f = fuse_heads(both, np.tile(S, (2, 1, 1, 1)), common=(0.9, 0.9, 0.9))
    g = fuse_heads(both[:, ::-1], np.tile(S[::-1], (2, 1, 1, 1)), common=(0.9, 0.9, 0.9))
    np.testing.assert_allclose(f.R_WS, g.R_WS, atol=1e-4)
    np.testing.assert_allclose(f.covariance_rad2, g.covariance_rad2, rtol=0.02, atol=1e-6)
    np.testing.assert_allclose(f.share, g.share[:, ::-1], atol=1e-5)
    assert f.share[0, 1] > 0.8 and f.share[1].tolist() == [0, 1]
    assert np.isfinite(f.chi2[0]) and np.isnan(f.chi2[1])


def test_half_hidden_faces_have_a_correlation_of_their_own() -> None:
    R, half = heads(6), np.arange(6) % 2 == 0
    both = np.stack([R, R @ rotation_exp(np.radians([1.0, 2.0, 0.5]))], 1)
    S = np.tile(np.stack([S1, S2]), (6, 1, 1, 1))
    both[0, 1] = np.nan
    mixed = fuse_heads(both, S, half_hidden=half)
    for mine, common in ((half, COMMON_HALF_HIDDEN), (~half, COMMON)):
        alone = fuse_heads(both, S, common=common)
        assert np.array_equal(mixed.R_WS[mine], alone.R_WS[mine], equal_nan=True)
        assert np.array_equal(mixed.covariance_rad2[mine], alone.covariance_rad2[mine])
    assert mixed.covariance_rad2[2, 1, 1] > 1.2 * mixed.covariance_rad2[1, 1, 1]


def drawn_class(times: float, rng: np.random.Generator, n: int = 12, moments: int = 40) -> tuple:
    """A class's heads by two cameras whose independent errors are ``times`` as large as stated and
    stay with a student for half of their variance: R_WS (N, 2, 3, 3), stated covariances, students,
    and the true R_WS (N, 3, 3)."""
    R, who = np.repeat(heads(n), moments, 0), np.repeat(np.arange(n), moments)
    lasting = np.sqrt(0.5) * rng.normal(size=(3, n, 3))[:, who]
    z = lasting + np.sqrt(0.5) * rng.normal(size=(3, n * moments, 3))
    shared = np.array(COMMON)
    both = [
        R
        @ rotation_exp(
            (z[2] * np.sqrt(shared) + times * own * np.sqrt(1 - shared)) @ np.linalg.cholesky(S).T
        )
        for own, S in ((z[0], S1), (z[1], S1))
    ]
    return np.stack(both, 1), np.tile(S1, (len(R), 2, 1, 1)), who, R


@pytest.mark.parametrize("times", [0.6, 1.0, 1.6])
def test_the_cameras_distance_shows_how_large_the_errors_are_that_they_do_not_share(
    times: float,
) -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(60):
        R_WS, S, who, _ = drawn_class(times, rng)
        scale = scale_of_cameras(fuse_heads(R_WS, S), who)
        assert scale is not None
        found.append((scale.factor, scale.interval_95[0] <= times <= scale.interval_95[1]))
    factor, held = np.array(found).T
    assert factor.mean() == pytest.approx(times, rel=0.05)
    assert held.mean() > 0.85  # of a dozen students; 95 % of many


@pytest.mark.parametrize("times", [0.6, 1.6])
def test_scaled_by_it_the_covariance_holds_and_what_is_shared_stays(times: float) -> None:
    rng = np.random.default_rng(8)
    R_WS, S, _who, R = drawn_class(times, rng, n=300, moments=4)
    stated, scaled = fuse_heads(R_WS, S), fuse_heads(R_WS, S, independent=times)
    assert scaled.chi2 == pytest.approx(stated.chi2, rel=0.1)  # by σ as stated, whatever it becomes
    error = rotation_log(np.swapaxes(R, -1, -2) @ scaled.R_WS)
    fine = stated.chi2 / times**2 < 7.8  # those not widened
    d2 = np.einsum("ni,nij,nj->n", error, np.linalg.inv(scaled.covariance_rad2), error)
    assert d2[fine].mean() == pytest.approx(3, abs=0.25)
    pitch = scaled.covariance_rad2[fine, 0, 0] / S1[0, 0]  # of which 65 % cannot be seen
    assert np.median(pitch) == pytest.approx(0.65 + 0.35 * times**2 / 2, rel=0.02)
    alone = R_WS.copy()
    alone[:, 1] = np.nan
    one = fuse_heads(alone, S, independent=times).covariance_rad2[:, 1, 1]
    assert one == pytest.approx(times**2 * S1[1, 1])  # yaw: nothing is shared


def test_three_students_say_nothing_of_the_cameras_distance() -> None:
    R_WS, S, who, _ = drawn_class(2.0, np.random.default_rng(9), n=3)
    assert scale_of_cameras(fuse_heads(R_WS, S), who) is None
    nobody = np.full((4, 2, 3, 3), np.nan)
    assert scale_of_cameras(fuse_heads(nobody, nobody), np.zeros(4, np.int64)) is None
