"""Before the long work: everything that files, tables and a few frames can tell (``gaze check``).

Nothing here is solved or written. Each finding says what, where, and the action that helps; the
commands that do the work check again what they need. A check is a function in gaze/setup/checks
that registers itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaze.setup import checks as checks  # they register themselves
from gaze.setup.checks.registry import Finding, Subject, findings
from sessions.folder import Session

if TYPE_CHECKING:
    from gaze.faces.detectors import Detector


def check(session: Session, *, detector: Detector | str | None = "centerface") -> list[Finding]:
    """Everything that can be said about a session folder in seconds.

    detector : for the faces' sizes, an object of gaze.faces or its name; None: do not look.
    """
    return findings(Subject(session, detector))
