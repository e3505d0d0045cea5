"""The board's pose from all pictures of the room together; what is not known enters as priors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product

import numpy as np

from calibration.corners.boards import Board
from calibration.lens import Lens, Model, mirrored, mirrored_signs, project_with_jacobian
from calibration.room.picture import RoomPicture, blackboard_points_W
from calibration.shapes import shapes
from calibration.solve.intrinsics import planar_poses
from calibration.transform import Array, Transform, geodesic_deg, rotation_exp

#: How well the corners of the auxiliary board are found in such a picture, lens errors included.
BOARD_SIGMA_PX = 0.3
#: How well the blackboard's width and height are measured.
SIZE_SIGMA_M = 0.005
#: What is believed of a telephone's lens before looking: f within a factor of 1.6 of 0.85 times the
#: picture's longer side (26–50 mm on film), its middle within 2 % of the picture's, and straight
#: lines bent by a few percent at most.
PHONE_F, PHONE_F_SIGMA = 0.85, 0.5
#: … and where the search for it begins.
FOCAL = (0.6, 0.75, 1.0, 1.5, 2.5)
PHONE_CENTRE_SIGMA, PHONE_K1_SIGMA = 0.02, 0.05
#: … and how much its f differs from picture to picture, because it focuses.
FOCUS_SIGMA = 0.01
#: Sizes of the blackboard that pictures put this many σ from the stated ones: WARN, FAIL. (With the
#: right size: under 1 on 20 simulated rooms; 5 cm too high: 7 from three pictures.)
SIZE_SIGMAS = (2.5, 6.0)
#: Fits beyond these many σ (rms of the clicks, of the board) are not believed.
MISFIT_SIGMAS = 4.0
#: By how much the σ of what is freed grows: the blackboard's size to 1.5 m.
FREED = 300.0
#: What costs this much χ² a corner is not solved to the end where others may be better.
HOPELESS = 50.0
#: Two poses are told apart where their χ² differs by more than this.
APART_CHI2 = 16.0


@dataclass(frozen=True)
class RoomPose:
    """One way to understand the pictures.

    Parameters
    ----------
    T_WB : the auxiliary board in the room.
    covariance : (6, 6) of (δ in ``R_WB exp(δ)``, t_WB), radians and metres.
    T_WX : per picture, where it was taken from.
    f_px : per picture, the focal length that was found (or known).
    clicks_off_px : per picture, (4, 2) where the corners are − where they were clicked.
    counts : per picture, (4,) which of the clicks count.
    board_rms_px : per picture, rms of one coordinate of what does not fit.
    size_m : (width, height) of the blackboard that fits best, beside the stated ones.
    chi2, dof : of everything, priors included.
    """

    T_WB: Transform
    covariance: Array
    T_WX: tuple[Transform, ...]
    f_px: tuple[float, ...]
    clicks_off_px: tuple[Array, ...]
    counts: tuple[Array, ...]
    board_rms_px: tuple[float, ...]
    size_m: tuple[float, float]
    chi2: float
    dof: int

    @property
    def clicks_rms_px(self) -> tuple[float, ...]:
        """Per picture, rms of one coordinate of the clicks that count."""
        each = zip(self.clicks_off_px, self.counts, strict=True)
        return tuple(float(np.sqrt((c[k] ** 2).sum() / max(2 * k.sum(), 1))) for c, k in each)

    @property
    def noise(self) -> float:
        """χ² per degree of freedom, at least 1: how much larger the noise is than stated."""
        return max(self.chi2 / max(self.dof, 1), 1.0)


@dataclass(frozen=True)
class KnownLens:
    """A lens of the lesson's cameras and the covariance of its parameters."""

    lens: Lens
    covariance: Array


@dataclass(frozen=True)
class _Prior:
    """What is known of a lens: its parameters are mean + L z with z ~ N(0, 1).

    A telephone's parameters are log f, cx, cy, k1; those of a calibrated camera are its own.
    """

    mean: Array
    L: Array
    phone: bool
    model: Model = "pinhole"

    def at(self, z: Array, focus: float) -> tuple[Lens, Array, Array]:
        """The lens, and its derivatives by z (4 + n, k) and by focus (4 + n,)."""
        value = self.mean + self.L @ z
        if not self.phone:
            return Lens(value, self.model), self.L, np.zeros(len(value))
        f = float(np.exp(value[0] + FOCUS_SIGMA * focus))
        lens = np.array([f, f, value[1], value[2], value[3], 0.0, 0.0, 0.0])
        d = np.zeros((8, 4))
        d[:2, 0] = f
        d[[2, 3, 4], [1, 2, 3]] = 1.0
        d_focus = np.zeros(8)
        d_focus[:2] = f * FOCUS_SIGMA
        return Lens(lens), d @ self.L, d_focus


def _prior(picture: RoomPicture, known: KnownLens | None) -> _Prior:
    w, h = picture.size_px
    if known is not None:
        values, axes = np.linalg.eigh((known.covariance + known.covariance.T) / 2)
        lens, L = known.lens, axes * np.sqrt(np.maximum(values, 0.0))
        if picture.mirrored:
            lens, turned = mirrored(lens, w), mirrored_signs(lens)
            L *= turned[:, None]
        return _Prior(lens.values, L, False, lens.model)
    mean = np.array([np.log(PHONE_F * max(w, h)), (w - 1) / 2, (h - 1) / 2, 0.0])
    centre = PHONE_CENTRE_SIGMA * max(w, h)
    return _Prior(mean, np.diag([PHONE_F_SIGMA, centre, centre, PHONE_K1_SIGMA]), True)


#: Per picture the poses of a board in it.
_Poses = list[list[Transform]]


@dataclass(frozen=True)
class _State:
    """The unknowns: T_WB, per picture T_XW; z: lenses, focus and the blackboard's size, in σ."""

    z: Array
    R_WB: Array
    t_WB: Array
    R_XW: Array
    t_XW: Array

    def moved(self, d: Array) -> _State:
        """Step (n_z, then δ t of WB, then δ t of each XW): rotations become ``R exp(δ)``."""
        n = len(self.z)
        pose = d[n + 6 :].reshape(-1, 6)
        return _State(
            self.z + d[:n],
            self.R_WB @ rotation_exp(d[n : n + 3]),
            self.t_WB + d[n + 3 : n + 6],
            self.R_XW @ rotation_exp(pose[:, :3]),
            self.t_XW + pose[:, 3:],
        )


def _cross(a: Array, b: Array) -> Array:
    """(…, 3) a × b: several times quicker than numpy's."""
    one, two = [1, 2, 0], [2, 0, 1]
    return np.asarray(a[..., one] * b[..., two] - a[..., two] * b[..., one], np.float64)


#: How the corners of the blackboard move with its width and height: (4, 3, 2), in W.
_D_SIZE = np.zeros((4, 3, 2))
_D_SIZE[[0, 3], 0, 0] = 1.0
_D_SIZE[[2, 3], 1, 1] = 1.0


@dataclass(frozen=True)
class Freed:
    """What is not believed, for once.

    priors : (which, picture) of what is then known :data:`FREED` times less well: ``width``,
        ``height``, ``frame`` (both by as much), ``squares`` (both in proportion), and of that
        picture's telephone ``cx``, ``cy``, ``k1``. clicks : (picture, corner) that say nothing.
    """

    priors: tuple[tuple[str, int], ...] = ()
    clicks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class _Problem:
    """All pictures of one placement. Pictures of one telephone (of one size) share its lens."""

    pictures: Sequence[RoomPicture]
    points_B: Array
    blackboard_m: tuple[float, float]
    lenses: dict[str, KnownLens]
    freed: Freed = field(default_factory=lambda: Freed())
    priors: list[_Prior] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        keys: list[tuple[str, tuple[int, int], bool]] = []
        for p in self.pictures:
            key = (p.taken_with, p.size_px, p.mirrored)
            if key not in keys:
                keys.append(key)
                self.priors.append(_prior(p, self.lenses.get(p.taken_with)))
            self.group.append(keys.index(key))
        sizes = [0, *np.cumsum([len(p.L.T) for p in self.priors]).tolist()]
        self.first.extend(int(s) for s in sizes)

    @property
    def n_z(self) -> int:
        """Lenses, one focus for each picture, width and height."""
        return self.first[-1] + len(self.pictures) + 2

    @cached_property
    def prior(self) -> Array:
        """(n_z, n_z) by which z costs something: the unit matrix, but for what is freed."""
        P = np.eye(self.n_z)
        sizes = {"width": (1, 0), "height": (0, 1), "frame": (1, 1), "squares": self.blackboard_m}
        for which, i in self.freed.priors:
            d = np.zeros(self.n_z)
            if which in sizes:
                d[-2:] = sizes[which]
            else:
                d[self.first[self.group[i]] + ("f", "cx", "cy", "k1").index(which)] = 1.0
            P -= (1 - 1 / FREED) * np.outer(d, d) / (d @ d)
        return P

    def counts(self, i: int) -> Array:
        """(4,) which clicks of picture i say anything."""
        return np.array([(i, corner) not in self.freed.clicks for corner in range(4)])

    def lens(self, state: _State, i: int) -> tuple[Lens, Array, Array]:
        """The lens of picture i with its derivatives (see :meth:`_Prior.at`)."""
        g = self.group[i]
        z = state.z[self.first[g] : self.first[g + 1]]
        return self.priors[g].at(z, float(state.z[self.first[-1] + i]))

    def errors(self, state: _State, i: int) -> tuple[Array, Array, Array]:
        """Picture i: predicted − seen in pixels of the clicks (4, 2) and of the board (N, 2), and
        the derivative (4 + N, 2, all unknowns); infinite behind the camera.
        """
        picture = self.pictures[i]
        assert picture.board_px is not None
        seen = np.isfinite(picture.board_px).all(1)
        X = self.points_B[seen]
        size = np.array(self.blackboard_m) + SIZE_SIGMA_M * state.z[-2:]
        P_W = np.concatenate([blackboard_points_W(size[0], size[1]), X @ state.R_WB.T + state.t_WB])
        R = state.R_XW[i]
        P = P_W @ R.T + state.t_XW[i]
        uv = np.concatenate([picture.blackboard_px, picture.board_px[seen]])
        n, k = self.n_z, self.first[-1]
        J = np.zeros((len(P), 2, n + 6 + 6 * len(self.pictures)))
        if (P[:, 2] < 0.05).any():
            return np.full((4, 2), np.inf), np.full((len(X), 2), np.inf), J
        lens, d_z, d_focus = self.lens(state, i)
        predicted, d_lens, d_P = project_with_jacobian(P, lens)
        g = self.group[i]
        J[..., self.first[g] : self.first[g + 1]] = d_lens @ d_z
        J[..., k + i] = d_lens @ d_focus
        d_W = d_P @ R
        J[:4, :, n - 2 : n] = np.einsum("pij,pjk->pik", d_W[:4], _D_SIZE) * SIZE_SIGMA_M
        own = n + 6 + 6 * i
        # P = R exp(δ) P_W + t  →  ∂uv/∂δ = P_W × (∂uv/∂P R)
        J[..., own : own + 3] = _cross(P_W[:, None], d_W)
        J[..., own + 3 : own + 6] = d_P
        d_B = d_W[4:] @ state.R_WB
        J[4:, :, n : n + 3] = _cross(X[:, None], d_B)
        J[4:, :, n + 3 : n + 6] = d_W[4:]
        e = predicted - uv
        return e[:4], e[4:], J

    def residual(self, state: _State) -> tuple[Array, Array]:
        """Everything over its σ, the priors last, and its derivative."""
        r, J = [], []
        for i, picture in enumerate(self.pictures):
            clicks, board, d = self.errors(state, i)
            sigma = np.concatenate(
                [np.full(4, picture.click_sigma_px), np.full(len(board), BOARD_SIGMA_PX)]
            )
            weight = 1 / sigma
            # not 0: a corner behind the camera is infinitely far off all the same
            weight[:4] = np.where(self.counts(i), weight[:4], 1e-9)
            r.append((np.concatenate([clicks, board]) * weight[:, None]).ravel())
            J.append((d * weight[:, None, None]).reshape(-1, d.shape[-1]))
        r.append(self.prior @ state.z)
        J.append(np.pad(self.prior, ((0, 0), (0, J[0].shape[1] - self.n_z))))
        return np.concatenate(r), np.concatenate(J)

    def solve(self, state: _State, steps: int) -> tuple[float, _State]:
        """Levenberg–Marquardt: χ² and where it ended."""
        r, J = self.residual(state)
        chi2 = float(r @ r)
        damping = 1e-3
        if not np.isfinite(chi2):
            return np.inf, state
        for _ in range(steps):
            H, b = J.T @ J, J.T @ r
            damped = H + damping * np.diag(np.diag(H)) + 1e-12 * np.eye(len(H))
            trial = state.moved(np.asarray(np.linalg.solve(damped, -b), np.float64))
            r_new, J_new = self.residual(trial)
            new = float(r_new @ r_new)
            if not np.isfinite(new) or new > chi2:
                damping *= 8
                if damping > 1e10:
                    break
                continue
            still = chi2 - new < 1e-9 * new
            state, chi2, r, J, damping = trial, new, r_new, J_new, max(damping / 10, 1e-12)
            if still:
                break
        return chi2, state

    def _tried(self, factors: Sequence[float]) -> Iterator[tuple[Array, list[Lens], _Poses]]:
        """Per focal length (over the longer side): z, the lenses, the planar poses of the board."""
        for factor in factors:
            z = np.zeros(self.n_z)
            for g, prior in enumerate(self.priors):
                if prior.phone:
                    z[self.first[g]] = np.log(factor / PHONE_F) / PHONE_F_SIGMA
            empty = _State(z, np.eye(3), np.zeros(3), np.zeros((0, 3, 3)), np.zeros((0, 3)))
            lenses = [self.lens(empty, i)[0] for i in range(len(self.pictures))]
            yield z, lenses, [
                [
                    Transform(R, t, "X", "B")
                    for R, t, _ in planar_poses(self.points_B, p.board_px, lens)  # type: ignore[arg-type]
                ]
                for p, lens in zip(self.pictures, lenses, strict=True)
            ]  # fmt: skip

    def starts(self) -> list[_State]:
        """Focal lengths × both planar poses of both planes, of every picture.

        One picture proposes T_WB; each picture then takes the pose of the blackboard under which
        the auxiliary board lies best.
        """
        out = []
        # a calibrated camera has one focal length; telephones are tried at five
        tries = FOCAL if any(p.phone for p in self.priors) else (PHONE_F,)
        corners = blackboard_points_W(*self.blackboard_m)
        for z, lenses, B in self._tried(tries):
            W = [
                [
                    Transform(R, t, "X", "W")
                    for R, t, _ in planar_poses(corners, p.blackboard_px, lens)
                ]
                for p, lens in zip(self.pictures, lenses, strict=True)
            ]
            if any(not w for w in W):
                continue
            for w, b in zip(W, B, strict=True):
                for T_XW, T_XB in product(w, b):
                    T_WB = T_XW.inverse() @ T_XB
                    out.append(
                        self._state(
                            z, T_WB,
                            [min(v, key=lambda T: self._off(T @ T_WB, c))
                             for v, c in zip(W, B, strict=True)],
                        )
                    )  # fmt: skip
        return out

    def starts_near(self, T_WB: Transform, factor: float | None) -> list[_State]:
        """From a place of the board, whatever was clicked: each picture by its board alone.

        factor : the focal length over the longer side; None: several are tried. Of the two planar
        poses the one is taken that has the blackboard nearer to the middle of the clicks.
        """
        corners = T_WB.inverse().apply(blackboard_points_W(*self.blackboard_m))

        def beside(T_XB: Transform, lens: Lens, p: RoomPicture) -> float:
            P = T_XB.apply(corners)
            if (P[:, 2] < 0.05).any():
                return np.inf
            return float(np.linalg.norm((lens.project(P) - p.blackboard_px).mean(0)))

        return [
            self._state(
                z, T_WB,
                [
                    min(b, key=lambda T: beside(T, lens, p)) @ T_WB.inverse()
                    for b, lens, p in zip(B, lenses, self.pictures, strict=True)
                ],
            )
            for z, lenses, B in self._tried(FOCAL if factor is None else (factor,))
            if all(B)
        ]  # fmt: skip

    @staticmethod
    def _state(z: Array, T_WB: Transform, T_XW: list[Transform]) -> _State:
        return _State(
            z, T_WB.R, T_WB.t, np.stack([T.R for T in T_XW]), np.stack([T.t for T in T_XW])
        )

    def _off(self, T_XB: Transform, seen: list[Transform]) -> float:
        """How far a board's pose is from the nearest one that its own picture allows, metres."""
        points = T_XB.apply(self.points_B)
        return min(
            (float(np.abs(points - S.apply(self.points_B)).max()) for S in seen), default=np.inf
        )


def room_poses(
    pictures: Sequence[RoomPicture],
    board: Board,
    blackboard_m: tuple[float, float],
    lenses: dict[str, KnownLens] | None = None,
    *,
    freed: Freed | None = None,
    near: tuple[Transform, float | None] | None = None,
) -> list[RoomPose]:
    """Every way to understand the pictures of one placement, best first.

    Parameters
    ----------
    pictures : those in which the board was not found are left out.
    board : the auxiliary board.
    blackboard_m : (width, height).
    lenses : of ``left`` and ``right``, for pictures that were taken with them.
    freed : what is not believed. near : T_WB and the focal length over the longer side (None:
        several are tried) to begin with, where they are known about.

    Ways whose χ² is beyond :data:`APART_CHI2` above the best are left out. Empty where there is
    none with both planes in front of the camera. The per-picture fields of the results belong to
    the pictures with a board, in their order.
    """
    usable = [p for p in pictures if p.board_px is not None]
    if not usable:
        return []
    problem = _Problem(usable, board.points_B(), blackboard_m, lenses or {}, freed or Freed())
    starts = problem.starts() if near is None else problem.starts_near(*near)
    begun = [problem.solve(s, 8) for s in starts]
    begun = [b for b in begun if np.isfinite(b[0])]
    best = min((c for c, _ in begun), default=0.0)
    hopeless = np.inf if near is None else HOPELESS * sum(len(p.board_px) for p in usable)  # type: ignore[arg-type, misc]
    ends: list[RoomPose] = []
    for cost, state in sorted(begun, key=lambda b: b[0]):
        if cost > min(4 * best + 100, hopeless):
            continue
        pose = _describe(problem, *problem.solve(state, 100))
        if pose is not None and not any(_same(pose, e) for e in ends):
            ends.append(pose)
    ends.sort(key=lambda e: e.chi2)
    return [e for e in ends if e.chi2 - ends[0].chi2 < APART_CHI2 * ends[0].noise]


def _same(a: RoomPose, b: RoomPose) -> bool:
    turned = float(geodesic_deg(a.T_WB.R, b.T_WB.R))
    return turned < 0.5 and float(np.abs(a.T_WB.t - b.T_WB.t).max()) < 0.01


def _describe(problem: _Problem, chi2: float, state: _State) -> RoomPose | None:
    """The pose with its covariance; None where it is not determined."""
    r, J = problem.residual(state)
    H = J.T @ J
    if not np.isfinite(r).all():
        return None
    scale = 1 / np.sqrt(np.maximum(np.diag(H), 1e-30))
    H = H * np.outer(scale, scale)
    if np.linalg.cond(H) > 1e14:
        return None
    C = np.linalg.inv(H) * np.outer(scale, scale)
    n = problem.n_z
    errors = [problem.errors(state, i)[:2] for i in range(len(problem.pictures))]
    pose = RoomPose(
        Transform(state.R_WB, state.t_WB, "W", "B"),
        C[n : n + 6, n : n + 6],
        tuple(
            Transform(R, t, "X", "W").inverse() for R, t in zip(state.R_XW, state.t_XW, strict=True)
        ),
        tuple(problem.lens(state, i)[0].f_px for i in range(len(problem.pictures))),
        tuple(c for c, _ in errors),
        tuple(problem.counts(i) for i in range(len(problem.pictures))),
        tuple(float(np.sqrt((b**2).mean())) for _, b in errors),
        (
            problem.blackboard_m[0] + SIZE_SIGMA_M * float(state.z[-2]),
            problem.blackboard_m[1] + SIZE_SIGMA_M * float(state.z[-1]),
        ),
        chi2,
        len(r) - J.shape[1],
    )
    # where the pictures fit worse than their σ say, the σ were too small
    return replace(pose, covariance=pose.covariance * pose.noise)


def misfits(pose: RoomPose, pictures: Sequence[RoomPicture]) -> list[tuple[str, str]]:
    """(picture, what does not fit in it, in words) of the pictures with a board, the worst first.

    One picture's clicks leave few degrees of freedom (eight numbers for a pose and a focal length),
    so that in them only gross mistakes show; several pictures check each other.
    """
    out: list[tuple[float, str, str]] = []
    usable = [p for p in pictures if p.board_px is not None]
    for p, clicks, board in zip(usable, pose.clicks_rms_px, pose.board_rms_px, strict=True):
        if clicks > 2 * p.click_sigma_px:
            what = f"the blackboard's clicked corners fit to {clicks:.0f} px only"
            out.append((clicks / (2 * p.click_sigma_px), p.file, what))
        if board > MISFIT_SIGMAS * BOARD_SIGMA_PX:
            what = f"the auxiliary board's corners fit to {board:.1f} px only"
            out.append((board / (MISFIT_SIGMAS * BOARD_SIGMA_PX), p.file, what))
    return [(name, what) for _, name, what in sorted(out, reverse=True)]


def size_error(pose: RoomPose, blackboard_m: tuple[float, float]) -> tuple[str, float]:
    """Which stated size of the blackboard the pictures contradict most, and by how many σ."""
    off = np.abs(np.array(pose.size_m) - blackboard_m) / SIZE_SIGMA_M
    k = int(np.argmax(off))
    return ("width_m", "height_m")[k], float(off[k])


@shapes(R_WP="3 3")
def by_placement(
    poses: Sequence[RoomPose], T_BP: Sequence[Transform], R_WP: Array
) -> list[tuple[float, RoomPose, int]]:
    """Poses × quarter turns by how far the board lies from what was stated (degrees), best first.

    T_BP : for each number of quarter turns, the board as placed (P) in B.
    R_WP : (3, 3) how the placement says that it lies.
    """
    out = [
        (float(geodesic_deg((pose.T_WB @ T).R, R_WP)), pose, k)
        for pose in poses
        for k, T in enumerate(T_BP)
    ]
    return sorted(out, key=lambda item: item[0])
