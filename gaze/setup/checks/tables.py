"""targets.csv and events.csv."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.errors import UserError
from gaze.lesson.refusals import unknown_moves
from gaze.setup.checks.registry import Finding, Severity, Subject, from_error, register
from sessions.events.marks import read_marks
from sessions.targets import read_targets, unknown_students
from sessions.video import VideoInfo


def _lesson_span(videos: dict[str, VideoInfo]) -> tuple[float, float] | None:
    """From when to when the lesson lasts, on the left camera's clock."""
    if "left" not in videos:
        return None
    times = videos["left"].times_s
    return float(times[0]), float(times[-1])


@register("tables")
def targets(subject: Subject) -> list[Finding]:
    """targets.csv: columns, intervals within the lesson, points on the board, known students."""
    session, videos = subject.session, subject.videos
    path = session.targets_path
    if not path.is_file():
        what = "No targets.csv: this lesson cannot be validated (docs/record-a-lesson.md, step 4)"
        return [Finding("ok", what, path.name)]
    try:
        table = read_targets(path)
    except UserError as error:
        return [from_error(session, error)]
    findings: list[Finding] = []

    def lines(bad: NDArray[np.bool_]) -> str:
        numbers = [str(i + 2) for i in np.flatnonzero(bad)]
        more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
        return f"line{'s' if len(numbers) > 1 else ''} {', '.join(numbers[:5])}{more}"

    def add(severity: Severity, bad: NDArray[np.bool_], what: str, action: str) -> None:
        if bad.any():
            findings.append(
                Finding(severity, f"targets.csv, {lines(bad)}: {what}", path.name, action)
            )

    start, end = table["start_s"].to_numpy(float), table["end_s"].to_numpy(float)
    x, y = table["x_m"].to_numpy(float), table["y_m"].to_numpy(float)
    add("error", end <= start, "the interval ends before it starts", "Swap start_s and end_s.")
    span = _lesson_span(videos)
    if span is not None:
        outside = (end < span[0]) | (start > span[1])
        what = f"the interval lies outside the lesson ({span[0]:.1f} to {span[1]:.1f} s)"
        add("error", outside, what, "Times are seconds on the left camera's clock.")
    board = session.config.blackboard
    huge = (np.abs(x) > 20) | (np.abs(y) > 20)
    add("error", huge, "the point is more than 20 m away", "x_m and y_m are in metres.")
    off = ~huge & ((x < 0) | (x > board.width_m) | (y < 0) | (y > board.height_m))
    what = f"the point is not on the blackboard ({board.width_m:g} × {board.height_m:g} m)"
    action = "x_m counts from the upper RIGHT corner leftwards, y_m downwards."
    add("warning", off, what, action)
    known = {s.id for s in session.config.students}
    strangers = unknown_students(table, known) if known else []
    if strangers:
        what = f"targets.csv: no such student in session.toml: {', '.join(strangers[:5])}"
        action = "Use the ids of [[students]], or leave the student empty for everybody."
        findings.append(Finding("warning", what, path.name, action))
    if not findings:
        places = len(np.unique(np.round(np.stack([x, y], 1), 2), axis=0))
        what = f"targets.csv: {len(table)} intervals at {places} marked points"
        findings.append(Finding("ok", what, path.name))
    return findings


@register("tables")
def events(subject: Subject) -> list[Finding]:
    """events.csv, surface_track.csv: readable, within the lesson, and what they move is there."""
    session, videos = subject.session, subject.videos
    path = session.events_path
    try:
        unknown_moves(session)
        marks = read_marks(path) if path.is_file() else ()
    except UserError as error:
        return [from_error(session, error)]
    if not path.is_file():
        return []
    span = _lesson_span(videos)
    outside = [
        m
        for m in marks
        if span is not None and (m.time_s > span[1] or (m.end_s or m.time_s) < span[0])
    ]
    if span is not None and outside:
        what = (
            f"events.csv: {len(outside)} of {len(marks)} marks lie outside the lesson "
            f"({span[0]:.1f} to {span[1]:.1f} s), the first is {outside[0].label!r}"
        )
        action = "Times are seconds on the left camera's clock; such marks are not drawn."
        return [Finding("warning", what, path.name, action)]
    return [Finding("ok", f"events.csv: {len(marks)} marks", path.name)]
