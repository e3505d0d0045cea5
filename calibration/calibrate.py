"""The way through a calibration: pictures (or corners) and tape in, a :class:`Rig` out.

:func:`calibrate_folder` reads a folder; :func:`solve` starts from corners, so that a rig can be
solved again from what it carries (:func:`solve_again`) and tests need no pictures.

What ``rig.quality`` holds
--------------------------
``cameras`` : ``{"left": C, "right": C}`` with C =
    ``rms_px`` (per point, this camera alone), ``joint_rms_px`` (same camera in the joint solve),
    ``sigma_px`` (noise of one coordinate), ``n_distortion``, ``model`` (words), ``views``,
    ``corners``, ``starts`` [{f_px, f_end_px, rms_px}],
    ``sigma`` {fx, fy, cx, cy, d0 …} (1 σ of each parameter),
    ``coverage`` {``cells``: rows × columns of corner counts (5 × 5 of the picture), ``share``,
    ``edge_share``, ``corner_share`` (of cells with corners), ``tilt_max_deg``,
    ``tilt_directions`` (how many of 8 directions the board was tilted to by over 15°),
    ``nearest_m``, ``furthest_m``, ``largest_share`` (largest board, share of the picture's width)}.
``pair`` : ``rms_px`` (joint, per point), ``holdout_px`` (left → right, None = too few views),
    ``holdout_right_to_left_px``, ``holdout_folds``, ``holdout_expected_px`` (what noise alone would
    give with exact cameras), ``joint_to_mono`` (ratio of rms, same corners), ``views`` (shared),
    ``baseline_m``, ``baseline_sigma_m``, ``angle_deg`` (how far the cameras converge),
    ``rotation_sigma_deg``, ``translation_sigma_mm`` (per axis), ``converged``, ``iterations``,
    ``support`` (share of shared views that agreed at the start).
``models`` : [{left, right (numbers of coefficients), warp, rms_px, holdout_px, holdout_both_px,
    converged, chosen}] every model that was tried.
``warp_mm`` : [along columns, along rows], how far the board's middle bulges; None = flat.
``views`` : one row per view and camera: ``name``, ``camera``, ``n`` (corners used), ``rms_px``,
    ``holdout_px`` (shared views, in the right camera), ``rejected`` (bool), ``reason`` (str),
    ``corners_rejected``, ``sharpness_px``, ``pitch_px``, ``file``, ``R_CB``, ``t_CB_m`` (board pose
    in that camera; B: X along columns, Y along rows, Z into the print), ``residuals_px`` [[dx, dy]]
    (predicted − seen, in corner order, None where a corner is missing).
    The seen corners are in ``rig.inputs["views"]``.
``auxiliary`` : one per placement: ``placement``, ``tilt_deg``, ``t_WA_m`` (the tape), ``cameras``
    (which saw it), ``rms_px``, ``left_rms_px``, ``right_rms_px``, ``clicked``, ``scale_percent``
    (how much larger the cameras see the board than square_m says, ± ``scale_sigma_percent``),
    ``quarter_turns``, ``facts`` (camera positions in W, roll, …), ``candidates`` (readings that no
    fact rules out), ``tape_error_cm`` [left, down, out] and ``turn_error_deg`` (where placements
    disagree with the combination; signed: seen − tape), ``picture_error_cm`` (the same for what
    pictures of the room say), ``T_AB`` {R, t_m} (board → A). ``t_WA_m`` is the pictures' where
    there is no tape. ``room_picture`` : None or {``files``, ``f_px``, ``clicks_rms_px``,
    ``board_rms_px``, ``T_WX`` [{R, t_m}] (per picture; X: its camera), ``t_WA_m``, ``sigma_cm``
    [left, down, out], ``turned_deg`` [about r, −b, u] (how the board lies against what was stated),
    ``turned_sigma_deg``, ``tape_minus_picture_cm`` [left, down, out] (None without a tape),
    ``difference_sigma_cm``, ``turn_difference_sigma_deg``}.
``slip`` : {slip_m, slip_deg, shift_cm, turn_cm, turn_axis} per seat of ``seats``: how far gaze
    points move on the blackboard when the auxiliary board lies 2 cm or 2° off.
``seats`` : [{distance_m, seat_m, frame, sigma_cm [3], position_cm, gaze_cm [2]}] 1 σ from the rig.
``blackboard`` : [{point_m, gaze_cm}] the same for five points of the blackboard, seen from 6 m.
``scale`` : {``checks``: [{what, error_percent, sigma_percent}]} lengths that were checked against
    the board's square.
``settings`` : board, blackboard_m, cameras_apart_m, sizes; ``seconds`` : time by stage.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from calibration.camera import Camera
from calibration.corners.boards import PICTURES, Board, View, pitch_px
from calibration.corners.detect import TIME_LIMIT_S
from calibration.corners.folder import (
    AuxiliaryPlacement,
    board_in,
    read_auxiliary,
    read_folder,
    read_room_pictures,
)
from calibration.errors import CalibrationError
from calibration.rig import Rig
from calibration.room import world
from calibration.room.picture import (
    ORDER,
    SIZE_SIGMAS,
    Lens,
    RoomPicture,
    RoomPose,
    by_placement,
    misfits,
    room_poses,
    size_error,
)
from calibration.room.world import Tape
from calibration.solve import bundle, uncertainty
from calibration.solve.estimate import CAMERAS, Estimate, build, estimate, view_rms
from calibration.solve.intrinsics import MODELS, planar_poses
from calibration.solve.pair import resect
from calibration.transform import Array, Transform, geodesic_deg, rotation_log
from calibration.verdict import HOLDOUT_RATIO, Cause, judge

Progress = Callable[[str, float], None]

#: How well a corner is clicked by hand (1 σ, each coordinate).
CLICK_SIGMA_PX = 1.0


# -- what goes in ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Auxiliary:
    """One placement of the auxiliary board: its tape, its board, its corners in both cameras.

    ``room``: pictures of the room that show it together with the blackboard's corners.
    """

    tape: Tape
    board: Board
    view: View
    clicked: bool = False
    room: tuple[RoomPicture, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "tape": vars(self.tape),
            "board": self.board.to_dict(),
            "view": self.view.to_dict(),
            "clicked": self.clicked,
            "room": [p.to_dict() for p in self.room],
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Auxiliary:
        """The inverse of :meth:`to_dict`."""
        return cls(
            Tape(**d["tape"]),
            Board.from_dict(d["board"]),
            View.from_dict(d["view"]),
            d["clicked"],
            tuple(RoomPicture.from_dict(p) for p in d.get("room", ())),
        )


@dataclass(frozen=True)
class Seen:
    """Everything a calibration starts from; a rig carries it as ``rig.inputs``.

    Parameters
    ----------
    board : the board of ``views``.
    sizes : per camera (width, height) in pixels.
    views : the board in both cameras (or one of them).
    auxiliary : placements of the auxiliary board.
    blackboard_m : (width, height), for checks and for what the errors mean on it.
    cameras_apart_m : distance of the two lenses by tape, an independent check of the scale.
    apart_sigma_m : how well that is known (1 σ).
    causes : what was already found wrong while the pictures were read.
    """

    board: Board
    sizes: dict[str, tuple[int, int]]
    views: tuple[View, ...]
    auxiliary: tuple[Auxiliary, ...] = ()
    blackboard_m: tuple[float, float] | None = None
    cameras_apart_m: float | None = None
    apart_sigma_m: float = 0.03
    causes: tuple[Cause, ...] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for rig.json."""
        return {
            "board": self.board.to_dict(),
            "sizes": {k: list(v) for k, v in self.sizes.items()},
            "views": [v.to_dict() for v in self.views],
            "auxiliary": [a.to_dict() for a in self.auxiliary],
            "blackboard_m": None if self.blackboard_m is None else list(self.blackboard_m),
            "cameras_apart_m": self.cameras_apart_m,
            "apart_sigma_m": self.apart_sigma_m,
            "causes": [vars(c) for c in self.causes],
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Seen:
        """The inverse of :meth:`to_dict`."""
        board_m = d.get("blackboard_m")
        return cls(
            Board.from_dict(d["board"]),
            {k: (int(v[0]), int(v[1])) for k, v in d["sizes"].items()},
            tuple(View.from_dict(v) for v in d["views"]),
            tuple(Auxiliary.from_dict(a) for a in d["auxiliary"]),
            None if board_m is None else (float(board_m[0]), float(board_m[1])),
            d.get("cameras_apart_m"),
            d.get("apart_sigma_m", 0.03),
            tuple(Cause(**c) for c in d.get("causes", ())),
        )


def solve_again(rig: Rig) -> Rig:
    """Solve a rig again from the corners, tape and settings that it carries."""
    if "views" not in rig.inputs:
        raise CalibrationError(
            "this rig carries no corners, so it cannot be solved again",
            remedy="Run `gaze calibrate` on its pictures.",
        )
    return solve(Seen.from_dict(rig.inputs))


# -- the solve -------------------------------------------------------------------------------------
def solve(seen: Seen, *, models: Sequence[int] = MODELS, progress: Progress | None = None) -> Rig:
    """Corners and tape in, a rig with covariance, quality and verdict out.

    models : numbers of distortion coefficients to choose from.

    Raises
    ------
    CalibrationError : where not even the cameras can be found (too few views, none shared).
    """
    say = progress or (lambda stage, share: None)
    t0 = time.perf_counter()
    found = estimate(seen.board, seen.sizes, seen.views, models=models, progress=say)
    t1 = time.perf_counter()
    say("the room", 0.9)
    room = _place(seen, found)
    say("uncertainty", 0.95)
    rig = _assemble(seen, found, room)
    t2 = time.perf_counter()
    quality = rig.quality | {"seconds": {"cameras": t1 - t0, "room": t2 - t1}}
    rig = replace(rig, quality=quality, inputs=_inputs(seen))
    verdict = judge(rig, (*seen.causes, *found.rejected.causes, *room.causes))
    say("done", 1.0)
    return replace(rig, verdict=verdict)


def _inputs(seen: Seen) -> dict[str, Any]:
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    versions["opencv"] = cv2.__version__
    return seen.to_dict() | {"versions": versions}


# -- the auxiliary board ---------------------------------------------------------------------------
@dataclass(frozen=True)
class _Placed:
    """One placement that was understood."""

    index: int
    auxiliary: Auxiliary
    reading: world.Reading
    R_LB: Array
    t_LB: Array
    usable: bool
    tape: Tape
    picture: world.Measured | None = None


@dataclass
class _Room:
    placed: list[_Placed] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    scale: list[dict[str, Any]] = field(default_factory=list)


def _place(seen: Seen, found: Estimate) -> _Room:
    """Understand each auxiliary placement; findings go into causes, never into silence."""
    room = _Room()
    for index, aux in enumerate(seen.auxiliary):
        _place_one(index, aux, seen, found, room)
    return room


def _place_one(index: int, aux: Auxiliary, seen: Seen, found: Estimate, room: _Room) -> None:
    s = found.solution.state
    sigma = max(found.solution.sigma_px, 0.02)
    points = aux.board.points_B()
    left, right = aux.view.left, aux.view.right
    label = f"auxiliary placement {index + 1}" if len(seen.auxiliary) > 1 else "the auxiliary board"
    row: dict[str, Any] = {
        "placement": aux.tape.placement,
        "tilt_deg": aux.tape.tilt_deg,
        "t_WA_m": aux.tape.t_WA.tolist() if aux.tape.measured else None,
        "clicked": aux.clicked,
        "room_picture": None,
        "cameras": [c for c in CAMERAS if aux.view.corners(c) is not None],
        "quarter_turns": None,
        "candidates": [],
    }
    room.rows.append(row)
    if left is None and right is None:
        room.causes.append(
            Cause(
                "auxiliary_not_found",
                "FAIL",
                f"{label} was found in neither picture",
                "Take auxiliary/left.jpg and right.jpg again with the whole board in view, larger "
                "and unshaded, or click its corners ([auxiliary] corners).",
            )
        )
        return
    if left is None or right is None:
        missing = "left" if left is None else "right"
        room.causes.append(
            Cause(
                "auxiliary_one_camera",
                "WARN",
                f"{label} was found in one camera only (not in the {missing} one)",
                "Place it where both cameras see all of it.",
            )
        )
    single = {
        camera: planar_poses(points, uv, lens)
        for camera, uv, lens in zip(CAMERAS, (left, right), s.lenses, strict=True)
        if uv is not None
    }
    warp = s.warp if aux.board == seen.board else None
    solutions = _pose_solutions(points, left, right, s, warp)
    if not solutions:
        room.causes.append(
            Cause(
                "auxiliary_no_pose",
                "FAIL",
                f"{label}: its corners give no pose in front of the cameras",
                "Check inner_corners of [auxiliary], take the pictures again.",
            )
        )
        return
    best = solutions[0]
    limit = max(4.0 * sigma, 2.5 * found.solution.rms_px, 0.35)
    if aux.clicked:
        limit = max(limit, 3.0)
    n = sum(int(np.isfinite(uv).all(1).sum()) for uv in (left, right) if uv is not None)
    row |= {
        "rms_px": best[2],
        "left_rms_px": _rms(best[3], left),
        "right_rms_px": _rms(best[4], right),
        "limit_px": limit,
    }
    scale = _scale_of(points, left, right, s, sigma)
    if scale is not None:
        row["scale_percent"], row["scale_sigma_percent"] = 100 * (scale[0] - 1), 100 * scale[1]
    usable = best[2] <= limit
    mono_rms = [poses[0][2] for poses in single.values() if poses]
    if not usable:
        room.causes.append(_why_inconsistent(label, aux, seen, found, best[2], mono_rms, scale))
    # planar solutions that explain the pictures equally well (χ² within 16)
    chi2 = [2 * n * (sol[2] ** 2 - best[2] ** 2) / max(2 * best[2] ** 2 / 2, sigma**2) / 2
            for sol in solutions]  # fmt: skip
    close = [sol for sol, c in zip(solutions, chi2, strict=True) if c < 16.0]
    T_RL = Transform(s.R_RL, s.t_RL, "R", "L")
    poses = [Transform(sol[0], sol[1], "L", "B") for sol in close]
    shown = _read_room(label, aux, seen, found, room)
    tape = aux.tape
    if not tape.measured:
        if shown is None:
            room.causes.append(
                Cause(
                    "auxiliary_not_measured",
                    "FAIL",
                    f"where {label} is in the room is not known: it has no tape, and no picture "
                    "of the room that can be used",
                    "Measure left_m, down_m and out_m, or take another picture of the room.",
                )
            )
            return
        tape = tape.at(shown[2].T_WA.t)
        row["t_WA_m"] = tape.t_WA.tolist()
    readings = world.read_placement(tape, points, poses, T_RL)
    good = [r for r in readings if not r.broken]
    if shown is not None and len(good) > 1:  # the picture tells the quarter turns apart
        good = [r for r in good if r.quarter_turns == shown[1]] or good
    row["candidates"] = [
        _reading_row(r) | {"T_AB": _plain(world_board_to_A(aux, r.quarter_turns))}
        for r in (good or readings)
    ]
    if len(good) != 1:
        chosen = _settle(good, readings, label, aux, tape, room)
        if chosen is None:
            return
    else:
        chosen = good[0]
    row["quarter_turns"] = chosen.quarter_turns
    row["facts"] = chosen.numbers
    pose = close[chosen.solution]
    T_AB = world_board_to_A(aux, chosen.quarter_turns)
    row["T_AB"] = _plain(T_AB)
    measured = None
    if shown is not None and shown[1] != chosen.quarter_turns:
        room.causes.append(
            Cause(
                "room_picture_turned",
                "FAIL",
                f"the picture of the room shows {label} turned by "
                f"{90 * ((shown[1] - chosen.quarter_turns) % 4)}° against what both cameras saw: "
                "it was moved in between, or the picture is mirrored",
                "Take the picture of the room without touching the board; say mirrored = true "
                "where it shows a mirror or a selfie camera took it.",
            )
        )
    elif shown is not None:
        measured = world.by_picture(index, shown[0].T_WB, shown[0].covariance, T_AB)
        row["room_picture"] = _picture_row(aux, shown[0], measured)
    placed = _Placed(index, aux, chosen, pose[0], pose[1], usable, tape, measured)
    room.placed.append(placed)


def _read_room(
    label: str, aux: Auxiliary, seen: Seen, found: Estimate, room: _Room
) -> tuple[RoomPose, int, world.Measured] | None:
    """What the pictures of the room say: the pose, its quarter turns, T_WA; None where nothing."""
    if not aux.room:
        return None
    for p in aux.room:
        if p.board_px is None:
            room.causes.append(
                Cause(
                    "room_picture_no_board",
                    "WARN",
                    f"{label} was not found in {p.file or 'the picture of the room'}: {p.reason}",
                    "Take it from nearer: the whole auxiliary board, sharp and at least 200 pixels "
                    "wide, together with the four corners of the blackboard.",
                )
            )
    if seen.blackboard_m is None:
        raise CalibrationError(
            "pictures of the room need the size of the blackboard", where="blackboard_m",
            remedy="Give its width and height in metres.",
        )  # fmt: skip
    if all(p.board_px is None for p in aux.room):
        return None
    lenses: dict[str, Lens] = {}
    if any(p.taken_with != "phone" for p in aux.room):
        s = found.solution.state
        C = bundle.joint_covariance(
            found.problem, s, found.solution.sigma_px, with_warp=found.with_warp
        )
        n = s.lenses[0].size
        lenses["left"] = Lens(s.lenses[0], C[:n, :n])
        m = n + s.lenses[1].size
        lenses["right"] = Lens(s.lenses[1], C[n:m, n:m])
    poses = room_poses(aux.room, aux.board, seen.blackboard_m, lenses)
    if not poses:
        room.causes.append(
            Cause(
                "room_picture_no_pose",
                "FAIL",
                f"the picture of the room gives no place for {label}: clicks and board contradict "
                "each other",
                f"Click the blackboard's corners again: {ORDER}.",
            )
        )
        return None
    wrong = misfits(poses[0], aux.room)
    if wrong:
        room.causes.append(
            Cause(
                "room_picture_misfit",
                "FAIL",
                f"{wrong[0][0] or 'the picture of the room'}: {wrong[0][1]}: wrong clicks, a wrong "
                "size of the blackboard, or a board that was moved or another zoom between the "
                "pictures of the room",
                f"Click again ({ORDER}); measure the blackboard; use the phone's plain 1× camera.",
            )
        )
    key, off_sigmas = size_error(poses[0], seen.blackboard_m)
    if off_sigmas > SIZE_SIGMAS[0]:
        k = ("width_m", "height_m").index(key)
        room.causes.append(
            Cause(
                "blackboard_size",
                "FAIL" if off_sigmas > SIZE_SIGMAS[1] else "WARN",
                f"the pictures of the room contradict {key} = {seen.blackboard_m[k]:.3f} m: they "
                f"show a {'larger' if poses[0].size_m[k] > seen.blackboard_m[k] else 'smaller'} "
                "blackboard",
                f"Measure {key} again, and click the corners of the same surface: with or without "
                "the frame, but the same for both.",
            )
        )
    T_AB = [world_board_to_A(aux, k) for k in range(4)]
    ways = by_placement(poses, [T.inverse() for T in T_AB], world.R_WA)
    off, pose, k = ways[0]
    rivals = [o for o, other, _ in ways if other is not pose]
    if rivals and min(rivals) < off + 3 * float(
        np.degrees(np.sqrt(np.trace(pose.covariance[:3, :3])))
    ):
        room.causes.append(
            Cause(
                "room_picture_ambiguous",
                "WARN",
                f"the picture of the room can be understood in two ways; the one in which {label} "
                f"lies as stated (to {off:.0f}°) was taken",
                "Add a picture of the room from another place, more from the side.",
            )
        )
    return pose, k, world.by_picture(0, pose.T_WB, pose.covariance, T_AB[k])


def _picture_row(aux: Auxiliary, pose: RoomPose, measured: world.Measured) -> dict[str, Any]:
    """What rig.quality says of the pictures of the room (see this module's head)."""
    variance = np.diag(measured.covariance)
    tape_variance = aux.tape.tape_sigma_m**2
    placement_variance = np.radians(aux.tape.placement_sigma_deg) ** 2
    turned = rotation_log(world.R_WA.T @ measured.T_WA.R)
    t = measured.T_WA.t
    return {
        "files": [p.file for p in aux.room if p.board_px is not None],
        "f_px": list(pose.f_px),
        "clicks_rms_px": list(pose.clicks_rms_px),
        "board_rms_px": list(pose.board_rms_px),
        "T_WX": [_plain(T) for T in pose.T_WX],
        "t_WA_m": t.tolist(),
        "sigma_cm": (100 * np.sqrt(variance[3:])).tolist(),
        "turned_deg": np.degrees(turned).tolist(),
        "turned_sigma_deg": np.degrees(np.sqrt(variance[:3])).tolist(),
        "turn_difference_sigma_deg": np.degrees(
            np.sqrt(variance[:3] + placement_variance)
        ).tolist(),
        "tape_minus_picture_cm": (100 * (aux.tape.t_WA - t)).tolist()
        if aux.tape.measured
        else None,
        "difference_sigma_cm": (100 * np.sqrt(variance[3:] + tape_variance)).tolist(),
    }


def world_board_to_A(aux: Auxiliary, quarter_turns: int) -> Transform:
    """T_AB of a placement: the detector's board frame in A."""
    T_AP = Transform(world.R_AP(aux.tape.tilt_deg), np.zeros(3), "A", "P")
    return T_AP @ world.T_PB(aux.board.points_B(), quarter_turns)


def _plain(T: Transform) -> dict[str, Any]:
    return {"R": T.R.tolist(), "t_m": T.t.tolist()}


def _rms(residual: Array, uv: Array | None) -> float | None:
    if uv is None:
        return None
    n = max(int(np.isfinite(uv).all(1).sum()), 1)
    return float(np.sqrt((residual**2).sum() / n))


_Pose = tuple[Array, Array, float, Array, Array]


def _pose_solutions(
    points: Array,
    left: Array | None,
    right: Array | None,
    s: bundle.State,
    warp: Array | None,
) -> list[_Pose]:
    """All distinct minima of the board's pose over the pictures there are, best first."""
    ends: list[_Pose] = []
    starts: list[tuple[Array, Array]] = []
    if left is not None:
        starts += [(R, t) for R, t, _ in planar_poses(points, left, s.lenses[0])]
    if right is not None:
        starts += [
            (s.R_RL.T @ R, s.R_RL.T @ (t - s.t_RL))
            for R, t, _ in planar_poses(points, right, s.lenses[1])
        ]
    problem = build([points], [(left, right, 0)])
    problem = replace(problem, home_right=np.zeros(1, bool))
    free = np.zeros(s.lenses[0].size + s.lenses[1].size + 6, bool)
    for R, t in starts:
        state = bundle.State(
            s.lenses, s.R_RL, s.t_RL, R[None], t[None], np.zeros(2) if warp is None else warp
        )
        end = bundle.solve(problem, state, free=free, max_iterations=60)
        if not np.isfinite(end.cost):
            continue
        R_end, t_end = end.state.R_view[0], end.state.t_view[0]
        r = [x[0] if len(x) else np.zeros((len(points), 2)) for x in end.residuals]
        if all(float(geodesic_deg(R_end, e[0])) > 1.0 for e in ends):
            ends.append((R_end, t_end, end.rms_px, r[0], r[1]))
    return sorted(ends, key=lambda e: e[2])


def _scale_of(
    points: Array, left: Array | None, right: Array | None, s: bundle.State, sigma_px: float
) -> tuple[float, float] | None:
    """How large the two cameras see the board, as a factor on its stated size, and its σ.

    The cameras' distance fixes the scale; a factor other than 1 says that this board's square, or
    that of the calibration board, is not as large as stated (or that something moved).
    """
    if left is None or right is None:
        return None
    end = resect(points, left, right, s.lenses, s.R_RL, s.t_RL)
    if end is None:
        return None
    problem = build([points], [(left, right, 0)])
    state = bundle.State(s.lenses, s.R_RL, s.t_RL, end[0][None], end[1][None])
    factor = 1.0
    variance = 1.0
    for _ in range(8):
        scaled = replace(problem, boards=problem.boards * factor)
        rows, rhs = [], []
        for c in (0, 1):
            lin = bundle.linearise(scaled, state, c, with_warp=False)
            R = state.R_view[0] if c == 0 else s.R_RL @ state.R_view[0]
            X = scaled.boards[0] @ R.T / factor
            # ∂uv/∂t of this camera times the change of the point with the factor
            d_t = lin.J_view[0][:, :, 3:] if c == 0 else lin.J_view[0][:, :, 3:] @ s.R_RL.T
            d_factor = np.einsum("nij,nj->ni", d_t, X)
            w = scaled.cameras[c].weight[0][:, None]
            J = np.concatenate([lin.J_view[0], d_factor[..., None]], -1) * w[..., None]
            rows.append(J.reshape(-1, 7))
            rhs.append((lin.residual[0] * w).ravel())
        A, b = np.concatenate(rows), np.concatenate(rhs)
        H = A.T @ A
        try:
            step = -np.linalg.solve(H, A.T @ b)
        except np.linalg.LinAlgError:
            return None
        still = np.zeros(s.lenses[0].size + s.lenses[1].size + 6)
        state = state.moved(still, step[None, :6], False)
        factor += float(step[6])
        if not 0.05 < factor < 20:
            return None
        variance = float(np.linalg.inv(H)[6, 6])
        if abs(step[6]) < 1e-7:
            break
    return factor, float(np.sqrt(variance) * sigma_px)


def _why_inconsistent(
    label: str,
    aux: Auxiliary,
    seen: Seen,
    found: Estimate,
    rms_px: float,
    mono_rms: Sequence[float],
    scale: tuple[float, float] | None,
) -> Cause:
    """The auxiliary pictures do not fit the pair: find out why."""
    s = found.solution.state
    points = aux.board.points_B()
    left, right = aux.view.left, aux.view.right
    good = max(4 * found.solution.sigma_px, 2.0 * found.solution.rms_px, 0.5)
    alone = max(mono_rms, default=0.0)
    held = found.holdout
    broken = any(c.severity == "FAIL" for c in found.rejected.causes) or (
        held is not None and held.left_to_right_px > HOLDOUT_RATIO[1] * held.expected_px
    )
    if broken:
        return Cause(
            "auxiliary_inconsistent",
            "FAIL",
            f"{label} does not fit the relative pose of the cameras ({rms_px:.1f} px), which is "
            "not right itself",
            "Mend the shared views first.",
        )
    if alone > max(good, 0.8 * rms_px) or left is None or right is None:
        return Cause(
            "auxiliary_inconsistent",
            "FAIL",
            f"{label} does not fit the lens of its own picture ({alone:.2f} px): the zoom or the "
            "picture size changed since the calibration pictures, or the corners are wrong",
            "Take the auxiliary pictures with the same zoom, focus and picture size.",
        )
    if scale is not None and abs(scale[0] - 1) > 0.03:
        end = resect(points * scale[0], left, right, s.lenses, s.R_RL, s.t_RL)
        if end is not None and end[2] < good:
            return Cause(
                "auxiliary_square",
                "FAIL",
                f"{label} looks {scale[0]:.2f} times as large as stated: its square_m or that of "
                "the calibration board is wrong",
                "Measure both boards' squares with a ruler (ten squares at once, divided by ten).",
            )
    for k, camera in enumerate(CAMERAS):
        rms, factor = _fits_if_zoomed(points, left, right, s, k, seen.sizes[camera])
        if rms < good and abs(factor - 1) > 0.03:
            return Cause(
                "auxiliary_zoom",
                "FAIL",
                f"{label} fits only if the {camera} camera's zoom or picture size changed by the "
                f"factor {factor:.2f} since the calibration pictures",
                "Take the auxiliary pictures with the same zoom, focus and picture size.",
            )
    turned = [_fits_if_turned(points, left, right, s, k) for k in (0, 1)]
    if min(turned) < good:
        return Cause(
            "camera_bumped",
            "FAIL",
            f"{label} fits only if the {CAMERAS[int(np.argmin(turned))]} camera was turned since "
            f"the calibration pictures ({rms_px:.1f} px): it was bumped",
            "Fix the cameras, then take all calibration pictures again.",
        )
    return Cause(
        "auxiliary_moved",
        "FAIL",
        f"{label} is not in the same place in both pictures ({rms_px:.1f} px): it was moved "
        "between them, or a camera was",
        "Take both auxiliary pictures without touching board or cameras.",
    )


def _fits_if_turned(
    points: Array, left: Array, right: Array, s: bundle.State, camera: int
) -> float:
    """Joint rms of one view when that camera may also have turned about its own centre.

    A left camera that turned leaves t_RL as it was and changes R_RL; for the right one the roles
    are exchanged.
    """
    if camera == 1:
        s = replace(s, lenses=(s.lenses[1], s.lenses[0]), R_RL=s.R_RL.T, t_RL=-s.R_RL.T @ s.t_RL)
        left, right = right, left
    n = s.lenses[0].size + s.lenses[1].size
    free = np.zeros(n + 6, bool)
    free[n : n + 3] = True
    return _fit_one(points, left, right, s, free).rms_px


def _fits_if_zoomed(
    points: Array,
    left: Array,
    right: Array,
    s: bundle.State,
    camera: int,
    size_px: tuple[int, int],
) -> tuple[float, float]:
    """Joint rms of one view when that camera's zoom may have changed, and the factor on f.

    Zoomed about the picture's middle, or made smaller as a whole (about its corner).
    """
    n0 = s.lenses[0].size
    free = np.zeros(n0 + s.lenses[1].size + 6, bool)
    first = 0 if camera == 0 else n0
    free[first : first + 2] = True
    best, factor = np.inf, 1.0
    old = s.lenses[camera]
    for about in (np.zeros(2), (np.array(size_px) - 1) / 2):
        for guess in (1.0, 0.5, 0.67, 1.5):
            f = old[:2] * guess
            for _ in range(2):  # f, then the principal point that goes with it
                lens = old.copy()
                lens[:2] = f
                lens[2:4] = about + (old[2:4] - about) * (f.mean() / old[:2].mean())
                lenses = (lens, s.lenses[1]) if camera == 0 else (s.lenses[0], lens)
                end = _fit_one(points, left, right, replace(s, lenses=lenses), free)
                f = end.state.lenses[camera][:2]
                if not np.isfinite(f).all() or (f < 0.1 * old[:2]).any():
                    break
            even = abs(float((f[0] / old[0]) / (f[1] / old[1])) - 1) < 0.01
            if even and end.rms_px < best:
                best, factor = end.rms_px, float(f.mean() / old[:2].mean())
    return best, factor


def _fit_one(
    points: Array, left: Array, right: Array, s: bundle.State, free: bundle.BoolArray
) -> bundle.Solution:
    """One view's pose and some globals, from both cameras' planar starts; the better end."""
    problem = build([points], [(left, right, 0)])
    starts = [(R, t) for R, t, _ in planar_poses(points, left, s.lenses[0])[:1]]
    starts += [
        (s.R_RL.T @ R, s.R_RL.T @ (t - s.t_RL))
        for R, t, _ in planar_poses(points, right, s.lenses[1])[:1]
    ]
    ends = [
        bundle.solve(
            problem, bundle.State(s.lenses, s.R_RL, s.t_RL, R[None], t[None]), free=free,
            max_iterations=25, tolerance=1e-5,
        )
        for R, t in starts
    ]  # fmt: skip
    return min(ends, key=lambda e: e.rms_px)


def _reading_row(r: world.Reading) -> dict[str, Any]:
    return {
        "quarter_turns": r.quarter_turns,
        "solution": r.solution,
        "broken": list(r.broken),
        "R_AL": r.T_AL.R.tolist(),
        "t_AL_m": r.T_AL.t.tolist(),
    } | {k: round(v, 4) for k, v in r.numbers.items()}


def _settle(
    good: list[world.Reading],
    readings: list[world.Reading],
    label: str,
    aux: Auxiliary,
    tape: Tape,
    room: _Room,
) -> world.Reading | None:
    """No reading or several: say which fact fails. Returns a reading only where one is safe."""
    if len(good) > 1:
        room.causes.append(_ambiguous(good, label, aux))
        return None
    only = {r.broken for r in readings}
    if any(set(b) == {"class"} or set(b) == {"left_right"} for b in only) or any(
        set(b) <= {"class", "behind"} or set(b) <= {"left_right"} for b in only
    ):
        room.causes.append(
            Cause(
                "cameras_swapped",
                "FAIL",
                "the left and right cameras are exchanged (or all pictures are mirrored): as "
                "named, the left camera would stand on the right for somebody who faces the "
                "blackboard, "
                "or both would look at the wall",
                "Exchange the folders and files of left and right; left is left for somebody who "
                "faces the blackboard. Switch off mirroring.",
            )
        )
        return None
    placements: tuple[world.Placement, ...] = ("flat", "standing")
    for other in placements:
        instead = replace(tape, placement=other, angle_deg=None)
        if other != tape.placement and _reads_as(instead, aux, readings):
            room.causes.append(
                Cause(
                    "wrong_placement",
                    "FAIL",
                    f"{label} is not {aux.tape.placement}: with it the cameras would lie on their "
                    f"sides or stand behind the blackboard; it looks {other}",
                    f'Set placement = "{other}" in [auxiliary], or place the board as stated.',
                )
            )
            return None
    room.causes.append(
        Cause(
            "room_impossible",
            "FAIL",
            f"{label}: every reading of the pictures breaks a fact of the room "
            f"({', '.join(sorted({b for r in readings for b in r.broken}))})",
            "Check placement, tape and which picture belongs to which camera.",
        )
    )
    return None


def _ambiguous(good: Sequence[world.Reading], label: str, aux: Auxiliary) -> Cause:
    """Two or more rooms explain the pictures: what tells them apart, and what resolves it."""
    rooms = "; ".join(
        f"by reading {k} the left camera is {abs(r.numbers['left_y_m']):.2f} m "
        f"{'below' if r.numbers['left_y_m'] > 0 else 'above'} the blackboard's upper edge and "
        f"{r.numbers['left_x_m']:.2f} m left of its right edge"
        for k, r in enumerate(good, 1)
    )
    one_camera = aux.view.left is None or aux.view.right is None
    if len({r.quarter_turns for r in good}) > 1:
        action = (
            "Lay the board with its edges parallel to the blackboard's, or add a picture of the "
            "room ([auxiliary.room_picture]), which tells the readings apart."
        )
    elif one_camera:
        action = (
            "Place the board where both cameras see all of it: two cameras leave one of the two "
            "tilts that a small, distant board can have."
        )
    else:
        action = (
            "Use a larger auxiliary board, or place it nearer to the cameras: so small in the "
            "picture, two tilts of it look alike."
        )
    return Cause(
        "auxiliary_ambiguous",
        "FAIL",
        f"{label} can be read in {len(good)} ways that gravity and the room allow (drawn in "
        f"calibration.html): {rooms}",
        action,
    )


def _reads_as(tape: Tape, aux: Auxiliary, readings: Sequence[world.Reading]) -> bool:
    """Whether another placement would break no fact."""
    T_AB = {r.quarter_turns: world_board_to_A(aux, r.quarter_turns) for r in readings}
    poses: dict[int, Transform] = {}
    for r in readings:
        T_BL = T_AB[r.quarter_turns].inverse() @ r.T_AL
        poses.setdefault(r.solution, T_BL.inverse())
    # the pair is not needed to see whether pictures would be upright: numbers carry it
    again = world.read_placement(tape, aux.board.points_B(), list(poses.values()), None)
    return any(not r.broken for r in again)


# -- everything together ---------------------------------------------------------------------------
def _final_solve(
    found: Estimate, placed: Sequence[_Placed]
) -> tuple[bundle.Problem, bundle.Solution, Array]:
    """Once more, with the auxiliary views beside the others; covariance of globals and their poses.

    Returns problem, solution and the covariance (lenses, R_RL, t_RL[, warp], 6 per placement).
    """
    boards = [found.board.points_B()]
    views: list[tuple[Array | None, Array | None, int]] = []
    weights: list[tuple[Array | None, Array | None]] = []
    left_w = {int(v): w for v, w in zip(found.problem.cameras[0].view,
                                        found.problem.cameras[0].weight, strict=True)}  # fmt: skip
    right_w = {int(v): w for v, w in zip(found.problem.cameras[1].view,
                                         found.problem.cameras[1].weight, strict=True)}  # fmt: skip
    for i, v in enumerate(found.views):
        views.append((v.left, v.right, 0))
        weights.append((left_w.get(i), right_w.get(i)))
    R, t = [found.solution.state.R_view], [found.solution.state.t_view]
    rows = []
    for p in placed:
        if p.auxiliary.board == found.board:
            number = 0
        else:
            number = len(boards)
            boards.append(p.auxiliary.board.points_B())
        rows.append(len(views))
        left, right = p.auxiliary.view.left, p.auxiliary.view.right
        # a clicked corner is good to about a pixel; pictures that do not fit must not pull
        w = 1.0 if p.usable else 1e-4
        if p.auxiliary.clicked:
            w = min(w, (found.solution.sigma_px / CLICK_SIGMA_PX) ** 2)
        scale = [None if uv is None else np.full(len(uv), w, np.float64) for uv in (left, right)]
        views.append((left, right, number))
        weights.append((scale[0], scale[1]))
        pose_R, pose_t = p.R_LB, p.t_LB
        if left is None:
            s = found.solution.state
            pose_R, pose_t = s.R_RL @ pose_R, s.R_RL @ pose_t + s.t_RL
        R.append(pose_R[None])
        t.append(pose_t[None])
    problem = build(boards, views, weights=weights)
    start = replace(found.solution.state, R_view=np.concatenate(R), t_view=np.concatenate(t))
    solution = bundle.solve(
        problem, start, with_warp=found.with_warp, robust_px=found.robust_px, max_iterations=300
    )
    C = bundle.joint_covariance(
        problem,
        solution.state,
        found.solution.sigma_px,
        with_warp=found.with_warp,
        views=np.array(rows, np.intp),
    )
    return problem, solution, C


def _assemble(seen: Seen, found: Estimate, room: _Room) -> Rig:
    """Rig with covariance and quality (verdict: later)."""
    placed = room.placed
    try:
        problem, solution, C = _final_solve(found, placed)
        if not np.isfinite(C).all() or not np.isfinite(solution.cost):
            raise np.linalg.LinAlgError("the solve ended in no numbers")
        if (np.diag(C) < 0).any():  # lost in rounding: nothing that may be called a covariance
            raise np.linalg.LinAlgError("the covariance is not one")
    except np.linalg.LinAlgError:
        room.causes.append(
            Cause(
                "undetermined",
                "FAIL",
                "the views do not determine the cameras: some parameters are free",
                "Tilt the board in several directions and fill the picture's corners.",
            )
        )
        problem, solution, C = found.problem, found.solution, None
    s = solution.state
    cameras = [
        Camera(
            np.array([[lens[0], 0, lens[2]], [0, lens[1], lens[3]], [0, 0, 1]]),
            lens[4:],
            seen.sizes[name],
            name,
        )
        for name, lens in zip(CAMERAS, s.lenses, strict=True)
    ]
    T_RL = Transform(s.R_RL, s.t_RL, "R", "L")
    n_lens = s.lenses[0].size + s.lenses[1].size
    G = n_lens + 6 + (2 if found.with_warp else 0)
    base = np.arange(n_lens + 6)
    T_AL = T_WA = None
    covariance: Array | None = None if C is None else C[np.ix_(base, base)]
    if placed and C is not None:
        poses = []
        for k in range(len(placed)):
            row = len(found.views) + k
            T = Transform(s.R_view[row], s.t_view[row], "L", "B")
            if problem.home_right[row]:
                T = T_RL.inverse() @ Transform(T.R, T.t, "R", "B")
            poses.append(T)
        J_home = _pose_jacobian(problem, s, found, placed, G, n_lens)
        measured = [
            world.by_tape(k, p.auxiliary.tape, p.tape.t_WA) for k, p in enumerate(placed)
        ] + [replace(p.picture, placement=k) for k, p in enumerate(placed) if p.picture is not None]
        room_solved = world.solve_world(
            poses,
            [world_board_to_A(p.auxiliary, p.reading.quarter_turns) for p in placed],
            measured,
        )
        T_AL, T_WA = room_solved.T_AL, room_solved.T_WA
        M = np.zeros((n_lens + 18, len(C)))
        M[: n_lens + 6, : n_lens + 6] = np.eye(n_lens + 6)
        M[n_lens + 6 :] = room_solved.J_vision @ J_home
        covariance = M @ C @ M.T
        covariance[n_lens + 6 :, n_lens + 6 :] += room_solved.measured_covariance
        covariance = (covariance + covariance.T) / 2
        for m, residual in zip(measured, room_solved.residuals, strict=True):
            p = placed[m.placement]
            about = room.rows[p.index]
            if m.source == "picture" or p.auxiliary.tape.measured:
                about[f"{m.source}_error_cm"] = [100 * float(v) for v in residual[3:]]
            if m.source == "tape":
                about["turn_error_deg"] = [float(np.degrees(v)) for v in residual[:3]]
    rig = Rig(cameras[0], cameras[1], T_RL, T_AL, T_WA, covariance)
    return replace(rig, quality=_quality(seen, found, room, problem, solution, rig))


def _pose_jacobian(
    problem: bundle.Problem,
    s: bundle.State,
    found: Estimate,
    placed: Sequence[_Placed],
    G: int,
    n_lens: int,
) -> Array:
    """(6 n, len(C)) from the solver's parameters to (δ, t) of each T_LB.

    The identity but for boards that only the right camera saw, whose pose is kept in R.
    """
    n = len(placed)
    J = np.zeros((6 * n, G + 6 * n))
    for k in range(n):
        rows = slice(6 * k, 6 * k + 6)
        own = slice(G + 6 * k, G + 6 * k + 6)
        row = len(found.views) + k
        if not problem.home_right[row]:
            J[rows, own] = np.eye(6)
            continue
        # T_LB = T_RL⁻¹ T_RB: R = R_RLᵀ R_RB, t = R_RLᵀ (t_RB − t_RL)
        R_RB, t_RB = s.R_view[row], s.t_view[row]
        J[6 * k : 6 * k + 3, G + 6 * k : G + 6 * k + 3] = np.eye(3)
        J[6 * k + 3 : 6 * k + 6, G + 6 * k + 3 : G + 6 * k + 6] = s.R_RL.T
        # R_RL exp(δ): R_LB = exp(−δ) R_RLᵀ R_RB = R_LB exp(−R_LBᵀ δ)
        R_LB = s.R_RL.T @ R_RB
        J[6 * k : 6 * k + 3, n_lens : n_lens + 3] = -R_LB.T
        d = s.R_RL.T @ (t_RB - s.t_RL)
        J[6 * k + 3 : 6 * k + 6, n_lens : n_lens + 3] = np.array(
            [[0, -d[2], d[1]], [d[2], 0, -d[0]], [-d[1], d[0], 0]]
        )
        J[6 * k + 3 : 6 * k + 6, n_lens + 3 : n_lens + 6] = -s.R_RL.T
    return J


# -- quality ---------------------------------------------------------------------------------------
_MODEL_WORDS = {
    4: "4 coefficients (k1 k2 p1 p2)",
    5: "5 coefficients (k1 k2 p1 p2 k3)",
    8: "8 coefficients (rational)",
}


def _quality(
    seen: Seen,
    found: Estimate,
    room: _Room,
    problem: bundle.Problem,
    solution: bundle.Solution,
    rig: Rig,
) -> dict[str, Any]:
    s = solution.state
    names = list(rig.parameter_names)
    sigma = None if rig.covariance is None else np.sqrt(np.maximum(np.diag(rig.covariance), 0))
    rms = view_rms(problem, solution)
    shared = found.shared
    cameras: dict[str, Any] = {}
    for c, name in enumerate(CAMERAS):
        o = problem.cameras[c]
        lens = s.lenses[c]
        keys = ["fx", "fy", "cx", "cy"] + [f"d{i}" for i in range(lens.size - 4)]
        n = float((o.weight > 0).sum())
        cameras[name] = {
            "rms_px": found.mono[name].rms_px,
            "joint_rms_px": float(np.sqrt((solution.residuals[c] ** 2).sum() / max(n, 1))),
            "sigma_px": found.solution.sigma_px,
            "fx": float(lens[0]),
            "fy": float(lens[1]),
            "n_distortion": int(lens.size - 4),
            "model": _MODEL_WORDS[int(lens.size - 4)],
            "views": len(o.view),
            "corners": int(n),
            "starts": list(found.mono[name].starts),
            "sigma": None
            if sigma is None
            else {k: float(sigma[names.index(f"{name}.{k}")]) for k in keys},
            "coverage": _coverage(found.problem, found.solution.state, c, seen.sizes[name]),
        }
    held = found.holdout
    pair: dict[str, Any] = {
        "rms_px": found.solution.rms_px,
        "holdout_px": None if held is None else held.left_to_right_px,
        "holdout_right_to_left_px": None if held is None else held.right_to_left_px,
        "holdout_expected_px": None if held is None else held.expected_px,
        "holdout_folds": None if held is None else held.folds,
        "joint_to_mono": _joint_to_mono(found),
        "views": len(shared),
        "support": found.support,
        "converged": solution.converged,
        "iterations": solution.iterations,
        "sigma_px": found.solution.sigma_px,
    }
    if rig.covariance is not None:
        pair |= uncertainty.pair_summary(rig)
    else:
        pair |= {"baseline_m": rig.baseline_m,
                 "angle_deg": float(geodesic_deg(rig.T_RL.R, np.eye(3)))}  # fmt: skip
    quality: dict[str, Any] = {
        "cameras": cameras,
        "pair": pair,
        "models": list(found.tried),
        "warp_mm": [float(1000 * v) for v in s.warp] if found.with_warp else None,
        "views": _view_rows(seen, found, problem, solution, rms),
        "auxiliary": room.rows,
        "settings": {
            "board": seen.board.to_dict(),
            "blackboard_m": None if seen.blackboard_m is None else list(seen.blackboard_m),
            "cameras_apart_m": seen.cameras_apart_m,
            "sizes": {k: list(v) for k, v in seen.sizes.items()},
        },
        "scale": {"checks": _scale_checks(seen, room, rig)},
        "seats": [],
        "blackboard": [],
        "slip": None,
    }
    if rig.covariance is not None:
        quality |= uncertainty.room_spread(rig, seen.blackboard_m)
    if rig.T_WA is not None:
        noses = uncertainty.seats(rig, seen.blackboard_m)
        width, height = seen.blackboard_m or (2 * float(noses[0, 0]), 1.2)
        target = np.array([width / 2, height / 2, 0.0])
        quality["slip"] = world.slip_effect(
            rig.T_WA, noses, target - noses, slip_m=0.02, slip_deg=2.0
        )
    return quality


def _joint_to_mono(found: Estimate) -> float:
    """Joint rms over what the cameras reach alone, on the same corners of the shared views.

    The alarm for pictures that were not taken together.
    """
    joint = alone = 0.0
    both = set(found.shared.tolist())
    for c, camera in enumerate(CAMERAS):
        o = found.problem.cameras[c]
        for k, i in enumerate(o.view):
            mono = found.mono_residuals.get((found.views[i].name, camera))
            if i not in both or mono is None:
                continue
            counted = o.weight[k] > 0
            joint += float((found.solution.residuals[c][k][counted] ** 2).sum())
            alone += float((mono[counted[: len(mono)]] ** 2).sum())
    return float(np.sqrt(joint / max(alone, 1e-12))) if alone > 0 else 1.0


def _coverage(
    problem: bundle.Problem, s: bundle.State, camera: int, size_px: tuple[int, int]
) -> dict[str, Any]:
    """Where in the picture corners were seen, and how the board was tilted."""
    o = problem.cameras[camera]
    seen = o.weight > 0
    uv = o.uv_px[seen]
    cells = np.zeros((5, 5), int)
    if len(uv):
        col = np.clip((uv[:, 0] / size_px[0] * 5).astype(int), 0, 4)
        row = np.clip((uv[:, 1] / size_px[1] * 5).astype(int), 0, 4)
        np.add.at(cells, (row, col), 1)
    edge = np.ones((5, 5), bool)
    edge[1:-1, 1:-1] = False
    corner = cells[[0, 0, 4, 4], [0, 4, 0, 4]]
    R, t = s.R_view[o.view], s.t_view[o.view]
    if camera == 1:
        carried = ~problem.home_right[o.view]
        R = np.where(carried[:, None, None], s.R_RL @ R, R)
        t = np.where(carried[:, None], t @ s.R_RL.T + s.t_RL, t)
    middle = problem.boards[o.board].mean(1)
    centre = np.einsum("nij,nj->ni", R, middle) + t
    normal = R[:, :, 2]  # against the optical axis: a board parallel to the picture says nothing
    tilt = np.degrees(np.arccos(np.clip(np.abs(normal[:, 2]), 0, 1)))
    away = normal * np.sign(normal[:, 2:])
    direction = np.floor((np.arctan2(away[:, 1], away[:, 0]) + np.pi) / (np.pi / 4)).astype(int) % 8
    width = np.array(
        [np.ptp(o.uv_px[i, seen[i], 0]) if seen[i].any() else 0.0 for i in range(len(seen))]
    )
    return {
        "cells": cells.tolist(),
        "share": float((cells > 0).mean()),
        "edge_share": float((cells[edge] > 0).mean()),
        "corner_share": float((corner > 0).mean()),
        "tilt_max_deg": float(tilt.max(initial=0.0)),
        "tilt_directions": len(set(direction[tilt > 15].tolist())),
        "nearest_m": float(np.linalg.norm(centre, axis=1).min(initial=np.inf)),
        "furthest_m": float(np.linalg.norm(centre, axis=1).max(initial=0.0)),
        "largest_share": float(width.max(initial=0.0) / size_px[0]),
    }


def _view_rows(
    seen: Seen,
    found: Estimate,
    problem: bundle.Problem,
    solution: bundle.Solution,
    rms: Array,
) -> list[dict[str, Any]]:
    s = solution.state
    rows: list[dict[str, Any]] = []
    used: set[tuple[str, str]] = set()
    per_view = {} if found.holdout is None else found.holdout.per_view_px
    nx_ny = seen.board.inner_corners
    for c, camera in enumerate(CAMERAS):
        o = problem.cameras[c]
        for k, i in enumerate(o.view):
            if i >= len(found.views):
                continue
            v = found.views[i]
            uv = v.corners(camera)
            assert uv is not None
            used.add((v.name, camera))
            R, t = s.R_view[i], s.t_view[i]
            if c == 1 and not problem.home_right[i]:
                R, t = s.R_RL @ R, s.R_RL @ t + s.t_RL
            counted = o.weight[k][: len(uv)] > 0
            residual = solution.residuals[c][k][: len(uv)]
            notes = v.notes.get(camera, {})
            turned = found.rejected.views.get((v.name, camera)) or found.rejected.views.get(
                (v.name, "")
            )
            rows.append(
                {
                    "name": v.name,
                    "camera": camera,
                    "n": int(counted.sum()),
                    "rms_px": float(rms[i, c]) if np.isfinite(rms[i, c]) else None,
                    "holdout_px": per_view.get(int(i)) if c == 1 else None,
                    "rejected": False,
                    "reason": "" if turned is None else f"not used for the pair: {turned}",
                    "corners_rejected": found.rejected.corners.get((v.name, camera), 0),
                    "sharpness_px": notes.get("sharpness_px"),
                    "pitch_px": pitch_px(uv, nx_ny),
                    "file": notes.get("file"),
                    "R_CB": R.tolist(),
                    "t_CB_m": t.tolist(),
                    "residuals_px": [
                        [round(float(a), 3), round(float(b), 3)] if ok else None
                        for (a, b), ok in zip(residual, counted, strict=True)
                    ],
                }
            )
    for v in seen.views:
        for camera in CAMERAS:
            if (v.name, camera) in used:
                continue
            reason = (
                found.rejected.views.get((v.name, camera))
                or found.rejected.views.get((v.name, ""))
                or v.notes.get(camera, {}).get("reason")
            )
            uv = v.corners(camera)
            if uv is None and reason is None:
                continue
            notes = v.notes.get(camera, {})
            rows.append(
                {
                    "name": v.name,
                    "camera": camera,
                    "n": 0 if uv is None else int(np.isfinite(uv).all(1).sum()),
                    "rms_px": None,
                    "holdout_px": None,
                    "rejected": True,
                    "reason": reason or "not used",
                    "corners_rejected": 0,
                    "sharpness_px": notes.get("sharpness_px"),
                    "pitch_px": None if uv is None else pitch_px(uv, nx_ny),
                    "file": notes.get("file"),
                    "R_CB": None,
                    "t_CB_m": None,
                    "residuals_px": None,
                }
            )
    return rows


def _scale_checks(seen: Seen, room: _Room, rig: Rig) -> list[dict[str, Any]]:
    """Lengths that do not come from the calibration board's square: signed error in percent."""
    checks: list[dict[str, Any]] = []
    if seen.cameras_apart_m:
        checks.append(
            {
                "what": "distance of the cameras, by tape",
                "error_percent": 100 * (rig.baseline_m / seen.cameras_apart_m - 1),
                "sigma_percent": 100 * seen.apart_sigma_m / seen.cameras_apart_m,
            }
        )
    for p in room.placed:
        row = room.rows[p.index]
        if p.auxiliary.board.square_m != seen.board.square_m and "scale_percent" in row:
            checks.append(
                {
                    "what": "the auxiliary board's own square",
                    "error_percent": row["scale_percent"],
                    "sigma_percent": row["scale_sigma_percent"] + 0.2,
                }
            )
    for a, p in enumerate(room.placed):
        for q in room.placed[a + 1 :]:
            if not (p.auxiliary.tape.measured and q.auxiliary.tape.measured):
                continue
            by_tape = float(np.linalg.norm(q.auxiliary.tape.t_WA - p.auxiliary.tape.t_WA))
            if by_tape < 0.3:
                continue
            origins = [
                Transform(x.R_LB, x.t_LB, "L", "B").apply(
                    world_board_to_A(x.auxiliary, x.reading.quarter_turns).inverse().t
                )
                for x in (p, q)
            ]
            seen_m = float(np.linalg.norm(origins[1] - origins[0]))
            sigma = np.hypot(p.auxiliary.tape.tape_sigma_m, q.auxiliary.tape.tape_sigma_m)
            checks.append(
                {
                    "what": f"placements {p.index + 1} and {q.index + 1} of the auxiliary board, "
                    "by tape",
                    "error_percent": 100 * (seen_m / by_tape - 1),
                    "sigma_percent": 100 * sigma / by_tape,
                }
            )
    return checks


# -- from pictures ---------------------------------------------------------------------------------
def calibrate_folder(
    folder: Path,
    board: Board | None,
    auxiliary: Sequence[AuxiliaryPlacement] = (),
    *,
    blackboard_m: tuple[float, float] | None = None,
    cameras_apart_m: float | None = None,
    offset_s: float = 0.0,
    time_limit_s: float = TIME_LIMIT_S,
    progress: Progress | None = None,
) -> Rig:
    """Pictures and tape in, a rig with its verdict out.

    Parameters
    ----------
    folder : holds ``left/`` and ``right/`` (pictures, or one video each).
    board : the board in them; None = its corners are counted, its square taken as 25 mm, and the
        verdict says that lengths rest on that.
    auxiliary : placements of the auxiliary board; none = cameras and relative pose only. Where a
        placement names no pictures, ``folder/auxiliary/left.*`` and ``right.*`` are taken (for the
        second and later placements ``left2.*``, ``right2.*`` …).
    blackboard_m : (width, height) metres.
    cameras_apart_m : distance of the two lenses by tape: an independent check of the scale.
    offset_s : right clock minus left clock, for videos.
    progress : called with (stage, share done).

    Raises
    ------
    CalibrationError : nothing can be solved: no pictures, no board in them, wrong counts or units.
    """
    say = progress or (lambda stage, share: None)
    folder = Path(folder)
    tapes = [a.tape() for a in auxiliary]  # what is wrong with them should not cost minutes first
    if blackboard_m is None and any(a.room_pictures for a in auxiliary):
        raise CalibrationError(
            "pictures of the room need the size of the blackboard", where="blackboard_m",
            remedy="Give its width and height in metres.",
        )  # fmt: skip
    assumed = board is None
    board = board_in(folder, time_limit_s=time_limit_s) if board is None else board
    rooms = [read_room_pictures(a, a.board or board, time_limit_s=time_limit_s) for a in auxiliary]
    found = read_folder(
        folder, board, time_limit_s=time_limit_s, offset_s=offset_s,
        progress=lambda stage, share: say(stage, 0.7 * share),
    )  # fmt: skip
    causes = list(found.causes)
    if assumed:
        causes.append(
            Cause(
                "square_assumed",
                "WARN",
                f"the board was not stated: {board.inner_corners[0]} × {board.inner_corners[1]} "
                f"inner corners were counted, and squares of {1000 * board.square_m:g} mm assumed; "
                "angles are right, lengths only if that is",
                "State the board: kind, inner_corners and square_m.",
            )
        )
    placed = []
    for i, (placement, tape) in enumerate(zip(auxiliary, tapes, strict=True)):
        own = placement.board or board
        named = _with_pictures(folder, placement, i)
        view, clicked, more = read_auxiliary(named, own, found.sizes, i, time_limit_s=time_limit_s)
        causes += more
        for shown in rooms[i]:
            if shown.taken_with != "phone" and shown.size_px != found.sizes[shown.taken_with]:
                raise CalibrationError(
                    f"a picture of the room that the {shown.taken_with} camera took must have the "
                    "size of its calibration pictures", where=shown.file,
                    found="{} × {}".format(*shown.size_px),
                    expected="{} × {}".format(*found.sizes[shown.taken_with]),
                    remedy='Use the same zoom and picture size, or say taken_with = "phone".',
                )  # fmt: skip
        placed.append(Auxiliary(tape, own, view, clicked, rooms[i]))
    seen = Seen(
        board, found.sizes, found.views, tuple(placed), blackboard_m, cameras_apart_m,
        causes=tuple(causes),
    )  # fmt: skip
    return solve(seen, progress=lambda stage, share: say(stage, 0.7 + 0.3 * share))


def _with_pictures(folder: Path, placement: AuxiliaryPlacement, index: int) -> AuxiliaryPlacement:
    """The placement with its pictures' paths, those of the folder where it names none."""
    paths: dict[str, Path] = {}
    for camera in CAMERAS:
        given = getattr(placement, camera)
        if given is not None:
            paths[camera] = Path(given)
            continue
        stems = [camera] if index == 0 else [f"{camera}{index + 1}", f"{camera}_{index + 1}"]
        hits = sorted(
            p for p in (folder / "auxiliary").glob("*")
            if p.stem.lower() in stems and p.suffix.lower() in PICTURES
        )  # fmt: skip
        if hits:
            paths[camera] = hits[0]
    return replace(placement, left=paths.get("left"), right=paths.get("right"))
