"""A methods paragraph with this run's own versions and numbers, ready to paste."""

from __future__ import annotations

from pathlib import Path

from gaze import __version__
from gaze.lesson.room_sigma import sigma_in
from gaze.measures.measures import MIN_COVERAGE, measures
from gaze.report.findings import MEDIAN_OF_SIGMA
from gaze.report.lesson import Lesson, load_lesson
from sessions.tables import gaze_sigma_m

CITATIONS = """\
Xu et al. (2026). Soft-label guided stacked dual attention network for head pose estimation and its
  application to classroom gaze analysis. Scientific Reports 16, 405.
Zhao et al. (2024). DADL: Double Asymmetric Distribution Learning for head pose estimation. Journal
  of King Saud University - Computer and Information Sciences 36, 101869.
ISO 15007:2020. Road vehicles: measurement and analysis of driver visual behaviour.
Manski, C. F. (1989). Anatomy of the selection problem. Journal of Human Resources 24, 343-360.
Stiefelhagen, R. & Zhu, J. (2002). Head orientation and gaze direction in meetings. CHI Extended
  Abstracts, 858-859."""


def methods(run_folder: str | Path) -> str:
    """The paragraph, a blank line, and the works that it cites. Names nobody.

    Raises
    ------
    UserError : as :func:`gaze.report.lesson.load_lesson`.
    """
    lesson = load_lesson(run_folder)
    m = measures(lesson.gaze, lesson.board.areas, lesson.board, students=lesson.students,
                 surrogates=0)  # fmt: skip
    board = m.areas.set_index("area").loc["board"]
    info = lesson.info
    n, seconds = len(lesson.students), m.end_s - m.start_s
    sentences = [
        _simulated(lesson),
        f"Head direction was measured from two synchronised cameras beside the blackboard with "
        f"classroom-gaze {info.versions.get('classroom-gaze', __version__)} "
        f"(head-pose weights: {info.weights}).",
        "The same student in both cameras was matched by geometry; the nose tip was triangulated, "
        "the head's direction fused from both views (Xu et al., 2026; Zhao et al., 2024), and met "
        "with the blackboard's plane, each point with the covariance that calibration, position "
        "and head pose leave.",
        f"{n} students were measured every {m.step_s:.2g} s over {seconds / 60:.1f} min; a face "
        f"was measured in {100 * m.coverage:.0f} % of all student-moments, and {len(m.used)} "
        f"students with at least {100 * MIN_COVERAGE:.0f} % enter the class's numbers, each with "
        "equal weight.",
        _left_out(lesson),
        _error(lesson),
        _gain(lesson),
        _cameras(lesson),
        _sigma(lesson),
        "Shares are of measured time and count a point in an area with the probability that its "
        "covariance gives, deconvolved over the class; bands are 95 % of the measurement's error "
        "alone, outer bands assume nothing of missing moments (Manski, 1989).",
        f"A visit is gaze kept within an area for at least {m.min_visit_s:g} s with gaps up to "
        f"{m.bridge_s:g} s bridged (a glance in the sense of ISO 15007).",
        f"The blackboard was faced for {100 * board['share']:.0f} % of the measured time "
        f"({100 * board['low']:.0f}-{100 * board['high']:.0f} %).",
        "Head direction is not gaze: heads turn part of the way only (about 69 % in Stiefelhagen "
        "& Zhu, 2002), and the measures say board-facing, not attention.",
    ]
    return " ".join(s for s in sentences if s) + "\n\n" + CITATIONS


def _simulated(lesson: Lesson) -> str:
    if any(w.code == "truth_only" for w in lesson.quality.warnings):
        return ("NOTHING WAS MEASURED: this run was drawn from a simulated lesson's truth and an "
                "error budget; the rest describes what a measured run would rest on.")  # fmt: skip
    of = [what for what in ("head", "nose") if getattr(lesson.info, what) == "truth"]
    if not of:
        return ""
    return f"NOT A MEASUREMENT: {' and '.join(of)} are a simulated lesson's truth."


def _left_out(lesson: Lesson) -> str:
    if not lesson.excluded:
        return ""
    minutes = sum(b - a for a, b in lesson.excluded) / 60
    return f"{minutes:.1f} min of other activities were excluded beforehand."


def _error(lesson: Lesson) -> str:
    if lesson.validation is not None:
        overall = lesson.validation.overall
        return (f"At {overall.n} marked looks in this room the gaze point was off by "
                f"{overall.gaze_cm.median:.0f} cm in the median.")  # fmt: skip
    sigma_m = gaze_sigma_m(lesson.gaze)
    if not sigma_m.notna().any():
        return ""
    cm = 100 * MEDIAN_OF_SIGMA * float(sigma_m.median())
    return (f"The predicted median error of a gaze point was {cm:.0f} cm; it was not validated at "
            "marked points in this room.")  # fmt: skip


def _cameras(lesson: Lesson) -> str:
    found = lesson.quality.head_fusion
    if found.apart_95 is None or found.independent in (None, 1):
        return ""
    low, high = found.apart_95
    return ("The part of the uncertainty of head directions that the two cameras do not share was "
            f"scaled by {found.independent:.2f} (95 % interval over students {low:.2f} to "
            f"{high:.2f}), as the distance between the two showed it.")  # fmt: skip


def _sigma(lesson: Lesson) -> str:
    found = sigma_in(lesson.info)
    if found is None:
        return ""
    return (f"The uncertainty of head directions was scaled by {found.factor:.2f}, as errors of "
            f"{found.students} students at marked points showed it ({found.source}).")  # fmt: skip


def _gain(lesson: Lesson) -> str:
    if lesson.info.gain is not None:
        return f"A head-to-gaze correction was applied ({lesson.info.gain.description})."
    return "No correction from head to gaze was applied."
