"""Two cameras' heads → one, on SO(3), weighted with their covariances (docs/conventions.md 3).

Two estimates of one head by one network are not independent: where the network is wrong about a
face (how far this person's "level" is from the average one's), it is wrong in both cameras alike.
Measured on simulated lessons, 24 seats (tests/benchmarks/two_cameras.py): the errors of pitch
correlate by 0.65 between the cameras, those of yaw do not (the cameras see opposite sides of the
face), those of roll by 0.3, but they are small. So pitch gains little from a second camera, and the
fused covariance says so. Where the two still differ by more than their covariances allow, the
answer's covariance is widened by how much they differ, and where they contradict each other it says
so. How far they lie apart over a lesson says how large errors are that they do not share
(:func:`scale_of_cameras`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from calibration.shapes import shapes
from calibration.transform import Array, rotation_exp, rotation_log
from gaze.room.scale import Scale, scale_of_sigma

# Correlation of the two cameras' errors about the head's own x, y, z (pitch, yaw, roll).
COMMON = (0.65, 0.0, 0.0)
# The same where one half of the face is hidden: both cameras are drawn to the open one.
COMMON_HALF_HIDDEN = (0.65, 0.65, 0.0)
CONSISTENT_P = 0.05  # a χ² less likely than this widens the covariance
CONTRADICTION_P = 1e-4  # and one less likely than this, and far apart, is a contradiction
CONTRADICTION_DEG = 25.0


@dataclass(frozen=True)
class FusedHeads:
    """One head for each of N student-moments.

    R_WS : (N, 3, 3); NaN where no camera has one. covariance_rad2 : (N, 3, 3) of δ in
    ``R exp(δ)``. chi2 : (N,) squared Mahalanobis distance between the cameras by the σ as stated, 3
    degrees of freedom; NaN unless both. chi2_aim : (N,) the same of pitch and yaw alone, 2 degrees
    of freedom: what a gaze point depends on. apart_deg : (N,) angle between them. contradiction :
    (N,) they cannot both be right. share : (N, 2) how much of the answer comes from each camera.
    """

    R_WS: Array
    covariance_rad2: Array
    chi2: Array
    chi2_aim: Array
    apart_deg: Array
    contradiction: NDArray[np.bool_]
    share: Array


@shapes(R_WS="n 2 3 3", covariance_rad2="n 2 3 3")
def fuse_heads(
    R_WS: Array,
    covariance_rad2: Array,
    *,
    common: tuple[float, float, float] = COMMON,
    half_hidden: NDArray[np.bool_] | None = None,
    independent: float = 1.0,
) -> FusedHeads:
    """Fuse N heads seen by up to two cameras.

    R_WS : (N, 2, 3, 3), covariance_rad2 : (N, 2, 3, 3), camera axis second; NaN = not seen.
    common : correlation of the two cameras' errors about the head's own x, y, z. half_hidden : (N,)
    half of the face is hidden, all lesson long; they have a correlation of their own. independent :
    factor of the σ of what the cameras do not err alike in (:func:`scale_of_cameras`); what they
    share cannot be seen in how they differ, and stays as stated.

    With δ = log(R₁ᵀ R₂) and C₁₂ the covariance between the errors, the answer is
    ``R₁ exp(W δ)``, W = (Σ₁ − C₁₂)(Σ₁ + Σ₂ − C₁₂ − C₁₂ᵀ)⁻¹, with covariance Σ₁ − W (Σ₁ − C₁₂)ᵀ:
    generalised least squares for two correlated errors.
    """
    n = len(R_WS)
    seen: NDArray[np.bool_] = np.asarray(
        np.isfinite(R_WS).all((-1, -2)) & np.isfinite(covariance_rad2).all((-1, -2))
    )
    same = np.tile(common, (n, 1))
    if half_hidden is not None:
        same[half_hidden] = COMMON_HALF_HIDDEN
    covariance_rad2, same = _scaled(covariance_rad2, same, seen, independent)
    R = np.full((n, 3, 3), np.nan)
    covariance = np.full((n, 3, 3), np.nan)
    for c in (0, 1):
        alone = seen[:, c] & ~seen[:, 1 - c]
        R[alone], covariance[alone] = R_WS[alone, c], covariance_rad2[alone, c]
    distance: Array = np.full(n, np.nan)
    aim: Array = np.full(n, np.nan)
    apart: Array = np.full(n, np.nan)
    contradiction = np.zeros(n, np.bool_)
    share: Array = np.asarray(seen, np.float64)
    both = seen.all(1)
    if both.any():
        R1, S1 = R_WS[both, 0], covariance_rad2[both, 0]
        delta = rotation_log(np.swapaxes(R1, -1, -2) @ R_WS[both, 1])
        # Σ₂ lives in camera 2's S axes, which are turned by δ: bring it to camera 1's
        turn = rotation_exp(delta)
        S2 = turn @ covariance_rad2[both, 1] @ np.swapaxes(turn, -1, -2)
        C = _between_cameras(S1, S2, same[both])
        difference = S1 + S2 - C - np.swapaxes(C, -1, -2)
        W2 = np.swapaxes(np.linalg.solve(difference, np.swapaxes(S1 - C, -1, -2)), -1, -2)
        move = (W2 @ delta[..., None])[..., 0]
        fused = S1 - W2 @ np.swapaxes(S1 - C, -1, -2)
        d2 = np.einsum("ni,ni->n", delta, np.linalg.solve(difference, delta[..., None])[..., 0])
        # Too far apart: how far either lies from the fused answer says how wrong both may be.
        odd = d2 > chi2.ppf(1 - CONSISTENT_P, 3)
        spread = np.einsum("ni,nj->nij", delta, delta) / 4
        fused = np.where(odd[:, None, None], fused + spread, fused)
        R[both] = R1 @ rotation_exp(move)
        # δ was taken in camera 1's axes; the answer's own are turned by `move`
        back = rotation_exp(-move)
        covariance[both] = back @ fused @ np.swapaxes(back, -1, -2)
        distance[both] = d2 * independent**2
        aim_delta = np.linalg.solve(difference[:, :2, :2], delta[:, :2, None])[..., 0]
        aim[both] = independent**2 * np.einsum("ni,ni->n", delta[:, :2], aim_delta)
        second = np.trace(W2, axis1=-2, axis2=-1) / 3
        share[both] = np.stack([1 - second, second], -1)
        apart[both] = np.degrees(np.linalg.norm(delta, axis=-1))
        contradiction[both] = (d2 > chi2.ppf(1 - CONTRADICTION_P, 3)) & (
            apart[both] > CONTRADICTION_DEG
        )
    return FusedHeads(R, covariance, distance, aim, apart, contradiction, share)


def _scaled(
    covariance_rad2: Array, common: Array, seen: NDArray[np.bool_], independent: float
) -> tuple[Array, Array]:
    """Covariances (N, 2, 3, 3) whose independent part has ``independent`` times its σ, and what
    share (N, 3) of them the cameras then have in common.

    ``L (P + f² (1 − P)) Lᵀ`` with L the Cholesky factor and P the correlations: the
    cross-covariance, ``L₁ P L₂ᵀ``, stays what it was.
    """
    kept = common + independent**2 * (1 - common)
    out = covariance_rad2.copy()
    L = np.linalg.cholesky(covariance_rad2[seen])
    D = np.broadcast_to(kept[:, None], (*seen.shape, 3))[seen]
    out[seen] = (L * D[:, None]) @ np.swapaxes(L, -1, -2)
    return out, common / kept


def scale_of_cameras(heads: FusedHeads, student: NDArray[np.int64]) -> Scale | None:
    """How far the two cameras' heads lie apart in units of what their stated σ allows; None with
    fewer than four students in both.

    heads : fused by the σ as stated. student : (N,) whose. Pitch and yaw alone are looked at, each
    student counts alike, and half of the moments lie within the middle: a few that contradict each
    other hardly count.
    """
    known = np.isfinite(heads.chi2_aim)
    who = student[known]
    each = 1 / np.bincount(who)[who] if len(who) else np.zeros(0)
    return scale_of_sigma(heads.chi2_aim[known], who, each, share=0.5, dof=2)


def _between_cameras(S1: Array, S2: Array, common: Array) -> Array:
    """Cross-covariance (N, 3, 3) of the two cameras' errors, of correlations (N, 3).

    ``L₁ P L₂ᵀ`` with L the Cholesky factors: a valid covariance whatever the two are. No
    correlation is let beyond 0.9 of the ratio of the two σ: past that the better camera would be
    corrected *away* from the worse one, which no measured correlation is exact enough for.
    """
    L1, L2 = np.linalg.cholesky(S1), np.linalg.cholesky(S2)
    ratio = np.diagonal(L1, axis1=-2, axis2=-1) / np.diagonal(L2, axis1=-2, axis2=-1)
    P = np.minimum(common, 0.9 * np.minimum(ratio, 1 / ratio))
    return np.asarray((L1 * P[:, None, :]) @ np.swapaxes(L2, -1, -2))


@shapes(R_WS="n 3 3", covariance_rad2="n 3 3")
def angle_sigmas_deg(R_WS: Array, covariance_rad2: Array) -> Array:
    """σ of pitch, yaw, roll (N, 3) degrees from the covariance of δ, by differences."""
    from gaze.room.geometry import head_angles_deg

    step = 1e-4
    J = np.stack(
        [
            _turned(
                head_angles_deg(R_WS @ rotation_exp(step * e))
                - head_angles_deg(R_WS @ rotation_exp(-step * e))
            )
            / (2 * step)
            for e in np.eye(3)
        ],
        -1,
    )
    return np.asarray(np.sqrt(np.einsum("nij,njk,nik->ni", J, covariance_rad2, J)))


def _turned(difference_deg: Array) -> Array:
    """Differences of angles within ±180°: a pitch of 179.9° and one of −179.9° are 0.2° apart."""
    return np.asarray((difference_deg + 180.0) % 360.0 - 180.0)
