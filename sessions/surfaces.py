"""What there is to look at: the blackboard, other surfaces, their areas; tables of session.toml."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sessions.config_values import AreaName, LessonFile, Metres, Points, Range
from sessions.names import key_of

# Targets that are no surface, and the blackboard: no surface may have such a name.
BLACKBOARD, DESK, NEIGHBOUR, TEACHER, ELSEWHERE = TARGETS = (
    "blackboard", "desk", "neighbour", "teacher", "elsewhere",
)  # fmt: skip


class Strict(BaseModel):
    """A table of session.toml: no unknown key, no change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Area(Strict):
    """A named rectangle of a surface, from its upper RIGHT corner leftwards and down."""

    name: AreaName
    x_m: Range
    y_m: Range

    @field_validator("x_m", "y_m")
    @classmethod
    def _ordered(cls, v: tuple[float, float]) -> tuple[float, float]:
        if not v[0] < v[1]:
            raise ValueError(f"expected [from, to] with from < to, found [{v[0]}, {v[1]}]")
        return v

    def holds(self, xy_m: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points (N,2) lie in it, edges included; NaN does not."""
        low, high = np.array([self.x_m, self.y_m]).T
        return np.asarray(((xy_m >= low) & (xy_m <= high)).all(-1))


class WithAreas(Strict):
    """A rectangle with areas of its own."""

    width_m: Metres = Field(gt=0.3, lt=20)
    height_m: Metres = Field(gt=0.2, lt=6)
    areas: tuple[Area, ...] = ()

    @property
    def called(self) -> str:
        """What an error calls it."""
        return "blackboard"

    @model_validator(mode="after")
    def _names_differ(self) -> WithAreas:
        if same := first_double([a.name for a in self.areas]):
            raise ValueError(f"two areas have the same name ({same[0]!r}, {same[1]!r})")
        return self

    @model_validator(mode="after")
    def _areas_are_on_it(self) -> WithAreas:
        for area in self.areas:
            if not (
                area.x_m[0] < self.width_m
                and area.x_m[1] > 0
                and area.y_m[0] < self.height_m
                and area.y_m[1] > 0
            ):
                raise ValueError(
                    f"the area {area.name!r} lies outside the {self.called} (x_m {list(area.x_m)}, "
                    f"y_m {list(area.y_m)}): x_m counts leftwards from its upper RIGHT corner, "
                    f"0 to {self.width_m:g}, y_m downwards, 0 to {self.height_m:g}"
                )
        return self


class Blackboard(WithAreas):
    """The blackboard's writing surface."""

    picture: LessonFile | None = None
    picture_corners_px: Points | None = Field(
        default=None,
        min_length=4,
        max_length=4,
        description="upper left, upper right, lower right, lower left, as seen",
    )

    def holds(self, xy_m: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points (N,2) in W lie on it, edges included; NaN does not."""
        return np.asarray(((xy_m >= 0) & (xy_m <= [self.width_m, self.height_m])).all(-1))

    def areas_of(self, xy_m: NDArray[np.float64]) -> NDArray[np.object_]:
        """Name of the area that holds each point (N,2) in W (the first that does), or None."""
        out = np.full(len(xy_m), None, object)
        for area in reversed(self.areas):
            out[area.holds(xy_m)] = area.name
        return out


class Surface(WithAreas):
    """Another board, a screen, a map: a rectangle, flat or curved about the vertical.

    left_m, down_m, out_m : tape from the blackboard's upper right corner to its own upper right
    corner (of somebody who faces it). turned_deg : from parallel to the blackboard, seen from
    above counter-clockwise: 90 hangs on the wall to the class's right, -90 on the left one, 180 on
    the back wall. tilted_deg : its upper edge leans towards those who look at it. radius_m : of a
    curved one, > 0 where its ends come forward, < 0 where its middle does; width_m is then measured
    along the surface.
    """

    name: AreaName
    left_m: Metres = Field(ge=-20, le=30)
    down_m: Metres = Field(ge=-4, le=4)
    out_m: Metres = Field(ge=-1, le=25)
    turned_deg: Metres = Field(default=0.0, ge=-180, le=180)
    tilted_deg: Metres = Field(default=0.0, ge=-80, le=80)
    radius_m: Metres | None = None

    @property
    def called(self) -> str:
        return f"surface {self.name!r}"

    @field_validator("name")
    @classmethod
    def _no_target(cls, name: str) -> str:
        if key_of(name.strip()) in TARGETS:
            raise ValueError(f"this is the name of a target of its own ({', '.join(TARGETS)})")
        return name

    @model_validator(mode="after")
    def _curved_less_than_half_round(self) -> Surface:
        if self.radius_m is not None and self.width_m >= math.pi * abs(self.radius_m):
            raise ValueError(
                f"radius_m is impossible: a surface of {self.width_m:g} m would go more than half "
                f"round a circle of {abs(self.radius_m):g} m; expected more than "
                f"{self.width_m / math.pi:.2f} m"
            )
        return self


class Targets(Strict):
    """What else may be looked at. Absent: where the class's σ can tell it from the surfaces."""

    desks: bool | None = None
    neighbours: bool | None = None


def first_double(names: Sequence[str]) -> tuple[str, str] | None:
    """Two names that are one but for capitals or the way accents are written."""
    seen: dict[str, str] = {}
    for name in names:
        if key_of(name) in seen:
            return seen[key_of(name)], name
        seen[key_of(name)] = name
    return None
