"""session.toml: what is possible in it, and yet not what a lesson should say."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from calibration.errors import UserError
from gaze.lesson.refusals import shared_seats
from gaze.measures.areas import check_areas
from gaze.setup.checks.registry import Finding, Subject, from_error, register
from sessions.config import CONFIG_NAME, SessionConfig
from sessions.config_values import looks_like_a_name
from sessions.names import DEVICE, look_alikes, spelled

# Not allowed in a name of a file on Windows, where the lesson may be copied to.
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*\x00-\x1f]|[ .](/|$)')


@register("session.toml")
def areas(subject: Subject) -> list[Finding]:
    """Areas that reach over the board's edge or overlap."""
    board = subject.session.config.blackboard
    try:
        _, problems = check_areas(board.areas, board)
    except UserError as error:
        return [from_error(subject.session, error)]
    said = {
        "problem_area_cut": (
            "The area {area!r} reaches over the blackboard's edge and is cut there",
            "Measure from the upper RIGHT corner leftwards and down.",
        ),
        "problem_area_overlap": (
            "The areas {a!r} and {b!r} overlap: their shares do not add up",
            "Draw them apart, or leave one out.",
        ),
    }
    return [
        Finding("warning", said[kind][0].format(**values), CONFIG_NAME, said[kind][1])
        for kind, values in problems
    ]


@register("session.toml")
def students(subject: Subject) -> list[Finding]:
    """Seats that two share, and pseudonyms that look like names."""
    findings = []
    try:
        shared_seats(subject.session)
    except UserError as error:
        findings.append(from_error(subject.session, error))
    names = [s.id for s in subject.session.config.students if looks_like_a_name(s.id)]
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        shown = ", ".join(map(repr, names[:3])) + more
        what = f"{shown} in [[students]] look{'s' if len(names) == 1 else ''} like a real name"
        action = "Use pseudonyms such as A1, and keep the list of names elsewhere, on paper."
        findings.append(Finding("warning", what, CONFIG_NAME, action))
    return findings


@register("session.toml")
def alike(subject: Subject) -> list[Finding]:
    """Pseudonyms that are two, and look like one."""
    return [
        Finding(
            "warning",
            f"{spelled(one)} and {spelled(other)} in [[students]] look the same, and are two "
            "students",
            CONFIG_NAME,
            "Type one of them anew, with other letters or another number.",
        )
        for one, other in look_alikes(s.id for s in subject.session.config.students)
    ]


@register("session.toml")
def days(subject: Subject) -> list[Finding]:
    """A date that is not the wall clock's, and a time of keeping that never begins."""
    config, findings = subject.session.config, []
    if config.starts_at is not None and config.date != config.starts_at.date():
        what = f"date is {config.date}, but starts_at lies on {config.starts_at.date()}"
        action = "Write the lesson's own day in both; exports would carry two different days."
        findings.append(Finding("warning", what, CONFIG_NAME, action))
    if config.retention_days is not None and config.date is None:
        what = "retention_days is given, but no date: the lesson will never be closed"
        action = "Add the lesson's day: date = 2026-03-02."
        findings.append(Finding("warning", what, CONFIG_NAME, action))
    return findings


@register("session.toml")
def file_names(subject: Subject) -> list[Finding]:
    """Files whose names another system does not allow."""
    bad = sorted(set(filter(_illegal_on_windows, _files(subject.session.config))))
    return [
        Finding(
            "warning",
            f"The file name {name!r} is not allowed on Windows: the lesson cannot be copied there",
            CONFIG_NAME,
            "Rename the file, here and on the disk.",
        )
        for name in bad
    ]


def _files(config: SessionConfig) -> Iterator[str]:
    videos = (config.cameras.left.videos, config.cameras.right.videos)
    return itertools.chain(config.pictures(), *videos)


def _illegal_on_windows(name: str) -> bool:
    parts = name.split("/")
    return bool(_NOT_ON_WINDOWS.search(name)) or any(DEVICE.fullmatch(p) for p in parts)
