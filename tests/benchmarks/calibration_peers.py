"""Real stereo chessboard sets: OpenCV 5's ways to solve a pair, beside this project's, in one run.

    python tests/benchmarks/calibration_peers.py SETS

SETS holds folders ``set_a``, ``set_b`` … with ``left/``, ``right/``, ``published.json`` (``board``:
``inner_cols``, ``inner_rows``, ``square_size``) and, where there are more views than pictures,
``corners_all*.json`` (``image_size``, ``views``: ``id``, ``left``, ``right``). Public sets of this
form: OpenCV's own stereo samples (set_a), aliyasineser/stereoDepth (set_b), leoZhao2/Stereo_Calib
(set_c).

Ways, on the same corners: ``stereoCalibrate`` (from two ``calibrateCamera``, 5 coefficients),
``calibrateMultiview`` (pinhole, the same), ``fisheye.stereoCalibrate`` (from two
``fisheye.calibrate``, 4 coefficients), and ``estimate`` of this project (model by hold-out, nothing
rejected); then this project from the pictures, as `gaze calibrate` does. rms per point; hold-out as
in docs/calibration.md (five folds, board from the left corners, error in the right picture). σ of
the pair: no function of OpenCV's gives one; ``NEES / 6`` is of halves against each other
(calibration_sigma.py).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from calibration.corners.boards import Board, View  # noqa: E402
from calibration.corners.folder import read_folder  # noqa: E402
from calibration.solve.estimate import Estimate, estimate  # noqa: E402
from calibration.solve.holdout import folds_of  # noqa: E402
from calibration.transform import Array  # noqa: E402
from tests.benchmarks.calibration_sigma import halves, views_of  # noqa: E402

END = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 200, 1e-10)


@dataclass(frozen=True)
class Pair:
    """What a way found: lenses, T_RL (as OpenCV gives it), its own rms."""

    rms_px: float
    lenses: tuple[tuple[Array, Array], tuple[Array, Array]]
    R_RL: Array
    t_RL: Array
    fisheye: bool = False


Size = tuple[int, int]


def stereo(points_B: Array, left: Sequence[Array], right: Sequence[Array], size: Size) -> Pair:
    """calibrateCamera twice, then stereoCalibrate of everything."""
    X = [points_B.astype(np.float32)] * len(left)
    seen = [[uv.astype(np.float32).reshape(-1, 1, 2) for uv in side] for side in (left, right)]
    K, D = [], []
    for uv in seen:
        _, k, d, _, _ = cv2.calibrateCamera(X, uv, size, None, None, criteria=END)
        K.append(k)
        D.append(d)
    rms, K0, D0, K1, D1, R, t, _, _ = cv2.stereoCalibrate(
        X, *seen, K[0], D[0], K[1], D[1], size,
        flags=cv2.CALIB_USE_INTRINSIC_GUESS, criteria=END,
    )  # fmt: skip
    return Pair(float(rms), ((K0, D0), (K1, D1)), R, t.ravel())


def multiview(points_B: Array, left: Sequence[Array], right: Sequence[Array], size: Size) -> Pair:
    """calibrateMultiview with two pinhole cameras."""
    n = len(left)
    rms, K, D, R, t = cv2.calibrateMultiview(
        [points_B.astype(np.float32)] * n,
        [[uv.astype(np.float32) for uv in side] for side in (left, right)],
        [size, size], np.ones((2, n), np.uint8), np.zeros(2, np.uint8), None, None, None, None,
    )  # fmt: skip
    first, second = (cv2.Rodrigues(np.asarray(r))[0] if np.size(r) == 3 else np.asarray(r)
                     for r in R)  # fmt: skip
    t0, t1 = (np.asarray(v).ravel() for v in t)
    R_RL = second @ first.T
    return Pair(float(rms), ((K[0], D[0]), (K[1], D[1])), R_RL, t1 - R_RL @ t0)


def fisheye(points_B: Array, left: Sequence[Array], right: Sequence[Array], size: Size) -> Pair:
    """fisheye.calibrate twice, then fisheye.stereoCalibrate of everything."""
    X = [points_B.reshape(1, -1, 3)] * len(left)
    seen = [[uv.reshape(1, -1, 2) for uv in side] for side in (left, right)]
    flags = cv2.CALIB_RECOMPUTE_EXTRINSIC | cv2.CALIB_FIX_SKEW
    K, D = [], []
    for uv in seen:
        _, k, d, _, _ = cv2.fisheye.calibrate(X, uv, size, None, None, flags=flags, criteria=END)
        K.append(k)
        D.append(d)
    got = cv2.fisheye.stereoCalibrate(
        X, *seen, K[0], D[0], K[1], D[1], size,
        flags=flags | cv2.CALIB_USE_INTRINSIC_GUESS, criteria=END,
    )  # fmt: skip
    rms, K0, D0, K1, D1, R, t = got[:7]
    return Pair(float(rms), ((K0, D0), (K1, D1)), R, np.ravel(t), True)


def right_error(pair: Pair, points_B: Array, left: Array, right: Array) -> Array:
    """(N, 2) error in the right picture, board posed from its left corners."""
    (K0, D0), (K1, D1) = pair.lenses
    undistort = cv2.fisheye.undistortPoints if pair.fisheye else cv2.undistortPoints
    xy = undistort(left.reshape(-1, 1, 2), K0, D0)
    _, r, t = cv2.solvePnP(points_B, xy, np.eye(3), None, flags=cv2.SOLVEPNP_IPPE)
    r, t = cv2.solvePnPRefineLM(points_B, xy, np.eye(3), None, r, t)
    R = pair.R_RL @ cv2.Rodrigues(r)[0]
    there, _ = cv2.Rodrigues(R)
    t = pair.R_RL @ t.ravel() + pair.t_RL
    if pair.fisheye:
        uv, _ = cv2.fisheye.projectPoints(points_B.reshape(-1, 1, 3), there, t, K1, D1)
    else:
        uv, _ = cv2.projectPoints(points_B, there, t, K1, D1)
    return np.asarray(uv.reshape(-1, 2) - right, np.float64)


def held_out(
    way: Callable[[Array, Sequence[Array], Sequence[Array], Size], Pair],
    points_B: Array, left: list[Array], right: list[Array], size: Size,
) -> float:  # fmt: skip
    """rms of the right picture's error over five folds, px."""
    errors = []
    for fold in folds_of(len(left), 5):
        keep = [i for i in range(len(left)) if i not in fold]
        pair = way(points_B, [left[i] for i in keep], [right[i] for i in keep], size)
        errors += [right_error(pair, points_B, left[i], right[i]) for i in fold]
    return float(np.sqrt((np.concatenate(errors) ** 2).sum(1).mean()))


def own_row(folder: Path, board: Board) -> None:
    """Print the row of this project from a set's pictures, as `gaze calibrate` does."""
    begun = time.process_time()
    read = read_folder(folder, board)
    found = estimate(board, read.sizes, read.views)
    spent = time.process_time() - begun  # without the corners, which other processes find
    assert found.holdout is not None
    print(
        f"| {folder.name} ({len(found.shared)}) | this project, own corners ({chosen(found)}) "
        f"| {found.solution.rms_px:.3f} | {found.holdout.left_to_right_px:.3f} | – "
        f"| {spent:.1f} |",
        flush=True,
    )


def chosen(found: Estimate) -> str:
    """The lens models and board that hold-out chose."""
    row = next(m for m in found.tried if m["chosen"])
    return f"{row['left']}/{row['right']}" + (" + warp" if row["warp"] else "")


def rows_of(
    name: str, board: Board, sizes: dict[str, Size], views: list[View], splits: int
) -> None:
    """Print a set's rows of all ways on the same corners."""
    points, size = board.points_B(), sizes["left"]
    label = f"{name} ({len(views)})"
    left = [v.left for v in views if v.left is not None]
    right = [v.right for v in views if v.right is not None]
    ways = {
        "stereoCalibrate": stereo, "calibrateMultiview": multiview, "fisheye": fisheye,
    }  # fmt: skip
    for says, way in ways.items():
        begun = time.process_time()
        try:
            rms = way(points, left, right, size).rms_px
            held = f"{held_out(way, points, left, right, size):.4f}"
        except cv2.error as error:
            print(f"| {label} | OpenCV: {says} | fails: {error.err} | – | – | – |", flush=True)
            continue
        spent = time.process_time() - begun
        print(f"| {label} | OpenCV: {says} | {rms:.4f} | {held} | – | {spent:.1f} |", flush=True)
    begun = time.process_time()
    found = estimate(board, sizes, views, reject=False)
    spent = time.process_time() - begun
    assert found.holdout is not None
    nees = [r["scatter"] for r in halves(name, board, sizes, views, splits)]
    print(
        f"| {label} | this project ({chosen(found)}) | {found.solution.rms_px:.4f} "
        f"| {found.holdout.left_to_right_px:.4f} | {np.mean(nees):.2f} | {spent:.1f} |",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", type=Path)
    parser.add_argument("--splits", type=int, default=5)
    options = parser.parse_args()
    print("| set (views) | way | rms, px | hold-out, px | NEES / 6 | fit and hold-out, CPU s |")
    print("|---|---|---|---|---|---|")
    for folder in sorted(p for p in options.sets.iterdir() if (p / "published.json").exists()):
        board, sizes, views = views_of(folder)
        rows_of(folder.name, board, sizes, views, options.splits)
        own_row(folder, board)


if __name__ == "__main__":
    main()
