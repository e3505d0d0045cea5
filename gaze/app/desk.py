"""What the app knows while it runs: the chosen folder, its lessons, jobs, pictures, preferences.

Nothing is kept beyond the session folders themselves: close the app, and what is left is what the
commands wrote, and the commands that still wait (:mod:`gaze.app.jobs`).
"""

from __future__ import annotations

import contextlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from calibration.camera import CAMERAS
from calibration.errors import UserError
from calibration.rig_file import read_verdict
from gaze.app.jobs import Jobs
from gaze.app.units import Unit
from gaze.app.words import Language, Words
from gaze.app.worker import Worker
from sessions.config import CONFIG_NAME, SessionConfig, load_config
from sessions.errors import ConfigError, SessionError
from sessions.folder import Session
from sessions.run import RUNS, Run
from sessions.validation import Validation

Stage = Literal["broken", "new", "recorded", "calibrated", "analysed"]
SCREENS = ("setup", "recordings", "board", "room", "seats", "areas", "run", "report")
DEMO = "demo-lesson"
TOUR = ("recordings", "board", "room", "run", "seats", "areas", "report")  # in this order
SHELF_BYTES = 16_000_000


class Shelf:
    """Pictures made for a page, in memory, each under an address that nobody can guess."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, tuple[bytes, str]] = OrderedDict()
        self._bytes = 0

    def put(self, data: bytes, kind: str = "image/jpeg") -> str:
        """Keep a picture; returns its address. The oldest go when the shelf is full."""
        key = secrets.token_urlsafe(16)
        self._items[key] = data, kind
        self._bytes += len(data)
        while self._bytes > SHELF_BYTES and len(self._items) > 1:
            _, (old, _) = self._items.popitem(last=False)
            self._bytes -= len(old)
        return f"/shelf/{key}"

    def get(self, key: str) -> tuple[bytes, str] | None:
        return self._items.get(key)


@dataclass(frozen=True)
class Card:
    """A lesson at a glance, read from its folder.

    error : the sentence of a lesson that cannot be opened. mendable : by its session.toml.
    expired : its retention time is over.
    verdict : of rig.json. off_cm : mean error of the gaze point by `gaze validate`, of the newest
    run. next : the screen to go to.
    """

    name: str
    folder: Path
    title: str
    date: str
    stage: Stage
    next: str
    error: str = ""
    mendable: bool = False
    expired: bool = False
    verdict: str = ""
    off_cm: float | None = None
    runs: tuple[str, ...] = ()


@dataclass
class Desk:
    """One running app."""

    folder: Path
    jobs: Jobs = field(init=False)
    worker: Worker = field(default_factory=Worker)
    shelf: Shelf = field(default_factory=Shelf)
    language: Language = "en"
    unit: Unit = "m"
    dark: bool | None = None  # None: as the computer is set
    tour: bool = False  # whether the demo lesson's screens say what to do there
    placements: dict[Path, int] = field(default_factory=dict)  # which one a lesson's room shows

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.folder)

    @property
    def words(self) -> Words:
        return Words(self.language)

    def lessons(self) -> list[Path]:
        """The folder itself where it is a lesson, and its folders that are.

        Raises
        ------
        SessionError : the folder cannot be read (any more).
        """
        try:
            inside = [p for p in sorted(self.folder.iterdir()) if self._is_lesson(p)]
        except OSError as error:
            raise SessionError(
                "the folder of lessons cannot be read",
                where=self.folder,
                found=error.strerror,
                remedy="Is its disk still there? Otherwise end the app and start it again.",
            ) from error
        return [self.folder, *inside] if (self.folder / CONFIG_NAME).is_file() else inside

    def _is_lesson(self, path: Path) -> bool:
        if path.name.startswith(".") or not (path / CONFIG_NAME).is_file():
            return False
        return path.resolve().is_relative_to(self.folder.resolve())

    def lesson(self, name: str) -> Path:
        """The lesson of that name, links followed, inside the chosen folder.

        Raises
        ------
        SessionError : there is no such lesson.
        """
        for path in self.lessons():
            if path.name == name:
                return path
        raise SessionError("there is no such lesson in this folder", found=repr(name)[:80])

    def inside(self, lesson: Path, *parts: str) -> Path:
        """A file of a lesson that may be read or shown: within it, links followed.

        Raises
        ------
        SessionError : it lies elsewhere.
        """
        path = lesson.joinpath(*parts)
        if not path.resolve().is_relative_to(lesson.resolve()):
            raise SessionError(
                "the app shows nothing that lies outside the lesson's folder", found="/".join(parts)
            )
        return path

    def cards(self) -> list[Card]:
        return [card(path) for path in self.lessons()]


def card(folder: Path) -> Card:
    """What a lesson's folder says of itself."""
    try:
        session = Session.open(folder)
    except (UserError, OSError) as error:
        expired = False
        with contextlib.suppress(UserError, OSError):
            expired = load_config(folder).retention_days is not None
        return Card(folder.name, folder, folder.name, "", "broken", "run", str(error),
                    isinstance(error, ConfigError), expired)  # fmt: skip
    config = session.config
    verdict = read_verdict(session.rig_path)
    runs = tuple(p.name for p in session.run_folders() if Run(p).is_done)
    stage: Stage
    if runs:
        stage, following = "analysed", "report"
    elif verdict:
        stage, following = "calibrated", "run"
    elif has_videos(session):
        stage, following = "recorded", "board"
    else:
        stage, following = "new", "recordings"
    date = config.date.isoformat() if config.date else ""
    return Card(
        folder.name, folder, config.title, date, stage, following, "", False, False,
        "" if verdict is None else verdict.status, _off_cm(folder, runs), runs,
    )  # fmt: skip


def _off_cm(folder: Path, runs: tuple[str, ...]) -> float | None:
    """How far the last run was off at marked points; None: not validated."""
    if not runs:
        return None
    with contextlib.suppress(UserError):
        return Validation.read(folder / RUNS / runs[-1] / "validation.json").overall.gaze_cm.mean
    return None


def has_videos(session: Session) -> bool:
    return all((session.folder / video_name(session.config, c)).is_file() for c in CAMERAS)


def video_name(config: SessionConfig, camera: str) -> str:
    """The (first) video of a camera, as session.toml names it."""
    video = getattr(config.cameras, camera).video
    return str(video if isinstance(video, str) else next(iter(video), ""))
