"""What a check is: a function that registers itself and says what it finds of a lesson."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from calibration.camera import CAMERAS
from calibration.errors import UserError
from calibration.verdict import Cause
from gaze.setup.findings import Finding as Finding
from gaze.setup.findings import Severity as Severity
from sessions.folder import Session
from sessions.video import Frame, Image, VideoInfo, ask_frames, open_camera, spread

if TYPE_CHECKING:
    from gaze.faces.detectors import Detector

# What checks are about, in the order in which their findings are told.
THEMES = (
    "session.toml", "videos", "clocks", "calibration", "pictures", "faces", "tables", "disk",
)  # fmt: skip
SAMPLED_FRAMES = 10


@dataclass(frozen=True)
class Subject:
    """The lesson that is looked at; what several checks need is read once.

    detector : for the faces' sizes, an object of gaze.faces or its name; None: do not look.
    """

    session: Session
    detector: Detector | str | None = None
    problems: dict[str, UserError] = field(default_factory=dict)  # of a video that does not open

    @cached_property
    def videos(self) -> dict[str, VideoInfo]:
        """Each camera's video, where it can be read; else its error is in ``problems``."""
        found = {}
        for name in CAMERAS:
            try:
                found[name] = open_camera(self.session, name)
            except UserError as error:
                self.problems[name] = error
        return found

    @cached_property
    def samples(self) -> dict[str, list[Frame]]:
        """A few frames of each video; ``picture`` is None where one cannot be decoded."""
        return {name: _sample(info) for name, info in self.videos.items()}

    def pictures(self, camera: str) -> list[Image]:
        """Those of the sample that can be decoded, BGR."""
        return [f.picture for f in self.samples[camera] if f.picture is not None]


def _sample(info: VideoInfo) -> list[Frame]:
    """A few frames spread over the video, without its ends."""
    return list(ask_frames(info, spread(info, SAMPLED_FRAMES + 2)[1:-1].tolist()))


Check = Callable[[Subject], list[Finding]]
_CHECKS: list[tuple[int, Check]] = []


def register(theme: str) -> Callable[[Check], Check]:
    """Decorator: adds a check to ``gaze check``, under one of :data:`THEMES`."""

    def add(check: Check) -> Check:
        _CHECKS.append((THEMES.index(theme), check))
        return check

    return add


def findings(subject: Subject) -> list[Finding]:
    """What all checks find, by theme."""
    return [f for _, check in sorted(_CHECKS, key=lambda c: c[0]) for f in check(subject)]


def from_error(session: Session, error: UserError, severity: Severity = "error") -> Finding:
    """A UserError as a finding: its remedy is the action."""
    what = error.what[0].upper() + error.what[1:]
    if error.found is not None:
        what += f" (found {error.found})"
    if error.expected is not None:
        what += f"; expected {error.expected}"
    return Finding(severity, what, _relative(session, error.where), error.remedy or "")


def _relative(session: Session, where: str | Path | None) -> str:
    """A path as seen from the session folder."""
    if where is None:
        return ""
    try:
        return Path(where).relative_to(session.folder).as_posix()
    except ValueError:
        return str(where)


def from_causes(causes: Iterable[Cause], where: str) -> list[Finding]:
    severity: dict[str, Severity] = {"PASS": "ok", "WARN": "warning", "FAIL": "error"}
    return [Finding(severity[c.severity], c.message, where, c.action) for c in causes]
