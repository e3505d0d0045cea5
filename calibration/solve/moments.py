"""What the shared views' relative poses say of all of them: a camera that moved far, pictures of
one camera mirrored or upside down from one on, names shifted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from calibration.camera import CAMERAS
from calibration.corners.boards import Board, View
from calibration.lens import Lens, mirrored
from calibration.solve.changes import changed
from calibration.solve.intrinsics import (
    MonoSolution,
    choice_of,
    fit_camera,
    planar_poses,
)
from calibration.solve.pair import AGREE_DEG, Consensus, consensus, mirror, refined, resect
from calibration.solve.views import LEAST_VIEWS
from calibration.transform import Array, geodesic_deg, rotation_log
from calibration.verdict import CHANCE, Cause, Hypothesis, named

#: A moved camera is tried where the views' relative directions step by this, degrees (smaller ones
#: are :func:`changes.what_changed`'s), and by so many times their scatter.
STEP_DEG, STEP_SIGMAS = AGREE_DEG, 10.0
#: … and pictures that were saved upside down by this.
TURNED_DEG = 20.0
#: … among so many shared views at least, so many before and after it.
MOVED_LEAST, MOVED_PART = 6, 2
#: Mirrored pictures and shifted names are tried where fewer views than this agree.
FEW_AGREE = 0.6
#: A view fits a pair where it is so many times as far off as the typical one.
FITS = 3.0
#: … which is so many times as far off as in its own camera at most: beyond that nothing explains.
MOST_OFF = 10.0


@dataclass(frozen=True)
class _Told:
    """What the shared views would be under a hypothesis: groups of one relative pose each.

    groups : (left, right) corners of each group's views. unknowns : that it asks for.
    cause : None where nothing happened.
    """

    groups: tuple[tuple[list[Array], list[Array]], ...]
    lenses: tuple[Lens, Lens]
    unknowns: int
    cause: Cause | None

    def rms_px(self, points: Array) -> Array:
        """Of each view with the refined pair of its group; those of no group are left out."""
        out: list[float] = []
        for left, right in self.groups:
            agreed = consensus(points, left, right, self.lenses)
            if agreed is None:
                out += [np.inf] * len(left)
                continue
            cameras = refined(points, left, right, agreed)
            for a, b in zip(left, right, strict=True):
                end = resect(points, a, b, cameras)
                out.append(np.inf if end is None else end.rms_px)
        return np.array(out)


def why_views_disagree(
    board: Board,
    sizes: dict[str, tuple[int, int]],
    views: Sequence[View],
    mono: dict[str, MonoSolution],
    agreed: Consensus,
) -> Cause | None:
    """What was not the same in all of the shared views, where their relative poses show it.

    Each hypothesis puts the pictures right, or in two groups, and finds the pair again. A view that
    still does not fit asks for two poses of its own: what leaves the fewest of them (Schwarz's
    count) is named, what does as well is told.

    views : the shared ones, in the order of recording. agreed : their consensus.
    """
    points = board.points_B()
    left = [v.left for v in views if v.left is not None]
    right = [v.right for v in views if v.right is not None]
    lenses = (mono["left"].lens, mono["right"].lens)
    told = list(_from_one_on(points, left, right, lenses, [v.name for v in views], sizes))
    if agreed.support < FEW_AGREE:
        told += _mirrored(left, right, lenses, sizes, board.inner_corners)
        told += _shifted(left, right, lenses)
    if not told:
        return None
    told.insert(0, _Told(((left, right),), lenses, 0, None))
    rms = [t.rms_px(points) for t in told]
    noise_px = max(mono[c].rms_px for c in CAMERAS)
    best_px = min(float(np.median(r)) for r in rms)
    noise_px = min(max(noise_px, best_px), MOST_OFF * noise_px)
    believe = np.log(sum(int(np.isfinite(uv).sum()) for uv in (*left, *right)))
    counts = [
        believe * (t.unknowns + 6 * (len(views) - int((r < FITS * noise_px).sum())))
        for t, r in zip(told, rms, strict=True)
    ]
    found = [
        Hypothesis(count, t.cause, t.cause.code)
        for count, t, r in zip(counts, told, rms, strict=True)
        if t.cause is not None and count < counts[0] - CHANCE
        if float(np.median(r)) < FITS * noise_px  # most views fit, as they are then said to
    ]
    return named(found)


def _mirrored(
    left: list[Array],
    right: list[Array],
    lenses: tuple[Lens, Lens],
    sizes: dict[str, tuple[int, int]],
    inner: tuple[int, int],
) -> Iterator[_Told]:
    """All pictures of one camera mirrored; where the counts allow it, in either corner order."""
    cause = Cause(
        "mirrored_camera", "FAIL", "all pictures of one camera, left or right, are mirrored",
        "Switch off mirroring (often a selfie setting) and take them again.",
    )  # fmt: skip
    for c, camera in enumerate(CAMERAS):
        width, sides, both = sizes[camera][0], [left, right], list(lenses)
        sides[c] = [mirror(uv, width, inner, 1) for uv in sides[c]]
        both[c] = mirrored(lenses[c], width)
        for seen_by_right in (sides[1], [uv[::-1] for uv in sides[1]]):
            yield _Told(((sides[0], seen_by_right),), (both[0], both[1]), 0, cause)


def _shifted(left: list[Array], right: list[Array], lenses: tuple[Lens, Lens]) -> Iterator[_Told]:
    """One camera's names off by a picture or two."""
    for shift in (1, -1, 2, -2):
        a, b = (left[shift:], right[:-shift]) if shift > 0 else (left[:shift], right[-shift:])
        if len(a) < LEAST_VIEWS:
            continue
        cause = Cause(
            "pairs_shifted", "FAIL",
            "left and right pictures of equal name were not taken together: the names are off "
            f"by {abs(shift)} picture{'s' if abs(shift) > 1 else ''}",
            "Rename the pictures of one camera so that equal names were taken together.",
        )  # fmt: skip
        yield _Told(((a, b),), lenses, 0, cause)


def _from_one_on(
    points: Array,
    left: list[Array],
    right: list[Array],
    lenses: tuple[Lens, Lens],
    names: Sequence[str],
    sizes: dict[str, tuple[int, int]],
) -> Iterator[_Told]:
    """One relative pose before some view and another after it: a camera was bumped; or from there
    on pictures are upside down.

    The moments are those about which the views' own relative rotations step most against their
    scatter.
    """
    if len(left) < MOVED_LEAST:
        return
    rotations = []
    for uv, other in zip(left, right, strict=True):
        a, b = planar_poses(points, uv, lenses[0]), planar_poses(points, other, lenses[1])
        rotations.append(b[0][0] @ a[0][0].T if a and b else np.eye(3))
    R = np.array(rotations)
    middle = R[int(np.median(geodesic_deg(R[:, None], R[None]), axis=1).argmin())]
    r = np.degrees(rotation_log(middle.T @ R))
    best = (0.0, 0, 0.0)
    for cut in range(MOVED_PART, len(r) - MOVED_PART + 1):
        m0, m1 = np.median(r[:cut], axis=0), np.median(r[cut:], axis=0)
        step = float(np.linalg.norm(m1 - m0))
        rest = np.concatenate([r[:cut] - m0, r[cut:] - m1])
        scatter = float(np.median(np.linalg.norm(rest, axis=1))) / np.sqrt(min(cut, len(r) - cut))
        best = max(best, (step / max(scatter, 1e-6), cut, step))
    sigmas, found, step = best
    if sigmas < STEP_SIGMAS or step < STEP_DEG:
        return
    for cut in range(max(found - 1, MOVED_PART), min(found + 1, len(r) - MOVED_PART) + 1):
        cause = changed("camera_moved", f"{step:.1f}°", view=names[cut], severity="FAIL")
        yield _Told(((left[:cut], right[:cut]), (left[cut:], right[cut:])), lenses, 7, cause)
        if step < TURNED_DEG:
            continue
        for which in (("left",), ("right",), CAMERAS):
            sides, own = [left, right], list(lenses)
            for c, camera in enumerate(CAMERAS):
                if camera in which:  # half of them upside down, they have led its lens astray
                    over = np.array(sizes[camera]) - 1
                    sides[c] = [*sides[c][:cut], *(over - uv for uv in sides[c][cut:])]
                    with suppress(ValueError):
                        choice = choice_of(lenses[c])
                        own[c] = fit_camera(points, sides[c], sizes[camera], choice).lens
            cause = Cause(
                "upside_down_picture", "FAIL",
                f"the pictures of {' and '.join(which)} are upside down from view {names[cut]} on, "
                "or up to it",
                "Turn them, as the others are (a telephone turns pictures by how it is held).",
            )  # fmt: skip
            yield _Told(((sides[0], sides[1]),), (own[0], own[1]), 0, cause)
