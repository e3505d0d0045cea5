"""Heatmaps: exact against the plain sum, the right way round, each student with equal weight."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

import gaze.report.density as summed
from gaze.report.colours import sequential
from gaze.report.density import Grid, density
from gaze.report.heatmap import file_name, heatmaps, png, raster, write_heatmaps
from gaze.report.lesson import ReportError, load_lesson
from sessions.run import marked_picture
from tests.gaze.lessons import gaze_table, one_dot, write_lesson
from tests.gaze.plain_density import density_exact


@pytest.fixture
def none_is_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many points are summed, whatever their number."""
    monkeypatch.setattr(summed, "_FEW", 0)


def _points(n: int, low: float, high: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sx = rng.uniform(low, high, n)
    sy = sx * rng.uniform(0.7, 1.8, n)
    rho = rng.uniform(-0.5, 0.5, n)
    cov = np.stack([sx**2, rho * sx * sy, sy**2], 1)
    return rng.normal([2.0, 0.6], [1.4, 0.8], (n, 2)), cov


@pytest.mark.parametrize("low, high", [(0.03, 0.08), (0.15, 0.5), (0.4, 1.5), (0.02, 2.0)])
def test_density_equals_the_plain_sum(low: float, high: float) -> None:
    grid = Grid.around(4.0, 1.2)
    xy, cov = _points(1500, low, high)
    fast, exact = density(xy, cov, grid), density_exact(xy, cov, grid)
    assert np.abs(fast - exact).max() < 0.02 * exact.max()
    assert fast.sum() == pytest.approx(exact.sum(), rel=2e-3)


@pytest.mark.usefixtures("none_is_few")
def test_one_point_is_the_normal_of_its_own_covariance() -> None:
    grid = Grid.around(4.0, 1.2)
    xy, cov = np.array([[1.0, 0.4]]), np.array([[0.09, 0.03, 0.04]])
    fast = density(xy, cov, grid)
    exact = density_exact(xy, cov, grid)
    assert np.abs(fast - exact).max() < 2e-3 * exact.max()
    # second moments on a wide grid give the covariance back
    wide = Grid.around(4.0, 1.2, margin_m=2.5)
    p = density(xy, cov, wide) * wide.cell_m**2
    dx, dy = wide.x_m[None, :] - 1.0, wide.y_m[:, None] - 0.4
    moments = [(p * dx * dx).sum(), (p * dx * dy).sum(), (p * dy * dy).sum()]
    assert p.sum() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(moments, [0.09, 0.03, 0.04], rtol=0.02)


def test_few_points_are_the_plain_sum() -> None:
    grid = Grid.around(4.0, 1.2)
    xy, cov = _points(summed._FEW, 0.02, 2.0)
    np.testing.assert_array_equal(density(xy, cov, grid), density_exact(xy, cov, grid))


def test_no_points_is_an_empty_map() -> None:
    grid = Grid.around(4.0, 1.2)
    assert density(np.zeros((0, 2)), np.zeros((0, 3)), grid).sum() == 0


@pytest.mark.usefixtures("none_is_few")
@pytest.mark.parametrize("sigma_m", [1.0, 3.0, 30.0, 573.0, 1e4, 1e6])
@pytest.mark.parametrize("narrow", [1.0, 0.1, 1e-4])
def test_wide_points_cost_no_more_than_the_grid(sigma_m: float, narrow: float) -> None:
    """A head that points along the board: σ of kilometres, in bounded memory, by its own normal."""
    grid = Grid.around(4.0, 1.2)
    rng = np.random.default_rng(0)
    xy = np.vstack([rng.normal([2, 0.6], 0.3, (300, 2)), [[0.3 * sigma_m, 0.6]]])
    cov = np.tile([0.2**2, 0.0, 0.2**2], (301, 1))
    cov[-1] = sigma_m**2, 0.0, max((narrow * sigma_m) ** 2, 0.01**2)
    tracemalloc.start()
    got = density(xy, cov, grid)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300e6 and np.isfinite(got).all()
    at = np.stack(np.meshgrid(grid.x_m, grid.y_m), -1)
    want = sum(
        multivariate_normal(p, [[c[0], c[1]], [c[1], c[2]]]).pdf(at)
        for p, c in zip(xy, cov, strict=True)
    )
    assert np.abs(got - want / 301).max() < 0.02 * want.max() / 301


@pytest.mark.usefixtures("none_is_few")
def test_far_points_do_not_come_round_the_other_side() -> None:
    """The Fourier transform is periodic; what lies far out must not show up anywhere."""
    grid = Grid.around(4.0, 1.2)
    out = density(np.array([[40.0, 0.6], [-60.0, 9.0]]), np.array([[0.04, 0, 0.04]] * 2), grid)
    assert out.max() == 0


def test_orientation_is_proven_by_one_dot(tmp_path: Path) -> None:
    """A dot 0.5 m from the board's RIGHT edge and 0.2 m down is drawn right, near the top."""
    run = write_lesson(tmp_path / "lesson", one_dot(0.5, 0.2))
    maps = heatmaps(load_lesson(run))
    iy, ix = np.unravel_index(maps.whole.argmax(), maps.whole.shape)
    assert maps.grid.x_m[ix] == pytest.approx(0.5, abs=0.05)
    assert maps.grid.y_m[iy] == pytest.approx(0.2, abs=0.05)
    colours = raster(maps.whole, maps.whole.max()).astype(int).sum(-1)
    dark_y, dark_x = np.unravel_index(colours.argmin(), colours.shape)
    h, w = colours.shape
    assert dark_x / w > 0.75 and dark_y / h < 0.5

    written = write_heatmaps(run)
    picture = cv2.imread(str(next(p for p in written if p.name == "class.png")))
    assert picture is not None
    # the board's frame in the picture: from the code's own scale, 190 px to the metre
    left, top, scale = 70, 92, 190
    u, v = left + (4.0 + 0.5 - 0.5) * scale, top + (0.2 + 0.5) * scale
    patch = picture[int(v) - 8 : int(v) + 8, int(u) - 8 : int(u) + 8].mean((0, 1))
    mirrored = picture[int(v) - 8 : int(v) + 8, int(left + 1.0 * scale) - 8 :][:16, :16]
    ink = sequential(np.array(1.0))[::-1]
    assert np.abs(patch - ink).max() < 40
    assert np.abs(mirrored.mean((0, 1)) - ink).max() > 100


def test_every_student_weighs_the_same(tmp_path: Path) -> None:
    """Ten times as many points of one student do not make the class's map theirs."""
    many, few = one_dot(3.0, 0.6, n=1000), one_dot(1.0, 0.6, n=100)
    few = few.assign(student="S-02")
    maps = heatmaps(load_lesson(write_lesson(tmp_path / "a", pd.concat([many, few]))))
    column = maps.whole.sum(0)
    left, right = (column[(maps.grid.x_m > 2) == side].sum() for side in (True, False))
    assert left == pytest.approx(right, rel=1e-3)


def test_too_little_data_is_left_out_and_named(tmp_path: Path) -> None:
    gaze = pd.concat([one_dot(3.0, 0.6), one_dot(1.0, 0.6).assign(student="S-02")])
    mostly = (gaze["student"] == "S-02") & (gaze["time_s"] > 3.0)
    gaze["status"] = gaze["status"].astype(str)
    gaze.loc[mostly, "status"] = "no_face"
    maps = heatmaps(load_lesson(write_lesson(tmp_path / "a", gaze)))
    assert maps.students == ("S-01",) and maps.left_out == ("S-02",)


@pytest.mark.parametrize(("column", "value"), [("gaze_x_m", np.nan), ("gaze_xx_m2", -1.0)])
def test_a_damaged_row_is_drawn_as_if_it_were_not_there(
    tmp_path: Path, column: str, value: float
) -> None:
    lesson = load_lesson(write_lesson(tmp_path / "a", one_dot(3.0, 0.6)))
    gaze = lesson.gaze.copy()
    gaze.loc[gaze.index[7], column] = value
    damaged = heatmaps(replace(lesson, gaze=gaze))
    without = heatmaps(replace(lesson, gaze=gaze.drop(index=gaze.index[7])))
    np.testing.assert_array_equal(damaged.points, without.points)
    np.testing.assert_allclose(damaged.maps, without.maps)


def test_files_arrays_and_bytes(tmp_path: Path) -> None:
    gaze = pd.concat([one_dot(3.0, 0.6), one_dot(1.0, 0.6).assign(student="class")])
    run = write_lesson(tmp_path / "a", gaze)
    (run / "heatmaps").mkdir()
    gone = marked_picture(png(np.zeros((2, 2, 3), np.uint8)))  # of who is no longer there
    (run / "heatmaps" / "gone.png").write_bytes(gone)
    (run / "heatmaps" / "mine.png").write_bytes(b"somebody's own")
    np.savez(run / "heatmaps.npz", students=np.array(["gone", "S-01"]))
    first = {p.name: p.read_bytes() for p in write_heatmaps(run)}
    assert set(first) == {"class.png", "S-01.png", "student class.png", "heatmaps.npz"}
    assert file_name("class") == "student class.png"
    assert not (run / "heatmaps" / "gone.png").exists()
    assert (run / "heatmaps" / "mine.png").exists()
    for earlier in (first["heatmaps.npz"], b"", b"PK\x03\x04"):  # whole, empty, cut
        (run / "heatmaps.npz").write_bytes(earlier)
        assert {p.name: p.read_bytes() for p in write_heatmaps(run)} == first
    with np.load(run / "heatmaps.npz") as arrays:
        whole = arrays["class_density"]
        assert whole.shape == (len(arrays["y_m"]), len(arrays["x_m"]))
        np.testing.assert_allclose(arrays["student_density"].mean(0), whole, atol=1e-4)
        np.testing.assert_allclose(arrays["board_m"], [4.0, 1.2])
        assert arrays["points"].tolist() == [100, 100]


def test_nothing_to_draw_is_said_in_the_picture(tmp_path: Path) -> None:
    n = 50
    gaze = gaze_table(np.arange(n) * 0.2, np.full(n, "S-01"), np.full(n, "away"),
                      np.zeros((n, 2)), 0.1)  # fmt: skip
    run = write_lesson(tmp_path / "a", gaze)
    written = write_heatmaps(run)
    assert [p.name for p in written] == ["class.png", "heatmaps.npz"]


def test_a_mirrored_photograph_is_refused(tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "a", one_dot(1.0, 0.6))
    cv2.imwrite(str(tmp_path / "a" / "board.png"), np.full((60, 200, 3), 90, np.uint8))
    toml = tmp_path / "a" / "session.toml"
    text = toml.read_text()
    corners = "[[200, 0], [0, 0], [0, 60], [200, 60]]"  # right before left
    toml.write_text(text.replace("height_m = 1.2", f'height_m = 1.2\npicture = "board.png"\n'
                                 f"picture_corners_px = {corners}"))  # fmt: skip
    with pytest.raises(ReportError, match="mirrored"):
        write_heatmaps(run)
    toml.write_text(text.replace("height_m = 1.2", 'height_m = 1.2\npicture = "none.png"'))
    with pytest.raises(ReportError, match="photograph cannot be read"):
        write_heatmaps(run)
