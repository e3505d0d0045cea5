"""Which views and corners are left out or put right, by errors that are given. Quick."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calibration.corners.boards import Board, View
from calibration.solve import views as v_
from calibration.solve.pair import Diagnosis
from calibration.solve.problem import MEDIAN_TO_RMS, build
from calibration.solve.views import Rejections, mend_views, reject_corners, reject_views, usable
from calibration.transform import Array
from calibration.verdict import Cause

BOARD = Board("chessboard", (6, 5), 0.11)
POINTS = BOARD.points_B()
SIZES = {"left": (1920, 1080), "right": (1280, 720)}


def corners(k: int, camera: int = 0) -> Array:
    """(30, 2) of a view like no other's."""
    return 100.0 + 7 * k + 3 * camera + 40 * POINTS[:, :2] / 0.11


def view(k: int) -> View:
    return View(f"v{k}", corners(k), corners(k, 1))


# -- what is said of faults ------------------------------------------------------------------------


def told(code: str, n: int, total: int, *rivals: str) -> Cause:
    rejected = Rejections()
    for k in range(n):
        rejected.fault(f"v{k}", Diagnosis(code, None, "", rivals=rivals))
    rejected.tell(total)
    (cause,) = rejected.causes
    return cause


@pytest.mark.parametrize(
    ("code", "n", "total", "severity"),
    [
        ("mirrored_picture", 4, 10, "WARN"),
        ("mirrored_picture", 5, 10, "FAIL"),
        ("mirrored_picture", 1, 1, "FAIL"),
        ("mirrored_picture", 1, 2, "FAIL"),
        ("reversed_view", 9, 10, "WARN"),
    ],
)
def test_a_fault_of_most_views_fails(code: str, n: int, total: int, severity: str) -> None:
    assert told(code, n, total).severity == severity


def test_views_with_a_fault_are_named_up_to_six() -> None:
    assert told("mirrored_picture", 1, 9).message.startswith("view v0: a picture is mirrored")
    six = "views v0, v1, v2, v3, v4, v5"
    assert told("mirrored_picture", 6, 9).message.startswith(f"{six}: a picture")
    assert told("mirrored_picture", 8, 9).message.startswith(f"{six} and 2 more: a picture")


def test_what_explains_a_fault_as_well_is_told_once() -> None:
    cause = told("not_simultaneous", 2, 9, "another_board", "not_simultaneous")
    assert cause.rivals == ("another_board",) and "squares are of another size" in cause.message


# -- views that can be used ------------------------------------------------------------------------


def used(*views: View) -> tuple[list[View], Rejections]:
    rejected = Rejections()
    return usable(views, BOARD, SIZES, rejected), rejected


def only(n: int, at: int = 0) -> Array:
    """Corners of which n are seen."""
    uv = corners(0, at)
    uv[n:, 0] = np.nan
    return uv


def test_eight_corners_are_the_fewest() -> None:
    out, rejected = used(View("a", only(8), only(7)), View("b", only(7), None))
    assert [(v.name, v.left is not None, v.right is not None) for v in out] == [("a", True, False)]
    few = "too few corners of the board are seen"
    assert rejected.views == {("a", "right"): few, ("b", "left"): few}


@pytest.mark.parametrize(
    ("which", "value", "inside"),
    [(0, -4.9, True), (0, -5.1, False), (1, -5.1, False), (0, 1924.9, True), (0, 1925.1, False),
     (1, 1084.9, True), (1, 1085.1, False)],
)  # fmt: skip
def test_a_corner_lies_in_the_picture_but_for_5_px(which: int, value: float, inside: bool) -> None:
    uv = corners(0)
    uv[3, which] = value
    out, rejected = used(View("a", uv, corners(0, 1)))
    assert (out[0].left is not None) == inside and out[0].right is not None
    said = {("a", "left"): "corners lie outside the picture"}
    assert rejected.views == ({} if inside else said)


def test_a_copy_counts_once() -> None:
    copy = View("copy", corners(0) + 9e-4, corners(5, 1))
    near = View("near", corners(0) + 11e-4, corners(6, 1))
    out, rejected = used(view(0), copy, near, View("again", corners(0), None))
    assert [(v.name, v.left is not None) for v in out] == [("v0", True), ("copy", False),
                                                          ("near", True)]  # fmt: skip
    same = "the same picture as v0"
    assert rejected.views == {("copy", "left"): same, ("again", "left"): same}
    (cause,) = rejected.causes
    assert (cause.code, cause.severity) == ("duplicate_views", "WARN")
    assert "(copy, again)" in cause.message
    assert used(view(0), view(1))[1].causes == []


def test_what_shares_no_corner_or_size_is_no_copy() -> None:
    first, second = corners(0), corners(0)
    first[15:], second[:15] = np.nan, np.nan
    assert len(used(View("a", first, None), View("b", second, None))[0]) == 2
    assert len(used(View("a", corners(0)[:20], None), View("b", corners(0), None))[0]) == 2


def test_one_picture_in_both_folders() -> None:
    out, rejected = used(View("a", corners(0), corners(0)), view(1))
    assert [(v.name, v.right is not None) for v in out] == [("a", False), ("v1", True)]
    assert ("a", "right") in rejected.views
    (cause,) = rejected.causes
    assert (cause.code, cause.severity) == ("same_picture_twice", "FAIL")


# -- views that disagree with the others -----------------------------------------------------------


@dataclass
class Asked:
    """Stands for ``diagnose`` and ``refined``: what they were given, what they answer."""

    answer: Diagnosis
    limit_px: float = 0.0
    sizes: Any = None

    def diagnose(self, board: Board, left: Array, right: Array, sizes: Any, cameras: Any,
                 limit_px: float) -> Diagnosis:  # fmt: skip
        self.sizes, self.limit_px, self.seen = sizes, limit_px, (left, right)
        assert board == BOARD
        return self.answer

    def refined(self, points: Array, left: Any, right: Any, agreed: Any) -> Any:
        assert len(left) == len(right) == len(agreed.agrees)
        return "cameras"


def mended(
    monkeypatch: pytest.MonkeyPatch, code: str, camera: str | None = None,
    known: Cause | None = None, rms: tuple[float, float] = (0.5, 0.7),
) -> tuple[list[View], dict[int, int], Rejections, Asked]:  # fmt: skip
    """Four views, the third of one camera, the last of which disagrees."""
    asked = Asked(Diagnosis(code, camera, "why", corners(8), corners(9)))
    monkeypatch.setattr(v_, "diagnose", asked.diagnose)
    monkeypatch.setattr(v_, "refined", asked.refined)
    given = [view(0), view(1), View("v2", corners(2), None), view(3)]
    mono: Any = {c: SimpleNamespace(lens=None, rms_px=r)
                 for c, r in zip(("left", "right"), rms, strict=True)}  # fmt: skip
    agreed: Any = SimpleNamespace(agrees=np.array([True, True, False]))
    rejected = Rejections()
    out, good = mend_views(BOARD, SIZES, given, [0, 1, 3], mono, agreed, rejected, known)
    assert all(a is b for a, b in zip(out[:3], given[:3], strict=True))
    return out, good, rejected, asked


def test_views_that_agree_are_asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v_, "refined", None)
    agreed: Any = SimpleNamespace(agrees=np.array([True, True]))
    mono: Any = {c: SimpleNamespace(lens=None, rms_px=1.0) for c in SIZES}
    given = [view(0), view(1)]
    out = mend_views(BOARD, SIZES, given, [0, 1], mono, agreed, Rejections(), None)
    assert out == (given, {0: 0, 1: 1})


@pytest.mark.parametrize("code", ["reversed_view", "swapped_pictures"])
def test_a_view_is_put_right(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    out, good, rejected, asked = mended(monkeypatch, code)
    assert len(out) == 4 and good == {0: 0, 1: 1} and rejected.views == {}
    assert np.array_equal(out[3].left, corners(8)) and np.array_equal(out[3].right, corners(9))
    assert asked.sizes == SIZES and list(rejected.faults) == [code]
    assert np.array_equal(asked.seen[1], corners(3, 1))


@pytest.mark.parametrize(
    ("rms", "limit_px"), [((0.5, 0.7), 4.2), ((0.8, 0.1), 4.8), ((0.1,) * 2, 2)]
)
def test_how_badly_a_pose_may_fit(monkeypatch: pytest.MonkeyPatch, rms, limit_px: float) -> None:
    *_, asked = mended(monkeypatch, "another_board", rms=rms)
    assert asked.limit_px == pytest.approx(limit_px)


def cameras_of(views: list[View]) -> list[tuple[str, bool, bool]]:
    return [(v.name, v.left is not None, v.right is not None) for v in views[3:]]


def test_a_view_is_left_out_or_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    out, _, rejected, _ = mended(monkeypatch, "mirrored_picture", "left")
    assert cameras_of(out) == [("v3", False, True)] and rejected.views == {("v3", "left"): "why"}
    out, _, rejected, _ = mended(monkeypatch, "another_board")
    assert cameras_of(out) == [("v3", False, False)] and rejected.views == {("v3", ""): "why"}
    out, _, rejected, _ = mended(monkeypatch, "mirrored_picture")  # nobody knows whose
    assert cameras_of(out) == [("v3", False, False)] and rejected.views == {("v3", ""): "why"}
    out, _, rejected, _ = mended(monkeypatch, "not_simultaneous")
    assert cameras_of(out) == [("v3", True, False), ("v3", False, True)]
    assert rejected.views == {("v3", ""): "why"}


def test_what_is_wrong_with_all_is_said_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Cause("zoomed", "FAIL", "the lens moved")
    out, good, rejected, asked = mended(monkeypatch, "mirrored_picture", "left", known)
    assert cameras_of(out) == [("v3", True, False), ("v3", False, True)] and good == {0: 0, 1: 1}
    assert rejected.views == {("v3", ""): "the lens moved"} and not rejected.faults
    assert asked.sizes is None


# -- by what is left over of the joint solve -------------------------------------------------------


def solved(views: list[View], px: list[tuple[float, float]]) -> tuple[Any, Any]:
    """A problem, and a solution that leaves every corner of each view so many px off."""
    problem = build([POINTS], [(v.left, v.right, 0) for v in views])
    residuals = []
    for c in (0, 1):
        off = np.array([px[row][c] for row in problem.cameras[c].view])
        residuals.append(np.tile(off[:, None, None] * [0.6, 0.8], (1, len(POINTS), 1)))
    V = len(views)
    state = State(("l", "r"), "R", "t", np.zeros((V, 3, 3)), np.arange(V)[:, None] * np.ones(3))
    return problem, SimpleNamespace(state=state, residuals=tuple(residuals))


@dataclass(frozen=True)
class State:
    lenses: Any
    R_RL: Any
    t_RL: Any
    R_view: Array
    t_view: Array

    def posed(self, R_view: Array, t_view: Array) -> State:
        return replace(self, R_view=R_view, t_view=t_view)


def test_corners_beyond_five_sigma_weigh_nothing() -> None:
    views = [view(0), View("alone", None, corners(1, 1)), view(2)]
    problem, solution = solved(views, [(0.2, 0.3)] * 3)
    problem.cameras[1].weight[1, 7] = 0.0  # not seen
    five = 5 * np.array([0.2, 0.3]) / 1.1774
    solution.residuals[0][1, 4] = [five[0] - 0.01, 0]
    solution.residuals[0][1, 5] = [0, five[0] + 0.01]
    solution.residuals[1][1, 5:8] = [five[1] + 0.01, 0]
    rejected = Rejections(corners={("alone", "right"): 3})
    after, n = reject_corners(problem, solution, views, rejected)
    assert n == 3 and rejected.corners == {("v2", "left"): 1, ("alone", "right"): 5}
    for c, gone in ((0, {(1, 5)}), (1, {(1, 5), (1, 6), (1, 7)})):
        assert {(int(a), int(b)) for a, b in np.argwhere(after.cameras[c].weight == 0)} == gone


def test_the_noise_of_exact_corners_is_a_hundredth_of_a_pixel() -> None:
    views = [view(0), view(1)]
    problem, solution = solved(views, [(0.0, 0.0)] * 2)
    solution.residuals[0][0, 0] = [0.049, 0]
    solution.residuals[0][0, 1] = [0.051, 0]
    assert reject_corners(problem, solution, views, Rejections())[1] == 1


def rejected_of(
    monkeypatch: pytest.MonkeyPatch, views: list[View], px: dict[str, tuple[float, float]],
    answer: Diagnosis | None = None, sigma: float = 0.01, turned_px: float = 0.2,
    resected: Any = ("R", "t"),
) -> tuple[list[View], Rejections, Any, Any]:  # fmt: skip
    """``reject_views`` of views that fit to so many px (others: 0.2), given as their rms."""
    asked = Asked(answer or Diagnosis("another_board", None, "why"))
    errors = dict(px)

    def solve(problem: Any, state: State, warp: bool) -> Any:
        assert not warp
        now = [v for v in views if v.name not in gone()]
        _, solution = solved(now, [as_rms(v) for v in now])
        return SimpleNamespace(state=state, residuals=solution.residuals)

    def gone() -> set[str]:
        return {name for name, _ in rejected.views}

    def as_rms(v: View) -> tuple[float, float]:
        left, right = errors.get(v.name, (0.2, 0.2))
        return left / MEDIAN_TO_RMS, right / MEDIAN_TO_RMS

    def diagnose(*given: Any) -> Diagnosis:
        d = asked.diagnose(*given)
        if d.left is not None:
            name = next(v.name for v in views if np.array_equal(v.left, given[1]))
            errors[name] = (turned_px, turned_px)
        return d

    def resect(*given: Any) -> Any:
        pose = SimpleNamespace(R_view=np.full((1, 3, 3), 7.0), t_view=np.full((1, 3), 7.0))
        return None if resected is None else SimpleNamespace(state=pose)

    monkeypatch.setattr(v_, "diagnose", diagnose)
    monkeypatch.setattr(v_, "resect", resect)
    monkeypatch.setattr(v_, "robust_solve", solve)
    monkeypatch.setattr(v_, "robust_sigma", lambda s, p, c: sigma / (1 + c))
    monkeypatch.setattr(v_, "reject_corners", lambda p, s, v, r: (p, 0))
    rejected = Rejections()
    problem, solution = solved(views, [as_rms(v) for v in views])
    out, problem, solution = reject_views(BOARD, views, problem, solution, {}, rejected, SIZES)
    assert problem.n_views == len(out) and not any(o.board.any() for o in problem.cameras)
    return out, rejected, solution, asked


def names(views: list[View]) -> list[str]:
    return [v.name for v in views]


@pytest.mark.parametrize(
    ("worst", "others", "sigma", "stays"),
    [
        (0.59, 0.2, 0.01, True),  # three times the others
        (0.61, 0.2, 0.01, False),
        (0.79, 0.2, 0.2, True),  # four times the noise
        (0.81, 0.2, 0.2, False),
        (0.39, 0.05, 0.01, True),  # at least
        (0.41, 0.05, 0.01, False),
    ],
)
def test_a_view_that_does_not_fit_is_left_out(
    monkeypatch: pytest.MonkeyPatch, worst: float, others: float, sigma: float, stays: bool
) -> None:
    views = [view(k) for k in range(6)]
    px = {v.name: (others, others) for v in views} | {"v2": (worst, worst)}
    out, rejected, solution, asked = rejected_of(monkeypatch, views, px, sigma=sigma)
    assert ("v2" in names(out)) == stays
    if not stays:
        assert rejected.views == {("v2", ""): f"why ({worst:.2f} px)"}
        assert solution.state.t_view[:, 0].tolist() == [0, 1, 3, 4, 5]
        assert asked.limit_px == pytest.approx(max(2 * others, 4 * sigma))
        assert asked.sizes == SIZES and list(rejected.faults) == ["another_board"]


def test_an_error_in_one_camera_counts_with_the_other_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root of the mean square."""
    views = [view(k) for k in range(6)]
    assert len(rejected_of(monkeypatch, views, {"v2": (0.81, 0.2)})[0]) == 6  # 0.59
    assert len(rejected_of(monkeypatch, views, {"v2": (0.83, 0.2)})[0]) == 5  # 0.60


def test_of_many_a_third_goes_the_worst_first(monkeypatch: pytest.MonkeyPatch) -> None:
    views = [view(k) for k in range(9)]
    px = {"v1": (5.0, 5.0), "v3": (8.0, 8.0), "v4": (6.0, 6.0), "v8": (7.0, 7.0)}
    out, _, solution, _ = rejected_of(monkeypatch, views, px)
    assert names(out) == ["v0", "v1", "v2", "v5", "v6", "v7"]
    assert solution.state.t_view[:, 0].tolist() == [0, 1, 2, 5, 6, 7]


def test_three_shared_views_are_the_fewest(monkeypatch: pytest.MonkeyPatch) -> None:
    px = {"v2": (9.0, 9.0)}
    alone = [replace(view(k), right=None) for k in (4, 5, 6)]
    three, four = [view(0), view(1), view(2)], [view(0), view(1), view(2), view(3)]
    assert len(rejected_of(monkeypatch, three + alone, px)[0]) == 6
    assert names(rejected_of(monkeypatch, four, px)[0]) == ["v0", "v1", "v3"]


@pytest.mark.parametrize("camera", ["left", "right"])
def test_a_view_of_one_camera_is_told_with_its_error(
    monkeypatch: pytest.MonkeyPatch, camera: str
) -> None:
    views = [view(k) for k in range(5)] + [
        replace(view(5), left=None),
        replace(view(6), right=None),
    ]
    name = {"right": "v5", "left": "v6"}[camera]
    out, rejected, *_ = rejected_of(monkeypatch, views, {name: (2.0, 2.0)})
    assert name not in names(out) and rejected.views == {
        (name, camera): "does not fit the other views (2.00 px, the median is 0.20 px)"
    }


@pytest.mark.parametrize("code", ["reversed_view", "swapped_pictures"])
def test_a_view_that_can_be_put_right_stays(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    views = [view(k) for k in range(6)]
    right = Diagnosis(code, None, "why", corners(20), corners(21, 1))
    out, rejected, solution, _ = rejected_of(monkeypatch, views, {"v2": (3.0, 3.0)}, right)
    assert names(out) == names(views) and rejected.views == {} and code in rejected.faults
    assert np.array_equal(out[2].left, corners(20)) and out[3] is views[3]
    assert solution.state.t_view[:, 0].tolist() == [0, 1, 7, 3, 4, 5]
    assert solution.state.R_view[:, 0, 0].tolist() == [0, 0, 7, 0, 0, 0]


def test_a_view_put_right_that_has_no_pose_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    views = [view(k) for k in range(6)]
    right = Diagnosis("reversed_view", None, "why", corners(20), corners(21, 1))
    px = {"v2": (3.0, 3.0)}
    out, rejected, solution, _ = rejected_of(monkeypatch, views, px, right, resected=None)
    assert names(out) == ["v0", "v1", "v3", "v4", "v5"] and ("v2", "") in rejected.views
    assert solution.state.t_view[:, 0].tolist() == [0, 1, 3, 4, 5]


def test_corners_are_rejected_twice_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """And solved again after each, until none is left to reject."""
    views, solves, counts = [view(k) for k in range(4)], [], []
    problem, solution = solved(views, [(0.2, 0.2)] * 4)
    monkeypatch.setattr(v_, "robust_sigma", lambda *given: 0.01)
    monkeypatch.setattr(v_, "reject_corners", lambda p, s, v, r: (p, counts.pop(0)))
    monkeypatch.setattr(v_, "robust_solve", lambda p, s, w: solves.append(w) or solution)
    for found, left, again in (([5, 3, 2], [2], 2), ([1, 0, 4], [4], 1), ([0, 1], [1], 0)):
        counts[:], solves[:] = found, []
        reject_views(BOARD, views, problem, solution, {}, Rejections(), SIZES)
        assert (counts, solves) == (left, [False] * again)


@pytest.mark.parametrize("share, stays", [(0.4, True), (0.6, False)])
def test_a_picture_that_loses_most_of_its_corners_is_left_out(
    monkeypatch: pytest.MonkeyPatch, share: float, stays: bool
) -> None:
    """Nothing would be left of it but its name: hold-out posed such a view by no corner at all."""
    views = [view(k) for k in range(6)]
    problem, solution = solved(views, [(0.2, 0.2)] * 6)

    def corners_of(problem: Any, solution: Any, views: list[View], r: Rejections) -> Any:
        row = next((k for k, v in enumerate(views) if v.name == "v2"), None)
        if row is None or (problem.cameras[0].weight[row] == 0).any():
            return problem, 0
        weight = problem.cameras[0].weight.copy()
        weight[row, : int(share * len(POINTS))] = 0
        left = replace(problem.cameras[0], weight=weight)
        r.corners["v2", "left"] = int(share * len(POINTS))
        return replace(problem, cameras=(left, problem.cameras[1])), 1

    def solve(problem: Any, state: Any, warp: bool) -> Any:
        now = solved(views[: problem.n_views], [(0.2, 0.2)] * problem.n_views)[1]
        return SimpleNamespace(state=solution.state, residuals=now.residuals)

    monkeypatch.setattr(v_, "reject_corners", corners_of)
    monkeypatch.setattr(v_, "robust_solve", solve)
    monkeypatch.setattr(v_, "diagnose", lambda *a: Diagnosis("not_simultaneous", None, "why"))
    monkeypatch.setattr(v_, "robust_sigma", lambda s, p, c: 0.01)
    rejected = Rejections()
    out, problem, _ = reject_views(BOARD, views, problem, solution, {}, rejected, SIZES)
    assert ("v2" in names(out)) == stays == (("v2", "") not in rejected.views)
    assert (("v2", "left") in rejected.corners) == stays
    assert problem.n_views == len(out) == 5 + stays
