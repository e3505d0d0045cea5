"""``simulate``: what a lesson is made of, and everything that is true of it (docs/simulator.md)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.camera import Camera
from calibration.rig import Rig
from calibration.transform import Transform
from sessions.errors import SessionError
from sessions.simulation.lively import (
    LEAST_STUDENTS,
    Roles,
    as_twins,
    lively_plans,
    roles,
)
from sessions.simulation.people import Person, load_people
from sessions.simulation.room import (
    RIGHT_WIDER,
    ROOMS,
    AuxiliaryBoard,
    Room,
    Seats,
    auxiliary_board,
    fitted_camera,
    placed_cameras,
    seats,
)
from sessions.simulation.script import (
    Heads,
    Placement,
    Plan,
    grid_plans,
    grid_points,
    heads_at,
    natural_plans,
    place_people,
)
from sessions.simulation.teacher import WAYS, Teacher, teacher, with_teacher
from sessions.simulation.wear import HELD, dealt, dressed, held_spans, wanted

RESOLUTIONS = {
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "4k": (3840, 2160),
}
INNER_CORNERS = (9, 6)
SQUARE_M = 0.05
MAX_STUDENTS = 60

# what an option may be
CHOICES: dict[str, Collection[str]] = {
    "room": ROOMS,
    "resolution": RESOLUTIONS,
    "scenario": ("grid", "natural", "lively"),
    "people": ("all", "train", "test"),
    "teacher": ("", *WAYS),
}
LIMITS = {
    "students": (1, MAX_STUDENTS),
    "rows": (1, 10),
    "seconds": (0.5, 4 * 3600),
    "fps": (0.5, 60),
    "points": (4, 49),
    "eye_share": (0, 0.9),
    "offset_s": (-4, 4),
    "drift_ppm": (-1000, 1000),
    "lost": (0, 100),
    "light": (0.1, 3),
    "noise": (0, 10),
    "near_m": (2.4, 25),
    "far_m": (2.4, 25),
    "lens_px": (200, 20000),
    "fisheye_deg": (60, 130),
    "auxiliary_deg": (0, 60),
    "exposure_s": (0, 0.1),
    "readout_s": (0, 0.05),
    "flicker": (0, 0.8),
    "backlight": (0, 1),
    "crf": (0, 51),
}

# options of `gaze simulate` whose field has its unit in its name
OPTION_NAMES = {
    "eye_share": "eye-share",
    "offset_s": "offset",
    "drift_ppm": "drift",
    "near_m": "near",
    "far_m": "far",
    "lens_px": "lens",
    "fisheye_deg": "fisheye",
    "auxiliary_deg": "auxiliary",
    "exposure_s": "exposure",
    "readout_s": "readout",
}
# in about.json where asked for
HARD = ("wear", "teacher", "lost", "exposure_s", "readout_s", "flicker", "backlight")


@dataclass(frozen=True)
class Options:
    """What a simulated lesson is made of. Every number is in metres, seconds, degrees or pixels.

    ``eye_share`` None = 0 in ``grid``, 0.30 in ``natural``. ``offset_s`` = the right camera's clock
    minus the left's; ``drift_ppm`` = how much faster the right clock runs; ``lost`` = how many
    frames the right camera loses halfway, whose film does not say so. ``noise`` scales the
    sensor's noise (1 = a lit room), ``light`` the lamps. ``crf`` = H.264 quality. ``wear`` as
    :func:`sessions.simulation.wear.wanted` reads it. ``teacher`` = what one more does, who is no
    student. ``exposure_s`` of each row of a picture, which
    are read one after the other within ``readout_s``. ``flicker`` = how deep mains light pulses,
    ``backlight`` = how bright the windows behind the class are.
    """

    students: int = 8
    rows: int = 3
    room: str = "standard"
    placement: str = "beside"
    resolution: str = "1080p"
    seconds: float = 18.0
    fps: float = 10.0
    scenario: str = "grid"
    points: int = 9
    eye_share: float | None = None
    offset_s: float = 0.0
    drift_ppm: float = 0.0
    lost: int = 0
    light: float = 1.0
    noise: float = 1.0
    near_m: float = 3.0
    far_m: float = 7.0
    lens_px: float | None = None
    fisheye_deg: float | None = None
    auxiliary_deg: float = 0.0
    people: str = "all"
    timestamps: bool = False
    views: int = 20
    views_alone: int = 8
    crf: int = 21
    jpeg_quality: int = 88
    seed: int = 0
    wear: str = ""
    teacher: str = ""
    exposure_s: float = 0.0
    readout_s: float = 0.0
    flicker: float = 0.0
    backlight: float = 0.0

    def checked(self) -> Options:
        """Itself, or an error that names the first impossible option."""

        def refuse(name: str, expected: str) -> None:
            raise SessionError(
                f"--{OPTION_NAMES.get(name, name)} is impossible",
                found=getattr(self, name),
                expected=expected,
            )

        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                refuse(name, f"one of {', '.join(filter(None, choices))}")
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:  # nor where it is no number
                refuse(name, f"{low:g} to {high:g}")
        if self.rows > self.students:
            refuse("rows", "no more rows than students")
        if self.scenario == "grid" and self.seconds / self.points < 0.6:
            refuse("seconds", f"at least 0.6 s for each of the {self.points} marked points")
        if self.scenario == "lively" and self.students < LEAST_STUDENTS + self.rows:
            refuse("students", f"at least {LEAST_STUDENTS + self.rows} in a lively lesson of "
                   f"{self.rows} rows")  # fmt: skip
        wanted(self.wear, self.students)
        if self.fisheye_deg is not None and self.lens_px is not None:
            refuse("fisheye_deg", "this or --lens, not both")
        depth_m = ROOMS[self.room].depth_m - 0.8
        if not self.near_m <= self.far_m <= depth_m:
            refuse("far_m", f"near ≤ far ≤ {depth_m:.1f} m (the room's depth)")
        placed_cameras(ROOMS[self.room], self.placement)
        return self

    def without_pictures(self, what: str) -> Options:
        """Itself, for an answer without pictures, which knows nothing of what is hard in them.

        Raises
        ------
        SessionError : something hard is asked for.
        """
        hard = [name for name in HARD if getattr(self, name)]
        if hard or self.scenario == "lively":
            found = [f"--{OPTION_NAMES.get(name, name)}" for name in hard] or ["--scenario lively"]
            raise SessionError(
                f"--{what} is a budget of plain faces and pictures", found=" ".join(found),
                remedy="Leave these out, or have the lesson drawn.",
            )  # fmt: skip
        return self

    def small(self) -> Options:
        """The same lesson in few megabytes: fewer chessboard views, stronger compression."""
        return replace(self, views=16, views_alone=6, jpeg_quality=80, crf=23)

    @property
    def shift_by_eyes(self) -> float:
        return (
            self.eye_share
            if self.eye_share is not None
            else (0.0 if self.scenario == "grid" else 0.30)
        )


@dataclass(frozen=True)
class World:
    """Everything that is true of a simulated lesson before a pixel is drawn; the same options give
    the same world.
    """

    options: Options
    room: Room
    seats: Seats
    auxiliary: AuxiliaryBoard
    people: list[Placement]
    cameras: dict[str, Camera]
    T_WC: dict[str, Transform]
    plans: list[Plan]
    windows: list[tuple[float, float, int, int]]
    marks: tuple[list[str], np.ndarray] | None
    wears: Sequence[tuple[str, ...]] = ()
    roles: Roles | None = None
    teacher: Teacher | None = None

    @property
    def in_pictures(self) -> list[Placement]:
        """Everybody: the students, and behind them the teacher, if there is one."""
        return [*self.people, *([self.teacher.placement] if self.teacher else [])]

    def with_others(self, students: Heads) -> Heads:
        """The truth of :attr:`in_pictures` from that of the students, at their moments."""
        if self.teacher is None:
            return students
        return with_teacher(students, self.teacher, self.options.shift_by_eyes)

    def heads_in_pictures(self, time_s: np.ndarray) -> Heads:
        """The truth of :attr:`in_pictures` at any times on the left camera's clock."""
        return self.with_others(self.heads(time_s))

    def heads(self, time_s: np.ndarray) -> Heads:
        """The students' truth at any times on the left camera's clock."""
        sway = 0.0 if self.options.scenario == "grid" else 1.6
        return heads_at(
            time_s, self.people, self.plans, self.options.shift_by_eyes, sway, self.options.seed
        )

    def frame_times(self, camera: str) -> np.ndarray:
        """When each frame was taken, on the left camera's clock."""
        o = self.options
        own = np.arange(round(o.seconds * o.fps)) / o.fps
        if camera == "left":
            return own
        own[len(own) // 2 :] += o.lost / o.fps
        return np.asarray((own - o.offset_s) / (1 + o.drift_ppm * 1e-6))

    def rig(self) -> Rig:
        """The true rig."""
        T_WA = Transform(
            np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]]), self.auxiliary.t_WA, "W", "A"
        )
        T_WL, T_WR = self.T_WC["left"], self.T_WC["right"]
        left = Transform(T_WL.R, T_WL.t, "W", "L")
        right = Transform(T_WR.R, T_WR.t, "W", "R")
        return Rig(
            self.cameras["left"],
            self.cameras["right"],
            right.inverse() @ left,
            T_WA.inverse() @ left,
            T_WA,
        )


def build_world(options: Options, cast: list[Person] | None = None) -> World:
    """Room, seats, people, cameras and script from the options; ``cast`` instead of the baked
    people.
    """
    o = options.checked()
    rng = np.random.default_rng([o.seed, 1])
    room = ROOMS[o.room]
    where = seats(room, o.students, o.rows, o.near_m, o.far_m)
    aux = auxiliary_board(room, o.auxiliary_deg)
    if cast is None:
        cast = load_people(None if o.people == "all" else o.people)
    people = place_people(
        cast, room, where, rng, exact=o.scenario == "grid" and o.shift_by_eyes == 0
    )
    who = None
    if o.scenario == "lively":
        who = roles(people, np.random.default_rng([o.seed, 22]))
        people = as_twins(people, who.twins)
    wears = dealt(wanted(o.wear, o.students), o.students, o.seed)
    people = [
        replace(p, person=dressed(p.person, things, np.random.default_rng([o.seed, 23, k])))
        if things else p
        for k, (p, things) in enumerate(zip(people, wears, strict=True))
    ]  # fmt: skip
    heads = np.array([p.t_WB for p in people])
    around = [[0.26, 0.05, 0], [-0.26, 0.05, 0], [0, -0.32, 0], [0, 0.34, -0.3]]
    must_see = np.concatenate([heads + a for a in around] + [aux.corners_W(1.2)])
    size = RESOLUTIONS[o.resolution]
    cameras, poses = {}, {}
    for name, position in placed_cameras(room, o.placement).items():
        jitter = np.random.default_rng([o.seed, 2, len(name)])
        position = position + jitter.normal(0, [0.03, 0.03, 0.01])
        cameras[name], poses[name] = fitted_camera(
            name,
            position,
            must_see,
            size,
            o.lens_px,
            RIGHT_WIDER if name == "right" else 1.0,
            float(jitter.normal(0, 0.8)),
            o.fisheye_deg,
        )
    script_rng = np.random.default_rng([o.seed, 3])
    marks = None
    windows: list[tuple[float, float, int, int]] = []
    if o.scenario == "grid":
        marks = grid_points(room, o.points)
        plans, windows = grid_plans(*marks, o.students, o.seconds, script_rng)
    elif who is not None:
        plans = lively_plans(room, people, who, o.seconds, script_rng)
    else:
        plans = natural_plans(room, people, o.seconds, script_rng)
    plans = [
        replace(plan, held_s=held_spans(o.seconds, np.random.default_rng([o.seed, 24, k])))
        if set(things) & set(HELD) else plan
        for k, (plan, things) in enumerate(zip(plans, wears, strict=True))
    ]  # fmt: skip
    guide = teacher(o.teacher, cast[-1], room, where) if o.teacher else None
    return World(
        o, room, where, aux, people, cameras, poses, plans, windows, marks, wears, who, guide
    )  # fmt: skip
