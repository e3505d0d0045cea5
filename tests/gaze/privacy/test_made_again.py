"""What of a lesson is made from tables: taken away as ours, made again, or told as lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calibration.errors import DiskFullError, UserError
from gaze.exports import refuse_place
from gaze.exports.common import ExportError
from gaze.privacy import made_again
from gaze.privacy.made_again import (
    REPORT,
    clear_made,
    export_again,
    gain_file,
    lesson_validation,
    make_again,
    take_exports,
)
from gaze.privacy.work import Work
from sessions.run import (
    EXPORTED,
    Run,
    is_exported,
    marked_picture,
    read_manifest,
    sha256,
    write_json,
)
from sessions.validation import Errors, Spread, Validation
from tests.gaze.gain.test_model import GAIN
from tests.gaze.privacy.copies import work_on

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIHDR" + bytes(17)
DE = f'<html lang="de">{REPORT}'


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.create(tmp_path / "copy" / "runs" / "one", {})
    run.update(state="done")
    (tmp_path / "copy" / "session.toml").write_text(
        "[blackboard]\nwidth_m = 4.0\nheight_m = 1.2\n"
        '[cameras.left]\nvideo = "left.mp4"\n[cameras.right]\nvideo = "right.mp4"\n'
    )
    return run


def work_of(run: Run) -> Work:
    return work_on(run.lesson_folder)


def validation(where: Path, n: int = 5, figure: Path | None = None) -> Validation:
    spread = Spread(mean=1.0, median=1.0, p90=1.0)
    errors = Errors(n=n, gaze_cm=spread, gaze_bias_cm=(0.0, 0.0))
    return Validation(overall=errors, run=where, figure=figure)


# -- taken away ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "again"),
    [
        ({}, {}),
        ({"validation.svg": "<svg>"}, {"validation": None}),
        ({"validation.json": "{}"}, {"validation": None}),
        ({"report.html": DE, "report-class.html": REPORT},
         {"report.html": "de", "report-class.html": "en"}),
        ({"report.html": " " * 3000 + DE}, {"report.html": "en"}),
        ({"heatmaps.npz": "x"}, {"heatmaps": True}),
        ({"heatmaps/a.png": marked_picture(PNG)}, {"heatmaps": True}),
        ({"parts/00000.npz": "x"}, {}),
    ],
)  # fmt: skip
def test_what_is_made_from_the_student_goes_and_is_known(
    run: Run, files: dict, again: dict
) -> None:
    for name, data in files.items():
        (run.folder / name).parent.mkdir(exist_ok=True)
        (run.folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    work = work_of(run)
    assert clear_made(work, run) == again
    assert sorted(work.said.deleted) == sorted(f"runs/one/{name}" for name in files)
    assert [p.name for p in run.folder.iterdir()] == ["run.json"] and not work.said.remains


@pytest.mark.parametrize("page", ["", "<p>mine", DE.replace("classroom-gaze ", "another's ")])
def test_a_page_of_the_user_s_stays(run: Run, page: str) -> None:
    run.report_path.write_text(page)
    assert clear_made(work_of(run), run) == {} and run.report_path.read_text() == page


def test_a_validation_that_can_be_read_is_kept_for_its_places(run: Run) -> None:
    old = validation(Path("/lesson/runs/one"))
    old.write(run.folder / "validation.json")
    assert clear_made(work_of(run), run) == {"validation": old}


def test_a_report_that_failed_is_tried_again(run: Run) -> None:
    run.update(report_problem="S-02 was hidden")
    assert clear_made(work_of(run), run) == {"report.html": "en"}
    run.report_path.write_text(DE)
    assert clear_made(work_of(run), run) == {"report.html": "de"}
    for odd in ("[1]", "{", '{"x": 1}'):
        run.info_path.write_text(odd)
        assert clear_made(work_of(run), run) == {}
    run.info_path.unlink()
    assert clear_made(work_of(run), run) == {}


def test_a_picture_without_our_mark_stays_and_the_class_s_is_named(run: Run) -> None:
    run.heatmaps_folder.mkdir()
    for name in ("class.png", "mine.png"):
        (run.heatmaps_folder / name).write_bytes(PNG)
    work = work_of(run)
    assert clear_made(work, run) == {} and not work.said.deleted
    (told,) = work.said.remains
    assert told.startswith("runs/one/heatmaps/class.png: a class's heatmap without our mark")
    (run.heatmaps_folder / "class.png").write_bytes(marked_picture(PNG))
    work = work_of(run)
    assert clear_made(work, run) == {"heatmaps": True} and not work.said.remains
    assert [p.name for p in run.heatmaps_folder.iterdir()] == ["mine.png"]


def test_no_folder_is_looked_through_by_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "a.png").write_bytes(marked_picture(PNG))
    run.heatmaps_folder.symlink_to(tmp_path / "away")
    assert clear_made(work_of(run), run) == {}
    assert (tmp_path / "away" / "a.png").is_file()


# -- made again ------------------------------------------------------------------------------------


@pytest.fixture
def makers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is called, with what; ``fails``: by name, the error that it ends in."""
    calls: dict[str, Any] = {"made": [], "fails": {}}

    def maker(name: str, *outs: str) -> Any:
        def make(of: Any, **how: Any) -> Any:
            folder = how.pop("run", of)
            for out in outs or ("report-class.html" if how["class_only"] else "report.html",):
                (folder / out).write_text("half")
            calls["made"].append((name, how))
            if name in calls["fails"]:
                raise calls["fails"][name]
            if name == "validation":
                return validation(folder, 7, folder / "validation.svg")
            return [folder / out for out in outs]

        return make

    monkeypatch.setattr(made_again, "validate_lesson", maker("validation", *made_again.VALIDATION))
    monkeypatch.setattr(made_again, "write_heatmaps", maker("heatmaps", "heatmaps.npz"))
    monkeypatch.setattr(made_again, "write_report", maker("report"))
    return calls


ALL = {"validation": None, "report.html": "de", "report-class.html": "en", "heatmaps": True}


def test_everything_is_made_again_and_told(run: Run, makers: dict[str, Any]) -> None:
    run.update(report_problem="S-02 was hidden")
    work = work_of(run)
    work.done.add(run.info_path)
    make_again(work, run, ALL)
    assert makers["made"] == [
        ("validation", {}), ("report", {"language": "de", "class_only": False}),
        ("report", {"language": "en", "class_only": True}), ("heatmaps", {}),
    ]  # fmt: skip
    names = ("validation.json", "report.html", "report-class.html", "heatmaps")
    assert work.said.changed == [f"runs/one/{name}: made again" for name in names]
    made = ("validation.json", "validation.svg", "report.html", "report-class.html",
            "heatmaps.npz")  # fmt: skip
    assert work.done >= {run.folder / name for name in made}
    assert run.info().report_problem is None and not work.said.lost


def test_a_validation_has_the_places_of_the_lesson(run: Run, makers: dict[str, Any]) -> None:
    """Or those that the old one had; never those of the copy at work."""
    work, path = work_of(run), run.folder / "validation.json"
    make_again(work, run, {"validation": None})
    new, there = Validation.read(path), work.lesson / "runs" / "one"
    assert (new.run, new.figure, new.overall.n) == (there, there / "validation.svg", 7)
    make_again(work, run, {"validation": validation(Path("/old/runs/one"))})
    new = Validation.read(path)
    assert (new.run, new.figure, new.overall.n) == (Path("/old/runs/one"), None, 7)


@pytest.mark.parametrize("name", ["validation", "heatmaps", "report.html", "report-class.html"])
def test_what_is_not_made_again_leaves_nothing_half(
    run: Run, makers: dict[str, Any], name: str
) -> None:
    makers["fails"][name.partition("-")[0].partition(".")[0]] = UserError("too few", found="two")
    work = work_of(run)
    work.done.add(run.info_path)
    make_again(work, run, {name: "en" if "report" in name else None})
    assert [p.name for p in run.folder.iterdir()] == ["run.json"] and not work.said.changed
    shown = "validation.json" if name == "validation" else name
    assert work.said.lost == [f"runs/one/{shown}: not made again (too few; found two.)"]
    assert run.info().report_problem == ("too few; found two." if name == "report.html" else None)


def test_run_json_is_changed_only_where_it_is_the_new_one(run: Run, makers: dict[str, Any]) -> None:
    makers["fails"]["report"] = UserError("too few", found="two")
    make_again(work_of(run), run, {"report.html": "en"})  # it was not rewritten
    assert run.info().report_problem is None
    run.update(report_problem="as it was")
    work = work_of(run)
    work.done.add(run.info_path)
    make_again(work, run, {"report-class.html": "en"})  # no report of students was there
    assert run.info().report_problem == "as it was"


def test_a_full_disk_is_not_taken_for_what_cannot_be_made(
    run: Run, makers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = DiskFullError("no room")
    makers["fails"]["report"] = full
    with pytest.raises(DiskFullError):
        make_again(work_of(run), run, {"report.html": "en"})

    def fail(*given: Any, **how: Any) -> None:
        raise full

    for name in ("fit_gain_of_lesson", "load_source"):
        monkeypatch.setattr(made_again, name, fail)
    GAIN.save(run.lesson_folder / "gain.json")
    with pytest.raises(DiskFullError):
        gain_file(work_of(run), run.lesson_folder / "gain.json")
    assert (run.lesson_folder / "gain.json").is_file()
    with pytest.raises(DiskFullError):
        export_again(work_of(run), run.lesson_folder, {"run": "one", "format": "csv", "out": "."})


def test_a_gain_is_fitted_as_it_was_or_goes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path, asked = run.lesson_folder / "gain.json", []

    def fit(session: Any, **how: Any) -> None:
        asked.append((session.folder, how))
        if len(asked) > 1:
            raise UserError("too few looks")

    monkeypatch.setattr(made_again, "fit_gain_of_lesson", fit)
    GAIN.save(path)
    work = work_of(run)
    assert gain_file(work, path) == "fitted again" and path.is_file() and not work.said.lost
    assert asked == [(run.lesson_folder, {"run": None, "holdout": "targets"})]
    gain_file(work, path)
    assert not path.exists() and work.said.deleted == ["gain.json"]
    assert work.said.lost == ["gain.json: too few looks."]


# -- a copy of a validation ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "fate"),
    [("/x/lesson/runs/one", "new"), ("runs/one", "new"), ("/x/other/runs/one", "kept"),
     ("/x/lesson/old/one", "new"), ("/x/lesson/runs/none", "gone")],
)  # fmt: skip
def test_a_copy_of_a_run_s_validation_is_the_new_one(run: Run, of: str, fate: str) -> None:
    """One of another lesson stays; one of a run without any goes."""
    path, work = run.lesson_folder / "validation.json", work_of(run)
    validation(Path(of)).write(path)
    validation(run.folder, 7).write(run.folder / "validation.json")
    how = lesson_validation(work, path)
    assert how == ("as the run's" if fate == "new" else None)
    if fate == "gone":
        assert not path.exists() and work.said.deleted == ["validation.json"]
        assert len(work.said.lost) == 1 and "not validated any more" in work.said.lost[0]
    else:
        found = Validation.read(path)
        assert (found.run, found.overall.n) == (Path(of), 7 if fate == "new" else 5)


def test_a_file_that_is_no_validation_stays(run: Run) -> None:
    path = run.lesson_folder / "validation.json"
    path.write_text("[]")
    assert lesson_validation(work_of(run), path) is None and path.read_text() == "[]"


# -- exports ---------------------------------------------------------------------------------------


def listed(folder: Path, files: dict[str, dict[str, Any]], **changed: str) -> None:
    """An export's files and the list beside them; ``sha256`` is of the file as it was written."""
    for name, entry in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
        entry.setdefault("sha256", sha256(folder / name))
    write_json(folder / EXPORTED, {"files": files})


OF = {"format": "csv", "run": "one", "salted": False, "out": "."}


def test_exports_go_by_their_lists_and_are_known(run: Run) -> None:
    """Each once, however many files it has; salted ones do not come back."""
    lesson, work = run.lesson_folder, work_of(run)
    listed(lesson / "a", {"x.csv": {**OF}, "y.csv": {**OF}, "deep/z.csv": {**OF}})
    listed(lesson / "b", {"s.csv": {**OF, "salted": True}})
    listed(lesson / "c", {"clip.mp4": {**OF, "format": "replay", "out": "clip.mp4",
                                       "options": {"seconds": 5}}})  # fmt: skip
    (lesson / "c" / "mine.txt").write_text("mine")
    again = take_exports(work)
    assert sorted(again, key=lambda pair: pair[0]) == [
        (lesson / "a", OF),
        (lesson / "c", {**OF, "format": "replay", "out": "clip.mp4", "options": {"seconds": 5}}),
    ]
    assert not (lesson / "a").exists() and not (lesson / "b").exists()
    assert {p.name for p in (lesson / "c").iterdir()} == {EXPORTED, "mine.txt"}
    assert read_manifest(lesson / "c") == {} and lesson / "c" / EXPORTED in work.done
    assert not work.said.remains and not work.said.lost


def test_what_the_list_may_not_speak_of_stays_and_is_named(run: Run, tmp_path: Path) -> None:
    lesson, work = run.lesson_folder, work_of(run)
    (tmp_path / "aim.csv").write_text("mine")
    (lesson / "left.mp4").write_text("film")
    listed(lesson / "a", {"x.csv": {**OF}, "changed.csv": {**OF, "sha256": "0"},
                          "gone.csv": {**OF}, "folder": {**OF, "sha256": "1"}})  # fmt: skip
    (lesson / "a" / "gone.csv").unlink()
    (lesson / "a" / "folder").unlink()
    (lesson / "a" / "folder").mkdir()
    (lesson / "a" / "link.csv").symlink_to(tmp_path / "aim.csv")
    (lesson / "a" / "broken.csv").symlink_to(tmp_path / "nothing")
    files = read_manifest(lesson / "a")
    files |= {"link.csv": {**OF, "sha256": sha256(tmp_path / "aim.csv")}, "broken.csv": {**OF},
              "../left.mp4": {**OF, "sha256": sha256(lesson / "left.mp4")}}  # fmt: skip
    write_json(lesson / "a" / EXPORTED, {"files": files})
    assert take_exports(work) == [(lesson / "a", OF)]
    stay = {"changed.csv", "folder", "link.csv", "broken.csv", "../left.mp4"}
    assert set(read_manifest(lesson / "a")) == stay
    assert {p.name for p in (lesson / "a").iterdir()} == {*stay, EXPORTED} - {"../left.mp4"}
    assert (lesson / "left.mp4").is_file() and (tmp_path / "aim.csv").read_text() == "mine"
    told = {line.split(":")[0] for line in work.said.remains}
    assert told == {"a/changed.csv", "a/folder", "a/link.csv", "a/broken.csv", "../left.mp4"}


def test_a_list_behind_a_link_is_not_read(run: Run, tmp_path: Path) -> None:
    listed(tmp_path / "away", {"x.csv": {**OF}})
    (run.lesson_folder / "a").mkdir()
    (run.lesson_folder / "a" / EXPORTED).symlink_to(tmp_path / "away" / EXPORTED)
    (run.lesson_folder / "a" / "x.csv").write_text("x.csv")
    assert take_exports(work_of(run)) == []
    assert (run.lesson_folder / "a" / "x.csv").is_file()


def test_lists_of_an_earlier_version_say_where_by_the_format(run: Run) -> None:
    old = {k: v for k, v in OF.items() if k != "out"}
    lesson = run.lesson_folder
    listed(lesson / "a", {"t.csv": {**old, "format": "visits"},
                          "t.json": {**old, "format": "visits"}})  # fmt: skip
    listed(lesson / "b", {"p.tsv": {**old, "format": "bids"}, "p.json": {**old, "format": "bids"}})
    again = sorted(take_exports(work_of(run)), key=lambda pair: pair[0])
    assert again == [(lesson / "a", {**OF, "format": "visits", "out": "t.csv"}),
                     (lesson / "b", {**OF, "format": "bids"})]  # fmt: skip


def test_an_export_is_made_of_its_run_or_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    work, folder, asked = work_of(run), run.lesson_folder / "out", []

    def write(source: Path, where: Path, entry: dict[str, Any]) -> list[str]:
        asked.append((source, where))
        if entry["format"] == "elan":
            raise TypeError("no such option")
        return ["x.csv", "y.csv"]

    monkeypatch.setattr(made_again, "load_source", lambda where: where)
    monkeypatch.setattr(made_again, "write_again", write)
    export_again(work, folder, OF)
    assert asked == [(run.folder, folder)]
    assert work.said.changed == ["out/x.csv: made again", "out/y.csv: made again"]
    assert work.done == {folder / n for n in ("x.csv", "y.csv", EXPORTED)}
    export_again(work, folder, {**OF, "format": "elan"})
    assert work.said.lost == ["out: the export as elan was not made again (no such option)"]


@pytest.mark.parametrize(
    "odd",
    [{"out": ".."}, {"out": "../x.csv"}, {"out": "/x.csv"}, {"out": ""}, {"out": "a\0b"},
     {"run": "../../other/runs/one"}, {"run": ""}, {"run": "."}, {"format": "nope"},
     {"format": ["csv"]}, {"format": None}],
)  # fmt: skip
def test_a_list_leads_an_export_out_of_no_lesson(
    run: Run, odd: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edited by hand: nothing is read or written outside the lesson and the export's folder."""
    work, asked = work_of(run), []
    monkeypatch.setattr(made_again, "load_source", asked.append)
    monkeypatch.setattr(made_again, "write_again", lambda *given: asked.append(given))
    export_again(work, run.lesson_folder / "out", {**OF, **odd})
    (line,) = work.said.lost
    assert "no export of ours is listed so" in line and not asked


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": [1]}', '{"files": {"a": 5}}'])
def test_a_list_that_cannot_be_read_is_named_and_stays(run: Run, text: str) -> None:
    """What it listed may rest on the student, and no name would tell."""
    folder, work = run.lesson_folder / "out", work_of(run)
    folder.mkdir()
    (folder / EXPORTED).write_text(text)
    (folder / "measures.csv").write_text("share,0.5")
    assert take_exports(work) == [] and (folder / EXPORTED).read_text() == text
    assert [r.split(":")[0] for r in work.said.remains] == [f"out/{EXPORTED}"]
    with pytest.raises(ExportError, match=r"export\.json: the list of what exports wrote"):
        refuse_place(folder, lesson=run.lesson_folder)


@pytest.mark.parametrize("place", [".", "runs", "runs/one"])
def test_a_list_where_no_export_goes_takes_nothing_away(run: Run, place: str) -> None:
    lesson, work = run.lesson_folder, work_of(run)
    listed(lesson / place, {"left.mp4": {**OF}})
    assert take_exports(work) == [] and (lesson / place / "left.mp4").is_file()
    assert len(work.said.remains) == 1 and not is_exported(lesson / "left.mp4")


@pytest.mark.parametrize("salted", [True, False])
@pytest.mark.parametrize("at", ["nothing", "a folder", "a link"])
def test_an_export_whose_list_is_gone_is_told(run: Run, salted: bool, at: str) -> None:
    lesson, work = run.lesson_folder, work_of(run)
    (lesson / "out").mkdir()
    (lesson / "out" / "measures.csv").write_text("share,0.5")
    if at == "a folder":
        (lesson / "out" / EXPORTED).mkdir()
    if at == "a link":
        (lesson / "out" / EXPORTED).symlink_to(lesson / "away")
    line = {"action": "export", "out": str(lesson / "out"), "salted": salted}
    (lesson / "audit.log").write_text(2 * (json.dumps(line) + "\n"))
    work.lesson = lesson
    take_exports(work)
    assert [r.split(": ")[1] for r in work.said.remains] == [
        "an export went there and its list is gone; look at it and delete it yourself"
    ]


def test_where_exports_went_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "away.csv").write_text("x")
    (run.lesson_folder / "audit.log").write_text(
        f'{{"action": "export", "format": "csv", "out": "{tmp_path / "away.csv"}"}}\n'
    )
    work = work_of(run)
    take_exports(work)
    assert work.said.lost == [
        f"{tmp_path / 'away.csv'}: an export outside the lesson; delete it yourself"
    ]
