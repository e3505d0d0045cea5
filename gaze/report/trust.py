"""What lowers trust in a lesson, in order of what it costs, and how large an error is here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from calibration.camera import CAMERAS
from gaze.lesson.caveats import CLOCK_UNSURE, MANY_LOST
from gaze.report.page import Page
from sessions.errors import SessionError
from sessions.quality import Caveat
from sessions.targets import read_targets

ANY = float("inf")  # may be wrong by any amount
#: What each kind of caveat costs a gaze point where the caveat itself gives no number; None where
#: it is not known. Every kind stands here and has words in each language (a test walks them).
COST_CM: dict[str, float | None] = {
    **dict.fromkeys(
        ("rig_forced", "noses_miss", "seats_shifted", "camera_knocked", "heads_disagree",
         "clock_assumed", "class_does_not_fit", "clock_other_speed"), ANY,
    ),
    **dict.fromkeys(
        ("rig_remark", "room_unchecked", "camera_changed", "camera_unchecked", "row_small_faces",
         "dark_pictures", "faces_covered",
         "recording", "no_report", "targets_unknown_students", "clock_unmeasured",
         "clock_roughly_measured",
         "clock_contradicted", "clock_senses_disagree", "clock_jumps", "times_missing",
         "times_not_monotonic", "durations_differ", "agreement_used", "agreement_left",
         "agreement_unproven"),
    ),
    **dict.fromkeys(
        ("frames_undecoded", "frames_missing", "frames_dropped", "rate_varies", "rates_differ",
         "duration_mismatch", "row_coverage", "few_usable", "no_faces",
         "teacher_seen", "others_left_out", "seats_unseen"), 0.0,
    ),
}  # fmt: skip
#: A head turns about 69 % of the way (Stiefelhagen & Zhu 2002): 31 cm for a target a metre aside.
EYES_CM = 31.0


@dataclass(frozen=True)
class Doubt:
    """Something that lowers trust. cost_cm : what it may shift a point by; ANY = by any amount,
    0 = it leaves points out and shifts none, None = it cannot be said."""

    text: Markup
    cost: Markup
    cost_cm: float | None


def doubts(page: Page) -> list[Doubt]:
    """All of them: many lost pictures, then the costliest first; unknown costs stand before what
    shifts nothing."""
    found = {d.text: d for d in _doubts(page)}.values()
    many = {_said(page, c) for c in page.lesson.quality.warnings if _many_lost(c)}
    return sorted(
        found, key=lambda d: (d.text not in many, -(0.5 if d.cost_cm is None else d.cost_cm))
    )


def _many_lost(caveat: Caveat) -> bool:
    lost, asked = caveat.facts.get("undecoded", 0), caveat.facts.get("asked", 0)
    return bool(lost > MANY_LOST * asked)


def _doubts(page: Page) -> Iterator[Doubt]:
    unknown = [] if page.class_only else unknown_in_targets(page)
    for caveat in page.lesson.quality.warnings:
        if page.class_only and "student" in caveat.facts:
            continue
        if caveat.code == "targets_unknown_students" and unknown:
            continue  # said below, with their names
        cost = COST_CM.get(caveat.code) if caveat.cost_cm is None else caveat.cost_cm
        by = "cost_turning" if caveat.code in CLOCK_UNSURE else "cost_cm"
        yield _doubt(page, _said(page, caveat), cost, by)
    if page.empty:
        return
    yield from _of_correction(page)
    yield from _of_validation(page)
    if unknown:
        yield _doubt(page, page.w("trust_targets", list=", ".join(unknown)), None)
    for key, values in _problems(page):
        said = {k: page.area(v) if k in ("area", "a", "b") else _whole(page, v)
                for k, v in values.items()}  # fmt: skip
        yield _doubt(page, page.w(key, **said), 0.0 if key in LEAVES_OUT else None)


def _doubt(page: Page, text: Markup, cost_cm: float | None, by: str = "cost_cm") -> Doubt:
    """``by`` : the words of a cost in cm."""
    if cost_cm is None:
        cost = page.w("cost_unknown")
    elif cost_cm == ANY:
        cost = page.w("cost_any")
    elif cost_cm == 0:
        cost = page.w("cost_missing")
    else:
        cost = page.w(by, cm=page.num(cost_cm))
    return Doubt(text, cost, cost_cm)


def _said(page: Page, caveat: Caveat) -> Markup:
    """A caveat in the report's language; where its words ask for ``said``, with the English
    sentence in brackets. A kind of a newer version, or an older one's with other facts: that
    sentence alone."""
    key, english = f"caveat_{caveat.code}", Markup('<span lang="en">{}</span>')
    if key not in page.words.table:
        return english.format(caveat.message)
    inside = re.sub("^The ", "the ", caveat.message.rstrip("."))
    facts: dict[str, Any] = {"said": english.format(inside)}
    for name, value in caveat.facts.items():
        is_share = name in ("coverage", "share", "usable")
        facts[name] = page.pct(value) if is_share else _number(page, value)
    if "undecoded" in facts:
        share = caveat.facts["undecoded"] / max(caveat.facts["asked"], 1)
        facts["share"] = page.pct(share, 1)
    if "time_s" in caveat.facts:
        facts["time"] = page.clock(float(caveat.facts["time_s"]))
    if caveat.facts.get("camera") in CAMERAS:
        facts["camera"] = page.w(f"side_{caveat.facts['camera']}")
    try:
        return page.w(key, **facts)
    except KeyError:
        return english.format(caveat.message)


def _whole(page: Page, value: Any) -> Any:
    return page.num(value) if isinstance(value, float) else value


def _number(page: Page, value: Any) -> Any:
    return page.num(value, 1) if isinstance(value, float) else value


def _of_correction(page: Page) -> Iterator[Doubt]:
    """No correction from head to gaze: never silent."""
    if correction(page) is None:
        yield Doubt(page.w("head_gain_none"), page.w("cost_eyes", cm=page.num(EYES_CM)), EYES_CM)


def correction(page: Page) -> str | None:
    """The head-to-gaze correction that was applied, in words; None = none."""
    gain = page.lesson.info.gain
    return None if gain is None else gain.description


def _of_validation(page: Page) -> Iterator[Doubt]:
    validation = page.lesson.validation
    if validation is None:
        yield _doubt(page, page.w("trust_unchecked"), None)
    else:
        bias = validation.overall.gaze_bias_cm
        size = float(np.hypot(*bias))
        text = page.w(
            "validation_bias", x=page.num(abs(bias[0])), y=page.num(abs(bias[1])),
            x_side=page.w("side_left" if bias[0] > 0 else "side_right"),
            y_side=page.w("side_low" if bias[1] > 0 else "side_high"),
        )  # fmt: skip
        if size >= 1:
            yield _doubt(page, text, size)


def unknown_in_targets(page: Page) -> list[str]:
    """Students whom targets.csv names and the lesson does not know: `gaze validate` has none of
    their looks."""
    path = page.lesson.run.lesson_folder / "targets.csv"
    if not path.is_file():
        return []
    try:
        named = set(read_targets(path)["student"])
    except SessionError:  # `gaze check` and `gaze validate` say what is wrong with it
        return []
    known = {*page.lesson.students, *page.lesson.never_seen, *page.lesson.seats}
    return sorted(named - known - {""})


LEAVES_OUT = {"problem_nan", "problem_double", "problem_unassigned", "problem_never",
              "problem_masked", "problem_excluded"}  # fmt: skip


def _problems(page: Page) -> list[tuple[str, dict[str, Any]]]:
    """What was found wrong in the tables and areas."""
    found = [*page.lesson.problems, *page.measures.problems]
    if page.lesson.excluded:
        left_out = [m for m in page.marks if m.kind == "excluded"]
        length_s = sum(b - a for a, b in page.lesson.excluded)
        said = ", ".join(f"{m.label} {page.clock(m.time_s)}–{page.clock(m.end_s or 0)}"
                         for m in left_out)  # fmt: skip
        found.append(("problem_excluded", {
            "minutes": page.num(length_s / 60, 1), "list": said,
        }))  # fmt: skip
    if len(page.lesson.students) == 1:
        found.append(("problem_one_student", {}))
    m = page.measures.moments
    if not np.isfinite(m.xy_m).any():
        found.append(("problem_all_away", {}))
    if page.lesson.never_seen:
        found.append(("problem_never", {"n": page.count(len(page.lesson.never_seen))}))
    if page.lesson.masked:
        found.append(("problem_masked", {"n": page.count(page.lesson.masked)}))
    return found


def validated_cm(page: Page) -> float | None:
    """The median error of a gaze point that `gaze validate` found in this room."""
    found = page.lesson.validation
    return found.overall.gaze_cm.median if found else None


def typical_cm(page: Page) -> float:
    """The typical error of a gaze point, the one number the report uses: half of the points are
    nearer to the true place. Checked in the room where it was, else predicted; NaN unknown."""
    checked = validated_cm(page)
    if checked is not None:
        return checked
    error = page.seats["error_m"].to_numpy(np.float64)
    return 100 * float(np.nanmedian(error)) if np.isfinite(error).any() else float("nan")
