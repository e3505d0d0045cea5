"""From auxiliary pictures to the room: how each placement is to be read, and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from calibration.camera import CAMERAS
from calibration.errors import CalibrationError
from calibration.inputs import Auxiliary, Seen
from calibration.rig_quality import (
    PlacementQuality,
    Pose,
    ReadingQuality,
    RoomPictureQuality,
)  # fmt: skip
from calibration.room import world
from calibration.room.evidence import Evidence, PoseMeasured, by_picture
from calibration.room.fit import World
from calibration.room.picture import ORDER
from calibration.room.picture_fit import (
    APART_CHI2,
    KnownLens,
    RoomPose,
    by_placement,
    room_poses,
)  # fmt: skip
from calibration.room.picture_why import RoomPictures, why_misfit
from calibration.room.why import WRONG_PICTURES, pose_solutions, scale_of, why_inconsistent
from calibration.room.world import HUNG_DEG, ROLL_DEG, Tape
from calibration.solve import bundle
from calibration.solve.covariance import joint_covariance
from calibration.solve.estimate import Estimate
from calibration.solve.views import copies
from calibration.transform import Transform, rotation_log
from calibration.verdict import Cause, Status


@dataclass(frozen=True)
class Placed:
    """One placement that was understood. bent : whether its board is bent as the hand-held one."""

    index: int
    auxiliary: Auxiliary
    reading: world.Reading
    T_LB: Transform
    usable: bool
    bent: bool
    picture: PoseMeasured | None = None


@dataclass
class Room:
    """What was understood of the room, and what was found wrong on the way."""

    placed: list[Placed] = field(default_factory=list)
    rows: list[PlacementQuality] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    sits: list[Cause] = field(default_factory=list)  # what the class says, which hides nothing
    evidence: Evidence | None = None
    world: World | None = None

    def note(self, index: int, **changes: Any) -> None:
        """More about a placement."""
        self.rows[index] = self.rows[index].but(**changes)

    def found(self, code: str, severity: Status, message: str, action: str) -> None:
        """Something is wrong."""
        self.causes.append(Cause(code, severity, message, action))


def place(seen: Seen, found: Estimate) -> Room:
    """Understand each auxiliary placement; findings go into causes, never into silence."""
    room = Room()
    for index, aux in enumerate(seen.auxiliary):
        _place_one(index, aux, seen, found, room)
        copied = next((v.name for v in seen.views if copies(aux.view, v)), None)
        if copied is None:
            continue
        level = any(p.index == index and _level(p.reading) for p in room.placed)
        copy = Cause(
            "auxiliary_is_a_view", "WARN" if level else "FAIL",
            f"the auxiliary pictures are those of view {copied}: a board held in the hand lies "
            "nowhere that a tape could lead to",
            "Lay the auxiliary board where it is measured and take its own two pictures.",
        )  # fmt: skip
        room.causes.insert(0, copy)
    return room


def _place_one(index: int, aux: Auxiliary, seen: Seen, found: Estimate, room: Room) -> None:
    s = found.solution.state
    sigma = max(found.solution.sigma_px, 0.02)
    points = aux.board.points_B()
    left, right = aux.view.left, aux.view.right
    label = f"auxiliary placement {index + 1}" if len(seen.auxiliary) > 1 else "the auxiliary board"
    room.rows.append(
        PlacementQuality(
            placement=aux.tape.placement,
            tilt_deg=aux.tape.tilt_deg,
            t_WA_m=aux.tape.t_WA.tolist() if aux.tape.measured else None,
            clicked=aux.clicked,
            cameras=tuple(c for c in CAMERAS if aux.view.corners(c) is not None),
        )
    )
    if left is None and right is None:
        room.found(
            "auxiliary_not_found", "FAIL",
            f"{label} was found in neither picture",
            "Take auxiliary/left.jpg and right.jpg again with the whole board in view, larger "
            "and unshaded, or click its corners ([auxiliary] corners).",
        )  # fmt: skip
        return
    if left is None or right is None:
        missing = "left" if left is None else "right"
        room.found(
            "auxiliary_one_camera", "WARN",
            f"{label} was found in one camera only (not in the {missing} one)",
            "Place it where both cameras see all of it.",
        )  # fmt: skip
    solutions, bent = _poses(aux, seen, found)
    if not solutions:
        room.found(
            "auxiliary_no_pose", "FAIL",
            f"{label}: its corners give no pose in front of the cameras",
            "Check inner_corners of [auxiliary], take the pictures again.",
        )  # fmt: skip
        return
    best = solutions[0]
    limit = max(4.0 * sigma, 2.5 * found.solution.rms_px, 0.35)
    if aux.clicked:
        limit = max(limit, 3.0)
    n = sum(int(np.isfinite(uv).all(1).sum()) for uv in (left, right) if uv is not None)
    room.note(index, rms_px=best.rms_px)
    scale = scale_of(points, left, right, replace(s, warp=bundle.FLAT), sigma)
    if scale is not None:
        room.note(index, scale_percent=100 * (scale[0] - 1), scale_sigma_percent=100 * scale[1])
    usable = best.rms_px <= limit
    if not usable:
        why = why_inconsistent(label, aux, seen, found, best.rms_px, scale)
        room.causes.append(why)
        if why.code in WRONG_PICTURES:
            return  # the room by such pictures would only hide it
    # planar solutions that explain the pictures equally well (χ² within 16)
    noise = max(best.rms_px, sigma)
    poses = [
        Transform(end.state.R_view[0], end.state.t_view[0], "L", "B")
        for end in solutions
        if n * (end.rms_px**2 - best.rms_px**2) / noise**2 < APART_CHI2
    ]
    T_RL = Transform(s.R_RL, s.t_RL, "R", "L")
    shown = _read_room(label, aux, seen, found, room)
    tape = aux.tape
    if not tape.measured:
        if shown is None:
            room.found(
                "auxiliary_not_measured", "FAIL",
                f"where {label} is in the room is not known: it has no tape, and no picture "
                "of the room that can be used",
                "Measure left_m, down_m and out_m, or take another picture of the room.",
            )  # fmt: skip
            return
        tape = tape.at(shown[2].T_WA.t)
        room.note(index, t_WA_m=tape.t_WA.tolist())
    readings = world.read_placement(tape, points, poses, T_RL)
    good = [r for r in readings if not r.broken]
    if shown is not None and len(good) > 1:  # the picture tells the quarter turns apart
        good = [r for r in good if r.quarter_turns == shown[1]] or good
    room.note(index, candidates=tuple(_reading(r, aux) for r in (good or readings)))
    if len(good) != 1:
        chosen = _settle(good, readings, label, aux, tape, room)
        if chosen is None:
            return
    else:
        chosen = good[0]
    T_AB = aux.T_AB(chosen.quarter_turns)
    room.note(index, quarter_turns=chosen.quarter_turns, facts=chosen.numbers, T_AB=Pose.of(T_AB))
    measured = None
    if shown is not None and shown[1] != chosen.quarter_turns:
        room.found(
            "room_picture_turned", "FAIL",
            f"the picture of the room shows {label} turned by "
            f"{90 * ((shown[1] - chosen.quarter_turns) % 4)}° against what both cameras saw: "
            "it was moved in between, or the picture is mirrored",
            "Take the picture of the room without touching the board; say mirrored = true "
            "where it shows a mirror or a selfie camera took it.",
        )  # fmt: skip
    elif shown is not None:
        measured = by_picture(shown[0].T_WB, shown[0].covariance, T_AB)
        room.note(index, room_picture=_picture(aux, shown[0], measured))
    room.placed.append(Placed(index, aux, chosen, poses[chosen.solution], usable, bent, measured))


def _poses(aux: Auxiliary, seen: Seen, found: Estimate) -> tuple[list[bundle.Solution], bool]:
    """The board's poses, best first; whether it is bent as the hand-held one, if that is bent.

    It may be that board, or another print of its file.
    """
    points, left, right = aux.board.points_B(), aux.view.left, aux.view.right
    s = found.solution.state
    ways = [(pose_solutions(points, left, right, replace(s, warp=bundle.FLAT)), False)]
    if found.with_warp and aux.board == seen.board:
        ways += [(pose_solutions(points, left, right, s), True)]
    return min(ways, key=lambda way: way[0][0].rms_px if way[0] else np.inf)


def _read_room(
    label: str, aux: Auxiliary, seen: Seen, found: Estimate, room: Room
) -> tuple[RoomPose, int, PoseMeasured] | None:
    """What the pictures of the room say: the pose, its quarter turns, T_WA; None where nothing."""
    if not aux.room:
        return None
    for p in aux.room:
        if p.board_px is None:
            room.found(
                "room_picture_no_board", "WARN",
                f"{label} was not found in {p.file or 'the picture of the room'}: {p.reason}",
                "Take it from nearer: the whole auxiliary board, sharp and at least 200 pixels "
                "wide, together with the four corners of the blackboard.",
            )  # fmt: skip
    if seen.blackboard_m is None:
        raise CalibrationError(
            "pictures of the room need the size of the blackboard", where="blackboard_m",
            remedy="Give its width and height in metres.",
        )  # fmt: skip
    if all(p.board_px is None for p in aux.room):
        return None
    lenses: dict[str, KnownLens] = {}
    if any(p.taken_with != "phone" for p in aux.room):
        s = found.solution.state
        C, _ = joint_covariance(
            found.problem, s, robust_px=found.robust_px, with_warp=found.with_warp
        )
        n = s.lenses[0].size
        lenses["left"] = KnownLens(s.lenses[0], C[:n, :n])
        m = n + s.lenses[1].size
        lenses["right"] = KnownLens(s.lenses[1], C[n:m, n:m])
    poses = room_poses(aux.room, aux.board, seen.blackboard_m, lenses)
    if not poses:
        room.found(
            "room_picture_no_pose", "FAIL",
            f"the picture of the room gives no place for {label}: clicks and board contradict "
            "each other",
            f"Click the blackboard's corners again: {ORDER}.",
        )  # fmt: skip
        return None
    T_AB = [aux.T_AB(k) for k in range(4)]
    T_BA = [T.inverse() for T in T_AB]
    usable = [p for p in aux.room if p.board_px is not None]
    given = RoomPictures(
        usable, aux.board, seen.blackboard_m, lenses,
        lambda pose: by_placement([pose], T_BA, world.R_WA)[0][0],
    )  # fmt: skip
    why = why_misfit(given, poses[0])
    if why is not None:
        room.causes.append(why)
    ways = by_placement(poses, T_BA, world.R_WA)
    off, pose, k = ways[0]
    rivals = [o for o, other, _ in ways if other is not pose]
    if rivals and min(rivals) < off + 3 * float(
        np.degrees(np.sqrt(np.trace(pose.covariance[:3, :3])))
    ):
        room.found(
            "room_picture_ambiguous", "WARN",
            f"the picture of the room can be understood in two ways; the one in which {label} "
            f"lies as stated (to {off:.0f}°) was taken",
            "Add a picture of the room from another place, more from the side.",
        )  # fmt: skip
    return pose, k, by_picture(pose.T_WB, pose.covariance, T_AB[k])


def _picture(aux: Auxiliary, pose: RoomPose, measured: PoseMeasured) -> RoomPictureQuality:
    """What the pictures of the room say, beside what was stated."""
    variance = np.diag(measured.covariance)
    tape_variance = aux.tape.tape_sigma_m**2
    turned = rotation_log(world.R_WA.T @ measured.T_WA.R)
    t = measured.T_WA.t
    return RoomPictureQuality(
        files=tuple(p.file for p in aux.room if p.board_px is not None),
        f_px=pose.f_px,
        clicks_rms_px=pose.clicks_rms_px,
        board_rms_px=pose.board_rms_px,
        T_WX=tuple(Pose.of(T) for T in pose.T_WX),
        t_WA_m=t.tolist(),
        sigma_cm=(100 * np.sqrt(variance[3:])).tolist(),
        turned_deg=np.degrees(turned).tolist(),
        turned_sigma_deg=np.degrees(np.sqrt(variance[:3])).tolist(),
        tape_minus_picture_cm=(100 * (aux.tape.t_WA - t)).tolist() if aux.tape.measured else None,
        difference_sigma_cm=(100 * np.sqrt(variance[3:] + tape_variance)).tolist(),
    )


def _reading(r: world.Reading, aux: Auxiliary) -> ReadingQuality:
    return ReadingQuality(
        quarter_turns=r.quarter_turns, solution=r.solution, broken=r.broken,
        R_AL=r.T_AL.R.tolist(), t_AL_m=r.T_AL.t.tolist(), T_AB=Pose.of(aux.T_AB(r.quarter_turns)),
    )  # fmt: skip


def _settle(
    good: list[world.Reading],
    readings: list[world.Reading],
    label: str,
    aux: Auxiliary,
    tape: Tape,
    room: Room,
) -> world.Reading | None:
    """No reading or several: say which fact fails. Returns a reading only where one is safe."""
    if len(good) > 1:
        room.causes.append(_ambiguous(good, label, aux))
        return None
    broken = [set(r.broken) for r in readings]
    swapped = Cause(
        "cameras_swapped",
        "FAIL",
        "the left and right cameras are exchanged (or all pictures are mirrored): as "
        "named, the left camera would stand on the right for somebody who faces the "
        "blackboard, or both would look at the wall",
        "Exchange the folders and files of left and right; left is left for somebody who "
        "faces the blackboard. Switch off mirroring.",
    )
    exchanged = any(
        b == {"left_right"} or ("class" in b and b <= {"class", "behind"}) for b in broken
    )
    for other in PLACEMENTS:
        instead = replace(tape, placement=other, angle_deg=None)
        if other != tape.placement and _reads_as(instead, aux, readings):
            cause = Cause(
                "wrong_placement",
                "FAIL",
                f"{label} is not {aux.tape.placement}: with it the cameras would lie on their "
                f"sides or stand behind the blackboard; it looks {other}",
                f'Set placement = "{other}" in [auxiliary], or place the board as stated.',
            )
            room.causes.append(cause.or_else(swapped) if exchanged else cause)
            return None
    # directions are right, places are not: the tape or the squares are wrong, and what else was
    # measured says which; or a camera lies on its side or hangs upside down
    for harmless in ({"behind", "height"}, {"upright"}, {"upright", "behind", "height"}):
        near = [
            r
            for r in readings
            if set(r.broken) <= harmless and ("upright" not in r.broken or _hung(r))
        ]
        if len({r.quarter_turns for r in near}) == 1:
            return near[0]
    if exchanged:
        room.causes.append(swapped)
        return None
    room.found(
        "room_impossible", "FAIL",
        f"{label}: every reading of the pictures breaks a fact of the room "
        f"({', '.join(sorted(set().union(*broken)))})",
        "Check placement, tape and which picture belongs to which camera.",
    )  # fmt: skip
    return None


PLACEMENTS: tuple[world.Placement, ...] = ("flat", "standing")


def _level(reading: world.Reading) -> bool:
    """Whether no camera would be rolled, so that the board may well have lain as stated."""
    rolls = [v for k, v in reading.numbers.items() if k.endswith("roll_deg")]
    return all(abs(v) < ROLL_DEG for v in rolls)


def _hung(reading: world.Reading) -> bool:
    """Whether each camera is upright, on its side or upside down: as somebody would mount it."""
    rolls = [v for k, v in reading.numbers.items() if k.endswith("roll_deg")]
    return all(abs((v + 45) % 90 - 45) < HUNG_DEG for v in rolls)


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
    T_AB = {r.quarter_turns: aux.T_AB(r.quarter_turns) for r in readings}
    poses: dict[int, Transform] = {}
    for r in readings:
        T_BL = T_AB[r.quarter_turns].inverse() @ r.T_AL
        poses.setdefault(r.solution, T_BL.inverse())
    # the pair is not needed to see whether pictures would be upright: numbers carry it
    again = world.read_placement(tape, aux.board.points_B(), list(poses.values()), None)
    return any(not r.broken for r in again)
