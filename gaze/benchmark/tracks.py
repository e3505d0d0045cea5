"""The benchmark's lessons: options and seeds, frozen. The same options give the same lesson."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from calibration.errors import UserError
from sessions.simulation.simulate import Options

#: Changed with every change of a track: results of different versions are not compared.
VERSION = 2


class BenchmarkError(UserError):
    """A track, or an entry, that cannot be scored."""


@dataclass(frozen=True)
class Track:
    """Lessons of one kind. says : what is hard in them. options : those of `gaze simulate`."""

    name: str
    says: str
    options: Mapping[str, Any]
    seeds: tuple[int, ...]

    def lesson(self, seed: int) -> Options:
        """The options of one lesson, checked."""
        return Options(**self.options, seed=seed).checked()


def _track(name: str, says: str, seeds: tuple[int, ...], **options: Any) -> Track:
    every = {"seconds": 18.0, "fps": 5.0, "views": 12, "people": "test", **options}
    return Track(name, says, MappingProxyType(every), seeds)


TRACKS = {
    t.name: t
    for t in (
        Track(
            "demo",
            "the lesson of gaze demo: marked points in turn, 8 students, small files",
            MappingProxyType(
                {"seconds": 13.5, "fps": 5.0, "views": 16, "views_alone": 6, "crf": 23,
                 "jpeg_quality": 80}
            ),
            (1,),
        ),
        _track("marked", "marked points in turn, people no network saw", (9001, 9002, 9003)),
        _track("natural", "a lesson: following, writing, talking to the neighbour; heads do 70 % "
               "of a turn", (9011, 9012, 9013), scenario="natural"),
        _track("full-class", "24 students in 4 rows to 8 m", (9021, 9022), students=24, rows=4,
               far_m=8.0, scenario="natural"),
        _track("dark", "a third of the light, three times the noise", (9031, 9032), light=0.35,
               noise=3.0),
        _track("compressed", "H.264 at a low rate", (9041, 9042), crf=34),
        _track("coarse", "720p", (9051, 9052), resolution="720p"),
        _track("clocks", "cameras 0.4 s apart, one runs 80 ppm fast; a natural lesson",
               (9061, 9062), offset_s=0.4, drift_ppm=80.0, scenario="natural"),
        _track("small-room", "a small room, cameras turned inwards", (9071, 9072), room="small",
               placement="inward"),
        _track("masks", "everybody wears a mask", (9101,), seconds=13.5, wear="mask"),
        _track("caps-glasses-hair", "caps, glasses, hair over half of the face", (9111,),
               seconds=13.5, wear="cap 4, glasses 4, hair 3"),
        _track("hands-books", "hands before the mouth and books held up, half of the time", (9121,),
               seconds=13.5, wear="hand 4, book 4"),
        _track("lively", "twins talk to each other, one looks back, one bends over the desk, one "
               "leaves and comes back, two change seats (events.csv says so)", (9131,),
               students=10, scenario="lively"),
        _track("teacher", "somebody who is no student walks before the class and between its rows, "
               "the face to the cameras", (9171,), scenario="natural", teacher="walks"),
        _track("lost-frames", "the right film lacks three frames of ten a second, halfway, and its "
               "times do not say so", (9181,), scenario="natural", fps=10.0, lost=3),
        _track("fisheye", "both lenses are fisheyes, 120 degrees wide", (9191,), seconds=13.5,
               fisheye_deg=120.0),
        _track("corners", "cameras in the room's front corners, under the ceiling", (9201,),
               seconds=13.5, placement="5.55,-0.6,0.2;-1.55,-0.6,0.2"),
        _track("4k", "the same class in 4K", (9211,), seconds=12.0, scenario="natural",
               resolution="4k"),
        _track("two-minutes", "long enough for the class's agreement to prove itself", (9221,),
               seconds=120.0, fps=2.5, scenario="natural"),
        _track("camera", "motion blur and rolling shutter of 20 ms, mains flicker, windows behind "
               "the class, noise at a low rate", (9141,), seconds=12.0, scenario="natural",
               exposure_s=0.02, readout_s=0.02, flicker=0.3, backlight=0.7, noise=2.5, crf=30),
        _track("five-rows", "28 students in 5 rows to 8 m", (9151,), seconds=12.0, students=28,
               rows=5, far_m=8.0, scenario="natural", people="all"),
    )
}  # fmt: skip


def track(name: str) -> Track:
    """A track by its name.

    Raises
    ------
    BenchmarkError : there is none of that name.
    """
    if name not in TRACKS:
        raise BenchmarkError(
            "there is no such track", found=repr(name), expected=", ".join(TRACKS)
        )  # fmt: skip
    return TRACKS[name]
