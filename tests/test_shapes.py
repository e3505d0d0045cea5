"""Public functions of geometry refuse arrays of another shape, and say which and what."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from calibration.shapes import shapes

# Where geometry is met from outside; what each must check at the least.
GEOMETRY = {
    "calibration.camera": 5, "calibration.transform": 6, "calibration.room.world": 4,
    "calibration.room.evidence": 2, "calibration.room.picture": 1,
    "calibration.room.picture_fit": 1, "calibration.room.why": 2,
    "calibration.solve.uncertainty": 4, "gaze.room.geometry": 6, "gaze.room.plane": 3,
    "gaze.room.position": 6,
    "gaze.room.fusion": 2, "gaze.gain.angles": 5, "gaze.gain.apply": 1, "gaze.gain.axis_fit": 1,
    "gaze.people.seats": 2, "gaze.report.density": 2,
}  # fmt: skip
SIZES = {"n": 5, "m": 5, "p": 5, "s": 5, "y": 4, "x": 7}


def checked(module: str) -> Iterator[Callable[..., Any]]:
    """Functions and methods of a module that say their shapes."""
    found = importlib.import_module(module)
    for _, thing in inspect.getmembers(found):
        if getattr(thing, "__module__", None) != module:
            continue
        members = [f for _, f in inspect.getmembers(thing)] if inspect.isclass(thing) else [thing]
        yield from (f for f in members if hasattr(f, "shapes"))


def shape_of(spec: str) -> tuple[int, ...]:
    return tuple(2 if s == "..." else SIZES.get(s) or int(s) for s in spec.split())


CASES = [(f, name) for module in GEOMETRY for f in checked(module) for name in f.shapes]


@pytest.mark.parametrize(
    ("function", "spoiled"), CASES, ids=[f"{f.__qualname__}-{name}" for f, name in CASES]
)
def test_each_argument_of_another_shape_is_named(
    function: Callable[..., Any], spoiled: str
) -> None:
    """The check comes before anything else, so that the rest may be anything."""
    expected: dict[str, str] = function.shapes  # type: ignore[attr-defined]
    arguments: dict[str, Any] = dict.fromkeys(inspect.signature(function).parameters)
    arguments |= {name: np.zeros(shape_of(spec)) for name, spec in expected.items()}
    good = arguments[spoiled].shape
    free = expected[spoiled].split()[-1].isalpha()
    bad = (*good, 2) if free else (*good[:-1], good[-1] + 1)
    arguments[spoiled] = np.zeros(bad)
    said = rf"{function.__name__}: {spoiled} has the shape {bad}, expected ("
    with pytest.raises(ValueError, match=re.escape(said)):
        function(**arguments)


@pytest.mark.parametrize("module", GEOMETRY)
def test_every_room_checks(module: str) -> None:
    assert len(list(checked(module))) >= GEOMETRY[module]


@shapes(a="n 3", b="n 3 3", c="... 2")
def function(a: Any, b: Any = None, *, c: Any = None) -> str:
    """Something to check."""
    return "done"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a": np.zeros((4, 3))}, ""),
        ({"a": np.zeros((0, 3)), "b": np.zeros((0, 3, 3))}, ""),
        ({"a": [[1, 2, 3]], "c": np.zeros(2)}, ""),
        ({"a": np.zeros((4, 3)), "c": np.zeros((9, 4, 2))}, ""),
        ({"a": np.zeros(3)}, "function: a has the shape (3,), expected (n, 3)"),
        (
            {"a": np.zeros((4, 3)), "b": np.zeros((5, 3, 3))},
            "function: b has the shape (5, 3, 3), expected (n, 3, 3) with n = 4",
        ),
        ({"a": np.zeros((4, 3)), "c": np.zeros(())}, "c has the shape (), expected (..., 2)"),
        ({"a": np.zeros((4, 3)), "c": np.zeros((2, 3))}, "c has the shape (2, 3)"),
    ],
)
def test_what_is_said(given: dict[str, Any], said: str) -> None:
    if not said:
        assert function(**given) == "done"
        return
    with pytest.raises(ValueError, match=re.escape(said)):
        function(**given)
