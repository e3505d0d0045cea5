"""Where cameras, boards and rows stand, in words of somebody who faces the blackboard."""

from __future__ import annotations

import numpy as np

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.room.evidence import ROWS_M
from calibration.room.world import hung_words, roll_deg
from calibration.solve.uncertainty import HEAD_BELOW_M
from calibration.transform import Array


def room_words(rig: Rig) -> list[str]:
    """One sentence for each camera, auxiliary board and row; empty where there is no world."""
    if rig.T_WA is None or rig.T_AL is None:
        return []
    return [*camera_words(rig), *board_words(rig), row_words(rig)]


def camera_words(rig: Rig) -> list[str]:
    """Where each camera stands and looks."""
    out = []
    for name in CAMERAS:
        T_WC = rig.T_WC(name)
        d = T_WC.R[:, 2]
        turn = np.degrees(np.arctan2(-d[0], d[2]))  # towards the right of who faces the board
        pitch = np.degrees(np.arcsin(np.clip(d[1], -1, 1)))
        looks = (
            f"looking into the class, {abs(turn):.0f}° towards the "
            f"{'right' if turn > 0 else 'left'} side, {abs(pitch):.0f}° "
            f"{'down' if pitch > 0 else 'up'}"
            if d[2] > 0
            else "looking AT the blackboard, not into the class"
        )
        hung = hung_words(roll_deg(T_WC.R))
        where = f"{name} camera: {place_words(rig, T_WC.t)}, {looks}{hung and ', ' + hung}"
        out.append(f"{where}. Is that where it is?")
    return out


def board_words(rig: Rig) -> list[str]:
    """Where each auxiliary board was, as the room has it."""
    assert rig.T_WA is not None
    rows = rig.quality.auxiliary
    out = []
    for i, row in enumerate(rows, 1):
        if row.t_WA_m is None:
            continue
        number = f" {i}" if len(rows) > 1 else ""
        at = rig.T_WA.t if i == 1 else np.array(row.t_WA_m)
        how = {"flat": "lying flat", "standing": "standing"}.get(row.placement, "tilted")
        out.append(f"auxiliary board{number}: {how}, {place_words(rig, at)}. Was it there?")
    return out


def row_words(rig: Rig) -> str:
    """How much of each row both cameras see."""
    parts = [f"at {d:g} m {_span(rig, d)}" for d in ROWS_M]
    return f"rows, as both cameras see them: {'; '.join(parts)}. Does your class sit there?"


def place_words(rig: Rig, p_W: Array) -> str:
    """A point of W: beside, above or below, and in front of the blackboard."""
    x, y, z = (float(v) for v in p_W)
    height = f"{abs(y):.2f} m {'below' if y > 0 else 'above'} its upper edge"
    depth = f"{abs(z):.2f} m {'in front of' if z >= 0 else 'BEHIND'} it"
    return f"{_sideways(rig, x)}, {height}, {depth}"


def _width(rig: Rig) -> float | None:
    size = rig.inputs.seen and rig.inputs.seen.blackboard_m
    return size[0] if size else None


def _sideways(rig: Rig, x: float) -> str:
    width = _width(rig)
    if width is not None and x > width:
        return f"{x - width:.2f} m left of the blackboard's left edge"
    if x < 0:
        return f"{-x:.2f} m right of the blackboard's right edge"
    return f"{x:.2f} m left of the blackboard's right edge"


def _span(rig: Rig, distance_m: float) -> str:
    """From where to where a row of heads is seen by both cameras."""
    seen = seen_by_both(rig, distance_m)
    if seen is None:
        return "nobody"
    ends = [_sideways(rig, x).replace("the blackboard's", "its") for x in seen]
    return f"from {ends[0]} to {ends[1]}"


def seen_by_both(rig: Rig, distance_m: float) -> tuple[float, float] | None:
    """(largest, smallest) x_W of a row's heads that both cameras see; None where there are none."""
    middle = (_width(rig) or 4.0) / 2
    x = np.linspace(middle - 8, middle + 8, 321)
    heads = np.stack([x, np.full_like(x, HEAD_BELOW_M), np.full_like(x, distance_m)], 1)
    both = np.ones(len(x), bool)
    for name in CAMERAS:
        camera = rig.camera(name)
        P_C = rig.T_WC(name).inverse().apply(heads)
        uv = camera.project(P_C)
        inside = camera.contains(uv)
        # a distortion polynomial may fold far outside the picture: ask for a round trip
        back = camera.undistort(np.where(inside[:, None], uv, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            same = np.abs(back - P_C[:, :2] / P_C[:, 2:]).max(1) < 1e-3
        both &= inside & same
    return (float(x[both].max()), float(x[both].min())) if both.any() else None
