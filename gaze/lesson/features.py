"""Features of a picture, found again in another one; the turn and zoom of a camera between both."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from calibration.camera import Camera
from calibration.transform import Array

Grey = NDArray[np.uint8]
Features = tuple[Array, NDArray[np.float32]]

FEATURES = 3000
WIDTH_PX = 1280  # wider pictures are made so for it
LEAST_CONTRAST = 80  # of the grey levels between which 98 % lie, for features to be found
LEAST_MATCHES = 25  # chance reaches 8 (rendered rooms, mirrored pictures)
#: How far, as a share of the width, what is found counts as nearby.
NEARBY = 0.05


def features(picture: Grey, full_px: int | None = None) -> Features:
    """(N, 2) where they lie, and (N, 128) what is there. full_px : width of the picture in whose
    pixels they lie; None: of this one."""
    scale = min(1.0, WIDTH_PX / picture.shape[1])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    low, high = np.percentile(small, [1, 99])
    if high - low < LEAST_CONTRAST:  # a dark room, a flat picture profile
        small = np.clip((small - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)
    points, what = cv2.SIFT.create(FEATURES).detectAndCompute(small, None)
    if what is None:
        return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
    scale *= picture.shape[1] / (full_px or picture.shape[1])
    # pixel centres are at whole numbers
    return (np.array([p.pt for p in points]) + 0.5) / scale - 0.5, np.asarray(what, np.float32)


class Matched(NamedTuple):
    """Points (N, 2) of both pictures that look alike, which of them (N,) one homography explains,
    and it (None: none)."""

    then_px: Array
    now_px: Array
    agree: NDArray[np.bool_]
    H: Array | None


def matched(then: Features, now: Features) -> Matched:
    """What of a picture is found again in another one."""
    nothing = Matched(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.bool_), None)
    if min(len(then[0]), len(now[0])) < LEAST_MATCHES:
        return nothing
    pairs = cv2.BFMatcher().knnMatch(then[1], now[1], k=2)
    best = {a.trainIdx: a for a, b in sorted(pairs, key=lambda m: -m[0].distance)
            if a.distance < 0.8 * b.distance}  # fmt: skip
    good = list(best.values())  # each feature once: in the dark many are most like a single one
    if len(good) < 8:
        return nothing
    a = then[0][[m.queryIdx for m in good]]
    b = now[0][[m.trainIdx for m in good]]
    H, inside = cv2.findHomography(a, b, cv2.USAC_MAGSAC, 2.0, maxIters=5000, confidence=0.999)
    if H is None:
        return nothing
    return Matched(a, b, inside.ravel().astype(np.bool_), np.asarray(H, np.float64))


class Turn(NamedTuple):
    """How a camera turned and zoomed from one picture to another.

    turn_rad : (3,) the rotation vector from its axes then to those now. zoom : focal length now
    over then. covariance : (4, 4) of both. matches : features that agree; rms_px : of them.
    fits : of all features found near where that puts them, the share that are there within 3 px.
    """

    turn_rad: Array
    zoom: float
    covariance: Array
    matches: int
    rms_px: float
    fits: float


def turn_of(camera: Camera, found: Matched) -> Turn:
    """Rotation and zoom that take what was seen then to where it is now; robust, with σ."""
    ray = camera.rays(found.then_px)

    def all_off_px(p: Array) -> Array:
        out = seen_px(camera, ray, p) - found.now_px
        return np.nan_to_num(out, nan=float(max(camera.size_px)))  # behind the camera

    def off(p: Array) -> Array:
        return all_off_px(p)[found.agree].ravel()

    bounds = [-np.inf] * 3 + [0.1], [np.inf] * 3 + [10.0]
    fit = least_squares(off, [0.0, 0.0, 0.0, 1.0], loss="soft_l1", f_scale=0.7, bounds=bounds)
    near = np.abs(off(fit.x)).reshape(-1, 2).max(1) < 3.0
    everywhere = np.abs(all_off_px(fit.x)).max(1)
    nearby = everywhere < NEARBY * camera.size_px[0]
    rms = float(np.sqrt(np.mean(off(fit.x).reshape(-1, 2)[near] ** 2))) if near.any() else np.inf
    cov = np.linalg.pinv(fit.jac.T @ fit.jac) * max(rms, 0.1) ** 2
    # the picture of the board and the film are read with half a pixel of difference at worst
    cov[:3, :3] += np.eye(3) * (0.2 / camera.f_px) ** 2 / 3
    fits = float((everywhere < 3.0).sum() / max(nearby.sum(), 1))
    return Turn(fit.x[:3], float(fit.x[3]), cov, int(near.sum()), rms, fits)


def seen_px(camera: Camera, ray: Array, p: Array) -> Array:
    """Where rays (N, 3) are seen by a camera that turned by p[:3] and zoomed to p[3] times."""
    K = camera.K.copy()
    K[[0, 1], [0, 1]] *= p[3]
    return replace(camera, K=K).project(Rotation.from_rotvec(p[:3]).apply(ray))
