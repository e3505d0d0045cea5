"""The one kind of error that a user can cause and mend."""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """One clear sentence about something the user can mend: what, where, found, expected, remedy.

    Parameters
    ----------
    what : the sentence's head, e.g. ``"the calibration board was not found"``.
    where : the file, key or camera it is about.
    found, expected : what there is and what there should be.
    remedy : what to do.

    Commands print it and end with exit code 2; nothing half-written is left behind.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        where: str | Path | None = None,
        found: object = None,
        expected: object = None,
        remedy: str | None = None,
    ) -> None:
        self.what, self.where, self.found, self.expected, self.remedy = (
            what,
            None if where is None else str(where),
            found,
            expected,
            remedy,
        )
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.found is not None:
            text += f"; found {self.found}"
        if self.expected is not None:
            text += f"{',' if self.found is not None else ';'} expected {self.expected}"
        text = text.rstrip(".") + "."
        return f"{text} {self.remedy}" if self.remedy else text


class CalibrationError(UserError):
    """A calibration that cannot be done, with the reason and what to do."""


class RigError(UserError):
    """A rig.json that cannot be read, or is not good enough for what is asked of it."""


class DiskFullError(UserError):
    """There is no room for a file; nothing half-written is left."""


def first_fault(error: Exception) -> str:
    """What is wrong first in a JSON file of ours, and where in it, in one line."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))[:200]
    return f"{type(error).__name__}: {error}"[:200]
