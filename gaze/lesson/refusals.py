"""What an analysis refuses, and says so before (or soon after) the long work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.camera import Camera
from calibration.errors import RigError
from calibration.rig import Rig
from gaze.lesson.settings import AnalyzeSettings
from gaze.people.costs import uses_embeddings
from gaze.people.evidence import Sightings
from gaze.people.identify import identify, possible_pairs
from gaze.people.seats import Students
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.video import VideoInfo

WELL = 6.0  # median cost of the pairs of tracks below which a class fits its rig


def impossible_options(settings: AnalyzeSettings) -> None:
    """Refuse settings that no lesson could be analysed with.

    Raises
    ------
    SessionError : fps, start or stop. IdentityError : no such matcher.
    """
    if not (np.isfinite(settings.fps) and settings.fps > 0):
        raise SessionError(
            "the moments per second are impossible",
            found=f"{settings.fps:g}",
            expected="more than 0",
        )
    begin, stop_s = settings.start_s or 0.0, settings.stop_s
    if not (np.isfinite(begin) and (stop_s is None or stop_s > begin)):
        raise SessionError(
            "start and stop leave nothing between them",
            found=f"{begin:g} s to {'the end' if stop_s is None else f'{stop_s:g} s'}",
            expected="start before stop, in seconds on the left camera's clock",
        )
    uses_embeddings(settings.identity)


def usable_rig(session: Session, *, force: bool = False) -> Rig:
    """The lesson's rig.

    Raises
    ------
    RigError : none, without a world, or with the verdict FAIL (unless ``force``).
    """
    rig = Rig.load(session.rig_path)
    rig.T_WC("left")  # says what is missing where there is no world
    if rig.verdict.status == "FAIL" and not force:
        worst = [c.message for c in rig.verdict.causes if c.severity == "FAIL"]
        raise RigError(
            "the rig's verdict is FAIL, so its gaze points would be wrong",
            where=session.rig_path,
            found="; ".join(worst)[:300],
            remedy="Mend what it says and calibrate again, or insist with --force.",
        )
    return rig


def other_size_than_calibrated(rig: Rig, left: VideoInfo, right: VideoInfo) -> None:
    """Refuse videos of another size than the pictures that the cameras were calibrated with.

    Raises
    ------
    RigError : the two sizes.
    """
    for name, info in (("left", left), ("right", right)):
        camera: Camera = rig.camera(name)
        if tuple(info.size_px) != camera.size_px:
            raise RigError(
                f"the {name} video has another size than its camera's calibration",
                where=info.path,
                found=f"{info.size_px[0]}×{info.size_px[1]}",
                expected=f"{camera.size_px[0]}×{camera.size_px[1]}",
                remedy="Film lesson and calibration pictures at the same resolution and zoom.",
            )


def swapped_videos(rig: Rig, seen: Sightings, students: Students) -> None:
    """Refuse a lesson whose two videos are each other's.

    Raises
    ------
    SessionError : the class fits badly as the videos are named, and well the other way round.
    """
    possible = possible_pairs(seen)

    def fit(camera: NDArray[np.int8]) -> tuple[int, float]:
        costs = identify(rig, replace(seen, camera=camera, R_WS=None)).pair_cost
        known = costs[np.isfinite(costs)]
        return len(known), float(np.median(known)) if len(known) else np.inf

    known = students.pair_cost[np.isfinite(students.pair_cost)]
    if possible < 3 or (len(known) >= 0.8 * possible and np.median(known) < WELL):
        return
    pairs, cost = fit(seen.camera)
    turned_pairs, turned_cost = fit((1 - seen.camera).astype(np.int8))
    if turned_pairs >= max(pairs, 0.7 * possible) and turned_cost < min(0.5 * cost, WELL):
        raise SessionError(
            "the two videos seem to be swapped",
            found=f"the students fit {cost / max(turned_cost, 0.1):.0f} times better the other way",
            expected="cameras.left: the camera on the left for somebody who faces the blackboard",
            remedy="Exchange cameras.left.video and cameras.right.video in session.toml.",
        )
