"""The report: what it says, what it must not say, its bytes, its size, and bad input."""

from __future__ import annotations

import ast
import base64
import csv
import datetime as dt
import json
import re
import shutil
import string
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from jinja2 import ChoiceLoader, FileSystemLoader

import gaze.report
from gaze.lesson.caveats import caveats
from gaze.measures.measures import MeasureError, measures
from gaze.report import sections, templates, write_report
from gaze.report.colours import area_colour, rgb
from gaze.report.findings import low_stretches, reading, row_table
from gaze.report.lesson import ReportError, load_lesson, natural
from gaze.report.strings import LANGUAGES, strings
from gaze.report.trust import COST_CM, unknown_in_targets
from sessions.config import Area, Blackboard
from sessions.errors import RunError, SessionError
from sessions.events.marks import Mark, read_marks
from sessions.events.times import seconds
from sessions.quality import Quality
from sessions.run import write_json
from tests.gaze.lessons import THIRDS, big_lesson, gaze_table, one_dot, write_lesson

TRUTH = Path(__file__).parents[2] / "data" / "lesson" / "truth"


def text_of(path: Path) -> str:
    """What a page says: scripts, styles and tags taken out."""
    html = path.read_text(encoding="utf-8")
    html = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine students, four minutes."""
    folder = tmp_path_factory.mktemp("report") / "lesson"
    run = write_lesson(folder, big_lesson(rows=3, columns=3, minutes=4, fps=1))
    (folder / "events.csv").write_text(
        "time_s,label,end_s\n0,lecture,120\n120,seat work,240\n60,<b>film</b>,\n900,next lesson,\n"
    )
    return run


@pytest.fixture(scope="module")
def page(small: Path) -> Path:
    """Its report, made once."""
    return write_report(small)


# -- what it says ----------------------------------------------------------------------------------


def test_the_first_screen_answers_and_says_how_far_to_trust_it(page: Path) -> None:
    text = text_of(page)
    first = text[: text.index("Which part of it?")]
    for said in (
        "Where heads pointed, not what anybody saw or thought. What this report is for",
        "Heads pointed at the board for",
        "How far to trust this A point is typically",
        "predicted, not checked in this room",
        "What lowers trust, the costliest first",
        "No correction from head to gaze was applied",
        "about 31 cm for a target a metre aside",
        "The error was not checked in this room ( gaze validate ). cost not known",
    ):
        assert said in first, said
    for said in ("This report shows where heads were pointing", "Not validated in this room.",
                 "gaze validate LESSON", "75 px"):  # fmt: skip
        assert said in text, said


def test_what_lowers_trust_comes_by_its_cost(small: Path, tmp_path: Path) -> None:
    """Many lost pictures; by any amount, then by centimetres, then unknown, then what only leaves
    points out."""
    shutil.copytree(small.parents[1], tmp_path / "a")
    run = tmp_path / "a" / "runs" / small.name
    frames = {"undecoded": 30, "asked": 300, "camera": "left"}
    write_json(run / "quality.json", {"version": 2, "warnings": [
        {"code": "frames_undecoded", "message": "…", "facts": frames},
        {"code": "frames_undecoded", "message": "…", "facts": {**frames, "undecoded": 6}},
        {"code": "note", "message": "Something new & strange."},
        {"code": "row_small_faces", "message": "…", "facts": {"row": 3, "face_px": 17.6},
         "cost_cm": 44.0},
        {"code": "clock_roughly_measured", "message": "to ± 152 ms", "cost_cm": 71.0},
        {"code": "clock_assumed", "message": "…"},
    ]})  # fmt: skip
    targets = "start_s,end_s,student,target,x_m,y_m\n0,1,S-99,1,1,1\n"
    (tmp_path / "a" / "targets.csv").write_text(targets)
    for language, said in (
        ("en", ("30 of 300 pictures of the video on the left (10.0 %) could not be read: these "
                "moments only the other camera saw. points missing, none shifted",
                "assumed to agree; nothing confirmed it. may be wrong by any amount",
                "known only roughly ( to ± 152 ms ). about 71 cm while a head turns fast",
                "faces are 17.6 px high, which is small. about 44 cm", "about 31 cm",
                "Something new &amp; strange. cost not known", "S-99. cost not known",
                "6 of 300 pictures of the video on the left (2.0 %) could not be read")),
        ("zh", ("缺少点", "可能任意错误", "约 44 cm", "约 31 cm", "Something new &amp; strange.")),
    ):  # fmt: skip
        text = text_of(write_report(run, language=language, out=tmp_path / "r.html"))
        text = text.replace("\u00a0", " ")
        at = [text.index(part) for part in said]
        assert at == sorted(at), language


def _codes(folder: Path, *makers: str) -> set[str]:
    """Every code that calls of these makers in a folder's files can have."""

    def of(code: ast.expr) -> set[str]:
        if isinstance(code, ast.IfExp):
            return of(code.body) | of(code.orelse)
        return {str(code.value)} if isinstance(code, ast.Constant) else set()

    found = set()
    for path in folder.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in makers:
                codes = [k.value for k in call.keywords if k.arg == "code"] or call.args[:1]
                found |= of(codes[0])
    return found


def test_every_caveat_has_words_and_a_cost() -> None:
    """Each kind, in each language, and what it costs a point (or None: it is not known)."""
    root = Path(gaze.report.__file__).parents[2]
    kinds = _codes(root / "gaze", "Caveat", "Cause") | _codes(
        root / "sessions/clock", "Cause", "add"
    )
    assert len(kinds) > 25 and kinds >= {"clock_jumps", "room_unchecked", "no_report"}
    assert kinds == set(COST_CM)
    for language, table in LANGUAGES.items():
        words = {k.removeprefix("caveat_") for k in table if k.startswith("caveat_")}
        assert words == kinds, language


def test_a_caveat_of_another_version_is_said_in_its_own_words(small: Path, tmp_path: Path) -> None:
    """Its kind is not known, or it has other facts than the words of today ask for."""
    shutil.copytree(small.parents[1], tmp_path / "a")
    run = tmp_path / "a" / "runs" / small.name
    said = [
        {"code": "class_does_not_fit", "message": "Of old.", "facts": {"students": 8}},
        {"code": "of_tomorrow", "message": "Of tomorrow.", "facts": {}},
        {"code": "recording", "message": "The left video is dark.", "facts": {}},
    ]
    write_json(run / "quality.json", {"version": 2, "warnings": said})
    text = text_of(write_report(run, language="de", out=tmp_path / "r.html"))
    assert "Of old." in text and "Of tomorrow." in text
    assert "( the left video is dark )" in text  # tags leave blanks


def test_what_the_calibration_says_against_itself_is_said(small: Path, tmp_path: Path) -> None:
    """A rig's WARN and a clock's, in the report's language and with their costs."""
    causes = [
        {
            "code": "room_unchecked",
            "severity": "WARN",
            "message": "too little checks the room",
            "cost_cm": 12.3,
        },
        {"code": "blurred", "severity": "WARN", "message": "blur"},
        {"code": "calibration_videos_apart", "severity": "PASS", "message": "fine"},
    ]
    clock = {"causes": [{"code": "clock_jumps", "message": "at 12 ± 3 s the left video lost"}]}
    quality = Quality.model_validate(
        {"seats": [{"student": "a"}], "rig": {"verdict": {"causes": causes}}, "clock": clock}
    )
    shutil.copytree(small.parents[1], tmp_path / "a")
    run = tmp_path / "a" / "runs" / small.name
    said = [c.model_dump() for c in caveats(quality)]
    unchecked = "camera_unchecked"  # this quality.json holds no picture of the calibration
    assert [c["code"] for c in said] == ["room_unchecked", "rig_remark", unchecked, "clock_jumps"]
    write_json(run / "quality.json", {"version": 2, "warnings": said})
    text = text_of(write_report(run, language="de", out=tmp_path / "r.html"))
    text = text.replace("\u00a0", " ")
    assert (
        "Im Raum wurde zu wenig gemessen, um ihn zu prüfen ( Too little checks the room ). "
        "etwa 12 cm" in text
    )
    assert "Vorbehalt ( Blur ). Kosten unbekannt" in text
    assert "seine Zeiten verbergen es ( at 12 ± 3 s the left video lost ). Kosten" in text


def test_an_old_runs_sentences_are_read(tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "a", one_dot(2.0, 0.5), quality={"warnings": ["It was dark."]})
    assert "It was dark. cost not known" in text_of(write_report(run))


def errors(n: int, median: float, **more: object) -> dict[str, object]:
    """Errors as validation.json has them."""
    spread = {"mean": 1.2 * median, "median": median, "p90": 2.5 * median}
    return {"n": n, "gaze_cm": spread, "gaze_bias_cm": [0.1, 0.0], **more}


def test_one_error_number(small: Path, tmp_path: Path) -> None:
    """Checked in the room, each row's typical error is the one that was found there."""
    rows = [errors(40, 7.0 * r, row=r, distance_m=3.0) for r in (1, 2)]
    write_json(tmp_path / "validation.json", {"overall": errors(88, 9.0), "rows": rows, "run": ""})
    path = write_report(small, out=tmp_path / "r.html", validation=tmp_path / "validation.json")
    text = text_of(path).replace("\u00a0", " ")
    assert "A point is typically 9 cm off (checked in this room on 88 marked looks)" in text
    assert "Row 1 (7 cm)" in text and "Row 2 (14 cm)" in text
    assert "errors about" not in text and "Mean σ" not in text


def test_a_short_lesson_has_no_stretches(tmp_path: Path) -> None:
    text = text_of(write_report(write_lesson(tmp_path / "a", one_dot(2.0, 0.5))))
    assert "20 s the lesson is too short for stretches" in text.replace("\u00a0", " ")
    assert "stretch of a minute" not in text


def test_the_copy_for_sharing_lies_beside(page: Path) -> None:
    assert 'href="report-class.html" download' in page.read_text()
    copy = page.with_name("report-class.html").read_text()
    assert "S-01" not in copy and "download>" not in copy


def test_a_section_is_there_by_being_there(
    page: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One module, one template, its words: no other file is touched."""
    (tmp_path / "weather.py").write_text(
        "ORDER = 15\ndef facts(page):\n    return {'said': '<b>rain</b>'}\n"
    )
    (tmp_path / "weather.html.j2").write_text("<p>{{ page.w('weather') }}: {{ said }}</p>")
    words = {**LANGUAGES["en"], "title_weather": "Weather", "weather": "It was"}
    monkeypatch.setitem(LANGUAGES, "en", words)
    monkeypatch.setattr(sections, "__path__", [*sections.__path__, str(tmp_path)])
    loaders = ChoiceLoader([FileSystemLoader(tmp_path), templates._environment().loader])
    monkeypatch.setattr(templates._environment(), "loader", loaders)
    html = write_report(small, out=tmp_path / "r.html").read_text()
    monkeypatch.delitem(sys.modules, "gaze.report.sections.weather")
    assert '<section id="weather"' in html and "It was: &lt;b&gt;rain&lt;/b&gt;" in html
    assert html.index('id="weather"') < html.index('id="answers"')


def test_words_that_must_not_be_there(page: Path) -> None:
    """Board-facing, not attention; no rank, no score of a student, no mood."""
    text = text_of(page).lower()
    for word in ("attentive", "attention score", "engagement", "ranking", "emotion", "bored",
                 "distracted", "fixation count", "saccade", "worst student"):  # fmt: skip
        assert word not in text, word
    assert re.findall(r"attention \w+", text.replace("attention report", "")) in (
        [], ["attention md"])  # fmt: skip


def test_numbers_are_the_measures(small: Path, page: Path) -> None:
    lesson = load_lesson(small)
    m = measures(lesson.gaze, None, lesson.board,
                 students=[*lesson.students, *lesson.never_seen])  # fmt: skip
    board = m.areas.set_index("area").loc["board"]
    text = text_of(page).replace("\u00a0", " ")
    assert f"Heads pointed at the board for {100 * board['share']:.0f} % of the measured" in text
    low, high = 100 * board["low_missing"], 100 * board["high_missing"]
    assert f"heads pointed at the board for {low:.0f}–{high:.0f} % of the time" in text


def test_marks_phases_and_what_lies_outside(page: Path) -> None:
    html, text = page.read_text(), text_of(page)
    assert "By phase" in text and "lecture 0:00–2:00" in text
    assert "Marks outside the lesson, not drawn: 4 next lesson (15:00)" in text.replace("  ", " ")
    assert "<b>film</b>" not in html  # escaped, in the page and in plotly's labels
    assert "&lt;b&gt;film" in html


def test_validation_error_on_page_one(small: Path, tmp_path: Path) -> None:
    overall = errors(88, 24.6, gaze_bias_cm=[-12.0, 4.0])
    rows = [errors(40, 24.6, row=1, distance_m=2.9)]
    write_json(tmp_path / "validation.json", {"overall": overall, "rows": rows, "run": ""})
    text = text_of(write_report(small, out=tmp_path / "r.html",
                                validation=tmp_path / "validation.json"))  # fmt: skip
    assert "At 88 marked looks the gaze point was off by 25 cm in the median" in text
    assert "12 cm to the right and 4 cm too low" in text  # x_W grows to the left, y_W down
    assert "Row 1 (2.9 m): median 25 cm, n = 40" in text
    with pytest.raises(RunError, match="no such validation file"):
        write_report(small, validation=tmp_path / "none.json")


def test_a_gain_is_named(tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "a", one_dot(2.0, 0.5))
    info = json.loads((run / "run.json").read_text())
    info["gain"] = {"description": "The head does 69 % of a gaze shift."}
    (run / "run.json").write_text(json.dumps(info))
    text = text_of(write_report(run))
    assert "was applied: The head does 69 % of a gaze shift." in text
    assert "No correction from head to gaze" not in text


def test_compare_puts_lessons_side_by_side(small: Path, tmp_path: Path) -> None:
    other = write_lesson(tmp_path / "b", big_lesson(rows=2, columns=3, minutes=2), title="8a, maps")
    text = text_of(write_report(small, compare=[other], out=tmp_path / "r.html"))
    assert "Lessons side by side" in text and "8a, maps" in text
    assert "7b, fractions (this lesson)" in text


def test_the_board_s_photograph_lies_beneath(tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "a", one_dot(2.0, 0.5, n=60))
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "a" / "board.png"), rng.integers(0, 255, (60, 200, 3)))
    toml = tmp_path / "a" / "session.toml"
    plain = write_report(run).read_text()
    toml.write_text(toml.read_text().replace(
        "height_m = 1.2", 'height_m = 1.2\npicture = "board.png"\n'
        "picture_corners_px = [[10, 5], [190, 5], [190, 55], [10, 55]]"))  # fmt: skip
    html = write_report(run).read_text()
    assert '<symbol id="photo"' in html and '<symbol id="photo"' not in plain
    assert '"layer":"below"' in html


def test_other_areas(small: Path, tmp_path: Path) -> None:
    areas = [Area(name="formula", x_m=(0.0, 2.0), y_m=(0.0, 1.2)),
             Area(name="drawing", x_m=(1.5, 4.5), y_m=(0.0, 1.2))]  # fmt: skip
    text = text_of(write_report(small, areas=areas, out=tmp_path / "r.html"))
    assert "The area “drawing” reaches beyond the board" in text
    assert "The areas “drawing” and “formula” overlap" in text
    table = text[text.index("How much on which part Shares") :]
    assert table.index("drawing") < table.index("formula")  # left to right as the class sees them
    with pytest.raises(MeasureError, match="lies outside the blackboard"):
        write_report(small, areas=[Area(name="far", x_m=(8.0, 9.0), y_m=(0.0, 1.0))])


# -- languages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_the_languages_have_the_same_strings(language: str) -> None:
    english, other = LANGUAGES["en"], LANGUAGES[language]
    with (Path(gaze.report.__file__).parent / "words.csv").open(newline="", encoding="utf-8") as f:
        rows = list(csv.reader(f, strict=True))
    assert {len(row) for row in rows} == {1 + len(LANGUAGES)}, "a comma without quotes"
    assert len(rows) == 1 + len(english), "a key twice"
    assert all(other.values())

    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for key in english:
        assert fields(english[key]) == fields(other[key]), key
        if len(re.sub(r"{.*?}|<.*?>", "", english[key])) > 25:
            assert english[key] != other[key], f"{key} is not translated"


def test_no_string_is_left_over() -> None:
    """Every string is asked for somewhere: by its name, or by a name that is put together."""
    folder = Path(gaze.report.__file__).parent
    source = "".join(
        p.read_text(encoding="utf-8")
        for p in [*folder.rglob("*.py"), *folder.rglob("*.j2"), folder.parent / "measures"]
        if p.is_file()
    ) + "".join(p.read_text() for p in (folder.parent / "measures").glob("*.py"))
    made = ("title_", "nav_", "state_", "caveat_", "side_", "problem_area_small_", "question_",
            "seat_", "target_", "replay_", "teacher_")  # fmt: skip
    left = [k for k in LANGUAGES["en"] if f'"{k}"' not in source and f"'{k}'" not in source
            and not k.startswith(made)]  # fmt: skip
    assert left == []


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", ("Dieser Bericht zeigt, wohin Köpfe zeigten", "linkes Drittel", "Nach Phasen",
                "2. März 2026", "In diesem Raum nicht geprüft")),
        ("zh", ("本报告显示头部朝向何处", "左三分之一", "按阶段", "2026年3月2日",
                "未在本教室验证")),
    ],
)  # fmt: skip
def test_other_languages(small: Path, tmp_path: Path, language: str, said: tuple) -> None:
    path = write_report(small, language=language, out=tmp_path / "r.html")
    html, text = path.read_text(), text_of(path)
    assert f'<html lang="{language}">' in html
    for part in said:
        assert part in text, part
    for left in (" third ", "the class", "measured", "Students"):
        assert left not in text, left


def test_numbers_and_dates_by_locale() -> None:
    day = dt.date(2026, 3, 2)
    en, de, zh = (strings(name) for name in ("en", "de", "zh"))
    assert [w.number(1234.56, 1) for w in (en, de, zh)] == ["1,234.6", "1.234,6", "1,234.6"]
    assert [w.number(0.4) for w in (en, de, zh)] == ["0", "0", "0"]
    assert [w.date(day) for w in (en, de, zh)] == ["2 March 2026", "2. März 2026", "2026年3月2日"]


def test_an_unknown_language(small: Path) -> None:
    with pytest.raises(ReportError, match=r"not speak this language.*tlh, expected en or de or zh"):
        write_report(small, language="tlh")


# -- self-contained, the same bytes, size and time -----------------------------------------------


def test_self_contained_and_closed(page: Path) -> None:
    html = page.read_text().replace('href="report-class.html"', "")  # a link, followed by hand only
    outside = re.sub(
        r"<script( type=.text/plain.[^>]*)?>.*?</script>", "", html, flags=re.S
    )  # plotly's own code
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', outside)
    assert "url(" not in outside and "@import" not in outside
    assert "default-src 'none'" in html  # nothing may be fetched or sent
    assert html.count("* plotly.js (cartesian") == 1  # its banner


def test_the_same_bytes_for_the_same_input(small: Path, tmp_path: Path) -> None:
    a = write_report(small, out=tmp_path / "a.html").read_bytes()
    b = write_report(small, out=tmp_path / "b.html").read_bytes()
    assert a == b
    assert write_report(small, out=tmp_path / "c.html", seed=1).read_bytes() != a


# -- bad input: a clear error, or a gap that is stated ---------------------------------------------


def test_an_empty_run(tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "a", one_dot(2.0, 0.5).iloc[:0])
    text = text_of(write_report(run))
    assert "Nothing was measured" in text and "gaze check" in text


def test_nobody_was_ever_measured(tmp_path: Path) -> None:
    gaze = gaze_table(np.arange(50) * 0.2, np.full(50, "S-01"), np.full(50, "no_face"),
                      np.full((50, 2), np.nan), 0.1)  # fmt: skip
    assert "Nothing was measured" in text_of(write_report(write_lesson(tmp_path / "a", gaze)))


def test_one_student(tmp_path: Path) -> None:
    text = text_of(write_report(write_lesson(tmp_path / "a", one_dot(2.0, 0.5))))
    assert "One student only: nothing here is about a class." in text
    assert "This needs three students with enough data." in text


def test_a_student_never_seen(tmp_path: Path) -> None:
    absent = gaze_table(np.arange(100) * 0.2, np.full(100, "S-02"), np.full(100, "no_face"),
                        np.full((100, 2), np.nan), 0.1)  # fmt: skip
    gaze = pd.concat([one_dot(2.0, 0.5), absent])
    run = write_lesson(tmp_path / "a", gaze, students=(("S-01", None), ("S-03", (1.0, 3.0))))
    text = text_of(write_report(run))
    assert "2 known students were never measured." in text
    assert "Never measured: S-02, S-03." in text
    assert text.count("Not a single moment of this student was measured.") == 2


def test_all_away(tmp_path: Path) -> None:
    gaze = gaze_table(np.arange(100) * 0.2, np.full(100, "S-01"), np.full(100, "away"),
                      np.zeros((100, 2)), 0.1)  # fmt: skip
    text = text_of(write_report(write_lesson(tmp_path / "a", gaze)))
    assert "Every measured face was turned away from the board" in text
    assert "gaze calibrate" in text
    assert "No gaze point was measured: there is nothing to draw." in text


def test_nan_in_a_table(tmp_path: Path) -> None:
    gaze = one_dot(2.0, 0.5)
    gaze.loc[3:5, "gaze_x_m"] = np.nan
    text = text_of(write_report(write_lesson(tmp_path / "a", gaze)))
    assert "3 rows promised a gaze point but held none; they count as not measured." in text
    gaze["time_s"] = np.nan
    with pytest.raises(MeasureError, match=r"rows without `time_s`.*100 of 100"):
        write_report(write_lesson(tmp_path / "b", gaze))


def test_a_run_of_another_version(tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "a", one_dot(2.0, 0.5))
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**info, "version": 99}))
    with pytest.raises(RunError, match="made by another version; found version 99"):
        write_report(run)
    with pytest.raises(RunError, match="not a run folder"):
        write_report(tmp_path)


def test_a_table_of_another_version(tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "a", one_dot(2.0, 0.5))
    frame = pd.read_parquet(run / "gaze.parquet").drop(columns=["gaze_xx_m2"])
    frame.to_parquet(run / "gaze.parquet")
    with pytest.raises(RunError, match="another version; found no column gaze_xx_m2"):
        write_report(run)


def test_opted_out_seats_are_in_no_number(tmp_path: Path) -> None:
    gaze = pd.concat([one_dot(2.0, 0.5), one_dot(1.0, 0.5).assign(student="hidden-9")])
    run = write_lesson(tmp_path / "a", gaze, students=(("hidden-9", (1.0, 3.0), True),))
    text = text_of(write_report(run))
    assert "hidden-9" not in text and "1 opted-out seats were masked" in text


def test_names_are_escaped(tmp_path: Path) -> None:
    gaze = one_dot(2.0, 0.5)
    run = write_lesson(tmp_path / "a", gaze, title="<script>alert(1)</script>")
    assert "<script>alert(1)" not in write_report(run).read_text()


# -- marks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, want",
    [("12.5", 12.5), ("12,5", 12.5), ("00:01:15.5", 75.5), ("1:00:00", 3600.0), ("", None),
     ("soon", None), ("nan", None), ("1:99:00", None)],
)  # fmt: skip
def test_seconds(text: str, want: float | None) -> None:
    assert seconds(text) == want


def test_marks_from_csv_and_elan(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("\ufefftime_s;label;end_s\n75,5;Stillarbeit;0:02:00\n5;Beginn;\n", "utf-8")
    assert read_marks(path) == (Mark(5, "Beginn"), Mark(75.5, "Stillarbeit", 120))
    path.write_text("time_s,label\n3,a\n")
    assert read_marks(path) == (Mark(3, "a"),)
    # ELAN's own export: no header; clock, seconds and milliseconds
    path.write_text("phase\t\t00:00:05.000\t00:00:09.500\tlecture\nphase\t\t00:00:09.500\t"
                    "00:00:12.000\tseat work\n")  # fmt: skip
    assert read_marks(path) == (Mark(5, "lecture", 9.5), Mark(9.5, "seat work", 12))
    path.write_text("phase\t\t5000\t9500\tlecture\n")
    assert read_marks(path) == (Mark(5, "lecture", 9.5),)
    path.write_text("Tier\tBegin Time - msec\tEnd Time - msec\tAnnotation\nphase\t5000\t9500\tx\n")
    assert read_marks(path) == (Mark(5, "x", 9.5),)
    path.write_text("")
    assert read_marks(path) == ()


@pytest.mark.parametrize(
    "text, said",
    [("when,what\n1,a\n", "no header; found when,what, expected time_s,label"),
     ("time_s,label\nsoon,a\n", "line 2: this is no time; found 'soon'"),
     ("time_s,label,end_s\n9,a,3\n", "line 2: the end is no time after the beginning; found '3'"),
     ("time_s,label\n9,ask, wait\n", "line 2 of events.csv has 3 fields"),
     ("tier\tx\ty\n", "ELAN's columns were not found|begin and end were not found")],
)  # fmt: skip
def test_bad_marks(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(text)
    with pytest.raises(SessionError, match=said):
        read_marks(path)


def test_no_file_of_marks(small: Path, tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no such file of events"):
        write_report(small, events=tmp_path / "none.csv")


# -- findings --------------------------------------------------------------------------------------


def test_readings_in_plain_words() -> None:
    board = Blackboard(width_m=4.0, height_m=1.2)
    got = [reading(s, 0.9, board) for s in (0.3, 0.5, 0.9, 1.5, float("nan"))]
    assert got == ["read_fine", "read_thirds", "read_sides", "read_board", "read_nothing"]
    assert reading(0.1, 0.2, board) == "read_nothing"


def test_low_stretches_are_found() -> None:
    t = np.arange(1200) * 0.5
    frames = []
    for i in range(8):
        xy = np.tile([2.0, 0.5], (1200, 1))
        xy[400:700] = [2.0, 3.0]  # 200 s to 350 s at the desk
        frames.append(gaze_table(t, np.full(1200, f"S-{i}"), np.full(1200, "ok"), xy, 0.05))
    m = measures(pd.concat(frames), None, Blackboard(width_m=4.0, height_m=1.2), surrogates=0)
    (found,) = low_stretches(m)
    assert (found.start_s, found.end_s) == (200, 350)
    assert found.share == pytest.approx(0, abs=1e-3)


def test_rows_are_merged_until_nobody_is_alone() -> None:
    board = Blackboard(width_m=4.0, height_m=1.2)
    rows = [1] * 3 + [2] * 5 + [3] * 3
    seats = pd.DataFrame({"student": list("abcdefghijk"), "row": rows, "coverage": 0.9,
                          "sigma_m": 0.3, "error_m": 0.3, "face_px": 40.0})  # fmt: skip
    assert row_table(seats, board)["rows"].tolist() == [(1,), (2,), (3,)]
    merged = row_table(seats, board, 5)
    assert merged["rows"].tolist() == [(1, 2, 3)]
    assert merged["students"].min() >= 5
    assert row_table(seats.iloc[:8], board, 5)["rows"].tolist() == [(1, 2)]


def test_natural_order() -> None:
    assert sorted(["S-10", "S-2", "A1", "S-1"], key=natural) == ["A1", "S-1", "S-2", "S-10"]


def test_a_head_along_the_board_does_not_cost_the_report(tmp_path: Path) -> None:
    """One row with a σ of 10 km in a table of an earlier version: the report asked for 267 GiB."""
    gaze = big_lesson(rows=2, columns=3, minutes=1)
    row = np.flatnonzero((gaze["status"] == "ok").to_numpy())[10]
    gaze["status"] = gaze["status"].astype(str)
    gaze.loc[row, "status"] = "low_confidence"
    columns = ["gaze_x_m", "gaze_y_m", "gaze_xx_m2", "gaze_xy_m2", "gaze_yy_m2"]
    gaze.loc[row, columns] = [3e3, 0.6, 1e8, 0.0, 1e6]
    run = write_lesson(tmp_path / "a", gaze)
    assert write_report(run).is_file()


# -- seat by seat ----------------------------------------------------------------------------------


def test_the_scarf_shows_what_was_most_frequent(tmp_path: Path) -> None:
    """One who looks left for a minute, is not seen for one, and looks right for one; the marks."""
    t = np.arange(900) * 0.2
    x = np.where(t < 60, 3.5, 0.5)
    status = np.where((t >= 60) & (t < 120), "no_face", "ok")
    gaze = gaze_table(t, np.full(900, "S-01"), status, np.stack([x, 0 * x + 0.6], 1), 0.05)
    run = write_lesson(tmp_path / "a", gaze, areas=THIRDS)
    html = write_report(run).read_text(encoding="utf-8")
    code = re.search(r'class="scarf".*?href="data:image/png;base64,([^"]+)"', html, re.S)
    assert code is not None
    data = np.frombuffer(base64.b64decode(code[1]), np.uint8)
    line = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)[0].astype(int)  # BGRA, a pixel for a second
    names = ["left third", "middle third", "right third"]  # colours go from left to right
    assert line.shape == (180, 4)
    for part, area in ((slice(0, 59), "left third"), (slice(121, 180), "right third")):
        want = rgb(area_colour(names.index(area)))
        assert (line[part, 2::-1] == want).all() and (line[part, 3] == 255).all()
    assert (line[61:119, 3] == 0).all()


def test_each_seat_looks_where_it_looked(small: Path, page: Path) -> None:
    """A small board a seat, at its place: x_W grows to the left; the map is not mirrored."""
    html = page.read_text(encoding="utf-8")
    drawing = re.search(r'<svg class="seatmap".*?</svg>', html, re.S)
    assert drawing is not None
    found = re.findall(r'middle">(S-0\d)<', drawing[0])
    at = [float(u) for u in re.findall(r'<text x="([\d.]+)" y="[\d.]+"[^>]*>S-0\d<', drawing[0])]
    table = load_lesson(small).table.set_index("student")
    x = table["seat_x_m"][found].to_numpy()
    assert len(found) == 9 and np.corrcoef(x, at)[0, 1] < -0.999
    assert drawing[0].count("<image") == 8  # the generator hides the ninth
    assert "(planned" not in drawing[0]  # no rig: nothing can be planned


def test_the_planner_s_error_stands_beside_the_measured_one(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small.parents[1], tmp_path / "a")
    shutil.copy(TRUTH / "rig.json", tmp_path / "a" / "rig.json")
    text = text_of(write_report(tmp_path / "a" / "runs" / small.name)).replace("\u00a0", " ")
    cm = [float(v) for v in re.findall(r"\(planned: (\d+) cm\)", text)]
    assert len(cm) == 9 and min(cm) > 3 and max(cm) < 100 and cm[0] < cm[-1]


def test_transitions_by_phase_hold_the_phases_own(small: Path, page: Path) -> None:
    text = text_of(page)
    assert "From where to where: lecture" in text and "From where to where: seat work" in text
    shared = text_of(page.with_name("report-class.html"))
    assert "From where to where: " not in shared and "Seat by seat" not in shared


def test_who_is_a_stranger_in_targets_csv(tmp_path: Path) -> None:
    """With semicolons, too; a damaged one stops no report."""
    run = SimpleNamespace(lesson_folder=tmp_path)
    known = SimpleNamespace(run=run, students=("S-01",), never_seen=(), seats={"S-02": None})
    page: Any = SimpleNamespace(lesson=known)
    assert unknown_in_targets(page) == []
    head = "start_s;end_s;student;target;x_m;y_m\n"
    names = ("S-01", "S-02", "S-09", "")
    text = head + "".join(f"0;1;{name};T;1,5;0,5\n" for name in names)
    for data, told in ((text.encode(), ["S-09"]), (b"\xff\xfe\x80", []), (b"", [])):
        (tmp_path / "targets.csv").write_bytes(data)
        assert unknown_in_targets(page) == told
