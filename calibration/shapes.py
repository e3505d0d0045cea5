"""Shapes of arrays, checked where a public function of geometry begins."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def shapes(**expected: str) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """The function, refusing arguments of another shape than expected.

    expected : by argument, its sizes: ``"n 3"`` is (n, 3), where a letter is any size, but the same
    in all arguments of a call; ``"... 3"`` has any sizes before. None is not looked at.

    The function raises ValueError: which argument, which shape was expected and found.
    """

    def wrap(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            given = signature.bind(*args, **kwargs).arguments
            sizes: dict[str, int] = {}
            for name, spec in expected.items():
                if given.get(name) is not None:
                    _check(f"{function.__name__}: {name}", np.shape(given[name]), spec, sizes)
            return function(*args, **kwargs)

        checked.shapes = expected  # type: ignore[attr-defined]
        return checked

    return wrap


def _check(name: str, found: tuple[int, ...], spec: str, sizes: dict[str, int]) -> None:
    """``sizes`` : of the letters met so far, added to."""
    wanted = spec.split()
    tail = found
    if wanted[0] == "...":
        wanted = wanted[1:]
        tail = found[max(len(found) - len(wanted), 0) :]
    fits = len(tail) == len(wanted) and all(
        size == (int(w) if w.isdigit() else sizes.setdefault(w, size))
        for w, size in zip(wanted, tail, strict=True)
    )
    if not fits:
        known = ", ".join(f"{w} = {sizes[w]}" for w in dict.fromkeys(wanted) if w in sizes)
        shown = f"({', '.join(spec.split())})" + (f" with {known}" if known else "")
        raise ValueError(f"{name} has the shape {found}, expected {shown}")
