"""An empty session folder with a commented session.toml (``gaze init LESSON``)."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calibration.camera import CAMERAS
from calibration.files import write_file
from sessions.config import CONFIG_NAME, load_config
from sessions.config_edit import edit_config
from sessions.errors import ConfigError, SessionError
from sessions.run import atomic_write

FOLDERS = ("calibration/left", "calibration/right", "calibration/auxiliary")

# What `gaze init` may be told, and what holds where it is not.
DEFAULTS: dict[str, Any] = {
    "title": "lesson",
    "date": None,  # today
    "width_m": 4.0,
    "height_m": 1.2,
    "kind": "chessboard",
    "inner_corners": (9, 6),
    "square_m": 0.025,
    "placement": "flat",
    "angle_deg": None,
    "left_m": 2.0,
    "down_m": 1.4,
    "out_m": 1.5,
    "left_video": "left.mp4",
    "right_video": "right.mp4",
    "offset_s": None,  # estimated
    "apart_m": None,  # not measured
    "retention_days": None,
}

# A line that starts with "#" and no space is a key that may be switched on as it stands.
TEMPLATE = """\
# A lesson. Every key is explained in docs/session.md; lengths are in METRES, times in seconds.
# Lines that begin with "#" and no space are optional: remove the "#" to use them.

title = {title}                      # shown in the report
date = {date}
{retention}                          # days after which the lesson refuses to open

[blackboard]                         # the writing surface, from edge to edge
width_m = {width_m}
height_m = {height_m}
#picture = "blackboard.jpg"          # a photograph of it, for the report's background

# Named parts, for the time spent on each (default: thirds). x counts from the upper RIGHT corner
# leftwards for somebody who faces the blackboard, y downwards.
#[[blackboard.areas]]
#name = "left half"
#x_m = [{half_m}, {width_m}]
#y_m = [0.0, {height_m}]

[board]                              # the printed board of the calibration pictures (`gaze board`)
kind = {kind}
inner_corners = {inner_corners}      # where four squares meet; one odd, one even
square_m = {square_m}                # edge of a square: measure it on the print

# The same board (or one of its own: [auxiliary.board]) in front of the blackboard. The tape
# measures from the blackboard's upper right corner to the board's first inner corner, the one
# nearest that corner: docs/record-a-lesson.md has a drawing.
[auxiliary]
placement = {placement}              # flat (lying), standing or tilted
{angle}                              # tilted only: 0 = flat, 90 = standing
left_m = {left_m}                    # to the left (towards the middle of the blackboard)
down_m = {down_m}                    # down from its upper edge
out_m = {out_m}                      # out into the room
# In place of the tape, or to check it: pictures of the room that show the blackboard's corners too.
#[[auxiliary.room_picture]]
#file = "calibration/auxiliary/room1.jpg"
#blackboard_corners = [[812, 640], [3205, 655], [3190, 1370], [820, 1362]]  # clicked, pixels:
#   upper left, upper right, lower right, lower left, as they appear in the picture

[cameras]
{apart}                              # tape between the two lenses: an independent check

[cameras.left]                       # on the left for somebody who faces the blackboard
video = {left_video}

[cameras.right]
video = {right_video}
{offset}                             # right's clock minus left's; without it: estimated

# Pseudonyms and seats, if you want to name them: seat_m = [x, z] in metres, x as above, z the
# distance from the blackboard. Never real names. opt_out masks a seat before faces are looked for.
#[[students]]
#id = "A1"
#seat_m = [0.8, 3.2]
#opt_out = false
"""


def init_lesson(folder: str | Path, answers: Mapping[str, Any] | None = None) -> Path:
    """Write session.toml and the empty calibration folders; returns the session folder.

    answers : any of :data:`DEFAULTS`' keys; what is missing or None gets the default.

    Raises
    ------
    SessionError : there is a session.toml already (it is never overwritten), or no folder can be
        made there. ConfigError : an unknown or impossible answer. Nothing is written then.
    """
    folder = Path(folder)
    path = folder / CONFIG_NAME
    if path.exists():
        raise SessionError(
            "there is a lesson already; it is not overwritten",
            where=path,
            remedy="Edit it, or choose another folder.",
        )
    given = dict(answers or {})
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise ConfigError(
            f"unknown answer `{unknown[0]}`", where="gaze init", expected=", ".join(DEFAULTS)
        )
    text = session_toml(given)
    _check(text)
    try:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as aside:
            aside.write_text(text, encoding="utf-8")
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise SessionError(
            "no session folder can be made here", where=folder, found=error.strerror
        ) from error
    return folder


def init_like(folder: str | Path, earlier: str | Path, title: str) -> Path:
    """A lesson in the room of an earlier one: its session.toml and its rig, not its pupils.

    Blackboard, boards, tape and ``rig.json`` are taken over; videos, clock, students, salt and the
    blackboard's photograph are this lesson's own.

    Raises
    ------
    SessionError, ConfigError : there is a lesson already, or the earlier one cannot be read.
    """
    folder, earlier = Path(folder), Path(earlier)
    load_config(earlier)
    if (folder / CONFIG_NAME).exists():
        raise SessionError("there is a lesson already; it is not overwritten", where=folder)
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / CONFIG_NAME) as aside:
        shutil.copyfile(earlier / CONFIG_NAME, aside)
    own = {
        **{f"cameras.{c}.video": DEFAULTS[f"{c}_video"] for c in CAMERAS},
        "title": title,
        "date": dt.date.today(),
        "cameras.right.offset_s": None,
        "students": None,
        "salt": None,
        "blackboard.picture": None,
        "blackboard.picture_corners_px": None,
    }
    edit_config(folder, own)
    if (earlier / "rig.json").is_file():
        write_file(folder / "rig.json", (earlier / "rig.json").read_bytes())
    return folder


def session_toml(answers: Mapping[str, Any] | None = None) -> str:
    """The text of a commented session.toml; see :func:`init_lesson`. Not checked yet."""
    given = {k: v for k, v in (answers or {}).items() if v is not None}
    a = {**DEFAULTS, "date": dt.date.today(), **given}
    width = a["width_m"]
    values = {k: _toml(v) for k, v in a.items() if v is not None}
    values["half_m"] = _toml(width / 2 if isinstance(width, int | float) else width)
    for name, key, example in (
        ("retention", "retention_days", 365),
        ("angle", "angle_deg", 60.0),
        ("offset", "offset_s", 0.0),
        ("apart", "apart_m", 4.5),
    ):
        off = "#" if a[key] is None else ""
        values[name] = f"{off}{key} = {_toml(example if a[key] is None else a[key])}"
    lines = []
    for line in TEMPLATE.splitlines():
        # Comments stand in one column, whatever the answers' lengths.
        code, hash_, comment = line.partition("  # ")
        code = code.rstrip().format(**values)
        lines.append(f"{code:<36} # {comment}" if hash_ else code)
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, str):
        # TOML's basic strings are JSON's, but that DEL must be escaped as well.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value)


def _check(text: str) -> None:
    """Let sessions.config judge the text before anything is written.

    Raises
    ------
    ConfigError : as for a session.toml, but about the answers.
    """
    with tempfile.TemporaryDirectory() as aside:
        (Path(aside) / CONFIG_NAME).write_text(text, encoding="utf-8")
        try:
            load_config(aside)
        except ConfigError as error:
            raise ConfigError(
                error.what,
                where="gaze init",
                found=error.found,
                expected=error.expected,
                remedy=error.remedy,
            ) from error
