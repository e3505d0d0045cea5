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
from scipy.spatial.transform import Rotation

from calibration.camera import CAMERAS, Camera
from calibration.corners.picture_file import read_picture
from calibration.errors import UserError
from calibration.rig import Rig
from calibration.transform import Array, Transform
from calibration.verdict import Cause
from gaze.lesson.features import LEAST_MATCHES, Features, Grey, Matched, features, matched, turn_of
from gaze.lesson.shown import (
    LEAST_FIT,
    LEAST_TURNED_DEG,
    LEAST_ZOOMED,
    MOST_TURNED_DEG,
    MOST_ZOOMED,
    Shown,
    Stretch,
    over_lesson,
)
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.video import VideoInfo, read_frames

Severity = Literal["PASS", "WARN", "FAIL"]

FRAMES = 5  # spread over the lesson; their median has fewer people than any of them
#: A picture that is stretched by more than this along one of its sides was made so by a program.
STRETCHED = 1.02
#: Smaller than this, and the other camera's as small, they stand beside each other in one film.
SMALLER = 0.75
#: A picture that is set into another one stands as upright as this.
UPRIGHT_DEG = 0.5
#: Where less than this of what is found within a twentieth of the width fits, it is said. Chairs
#: that were moved do it, and so does a lens correction of 10 px at the edge.
MOSTLY = 0.75
#: 1σ of what stays of a change that was put into the rig: a knocked camera is also moved a little.
LEFT_OVER = 0.25


#: Single pictures of something else that are worth a word before the lesson's analysis counts them.
FEW = 2
#: What of a camera is not for the quality file.
ARRAYS = frozenset({"turn_rad", "covariance", "wobble", "right_s", "alone_s", "stretches"})
OTHERWISE = {
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
    once), ``inset`` (the other's small in its own), ``stretched`` (more along one side than along
    the other), ``distorted`` (a turn and a zoom do not explain it) or ``unknown`` (nothing of the
    room is found again). matches : features that agree.
    turned_deg, zoom : by how much the camera turned, and its focal length over the calibrated one;
    sigma_* : 1σ. rms_px : of the features that agree. turn_rad : (3,) the rotation vector from the
    calibrated camera's axes to today's. covariance : (4, 4) of it and the zoom. turned : whether
    session.toml's ``rotate`` turns its pictures already. fits : of all features found within a
    twentieth of the width of where that puts them, the share that are there within 3 px. grey :
    the lesson's mean grey level. stretches : of its video that are something else. wobbled_deg,
    wobbled : by how much it turned and zoomed during the rest of the lesson at most; wobble : (4,
    4) as a covariance. right_s : of a large change, times at which the camera is as calibrated.
    alone_s : times of single pictures that are something else.
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
    stretches: tuple[Stretch, ...] = ()
    wobbled_deg: float = 0.0
    wobbled: float = 0.0
    wobble: Array = field(default_factory=lambda: np.zeros((4, 4)), repr=False)
    right_s: Array = field(default_factory=lambda: np.zeros(0), repr=False)
    alone_s: Array = field(default_factory=lambda: np.zeros(0), repr=False)

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
    def wobbles(self) -> bool:
        """Whether it moved during the lesson, by little."""
        return self.wobbled_deg > LEAST_TURNED_DEG or self.wobbled > LEAST_ZOOMED

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
                "calibration" + often * (self.fits < MOSTLY) + self._but()
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
            "inset": f"the {self.camera} video has the other camera's picture set into it",
            "copied": f"the {self.camera} video shows what the other camera saw at calibration, as "
            "the other video does: one camera's recording, twice",
        }.get(self.change, f"nothing of {name}'s calibration picture is found in its video")

    def _but(self) -> str:
        """When a camera that has changed was as calibrated."""
        if not len(self.right_s):
            return ""
        return f", but not from {self.right_s[0]:.0f} to {self.right_s[-1]:.0f} s of its film"

    def amid(self) -> list[Cause]:
        """What became of it over the lesson: what is left out, and what is in σ."""
        if self.large:
            return []  # said already, and nothing else is to be done
        out = [self.left_out(s) for s in self.stretches]
        if len(self.alone_s) >= FEW:
            at = ", ".join(f"{t:.1f} s" for t in self.alone_s[:3])
            out.append(
                Cause(
                    "recording", "WARN",
                    f"{len(self.alone_s)} of the pictures of the {self.camera} video that were "
                    f"looked at show something else than its room, or shook, one by one "
                    f"(at {at} …): such pictures are left out",
                    "A loose plug, a program's window, somebody close before the lens? Look at it "
                    "there; if the camera's own file is whole, use that.",
                )
            )  # fmt: skip
        if self.wobbles:
            out.append(
                Cause(
                    "camera_changed", "WARN", self.wobble_said(),
                    "Was it knocked, does its tripod stand firm, are zoom, focus and stabiliser "
                    "fixed?",
                )
            )  # fmt: skip
        return out

    def left_out(self, s: Stretch) -> Cause:
        """A stretch of its film that is something else."""
        when = f"from {s.from_s:.0f} s " + ("on" if s.to_s == np.inf else f"to {s.to_s:.0f} s")
        if s.why == "moved":
            return Cause(
                "camera_changed",
                "WARN",
                f"The {self.camera} camera turned by {s.turned_deg:.1f}° and zoomed by "
                f"{100 * (s.zoom - 1):+.1f} % during the lesson, {when} of its film: left out",
                "A knock, a tripod that gives way, a stabiliser, an automatic zoom? There only the "
                "other camera is used; calibrate anew for that part to use both.",
            )
        what = {
            "other": "something else than its room (turned away, covered, dark, another film)",
            "frozen": "one and the same picture while the other camera's moves",
        }[s.why]
        return Cause(
            "recording",
            "WARN",
            f"The {self.camera} video shows {what}, {when}: left out",
            "Look at it there; if the camera's own file is whole, use that.",
        )

    def wobble_said(self) -> str:
        """By how much it moved during the lesson where it is used."""
        return (
            f"The {self.camera} camera turned by up to {self.wobbled_deg:.2f}° and zoomed by up to "
            f"{100 * self.wobbled:.1f} % during the lesson: taken into account in σ"
        )

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
        if len(self.right_s):
            return (
                "It moved, or zoomed by itself, during the lesson: cut the film there, use the "
                "part in which it is as calibrated, and calibrate anew for the other one."
            )
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
        goes_on = self.change in ("as it is", "unknown") and not self.large
        severity: Severity = "WARN" if goes_on else "FAIL"
        return Cause("camera_changed", severity, self.sentence(), self.action())


def registered(session: Session, rig: Rig, videos: dict[str, VideoInfo]) -> tuple[Registered, ...]:
    """Both cameras' pictures against their calibration; nothing where there is no such picture."""
    found_then = {name: _calibrated(session, name, rig.camera(name)) for name in CAMERAS}
    then = {name: p for name, p in found_then.items() if p is not None}
    if len(then) < len(CAMERAS):
        return ()
    shown = {n: over_lesson(videos[n], rig.camera(n), then[n]) for n in CAMERAS}
    now = {name: _median(shown[name]) for name in CAMERAS}
    seen = {name: features(p) for name, p in then.items()}
    found = _one_for_both(
        _register(name, rig.camera(name), seen[name], seen[other], now[name])
        for name, other in zip(CAMERAS, reversed(CAMERAS), strict=True)
    )
    return tuple(
        replace(
            _amid(r, shown[r.camera], shown[other]),
            turned=bool(session.mounting(r.camera).rotate),
            grey=float(now[r.camera].mean()),
        )
        for r, other in zip(found, reversed(CAMERAS), strict=True)
    )


def _amid(r: Registered, shown: Shown, other: Shown) -> Registered:
    """The same with what became of it over the lesson; ``other``: what the other camera shows."""
    if r.change != "as it is":
        return r
    turned_deg, zoomed, spread = shown.wobble(other)
    apart = shown.turned + np.append(r.turn_rad, r.zoom - 1)
    as_then = np.degrees(np.linalg.norm(apart[:, :3], axis=1)) < MOST_TURNED_DEG
    as_then &= np.abs(apart[:, 3]) < MOST_ZOOMED
    return replace(
        r, stretches=shown.stretches(other), wobbled_deg=turned_deg, wobbled=zoomed, wobble=spread,
        right_s=shown.times_s[as_then] if r.large else np.zeros(0), alone_s=shown.alone_s(other),
    )  # fmt: skip


def _one_for_both(found: Iterable[Registered]) -> list[Registered]:
    """Videos that both show one camera's picture are not each other's: one is a copy."""
    both = list(found)
    if [r.change for r in both].count("swapped") == 1:
        return [replace(r, change="copied") if r.change == "swapped" else r for r in both]
    return both


def as_it_is_now(rig: Rig, found: Iterable[Registered]) -> Rig:
    """The rig with its cameras' small changes and their covariance; large ones are not mended."""
    for r in found:
        if r.change == "as it is" and not r.large and (r.small or r.wobbles):
            still = replace(r, turn_rad=np.zeros(3), zoom=1.0, covariance=np.zeros((4, 4)))
            rig = _moved(rig, r if r.small else still)
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
    if r.wobbles:
        spread += r.wobble
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


def _median(shown: Shown) -> Grey:
    """Of a few frames, spread over those that show the room as it usually is in the lesson."""
    frames = shown.as_usual
    places = np.linspace(0, len(frames) - 1, min(FRAMES, len(frames)) + 2)[1:-1].round().astype(int)
    wanted = np.unique(frames[places]).tolist() if len(frames) else []
    pictures = [p for _, p in read_frames(shown.video, wanted, grey=True)]
    if not pictures:
        return np.zeros(shown.video.size_px[::-1], np.uint8)
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


def _register(
    name: str,
    camera: Camera,
    own: Features,
    others: Features,
    now: Grey,
) -> Registered:
    plain = features(now)
    found, other = {"as it is": matched(own, plain)}, matched(others, plain)
    if found["as it is"].agree.sum() < 4 * LEAST_MATCHES:  # not beyond doubt: what else may it be
        found["swapped"] = other
        found["mirrored"] = matched(own, features(np.ascontiguousarray(now[:, ::-1])))
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
    turn = turn_of(camera, found[change])
    if turn.matches < LEAST_FIT * count:
        return Registered(name, "stretched" if stretch > STRETCHED else "distorted", count)
    return Registered(
        name, "as it is", turn.matches, float(np.degrees(np.linalg.norm(turn.turn_rad))),
        turn.zoom, float(np.degrees(np.sqrt(np.trace(turn.covariance[:3, :3])))),
        float(np.sqrt(turn.covariance[3, 3])), turn.rms_px, turn.turn_rad, turn.covariance,
        fits=turn.fits,
    )  # fmt: skip


def _is_small(found: Matched, size_px: tuple[int, int]) -> bool:
    """Whether a picture is found beyond chance, and made much smaller."""
    if found.H is None or found.agree.sum() < 1.5 * LEAST_MATCHES:
        return False
    return _turn_and_stretch(found.H, size_px)[2] < SMALLER


def _is_inset(found: Matched, size_px: tuple[int, int]) -> bool:
    """Whether a picture is found made smaller and nothing else, as programs do it: a wall that both
    cameras see is turned and stretched as well."""
    if found.H is None or found.agree.sum() < LEAST_MATCHES:
        return False
    turn_deg, stretch, size = _turn_and_stretch(found.H, size_px)
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


def background_quality(found: Iterable[Registered]) -> list[dict[str, Any]]:
    """Plain values for the quality file."""
    return [
        {
            **{k: v for k, v in vars(r).items() if k not in ARRAYS},
            "sentence": r.sentence(),
            "corrected": r.change == "as it is" and r.small and not r.large and r.fits >= MOSTLY,
            "said": r.told,
            "amid": [{"code": c.code, "said": c.message} for c in map(r.left_out, r.stretches)],
            "wobble": r.wobble_said() if r.wobbles else "",
        }
        for r in found
    ]
