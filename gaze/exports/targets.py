"""Boards, screens, desks and people: who pointed at which, with what probability."""

from __future__ import annotations

from pathlib import Path

from gaze.exports.common import ExportError, Source, column, register, write_csv

_TARGET = column("blackboard, a surface of session.toml, desk, neighbour, teacher, or elsewhere")
PROBABILITIES = {
    "time_s": column("moment on the lesson's clock", "s"),
    "student": column("pseudonym"),
    "target": _TARGET,
    "probability": column("that the head points at it; sums to 1 over the targets of a moment"),
}
SHARES = {
    "student": column("pseudonym; empty = the class (students with enough data)"),
    "target": _TARGET,
    "area": column("area of that surface; empty = all of it"),
    "share": column("share of measured time, freed from the blur of the measurement"),
    "low": column("lower end of its 95 % band"),
    "high": column("upper end of its 95 % band"),
}
APART = {
    "row": column("row of seats, 1 = nearest to the blackboard; 0 = not known"),
    "target": _TARGET,
    "other": _TARGET,
    "taken": column("share of looks at target, from that row, that would be taken for other"),
    "told": column("1: the two can be told apart (under a quarter is taken for the other)"),
}


@register("targets", folder=True)
def write_targets(source: Source, out: Path) -> list[Path]:
    """Three tables in a folder: probabilities, shares, and what can be told apart.

    Raises
    ------
    ExportError : the lesson has no targets but the blackboard.
    """
    found = source.lesson.targets()
    if found is None:
        raise ExportError(
            "the lesson has no targets but the blackboard", where=source.lesson.run.lesson_folder,
            remedy="Describe them in session.toml: [[surfaces]] or [targets] (docs/targets.md).",
        )  # fmt: skip
    apart = found.apart.assign(told=found.apart["told"].astype(int))
    return [
        *write_csv(found.table(), out / "target_probabilities.csv", PROBABILITIES),
        *write_csv(found.shares, out / "target_shares.csv", SHARES),
        *write_csv(apart, out / "targets_apart.csv", APART),
    ]
