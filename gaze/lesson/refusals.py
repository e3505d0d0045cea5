"""What an analysis refuses, and says so before (or soon after) the long work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.errors import RigError
from calibration.rig import Rig
from gaze.lesson.settings import AnalyzeSettings
from gaze.people.costs import uses_embeddings
from gaze.people.evidence import Sightings
from gaze.people.identify import identify, possible_pairs
from gaze.people.seats import Students
from sessions.config import CONFIG_NAME, LEAST_SEATS_APART_M
from sessions.errors import SessionError
from sessions.events.marks import moves, read_marks
from sessions.events.moves import read_track, unknown
from sessions.folder import Session
from sessions.video import VideoInfo

#: Relative difference of width and height up to which two pictures have the same shape.
SAME_SHAPE = 0.004
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


def shared_seats(session: Session) -> None:
    """Refuse a plan in which two students sit in one place: whose face is it?

    Raises
    ------
    SessionError : the first such pair.
    """
    for a, b in session.config.same_seats():
        raise SessionError(
            f"{a!r} and {b!r} have the same seat",
            where=session.folder / CONFIG_NAME,
            expected=f"seats at least {100 * LEAST_SEATS_APART_M:.0f} cm apart",
            remedy="Measure both again, or leave seat_m out.",
        )


def unknown_moves(session: Session) -> None:
    """Refuse an events.csv or a surface_track.csv that cannot be read, or that moves what the
    lesson does not have.

    Raises
    ------
    SessionError : a line that cannot be read; a surface or a student that session.toml does not
        know; a surface that both files move.
    """
    marks = read_marks(session.events_path) if session.events_path.exists() else ()
    slid = moves(marks, "slid")
    track = read_track(session.surface_track_path) if session.surface_track_path.exists() else ()
    if both := sorted({m.name for m in slid} & {m.name for m in track}):
        raise SessionError(
            "events.csv and surface_track.csv both slide a surface",
            where=session.surface_track_path,
            found=", ".join(both[:5]),
            remedy="Take its lines out of one of the two.",
        )
    ids = [s.id for s in session.config.students]
    if strangers := unknown(moves(marks, "seat"), ids):
        raise SessionError(
            "events.csv seats a student whom session.toml does not have",
            where=session.events_path,
            found=", ".join(strangers[:5]),
            expected="ids of [[students]]",
            remedy="List the class in session.toml, each with the seat of the beginning.",
        )
    out = [s.id for s in session.config.students if s.opt_out]
    if moved := sorted({m.name for m in moves(marks, "seat")} & set(out)):
        raise SessionError(
            "events.csv seats a student who opted out, and only the first seat would be masked",
            where=session.events_path,
            found=", ".join(moved[:5]),
            remedy="Give the new seat an entry of its own in [[students]], with opt_out = true, "
            "and take the line out of events.csv: both seats are then masked all the time.",
        )
    names = [s.name for s in session.config.surfaces]
    for path, slides in ((session.events_path, slid), (session.surface_track_path, track)):
        if strangers := unknown(slides, names):
            raise SessionError(
                f"{path.name} slides a surface that session.toml does not have",
                where=path,
                found=", ".join(strangers[:5]),
                expected=", ".join(names) or "[[surfaces]] in session.toml",
                remedy="Names are those of [[surfaces]]; a [blackboard] that slides is given "
                "there, too.",
            )


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
        more = f"; and {len(worst) - 1} more, in calibration.html" if len(worst) > 1 else ""
        raise RigError(
            "the rig's verdict is FAIL, so its gaze points would be wrong",
            where=session.rig_path,
            found=worst[0] + more,
            remedy="Mend what it says and calibrate again, or insist with --force.",
        )
    return rig


def one_recording(left: VideoInfo, right: VideoInfo) -> None:
    """Refuse one film given as both cameras', by whatever names.

    Raises
    ------
    SessionError : their first megabytes and their lengths are the same.
    """
    a, b = left.files[0].path, right.files[0].path
    if left.n_bytes != right.n_bytes:
        return
    if not a.samefile(b):
        with a.open("rb") as one, b.open("rb") as other:
            if one.read(1 << 20) != other.read(1 << 20):
                return
    raise SessionError(
        "both cameras' videos are one and the same recording",
        where=right.path,
        found=f"{a.name} and {b.name}",
        expected="a video from each camera",
        remedy="Copy the other camera's video, or correct cameras.right.video in session.toml.",
    )


def same_shape(a_px: tuple[int, int], b_px: tuple[int, int]) -> bool:
    """Whether two pictures' (width, height) have the same ratio."""
    return abs(a_px[0] * b_px[1] / (a_px[1] * b_px[0]) - 1) <= SAME_SHAPE


def fitted_to(rig: Rig, left: VideoInfo, right: VideoInfo) -> tuple[Rig, list[str]]:
    """The rig for these videos' picture sizes, and a sentence for each camera that was scaled.

    A video of another size but the same shape is taken to show the same field of view.

    Raises
    ------
    RigError : a video of another shape: a part of the calibrated picture, or more than it.
    """
    said = []
    sizes = {}
    for name, info in (("left", left), ("right", right)):
        (w, h), (W, H) = info.size_px, rig.camera(name).size_px
        if not same_shape((w, h), (W, H)):
            turned = same_shape((h, w), (W, H))
            raise RigError(
                f"the {name} video has another shape than its camera's calibration pictures, so "
                + (
                    "one of them stands on its side, or was cut upright"
                    if turned
                    else "it shows another part of them"
                ),
                where=info.path,
                found=f"{w}×{h}",
                expected=f"{W}×{H}, or the same scaled",
                remedy=f"Say how far to turn it: cameras.{name}.rotate in session.toml, and "
                "calibrate again; in the place of a film that was cut give the camera's own file."
                if turned
                else "Film lesson and calibration pictures at the same resolution and zoom.",
            )
        if (w, h) != (W, H):
            said.append(
                f"The {name} video is {w} × {h}, its camera was calibrated at {W} × {H}: taken as "
                "the same picture scaled. If the camera crops one of them, every place is wrong."
            )
        sizes[name] = (w, h)
    return rig.scaled(sizes["left"], sizes["right"]), said


def otherwise_mounted(rig: Rig, session: Session) -> None:
    """Refuse a rig whose pictures were turned otherwise than the lesson's will be.

    Raises
    ------
    RigError : ``rotate`` or ``mirrored`` were changed since `gaze calibrate`.
    """
    for name, was in rig.inputs.mountings.items():
        now = session.mounting(name, calibration=True)
        if now != was:
            raise RigError(
                f"cameras.{name} of session.toml is turned otherwise than when it was calibrated",
                where=session.rig_path,
                found=f"rotate = {now.rotate}, mirrored = {now.mirrored}",
                expected=f"rotate = {was.rotate}, mirrored = {was.mirrored}",
                remedy='Calibrate again; if only the lesson is mirrored, say mirrored = "lesson".',
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
