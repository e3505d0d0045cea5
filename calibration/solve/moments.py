"""What changed among the views: a zoom, a camera that moved, pictures mirrored or names shifted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calibration.corners.boards import Board, View
from calibration.lens import Lens, mirrored
from calibration.solve.intrinsics import Choice, MonoSolution, fit_camera, planar_poses
from calibration.solve.pair import consensus, mirror
from calibration.solve.views import LEAST_VIEWS
from calibration.transform import Array, geodesic_deg, rotation_log
from calibration.verdict import Cause

#: Hold-out error over what noise explains, or share of agreeing views, at which a change of zoom is
#: looked for. By itself a camera hides it well: the boards just seem nearer.
ZOOM_TEST_RATIO = 2.0

ZOOM_TEST_SUPPORT = 0.9
#: What two lenses gain on the squares of one at least, where nothing changed.
LEAST_GAIN = 0.02
#: A view that fits so many times worse than the typical one is looked past.
ONE_BAD_VIEW = 3.0


def zoom_changed(
    camera: str, board: Board, views: Sequence[View], size_px: tuple[int, int], choice: Choice
) -> Cause | None:
    """Whether the views before and after some moment fit two lenses better than one."""
    points = board.points_B()
    rows = [v for v in views if v.corners(camera) is not None]

    def fit(part: Sequence[View]) -> MonoSolution | None:
        corners = [c for v in part if (c := v.corners(camera)) is not None]
        try:
            return fit_camera(points, corners, size_px, choice)
        except ValueError:
            return None

    def halves(first: Sequence[View], second: Sequence[View]) -> tuple[float, float, float] | None:
        """rms of two lenses for two parts, and their focal lengths."""
        if min(len(first), len(second)) < LEAST_VIEWS:
            return None
        one, two = fit(first), fit(second)
        if one is None or two is None:
            return None
        square = len(first) * one.rms_px**2 + len(second) * two.rms_px**2
        return float(np.sqrt(square / n)), one.lens.f_px, two.lens.f_px

    whole = fit(rows) if len(rows) >= 2 * LEAST_VIEWS else None
    if whole is None:
        return None
    worst = int(whole.view_rms_px.argmax())
    if whole.view_rms_px[worst] > ONE_BAD_VIEW * np.median(whole.view_rms_px):
        # corners found beside themselves bend a lens that is fitted to few views: no zoom is in one
        rows = rows[:worst] + rows[worst + 1 :]
        whole = fit(rows) if len(rows) >= 2 * LEAST_VIEWS else None
        if whole is None:
            return None
    n = len(rows)
    cuts = sorted({n // 4, n // 3, n // 2, 2 * n // 3, 3 * n // 4})
    ends = {cut: end for cut in cuts if (end := halves(rows[:cut], rows[cut:])) is not None}
    # any halves are fitted better by two lenses; a zoom has a moment, a wrong lens model has none
    mixed = [end for k in (2, 3) if (end := halves(rows[::k], [
        v for i, v in enumerate(rows) if i % k])) is not None]  # fmt: skip
    if not ends:
        return None
    cut = min(ends, key=lambda c: ends[c][0])
    rms, before, after = ends[cut]
    gain = whole.rms_px**2 - rms**2
    by_chance = max((whole.rms_px**2 - end[0] ** 2 for end in mixed), default=0.0)
    if gain < 3 * max(by_chance, LEAST_GAIN * whole.rms_px**2) or abs(after / before - 1) < 0.01:
        return None
    return Cause(
        "zoom_changed",
        "FAIL",
        f"the {camera} camera's zoom or picture size changed near view {rows[cut].name}: focal "
        f"length {before:.0f} px before, {after:.0f} px after",
        "Lock zoom and focus, and take all pictures with one setting.",
    )


def why_no_consensus(
    board: Board,
    sizes: dict[str, tuple[int, int]],
    views: list[View],
    shared: list[int],
    mono: dict[str, MonoSolution],
) -> Cause | None:
    """Views agree on no relative pose: would they if one camera's were mirrored or shifted?"""
    points, inner = board.points_B(), board.inner_corners
    lenses = (mono["left"].lens, mono["right"].lens)
    left = [v for i in shared if (v := views[i].left) is not None]
    right = [v for i in shared if (v := views[i].right) is not None]
    for camera, side in (("left", left), ("right", right)):
        width = sizes[camera][0]
        turned = [mirror(uv, width, inner, 1) for uv in side]
        lens = mirrored(lenses[0 if camera == "left" else 1], width)
        pair = (turned, right) if camera == "left" else (left, turned)
        both = (lens, lenses[1]) if camera == "left" else (lenses[0], lens)
        if _support(points, *pair, both) > 0.7 or (
            _support(points, pair[0], [b[::-1] for b in pair[1]], both) > 0.7
        ):
            return Cause(
                "mirrored_camera",
                "FAIL",
                "all pictures of one camera, left or right, are mirrored",
                "Switch off mirroring (often a selfie setting) and take them again.",
            )
    for shift in (1, -1, 2, -2):
        a, b = (left[shift:], right[:-shift]) if shift > 0 else (left[:shift], right[-shift:])
        if len(a) >= LEAST_VIEWS and _support(points, a, b, lenses) > 0.7:
            return Cause(
                "pairs_shifted",
                "FAIL",
                "left and right pictures of equal name were not taken together: the names are off "
                f"by {abs(shift)} picture{'s' if abs(shift) > 1 else ''}",
                "Rename the pictures of one camera so that equal names were taken together.",
            )
    return None


def _support(
    points: Array, left: list[Array], right: list[Array], lenses: tuple[Lens, Lens]
) -> float:
    agreed = consensus(points, left, right, lenses)
    return 0.0 if agreed is None else agreed.support


def camera_moved(
    board: Board, views: list[View], shared: list[int], mono: dict[str, MonoSolution]
) -> Cause | None:
    """Whether the relative pose is one before some view and another after it: a camera was bumped.

    The views' own relative rotations are compared before and after each possible moment; the
    difference of the medians must be ten times what their scatter allows, and over 0.15°.
    """
    if len(shared) < 6:
        return None
    points = board.points_B()
    rotations = []
    for i in shared:
        left, right = views[i].left, views[i].right
        assert left is not None and right is not None
        a = planar_poses(points, left, mono["left"].lens)
        b = planar_poses(points, right, mono["right"].lens)
        rotations.append(b[0][0] @ a[0][0].T if a and b else np.eye(3))
    R = np.array(rotations)
    middle = R[int(np.median(geodesic_deg(R[:, None], R[None]), axis=1).argmin())]
    r = np.degrees(rotation_log(middle.T @ R))
    best: tuple[float, int, float] | None = None
    for cut in range(3, len(r) - 2):
        m0, m1 = np.median(r[:cut], axis=0), np.median(r[cut:], axis=0)
        step = float(np.linalg.norm(m1 - m0))
        rest = np.concatenate([r[:cut] - m0, r[cut:] - m1])
        scatter = float(np.median(np.linalg.norm(rest, axis=1))) / np.sqrt(min(cut, len(r) - cut))
        score = step / max(scatter, 1e-6)
        if best is None or score > best[0]:
            best = (score, cut, step)
    if best is None or best[0] < 10 or best[2] < 0.15:
        return None
    name = views[shared[best[1]]].name
    return Cause(
        "camera_moved",
        "FAIL",
        f"a camera was moved just before view {name}: the cameras' relative direction is "
        f"{best[2]:.1f}° another one from there on",
        "Fix the cameras, and take all calibration pictures again.",
    )
