"""Exports: read back by independent readers, with a meaning for every column."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calibration.errors import UserError
from gaze.exports import FORMATS, ExportError, common, export
from gaze.measures.measures import measures
from gaze.privacy.pseudonyms import pseudonyms
from gaze.report.density import Grid
from gaze.report.heatmap import write_heatmaps
from gaze.report.lesson import load_lesson
from sessions.events.marks import read_marks
from sessions.tables import GAZE
from tests.gaze.lessons import THIRDS, big_lesson, gaze_table, write_lesson
from tests.gaze.plain_density import density_exact


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five students for two minutes, with the teacher's marks."""
    folder = tmp_path_factory.mktemp("exports") / "lesson"
    gaze = big_lesson(rows=2, columns=3, minutes=2)
    gaze = gaze[gaze["student"] != "S-06"]  # the one whom the generator hides
    made = write_lesson(
        folder, gaze, areas=THIRDS, top='salt = "sea"'
    )  # by it nobody keeps his number
    (folder / "events.csv").write_text("time_s,label,end_s\n10,film,50\n30,bell,\n")
    return made


def test_unknown_format(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no such export format; found spss, expected bids, csv"):
        export(run, "spss", tmp_path)


def test_csv_is_the_table(run: Path, tmp_path: Path) -> None:
    table, meaning = export(run, "csv", tmp_path / "gaze.csv")
    csv, parquet = pd.read_csv(table), pd.read_parquet(run / "gaze.parquet")
    assert list(csv.columns) == [c.name for c in GAZE]
    for c in csv.columns:
        want = parquet[c]
        if c in ("student", "status", "area"):
            assert csv[c].fillna("").tolist() == want.astype(object).fillna("").tolist()
        else:  # missing is missing, never 0
            np.testing.assert_allclose(csv[c], want.astype(float), rtol=1e-6)
    words = json.loads(meaning.read_text())
    assert set(words) == set(csv.columns) and words["gaze_x_m"]["Units"] == "m"


def test_measures_are_those_of_the_report(run: Path, tmp_path: Path) -> None:
    written = export(run, "measures", tmp_path / "m")
    assert {p.name for p in written if p.suffix == ".csv"} == {
        "students.csv", "student_areas.csv", "class_areas.csv", "timeline.csv"}  # fmt: skip
    lesson = load_lesson(run)
    m = measures(lesson.gaze, lesson.board.areas, lesson.board, students=lesson.students)
    students = pd.read_csv(tmp_path / "m" / "students.csv").set_index("student")
    assert list(students.index) == list(m.students["student"]) and (students["used"] == 1).all()
    for name in ("board_share", "spread_m", "entropy_bits", "agreement", "looks_per_min"):
        np.testing.assert_allclose(students[name], m.students[name], rtol=1e-8)
    assert students["row"].tolist() == lesson.table.set_index("student")["row"].tolist()
    classes = pd.read_csv(tmp_path / "m" / "class_areas.csv").set_index("area")
    assert classes["share"]["board"] == pytest.approx(m.share("board"))
    areas = pd.read_csv(tmp_path / "m" / "student_areas.csv")
    shares = areas.groupby("student")["share"].sum()
    np.testing.assert_allclose(shares, 1.0)  # thirds do not overlap: states share out all time
    timeline = pd.read_csv(tmp_path / "m" / "timeline.csv")
    assert len(timeline) == len(m.timeline) and (timeline["low"] <= timeline["high"]).all()
    for path in tmp_path.glob("m/*.csv"):
        assert set(json.loads(path.with_suffix(".json").read_text())) == set(
            pd.read_csv(path).columns)  # fmt: skip


def test_a_run_whose_students_table_is_gone(tmp_path: Path) -> None:
    """Its rows of seats are unknown, and nothing else."""
    made = write_lesson(tmp_path / "lesson", big_lesson(rows=1, columns=2, minutes=0.5))
    (made / "students.parquet").unlink()
    export(made, "measures", tmp_path / "m")
    assert pd.read_csv(tmp_path / "m" / "students.csv")["row"].tolist() == [0, 0]
    export(made, "bids", tmp_path / "b")
    people = pd.read_csv(next((tmp_path / "b").rglob("participants.tsv")), sep="\t")
    assert people["row"].isna().all() and len(people) == 2
    assert load_lesson(made).targets() is None


def test_salted_names_are_others_and_consistent(tmp_path: Path) -> None:
    """Each student's rows are one other student's in every export, by the order of the salt."""
    gaze = big_lesson(rows=2, columns=3, minutes=2)
    run = write_lesson(tmp_path / "lesson", gaze, areas=THIRDS, top='salt = "sea"')
    names = pseudonyms(gaze["student"].unique(), "sea")
    assert all(a != b for a, b in names.items())  # by this salt nobody keeps his number
    plain, _ = export(run, "visits", tmp_path / "plain.csv")
    salted, _ = export(run, "visits", tmp_path / "salted.csv", salted=True)
    table, _ = export(run, "parquet", tmp_path / "table.parquet", salted=True)
    a, b = pd.read_csv(plain), pd.read_csv(salted)
    by = ["student", "start_s"]
    want = a.assign(student=a["student"].map(names)).sort_values(by, ignore_index=True)
    exact = ["student", "area", "start_s", "end_s", "moments"]
    pd.testing.assert_frame_equal(b.sort_values(by, ignore_index=True)[exact], want[exact])
    rows = pd.read_parquet(table)
    for old, new in names.items():
        want_x = gaze.loc[gaze["student"] == old, "nose_x_m"]
        np.testing.assert_array_equal(rows.loc[rows["student"] == new, "nose_x_m"], want_x)


ROSTERS = (
    ("Anna", "Bela", "Cem", "Dora", "Emil", "Fritz"),
    ("Finn", "Eva", "Dan", "Cleo", "Bo", "Al"),
)


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_a_salted_export_tells_nothing_of_the_names(
    format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the students were called, and in whatever order they so stood in tables and roster:
    where the salt calls them the same, the export is the same to the byte."""
    who = {name: k for roster in ROSTERS for k, name in enumerate(roster)}
    calls = ("S-03", "S-01", "S-06", "S-02", "S-05", "S-04")
    monkeypatch.setattr(common, "pseudonyms", lambda names, _: {n: calls[who[n]] for n in names})
    made = []
    for roster in ROSTERS:
        gaze = big_lesson(rows=2, columns=3, minutes=0.5)
        number = gaze["student"].str[2:].astype(int) - 1
        gaze["row_left"] += 1000 * number
        gaze["student"] = number.map(dict(enumerate(roster)))
        gaze.loc[number.isin([2, 4]) & (gaze["time_s"] > 20), "student"] = ""  # nobody's
        gaze.loc[gaze["student"] == roster[5], "status"] = "masked"
        gaze = gaze.sort_values(["time_s", "student"], kind="stable", ignore_index=True)
        folder = tmp_path / roster[0]
        run = write_lesson(
            folder / "lesson", gaze, areas=THIRDS, top="[targets]\ndesks = true",
            title=f"A lesson for {roster[0]}", students=tuple((n, None) for n in sorted(roster)),
        )  # fmt: skip
        (folder / "lesson" / "events.csv").write_text(
            f"time_s,label,end_s\n3,{roster[1]} comes late,\n5,film,10\n"
        )
        written = export(run, format, folder / "out", salted=True)
        made.append({p.relative_to(folder).as_posix(): p.read_bytes() for p in written})
    assert made[0].keys() == made[1].keys() and made[0]
    for name, data in made[0].items():
        assert data == made[1][name], name


@pytest.mark.parametrize("what", ["area", "surface", "run"])
def test_no_salted_export_where_something_is_called_like_a_student(
    what: str, tmp_path: Path
) -> None:
    gaze = gaze_table(np.arange(60) * 0.5, np.full(60, "Bela"), np.full(60, "ok"),
                      np.tile([1.0, 0.3], (60, 1)), 0.1)  # fmt: skip
    surface = """[[surfaces]]
name = "poster of Bela"
left_m = 4.3
down_m = 0.0
out_m = 0.0
width_m = 1.0
height_m = 1.0
"""
    run = write_lesson(
        tmp_path / "a", gaze, top=surface * (what == "surface"),
        areas=(("Bela's", (0.0, 1.0), (0.0, 1.0)),) if what == "area" else (),
        name="only Bela" if what == "run" else "monday",
    )  # fmt: skip
    export(run, "measures", tmp_path / "own")
    with pytest.raises(ExportError, match=f"{what} is called like a student.*Bela"):
        export(run, "measures", tmp_path / "salted", salted=True)
    assert not (tmp_path / "salted").exists()


def test_visits_and_transitions(run: Path, tmp_path: Path) -> None:
    visits = pd.read_csv(export(run, "visits", tmp_path)[0])
    assert (visits["end_s"] - visits["start_s"] - visits["duration_s"]).abs().max() < 1e-6
    moves = pd.read_csv(export(run, "transitions", tmp_path)[0], keep_default_na=False)
    the_class = moves[moves["student"] == ""].set_index(["from", "to"])["count"]
    each = moves[moves["student"] != ""].groupby(["from", "to"])["count"].sum()
    pd.testing.assert_series_equal(the_class.sort_index(), each.sort_index())
    for _, mine in moves[moves["student"] == ""].groupby("from"):
        assert mine["probability"].astype(float).sum() == pytest.approx(1)


def test_pupil_names_and_orientation(tmp_path: Path) -> None:
    """A point 1 m from the RIGHT edge of a 4 m board is at x = 0.75 from the left."""
    gaze = gaze_table(np.arange(60) * 0.5, np.full(60, "S-01"), np.full(60, "ok"),
                      np.tile([1.0, 0.3], (60, 1)), 0.1)  # fmt: skip
    run = write_lesson(tmp_path / "a", gaze)
    out = export(run, "pupil", tmp_path / "pupil")
    assert [p.name for p in out] == ["gaze.csv", "gaze.json", "aoi_metrics.csv", "aoi_metrics.json"]
    table = pd.read_csv(out[0])
    assert table["gaze position on surface x [normalized]"].iloc[0] == pytest.approx(0.75)
    assert table["gaze position on surface y [normalized]"].iloc[0] == pytest.approx(0.25)
    assert table["gaze detected on surface"].all()
    assert table["timestamp [ns]"].diff().dropna().unique().tolist() == [500_000_000]
    start = pd.to_datetime(table["timestamp [ns]"].iloc[0])
    assert start == pd.Timestamp("2026-03-02")
    aoi = pd.read_csv(out[2]).set_index("aoi label")
    assert aoi.loc["right third", "total fixations"] == 1
    assert aoi.loc["right third", "total fixation duration [ms]"] == pytest.approx(30_000)
    assert np.isnan(aoi.loc["left third", "time to first fixation [ms]"])


def test_elan_text_is_read_back(run: Path, tmp_path: Path) -> None:
    path, _ = export(run, "elan", tmp_path)
    table = pd.read_csv(path, sep="\t")
    assert list(table.columns) == ["tier", "begin [s]", "end [s]", "value"]
    marks = table[table["tier"] == "marks"]
    assert marks["value"].tolist() == ["film", "bell"]
    back = read_marks(path)  # our own reader of ELAN's tab text
    assert len(back) == len(table)


def test_bids_files(run: Path, tmp_path: Path) -> None:
    export(run, "bids", tmp_path)
    stem = tmp_path / "sub-S02" / "beh" / "sub-S02_task-lesson_recording-eye1_physio"
    sidecar = json.loads(stem.with_suffix(".json").read_text())
    assert sidecar["PhysioType"] == "eyetrack" and sidecar["RecordedEye"] == "cyclopean"
    assert sidecar["SampleCoordinateSystem"] == "gaze-in-world"
    assert sidecar["x_coordinate"]["Units"] == sidecar["y_coordinate"]["Units"] == "m"
    assert sidecar["SamplingFrequency"] == pytest.approx(5)
    assert sidecar["Columns"][:3] == ["timestamp", "x_coordinate", "y_coordinate"]
    text = gzip.decompress(Path(f"{stem}.tsv.gz").read_bytes()).decode()
    table = pd.read_csv(pd.io.common.StringIO(text), sep="\t", header=None, na_values="n/a")
    table.columns = sidecar["Columns"]
    own = pd.read_parquet(run / "gaze.parquet").query("student == 'S-02'")
    np.testing.assert_allclose(table["x_coordinate"], own["gaze_x_m"], rtol=1e-5)
    assert "nan" not in text.lower() and "n/a" in text
    first = Path(f"{stem}.tsv.gz").read_bytes()
    export(run, "bids", tmp_path)
    assert Path(f"{stem}.tsv.gz").read_bytes() == first


def _validate(folder: Path) -> dict:
    """The BIDS validator's own findings (the package bids-validator-deno)."""
    done = subprocess.run(
        [sys.executable, "-c", "from bids_validator_deno import cli; cli()", str(folder), "--json"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if not done.stdout.strip().startswith("{"):
        pytest.skip(f"the BIDS validator does not run here: {done.stderr[-200:]}")
    return json.loads(done.stdout)


@pytest.mark.skipif(
    importlib.util.find_spec("bids_validator_deno") is None,
    reason="needs the package bids-validator-deno",
)
def test_the_bids_validator_finds_no_error(run: Path, tmp_path: Path) -> None:
    export(run, "bids", tmp_path / "good")
    issues = _validate(tmp_path / "good")["issues"]["issues"]
    assert [i for i in issues if i.get("severity") == "error"] == []
    # and it does look: without the eye it complains
    export(run, "bids", tmp_path / "bad")
    for sidecar in (tmp_path / "bad").rglob("*_physio.json"):
        value = json.loads(sidecar.read_text())
        del value["RecordedEye"]
        sidecar.write_text(json.dumps(value))
    issues = _validate(tmp_path / "bad")["issues"]["issues"]
    assert any(i.get("severity") == "error" for i in issues)


@pytest.mark.parametrize("names", [("A-1", "A 1"), ("a-b", "A.B")])
def test_bids_labels_that_collide_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    gaze = pd.concat([
        gaze_table(np.arange(60) * 0.5, np.full(60, n), np.full(60, "ok"),
                   np.tile([1.0, 0.3], (60, 1)), 0.1) for n in names
    ])  # fmt: skip
    run = write_lesson(tmp_path / "a", gaze)
    with pytest.raises(ExportError, match="two pseudonyms are the same once"):
        export(run, "bids", tmp_path / "out")
    export(run, "bids", tmp_path / "out", salted=True)


def test_every_format_has_a_dictionary(run: Path, tmp_path: Path) -> None:
    for name in set(FORMATS) - {"targets"}:  # test_targets.py
        for path in export(run, name, tmp_path / name):
            if path.suffix in (".csv", ".txt", ".parquet"):
                assert path.with_suffix(".json").is_file(), path


def test_ten_lines_make_the_class_heatmap(run: Path, tmp_path: Path) -> None:
    """The example of docs/exports.md, run as it stands there, against the plain sum of ours."""
    text = Path("docs/exports.md").read_text(encoding="utf-8")
    code = text.split("```python\n", 1)[1].split("```", 1)[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    table, _ = export(run, "parquet", tmp_path / "gaze.parquet")
    scope: dict = {}
    exec(code.replace('"gaze.parquet"', repr(str(table))), scope)
    lesson = load_lesson(run)
    grid = Grid.around(4.0, 1.2)
    points = lesson.gaze.dropna(subset=["gaze_x_m"])
    columns = list(points.filter(regex="^gaze_"))
    maps = [density_exact(p[:, :2], p[:, 2:], grid) for _, part in points.groupby("student")
            if len(p := part[columns].to_numpy())]  # fmt: skip
    want, x, y = np.mean(maps, axis=0), grid.x_m, grid.y_m
    np.testing.assert_allclose(scope["x"], x, atol=1e-9)
    np.testing.assert_allclose(scope["y"], y, atol=1e-9)
    assert np.abs(scope["class_map"] - want).max() < 0.02 * want.max()


# -- where an export may go ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "out", ["lesson", "lesson/runs", "RUN", ".", "RUN/heatmaps", "lesson/truth", "lesson/x.csv",
            "lesson/events.csv", "RUN/gaze.csv", "link", "link/../lesson"]
)  # fmt: skip
def test_an_export_never_goes_into_what_it_is_made_from(out: str, tmp_path: Path) -> None:
    gaze = gaze_table(np.arange(60) * 0.5, np.full(60, "S-01"), np.full(60, "ok"),
                      np.tile([1.0, 0.3], (60, 1)), 0.1)  # fmt: skip
    made = write_lesson(tmp_path / "lesson", gaze)
    write_heatmaps(made)
    (tmp_path / "lesson" / "truth").mkdir()
    (tmp_path / "lesson" / "truth" / "heads.txt").write_text("true")
    (tmp_path / "link").symlink_to(tmp_path / "lesson")
    where = tmp_path / out.replace("RUN", str(made.relative_to(tmp_path)))
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for salted in (False, True):
        with pytest.raises(ExportError):
            export(made, "csv", where, salted=salted)
    after = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert after.pop(tmp_path / "lesson" / "salt.txt", None) is None and after == before


def test_an_export_never_goes_into_another_lesson(tmp_path: Path) -> None:
    """Forgetting in that one would make it again from its own run of the same name."""
    made = {n: write_lesson(tmp_path / n, big_lesson(rows=1, columns=2, minutes=0.2))
            for n in ("lesson", "other", "lesson/inner")}  # fmt: skip
    (tmp_path / "link").symlink_to(tmp_path / "other")
    for where in ("other/exports", "link/exports", "lesson/inner/exports", "other/x.csv"):
        with pytest.raises(ExportError, match=r"into another lesson|into a lesson"):
            export(made["lesson"], "csv", tmp_path / where)
    for where in ("lesson/exports", "exports/of lesson"):
        assert export(made["lesson"], "csv", tmp_path / where)


def test_an_export_writes_over_its_own_files_only(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = export(run, "visits", out)
    assert export(run, "visits", out) == first
    export(run, "elan", out)
    files = json.loads((out / ".export.json").read_text())["files"]
    assert set(files) == {"visits.csv", "visits.json", "elan.txt", "elan.json"}
    (out / "visits.csv").write_text("mine")
    before = {p: p.read_bytes() for p in out.rglob("*")}
    with pytest.raises(ExportError, match=r"visits\.csv.*changed since"):
        export(run, "visits", out)
    with pytest.raises(ExportError, match="no export wrote"):
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "aoi_metrics.csv").write_text("mine")
        export(run, "pupil", tmp_path / "other")
    assert {p: p.read_bytes() for p in out.rglob("*")} == before
    assert [p.name for p in (tmp_path / "other").iterdir()] == ["aoi_metrics.csv"]


def test_an_export_follows_no_link(run: Path, tmp_path: Path) -> None:
    out, victim = tmp_path / "out", tmp_path / "victim"
    victim.mkdir()
    (victim / "thesis.csv").write_text("years")
    out.mkdir()
    (out / "visits.csv").symlink_to(victim / "thesis.csv")
    with pytest.raises(ExportError):
        export(run, "visits", out)
    made = sorted(p.name for p in export(run, "bids", tmp_path / "b")[-1].parents[1].iterdir())
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "sub-S01").symlink_to(victim)
    with pytest.raises(ExportError):
        export(run, "bids", tmp_path / "c")
    assert made == ["beh"] and [p.name for p in victim.iterdir()] == ["thesis.csv"]


def test_two_formats_in_one_folder_write_over_nothing(run: Path, tmp_path: Path) -> None:
    """`visits` and `elan` live side by side, `csv` and `parquet` share a dictionary that is the
    same; `pupil` has another gaze.csv, and another run or other names are another export."""
    written = [p for f in ("visits", "elan", "csv", "parquet", "transitions")
               for p in export(run, f, tmp_path / "x")]  # fmt: skip
    before = {p: p.read_bytes() for p in (tmp_path / "x").iterdir()}
    assert set(before) == {*written, tmp_path / "x" / ".export.json"}
    assert json.loads((tmp_path / "x" / "visits.json").read_text()).keys() == set(
        pd.read_csv(tmp_path / "x" / "visits.csv").columns)  # fmt: skip
    for format, salted in (("pupil", False), ("visits", True)):
        with pytest.raises(ExportError, match=r"another export wrote a file of this name; found"):
            export(run, format, tmp_path / "x", salted=salted)
    assert {p: p.read_bytes() for p in (tmp_path / "x").iterdir()} == before
    assert export(run, "visits", tmp_path / "x")


FORMULAS = ['=HYPERLINK("http://x","y")', "+1+2", "-2+3", "@SUM(A1)", "\t=1", " =1", "=1+1",
            "bell;=1+1", "＝1+1", "\r=1", "a\n=1"]  # fmt: skip


@pytest.mark.parametrize("format", ["csv", "measures", "visits", "transitions", "bids", "pupil",
                                    "elan"])  # fmt: skip
def test_no_spreadsheet_runs_what_a_lesson_says(tmp_path: Path, format: str) -> None:
    """Marks, pseudonyms and a table's areas that begin like formulas; numbers stay numbers."""
    frames = [
        gaze_table(np.arange(60) * 0.5, np.full(60, "-7" if i else "S-01"), np.full(60, "ok"),
                   np.tile([1.0 + i, 0.3], (60, 1)), 0.1) for i in range(2)
    ]  # fmt: skip
    frames[0]["area"] = "=1+1"
    frames[0]["head_yaw_deg"] = -3.0
    run = write_lesson(tmp_path / "a", pd.concat(frames), areas=THIRDS)
    marks = "".join(f'{i},"{f.replace(chr(34), chr(34) * 2)}"\n' for i, f in enumerate(FORMULAS))
    (tmp_path / "a" / "events.csv").write_text("time_s,label\n" + marks)
    for path in export(run, format, tmp_path / "out"):
        if path.suffix not in (".csv", ".tsv", ".txt", ".gz"):
            continue
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        sep = "," if path.suffix == ".csv" else "\t"
        text = io.StringIO(raw.decode(), newline="")
        for row in csv.reader(text, delimiter=sep):
            for cell in (c for whole in row for c in re.split(r"[;\r\n]", whole)):
                number = pd.to_numeric(cell, errors="coerce")
                is_number = cell != "-7" and np.isfinite(number)
                assert is_number or not cell.lstrip(" ").startswith(tuple("=+-@\t＝")), row
    if format == "csv":
        table = pd.read_csv(tmp_path / "out" / "gaze.csv")
        assert table["head_yaw_deg"].iloc[0] == -3.0 and "'=1+1" in set(table["area"])


def test_exports_are_their_owner_s_alone(run: Path, tmp_path: Path) -> None:
    for format in sorted(set(FORMATS) - {"targets"}):
        for path in export(run, format, tmp_path / format):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / "csv" / ".export.json").stat().st_mode) == 0o600


def test_wall_clock_utc(tmp_path: Path) -> None:
    """A lesson that began at 8:00:05 in Berlin (UTC+1)."""
    gaze = gaze_table(np.arange(3) * 0.25, np.full(3, "S-01"), np.full(3, "ok"),
                      np.tile([1.0, 0.3], (3, 1)), 0.1)  # fmt: skip
    run = write_lesson(tmp_path / "a", gaze, top="starts_at = 2026-03-02T08:00:05+01:00")
    path, meaning = export(run, "csv", tmp_path / "csv")
    table = pd.read_csv(path)
    assert table["time_utc"].tolist() == [
        "2026-03-02T07:00:05.000Z", "2026-03-02T07:00:05.250Z", "2026-03-02T07:00:05.500Z"
    ]  # fmt: skip
    assert "time_utc" in json.loads(meaning.read_text())
    pupil = pd.read_csv(export(run, "pupil", tmp_path / "pupil")[0])
    assert pd.to_datetime(pupil["timestamp [ns]"].iloc[1]) == pd.Timestamp("2026-03-02T07:00:05.25")


def test_a_wall_clock_without_its_zone_is_refused(tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "a", big_lesson(rows=1, columns=1, minutes=0.2),
                       top="starts_at = 2026-03-02T08:00:05")  # fmt: skip
    with pytest.raises(UserError, match=r"starts_at.*offset from UTC"):
        export(run, "csv", tmp_path / "csv")
