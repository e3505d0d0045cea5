"""Which model is chosen, by errors that are given: what is fitted, held out, taken, and told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calibration.lens import Lens
from calibration.solve import bundle, choose
from calibration.solve.choose import Key
from calibration.solve.intrinsics import Choice, choice_of

SIZES = ((1920, 1080), (1280, 720))
PINHOLE = Lens(np.array([1300.0, 1300, 960, 540, 0, 0, 0, 0, 0]))
FISHEYE = Lens(np.array([700.0, 700, 960, 540, 0, 0, 0, 0]), "equidistant")


@dataclass
class Chosen:
    """What came of it. held : the models held out. said : progress."""

    key: Key
    held: set[Key]
    fitted: list[Key]
    holdout: Any
    rows: list[dict[str, Any]]
    said: list[float]


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`choose` on errors given by model: of a number alone, both lenses have it."""

    def run(
        rms: Mapping[Any, float], held: Mapping[Any, float], *, warp: bool | None = False,
        models: tuple[Choice, ...] = (4, 5, 8), lenses: tuple[Lens, Lens] = (PINHOLE, PINHOLE),
        shared: int = 8, alone: tuple[int, int] = (2, 2),
    ) -> Chosen:  # fmt: skip
        fitted: list[Key] = []
        out: set[Key] = set()

        def error(table: Mapping[Any, float], key: Key) -> float:
            left, right, bend = key
            return table.get(key, 9.0 if bend or left != right else table[left])

        def key_of(state: Any, bend: bool) -> Key:
            return (choice_of(state.lenses[0]), choice_of(state.lenses[1]), bend)

        def solve(problem: Any, state: Any, **options: Any) -> Any:
            assert options["robust_px"] == 1.5
            key = key_of(state, options["with_warp"])
            fitted.append(key)
            return SimpleNamespace(rms_px=error(rms, key), state=state, sigma_px=0.1,
                                   converged=key[0] != 8)  # fmt: skip

        def hold_out(problem: Any, state: Any, rows: Any, **options: Any) -> Any:
            assert rows.tolist() == list(range(shared)) and options["k"] == 5
            key = key_of(state, options["with_warp"])
            out.add(key)
            both = error(held, key)
            return SimpleNamespace(both_px=both, left_to_right_px=2 * both)

        monkeypatch.setattr(choose.bundle, "solve", solve)
        monkeypatch.setattr(choose, "hold_out", hold_out)
        views = [SimpleNamespace(left=1, right=1 if i < shared else None)
                 for i in range(shared + alone[0])]  # fmt: skip
        views += [SimpleNamespace(left=None, right=1)] * alone[1]
        problem = SimpleNamespace(
            cameras=[SimpleNamespace(view=np.arange(shared + n)) for n in alone]
        )
        state = bundle.State(lenses, np.eye(3), np.zeros(3), np.zeros((1, 3, 3)), np.zeros((1, 3)))
        said: list[float] = []
        start: Any = SimpleNamespace(state=state)
        end, bend, best, rows = choose.choose(
            problem, start, views, SIZES, models, warp, 5, 1.5,  # type: ignore[arg-type]
            lambda _, share: said.append(share),
        )  # fmt: skip
        (row,) = [r for r in rows if r["chosen"]]
        key = (row["left"], row["right"], row["warp"])
        assert key == key_of(end.state, bend)
        return Chosen(key, out, fitted, best, rows, said)

    return run


FIT = {4: 1.0, 5: 0.95, 8: 0.90}


@pytest.mark.parametrize(
    ("held", "best"),
    [
        ({4: 1.019, 5: 1.0, 8: 1.0}, 4),  # the simplest within 2 %
        ({4: 1.021, 5: 1.0, 8: 1.0}, 5),
        ({4: 1.5, 5: 1.2, 8: 1.0}, 8),
        ({4: 1.0, 5: 1.2, 8: 1.5}, 4),
    ],
)
def test_the_simplest_within_two_percent_of_the_best(chosen: Any, held: Any, best: int) -> None:
    found = chosen(FIT, held)
    assert found.key == (best, best, False)
    assert found.holdout.both_px == held[best]
    assert found.said == pytest.approx([0.6 + 0.2 / 3, 0.6 + 0.4 / 3, 0.8])
    row = next(r for r in found.rows if r["left"] == r["right"] == 8)
    assert (row["rms_px"], row["holdout_both_px"], row["holdout_px"], row["converged"]) == (
        0.9, held[8], 2 * held[8], False)  # fmt: skip


def test_what_fits_no_better_or_hopelessly_is_not_held_out(chosen: Any) -> None:
    same = chosen({4: 1.0, 5: 0.9995, 8: 0.9992}, {4: 1.0})
    assert same.held == {(4, 4, False)} and same.key == (4, 4, False)
    assert [r["holdout_px"] for r in same.rows] == [2.0, None, None]
    step = chosen({4: 1.0, 5: 0.9995, 8: 0.9985}, {4: 1.0, 8: 1.0})
    assert step.held == {(4, 4, False), (8, 8, False)}
    assert (4, 4, False) not in chosen({4: 2.1, 5: 1.0, 8: 1.0}, {5: 1.0}).held
    assert (4, 4, False) in chosen({4: 1.9, 5: 1.0, 8: 1.0}, {4: 3.0, 5: 1.0}).held


@pytest.mark.parametrize(
    ("fit", "error", "bends", "asked"),
    [(0.9995, 0.5, False, False), (0.99, 0.99, False, True), (0.99, 0.9, True, True)],
)
def test_a_board_bends_where_that_tells_of_other_views(
    chosen: Any, fit: float, error: float, bends: bool, asked: bool
) -> None:
    bent = (4, 4, True)
    found = chosen({4: 1.0, bent: fit}, {4: 1.0, bent: error}, models=(4,), warp=None)
    assert found.key == (4, 4, bends) and (bent in found.held) == asked
    assert chosen({bent: 1.0}, {bent: 1.0}, models=(4,), warp=True).fitted == [bent]
    assert chosen({4: 1.0}, {4: 1.0}, models=(4,), warp=False).fitted == [(4, 4, False)]


@pytest.mark.parametrize("simple", ["left", "right", None])
def test_one_lens_may_be_simpler_than_the_other(chosen: Any, simple: str | None) -> None:
    held = {4: 2.0, 5: 1.5, 8: 1.0, (8, 5, False): 1.3, (5, 8, False): 1.3}
    key = {"left": (5, 8, False), "right": (8, 5, False), None: (8, 8, False)}[simple]
    held[key] = 1.01 if simple else 1.0
    found = chosen(FIT | {(8, 5, False): 0.9, (5, 8, False): 0.9}, held)
    assert found.key == key
    assert found.fitted[3:] == [(8, 5, False), (5, 8, False)]
    assert found.held >= set(found.fitted[3:])


@pytest.mark.parametrize(
    ("shared", "alone", "tried", "held"),
    [(3, (9, 9), 1, 0), (4, (0, 0), 1, 1), (4, (1, 1), 3, 3), (4, (9, 0), 1, 1), (0, (9, 9), 1, 0)],
)
def test_few_views_take_the_model_that_asks_least(
    chosen: Any, shared: int, alone: tuple[int, int], tried: int, held: int
) -> None:
    found = chosen(FIT, {4: 1.0, 5: 1.1, 8: 1.2}, shared=shared, alone=alone, models=(8, 5, 4))
    assert (len(found.fitted), len(found.held)) == (tried, held) and found.key == (4, 4, False)
    assert (found.holdout is None) == (held == 0)


def test_one_eye_may_be_a_fisheye(chosen: Any) -> None:
    wide = ("equidistant", 4, False)
    models = ("equidistant", 4, 5)
    rms = {4: 1.0, "equidistant": 1.0, 5: 1.0, wide: 0.5, ("equidistant", 5, False): 0.5}
    found = chosen(rms, {4: 3.0, "equidistant": 2.0, wide: 0.5}, models=models,
                   lenses=(FISHEYE, PINHOLE))  # fmt: skip
    assert found.key == wide
    other = (4, "equidistant", False)
    few = chosen({other: 1.0}, {other: 1.0}, models=models, lenses=(PINHOLE, FISHEYE), shared=3)
    assert few.fitted == [other]
    # of as many numbers OpenCV's own comes first
    both = chosen({4: 1.0, "equidistant": 0.9}, {4: 1.0, "equidistant": 0.99},
                  models=("equidistant", 4))  # fmt: skip
    assert both.key == (4, 4, False)
    worse = chosen({4: 1.0, "equidistant": 0.9}, {4: 1.0, "equidistant": 0.5},
                   models=("equidistant", 4))  # fmt: skip
    assert worse.key == ("equidistant", "equidistant", False)
