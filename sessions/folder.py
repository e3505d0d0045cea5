"""What lies where in a session folder (docs/session.md)."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from dataclasses import dataclass
from pathlib import Path

from calibration.mounting import Mounting
from sessions.config import CONFIG_NAME, SessionConfig, load_config
from sessions.errors import SessionError
from sessions.names import in_place_of_file


@dataclass(frozen=True)
class Session:
    """A session folder and its checked configuration. Paths need not exist; accessors say so."""

    folder: Path
    config: SessionConfig

    @classmethod
    def open(cls, folder: str | Path, *, today: dt.date | None = None) -> Session:
        """Read session.toml; refuse a lesson whose retention time is over.

        Raises
        ------
        SessionError, ConfigError : see :func:`sessions.config.load_config`; where a table of the
            lesson should be, there is a folder or a link to nowhere.
        """
        folder = Path(folder)
        config = load_config(folder)
        if config.retention_days is not None and config.date is not None:
            expires = config.date + dt.timedelta(days=config.retention_days)
            if (today or dt.date.today()) > expires:
                raise SessionError(
                    "this lesson's retention time is over and it may not be opened",
                    where=folder / CONFIG_NAME,
                    found=f"date {config.date}, retention_days {config.retention_days}",
                    expected=f"use until {expires}",
                    remedy="Delete it: `gaze forget LESSON --everything`.",
                )
        session = cls(folder, config)
        tables = (session.targets_path, session.events_path, session.surface_track_path)
        for path in (*tables, session.rig_path, session.timestamps_path, session.gain_path):
            if os.path.lexists(path) and not path.is_file():  # else it would be read as if absent
                raise SessionError(
                    "there is no file behind this name", where=path, found=in_place_of_file(path),
                    remedy="Put the file there, or take this away.",
                )  # fmt: skip
        return session

    @property
    def rig_path(self) -> Path:
        return self.folder / "rig.json"

    @property
    def calibration_folder(self) -> Path:
        return self.folder / "calibration"

    @property
    def runs_folder(self) -> Path:
        return self.folder / "runs"

    @property
    def targets_path(self) -> Path:
        return self.folder / "targets.csv"

    @property
    def events_path(self) -> Path:
        return self.folder / "events.csv"

    @property
    def surface_track_path(self) -> Path:
        return self.folder / "surface_track.csv"

    @property
    def timestamps_path(self) -> Path:
        return self.folder / "timestamps.csv"

    @property
    def gain_path(self) -> Path:
        return self.folder / "gain.json"

    @property
    def truth_folder(self) -> Path:
        return self.folder / "truth"

    def videos(self, camera: str) -> tuple[Path, ...]:
        """The video files of ``left`` or ``right``, its chapters in order; they must exist.

        Raises
        ------
        SessionError : no such file.
        """
        paths: list[Path] = [self.folder / v for v in getattr(self.config.cameras, camera).videos]
        for path in paths:
            if not path.is_file():
                raise SessionError(
                    f"the {camera} camera's video is missing",
                    where=path,
                    found=in_place_of_file(path),
                    expected=f"a video, as cameras.{camera}.video says",
                    remedy="Both cameras' videos are needed; copy it, or correct session.toml.",
                )
        return tuple(paths)

    def mounting(self, camera: str, *, calibration: bool = False) -> Mounting:
        """How session.toml says that ``left`` or ``right`` hangs: for its lesson, or for its
        ``calibration`` pictures and videos."""
        config = getattr(self.config.cameras, camera)
        mirrored = config.mirrored is True or (config.mirrored == "lesson" and not calibration)
        return Mounting(config.rotate, mirrored)

    def run_folders(self) -> list[Path]:
        """Finished and unfinished runs, oldest first, whatever their names; not those that are made
        aside."""
        if not self.runs_folder.is_dir():
            return []
        folders = (p for p in self.runs_folder.iterdir() if not p.name.startswith("."))
        runs = (p for p in folders if (p / "run.json").is_file())
        return sorted(runs, key=lambda p: (_began(p), p.name))


def _began(run: Path) -> str:
    """When a run began, by its run.json; "" where that does not say."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return str(json.loads((run / "run.json").read_text(encoding="utf-8")).get("started", ""))
    return ""
