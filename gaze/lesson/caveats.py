"""What lowers trust in a run, in words: one :class:`Caveat` for each finding."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pandas as pd

from calibration.camera import CAMERAS
from gaze.people.seats import shift_of_seats
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.quality import (
    COVERED_SHARE,
    Agreement,
    Caveat,
    FrameCounts,
    IdentityCounts,
    Quality,
    RowQuality,
)
from sessions.targets import read_targets

SMALL_FACE_PX = 20.0
#: Mean grey level under which a picture is dark: a rendered lesson at 26 costs a third more.
DARK_GREY = 45.0
LOW_COVERAGE = 0.8
#: Share of the moments with something that can be used under which a lesson is not done.
LEAST_USABLE = 0.5
#: σ by which the two cameras' noses may miss each other; a nose is found to this share of its face.
NOSES_MISS, NOSE_SHARE = 3.0, 0.022
#: Of the students, seen by one camera alone; and the median cost of pairs: beyond, a class does not
#: fit its rig (gaze/people/matching.py).
ONE_CAMERA_SHARE, BADLY = 0.5, 6.0
#: Share of a camera's pictures that could not be decoded above which that is said first.
MANY_LOST = 0.02
#: Of the clock's findings those that say how far it is known.
CLOCK_UNSURE = (
    "clock_unmeasured", "clock_roughly_measured", "clock_contradicted", "clock_senses_disagree",
)  # fmt: skip
#: What single pictures may be that do not show the room.
SINGLE = (
    "black, one colour, another picture, half of one, a shaken one, somebody close before the lens"
)
HEADS_DISAGREE_CHI2 = 9.0  # three times what is expected


def caveats(q: Quality) -> Iterator[Caveat]:
    """What lowers trust in a run, each with its sentence and, where known, its cost.

    Lost pictures come first where they are many, else last; then a class that does not fit its
    rig, which much else may come from.
    """
    lost = list(_frame_caveats(q.frames))
    cameras = (q.frames.left, q.frames.right)
    many = any(c.asked + c.single - c.decoded > MANY_LOST * c.asked for c in cameras)
    if many:
        yield from lost
    yield from _fit_caveats(q)
    if not q.seats:
        yield Caveat(
            code="no_faces",
            message="No face was found in either video: is the class in the picture, and the "
            "light on?",
        )
    yield from _of_others(q.identity)
    if q.rig.forced and q.rig.verdict.get("status") == "FAIL":
        yield Caveat(
            code="rig_forced",
            message="The rig's verdict is FAIL, and it was used all the same (--force): places "
            "and gaze points may be wrong by any amount.",
        )
    yield from _rig_caveats(q)
    for row in q.rows:
        yield from _row_caveats(row)
    yield from _covered_caveats(q)
    yield from _camera_caveats(q)
    median = q.epipolar_px.median
    if median is not None and median > NOSES_MISS * _nose_sigma_px(q):
        yield Caveat(
            code="noses_miss",
            message=f"The two cameras' noses miss each other by {median:.1f} px: the rig or the "
            "clock may be wrong. Calibrate again, and check the offset.",
            facts={"px": median},
        )
    if q.clock.source == "assumed":
        yield Caveat(
            code="clock_assumed",
            message="The clocks of the two videos were assumed to agree; nothing confirmed it.",
        )
    for cause in q.clock.causes:
        cost_cm = _clock_cost_cm(q) if cause.code in CLOCK_UNSURE else None
        yield Caveat(code=cause.code, message=cause.message, cost_cm=cost_cm)
    for event in q.drift.events if q.drift else ():
        yield Caveat(
            code="camera_knocked",
            message=f"At {event.time_s:.0f} s a camera seems to have been knocked (by about "
            f"{event.size:.1f} px): calibrate again.",
            facts={"time_s": event.time_s, "px": event.size},
        )
    chi2 = q.head_fusion.chi2_mean
    if chi2 is not None and q.head_fusion.n > 50 and chi2 > HEADS_DISAGREE_CHI2:
        yield Caveat(
            code="heads_disagree",
            message="The two cameras disagree about head directions more than their uncertainties "
            "allow.",
            facts={"chi2": chi2},
        )
    if q.agreement is not None and q.agreement.fitted:
        yield _of_agreement(q.agreement, [r.distance_m for r in q.rows])
    if not many:
        yield from lost


def _clock_cost_cm(q: Quality) -> float | None:
    """How far a point moves while the clock is unsure, where heads turn fast; a centimetre at
    least."""
    if q.moves_m_s is None or q.clock.sigma_offset_s is None or q.clock.source == "assumed":
        return None
    return max(1.0, 100 * q.moves_m_s * q.clock.sigma_offset_s)


def _of_others(of: IdentityCounts) -> Iterator[Caveat]:
    """Who was seen and is no student."""
    if of.teacher_share:
        yield Caveat(
            code="teacher_seen",
            message=f"The teacher was seen on foot in {100 * of.teacher_share:.0f} % of the time, "
            "is no student and in no number of the class.",
            facts={"share": of.teacher_share},
        )
    if of.passers or of.portraits:
        yield Caveat(
            code="others_left_out",
            message=f"Passers-by (pieces of their way): {of.passers}; faces on pictures: "
            f"{of.portraits}. They are no students and in no number of the class.",
            facts={"passers": of.passers, "portraits": of.portraits},
        )


def _of_agreement(found: Agreement, distances_m: list[float]) -> Caveat:
    """What was made of the students' constant errors."""
    used = [s for s in found.students if s.used]
    facts = {"used": len(used), "students": len(found.students)}
    if not used:
        return Caveat(
            code="agreement_unproven",
            message="The class's agreement proves no student's constant error beyond chance.",
            facts=facts,
        )
    deg = float(np.median([np.hypot(*s.error_deg) for s in used]))
    said = (
        f"a constant error of {len(used)} of {len(found.students)} students, typically {deg:.1f}°"
    )
    if found.applied:
        return Caveat(
            code="agreement_used",
            message=f"The class's agreement proves {said}: it was taken off. An error that all "
            "heads share is still in the points, and shares of time come out more alike than "
            "they are.",
            facts={**facts, "deg": deg},
        )
    return Caveat(
        code="agreement_left",
        message=f"The class's agreement proves {said}: it is in their points. `gaze analyze "
        "--agreement` takes it off.",
        facts={**facts, "deg": deg},
        cost_cm=100 * np.radians(deg) * float(np.median(distances_m)) if distances_m else None,
    )


def _rig_caveats(q: Quality) -> Iterator[Caveat]:
    """What the calibration itself says against the rig."""
    for cause in q.rig.verdict.get("causes", ()):
        if cause["severity"] != "PASS":
            yield Caveat(
                code="room_unchecked" if cause["code"] == "room_unchecked" else "rig_remark",
                message=f"{cause['message'][0].upper()}{cause['message'][1:]}.",
                facts={"cause": cause["code"]},
                cost_cm=cause.get("cost_cm"),
            )


def _frame_caveats(frames: FrameCounts) -> Iterator[Caveat]:
    for name, of in ((n, getattr(frames, n)) for n in CAMERAS):
        undecoded = of.asked - of.decoded
        if undecoded > 0:
            yield Caveat(
                code="frames_undecoded",
                message=f"{undecoded} of {of.asked} pictures of the {name} video "
                f"({100 * undecoded / of.asked:.1f} %) could not be decoded ({of.corrupt} damaged, "
                f"{of.missing} missing): there only the other camera sees.",
                facts={"camera": name, "undecoded": undecoded, "asked": of.asked},
            )
        if of.single:
            pictures = "picture shows" if of.single == 1 else "pictures show"
            yield Caveat(
                code="recording",
                message=f"{of.single} {pictures} something else than the {name} camera's room "
                f"({SINGLE}), the first at {of.single_from_s or 0.0:.1f} s: left out.",
                facts={"undecoded": of.single, "asked": of.asked + of.aside},
                cost_cm=0.0,
            )
        if of.none > 0.02 * frames.moments:
            yield Caveat(
                code="frames_missing",
                message=f"{of.none} of {frames.moments} moments have no frame of the {name} camera "
                "near enough.",
                facts={"camera": name, "missing": of.none, "moments": frames.moments},
            )
    for remark in frames.remarks:
        yield Caveat(code="recording", message=remark)


def _nose_sigma_px(q: Quality) -> float:
    """What the noses of this class can be expected to miss each other by."""
    faces = [r.face_px for r in q.rows if r.face_px is not None]
    nose = NOSE_SHARE * float(np.median(faces)) if faces else 1.0
    return float(np.hypot(nose, q.rig.rms_px or 0.3))


def _fit_caveats(q: Quality) -> Iterator[Caveat]:
    """A class that does not fit its rig."""
    of = q.identity
    costs = [c for c in of.pair_cost.values() if c is not None]
    lonely = of.students >= 3 and of.one_camera_only > ONE_CAMERA_SHARE * of.students
    badly = sum(c > BADLY for c in costs)
    if lonely or (len(costs) >= 3 and float(np.median(costs)) > BADLY):
        facts = {"students": of.students, "one_camera_only": of.one_camera_only, "badly": badly}
        yield Caveat(
            code="class_does_not_fit",
            message="The class does not fit the rig: of {students} students {one_camera_only} are "
            "seen by one camera alone, and {badly} where the two cameras do not meet. Is it "
            "another room's rig, a camera that moved, a wrong clock or a turned video? Do not use "
            "these gaze points.".format(**facts),
            facts=facts,
        )


def _camera_caveats(q: Quality) -> Iterator[Caveat]:
    """Cameras that changed since their calibration, and moments that are seen but of no use."""
    if q.rig.verdict and not q.rig.cameras:
        yield Caveat(
            code="camera_unchecked",
            message="Whether the cameras still stand and see as they did when they were calibrated "
            "was not checked: their pictures of the auxiliary board are not in this folder.",
        )
    for camera in q.rig.cameras:
        if camera.get("said"):
            said = f"{camera['sentence'][0].upper()}{camera['sentence'][1:]}"
            mended = ": taken into account, with its σ" if camera.get("corrected") else ""
            yield Caveat(
                code="camera_changed",
                message=f"{said}{mended}.",
                facts={k: camera[k] for k in ("camera", "change", "turned_deg", "zoom", "matches")},
            )
        yield from _amid_caveats(q, camera)
        if camera.get("grey", 255.0) < DARK_GREY:
            yield Caveat(
                code="dark_pictures",
                message=f"The {camera['camera']} video is dark (mean grey level "
                f"{camera['grey']:.0f} of 255): heads are read less well from it.",
                facts={k: camera[k] for k in ("camera", "grey")},
            )
    if q.usable is not None and q.usable < LEAST_USABLE <= (q.coverage or 0.0):
        yield Caveat(
            code="few_usable",
            message=f"Only {100 * q.usable:.0f} % of the moments have a point that can be used: "
            "the others are seen, but too uncertain or contradictory.",
            facts={"usable": q.usable},
        )


def _amid_caveats(q: Quality, camera: dict[str, Any]) -> Iterator[Caveat]:
    """What became of a camera during the lesson."""
    of = getattr(q.frames, camera["camera"])
    lost = {"undecoded": of.aside, "asked": of.asked + of.aside}
    for found in camera.get("amid", ()):
        yield Caveat(code=found["code"], message=f"{found['said']}.", facts=lost, cost_cm=0.0)
    if camera.get("wobble"):
        off = np.radians(camera["wobbled_deg"]) + camera["wobbled"]
        distance_m = float(np.median([r.distance_m for r in q.rows])) if q.rows else np.nan
        yield Caveat(
            code="camera_changed",
            message=f"{camera['wobble']}.",
            cost_cm=max(1.0, 100 * off * distance_m) if q.rows else None,
        )


def _row_caveats(row: RowQuality) -> Iterator[Caveat]:
    where = f"Row {row.row} (about {row.distance_m:.1f} m)"
    facts = {"row": row.row, "distance_m": row.distance_m}
    if row.coverage < LOW_COVERAGE:
        yield Caveat(
            code="row_coverage",
            message=f"{where}: faces were measured in {100 * row.coverage:.0f} % of the time.",
            facts={**facts, "coverage": row.coverage},
        )
    if row.face_px is not None and row.face_px < SMALL_FACE_PX:
        cost_cm = None if row.sigma_m is None else 100 * row.sigma_m
        off = "far" if cost_cm is None else f"by {cost_cm:.0f} cm"
        yield Caveat(
            code="row_small_faces",
            message=f"{where}: faces are {row.face_px:.0f} px high; its points may be off {off}. "
            "Read them as left or right only.",
            facts={**facts, "face_px": row.face_px},
            cost_cm=cost_cm,
        )


def with_folder_caveats(q: Quality, session: Session, students: pd.DataFrame) -> Quality:
    """A run's quality with what the lesson's own files say that its students (students.parquet) do
    not bear out. Where a class that does not fit its rig sits says nothing of its seats."""
    fits = not any(w.code == "class_does_not_fit" for w in q.warnings)
    for caveat in (
        targets_caveat(session, set(students["student"].astype(str))),
        seats_caveat(session, students) if fits else None,
    ):
        if caveat is not None:
            q = q.with_first(caveat)
    return q


def seats_caveat(session: Session, students: pd.DataFrame) -> Caveat | None:
    """A class that sits beside its declared seats as a whole: the room's tape or the seats are
    wrong, and names may be the neighbours'."""
    declared = [s.seat_m for s in session.config.students if s.seat_m and not s.opt_out]
    noses = students[["seat_x_m", "seat_z_m"]].to_numpy(np.float64)
    noses = noses[np.isfinite(noses).all(1)]
    found = shift_of_seats(noses, np.array(declared, np.float64).reshape(-1, 2))
    if found is None:
        return None
    (x_m, z_m), sigma, n = found
    cm = 100 * float(np.hypot(x_m, z_m))
    aside = f"{100 * abs(x_m):.0f} cm to the {'left' if x_m > 0 else 'right'}"
    along = f"{100 * abs(z_m):.0f} cm {'farther back' if z_m > 0 else 'nearer the board'}"
    return Caveat(
        code="seats_shifted",
        message=f"The class sits {cm:.0f} cm beside its seats of session.toml ({aside} and "
        f"{along}, ± {100 * float(np.hypot(*sigma)):.0f} cm, {n} students): the tape to the "
        "blackboard or the seats were taken from another corner. Points may be off by as much, "
        "and names may be the neighbours'.",
        facts={"cm": round(cm), "n": n},
        cost_cm=cm,
    )


def unseen_seats_caveat(n: int) -> Caveat:
    """What events.csv says of seats at which nobody was ever seen."""
    return Caveat(
        code="seats_unseen",
        message=f"{n} changes of seat in events.csv lead to a place where nobody was ever seen: "
        "from then on such a student has no data.",
        facts={"n": n},
    )


def _covered_caveats(q: Quality) -> Iterator[Caveat]:
    covered = [s for s in q.seats if (s.covered or 0.0) >= COVERED_SHARE]
    if not covered:
        return
    share = float(np.median([s.covered or 0.0 for s in covered]))
    sigmas = [s.covered_sigma_m for s in covered if s.covered_sigma_m is not None]
    cost_cm = 100 * float(np.median(sigmas)) if sigmas else None
    off = "far" if cost_cm is None else f"by {cost_cm:.0f} cm"
    yield Caveat(
        code="faces_covered",
        message=f"A part of the face of {len(covered)} of {len(q.seats)} students is covered "
        "(mask, hand, book, hair, somebody in front), typically in "
        f"{100 * share:.0f} % of the time: their points may be off {off}.",
        facts={"n": len(covered), "students": len(q.seats), "share": share},
        cost_cm=cost_cm,
    )


def targets_caveat(session: Session, seen: Collection[str]) -> Caveat | None:
    """What targets.csv says of students who are neither in session.toml nor seen: it counts for
    nobody. Names are left out, so that nobody need be forgotten here."""
    try:
        targets = read_targets(session.targets_path)
    except SessionError:  # `gaze check` and `gaze validate` say why
        return None
    known = {s.id for s in session.config.students} | set(seen)
    lines = int((~targets["student"].isin(known | {""})).sum())
    if not lines:
        return None
    return Caveat(
        code="targets_unknown_students",
        message=f"{lines} of {len(targets)} lines of targets.csv name a student whom this lesson "
        "does not know: they count for nobody. `gaze check` lists them.",
        facts={"lines": lines, "of": len(targets)},
    )
