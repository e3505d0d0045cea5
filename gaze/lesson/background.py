"""Is this still the calibrated camera? The room of the calibration pictures against the lesson's.

Both cameras take a picture of the auxiliary board before the lesson (docs/record-a-lesson.md), from
where they then film. Features of that picture are found again in the lesson's background. A camera
that only turned, or zoomed, moves all of them as one rotation and one scale say; people and the
board that was taken away are the few that do not fit. What is small is put into the lesson's rig,
with its σ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from calibration.camera import CAMERAS, Camera
from calibration.corners.picture_file import read_picture
from calibration.errors import UserError
from calibration.rig import Rig
from calibration.transform import Array, Transform
from calibration.verdict import Cause
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.video import VideoInfo, read_frames

Grey = NDArray[np.uint8]
Severity = Literal["PASS", "WARN", "FAIL"]

FRAMES = 5  # spread over the lesson; their median has fewer people than any of them
FEATURES = 3000
WIDTH_PX = 1280  # wider pictures are made so for it
LEAST_MATCHES = 25  # chance reaches 20 (rendered rooms, mirrored pictures)
#: Refused from here on: noses and gaze points would be off by more than 10 cm in the back rows.
MOST_TURNED_DEG, MOST_ZOOMED = 0.5, 0.02
#: Under this nothing is said: the feature's own jitter, compression, and a lens that warms up.
LEAST_TURNED_DEG, LEAST_ZOOMED = 0.05, 0.002
#: 1σ of what stays of a change that was put into the rig: a knocked camera is also moved a little.
LEFT_OVER = 0.25


@dataclass(frozen=True)
class Registered:
    """How a camera's picture has changed since its calibration.

    change : ``as it is``, ``mirrored``, ``on its head``, ``swapped`` (it shows what the other
    camera saw) or ``unknown`` (nothing of the room is found again). matches : features that agree.
    turned_deg, zoom : by how much the camera turned, and its focal length over the calibrated one;
    sigma_* : 1σ. rms_px : of the features that agree. turn_rad : (3,) the rotation vector from the
    calibrated camera's axes to today's. covariance : (4, 4) of it and the zoom. turned : whether
    session.toml's ``rotate`` turns its pictures already.
    """

    camera: str
    change: str
    matches: int
    turned_deg: float = 0.0
    zoom: float = 1.0
    sigma_turned_deg: float = 0.0
    sigma_zoom: float = 0.0
    rms_px: float = 0.0
    turn_rad: Array = field(default_factory=lambda: np.zeros(3), repr=False)
    covariance: Array = field(default_factory=lambda: np.zeros((4, 4)), repr=False)
    turned: bool = False

    @property
    def large(self) -> bool:
        """Whether places would be wrong by it."""
        return self.turned_deg > MOST_TURNED_DEG or abs(self.zoom - 1) > MOST_ZOOMED

    @property
    def small(self) -> bool:
        """Whether it is worth saying."""
        return (
            self.turned_deg > LEAST_TURNED_DEG + 3 * self.sigma_turned_deg
            or abs(self.zoom - 1) > LEAST_ZOOMED + 3 * self.sigma_zoom
        )

    def sentence(self) -> str:
        """What was found."""
        name = f"the {self.camera} camera"
        if self.change == "as it is":
            return (
                f"{name} has turned by {self.turned_deg:.2f} ± {self.sigma_turned_deg:.2f}° and "
                f"zoomed by {100 * (self.zoom - 1):+.1f} ± {100 * self.sigma_zoom:.1f} % since its "
                "calibration"
            )
        return {
            "mirrored": f"{name}'s video is mirrored against its calibration picture",
            "on its head": f"{name}'s video stands on its head against its calibration picture",
            "swapped": f"the {self.camera} video shows what the other camera saw at calibration",
        }.get(self.change, f"nothing of {name}'s calibration picture is found in its video")

    def action(self) -> str:
        """What helps."""
        if self.change == "mirrored":
            return f'Say cameras.{self.camera}.mirrored = "lesson" in session.toml.'
        if self.change == "on its head":
            if self.turned:
                return (
                    f"cameras.{self.camera}.rotate is set, and turns calibration and lesson alike: "
                    "leave it out if the files say themselves which way is up, or calibrate with "
                    "this mounting."
                )
            return f"Say cameras.{self.camera}.rotate = 180, or calibrate with this mounting."
        if self.change == "swapped":
            return "Exchange cameras.left.video and cameras.right.video in session.toml."
        if self.change == "unknown":
            return "Is this rig of this room, and were the cameras left where they stood?"
        if abs(self.zoom - 1) > MOST_ZOOMED:
            return (
                "A stabiliser, a digital zoom, or photos in another mode than the film: switch it "
                "off, and calibrate with pictures out of a film of the same mode."
            )
        if not self.large:
            return "It is taken into account, with its σ; calibrate again when there is time."
        return "The camera was bumped or moved: take the auxiliary pictures again and calibrate."

    def cause(self) -> Cause:
        """The same as a verdict's cause."""
        fails = self.large or self.change in ("mirrored", "on its head", "swapped")
        severity: Severity = "FAIL" if fails else "WARN"
        return Cause("camera_changed", severity, self.sentence(), self.action())


def registered(session: Session, rig: Rig, videos: dict[str, VideoInfo]) -> tuple[Registered, ...]:
    """Both cameras' pictures against their calibration; nothing where there is no such picture."""
    then = {name: _calibrated(session, name, rig.camera(name)) for name in CAMERAS}
    if any(p is None for p in then.values()):
        return ()
    now = {name: background(videos[name]) for name in CAMERAS}
    seen = {name: _features(p) for name, p in then.items() if p is not None}
    found = (
        _register(name, rig.camera(name), seen[name], seen[other], now[name])
        for name, other in zip(CAMERAS, reversed(CAMERAS), strict=True)
    )
    return tuple(replace(r, turned=bool(session.mounting(r.camera).rotate)) for r in found)


def as_it_is_now(rig: Rig, found: Iterable[Registered]) -> Rig:
    """The rig with its cameras' small changes and their covariance; large ones are not mended."""
    for r in found:
        if r.change == "as it is" and r.small and not r.large:
            rig = _moved(rig, r)
    return rig


def _moved(rig: Rig, r: Registered) -> Rig:
    """The rig whose camera turned (about its own centre) and zoomed."""
    R = Rotation.from_rotvec(r.turn_rad).as_matrix()  # R_NC: calibrated camera → now
    camera = rig.camera(r.camera)
    K = camera.K.copy()
    K[[0, 1], [0, 1]] *= r.zoom
    camera = replace(camera, K=K)
    # how the parameters move (R exp(δ), t + δ) with an error ε of R_NC = exp(ε) R and of the zoom
    names = list(rig.parameter_names)
    by = np.zeros((len(names), 4))
    for axis in "xy":
        by[names.index(f"{r.camera}.f{axis}"), 3] = K["xy".index(axis), "xy".index(axis)] / r.zoom
    if r.camera == "left":
        T_LN = Transform(R.T, np.zeros(3), "L", "L")
        rig = replace(rig, left=camera, T_RL=rig.T_RL @ T_LN, T_AL=rig.T_AL and rig.T_AL @ T_LN)
        for frames in ("RL", "AL") if rig.T_AL else ("RL",):
            first = names.index(f"R_{frames}.x")
            by[first : first + 3, :3] = -np.eye(3)
    else:
        rig = replace(rig, right=camera, T_RL=Transform(R, np.zeros(3), "R", "R") @ rig.T_RL)
        first = names.index("R_RL.x")
        by[first : first + 3, :3] = rig.T_RL.R.T
        by[first + 3 : first + 6, :3] = np.cross(np.eye(3), rig.T_RL.t).T
    if rig.covariance is None:
        return rig
    left_over = LEFT_OVER * np.append(r.turn_rad, r.zoom - 1)
    spread = r.covariance + np.diag([*[left_over[:3] @ left_over[:3] / 3] * 3, left_over[3] ** 2])
    return replace(rig, covariance=rig.covariance + by @ spread @ by.T)


def refuse_other_camera(found: Iterable[Registered], *, force: bool = False) -> None:
    """Refuse a lesson whose cameras are no longer those of the rig.

    Raises
    ------
    SessionError : mirrored, on its head, swapped, turned or zoomed too far; what helps.
    """
    for camera in found:
        if camera.cause().severity == "FAIL" and not force:
            raise SessionError(camera.sentence(), remedy=camera.action())


def background(video: VideoInfo) -> Grey:
    """The median of a few frames spread over a video, grey."""
    numbers = np.linspace(0, video.frames - 1, FRAMES + 2)[1:-1].round().astype(int)
    pictures = [p for _, p in read_frames(video, numbers.tolist(), grey=True)]
    if not pictures:
        return np.zeros(video.size_px[::-1], np.uint8)
    return np.asarray(np.median(pictures, axis=0), np.uint8)


def _calibrated(session: Session, name: str, camera: Camera) -> Grey | None:
    """The camera's picture of the auxiliary board, in the lesson's size."""
    for auxiliary in session.config.auxiliary:
        path = session.folder / getattr(auxiliary, f"{name}_picture")
        try:
            picture = read_picture(path, session.mounting(name, calibration=True))
        except (UserError, OSError):
            continue
        return np.asarray(
            cv2.resize(picture, camera.size_px, interpolation=cv2.INTER_AREA), np.uint8
        )
    return None


def _features(picture: Grey) -> tuple[Array, NDArray[np.float32]]:
    scale = min(1.0, WIDTH_PX / picture.shape[1])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    points, what = cv2.SIFT.create(FEATURES).detectAndCompute(small, None)
    if what is None:
        return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
    # pixel centres are at whole numbers
    return (np.array([p.pt for p in points]) + 0.5) / scale - 0.5, np.asarray(what, np.float32)


def _agreeing(
    then: tuple[Array, NDArray[np.float32]], now: tuple[Array, NDArray[np.float32]]
) -> tuple[Array, Array, Array | None]:
    """Matched points (N, 2) of both pictures that one homography explains, and it."""
    none = np.zeros((0, 2))
    if min(len(then[0]), len(now[0])) < LEAST_MATCHES:
        return none, none, None
    pairs = cv2.BFMatcher().knnMatch(then[1], now[1], k=2)
    good = [a for a, b in pairs if a.distance < 0.8 * b.distance]
    if len(good) < 8:
        return none, none, None
    a = then[0][[m.queryIdx for m in good]]
    b = now[0][[m.trainIdx for m in good]]
    H, inside = cv2.findHomography(a, b, cv2.USAC_MAGSAC, 2.0, maxIters=5000, confidence=0.999)
    if H is None:
        return none, none, None
    keep = inside.ravel().astype(bool)
    return a[keep], b[keep], np.asarray(H, np.float64)


def _register(
    name: str,
    camera: Camera,
    own: tuple[Array, NDArray[np.float32]],
    others: tuple[Array, NDArray[np.float32]],
    now: Grey,
) -> Registered:
    found: dict[str, tuple[Array, Array, Array | None]] = {}
    plain = _features(now)
    found["as it is"] = _agreeing(own, plain)
    if len(found["as it is"][0]) < 4 * LEAST_MATCHES:  # not beyond doubt: try what else it may be
        found["swapped"] = _agreeing(others, plain)
        found["mirrored"] = _agreeing(own, _features(np.ascontiguousarray(now[:, ::-1])))
    change = max(found, key=lambda c: len(found[c][0]))
    a, b, H = found[change]
    if len(a) < LEAST_MATCHES or H is None:
        return Registered(name, "unknown", len(a))
    if change == "as it is" and H[0, 0] < 0 and H[1, 1] < 0:
        return Registered(name, "on its head", len(a))
    if change != "as it is":
        return Registered(name, change, len(a))
    return _turned(name, camera, a, b)


def _turned(name: str, camera: Camera, then_px: Array, now_px: Array) -> Registered:
    """Rotation and zoom that take the calibration's points to the lesson's; robust, with σ."""
    ray = camera.rays(then_px)

    def off(p: Array) -> Array:
        K = camera.K.copy()
        K[[0, 1], [0, 1]] *= p[3]
        moved = Rotation.from_rotvec(p[:3]).apply(ray)
        return np.asarray(replace(camera, K=K).project(moved) - now_px).ravel()

    fit = least_squares(off, [0.0, 0.0, 0.0, 1.0], loss="soft_l1", f_scale=0.7)
    near = np.abs(off(fit.x)).reshape(-1, 2).max(1) < 3.0
    rms = float(np.sqrt(np.mean(off(fit.x).reshape(-1, 2)[near] ** 2))) if near.any() else np.inf
    cov = np.linalg.pinv(fit.jac.T @ fit.jac) * max(rms, 0.1) ** 2
    turned = float(np.degrees(np.linalg.norm(fit.x[:3])))
    # the picture of the board and the film are read with half a pixel of difference at worst
    cov[:3, :3] += np.eye(3) * (0.2 / camera.f_px) ** 2 / 3
    return Registered(
        name, "as it is", int(near.sum()), turned, float(fit.x[3]),
        float(np.degrees(np.sqrt(np.trace(cov[:3, :3])))), float(np.sqrt(cov[3, 3])), rms,
        fit.x[:3], cov,
    )  # fmt: skip


def background_quality(found: Iterable[Registered]) -> list[dict[str, Any]]:
    """Plain values for the quality file."""
    return [
        {
            **{k: v for k, v in vars(r).items() if k not in ("turn_rad", "covariance")},
            "sentence": r.sentence(),
            "corrected": r.change == "as it is" and r.small and not r.large,
            "said": r.small or r.change != "as it is",
        }
        for r in found
    ]
