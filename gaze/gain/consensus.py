"""Each student's constant error, from moments when the class looks at one place.

Heads of a class that follows one thing should point to one place. Where one student's head points
beside it all lesson long, part of that is the network's constant error for this face. One model of
the whole lesson separates it from everything else: at each moment (a bin of BIN_S) a place at which
the class looks, unknown; a head turns the share ``s`` of the way to it from a rest ``b``, the
class's own, per axis; a student's offset ``o`` from that, of the class's spread τ; the rest is new
in every bin, and some heads follow something else. Angles as in gaze/gain/angles.py.

What it cannot do: an error that all share lies in ``b`` and stays (one marked point for all removes
it); and a student who *holds* the head off shows the same offset as one whom the network misses, so
that only the share of ``o`` is taken that the network's stated error explains. A student's offset
is used only where it brings the head nearer to the others' place at moments left out of its fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.gain.angles import angles_jacobian, angles_of, meet, towards
from sessions.config import Blackboard

# Of the variance of a head's error, measured on rendered lessons: what stays with a student for the
# lesson, and what comes with a pose of the head. The rest is new at every moment.
CONSTANT, LASTING = 0.5, 0.33
BIN_S = 2.0
STILL_DEG = 2.0  # a head that turns more within a bin is under way
LEAST_STUDENTS = 4
LEAST_BINS = 20
FOLDS = 4
LOOK_BINS = 2.0  # a look lasts about so many bins: they are one observation
CLASS_REST_DEG, CLASS_SHARE = 5.0, (0.85, 0.15)  # what is known of b and s beforehand
NOBODYS = 0.3  # share of heads that follow something else, to begin with
FIELD_DEG2 = 80.0 * 50.0  # and the field in which those may point
ITERATIONS = 25
PROVEN = 1.64  # standard errors by which left-out moments must improve


@dataclass(frozen=True)
class Bins:
    """Heads in M bins of N students; NaN where a student was not measured or was turning.

    P_W : (M, N, 3) noses. angle : (M, N, 2) azimuth and elevation, radians. new_var : (M, N, 2)
    variance of the part of the head's error that is new in every bin.
    """

    P_W: Array
    angle: Array
    new_var: Array

    @classmethod
    def of(
        cls, time_s: Array, student: NDArray[np.int64], P_W: Array, direction_W: Array,
        sigma_rad: Array, n_students: int,
    ) -> Bins:  # fmt: skip
        """From K student-moments: direction_W (K, 3), stated sigma_rad (K, 2) of azimuth and
        elevation."""
        bins = np.floor((time_s - time_s.min()) / BIN_S).astype(np.int64)
        shape = (int(bins.max()) + 1, n_students)
        at = bins * n_students + student
        angle = angles_of(direction_W)
        known = np.isfinite(angle).all(-1) & np.isfinite(P_W).all(-1) & (direction_W[:, 2] < 0)
        n = np.bincount(at[known], minlength=shape[0] * shape[1])

        def mean(values: Array) -> Array:
            sums = [np.bincount(at[known], v, len(n)) for v in values[known].T]
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray((np.stack(sums, 1) / n[:, None]).reshape(*shape, -1))

        centre = mean(angle)
        spread = np.sqrt(np.maximum(mean(angle**2) - centre**2, 0).sum(-1))
        still = spread < np.radians(STILL_DEG)
        out = np.where(still[..., None], centre, np.nan)
        return cls(mean(P_W), out, (1 - CONSTANT) * mean(sigma_rad**2))

    def only(self, keep: NDArray[np.bool_]) -> Bins:
        """Some of the bins."""
        return Bins(self.P_W[keep], self.angle[keep], self.new_var[keep])


@dataclass(frozen=True)
class Model:
    """The class's rest b (2,) and share s (2,), the students' offsets o (N, 2) and their covariance
    (2, N, N) per axis; τ (2,); how far looks scatter about the class's place, κ (2,) metres; the
    share of heads that follow it; the places T (M, 2). Radians, but places."""

    rest: Array
    share: Array
    offset: Array
    covariance: Array
    tau: Array
    scatter_m: Array
    follow: float
    place: Array

    def predicted(self, P_W: Array) -> tuple[Array, Array]:
        """(M, N, 2) the class's heads without offsets, and the directions' angles to the places."""
        theta = angles_of(towards(P_W, self.place[:, None]))
        return self.rest + self.share * theta, theta

    def variance(self, bins: Bins) -> Array:
        """(M, N, 2) of what is new in every bin: the head's error and the look's own place."""
        z = np.maximum(bins.P_W[..., 2:], 0.5)
        return np.asarray(bins.new_var + (self.share * self.scatter_m / z) ** 2)


def fit(bins: Bins, board: Blackboard, n_iterations: int = ITERATIONS) -> Model:
    """The lesson's model, by Gauss-Newton over places and parameters with weights by EM."""
    N = bins.angle.shape[1]
    centre = np.array([board.width_m / 2, board.height_m / 2])
    points = meet(bins.P_W, bins.angle)
    near = (np.abs(points - centre) < [board.width_m, 2 * board.height_m]).all(-1)
    place = _medians(np.where(near[..., None], points, np.nan), centre)
    zeros = np.zeros((2, N, N))
    model = Model(
        np.zeros(2), np.array([CLASS_SHARE[0]] * 2), np.zeros((N, 2)), zeros,
        np.radians([1.5, 1.5]), np.array([0.5, 0.25]), 1 - NOBODYS, place,
    )  # fmt: skip
    for _ in range(n_iterations):
        model = _step(bins, model, centre, board)
    return model


def _medians(points: Array, otherwise: Array) -> Array:
    """(M, 2) the median of each bin's points; ``otherwise`` where there are none."""
    out = np.tile(otherwise, (len(points), 1))
    some = np.isfinite(points[..., 0]).any(1)
    out[some] = np.nanmedian(points[some], axis=1)
    return out


def follows(bins: Bins, model: Model) -> tuple[Array, Array, Array, Array]:
    """(M, N) how likely each head follows the class's place, (M, N, 2) residuals, their variance
    and the angles to the place."""
    predicted, theta = model.predicted(bins.P_W)
    residual = bins.angle - predicted - model.offset
    variance = model.variance(bins)
    chi2 = (residual**2 / variance).sum(-1)
    inside = model.follow * np.exp(-chi2 / 2) / (2 * np.pi * np.sqrt(variance.prod(-1)))
    outside = (1 - model.follow) / (FIELD_DEG2 * np.radians(1) ** 2)
    return np.nan_to_num(inside / (inside + outside)), np.nan_to_num(residual), variance, theta


def _step(bins: Bins, model: Model, centre: Array, board: Blackboard) -> Model:
    weight, residual, variance, theta = follows(bins, model)
    M, N = weight.shape
    w = np.nan_to_num(weight[..., None] / variance) / LOOK_BINS
    J = _by_place(bins.P_W, model)  # (M, N, axis, 2)
    near = np.diag(1 / np.array([board.width_m, board.height_m]) ** 2)
    by_place = J.reshape(M, 2 * N, 2)
    weighed = np.swapaxes(w.reshape(M, 2 * N, 1) * by_place, 1, 2)
    A = weighed @ by_place + near
    g_place = (weighed @ residual.reshape(M, 2 * N, 1))[..., 0] - (model.place - centre) @ near
    A_inv = np.linalg.inv(A)
    # per axis: rest, share, offsets; places are eliminated, which couples the axes
    P = 2 + N
    X_sum = np.zeros((2, P, P))
    B = np.zeros((M, 2, 2, P))
    g = np.zeros((2, P))
    t = np.nan_to_num(theta)
    for a in range(2):
        wa, ra, ta = w[..., a], residual[..., a], t[..., a]
        X_sum[a, 0, 0], X_sum[a, 1, 1] = wa.sum(), (wa * ta**2).sum()
        X_sum[a, 0, 1] = X_sum[a, 1, 0] = (wa * ta).sum()
        X_sum[a, 0, 2:] = X_sum[a, 2:, 0] = wa.sum(0)
        X_sum[a, 1, 2:] = X_sum[a, 2:, 1] = (wa * ta).sum(0)
        X_sum[a, range(2, P), range(2, P)] = wa.sum(0)
        g[a] = [(wa * ra).sum(), (wa * ra * ta).sum(), *(wa * ra).sum(0)]
        by_own = np.swapaxes(wa[..., None] * J[:, :, a], 1, 2)
        B[:, :, a, 0] = by_own.sum(-1)
        B[:, :, a, 1] = (by_own @ ta[..., None])[..., 0]
        B[:, :, a, 2:] = by_own
        prior = np.r_[np.radians(CLASS_REST_DEG), CLASS_SHARE[1], np.full(N, model.tau[a])] ** -2.0
        X_sum[a] += np.diag(prior)
        now = np.r_[model.rest[a], model.share[a], model.offset[:, a]]
        g[a] -= prior * (now - np.r_[0, CLASS_SHARE[0], np.zeros(N)])
    B = B.reshape(M, 2, 2 * P)
    H = np.zeros((2 * P, 2 * P))
    H[:P, :P], H[P:, P:] = X_sum
    flat = B.reshape(-1, 2 * P)
    AB = (A_inv @ B).reshape(-1, 2 * P)
    H -= flat.T @ AB
    right = g.ravel() - g_place.ravel() @ AB
    cov = np.linalg.inv(H)
    d = cov @ right
    place = model.place + (A_inv @ (g_place - (flat @ d).reshape(M, 2))[..., None])[..., 0]
    d = d.reshape(2, P)
    reach = np.array([board.width_m, board.height_m])
    offset = model.offset + d[:, 2:].T
    covariance = np.stack([cov[2:P, 2:P], cov[P + 2 :, P + 2 :]])
    own = np.stack([np.diag(c) for c in covariance], 1)
    seen = weight.sum(0) > 1
    tau2 = (offset**2 + own)[seen].mean(0) if seen.any() else model.tau**2
    # what is new in every bin; a bin's place costs it one head
    n = weight.sum()
    lost = max(n - (weight.sum(1) > 0).sum() - N, 0.1 * n) / max(n, 1e-9)
    z = np.maximum(bins.P_W[..., 2:], 0.5)
    excess = weight[..., None] * (residual**2 / lost - bins.new_var) * (z / model.share) ** 2
    scatter = np.sqrt(np.clip(np.nansum(excess, (0, 1)) / max(n, 1e-9), 0.03**2, 1.5**2))
    known = np.isfinite(bins.angle[..., 0])
    return Model(
        model.rest + d[:, 0],
        np.clip(model.share + d[:, 1], 0.4, 1.2),
        offset,
        covariance,
        np.clip(np.sqrt(tau2), np.radians(0.3), np.radians(4.0)),
        scatter,
        float(np.clip(n / max(known.sum(), 1), 0.2, 0.95)),
        np.clip(place, centre - reach, centre + reach),
    )


def _by_place(P_W: Array, model: Model) -> Array:
    """(M, N, 2, 2) derivative of the heads' angles by the places."""
    return np.asarray(
        np.nan_to_num(model.share[:, None] * angles_jacobian(
            towards(P_W, model.place[:, None])
        )[..., :2])
    )  # fmt: skip


def proof(bins: Bins, board: Blackboard, used: Array) -> Array:
    """(N,) by how many standard errors a student's offset makes his heads more likely at moments
    left out of its fit, given the *others'* place. used : (2,) the share of it that is used."""
    M, N = bins.angle.shape[:2]
    fold = np.arange(M) * FOLDS // max(M, 1)
    gained = np.full((M, N), np.nan)
    for k in range(FOLDS):
        here = bins.only(fold == k)
        gained[fold == k] = _gained(here, fit(bins.only(fold != k), board), board, used)
    runs = [g[np.isfinite(g).any(1)] for g in np.array_split(gained, max(M // 4, 2))]
    mean = np.array([_mean(run) for run in runs if len(run)])  # (runs, N), of about 8 s each
    n = np.isfinite(mean).sum(0)
    overall = _mean(mean)
    sd = np.sqrt(_mean((mean - overall) ** 2))
    enough = (n >= 5) & (sd > 0)
    return np.where(enough, overall / np.where(enough, sd, 1) * np.sqrt(np.maximum(n - 1, 0)), 0.0)


def _mean(values: Array) -> Array:
    """(N,) of the known ones; NaN where there is none."""
    n = np.isfinite(values).sum(0)
    return np.asarray(np.where(n, np.nansum(values, 0) / np.maximum(n, 1), np.nan))


def _gained(bins: Bins, trained: Model, board: Blackboard, used: Array) -> Array:
    """(M, N) how much likelier (log) each head is with its offset than without, the class's place
    being that of the others alone; NaN where a head was not measured."""
    centre = np.array([board.width_m / 2, board.height_m / 2])
    start = _medians(meet(bins.P_W, bins.angle - trained.offset), centre)
    model = replace(trained, place=np.clip(start, 0, 2 * centre))
    near = np.diag(1 / (2 * centre) ** 2)
    for _ in range(5):
        weight, residual, variance, _ = follows(bins, model)
        w = np.nan_to_num(weight[..., None] / variance)
        J = _by_place(bins.P_W, model)
        own_A = np.einsum("mna,mnai,mnaj->mnij", w, J, J)
        own_g = np.einsum("mna,mnai,mna->mni", w, J, residual)
        A, g = own_A.sum(1) + near, own_g.sum(1) - (model.place - centre) @ near
        place = model.place + np.linalg.solve(A, g[..., None])[..., 0]
        model = replace(model, place=np.clip(place, -centre, 3 * centre))
    others = np.linalg.inv(A[:, None] - own_A)  # without the student's own head
    moved = np.einsum("mnij,mnj->mni", others, g[:, None] - own_g)
    residual = residual - np.einsum("mnai,mni->mna", J, moved) + model.offset
    variance = variance + np.einsum("mnai,mnij,mnaj->mna", J, others, J)
    outside = (1 - model.follow) / (FIELD_DEG2 * np.radians(1) ** 2)

    def likelihood(r: Array) -> Array:
        inside = np.exp(-(r**2 / variance).sum(-1) / 2) / (2 * np.pi * np.sqrt(variance.prod(-1)))
        return np.asarray(np.log(model.follow * inside + outside))

    out = likelihood(residual - used * model.offset) - likelihood(residual)
    return np.asarray(np.where(np.isfinite(bins.angle[..., 0]), out, np.nan))


@dataclass(frozen=True)
class Consensus:
    """What a lesson says of its students' constant errors, azimuth and elevation.

    error_rad : (N, 2) to be taken off a student's heads, 0 where it is not used. variance_rad2 :
    (N, 2) of the constant error that is left. prior_rad2 : (N, 2) of it before. proof : (N,) by how
    many standard errors left-out moments improve. used : (N,). model : the class's.
    """

    error_rad: Array
    variance_rad2: Array
    prior_rad2: Array
    proof: Array
    used: NDArray[np.bool_]
    model: Model


def consensus(bins: Bins, constant_var: Array, board: Blackboard) -> Consensus | None:
    """The students' constant errors; None for too few students or moments.

    constant_var : (N, 2) variance of the constant part of a student's head error as it is stated,
    rad².
    """
    enough = np.isfinite(bins.angle[..., 0]).sum(1) >= LEAST_STUDENTS
    if enough.sum() < LEAST_BINS:
        return None
    bins = bins.only(enough)
    model = fit(bins, board)
    prior = np.broadcast_to(constant_var, model.offset.shape)
    # of what is a student's own, the part that the network's error explains; the rest is a habit
    used = np.minimum(np.nanmedian(prior, 0) / model.tau**2, 1.0)
    shown = proof(bins, board, used)
    ok = shown > PROVEN
    own = np.stack([np.diag(c) for c in model.covariance], 1)
    left = prior * (1 - used) + used**2 * own
    return Consensus(
        np.where(ok[:, None], used * model.offset, 0.0),
        np.where(ok[:, None], np.minimum(left, prior), prior),
        prior, shown, ok, model,
    )  # fmt: skip
