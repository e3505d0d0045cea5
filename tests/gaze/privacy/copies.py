"""A copy at work as a forgetting's rules get it, without the forgetting around them: quick."""

from __future__ import annotations

from pathlib import Path

from gaze.privacy.names import Finder
from gaze.privacy.said import Report
from gaze.privacy.work import Work

WHO = "S-02"


def work_on(folder: Path, who: str = WHO, *, ordinary: bool = False, ours: bool = False) -> Work:
    """ordinary, ours : the name is a number or a word; a word of our code."""
    finder = Finder.of(who, [who, "S-01", "S-03"])
    work = Work(folder, folder.with_name("lesson"), finder, ordinary, "", None, Report(who))
    work.__dict__["word_of_ours"] = ours  # else our whole source is read
    return work
