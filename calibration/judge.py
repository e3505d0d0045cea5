"""What makes a cause: PASS, WARN or FAIL from hold-out and covariance (never from rms alone)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from calibration.camera import CAMERAS
from calibration.corners.boards import Board
from calibration.rig import Rig
from calibration.rig_quality import PairQuality, RigQuality
from calibration.room.world import FURTHEST_BEHIND_M, HIGHEST_M, hung_words, roll_deg
from calibration.solve.changes import CHANGED, OF_EACH_VIEW
from calibration.verdict import RANK, Cause, Status, Verdict

#: (width, height), metres.
Size = tuple[float, float]

# -- limits ----------------------------------------------------------------------------------------
# Hold-out and covariance decide; rms never does by itself. Each limit says what it means in a room.

#: Shared views: FAIL below the first (too little for the relative pose), WARN below the second.
SHARED_VIEWS = (4, 8)
#: Views of one camera.
CAMERA_VIEWS = (5, 8)
#: Hold-out error, px of a 1920-wide picture with f = 1400 (1 px = 0.04° = 4 mm at 6 m).
HOLDOUT_PX = (8.0, 3.0)
#: Hold-out error over what the noise of the held-out corners alone would give.
HOLDOUT_RATIO = (5.0, 2.2)
#: Joint rms over single-camera rms: pictures not taken together.
JOINT_RATIO = (2.0, 1.35)
#: Corner noise, px (1 σ, one coordinate): blurred or compressed pictures.
NOISE_PX = (1.5, 0.5)
#: 1 σ of a point 6 m from the blackboard, cm, from cameras and pair (all three axes together).
POSITION_CM = (20.0, 5.0)
#: 1 σ of a gaze point from a seat at 6 m, cm, whole rig, the worse axis.
GAZE_CM = (50.0, 15.0)
#: 1 σ of the relative rotation, degrees per axis.
ROTATION_DEG = (0.5, 0.1)
#: Share of the picture's 5 × 5 cells with corners.
COVERAGE = (0.24, 0.5)
#: Share of the picture in which the lens draws no direction.
BEYOND_LENS_SHARE = 0.005
#: Largest tilt of the board, degrees, and how many of 8 directions it was tilted to.
TILT_DEG = (8.0, 20.0)
TILT_DIRECTIONS = 3
#: Width of an edge from black to white beyond which a picture is called blurred.
BLURRED_PX = 5.0
#: Scale checks: WARN and FAIL beyond these many percent (and beyond 3 σ of the check itself).
SCALE_PERCENT = (10.0, 1.5)


#: Causes that already name what is wrong with tape or squares.
ROOM_CODES = {
    "scale", "room_contradiction", "tape_from_upper_left", "tape_from_lower_edge",
    "tape_other_corner", "tape_outer_corner", "tape_exchanged", "tape_digits", "tape_units",
    "tape_slope", "tape_begun", "tape_copied", "tape_wrong", "tape_to_floor", "board_slipped",
    "placement_askew", "placement_tilt", "placement_slope", "auxiliary_elsewhere",
    "corners_exchanged", "corners_wrong", "corners_begun", "camera_elsewhere",
    "blackboard_width", "blackboard_height", "blackboard_frame", "placements_exchanged",
    "marks_wrong",
}  # fmt: skip


def grade(value: float, fail: float, warn: float) -> Status:
    """PASS up to ``warn``, WARN up to ``fail``."""
    if not value <= fail:  # NaN fails
        return "FAIL"
    return "WARN" if value > warn else "PASS"


def judge(rig: Rig, found: Iterable[Cause] = (), besides: Iterable[Cause] = ()) -> Verdict:
    """PASS, WARN or FAIL from what was found while solving and from the rig's quality.

    besides : findings that stand for no other.

    The causes come worst first; the first one's action is the one that helps most.
    """
    causes = list(found)
    codes = {c.code for c in causes}

    def add(code: str, severity: Status, message: str, action: str) -> None:
        if code == "not_simultaneous" and codes & CHANGED:
            return  # that is why both cameras together fit badly
        if severity != "PASS" and code not in codes:
            causes.append(Cause(code, severity, message, action))
            codes.add(code)

    q, seen = rig.quality, rig.inputs.seen
    if q.pair is not None and seen is not None:
        _judge_views(q, add)
        _judge_pair(rig, q, q.pair, seen.board, add)
        if rig.T_WA is not None:
            _judge_world(rig, q, seen.blackboard_m, add, told=bool(codes & ROOM_CODES))
    # what only follows from another fault comes after it
    follows = {"auxiliary_inconsistent"}
    if _mostly_blurred(q) and codes & OF_EACH_VIEW:
        follows |= OF_EACH_VIEW
        causes = [replace(c, severity="FAIL") if c.code == "blurred" else c for c in causes]
    causes = [*besides, *causes]
    causes.sort(key=lambda c: (-RANK[c.severity], c.code in follows))
    return Verdict(tuple(causes))


def _blurred(q: RigQuality, camera: str) -> list[str]:
    """The views whose picture by a camera is blurred."""
    return [r.name for r in q.views if r.camera == camera and (r.sharpness_px or 0.0) > BLURRED_PX]


def _mostly_blurred(q: RigQuality) -> bool:
    """Whether more than half of a camera's pictures are."""
    known = [r.camera for r in q.views if r.sharpness_px is not None]
    return any(len(_blurred(q, camera)) > known.count(camera) / 2 for camera in q.cameras)


def _judge_views(q: RigQuality, add: Any) -> None:
    for name, c in q.cameras.items():
        n = c.views
        if n < CAMERA_VIEWS[1]:
            add(
                "few_views", "FAIL" if n < CAMERA_VIEWS[0] else "WARN",
                f"only {n} usable views in the {name} camera",
                "Take 15 or more: near and far, every corner of the picture, tilted four ways.",
            )  # fmt: skip
        cover = c.coverage
        if cover.share < COVERAGE[1]:
            add(
                "coverage", "FAIL" if cover.share < COVERAGE[0] else "WARN",
                f"the board was seen in {100 * cover.share:.0f} % of the {name} camera's "
                "picture only; the lens is not known elsewhere",
                "Hold the board into every corner and along the edges of the picture.",
            )  # fmt: skip
        if cover.beyond_lens_share > BEYOND_LENS_SHARE:
            add(
                "lens_range", "WARN",
                f"the {name} camera's lens is known up to {cover.widest_deg:.0f}° from its axis "
                f"only: {100 * cover.beyond_lens_share:.0f} % of its picture lies beyond, and "
                "faces there are not measured",
                "Hold the board into the corners of the picture.",
            )  # fmt: skip
        if cover.tilt_max_deg < TILT_DEG[1]:
            add(
                "no_tilt", "FAIL" if cover.tilt_max_deg < TILT_DEG[0] else "WARN",
                f"the board was hardly tilted in the {name} camera (at most "
                f"{cover.tilt_max_deg:.0f}°): focal length and distance cannot be told apart",
                "Tilt the board by 30–45° to the left, right, up and down.",
            )  # fmt: skip
        elif cover.tilt_directions < TILT_DIRECTIONS:
            add(
                "tilt_directions", "WARN",
                f"the board was tilted in {cover.tilt_directions} of 8 directions only in the "
                f"{name} camera",
                "Tilt the board to the left, right, up and down.",
            )  # fmt: skip
        if c.sigma is not None:
            f_error = c.sigma["fx"] / c.fx
            if f_error > 0.01:
                add(
                    "focal_uncertain", "FAIL" if f_error > 0.05 else "WARN",
                    f"the {name} camera's focal length is known to {100 * f_error:.1f} % only"
                    if f_error < 1 else f"the {name} camera's focal length is not determined",
                    "Add views with the board tilted by 30–45° and near to the camera.",
                )  # fmt: skip
        uneven = abs(c.fx / c.fy - 1)
        if uneven > 0.04:
            add(
                "pixels_not_square", "FAIL" if uneven > 0.15 else "WARN",
                f"fx and fy of the {name} camera differ by {100 * uneven:.0f} %:"
                " pictures were stretched, or the solve ended in a wrong place",
                "Use pictures as the camera takes them; add tilted views.",
            )  # fmt: skip
        if blurred := _blurred(q, name):
            add(
                "blurred", "WARN",
                f"blurred or moving pictures in the {name} camera: {', '.join(blurred[:6])}",
                "Hold the board still (lean it), add light, and take these again.",
            )  # fmt: skip
        dropped = [
            r for r in q.views if r.camera == name and r.rejected and r.n > 0
        ]  # fmt: skip
        total = n + len(dropped)
        if len(dropped) > 0.2 * total:
            add(
                "views_rejected", "FAIL" if len(dropped) > 0.5 * total else "WARN",
                f"{len(dropped)} of {total} views of the {name} camera had to be left out "
                f"({dropped[0].name}: {dropped[0].reason})",
                "See the table of views for the reasons; take those again.",
            )  # fmt: skip


def _judge_pair(rig: Rig, q: RigQuality, p: PairQuality, board: Board, add: Any) -> None:
    if not p.converged:
        add("not_converged", "WARN", "the solve did not converge", "Add views, tilted and large.")
    if p.views < SHARED_VIEWS[1]:
        add(
            "few_shared_views", "FAIL" if p.views < SHARED_VIEWS[0] else "WARN",
            f"only {p.views} views were seen by both cameras",
            "Take 10 or more pictures in which both cameras see the whole board.",
        )  # fmt: skip
    if p.support < 0.75:
        add(
            "views_disagree", "FAIL" if p.support < 0.5 else "WARN",
            f"only {100 * p.support:.0f} % of the shared views agree on where the cameras are",
            "Give equal names only to pictures taken at the same moment, with fixed cameras.",
        )  # fmt: skip
    add(
        "not_simultaneous", grade(p.joint_to_mono, *JOINT_RATIO),
        f"both cameras together fit {p.joint_to_mono:.1f} times worse than each alone: the "
        "pictures were not taken at the same moment, or a camera moved between them",
        "Hold the board still for a second in each position, and use one clock.",
    )  # fmt: skip
    width = max(s[0] for s in (rig.left.size_px, rig.right.size_px))
    f = (rig.left.f_px + rig.right.f_px) / 2
    if p.holdout_px is not None:
        angle = p.holdout_px / f * 1400
        add(
            "holdout", grade(angle, *HOLDOUT_PX),
            f"on views it has not seen, the calibration is {p.holdout_px:.2f} px off "
            f"(pictures {width} px wide)",
            "Add views; take again those with the largest errors in the table.",
        )  # fmt: skip
        ratio = p.holdout_px / max(p.holdout_expected_px or 0.0, 0.02)
        add(
            "holdout_ratio", grade(ratio, *HOLDOUT_RATIO),
            f"on views it has not seen, the error is {ratio:.1f} times what the corners' noise "
            "explains: too few views, or something moved",
            "Add views of different places and tilts.",
        )  # fmt: skip
    else:
        add(
            "no_holdout", "WARN", "too few views to test the calibration on views it has not seen",
            "Take 10 or more shared views.",
        )  # fmt: skip
    add(
        "noise", grade(p.sigma_px, *NOISE_PX),
        f"corners are found to {p.sigma_px:.2f} px only: blurred, moving or strongly compressed "
        "pictures, or a board that is not flat",
        "More light, a still board, less compression; glue the board to something stiff.",
    )  # fmt: skip
    warp = q.warp_mm
    if warp is not None:
        longest = 1000 * board.square_m * max(board.inner_corners)
        bulge = max(abs(v) for v in warp)
        if bulge > 0.004 * longest:
            add(
                "bent_board", "WARN" if bulge < 0.04 * longest else "FAIL",
                f"the board is bent or twisted: by {bulge:.1f} mm (taken into account)",
                "Glue the print to glass or an aluminium plate.",
            )  # fmt: skip
    if p.rotation_sigma_deg is not None:
        add(
            "pair_uncertain", grade(p.rotation_sigma_deg, *ROTATION_DEG),
            f"the cameras' relative rotation is known to {p.rotation_sigma_deg:.2f}° only"
            if p.rotation_sigma_deg < 90 else "the cameras' relative rotation is not determined",
            "Add shared views: larger in the picture, at more places and tilts.",
        )  # fmt: skip
    for seat in q.seats:
        if rig.T_WA is None and seat.distance_m == 6.0:
            add(
                "position_uncertain", grade(seat.position_cm, *POSITION_CM),
                f"6 m away, positions are known to {seat.position_cm:.0f} cm only",
                "Put the cameras further apart, or add shared views.",
            )  # fmt: skip
    for check in q.scale.checks:
        error, sigma = check.error_percent, check.sigma_percent
        if abs(error) > max(SCALE_PERCENT[1], 3 * sigma):
            add(
                "scale", "FAIL" if abs(error) > max(SCALE_PERCENT[0], 6 * sigma) else "WARN",
                f"{check.what}: the calibration is {error:+.1f} % off (±{sigma:.1f} %): "
                "square_m of the board is wrong (mm for m? printed at another scale?), or the tape",
                f"Measure ten squares with a ruler; square_m would have to be "
                f"{board.square_m / (1 + error / 100):.4g}.",
            )  # fmt: skip


def _judge_world(rig: Rig, q: RigQuality, board_m: Size | None, add: Any, told: bool) -> None:
    """told : what is wrong with tape or squares was already named."""
    for seat in q.seats:
        if seat.distance_m == 6.0 and seat.gaze_cm is not None:
            worst = max(seat.gaze_cm)
            add(
                "gaze_uncertain", grade(worst, *GAZE_CM),
                f"from 6 m, gaze points are uncertain by {worst:.0f} cm from the calibration alone"
                if worst < 1000 else "from 6 m, gaze points are not determined",
                "Use two or three placements of the auxiliary board, far apart.",
            )  # fmt: skip
    independent = [
        c for c in q.scale.checks
        if c.independent and c.sigma_percent < SCALE_PERCENT[1]
    ]  # fmt: skip
    if not independent:
        add(
            "scale_unchecked", "WARN",
            "nothing but square_m says how long a metre is (boards of one printer share its "
            "mistake): a print at 97 % would move every gaze point, unseen",
            "Measure from each lens to the blackboard's corners and give corners_m, or the "
            "distance between the two lenses (apart_m).",
        )  # fmt: skip
    _judge_room(rig, board_m, add, told)


def _judge_room(rig: Rig, board_m: Size | None, add: Any, told: bool) -> None:
    """Tape and units against what a classroom can be."""
    for name in CAMERAS:
        T_WC = rig.T_WC(name)
        hung = hung_words(roll_deg(T_WC.R))
        if hung:
            add(
                "camera_rolled", "WARN",
                f"the {name} camera would be {hung}: is it? If it stands level, the auxiliary "
                "board did not lie as was said",
                "Look at the picture; check placement and angle_deg of [auxiliary]; a camera that "
                "hangs so is best said in session.toml ([cameras.left] rotate = 90, 180 or 270).",
            )  # fmt: skip
        behind, high = -float(T_WC.t[2]), float(T_WC.t[1])
        if not told and (behind > FURTHEST_BEHIND_M or abs(high) > HIGHEST_M):
            where = (
                f"{behind:.1f} m behind the blackboard" if behind > FURTHEST_BEHIND_M
                else f"{abs(high):.1f} m {'below' if high > 0 else 'above'} its upper edge"
            )  # fmt: skip
            add(
                "tape_wrong", "FAIL",
                f"the {name} camera would stand {where}: "
                + ("out_m" if behind > FURTHEST_BEHIND_M else "down_m")
                + " of the auxiliary board is wrong, or square_m is",
                "Measure the auxiliary board's place again, and ten squares with a ruler.",
            )  # fmt: skip
    if told:
        return
    left, right = rig.T_WC("left").t, rig.T_WC("right").t
    apart = rig.baseline_m
    if not 0.4 <= apart <= 25:
        add(
            "scale_implausible", "FAIL",
            f"the cameras would be {apart:.2f} m apart: square_m is not in metres, or wrong",
            "Give square_m in metres (25 mm = 0.025).",
        )  # fmt: skip
    if board_m is None:
        return
    width = board_m[0]
    if not 0.45 * width <= apart <= 2.2 * width + 2:
        add(
            "scale_implausible", "FAIL" if not 0.25 * width <= apart <= 3 * width + 3 else "WARN",
            f"the cameras would be {apart:.2f} m apart beside a blackboard of {width:.2f} m: "
            "square_m or width_m is wrong",
            "Measure ten squares with a ruler, and the blackboard.",
        )  # fmt: skip
    middle = (left[0] + right[0]) / 2
    if not right[0] < width / 2 < left[0]:
        add(
            "tape_left", "FAIL",
            f"both cameras would stand on the same side of the blackboard's middle "
            f"(x = {right[0]:.2f} and {left[0]:.2f} m of {width:.2f} m): left_m has the wrong "
            "sign, the wrong unit or was measured from the wrong corner",
            "Measure left_m from the blackboard's upper RIGHT corner, to the left, in metres.",
        )  # fmt: skip
    elif abs(middle - width / 2) > 0.3 * width + 0.5:
        add(
            "tape_left", "WARN",
            f"the blackboard's middle is {abs(middle - width / 2):.1f} m off the middle of the "
            "cameras: was left_m measured from the blackboard's upper right corner?",
            "Measure left_m again, from the upper RIGHT corner.",
        )  # fmt: skip
