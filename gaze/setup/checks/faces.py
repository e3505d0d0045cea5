"""How high faces are in the pictures."""

from __future__ import annotations

import numpy as np

from calibration.errors import UserError
from calibration.rig import Rig
from calibration.transform import Array
from gaze.faces.boxes import FACE_HEIGHT_M
from gaze.setup.checks.registry import Finding, Subject, register
from sessions.folder import Session

FACE_FRAMES = 3
# Height of a face's box in pixels: small = errors grow, tiny = left, right or away only.
SMALL_FACE_PX, TINY_FACE_PX = 24.0, 18.0


@register("faces")
def faces(subject: Subject) -> list[Finding]:
    """How high faces are in the pictures, by row or distance where that can be known."""
    session, detector = subject.session, subject.detector
    samples = {name: subject.pictures(name) for name in subject.videos}
    if detector is None or not any(samples.values()):
        return []
    try:
        from gaze.faces.detectors import load_detector
        from gaze.faces.finder import FaceFinder

        finder = FaceFinder(load_detector(detector) if isinstance(detector, str) else detector)
    except (ImportError, UserError, OSError) as error:
        return [Finding("warning", f"Faces were not looked for: {error}", "")]
    boxes: dict[str, Array] = {}
    for name, frames in samples.items():
        chosen = frames[:: max(1, len(frames) // FACE_FRAMES)][:FACE_FRAMES]
        found = [finder.scan(image).box_px for image in chosen]
        boxes[name] = np.concatenate(found) if found else np.zeros((0, 4))
    findings: list[Finding] = []
    for name, box in boxes.items():
        if len(box) == 0:
            findings.append(
                Finding(
                    "error",
                    f"No face was found in {FACE_FRAMES} frames of the {name} video",
                    name,
                    "Do the cameras look at the class? Is it lit? Are faces at least 14 px high?",
                )
            )
    return findings + face_sizes(session, boxes)


def face_sizes(session: Session, boxes: dict[str, Array]) -> list[Finding]:
    """How high the faces of some pictures are: by row, by distance, or all together.

    boxes : (N, 4) left, top, right, bottom of each camera's faces, px.
    """
    return [_face_size(label, heights) for label, heights in _by_distance(session, boxes).items()]


def _face_size(label: str, heights_px: Array) -> Finding:
    """One group of faces, in words."""
    median = float(np.median(heights_px))
    what = f"{label}: faces are {median:.0f} px high (median)"
    if median < TINY_FACE_PX:
        return Finding(
            "warning",
            f"{what}: read these as left, right or away only",
            "",
            "Use 4K, a narrower lens, or bring the cameras nearer.",
        )
    if median < SMALL_FACE_PX:
        action = "Use 4K, a narrower lens, or bring the cameras nearer."
        return Finding("warning", f"{what}: errors will be large", "", action)
    return Finding("ok", what)


def _by_distance(session: Session, boxes: dict[str, Array]) -> dict[str, Array]:
    """Face heights (px) by row of seats, by distance from the blackboard, or all together.

    With a rig a face's place follows roughly (± 25 %) from its size and line of sight; rows are
    those of the seats in session.toml.
    """
    heights = {n: b[:, 3] - b[:, 1] for n, b in boxes.items() if len(b)}
    if not heights:
        return {}
    try:
        rig = Rig.load(session.rig_path)
        distance = np.concatenate([places_W(rig, n, boxes[n])[:, 2] for n in heights])
    except UserError:  # no rig yet, or one without a world
        return {"All rows": np.concatenate(list(heights.values()))}
    height = np.concatenate(list(heights.values()))
    seats = sorted(s.seat_m[1] for s in session.config.students if s.seat_m is not None)
    if seats:
        rows = np.split(seats, np.flatnonzero(np.diff(seats) > 0.5) + 1)
        centres = np.array([np.mean(r) for r in rows])
        nearest = np.abs(distance[:, None] - centres).argmin(1)
        groups = {f"Row {i + 1} ({c:.1f} m)": nearest == i for i, c in enumerate(centres)}
    else:
        edges = [-np.inf, 3.0, 4.5, 6.0, np.inf]
        names = ["Under 3 m", "3 to 4.5 m", "4.5 to 6 m", "Over 6 m"]
        groups = {
            f"{n} from the blackboard": (distance >= lo) & (distance < hi)
            for n, lo, hi in zip(names, edges, edges[1:], strict=False)
        }
    return {name: height[inside] for name, inside in groups.items() if inside.any()}


def places_W(rig: Rig, name: str, box_px: Array) -> Array:
    """(N, 3) rough places of faces in W, their distance from the height of their boxes."""
    camera = rig.camera(name)
    centre = (box_px[:, :2] + box_px[:, 2:]) / 2
    depth_m = camera.f_px * FACE_HEIGHT_M / (box_px[:, 3] - box_px[:, 1])
    xy = camera.undistort(centre)
    P_C = np.concatenate([xy, np.ones((len(xy), 1))], 1) * depth_m[:, None]
    return np.asarray(rig.T_WC(name).apply(P_C))
