"""Was a camera bumped during the lesson, and when? And the relative pose again, from the people.

Matched noses obey the epipolar geometry of the rig. When a camera is bumped they stop doing so, all
at the same moment; a badly matched person, or one who changes seats, does so alone. :func:`watch`
looks for the moments at which many people change together, :func:`which_camera_moved` says whose
picture shifted, and :func:`recalibrate_from_people` solves the relative pose anew from the noses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from calibration.errors import CalibrationError
from calibration.rig import Rig
from calibration.transform import Array, Transform, rotation_exp, rotation_log
from calibration.verdict import Cause, Verdict

Moved = Literal["left", "right", "both", "neither"]


# -- the residual ----------------------------------------------------------------------------------
def epipolar_px(rig: Rig, uv_left: ArrayLike, uv_right: ArrayLike) -> Array:
    """Signed epipolar residual of matched points, (N, 2) pixels each → (N,) pixels.

    Sampson's first-order distance: 0 for a true match, and with the standard deviation of one
    coordinate's noise. NaN where a point is NaN.
    """
    x_L = _homogeneous(rig.left.undistort(uv_left))
    x_R = _homogeneous(rig.right.undistort(uv_right))
    return _sampson_px(x_L, x_R, rig.T_RL.R, rig.T_RL.t, rig.left.f_px, rig.right.f_px)


# -- watching --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class DriftEvent:
    """A moment at which the residuals of many people changed together.

    time_s : when, ± ``precision_s``. size : median over people of how much their residual changed,
    in the residual's unit (the norm, where it has several columns). p_value : how often a lesson
    without a bump shows as much. people : how many were seen before and after.
    """

    time_s: float
    precision_s: float
    size: float
    p_value: float
    people: int

    @property
    def confidence(self) -> float:
        """1 − p_value."""
        return 1 - self.p_value


@dataclass(frozen=True)
class Watch:
    """What :func:`watch` found. status ``unknown``: too few people or too short to tell."""

    status: Literal["steady", "moved", "unknown"]
    events: tuple[DriftEvent, ...]
    reason: str
    false_alarm: float
    people: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the quality file."""
        return {**vars(self), "events": [vars(e) for e in self.events]}


def watch(
    times_s: ArrayLike,
    residual: ArrayLike,
    person: ArrayLike,
    *,
    false_alarm: float = 0.01,
    smallest: float = 0.0,
    seed: int = 0,
) -> Watch:
    """Find the moments at which a camera was bumped.

    Each person's residual is averaged (median) over about 120 stretches of the lesson. At each
    boundary the ten stretches before are compared with the ten after, in units of how much that
    person's residual usually changes; the largest tenth of the people (at least one) is left out
    and the rest is averaged. A change counts when its height is beaten by fewer than
    ``false_alarm`` of surrogate lessons, in which every person's series is turned round by a random
    time of its own: that keeps how each one wanders and destroys only what they do together. What
    was found is masked, and the rest is searched again.

    Parameters
    ----------
    times_s : (N,) moments of the matches. person : (N,) who (whole numbers or names).
    residual : (N,) *signed* epipolar residual in degrees or pixels, or (N, D) any numbers that a
        bump would change (epipolar residual, height of the nose in the room, …).
    false_alarm : probability of an event in a lesson without one.
    smallest : changes below this (the residual's unit) are real but not worth an event. The whole
        class looking down to write moves the noses' bias together, by about a pixel.
    """
    t, r, who = _rows(times_s, residual, person)
    names, index = np.unique(who, return_inverse=True)

    def unknown(reason: str) -> Watch:
        return Watch("unknown", (), reason, false_alarm, len(names))

    if len(names) < 3:
        return unknown(f"{len(names)} people are matched, at least 3 are needed")
    duration = float(np.ptp(t))
    bin_s = float(np.clip(duration / 120, 1.0, 20.0))
    n_bins = int(duration / bin_s) + 1
    if n_bins < 16:
        return unknown(f"{duration:.0f} s are too short, at least 16 s are needed")
    edges = t.min() + np.arange(n_bins + 1) * bin_s
    series = _binned(np.digitize(t, edges) - 1, index, r, n_bins, len(names))
    rng = np.random.default_rng(seed)
    change, z = _changes(series)
    seen = np.isfinite(z).sum(1) >= 8
    change, z = change[seen], z[seen]
    if len(z) < 3:
        return unknown(f"{len(z)} people are matched for long enough, at least 3 are needed")
    events: list[DriftEvent] = []
    while True:
        height = _together(z)
        k = int(np.argmax(height))
        p = _p_value(z, float(height[k]), rng, false_alarm)
        if p > false_alarm:
            break
        size = np.linalg.norm(change[:, k], axis=-1)
        size = size[np.isfinite(size)]
        if np.median(size) >= smallest:
            event = DriftEvent(
                float(edges[k + 1]), bin_s, float(np.median(size)), p, int(size.size)
            )
            events.append(event)
        z[:, max(0, k - HALF_WINDOW) : k + HALF_WINDOW + 1] = np.nan
    events.sort(key=lambda e: e.time_s)
    return Watch("moved" if events else "steady", tuple(events), "", false_alarm, len(z))


@dataclass(frozen=True)
class PictureShift:
    """Whose picture moved: the median over people of the shift of their seats, pixels (2,) each."""

    moved: Moved
    left_px: Array
    right_px: Array
    sigma_left_px: float
    sigma_right_px: float
    people: int


def which_camera_moved(
    times_s: ArrayLike,
    person: ArrayLike,
    uv_left: ArrayLike,
    uv_right: ArrayLike,
    event_s: float,
    *,
    window_s: float = 300.0,
    smallest_px: float = 4.0,
) -> PictureShift:
    """Say which camera was bumped at ``event_s``: people stay in their seats, pictures do not.

    uv_* : (N, 2) matched noses. Compares each person's median place in the ``window_s`` before and
    after; a camera moved where the median shift over people exceeds 4 σ and ``smallest_px``.
    """
    t = np.asarray(times_s, np.float64).ravel()
    who = np.asarray(person).ravel()
    before = (t < event_s) & (t > event_s - window_s)
    after = (t > event_s) & (t < event_s + window_s)
    shifts = []
    for name in np.unique(who):
        a, b = before & (who == name), after & (who == name)
        if a.sum() >= 3 and b.sum() >= 3:
            shifts.append(
                [
                    np.nanmedian(np.asarray(uv, np.float64)[b], 0)
                    - np.nanmedian(np.asarray(uv, np.float64)[a], 0)
                    for uv in (uv_left, uv_right)
                ]
            )
    if len(shifts) < 3:
        nothing = np.full(2, np.nan)
        return PictureShift("neither", nothing, nothing, np.nan, np.nan, len(shifts))
    d = np.array(shifts)  # (P, camera, 2)
    middle = np.median(d, 0)
    spread = 1.4826 * np.median(np.abs(d - middle), 0).max(1)
    sigma = 1.2533 * spread / np.sqrt(len(d))
    moved = np.linalg.norm(middle, axis=1) > np.maximum(4 * sigma, smallest_px)
    which: Moved = (
        "both" if moved.all() else "left" if moved[0] else "right" if moved[1] else "neither"
    )
    return PictureShift(which, middle[0], middle[1], float(sigma[0]), float(sigma[1]), len(shifts))


# -- solving again ---------------------------------------------------------------------------------
#: What a bump may do: turn a camera by some degrees, shove it by some centimetres (1 σ).
BUMP_DEG, BUMP_M = 5.0, 0.03
MOST_POINTS = 4000
CAUCHY = 2.385  # the loss's width in σ: 95 % efficient for Gaussian noise


def recalibrate_from_people(
    rig: Rig,
    uv_left: ArrayLike,
    uv_right: ArrayLike,
    person: ArrayLike,
    *,
    sigma_px: ArrayLike | None = None,
    moved: Moved | None = None,
    seed: int = 0,
) -> tuple[Rig, Verdict]:
    """Solve the relative pose again from matched nose points; lenses held, baseline length held.

    Minimises the robust epipolar (Sampson) residual over rotation and direction of the baseline,
    with the old pose ± a bump (5°, 3 cm) as prior. Points cannot say how long the baseline is: it
    stays, with the old rig's uncertainty and that of the shove. People whose matches are wrong as a
    whole are left out and named. The covariance treats each *person* as one observation (sandwich),
    because a person's nose is found with an error of its own; lens errors are propagated from the
    old rig's covariance.

    Parameters
    ----------
    uv_left, uv_right : (N, 2) pixels, matched noses of moments *after* the bump.
    person : (N,) who. sigma_px : (N,) noise of the points; only ratios matter.
    moved : which camera was bumped (:func:`which_camera_moved`). ``left``: the auxiliary board is
        carried over from the right camera; ``both``: the rig loses its world; None: ``right``, and
        the verdict warns.

    Returns
    -------
    rig : with its own covariance, verdict and ``quality["people"]``.
    verdict : never PASS, because errors that all people share cannot be seen from inside. FAIL
        where people are too few or sit so that they do not determine the pose.

    Raises
    ------
    CalibrationError : arrays that do not fit, or fewer than 20 matches.
    """
    uL, uR = np.asarray(uv_left, np.float64), np.asarray(uv_right, np.float64)
    who = np.asarray(person).ravel()
    if uL.shape != uR.shape or uL.ndim != 2 or uL.shape[1:] != (2,) or len(who) != len(uL):
        raise CalibrationError(
            "matched points must be (N, 2), (N, 2) and (N,)",
            found=f"{uL.shape}, {uR.shape} and {who.shape}",
        )
    sigma = np.ones(len(uL)) if sigma_px is None else np.asarray(sigma_px, np.float64).ravel()
    finite = np.isfinite(uL).all(1) & np.isfinite(uR).all(1) & np.isfinite(sigma) & (sigma > 0)
    known = np.flatnonzero(finite)
    if len(known) < 20:
        raise CalibrationError("too few matched noses", found=len(known), expected="at least 20")
    chosen = _balanced(known, who, np.random.default_rng(seed))
    names, cluster = np.unique(who[chosen], return_inverse=True)
    problem = _Problem(
        rig,
        uL[chosen],
        uR[chosen],
        sigma[chosen] / np.median(sigma[chosen]),
        cluster,
        moved or "right",
    )

    # whoever is matched wrongly as a whole has a residual far above everybody's
    keep = np.ones(len(chosen), bool)
    for _ in range(2):
        theta = problem.solve(keep)
        r = np.abs(problem.residual(theta))
        each = np.array([np.median(r[cluster == c]) for c in range(len(names))])
        usual = max(float(np.median(each)), 1e-6)
        good = each < 4 * usual
        keep = good[cluster]
    theta = problem.solve(keep)
    left_out = [str(n) for n in names[~good]]
    cov6, S = problem.covariance(theta, keep)
    T_RL = problem.pose(theta)

    new = _moved_rig(rig, T_RL, moved or "right")
    new = replace(new, covariance=_covariance(rig, new, cov6, S, moved or "right"))
    holdout = _holdout_px(problem, keep)
    before = problem.residual(np.zeros(6))[keep]
    position_cm = _position_sigma_cm(problem, new, cov6, keep)
    quality: dict[str, Any] = {
        "people": int(good.sum()),
        "matches": int(keep.sum()),
        "left_out": left_out,
        "rms_px": _robust_rms(problem.residual(theta)[keep]),
        "holdout_px": holdout,
        "before_px": _robust_rms(before),
        "turned_deg": float(np.degrees(np.linalg.norm(theta[:3]))),
        "shifted_cm": float(100 * np.linalg.norm(theta[3:])),
        "rotation_sigma_deg": float(np.degrees(np.sqrt(np.linalg.eigvalsh(cov6[:3, :3])[-1]))),
        "translation_sigma_cm": float(100 * np.sqrt(np.linalg.eigvalsh(cov6[3:, 3:])[-1])),
        "position_sigma_cm": position_cm,
        "moved": moved,
    }
    verdict = _judge(quality)
    new = replace(
        new,
        verdict=verdict,
        quality={**rig.quality, "people": quality},
        inputs={**rig.inputs, "recalibrated": "from people"},
    )
    return new, verdict


# -- inside watch ----------------------------------------------------------------------------------
def _rows(times_s: ArrayLike, residual: ArrayLike, person: ArrayLike) -> tuple[Array, Array, Any]:
    t = np.asarray(times_s, np.float64).ravel()
    r = np.asarray(residual, np.float64)
    r = r[:, None] if r.ndim == 1 else r
    who = np.asarray(person).ravel()
    if not len(t) == len(r) == len(who):
        raise CalibrationError(
            "times, residuals and people do not fit", found=f"{len(t)}, {len(r)}, {len(who)} rows"
        )
    ok = np.isfinite(t) & np.isfinite(r).all(1)
    return t[ok], r[ok], who[ok]


def _binned(
    which: NDArray[np.int_], index: NDArray[np.intp], r: Array, n_bins: int, n_people: int
) -> Array:
    """(people, bins, D) medians; NaN where a person has no match in a bin."""
    out = np.full((n_people, n_bins, r.shape[1]), np.nan)
    key = index * n_bins + which
    order = np.argsort(key, kind="stable")
    cells, starts = np.unique(key[order], return_index=True)
    for cell, rows in zip(cells, np.split(order, starts[1:]), strict=True):
        out[cell // n_bins, cell % n_bins] = np.median(r[rows], 0)
    return out


HALF_WINDOW = 10  # stretches before and after a boundary that are compared


def _changes(series: Array) -> tuple[Array, Array]:
    """How each person's residual changes at each boundary between stretches.

    series : (P, B, D). Returns (P, B−1, D) changes of the mean over HALF_WINDOW stretches, NaN
    where fewer than three are known on a side, and (P, B−1) the same in the person's own usual
    change (the norm over D, over √D).
    """
    known = np.isfinite(series)
    n = np.cumsum(np.concatenate([np.zeros_like(known[:, :1], int), known], 1), 1)
    x = np.cumsum(
        np.concatenate([np.zeros_like(series[:, :1]), np.where(known, series, 0.0)], 1), 1
    )
    B = series.shape[1]
    k = np.arange(1, B)
    first, last = np.maximum(k - HALF_WINDOW, 0), np.minimum(k + HALF_WINDOW, B)
    n1, n2 = n[:, k] - n[:, first], n[:, last] - n[:, k]
    with np.errstate(invalid="ignore", divide="ignore"):
        change = (x[:, last] - x[:, k]) / n2 - (x[:, k] - x[:, first]) / n1
        change[(n1 < 3) | (n2 < 3)] = np.nan
        z = change / np.sqrt(1 / n1 + 1 / n2)
    z = z / _nanmedian(np.abs(z))
    return change, np.sqrt((z**2).mean(-1))


def _nanmedian(x: Array) -> Array:
    """Median over axis 1, kept; NaN where nothing is known or nothing varies."""
    ordered = np.sort(x, 1)  # NaN last
    n = np.isfinite(x).sum(1, keepdims=True)
    middle = np.take_along_axis(ordered, np.maximum(n // 2, 0).clip(max=x.shape[1] - 1), 1)
    return np.where((n > 0) & (middle > 0), middle, np.nan)


def _together(z: Array) -> Array:
    """(..., P, K) → (..., K): mean log(1 + z²) over people without the largest tenth of them."""
    known = np.isfinite(z)
    people = known.sum(-2)
    ordered = -np.sort(-np.where(known, np.log1p(z**2), -1.0), axis=-2)
    dropped = np.maximum(1, np.ceil(0.1 * people)).astype(int)
    rank = np.arange(z.shape[-2])[:, None]
    used = (rank >= dropped[..., None, :]) & (ordered >= 0)
    count = used.sum(-2)
    total = np.where(used, ordered, 0.0).sum(-2)
    return np.asarray(np.where(count >= 2, total / np.maximum(count, 1), 0.0))


def _p_value(z: Array, height: float, rng: np.random.Generator, false_alarm: float) -> float:
    """How often rows turned round independently reach ``height`` anywhere."""
    n = int(np.ceil(5 / false_alarm)) - 1
    P, K = z.shape
    beaten = 0
    for begin in range(0, n, 50):
        m = min(50, n - begin)
        index = (np.arange(K)[None, None] + rng.integers(0, K, (m, P))[..., None]) % K
        surrogate = z[np.arange(P)[None, :, None], index]
        beaten += int((_together(surrogate).max(-1) >= height).sum())
        if beaten > 10 * false_alarm * n:  # clearly nothing: no need to know it better
            return (1 + beaten) / (1 + begin + m)
    return (1 + beaten) / (1 + n)


# -- inside recalibrate ----------------------------------------------------------------------------
def _homogeneous(xy: Array) -> Array:
    return np.concatenate([xy, np.ones((*xy.shape[:-1], 1))], -1)


def _cross(t: Array) -> Array:
    return np.array([[0, -t[2], t[1]], [t[2], 0, -t[0]], [-t[1], t[0], 0]])


def _sampson_px(x_L: Array, x_R: Array, R: Array, t: Array, f_L: float, f_R: float) -> Array:
    """x_Rᵀ [t]ₓ R x_L over the norm of its gradient, in pixels of one coordinate's noise."""
    E = _cross(t / np.linalg.norm(t)) @ R
    in_R, in_L = x_L @ E.T, x_R @ E
    gradient = (in_R[:, :2] ** 2).sum(1) / f_R**2 + (in_L[:, :2] ** 2).sum(1) / f_L**2
    return np.asarray((x_R * in_R).sum(1) / np.sqrt(gradient))


@dataclass(frozen=True)
class _Problem:
    """Residuals and prior in θ: how the moved camera turned (3, rad) and was shoved (3, m)."""

    rig: Rig
    uv_L: Array
    uv_R: Array
    sigma: Array
    cluster: NDArray[np.intp]
    moved: Moved
    _x_L: Array = field(init=False)
    _x_R: Array = field(init=False)

    def __post_init__(self) -> None:
        # undistorted once: the lenses are held
        object.__setattr__(self, "_x_L", _homogeneous(self.rig.left.undistort(self.uv_L)))
        object.__setattr__(self, "_x_R", _homogeneous(self.rig.right.undistort(self.uv_R)))

    @property
    def prior_sigma(self) -> Array:
        """1 σ of θ before looking: a bump (two, if both moved) and the old baseline's own σ."""
        old = 0.0
        if self.rig.covariance is not None:
            i = self.rig.parameter_names.index("t_RL.x")
            u = self.rig.T_RL.t / self.rig.baseline_m
            old = float(np.sqrt(u @ np.asarray(self.rig.covariance)[i : i + 3, i : i + 3] @ u))
        both = np.sqrt(2) if self.moved == "both" else 1.0
        shove = np.hypot(both * BUMP_M, old)
        return np.array([*[both * np.radians(BUMP_DEG)] * 3, *[shove] * 3])

    def pose(self, theta: Array) -> Transform:
        """T_RL after the moved camera (right, unless it was the left) made the movement θ."""
        R, t = rotation_exp(theta[:3]), theta[3:]  # the camera's new pose in its old frame
        if self.moved == "left":
            return self.rig.T_RL @ Transform(R, t, "L", "L")
        return Transform(R, t, "R", "R").inverse() @ self.rig.T_RL

    def residual(self, theta: Array, lenses: Rig | None = None) -> Array:
        """(N,) epipolar residuals in pixels of a point of ordinary noise."""
        if lenses is None:
            x_L, x_R = self._x_L, self._x_R
        else:
            x_L = _homogeneous(lenses.left.undistort(self.uv_L))
            x_R = _homogeneous(lenses.right.undistort(self.uv_R))
        T = self.pose(theta)
        f_L, f_R = self.rig.left.f_px, self.rig.right.f_px
        return _sampson_px(x_L, x_R, T.R, T.t, f_L, f_R) / self.sigma

    def solve(self, keep: NDArray[np.bool_]) -> Array:
        """θ that minimises the robust sum over the kept rows and the prior."""
        theta = np.zeros(6)
        for scale in (30.0, 10.0, None, None):
            r = self.residual(theta)
            s = scale or max(_robust_rms(r[keep]), 0.1)
            share = np.sqrt(self._share(r, keep)[keep])

            def cost(x: Array, s: float = s, share: Array = share) -> Array:
                # Cauchy, written as residuals, because the prior must stay quadratic
                r = self.residual(x)[keep] / (CAUCHY * s)
                robust = CAUCHY * np.sign(r) * np.sqrt(np.log1p(r * r))
                return np.concatenate([share * robust, x / self.prior_sigma])

            theta = least_squares(cost, theta, x_scale=self.prior_sigma, method="lm").x
        return np.asarray(theta)

    def _share(self, r: Array, keep: NDArray[np.bool_]) -> Array:
        """(N,) how much of an independent observation each row is: 1 / (1 + (n − 1) ρ).

        n rows of a person share that person's own error; ρ is its part of the variance.
        """
        n = np.bincount(self.cluster[keep], minlength=int(self.cluster.max()) + 1)
        seen = np.flatnonzero(n >= 2)
        if len(seen) < 3:
            return np.ones(len(r))
        rows = [r[keep & (self.cluster == c)] for c in seen]
        middles = np.array([np.median(x) for x in rows])
        within = np.median([_robust_rms(x - m) for x, m in zip(rows, middles, strict=True)]) ** 2
        between = max(_robust_rms(middles) ** 2 - within * np.mean(1.57 / n[seen]), 0.0)
        rho = between / max(between + within, 1e-12)
        return np.asarray(1 / (1 + np.maximum(n[self.cluster] - 1, 0) * rho))

    def covariance(self, theta: Array, keep: NDArray[np.bool_]) -> tuple[Array, Array]:
        """(6, 6) of T_RL's (δ, t) at θ, people as clusters; (6, lenses) how it follows the lenses.

        The sandwich H⁻¹ G H⁻¹, G from how much people really disagree; with fewer than 12, who make
        it too small, in every direction the larger of it and H⁻¹.
        """
        full = self.residual(theta)
        r = full[keep]
        s = max(_robust_rms(r), 1e-6)
        w = self._share(full, keep)[keep] / (1 + (r / (CAUCHY * s)) ** 2) / s**2
        J = _jacobian(lambda x: self.residual(x)[keep], theta, np.full(6, 1e-5))
        P = np.diag(1 / self.prior_sigma**2)
        H_inv = np.linalg.inv((J * w[:, None]).T @ J + P)
        scores = np.zeros((int(self.cluster.max()) + 1, 6))
        np.add.at(scores, self.cluster[keep], J * (w * r)[:, None])
        people = len(np.unique(self.cluster[keep]))
        G = scores.T @ scores * people / max(people - 5, 1) + P
        old = self.pose(theta)

        def as_pose(x: Array) -> Array:
            T = self.pose(x)
            return np.concatenate([rotation_log(old.R.T @ T.R), T.t])

        M = _jacobian(as_pose, theta, np.full(6, 1e-6))
        n_lens = self.rig.left.distortion.size + self.rig.right.distortion.size + 8
        names = self.rig.parameter_names
        steps = np.array([1e-2 if n.split(".")[1][0] in "fc" else 1e-5 for n in names[:n_lens]])
        padding = np.zeros(len(names) - n_lens)

        def with_lenses(d: Array) -> Array:
            return self.residual(theta, self.rig.perturbed(np.concatenate([d, padding])))[keep]

        J_lens = _jacobian(with_lenses, np.zeros(n_lens), steps)
        S = -H_inv @ (J * w[:, None]).T @ J_lens
        cov = np.asarray(H_inv @ G @ H_inv, np.float64)
        if people < 12:
            cov = _larger(np.asarray(H_inv, np.float64), cov)
        return M @ cov @ M.T, M @ S


def _larger(A: Array, B: Array) -> Array:
    """The smallest covariance that is nowhere below A, and not below B in A's and B's own axes."""
    L = np.linalg.cholesky(A)
    inverse = np.linalg.inv(L)
    values, axes = np.linalg.eigh(inverse @ B @ inverse.T)
    F = L @ axes
    return np.asarray((F * np.maximum(values, 1.0)) @ F.T)


def _jacobian(f: Callable[[Array], Array], at: Array, steps: Array) -> Array:
    """Central differences, (len f, len at)."""
    columns = []
    for k, h in enumerate(steps):
        d = np.zeros(len(at))
        d[k] = h
        columns.append((f(at + d) - f(at - d)) / (2 * h))
    return np.column_stack(columns)


def _robust_rms(r: Array) -> float:
    return float(1.4826 * np.median(np.abs(r)))


def _balanced(rows: NDArray[np.intp], who: Any, rng: np.random.Generator) -> NDArray[np.intp]:
    """At most MOST_POINTS rows, as many of each person as of any other as far as there are."""
    if len(rows) <= MOST_POINTS:
        return rows
    shuffled = rng.permutation(rows)
    rank = np.zeros(len(shuffled), np.int64)  # the how-manieth of this person
    for name in np.unique(who[shuffled]):
        mine = np.flatnonzero(who[shuffled] == name)
        rank[mine] = np.arange(len(mine))
    return np.sort(shuffled[np.argsort(rank, kind="stable")[:MOST_POINTS]])


def _moved_rig(rig: Rig, T_RL: Transform, moved: Moved) -> Rig:
    """The rig with the new pair, and the world carried by the camera that stayed."""
    if rig.T_AL is None:
        return replace(rig, T_RL=T_RL, covariance=None)
    if moved == "both":
        return replace(rig, T_RL=T_RL, T_AL=None, T_WA=None, covariance=None)
    if moved == "left":  # new left → right → where left stood → A
        return replace(rig, T_RL=T_RL, T_AL=rig.T_AL @ rig.T_LR @ T_RL, covariance=None)
    return replace(rig, T_RL=T_RL, covariance=None)


def _covariance(old: Rig, new: Rig, cov6: Array, S: Array, moved: Moved) -> Array | None:
    """The new rig's covariance: the old one through the change, plus that of the new pose."""
    if old.covariance is None:
        return None
    C = np.asarray(old.covariance, np.float64)
    n_old, n_lens = len(old.parameter_names), S.shape[1]

    def new_delta(delta: Array, eta: Array) -> Array:
        """The new rig's parameters' change for changes of the old one's and of the new pose."""
        moved_old = old.perturbed(delta)
        d6 = S @ delta[:n_lens] + eta
        T_RL = Transform(new.T_RL.R @ rotation_exp(d6[:3]), new.T_RL.t + d6[3:], "R", "L")
        other = _moved_rig(moved_old, T_RL, moved)
        parts = [delta[:n_lens]]
        for a, b in ((new.T_RL, other.T_RL), (new.T_AL, other.T_AL), (new.T_WA, other.T_WA)):
            if a is not None and b is not None:
                parts += [rotation_log(a.R.T @ b.R), b.t - a.t]
        return np.concatenate(parts)

    steps = np.concatenate([np.sqrt(np.maximum(np.diag(C), 1e-16)), np.full(6, 1e-5)]) * 1e-3
    J = _jacobian(lambda d: new_delta(d[:n_old], d[n_old:]), np.zeros(n_old + 6), steps)
    full = np.zeros((n_old + 6, n_old + 6))
    full[:n_old, :n_old], full[n_old:, n_old:] = C, cov6
    out = J @ full @ J.T
    return np.asarray((out + out.T) / 2)


def _holdout_px(problem: _Problem, keep: NDArray[np.bool_]) -> float | None:
    """Residual of people that the solve has not seen, five folds of whole people."""
    cluster = problem.cluster
    if len(np.unique(cluster[keep])) < 10:
        return None
    r = np.full(len(cluster), np.nan)
    for fold in range(5):
        held = keep & (cluster % 5 == fold)
        r[held] = problem.residual(problem.solve(keep & ~held))[held]
    return _robust_rms(r[keep & np.isfinite(r)])


def _position_sigma_cm(
    problem: _Problem, new: Rig, cov6: Array, keep: NDArray[np.bool_]
) -> float | None:
    """Median over matches of the 1 σ of a person's place that the new pose causes."""
    rows = np.flatnonzero(keep)[:: max(1, int(keep.sum()) // 200)]
    x_L, x_R = problem._x_L[rows], problem._x_R[rows]

    def places(d: Array) -> Array:
        R, t = new.T_RL.R @ rotation_exp(d[:3]), new.T_RL.t + d[3:]
        # the point of the left ray nearest to the right one: z of a x_L R + t = b x_R
        a, b = x_L @ R.T, -x_R
        aa, ab, bb = (a * a).sum(1), (a * b).sum(1), (b * b).sum(1)
        at, bt = -(a @ t), -(b @ t)
        z = (at * bb - bt * ab) / (aa * bb - ab * ab)
        out: Array = x_L * z[:, None]
        return out

    J = _jacobian(lambda d: places(d).ravel(), np.zeros(6), np.full(6, 1e-6)).reshape(-1, 3, 6)
    var = np.einsum("nij,jk,nik->n", J, cov6, J)
    return float(100 * np.sqrt(np.median(var)))


def _judge(q: dict[str, Any]) -> Verdict:
    """WARN at best. FAIL: too few, undetermined, or people who do not agree with the new pose."""
    board = "Calibrate again with the board."
    causes = [
        Cause(
            "recalibrated_from_people",
            "WARN",
            f"the pose was solved from {q['people']} people: the {q['moved'] or 'right'} camera "
            f"turned {q['turned_deg']:.2f}° and moved {q['shifted_cm']:.1f} cm; what "
            "all people share (how a nose is found from each side) cannot be seen from inside",
            board,
        )
    ]

    def add(code: str, severity: Literal["WARN", "FAIL"], message: str, action: str) -> None:
        causes.append(Cause(code, severity, message, action))

    if q["people"] < 6:
        add("people_too_few", "FAIL", f"{q['people']} people are too few, 6 are needed", board)
    elif q["people"] < 10:
        add("people_few", "WARN", f"{q['people']} people say little about their own errors", board)
    s = q["rotation_sigma_deg"]
    if s > 0.25:
        add(
            "people_do_not_determine_pose",
            "FAIL" if s > 0.5 else "WARN",
            f"the relative rotation is known to {s:.2f}° only: people sit in too small a part of "
            "the pictures, or too much in one line or plane",
            board,
        )
    if q["turned_deg"] < 2 * s and q["people"] >= 6:
        add(
            "people_no_better",
            "WARN",
            f"the turn that was found ({q['turned_deg']:.2f}°) is hardly larger than what people "
            f"can tell (± {s:.2f}°): the old calibration may be as good",
            "Compare both, or calibrate again with the board.",
        )
    p = q["position_sigma_cm"]
    if p is not None and p > 5:
        add(
            "people_positions_uncertain",
            "FAIL" if p > 20 else "WARN",
            f"people's places are known to {p:.0f} cm only",
            board,
        )
    hold = q["holdout_px"]
    if hold is not None and hold > 1.3 * q["rms_px"] + 0.5:
        add(
            "people_disagree",
            "FAIL" if hold > 2 * q["rms_px"] + 2 else "WARN",
            f"people who were left out are {hold:.1f} px off their lines, those who were used "
            f"{q['rms_px']:.1f} px",
            "Use a longer part of the lesson.",
        )
    if q["rms_px"] > 0.8 * q["before_px"] and q["before_px"] > 6:
        add(
            "people_not_explained",
            "FAIL",
            f"no pose explains the matches: {q['before_px']:.1f} px before, {q['rms_px']:.1f} px "
            "after; are the same people matched in both pictures?",
            board,
        )
    if q["turned_deg"] > 3 * BUMP_DEG or q["shifted_cm"] > 3 * 100 * BUMP_M:
        add(
            "moved_too_far",
            "FAIL",
            f"a camera moved by {q['turned_deg']:.0f}° and {q['shifted_cm']:.0f} cm: that is no "
            "bump",
            board,
        )
    if q["left_out"]:
        add(
            "people_left_out",
            "WARN",
            f"{len(q['left_out'])} people's matches do not fit and were left out: "
            + ", ".join(q["left_out"]),
            "Check who is who in both pictures.",
        )
    if q["moved"] is None:
        add(
            "moved_camera_unknown",
            "WARN",
            "which camera was bumped was not said: the left one is taken to have stayed, and the "
            "blackboard with it",
            "Look at the pictures before and after, and say which one moved.",
        )
    return Verdict(tuple(causes))
