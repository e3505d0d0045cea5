"""What a lesson's folder holds, who is in it, and how that is forgotten: one row for each file.

Whoever writes a new file into a lesson adds its row here: a test runs every command and knows no
file without one, `gaze forget` does with each what its row says, and docs/privacy.md shows this
table (:func:`table`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

Rule = Literal[
    "nobody",  # no student is in it
    "camera",  # shows people; only `--all-video` takes it away
    "config",  # session.toml: the seat stays, opted out, under another name
    "rows",  # a table: its rows go, what is left is numbered anew
    "room",  # rig.json: where --marked-points or --seats are in it, that is said
    "lines",  # a text or CSV file of the user's: the lines that name the student go
    "quality",  # quality.json: counted again from the tables
    "run",  # run.json
    "again",  # made again from the tables that are left
    "refit",  # fitted again from the looks that are left
    "away",  # deleted; made again at need
    "export",  # as the manifest beside it says: made again, or deleted where it was salted
]

HOW: dict[Rule, str] = {
    "nobody": "stays",
    "camera": "stays: it still shows the student (`--all-video`)",
    "config": "the seat stays, opted out, as `removed-1`; comments that name the student lose it",
    "rows": "the student's rows go, and faces of the same tracks; what is left is numbered anew",
    "room": "stays; with `--marked-points` or `--seats` in it, it is named (exit code 1)",
    "lines": "lines that name the student go",
    "quality": "counted again from the tables that are left",
    "run": "what the student may have shaped goes",
    "again": "made again from the tables that are left",
    "refit": "fitted again from the looks that are left, else deleted",
    "away": "deleted",
    "export": "made again from the tables that are left; deleted where it was salted",
}


@dataclass(frozen=True)
class Owned:
    """A kind of file. pattern : of its path from the lesson's folder (``*``: one name, ``**``: any
    depth). what : in words. who : whose data is in it. read_by : which commands read it."""

    pattern: str
    what: str
    who: str
    read_by: str
    rule: Rule

    def holds(self, path: str) -> bool:
        """Whether a path from the lesson's folder is of this kind."""
        parts = re.split(r"(\*\*|\*)", self.pattern)
        kinds = {"**": ".*", "*": "[^/]*"}
        return bool(re.fullmatch("".join(kinds.get(p) or re.escape(p) for p in parts), path))


_SEEN = "every student, by pseudonym"
# The first that holds counts.
OWNED = (
    Owned("session.toml", "the lesson's own words: seats and pseudonyms", _SEEN, "all", "config"),
    Owned("rig.json", "the calibrated rig", "nobody; the class, with marked points or seats",
          "check, analyze, validate, report, sync, rig export", "room"),
    Owned("calibration.html", "the calibration's page, with pictures", "whoever holds the board",
          "people", "nobody"),
    Owned("sync.html", "the two clocks, with two moments of both cameras, blurred",
          "everybody in the picture, blurred", "people", "away"),
    Owned("calibration/**", "pictures or films of the chessboard", "whoever holds the board",
          "calibrate", "nobody"),
    Owned("timestamps.csv", "times of frames", "nobody", "check, analyze, sync", "nobody"),
    Owned("targets.csv", "who looked at which marked point when", _SEEN,
          "check, analyze, validate, fit-gain, report", "rows"),
    Owned("events.csv", "the teacher's marks", "whoever is named",
          "check, analyze, report, export, catalog, studies", "lines"),
    Owned("surface_track.csv", "where sliding boards stood when", "nobody",
          "check, analyze, report, export", "nobody"),
    Owned("gain.json", "the head-to-gaze correction", _SEEN,
          "analyze --gain, report, export, studies", "refit"),
    Owned("validation.json", "errors at marked points, kept for the report", "sums over students",
          "report, export, catalog, studies", "again"),
    Owned("salt.txt", "what connects salted pseudonyms to the lesson's", "nobody by itself",
          "export --salted", "nobody"),
    Owned("audit.log", "who exported or forgot what, and when", "users, no student",
          "people, export, forget", "nobody"),
    Owned("truth/heads.parquet", "a simulated lesson's truth", "invented people",
          "validate, analyze", "rows"),
    Owned("truth/**", "a simulated lesson's truth", "nobody", "validate", "nobody"),
    Owned("runs/*/gaze.parquet", "a row for each student and moment", _SEEN,
          "report, export, validate, fit-gain, catalog, studies, app", "rows"),
    Owned("runs/*/faces.parquet", "boxes and nose tips of faces, no pixels", _SEEN, "people",
          "rows"),
    Owned("runs/*/students.parquet", "a row for each student", _SEEN,
          "report, export, validate, catalog, studies, app", "rows"),
    Owned("runs/*/teacher.parquet", "where the teacher stood, only where session.toml asks for it",
          "the teacher", "report", "nobody"),
    Owned("runs/*/quality.json", "what the numbers rest on, by seat and for the class",
          f"{_SEEN}; sums over students", "report, export, studies", "quality"),
    Owned("runs/*/run.json", "versions, settings, times", "nobody by name", "all", "run"),
    Owned("runs/*/gaze.json", "the table's columns in words", "nobody", "people", "nobody"),
    Owned("runs/*/faces.json", "the table's columns in words", "nobody", "people", "nobody"),
    Owned("runs/*/students.json", "the table's columns in words", "nobody", "people", "nobody"),
    Owned("runs/*/teacher.json", "the table's columns in words", "nobody", "people", "nobody"),
    Owned("runs/*/heatmaps.npz", "densities of the class and of each student",
          f"{_SEEN}; sums over students", "people, report", "again"),
    Owned("runs/*/heatmaps/*.png", "the same as pictures", f"{_SEEN}; sums over students",
          "people, report", "again"),
    Owned("runs/*/report.html", "the report", f"{_SEEN}; sums over students", "people", "again"),
    Owned("runs/*/report-class.html", "the report for sharing", "sums over five students or more",
          "people", "again"),
    Owned("runs/*/validation.json", "errors at marked points", "sums over students",
          "report, export, catalog, studies, app", "again"),
    Owned("runs/*/validation.svg", "the same as a figure, a dot for each look",
          "every student, without a name", "people", "again"),
    Owned("runs/*/parts/*.npz", "measures of faces of an unfinished run, no pixels",
          "everybody who was seen", "analyze", "away"),
    Owned("runs/.lock", "held while a command works in the lesson", "nobody", "all", "nobody"),
    Owned("**.export.json", "the list of a folder's exports, with hashes", "nobody",
          "export, forget", "export"),
    Owned("left.mp4", "the left camera's video (or as session.toml names it)", "faces",
          "check, calibrate, analyze, sync, app", "camera"),
    Owned("right.mp4", "the right camera's video (or as session.toml names it)", "faces",
          "check, calibrate, analyze, sync, app", "camera"),
)  # fmt: skip


def kind_of(path: str | PurePosixPath) -> Owned | None:
    """The kind of a file, by its path from the lesson's folder; None: not one that we write."""
    return next((kind for kind in OWNED if kind.holds(str(path))), None)


def table() -> str:
    """The table of docs/privacy.md."""
    rows = ["| file | what | personal data | read by | `gaze forget LESSON STUDENT` |",
            "|---|---|---|---|---|"]  # fmt: skip
    rows += [f"| `{k.pattern}` | {k.what} | {k.who} | {k.read_by} | {HOW[k.rule]} |" for k in OWNED]
    return "\n".join(rows)
