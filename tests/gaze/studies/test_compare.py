"""Lessons against one another: pairs, bands, trend, and the page."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from typer.testing import CliRunner

from gaze.commands.app import app
from gaze.studies.compare import _difference, _trends, compare
from gaze.studies.lessons import StudyError, take
from tests.gaze.lessons import gaze_table, write_lesson

N = 100


def lesson(board: float, students: int = 6, shift_m: float = 0.0) -> pd.DataFrame:
    """Students on the board for a share of the lesson, and far beside it for the rest."""
    t = np.arange(N) * 0.2
    x = np.where(t < 20 * board, 2.0, 9.0)
    return pd.concat([
        gaze_table(t, np.full(N, f"S-0{k + 1}"), np.where(x < 4, "ok", "off_board"),
                   np.stack([x, np.full(N, 0.6)], 1), 0.05,
                   np.tile([0.8 * k + shift_m, 0.3, 3.0], (N, 1)))
        for k in range(students)
    ], ignore_index=True)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three lessons a week apart, 10 points more each time; the last in other seats."""
    folder = tmp_path_factory.mktemp("compare")
    for k, board in enumerate((0.5, 0.6, 0.7)):
        run = write_lesson(folder / f"w{k}", lesson(board, shift_m=3.0 * (k == 2)),
                           title=f"<week {k}>")  # fmt: skip
        path = run.parents[1] / "session.toml"
        path.write_text(path.read_text().replace("2026-03-02", f"2026-03-{2 + 7 * k:02d}"))
    return folder


def test_differences_and_trend(folder: Path) -> None:
    found = compare(take([folder]))
    board = {d.lesson: d for d in found.differences if d.area == "board"}
    assert board["w1"].difference == pytest.approx(0.1, abs=0.01) and board["w1"].seats == 6
    assert board["w2"].difference == pytest.approx(0.2, abs=0.01) and board["w2"].seats == 0
    assert all(d.low <= d.difference <= d.high for d in found.differences)
    (trend,) = (t for t in found.trends if t.area == "board")
    assert trend.per_week == pytest.approx(0.1, abs=0.01) and trend.lessons == 3


def test_bands_of_paired_differences_cover() -> None:
    """Seats keep their level; classes have an error in common; the true difference is 5 points."""
    rng = np.random.default_rng(0)
    held, seats = 0, 12
    place = {"seat_x_m": np.arange(seats) * 0.8, "seat_z_m": 3.0, "area": "board"}
    for _ in range(400):
        level, truth = rng.normal(0.6, 0.15, seats), (0.0, 0.05)
        parts, rows = [], []
        for name, add in zip(("a", "b"), truth, strict=True):
            share = level + add + rng.normal(0, 0.06, seats) + rng.normal(0, 0.02)
            parts.append(pd.DataFrame({"lesson": name, "share": share, **place}))
            rows.append((name, "board", 0.6, 0.6 - 1.96 * 0.02, 0.6 + 1.96 * 0.02))
        shares = pd.DataFrame(rows, columns=["lesson", "area", "share", "low", "high"])
        d = _difference(pd.concat(parts), shares, "a", "b", "board")
        held += d.low <= 0.05 <= d.high
        assert d.seats == seats
    assert 0.93 <= held / 400 <= 0.99


def test_the_line_s_band_is_that_of_least_squares() -> None:
    """Against statsmodels: slope, its band, and the band of the line at each lesson."""
    days = [dt.date(2026, 3, 2) + dt.timedelta(days=d) for d in (0, 7, 20, 28, 41)]
    share = [0.5, 0.61, 0.52, 0.7, 0.66]
    (trend,) = _trends(pd.DataFrame({"area": "board", "date": days, "share": share}))
    weeks = np.array([(d - days[0]).days / 7 for d in days])
    fit = sm.OLS(share, sm.add_constant(weeks)).fit()
    want = fit.get_prediction().summary_frame()[["mean", "mean_ci_lower", "mean_ci_upper"]]
    np.testing.assert_allclose(trend.line, want, rtol=1e-9)
    np.testing.assert_allclose((trend.low, trend.high), fit.conf_int()[1], rtol=1e-9)


def test_lessons_that_are_alike_have_a_trend_of_nothing() -> None:
    days = [dt.date(2026, 3, 2 + 7 * k) for k in range(3)]
    (trend,) = _trends(pd.DataFrame({"area": "away", "date": days, "share": [0.0, 0.0, 0.0]}))
    assert (trend.per_week, trend.low, trend.high) == (0.0, 0.0, 0.0)


def test_the_catalogue_s_page(folder: Path, tmp_path: Path) -> None:
    """Figures of all lessons in a folder; who is left out stands there with the reason."""
    shutil.copytree(folder, tmp_path / "class")
    write_lesson(tmp_path / "class" / "few", lesson(0.5, students=4))
    page = tmp_path / "class.html"
    command = ["catalog", str(tmp_path / "class"), "--out", str(page), "--json"]
    said = CliRunner().invoke(app, command)
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["lessons"] == ["w0", "w1", "w2"]
    html = page.read_text(encoding="utf-8")
    assert "few: fewer than 5 students with enough data" in html
    assert "NaN" not in html.split('<script type="text/plain"')[0]
    found = re.search(r'id="fig-lessons-data">(.*?)</script>', html)
    assert found is not None
    data = json.loads(found[1])["data"]
    board = [t for t in data if t["meta"]["choice"] == 0]
    assert len(data) == 7 * 3 and [t["visible"] for t in data] == [True] * 3 + [False] * 18
    assert board[2]["x"] == ["2026-03-02", "2026-03-09", "2026-03-16"]
    np.testing.assert_allclose(board[2]["y"], [50, 60, 70], atol=1.5)
    assert CliRunner().invoke(app, command).exit_code == 0  # our own page is written anew
    page.write_text("mine")
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2 and page.read_text() == "mine"


def test_what_cannot_be_compared(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"two or more.*found 1 lesson"):
        compare(take([folder / "w0"]))
    small = write_lesson(tmp_path / "small", lesson(0.5, students=4))
    with pytest.raises(StudyError, match=r"at least five.*found small"):
        compare(take([folder / "w0", small]))


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_the_page(folder: Path, tmp_path: Path, language: str) -> None:
    path = tmp_path / "compared.html"
    command = ["compare", str(folder), "--out", str(path), "--language", language, "--json"]
    said = CliRunner().invoke(app, command)
    assert said.exit_code == 0, said.output
    assert len(json.loads(said.stdout)["shares"]) == 3 * 7
    html = path.read_text()
    assert f'lang="{language}"' in html and "&lt;week 1&gt;" in html and "<week 1>" not in html
    assert "S-0" not in html.split('<script type="text/plain"')[0]
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 2 and "there is a file of this name" in again.output
