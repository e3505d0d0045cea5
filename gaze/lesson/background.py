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
from typing import Any, Literal, NamedTuple

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
LEAST_CONTRAST = 80  # of the grey levels between which 98 % lie, for features to be found
LEAST_MATCHES = 25  # chance reaches 8 (rendered rooms, mirrored pictures)
#: Refused from here on: noses and gaze points would be off by more than 10 cm in the back rows.
MOST_TURNED_DEG, MOST_ZOOMED = 0.5, 0.02
#: Under this nothing is said: the feature's own jitter, compression, and a lens that warms up.
LEAST_TURNED_DEG, LEAST_ZOOMED = 0.05, 0.002
#: Of what is found again so much must fit a turn and a zoom; else a picture that is stretched by
#: more than this along one of its sides was made so by a program.
LEAST_FIT, STRETCHED = 0.5, 1.02
#: Smaller than this, and the other camera's as small, they stand beside each other in one film.
SMALLER = 0.75
#: A picture that is set into another one stands as upright as this.
UPRIGHT_DEG = 0.5
#: Where less than this of what is found within a twentieth of the width fits, it is said. Chairs
#: that were moved do it, and so does a lens correction of 10 px at the edge.
MOSTLY, NEARBY = 0.75, 0.05
#: 1σ of what stays of a change that was put into the rig: a knocked camera is also moved a little.
LEFT_OVER = 0.25


OTHERWISE = {
    "moved": "Places before it or after it are wrong: cut the film, and calibrate for each part.",
    "split": "Export each camera's own film.",
    "inset": "Export each camera's own film: the faces in it would count as students.",
    "copied": "Give this camera's own recording.",
    "on its side": "A program turned it: use the camera's own file.",
    "stretched": "A program made it of another shape: use the camera's own file.",
    "distorted": "Another lens, a lens correction that was switched on or off, a part of the "
    "picture, or a camera that stands elsewhere: film as it was calibrated, or calibrate again.",
    "unknown": "Is this rig of this room, and were the cameras left where they stood?",
}


@dataclass(frozen=True)
class Registered:
    """How a camera's picture has changed since its calibration.

    change : ``as it is``, ``mirrored``, ``on its head``, ``on its side``, ``swapped`` (it shows
    what the other camera saw), ``copied`` (so does the other one), ``split`` (both cameras' at
    once), ``inset`` (the other's small in its own), ``moved`` (turned or zoomed amid the lesson,
    and by how much), ``stretched`` (more along one side than along the other), ``distorted`` (a
    turn and a zoom do not explain it) or ``unknown`` (nothing of the room is found again). matches
    : features that agree.
    turned_deg, zoom : by how much the camera turned, and its focal length over the calibrated one;
    sigma_* : 1σ. rms_px : of the features that agree. turn_rad : (3,) the rotation vector from the
    calibrated camera's axes to today's. covariance : (4, 4) of it and the zoom. turned : whether
    session.toml's ``rotate`` turns its pictures already. fits : of all features found within a
    twentieth of the width of where that puts them, the share that are there within 3 px. grey :
    the lesson's mean grey level.
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
    fits: float = 1.0
    grey: float = 255.0

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

    @property
    def told(self) -> bool:
        """Whether something is to be said of it."""
        return self.small or self.change != "as it is" or self.fits < MOSTLY

    def sentence(self) -> str:
        """What was found."""
        name = f"the {self.camera} camera"
        if self.change == "as it is":
            often = f" ({100 * self.fits:.0f} % of what is found again nearby fits that)"
            return (
                f"{name} has turned by {self.turned_deg:.2f} ± {self.sigma_turned_deg:.2f}° and "
                f"zoomed by {100 * (self.zoom - 1):+.1f} ± {100 * self.sigma_zoom:.1f} % since its "
                "calibration" + often * (self.fits < MOSTLY)
            )
        return {
            "mirrored": f"{name}'s video is mirrored against its calibration picture",
            "on its head": f"{name}'s video stands on its head against its calibration picture",
            "on its side": f"{name}'s video stands on its side against its calibration picture",
            "stretched": f"{name}'s video is stretched against its calibration picture, more along "
            "one side than along the other",
            "distorted": f"{name}'s video shows the room of its calibration picture distorted: no "
            "turn and no zoom of the camera explains it",
            "swapped": f"the {self.camera} video shows what the other camera saw at calibration",
            "split": f"the {self.camera} video shows both cameras' pictures, each made smaller, as "
            "recorders and calls do",
            "moved": f"{name} turned by {self.turned_deg:.1f}° and zoomed by "
            f"{100 * (self.zoom - 1):+.1f} % during the lesson",
            "inset": f"the {self.camera} video has the other camera's picture set into it",
            "copied": f"the {self.camera} video shows what the other camera saw at calibration, as "
            "the other video does: one camera's recording, twice",
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
        if self.change in OTHERWISE:
            return OTHERWISE[self.change]
        if self.fits < MOSTLY and self.turned_deg <= MOST_TURNED_DEG:
            return (
                "Chairs and desks that were moved do that; so does another lens or a lens "
                "correction: was the lesson filmed as the calibration was?"
            )
        if abs(self.zoom - 1) > MOST_ZOOMED:
            return (
                "A stabiliser, a digital zoom, photos in another mode than the film, or black bars "
                "around the picture: switch it off, and calibrate with pictures out of a film of "
                "the same mode."
            )
        if not self.large:
            return "It is taken into account, with its σ; calibrate again when there is time."
        return "The camera was bumped or moved: take the auxiliary pictures again and calibrate."

    def cause(self) -> Cause:
        """The same as a verdict's cause."""
        goes_on = self.change == "moved" or (
            self.change in ("as it is", "unknown") and not self.large
        )
        severity: Severity = "WARN" if goes_on else "FAIL"
        return Cause("camera_changed", severity, self.sentence(), self.action())


def registered(session: Session, rig: Rig, videos: dict[str, VideoInfo]) -> tuple[Registered, ...]:
    """Both cameras' pictures against their calibration; nothing where there is no such picture."""
    then = {name: _calibrated(session, name, rig.camera(name)) for name in CAMERAS}
    if any(p is None for p in then.values()):
        return ()
    pictures = {name: _pictures(videos[name]) for name in CAMERAS}
    now = {name: _median(pictures[name], videos[name]) for name in CAMERAS}
    seen = {name: _features(p) for name, p in then.items() if p is not None}
    found = _one_for_both(
        _register(name, rig.camera(name), seen[name], seen[other], now[name])
        for name, other in zip(CAMERAS, reversed(CAMERAS), strict=True)
    )
    found = [_amid(r, rig.camera(r.camera), seen[r.camera], pictures[r.camera]) for r in found]
    return tuple(
        replace(
            r,
            turned=bool(session.mounting(r.camera).rotate),
            grey=float(now[r.camera].mean()),
        )
        for r in found
    )


def _one_for_both(found: Iterable[Registered]) -> list[Registered]:
    """Videos that both show one camera's picture are not each other's: one is a copy."""
    both = list(found)
    if [r.change for r in both].count("swapped") == 1:
        return [replace(r, change="copied") if r.change == "swapped" else r for r in both]
    return both


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
    return _median(_pictures(video), video)


def _pictures(video: VideoInfo) -> list[Grey]:
    numbers = np.linspace(0, video.frames - 1, FRAMES + 2)[1:-1].round().astype(int)
    return [p for _, p in read_frames(video, numbers.tolist(), grey=True)]


def _median(pictures: list[Grey], video: VideoInfo) -> Grey:
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
    low, high = np.percentile(small, [1, 99])
    if high - low < LEAST_CONTRAST:  # a dark room, a flat picture profile
        small = np.clip((small - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)
    points, what = cv2.SIFT.create(FEATURES).detectAndCompute(small, None)
    if what is None:
        return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
    # pixel centres are at whole numbers
    return (np.array([p.pt for p in points]) + 0.5) / scale - 0.5, np.asarray(what, np.float32)


class _Matched(NamedTuple):
    """Points (N, 2) of both pictures that look alike, which of them (N,) one homography explains,
    and it (None: none)."""

    then_px: Array
    now_px: Array
    agree: NDArray[np.bool_]
    H: Array | None


def _matched(
    then: tuple[Array, NDArray[np.float32]], now: tuple[Array, NDArray[np.float32]]
) -> _Matched:
    nothing = _Matched(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.bool_), None)
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
    return _Matched(a, b, inside.ravel().astype(np.bool_), np.asarray(H, np.float64))


def _register(
    name: str,
    camera: Camera,
    own: tuple[Array, NDArray[np.float32]],
    others: tuple[Array, NDArray[np.float32]],
    now: Grey,
) -> Registered:
    plain = _features(now)
    found, other = {"as it is": _matched(own, plain)}, _matched(others, plain)
    if found["as it is"].agree.sum() < 4 * LEAST_MATCHES:  # not beyond doubt: what else may it be
        found["swapped"] = other
        found["mirrored"] = _matched(own, _features(np.ascontiguousarray(now[:, ::-1])))
    change = max(found, key=lambda c: found[c].agree.sum())
    count = int(found[change].agree.sum())
    H = found[change].H
    if count < LEAST_MATCHES or H is None:
        return Registered(name, "unknown", count)
    if all(_is_small(m, camera.size_px) for m in (other, found["as it is"])):
        return Registered(name, "split", count)
    if _is_inset(other, camera.size_px) and found["as it is"].agree.sum() >= LEAST_MATCHES:
        return Registered(name, "inset", count)
    if change != "as it is":
        return Registered(name, change, count)
    turn_deg, stretch, _ = _turn_and_stretch(H, camera.size_px)
    if abs(turn_deg) > 45:
        return Registered(name, "on its head" if abs(turn_deg) > 135 else "on its side", count)
    turned = _turned(name, camera, found[change])
    if turned.matches < LEAST_FIT * count:
        return Registered(name, "stretched" if stretch > STRETCHED else "distorted", count)
    return turned


def _is_small(matched: _Matched, size_px: tuple[int, int]) -> bool:
    """Whether a picture is found beyond chance, and made much smaller."""
    if matched.H is None or matched.agree.sum() < 1.5 * LEAST_MATCHES:
        return False
    return _turn_and_stretch(matched.H, size_px)[2] < SMALLER


def _is_inset(matched: _Matched, size_px: tuple[int, int]) -> bool:
    """Whether a picture is found made smaller and nothing else, as programs do it: a wall that both
    cameras see is turned and stretched as well."""
    if matched.H is None or matched.agree.sum() < LEAST_MATCHES:
        return False
    turn_deg, stretch, size = _turn_and_stretch(matched.H, size_px)
    return abs(turn_deg) < UPRIGHT_DEG and stretch < STRETCHED and size < SMALLER


def _turn_and_stretch(H: Array, size_px: tuple[int, int]) -> tuple[float, float, float]:
    """How far a homography turns the picture's middle, degrees, how many times more it stretches it
    one way than the other, and how many times as large it makes it."""
    middle = np.array(size_px) / 2 + np.array([[[0.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]]])
    at, right, down = cv2.perspectiveTransform(middle, H)[:, 0]
    U, size, Vt = np.linalg.svd(np.stack([right - at, down - at], 1))
    R = U @ Vt
    turn_deg = float(np.degrees(np.arctan2(R[1, 0], R[0, 0])))
    return turn_deg, float(size[0] / size[1]), float(np.sqrt(size[0] * size[1]))


def _turned(name: str, camera: Camera, matched: _Matched) -> Registered:
    """Rotation and zoom that take the calibration's points to the lesson's; robust, with σ."""
    ray = camera.rays(matched.then_px)

    def all_off_px(p: Array) -> Array:
        K = camera.K.copy()
        K[[0, 1], [0, 1]] *= p[3]
        moved = Rotation.from_rotvec(p[:3]).apply(ray)
        out = replace(camera, K=K).project(moved) - matched.now_px
        return np.nan_to_num(out, nan=float(max(camera.size_px)))  # behind the camera

    def off(p: Array) -> Array:
        return all_off_px(p)[matched.agree].ravel()

    bounds = [-np.inf] * 3 + [0.1], [np.inf] * 3 + [10.0]
    fit = least_squares(off, [0.0, 0.0, 0.0, 1.0], loss="soft_l1", f_scale=0.7, bounds=bounds)
    near = np.abs(off(fit.x)).reshape(-1, 2).max(1) < 3.0
    everywhere = np.abs(all_off_px(fit.x)).max(1)
    nearby = everywhere < NEARBY * camera.size_px[0]
    rms = float(np.sqrt(np.mean(off(fit.x).reshape(-1, 2)[near] ** 2))) if near.any() else np.inf
    cov = np.linalg.pinv(fit.jac.T @ fit.jac) * max(rms, 0.1) ** 2
    turned = float(np.degrees(np.linalg.norm(fit.x[:3])))
    # the picture of the board and the film are read with half a pixel of difference at worst
    cov[:3, :3] += np.eye(3) * (0.2 / camera.f_px) ** 2 / 3
    return Registered(
        name, "as it is", int(near.sum()), turned, float(fit.x[3]),
        float(np.degrees(np.sqrt(np.trace(cov[:3, :3])))), float(np.sqrt(cov[3, 3])), rms,
        fit.x[:3], cov, fits=float((everywhere < 3.0).sum() / max(nearby.sum(), 1)),
    )  # fmt: skip


def _amid(
    r: Registered, camera: Camera, own: tuple[Array, NDArray[np.float32]], pictures: list[Grey]
) -> Registered:
    """Moved, where any one picture of the lesson is turned or zoomed far against all of them; by
    how much the first such one is."""
    if r.change != "as it is" or r.large:
        return r
    for picture in pictures:
        matched = _matched(own, _features(picture))
        if matched.agree.sum() < LEAST_MATCHES:
            continue
        one = _turned(r.camera, camera, matched)
        apart = Rotation.from_rotvec(one.turn_rad) * Rotation.from_rotvec(r.turn_rad).inv()
        turned_deg, zoom = float(np.degrees(apart.magnitude())), one.zoom / r.zoom
        sure = one.matches > LEAST_FIT * matched.agree.sum()
        if sure and (turned_deg > MOST_TURNED_DEG or abs(zoom - 1) > MOST_ZOOMED):
            return replace(r, change="moved", turned_deg=turned_deg, zoom=zoom)
    return r


def background_quality(found: Iterable[Registered]) -> list[dict[str, Any]]:
    """Plain values for the quality file."""
    return [
        {
            **{k: v for k, v in vars(r).items() if k not in ("turn_rad", "covariance")},
            "sentence": r.sentence(),
            "corrected": r.change == "as it is" and r.small and not r.large and r.fits >= MOSTLY,
            "said": r.told,
        }
        for r in found
    ]
