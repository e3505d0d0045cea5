"""What each stage hands to the next, and what is asked when: by stages whose answers are given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calibration.corners.boards import Board, View
from calibration.errors import CalibrationError
from calibration.lens import Lens
from calibration.solve import estimate as stages
from calibration.solve.estimate import ASKED_SUPPORT, Estimate, estimate
from calibration.solve.pair import Diagnosis
from calibration.verdict import Cause

BOARD = Board("chessboard", (6, 5), 0.11)
SIZES = {"left": (1920, 1080), "right": (1280, 720)}
GOOD, ODD = (Lens(np.array([f, f, 960, 540, 0, 0, 0, 0])) for f in (1300.0, 1.0))


def view(k: int, left: bool = True, right: bool = True) -> View:
    halves = [
        np.full((30, 2), k + c / 10) if seen else None for c, seen in enumerate((left, right))
    ]
    return View(f"v{k}", *halves)


VIEWS = [view(k) for k in range(5)]


class Stages:
    """Answers of the stages, that a test may set, and what they were asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.used = {camera: [*range(5)] for camera in SIZES}
        self.agreed: Any = SimpleNamespace(support=1.0)
        self.why: Cause | None = None
        self.changed: Cause | None = None
        self.causes: list[Cause] = []
        self.faults: list[str] = []
        self.held: Any = SimpleNamespace(left_to_right_px=0.4, expected_px=0.3)
        self.lenses, self.sigma_px, self.wrong_corners, self.solves = [GOOD, GOOD], 0.2, 0, 0

    def note(self, **what: Any) -> None:
        for name, value in what.items():
            self.asked.setdefault(name, []).append(value)

    def solution(self, *_: Any, **given: Any) -> Any:
        self.solves += 1
        return SimpleNamespace(state=SimpleNamespace(lenses=self.lenses), sigma_px=self.sigma_px)

    def alone(
        self, camera: str, board: Any, views: Any, size: Any, rejected: Any, models: Any
    ) -> Any:
        rejected.causes[:] = self.causes
        for name in self.faults:
            rejected.fault(name, Diagnosis("not_simultaneous", None, ""))
        rejected.tell = lambda total: self.note(total=total)
        rows = self.used[camera]
        state = SimpleNamespace(
            R_view=[f"R {camera} {k}" for k in rows], t_view=[f"t {camera} {k}" for k in rows]
        )
        return SimpleNamespace(
            lens=camera, residual_px=[f"{camera} {k}" for k in rows],
            solution=SimpleNamespace(state=state),
        ), rows  # fmt: skip

    def pair(self, points: Any, left: Any, right: Any, lenses: Any) -> Any:
        self.note(pair=([c[0, 0] for c in left], [c[0, 0] for c in right], lenses))
        return self.agreed

    def disagree(self, board: Any, sizes: Any, views: Any, *_: Any) -> Cause | None:
        self.note(disagree=[v.name for v in views])
        return self.why

    def mend(self, board: Any, sizes: Any, kept: Any, shared: Any, *_: Any) -> Any:
        self.note(kept=[(v.left is not None, v.right is not None) for v in kept], shared=shared)
        return kept, {}

    def start(self, board: Any, kept: Any, own: Any, *_: Any) -> Any:
        self.note(own=own)
        return kept, "problem", None

    def views(self, board: Any, kept: Any, problem: Any, solution: Any, *_: Any) -> Any:
        self.note(reject_views=True)
        return kept, problem, solution

    def choose(self, problem: Any, solution: Any, kept: Any, sizes: Any, models: Any, warp: Any,
               folds: int, robust_px: float, say: Any) -> Any:  # fmt: skip
        self.note(folds=folds, robust_px=robust_px)
        return self.solution(), False, self.held, []

    def corners(self, problem: Any, *_: Any) -> Any:
        self.note(reject_corners=True)
        return problem, self.wrong_corners

    def changes(self, problem: Any, solution: Any, single: Any, names: Any, places: Any,
                heights: Any, with_warp: bool, why: Cause | None) -> Cause | None:  # fmt: skip
        self.note(changes=(names, places, heights), why=why)
        return self.changed


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Stages:
    it = Stages()
    for name, stage in {
        "usable": lambda views, *_: list(views), "one_camera": it.alone, "consensus": it.pair,
        "why_views_disagree": it.disagree, "mend_views": it.mend,
        "_joint_start": it.start,
        "robust_solve": it.solution, "reject_views": it.views, "choose": it.choose,
        "reject_corners": it.corners, "what_changed": it.changes,
    }.items():  # fmt: skip
        monkeypatch.setattr(stages, name, stage)
    monkeypatch.setattr(stages.bundle, "solve", it.solution)
    return it


def solve(views: list[View] = VIEWS, **options: Any) -> Estimate:
    return estimate(BOARD, SIZES, views, **options)


def cause(code: str) -> Cause:
    return Cause(code, "WARN", code, f"mend {code}")


def codes(found: Estimate) -> list[str]:
    return [c.code for c in found.rejected.causes]


def test_each_stage_gets_what_the_one_before_left(given: Stages) -> None:
    told: list[tuple[str, float]] = []
    views = [*VIEWS[:4], view(4, right=False), view(5, left=False)]
    given.used = {"left": [0, 1, 2, 4], "right": [0, 2, 3, 5]}
    found = solve(views, progress=lambda *now: told.append(now))
    asked = given.asked
    both, left, right = (True, True), (True, False), (False, True)
    assert asked["kept"] == [[both, left, both, right, left, right]]
    assert asked["shared"] == [[0, 2]] and asked["total"] == [2]
    assert asked["pair"] == [([0, 2], [0.1, 2.1], ("left", "right"))]
    assert asked["folds"] == [5]
    assert found.shared.tolist() == [0, 2]
    assert told == [
        ("each camera alone", 0.05), ("the pair", 0.3), ("all views jointly", 0.45),
        ("lens model by hold-out", 0.6), ("cameras done", 0.9),
    ]  # fmt: skip
    assert found.mono_residuals == {
        (f"v{k}", c): f"{c} {k}" for c, rows in given.used.items() for k in rows
    }
    assert asked["own"] == [
        {(f"v{k}", c): (f"R {c} {k}", f"t {c} {k}") for c, rows in given.used.items() for k in rows}
    ]


def test_no_view_of_both_cameras_is_refused_and_one_is_enough(given: Stages) -> None:
    given.used = {"left": [0, 1], "right": [2, 3]}
    with pytest.raises(CalibrationError, match="2 views left, 2 right, none in common"):
        solve()
    given.used["right"] = [1, 2]
    assert solve().shared.tolist() == [1] and "disagree" not in given.asked
    given.agreed = None
    with pytest.raises(CalibrationError, match="no view gives a relative pose"):
        solve()


@pytest.mark.parametrize(("shared", "asked"), [(2, False), (3, True)])
def test_why_views_disagree_is_asked_of_the_fewest_at_least(
    given: Stages, shared: int, asked: bool
) -> None:
    given.used["left"] = list(range(shared))
    solve()
    assert ("disagree" in given.asked) == asked


@pytest.mark.parametrize(("sigma_px", "robust_px"), [(0.2, 0.3), (0.0, 1.5e-4), (8e-5, 1.5e-4)])
def test_the_loss_goes_by_the_corners_sigma(
    given: Stages, sigma_px: float, robust_px: float
) -> None:
    given.sigma_px = sigma_px
    found = solve()
    assert given.asked["robust_px"] == [pytest.approx(robust_px)] == [found.robust_px]


@pytest.mark.parametrize(
    ("reject", "wrong_corners", "solves"), [(True, 0, 3), (True, 2, 4), (False, 2, 3)]
)
def test_it_is_solved_again_where_corners_went(
    given: Stages, reject: bool, wrong_corners: int, solves: int
) -> None:
    given.wrong_corners = wrong_corners
    solve(reject=reject)
    assert given.solves == solves
    assert ("reject_views" in given.asked, "reject_corners" in given.asked) == (reject, reject)


@pytest.mark.parametrize("lenses", [[ODD, GOOD], [GOOD, ODD], [ODD, ODD]])
def test_one_impossible_lens_is_refused(given: Stages, lenses: list[Lens]) -> None:
    given.lenses = lenses
    with pytest.raises(CalibrationError, match="all views together lead to an impossible lens"):
        solve()


# -- what changed among the views ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("support", "held", "asked"),
    [
        (1.0, (0.6, 0.3), False), (1.0, (0.61, 0.3), True), (ASKED_SUPPORT, None, False),
        (ASKED_SUPPORT - 0.01, None, True), (0.5, (0.6, 0.3), True), (1.0, None, False),
    ],
)  # fmt: skip
def test_it_is_asked_where_views_disagree_or_fit_worse_than_they_should(
    given: Stages, support: float, held: tuple[float, float] | None, asked: bool
) -> None:
    given.agreed.support = support
    given.held = held and SimpleNamespace(left_to_right_px=held[0], expected_px=held[1])
    assert not codes(solve())
    assert ("changes" in given.asked) == asked
    if asked:
        assert given.asked["changes"] == [([v.name for v in VIEWS], [*range(5)], (1080, 720))]


def test_it_is_asked_where_so_many_views_were_lost_that_none_is_left_to_hold_out(
    given: Stages,
) -> None:
    """A zoom of 20 % half way is in no view that is left."""
    given.held, given.faults = None, ["03"]
    solve()
    assert "changes" in given.asked


@pytest.mark.parametrize("why", [None, "camera_moved"])
@pytest.mark.parametrize("changed", [None, "zoom_changed"])
def test_what_changed_is_asked_beside_what_the_pair_said(
    given: Stages, why: str | None, changed: str | None
) -> None:
    given.agreed.support = 0.5
    given.why, given.changed = (code and cause(code) for code in (why, changed))  # type: ignore[assignment]
    assert codes(solve()) == ([] if changed is None else [changed])
    assert given.asked["why"] == [given.why]


@pytest.mark.parametrize(
    ("changed", "left"),
    [
        ("zoom_changed", ["zoom_changed", "mirrored_picture"]),
        ("not_simultaneous", ["not_simultaneous", "zoom_changed", "mirrored_picture"]),
        (None, ["not_simultaneous", "zoom_changed", "mirrored_picture"]),
    ],
)
def test_what_explains_all_stands_first_and_once(
    given: Stages, changed: str | None, left: list[str]
) -> None:
    """A zoom explains pictures that do not fit together as well."""
    given.causes = [cause(c) for c in ("not_simultaneous", "zoom_changed", "mirrored_picture")]
    given.agreed.support, given.changed = 0.5, changed and cause(changed)  # type: ignore[assignment]
    assert codes(solve()) == left


def test_what_the_pair_said_already_stands_first(given: Stages) -> None:
    given.why, given.causes = cause("camera_moved"), [cause("reversed_view")]
    assert codes(solve()) == ["camera_moved", "reversed_view"]
    assert "changes" not in given.asked  # nothing is suspicious
