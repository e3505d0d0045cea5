"""``session.toml``: what a lesson says of itself, checked key by key."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from sessions.config_errors import parsed, read_text, sentence
from sessions.config_values import LessonFile, Metres, Points, Pseudonym, Seconds, Text, Title
from sessions.errors import ConfigError, SessionError
from sessions.names import in_place_of_file, key_of
from sessions.surfaces import Area as Area
from sessions.surfaces import Blackboard as Blackboard
from sessions.surfaces import Strict, Surface, Targets, first_double

CONFIG_NAME = "session.toml"
# Where somebody can sit: beside the blackboard's edges, away from it; metres.
ROOM_SIDE_M, LEAST_SEAT_Z_M, ROOM_DEPTH_M = 12.0, 0.3, 25.0
LEAST_SEATS_APART_M = 0.25


class BoardConfig(Strict):
    """The printed board of the calibration pictures."""

    kind: Literal["chessboard", "charuco"] = "chessboard"
    inner_corners: tuple[int, int] = (9, 6)
    square_m: Metres = Field(default=0.025, gt=0.002, lt=0.5)
    marker_m: Metres | None = None
    dictionary: Text | None = None

    @field_validator("inner_corners")
    @classmethod
    def _one_odd_one_even(cls, v: tuple[int, int]) -> tuple[int, int]:
        if min(v) < 3 or max(v) > 40:
            raise ValueError(f"expected between 3 and 40 inner corners a side, found {list(v)}")
        if (v[0] + v[1]) % 2 == 0:
            raise ValueError(
                f"expected one odd and one even count, found {list(v)}: such a board looks the "
                "same after half a turn; print one with `gaze board`"
            )
        return v


class RoomPictureConfig(Strict):
    """A picture of the room that shows the auxiliary board and the blackboard's four corners."""

    file: LessonFile
    blackboard_corners: Points = Field(
        description="clicked, in pixels: upper left, upper right, lower right, lower left, as they "
        "appear in the picture"
    )
    taken_with: Literal["phone", "left", "right"] = "phone"
    click_sigma_px: Metres = Field(default=2.0, gt=0, lt=100)
    mirrored: bool = False

    @field_validator("blackboard_corners")
    @classmethod
    def _four(cls, v: Points) -> Points:
        if len(v) != 4:
            raise ValueError(
                "expected four points [u, v] (upper left, upper right, lower right, lower left of "
                f"the blackboard, as they appear in the picture), found {len(v)}"
            )
        return v


class Auxiliary(Strict):
    """Where the auxiliary board lies or stands, by tape or pictures (docs/record-a-lesson.md)."""

    placement: Literal["flat", "standing", "tilted"] = "flat"
    angle_deg: Metres | None = Field(default=None, ge=0, le=90)
    left_m: Metres | None = Field(default=None, ge=-5, le=20)
    down_m: Metres | None = Field(default=None, ge=0, le=4)
    out_m: Metres | None = Field(default=None, ge=0, le=8)
    room_picture: tuple[RoomPictureConfig, ...] = Field(
        default=(), description="one picture of the room ([auxiliary.room_picture]) or several"
    )
    board: BoardConfig | None = None
    left_picture: LessonFile = "calibration/auxiliary/left.jpg"
    right_picture: LessonFile = "calibration/auxiliary/right.jpg"
    corners: dict[Literal["left", "right"], Points] | None = Field(
        default=None, description="clicked corners in pixels per camera, in the board's order"
    )
    tape_sigma_m: Metres = Field(default=0.005, gt=0, lt=0.2)
    placement_sigma_deg: Metres = Field(default=0.5, gt=0, lt=20)

    @field_validator("room_picture", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: object) -> object:
        return (value,) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _tape_or_picture(self) -> Auxiliary:
        lengths = {"left_m": self.left_m, "down_m": self.down_m, "out_m": self.out_m}
        missing = [key for key, value in lengths.items() if value is None]
        if missing and (len(missing) < 3 or not self.room_picture):
            raise ValueError(
                f"{' and '.join(missing)} missing: give all three lengths, or a room_picture in "
                "their place"
            )
        return self

    @model_validator(mode="after")
    def _angle_where_tilted(self) -> Auxiliary:
        if (self.placement == "tilted") != (self.angle_deg is not None):
            raise ValueError('angle_deg goes with placement = "tilted", and with it alone')
        return self


class CameraConfig(Strict):
    """One camera's part of the lesson.

    rotate : how far what the camera *stores* must be turned clockwise to stand upright, in degrees;
    in place of the flag that its videos and pictures may carry. Absent: as the flag says.
    mirrored : what comes out so far is a mirror's picture, as of many webcams. Both hold for the
    lesson's video and for the camera's calibration videos and pictures; ``mirrored = "lesson"`` for
    the lesson's video alone.
    """

    video: LessonFile | tuple[LessonFile, ...] = Field(
        description="a file, or a list of files: the chapters of one recording, in order"
    )
    offset_s: Seconds | None = Field(
        default=None, description="this camera's clock minus left's; absent = estimated"
    )
    corners_m: tuple[Metres, ...] | None = Field(
        default=None,
        description="tape from the lens to the blackboard's upper left and upper right corner, and "
        "better to its lower left and lower right corner as well: checks where everything is",
    )
    rotate: Literal[0, 90, 180, 270] | None = None
    mirrored: bool | Literal["lesson"] = False

    @field_validator("video", mode="before")
    @classmethod
    def _file_or_files(cls, value: object) -> object:
        listed = value if isinstance(value, list | tuple) else [value]
        if not listed or not all(isinstance(v, str) and v.strip() for v in listed):
            raise ValueError('expected a file name, or chapters: ["a.mp4", "b.mp4"]')
        return tuple(listed) if isinstance(value, list | tuple) else value

    @field_validator("corners_m")
    @classmethod
    def _two_or_four_lengths(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and len(value) not in (2, 4):
            raise ValueError(
                "corners_m takes two lengths (to the blackboard's upper left and upper right "
                f"corner) or four (lower left and lower right as well); found {len(value)}"
            )
        for length in value or ():
            if not 0.02 <= length <= 30:
                unit = "cm" if 30 < length <= 3000 else "mm" if length > 3000 else "no length"
                raise ValueError(f"corners_m is in metres; {length:g} looks like {unit}")
        if value is not None and len(value) == 4 and all(v == int(v) for v in value):
            raise ValueError("corners_m are whole metres: were decimals written with commas?")
        return value

    @property
    def videos(self) -> tuple[str, ...]:
        """The files, in order."""
        return (self.video,) if isinstance(self.video, str) else self.video


class Cameras(Strict):
    """Left and right for somebody who faces the blackboard."""

    left: CameraConfig
    right: CameraConfig
    apart_m: Metres | None = Field(
        default=None, gt=0.2, lt=20, description="tape between the two lenses: checks the scale"
    )


class Student(Strict):
    """A pseudonym and a seat: x_W, z_W in metres."""

    id: Pseudonym
    seat_m: tuple[Metres, Metres] | None = None
    opt_out: bool = False


class Teacher(Strict):
    """seat_m : where the teacher sits, if anywhere: x_W, z_W in metres; on foot he is found.
    keep_track : whether a run keeps where the teacher stood, for a table of the whole class."""

    seat_m: tuple[Metres, Metres] | None = None
    keep_track: bool = Field(default=False, strict=True)


class SessionConfig(Strict):
    """The whole of session.toml."""

    title: Title = "lesson"
    date: dt.date | None = Field(default=None, ge=dt.date(1990, 1, 1), le=dt.date(2199, 12, 31))
    starts_at: dt.datetime | None = Field(
        default=None,
        description="wall clock at the left video's first picture, with its offset from UTC: "
        "2026-03-02T08:00:05+01:00",
    )
    blackboard: Blackboard
    board: BoardConfig = BoardConfig()
    auxiliary: tuple[Auxiliary, ...] = Field(
        default=(), description="one placement ([auxiliary]) or several ([[auxiliary]])"
    )
    surfaces: tuple[Surface, ...] = Field(
        default=(), description="further boards and screens ([[surfaces]])"
    )
    targets: Targets | None = None
    teacher: Teacher | None = None
    cameras: Cameras
    students: tuple[Student, ...] = ()
    retention_days: int | None = Field(default=None, ge=0, le=36500, strict=True)
    salt: Text | None = None

    def pictures(self) -> Iterator[str]:
        """Files of all pictures that it names."""
        if self.blackboard.picture is not None:
            yield self.blackboard.picture
        for auxiliary in self.auxiliary:
            yield from (auxiliary.left_picture, auxiliary.right_picture)
            yield from (picture.file for picture in auxiliary.room_picture)

    @field_validator("auxiliary", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: object) -> object:
        return (value,) if isinstance(value, dict) else value

    @field_validator("date", "starts_at", mode="before")
    @classmethod
    def _no_number(cls, value: object) -> object:
        """It would be taken for seconds since 1970."""
        if re.fullmatch(r"[-+]?\d+(\.\d*)?", str(value).strip()):
            raise ValueError("expected a day as a calendar has it, no number")
        return value

    @field_validator("starts_at")
    @classmethod
    def _with_its_offset(cls, value: dt.datetime | None) -> dt.datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(
                "a wall clock needs its offset from UTC: 2026-03-02T08:00:05+01:00, or Z at the end"
            )
        return value

    @property
    def zero_utc(self) -> dt.datetime | None:
        """The moment of time_s = 0, UTC; None where starts_at is not given."""
        return None if self.starts_at is None else self.starts_at.astimezone(dt.UTC)

    @model_validator(mode="before")
    @classmethod
    def _day_of_its_start(cls, values: object) -> object:
        """Where only ``starts_at`` is given, its day there is the lesson's ``date``."""
        if not isinstance(values, dict) or values.get("date") is not None:
            return values
        begin = values.get("starts_at")
        return values | {"date": begin.date()} if isinstance(begin, dt.datetime) else values

    @model_validator(mode="after")
    def _students_differ(self) -> SessionConfig:
        if same := first_double([s.id for s in self.students]):
            raise ValueError(f"two students have the same id ({same[0]!r}, {same[1]!r})")
        return self

    @model_validator(mode="after")
    def _students_are_no_files(self) -> SessionConfig:
        """Else the file's name would name the student for ever, whoever is forgotten."""
        files = [*self.pictures(), *self.cameras.left.videos, *self.cameras.right.videos]
        for student in self.students:
            for part in {part for file in files for part in PurePath(file).parts}:
                if key_of(part) == key_of(student.id):
                    raise ValueError(
                        f"the student {student.id!r} is called like a file or folder of the lesson "
                        f"({part!r}); give the student another pseudonym, or rename that"
                    )
        return self

    @model_validator(mode="after")
    def _surfaces_differ(self) -> SessionConfig:
        if same := first_double([s.name for s in self.surfaces]):
            raise ValueError(f"two surfaces have the same name ({same[0]!r}, {same[1]!r})")
        return self

    @model_validator(mode="after")
    def _seats_can_be(self) -> SessionConfig:
        seated = [(s.id, *s.seat_m) for s in self.students if s.seat_m is not None]
        for name, x, z in seated:
            inside = -ROOM_SIDE_M <= x <= self.blackboard.width_m + ROOM_SIDE_M
            if not (inside and LEAST_SEAT_Z_M <= z <= ROOM_DEPTH_M):
                raise ValueError(
                    f"the seat of {name!r}, [{x:g}, {z:g}], is outside the room: seat_m is [x, z], "
                    "in metres, x from the blackboard's right edge leftwards, z away from it"
                )
        return self

    def same_seats(self) -> Iterator[tuple[str, str]]:
        """Pairs of students whose seats are nearer to each other than two people can sit."""
        seated = [(s.id, s.seat_m) for s in self.students if s.seat_m is not None]
        for (a, one), (b, other) in itertools.combinations(seated, 2):
            if math.dist(one, other) < LEAST_SEATS_APART_M:
                yield a, b


# The model of each table, by its keys.
TABLES: dict[tuple[str, ...], type[BaseModel]] = {
    (): SessionConfig,
    ("blackboard",): Blackboard,
    ("blackboard", "areas"): Area,
    ("surfaces",): Surface,
    ("surfaces", "areas"): Area,
    ("targets",): Targets,
    ("teacher",): Teacher,
    ("board",): BoardConfig,
    ("auxiliary",): Auxiliary,
    ("auxiliary", "board"): BoardConfig,
    ("auxiliary", "room_picture"): RoomPictureConfig,
    ("cameras",): Cameras,
    ("cameras", "left"): CameraConfig,
    ("cameras", "right"): CameraConfig,
    ("students",): Student,
}


def load_config(folder: str | Path) -> SessionConfig:
    """Read and check ``session.toml`` in a session folder.

    Raises
    ------
    SessionError : no folder, or no session.toml in it.
    ConfigError : not TOML, an unknown key, an impossible value; names the key and the value.
    """
    return checked(config_path(folder), raw_config(folder))


def raw_config(folder: str | Path) -> dict[str, Any]:
    """What ``session.toml`` says, as plain values, unchecked.

    Raises
    ------
    SessionError, ConfigError : it cannot be read, or is not TOML.
    """
    path = config_path(folder)
    return parsed(path, read_text(path))


def config_path(folder: str | Path) -> Path:
    """Where session.toml is; it must be there."""
    folder = Path(folder)
    path = folder / CONFIG_NAME
    if not folder.is_dir():
        raise SessionError("there is no such session folder", where=folder)
    if not path.exists():
        raise SessionError(
            f"the folder has no {CONFIG_NAME}",
            where=folder,
            found=in_place_of_file(path),
            remedy="`gaze init` writes one.",
        )
    return path


def checked(path: Path, data: dict[str, Any]) -> SessionConfig:
    """The configuration, if it can be; its pictures lie in the lesson.

    Raises
    ------
    ConfigError : an unknown key, an impossible value, a picture behind a link out of the lesson.
    """
    try:
        config = SessionConfig.model_validate(data)
    except ValidationError as error:
        raise sentence(path, data, error, TABLES) from error
    except RecursionError as error:
        raise ConfigError("the values are nested too deeply", where=path) from error
    lesson = path.parent.resolve()
    for picture in config.pictures():
        if not (path.parent / picture).resolve().is_relative_to(lesson):
            raise ConfigError(
                "a picture lies outside the lesson's folder",
                where=path,
                found=picture,
                remedy="Copy it into the lesson; links out of it are not followed.",
            )
    return config
