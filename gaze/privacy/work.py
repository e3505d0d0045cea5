"""The copy of a lesson in which a student is being forgotten, and what was done to its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gaze.privacy.audit import AUDIT_NAME, lines
from gaze.privacy.named import UNREADABLE, unless_of_the_system
from gaze.privacy.names import Finder
from gaze.privacy.owned import kind_of
from gaze.privacy.said import Report
from gaze.privacy.search import mentions
from gaze.privacy.vocabulary import may_be_ours
from sessions.quality import Agreement
from sessions.run import RUNS, sha256


@dataclass
class Work:
    """A copied lesson in which a student is being forgotten.

    folder : the copy. lesson : where it will lie, resolved. finder : finds the student's name.
    ordinary : the name is a number or a word of ours (gaze/privacy/search.py), so that running
    text is left alone. config, masked : the new session.toml, and its seat's new id. done : files
    that are taken care of.
    """

    folder: Path
    lesson: Path
    finder: Finder
    ordinary: bool
    config: str
    masked: str | None
    said: Report
    done: set[Path] = field(default_factory=set)
    agreed: dict[Path, Agreement] = field(default_factory=dict)  # of runs, without the student

    def name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    @cached_property
    def word_of_ours(self) -> bool:
        return may_be_ours(self.finder)

    def is_ours(self, path: Path) -> bool:
        """Whether what a file says is ours: written by our code, and no words of the user's."""
        kind = kind_of(self.name(path))
        theirs = kind is not None and kind.rule in ("config", "lines")
        return not theirs and (kind is not None or path in self.done)

    def named(self, path: Path) -> bool:
        """Whether a file mentions the student, as far as running text can tell. A word of our code,
        or a number, says nothing in a file that we make, nor do a drawn clip's bytes."""
        if self.ordinary:
            return False
        if path == self.folder / AUDIT_NAME:  # a user of this computer may be called so, too
            places = (str(e.get(key)) for e in lines(self.folder) for key in ("run", "out"))
            return any(self.finder.within(place) for place in places)
        if self.is_ours(path):
            return not self.word_of_ours and mentions(self.finder, path, by_chance=False)
        return mentions(self.finder, path)

    def delete(self, path: Path) -> None:
        if path.is_symlink() or path.is_file():
            path.unlink()
            self.said.deleted.append(self.name(path))
            for folder in path.parents:  # that it leaves empty
                if folder == self.folder or any(folder.iterdir()):
                    break
                folder.rmdir()

    def changed(self, path: Path, how: str) -> None:
        self.said.changed.append(f"{self.name(path)}: {how}")
        self.done.add(path)

    def lost(self, path: Path, error: object) -> None:
        self.said.lost.append(f"{self.name(path)}: {self._why(error)}")

    def unread(self, path: Path, error: object) -> None:
        self.said.remains.append(
            f"{self.name(path)}: it cannot be read, so it stays as it is ({self._why(error)}); "
            "look at it"
        )

    def _why(self, error: object) -> str:
        return str(error).replace(str(self.folder), str(self.lesson))  # not the copy at work

    def others(self, names: Iterable[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """(N,) which of N names are not the student's."""
        return np.array([not self.finder.is_it(n) for n in names], bool)


def apply_rule(work: Work, path: Path, rule: Callable[[Work, Path], str | None]) -> None:
    """Do with a file what its rule says. One that cannot be read is named; one of a run's goes."""
    if path.is_symlink() or not path.is_file():
        return
    before = sha256(path)
    try:
        how = rule(work, path)
    except UNREADABLE as error:
        unless_of_the_system(error)
        if path.is_relative_to(work.folder / RUNS):
            work.delete(path)
            work.lost(path, error)
        else:
            work.unread(path, error)
        return
    work.done.add(path)
    if how and path.is_file() and sha256(path) != before:
        work.changed(path, how)


def nobodys(faces: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    student = faces["student"].astype(object)
    return np.asarray(student.isna() | (student == ""), bool)
