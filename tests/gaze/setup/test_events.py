"""`gaze import-events`: into events.csv, and what then no measure counts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gaze.catalog.catalog import Catalog
from gaze.commands.app import app
from gaze.exports import export
from gaze.measures.measures import measures
from gaze.report import write_report
from gaze.report.lesson import load_lesson
from gaze.setup.events import import_events
from sessions.errors import SessionError
from sessions.events.marks import Mark, read_marks
from sessions.folder import Session
from tests.gaze.lessons import THIRDS, gaze_table, write_lesson

BORIS = """Observation id,Subject,Behavior,Behavior type,Start (s),Stop (s)
7b,A1,film,STATE,20,40
7b,A1,talk,STATE,0,20
7b,B2,=cmd(),POINT,5,5
"""


def half_and_half() -> pd.DataFrame:
    """Six students: 20 s at the left third, then 20 s (a film) at the right, then 20 s left."""
    t = np.arange(300) * 0.2
    x = np.where((t >= 20) & (t < 40), 0.4, 3.4)
    return pd.concat(
        [gaze_table(t, np.full(300, f"S-0{k}"), np.full(300, "ok"),
                    np.stack([x, np.full(300, 0.6)], 1), 0.05)
         for k in range(1, 7)], ignore_index=True)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_lesson(tmp_path / "lesson", half_and_half(), areas=THIRDS)


def shares(run: Path) -> pd.Series:
    lesson = load_lesson(run)
    m = measures(lesson.gaze, lesson.board.areas, lesson.board, surrogates=0)
    return m.areas.set_index("area")["share"]


def test_what_is_excluded_counts_nowhere(run: Path, tmp_path: Path) -> None:
    lesson = run.parents[1]
    assert shares(run)["right third"] == pytest.approx(1 / 3, abs=0.01)
    with Catalog.open(lesson) as catalog:
        before = catalog.sql("SELECT count(*) AS n FROM gaze")["n"][0]
    (tmp_path / "codes.csv").write_text(BORIS)
    done = import_events(Session.open(lesson), tmp_path / "codes.csv", exclude=["film"])
    assert done.all == (
        Mark(0, "talk", 20, "phase"), Mark(5, "'=cmd()"), Mark(20, "film", 40, "excluded"),
    )  # fmt: skip
    assert shares(run)["right third"] == pytest.approx(0, abs=0.01)
    assert shares(run)["left third"] == pytest.approx(1, abs=0.01)
    export(run, "measures", tmp_path / "m")
    table = pd.read_csv(tmp_path / "m" / "student_areas.csv").set_index(["student", "area"])
    assert table.loc[("S-01", "right third"), "share"] == pytest.approx(0, abs=0.01)
    assert table.loc[("S-01", "right third"), "visits"] == 0
    with Catalog.open(lesson) as catalog:
        assert catalog.sql("SELECT count(*) AS n FROM gaze")["n"][0] == before * 2 // 3
        students = catalog.sql("SELECT * FROM students ORDER BY student")
        assert (students["moments"] == 200).all() and (students["board_share"] > 0.99).all()
    html = write_report(run).read_text()
    assert "Left out of every number, as marked (0.3 min in all): film 0:20–0:40" in html.replace(
        "\u00a0", " "
    )


def test_phases_and_slides_have_their_own_numbers_and_maps(run: Path, tmp_path: Path) -> None:
    lesson = run.parents[1]
    (tmp_path / "slides.txt").write_text("0:00 Title\n0:20 Film\n0:40 End\n")
    import_events(Session.open(lesson), tmp_path / "slides.txt")
    assert [m.kind for m in read_marks(lesson / "events.csv")] == ["slide"] * 3
    html = write_report(run, out=tmp_path / "r.html").read_text()
    section = html[html.index('id="phases"') :].split("</section>")[0]
    assert section.count("<svg") == 3 and "Film" in section and "0:40–1:00" in section
    film = section[section.index(">Film<") : section.index(">End<")]
    assert re.search(r'data-label="right third"[^>]*>100 %<', film)
    assert re.search(r'data-label="left third"[^>]*>0 %<', film)
    shared = write_report(run, out=tmp_path / "c.html", class_only=True).read_text()
    assert 'id="phases"' in shared


def test_only_some_tiers_shifted_and_once(run: Path, tmp_path: Path) -> None:
    session = Session.open(run.parents[1])
    (tmp_path / "codes.csv").write_text(BORIS)
    first = import_events(session, tmp_path / "codes.csv", tiers=["A1"], offset_s=-1)
    assert [(m.time_s, m.end_s) for m in first.new] == [(-1, 19), (19, 39)]
    again = import_events(session, tmp_path / "codes.csv", tiers=["A1"], offset_s=-1)
    assert not again.new and again.all == first.all
    other = import_events(session, tmp_path / "codes.csv", tiers=["B2"], replace=True)
    assert other.all == (Mark(5, "'=cmd()"),)


def test_refusals(run: Path, tmp_path: Path) -> None:
    session = Session.open(run.parents[1])
    path = tmp_path / "codes.csv"
    path.write_text(BORIS)
    with pytest.raises(SessionError, match=r"no such tier; found C3, expected A1, B2"):
        import_events(session, path, tiers=["C3"])
    with pytest.raises(SessionError, match=r"no such label; found Film"):
        import_events(session, path, exclude=["Film"])
    with pytest.raises(SessionError, match=r"line 4: a moment cannot be excluded"):
        import_events(session, path, exclude=["=cmd()"])
    with pytest.raises(SessionError, match="nothing to import"):
        path.write_text("")
        import_events(session, path)
    assert not session.events_path.exists()


def test_command(run: Path, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text(BORIS)
    said = CliRunner().invoke(
        app, ["import-events", str(run.parents[1]), str(tmp_path / "codes.csv"),
              "--exclude", "film", "--json"],
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    assert [e["kind"] for e in json.loads(said.stdout)["new"]] == ["phase", "mark", "excluded"]
    shown = CliRunner().invoke(app, ["report", str(run), "--json"])
    assert shown.exit_code == 0 and (run / "heatmaps" / "class.png").is_file()


def test_a_column_kind_is_heeded(run: Path, tmp_path: Path) -> None:
    """What a table calls excluded is excluded, unless --as says otherwise."""
    path = tmp_path / "marks.csv"
    path.write_text("time_s,label,end_s,kind\n20,film,40,excluded\n50,One,,slide\n")
    done = import_events(Session.open(run.parents[1]), path)
    assert [m.kind for m in done.all] == ["excluded", "slide"]
    assert shares(run)["right third"] == pytest.approx(0, abs=0.01)
    assert [m.kind for m in import_events(
        Session.open(run.parents[1]), path, kind="mark", replace=True
    ).all] == ["phase", "mark"]  # fmt: skip
    path.write_text("time_s,label,end_s,kind\n20,film,40,left out\n")
    with pytest.raises(SessionError, match="line 2: there is no such kind"):
        import_events(Session.open(run.parents[1]), path)
