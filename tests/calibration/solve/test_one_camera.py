"""A camera alone: which views no lens explains beside the others, by residuals that are given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calibration.corners.boards import Board, View
from calibration.errors import CalibrationError
from calibration.lens import Lens
from calibration.solve import bundle, estimate
from calibration.solve.problem import MEDIAN_TO_RMS
from calibration.solve.views import LEAST_VIEWS, Rejections
from calibration.transform import Array, rotation_exp

BOARD = Board("chessboard", (6, 5), 0.11)
LENS = Lens(np.array([1300.0, 1300, 960, 540, 0, 0, 0, 0]))
SIZE = (1920, 1080)


def left_out(
    monkeypatch: pytest.MonkeyPatch, px: list[float], lens: Lens = LENS
) -> tuple[list[int], Rejections]:
    """Rows used, of views that fit to so many pixels."""

    def solved(points: Array, corners: list[Array], *given: Any) -> Any:
        off = np.array([c[0, 0] for c in corners]) / MEDIAN_TO_RMS
        return SimpleNamespace(lens=lens, residual_px=np.tile(
            off[:, None, None] * [0.6, 0.8], (1, len(points), 1)))  # fmt: skip

    monkeypatch.setattr(estimate, "begin_camera", solved)
    views = [View(f"v{k}", np.full((30, 2), value), None) for k, value in enumerate(px)]
    rejected = Rejections()
    _, rows = estimate.one_camera("left", BOARD, views, SIZE, rejected, (4,))
    return rows, rejected


@pytest.mark.parametrize(
    ("typical", "worst", "stays"),
    [(0.2, 0.95, True), (0.2, 1.05, False), (0.1, 0.7, True), (0.1, 0.8, False),
     (0.4, 1.9, True), (0.4, 2.1, False)],
)  # fmt: skip
def test_a_view_is_left_out_that_fits_five_times_worse_and_badly(
    monkeypatch: pytest.MonkeyPatch, typical: float, worst: float, stays: bool
) -> None:
    rows, rejected = left_out(monkeypatch, [*8 * [typical], worst])
    assert (8 in rows) == stays and rows[:8] == list(range(8))
    if not stays:
        (why,) = rejected.views.values()
        assert f"({worst:.2f} px, the others {typical:.2f} px)" in why


def test_of_many_that_fit_badly_a_third_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst first; then the lens is to blame, not the views."""
    rows, rejected = left_out(monkeypatch, [*7 * [0.1], 9.0, 7.0, 5.0, 8.0, 6.0])
    assert {name for name, _ in rejected.views} == {"v7", "v10", "v8", "v11"}
    assert rows == [*range(7), 9]
    assert left_out(monkeypatch, [*3 * [0.1], 9.0, 8.0])[0] == [0, 1, 2, 4]  # one of few


def test_the_fewest_views_all_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    px = [*(LEAST_VIEWS - 1) * [0.1], 9.0]
    assert left_out(monkeypatch, px)[0] == list(range(LEAST_VIEWS))
    with pytest.raises(CalibrationError, match=f"{LEAST_VIEWS - 1} usable"):
        left_out(monkeypatch, px[1:])


def test_a_lens_that_cannot_be_is_told_with_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = Lens(np.array([90.0, 110, 5000, 540, 0, 0, 0, 0]))
    with pytest.raises(CalibrationError, match=r"100 px, centre \(5000, 540\) px.*1920 × 1080"):
        left_out(monkeypatch, 9 * [0.1], odd)


def test_the_joint_solve_begins_where_each_view_was_seen() -> None:
    """By the pair where it agreed, else by the camera that saw it, else by its own corners."""
    turns = np.array([rotation_exp([0, 0, k]) for k in range(4)])
    places = np.arange(12.0).reshape(4, 3) + [0, 0, 3]
    seen = LENS.project(BOARD.points_B() @ rotation_exp([0.2, 0.1, 0]).T + [0, 0, 3])
    R_RL, t_RL = np.eye(3), np.array([0.5, 0, 0])
    other = LENS.project(BOARD.points_B() @ rotation_exp([0.2, 0.1, 0]).T + [0.5, 0, 3])
    views = [View("a", seen, other), View("b", seen, None), View("c", None, other),
             View("d", None, None), View("e", seen, other), View("b", None, other),
             View("f", seen, None)]  # fmt: skip
    cameras = bundle.State((LENS, LENS), R_RL, t_RL, turns[::-1], places + 7)
    agreed: Any = SimpleNamespace(state=cameras)
    own = {(name, "left"): (turns[k], places[k]) for k, name in enumerate("abe")}
    own |= {(name, "right"): (turns[k], places[k] + 100) for k, name in enumerate("cba")}
    posed, problem, state = estimate._joint_start(BOARD, views, own, agreed, {0: 3})
    assert [v.name for v in posed] == ["a", "b", "c", "e", "b", "f"]  # d was not seen
    assert problem.n_views == len(posed)
    right = 100 - t_RL  # those of the right camera, in the left one's frame
    want = [places[3] + 7, places[1], places[0] + right, [0, 0, 3], places[1] + right, [0, 0, 3]]
    np.testing.assert_allclose(state.t_view, want, atol=1e-6)
    np.testing.assert_allclose(state.R_view[[0, 1, 2, 4]], turns[[0, 1, 0, 1]], atol=1e-9)
    np.testing.assert_allclose(state.R_view[[3, 5]], [rotation_exp([0.2, 0.1, 0])] * 2, atol=1e-6)
