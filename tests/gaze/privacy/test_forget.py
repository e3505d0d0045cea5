"""Forgetting that is proven byte by byte, pseudonyms, audit, what a class report may say."""

from __future__ import annotations

import datetime as dt
import gzip
import html
import io
import json
import re
import shutil
import stat
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from calibration.files import GENERATOR
from gaze.commands.app import app
from gaze.exports import export
from gaze.privacy.forget import PrivacyError, forget, forget_everything, forget_video
from gaze.privacy.pseudonyms import lesson_salt, pseudonyms
from gaze.report import write_report
from gaze.report.heatmap import write_heatmaps
from gaze.report.lesson import ReportError
from gaze.validation.validate import validate_lesson
from sessions.config import load_config
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.run import write_json
from sessions.tables import FACES, conform
from tests.gaze.gain.test_model import GAIN
from tests.gaze.lessons import gaze_table, write_lesson

# a name that no compressed byte makes by chance
WHO = "Q7-gone"


def faces(students: list[str]) -> pd.DataFrame:
    """Faces of each student in one track per student and camera; some of a track unassigned."""
    rows = []
    for s, name in enumerate(students):
        for camera in ("left", "right"):
            rows += [(camera, f, s, name if f < 8 else "") for f in range(10)]
    n = len(rows)
    frame = pd.DataFrame({c.name: np.zeros(n) for c in FACES})
    frame["row"] = np.arange(n)
    for i, c in enumerate(("camera", "frame", "track", "student")):
        frame[c] = [r[i] for r in rows]
    return conform(frame, "faces")


@pytest.fixture()
def lesson(made_once: Path, tmp_path: Path) -> Path:
    """A lesson in which the student is in everything: tables, texts, caches, exports, names."""
    folder = tmp_path / "lesson"
    shutil.copytree(made_once, folder)
    log = folder / "audit.log"
    log.write_text(log.read_text().replace(str(made_once), str(folder)))
    return folder


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = ["S-01", "S-02", "S-03", WHO, "S-04", "S-05"]
    rng = np.random.default_rng(0)
    t = np.arange(200) * 0.5
    gaze = pd.concat([
        gaze_table(t, np.full(200, n), np.full(200, "ok"),
                   rng.normal([2, 0.6], 0.3, (200, 2)), 0.2,
                   np.tile([0.6 * i, 0.2, 3.0], (200, 1))) for i, n in enumerate(names)
    ])  # fmt: skip
    folder = tmp_path_factory.mktemp("once") / "lesson"
    students = tuple((n, (0.6 * i, 3.0)) for i, n in enumerate(names))
    quality = {"seats": [{"student": n, "row": 1} for n in names],
               "identity": {"pair_cost": dict.fromkeys(names, 1.0)},
               "warnings": [f"{WHO} was seen by one camera"]}  # fmt: skip
    run = write_lesson(folder, gaze, students=students, quality=quality, faces=faces(names))
    write_heatmaps(run)
    write_report(run)
    write_report(run, class_only=True, language="de")
    for kind in ("csv", "bids", "pupil", "elan", "visits", "transitions"):
        export(run, kind, run / f"export-{kind}")
    (folder / "targets.csv").write_text(
        f"start_s,end_s,student,target,x_m,y_m\n0,5,{WHO},T1,1,0.5\n5,9,S-01,T2,2,0.5\n9,12,,T3,1,1\n"
    )
    (folder / "events.csv").write_text(f"time_s,label\n5,{WHO} came late\n9,film\n")
    (folder / "notes.txt").write_text(f"{WHO} sat alone\nthe others did not\n")
    replace(GAIN, students=(WHO, "S-01")).save(folder / "gain.json")
    (folder / "truth").mkdir()
    pd.DataFrame({"student": pd.Categorical(names), "x": range(6)}).to_parquet(
        folder / "truth" / "heads.parquet"
    )
    (run / "parts").mkdir()
    np.savez(run / "parts" / "00000.npz", names=np.array(names))
    (folder / "odd.bin").write_bytes(b"\x00\x01" + WHO.encode("utf-16-le") + b"\xff")
    with zipfile.ZipFile(folder / "backup.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("gaze.csv", f"student\n{WHO}\n" * 50)
    (folder / "left.mp4").write_bytes(b"\x00\x00\x00\x20ftypisom" + rng.bytes(5000))
    (folder / "right.mp4").write_bytes(b"\x00\x00\x00\x20ftypisom" + rng.bytes(5000))
    return folder


THEIRS = ("backup.zip", "odd.bin")  # the user's own
NAMED = [f"{name}: look at it and take the name out, or delete it" for name in THEIRS]


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below a folder: raw bytes, and what is packed in them; an independent reader."""
    out: dict[str, bytes] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name, raw = str(path.relative_to(folder)), path.read_bytes()
        out[name] = raw
        if path.suffix == ".gz":
            out[name + "!"] = gzip.decompress(raw)
        elif path.suffix in (".npz", ".zip"):
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                for part in archive.namelist():
                    out[f"{name}!{part}"] = archive.read(part)
        elif path.suffix == ".parquet":
            table = pq.read_table(path)
            text = table.to_pandas().to_csv() + str(table.schema)
            for column in table.columns:
                for chunk in column.chunks:
                    text += str(getattr(chunk, "dictionary", ""))
            out[name + "!"] = text.encode()
    return out


def traces(folder: Path, who: str) -> list[str]:
    """Files in whose name or bytes, in any usual encoding, a student is found."""
    label = "sub-" + who.replace("-", "")  # as BIDS writes it
    needles = [who.encode(e) for e in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le")]
    needles.append(label.encode())
    return [
        name
        for name, data in everything(folder).items()
        if who in name or label in name or any(n in data for n in needles)
    ]


def test_the_fixture_is_full_of_the_student(lesson: Path) -> None:
    found = traces(lesson, WHO)
    assert len(found) > 25
    for part in ("session.toml", "gaze.parquet!", "faces.parquet!", "heatmaps.npz", "parts",
                 "report.html", "odd.bin", "backup.zip!", "targets.csv", "participants.tsv",
                 "quality.json", "heads.parquet!", "physio.tsv.gz", "gain.json"):  # fmt: skip
        assert any(part in f for f in found), part


def test_forget_leaves_no_byte(lesson: Path) -> None:
    """Of ours; two files of the user's that cannot be written anew stay, and are named."""
    before = {name: (lesson / name).read_bytes() for name in THEIRS}
    said = forget(lesson, WHO)
    assert {name.split("!")[0] for name in traces(lesson, WHO)} == set(THEIRS)
    assert {name: (lesson / name).read_bytes() for name in THEIRS} == before
    assert not said.proven and said.remains == NAMED
    for name in THEIRS:
        (lesson / name).unlink()
    said = forget(lesson, "S-01")
    assert traces(lesson, "S-01") == traces(lesson, WHO) == []
    assert said.proven and said.remains == []
    assert said.searched_files > 10
    text = str(said)
    assert "nothing is left" in text and "Copies outside this folder" in text
    assert "left.mp4: it still shows the student" in text


def test_forget_keeps_the_others(lesson: Path) -> None:
    run = next((lesson / "runs").glob("2*"))
    before = pq.read_table(run / "gaze.parquet").to_pandas()
    said = forget(lesson, WHO)
    assert [line.split(":")[0] for line in said.lost] == ["gain.json"]
    after = pq.read_table(run / "gaze.parquet").to_pandas()
    assert len(after) == len(before) - 200
    kept = before[before["student"] != WHO]
    np.testing.assert_array_equal(after["gaze_x_m"], kept["gaze_x_m"])
    assert after["student"].astype(str).tolist() == kept["student"].astype(str).tolist()
    # faces: the student's, and those of the same tracks that belonged to nobody
    left = pq.read_table(run / "faces.parquet").to_pandas()
    assert len(left) == 6 * 20 - 20
    assert set(left["track"]) == set(range(5)) and left["row"].tolist() == list(range(100))
    # pictures and reports are there again, without the student, in their languages
    assert (run / "heatmaps" / "S-01.png").is_file()
    assert not list(run.rglob(f"*{WHO}*"))
    with np.load(run / "heatmaps.npz") as arrays:
        assert arrays["students"].tolist() == ["S-01", "S-02", "S-03", "S-04", "S-05"]
    assert '<html lang="en"' in (run / "report.html").read_text()[:200]
    assert '<html lang="de"' in (run / "report-class.html").read_text()[:200]
    assert (lesson / "targets.csv").read_text().splitlines()[1:] == ["5,9,S-01,T2,2,0.5",
                                                                     "9,12,,T3,1,1"]  # fmt: skip
    assert not (lesson / "gain.json").exists()  # none that can be fitted again
    quality = json.loads((run / "quality.json").read_text())
    assert [s["student"] for s in quality["seats"]] == ["S-01", "S-02", "S-03", "S-04", "S-05"]


def test_the_validation_forgets_the_student_s_looks(lesson: Path) -> None:
    """Its figure has a dot for each look, without a name: no search for the name would find it."""
    shutil.rmtree(lesson / "truth")
    run = next((lesson / "runs").glob("2*"))
    (lesson / "targets.csv").write_text(
        "start_s,end_s,student,target,x_m,y_m\n0,5,,T1,1,0.5\n9,12,,T3,1,1\n"
    )
    before = validate_lesson(Session.open(lesson), run=run)
    dots = (run / "validation.svg").read_text().count("<circle")
    forget(lesson, WHO)
    after = json.loads((run / "validation.json").read_text())
    assert after["overall"]["n"] == before.overall.n * 5 // 6
    assert 0 < (run / "validation.svg").read_text().count("<circle") < dots
    assert f"At {after['overall']['n']} marked looks" in (run / "report.html").read_text()


def test_the_seat_is_masked_from_now_on(lesson: Path) -> None:
    forget(lesson, WHO)
    from sessions.config import load_config

    config = load_config(lesson)
    seat = next(s for s in config.students if s.opt_out)
    assert seat.id == "removed-1" and seat.seat_m == pytest.approx((1.8, 3.0))
    forget(lesson, "S-01")
    ids = [s.id for s in load_config(lesson).students if s.opt_out]
    assert sorted(ids) == ["removed-1", "removed-2"]


def test_a_longer_name_is_another_student(tmp_path: Path) -> None:
    t = np.arange(60) * 0.5
    gaze = pd.concat([
        gaze_table(t, np.full(60, n), np.full(60, "ok"), np.tile([2.0, 0.5], (60, 1)), 0.2)
        for n in ("S-7", "S-70", "XS-7")
    ])  # fmt: skip
    run = write_lesson(tmp_path / "a", gaze)
    forget(tmp_path / "a", "S-7")
    left = set(pq.read_table(run / "gaze.parquet")["student"].to_pylist())
    assert left == {"S-70", "XS-7"}


def test_names_that_hold_other_names(tmp_path: Path) -> None:
    t = np.arange(60) * 0.5
    names = ("Ann", "Ann B", "Joann")
    gaze = pd.concat([
        gaze_table(t, np.full(60, n), np.full(60, "ok"), np.tile([2.0, 0.5], (60, 1)), 0.2)
        for n in names
    ])  # fmt: skip
    run = write_lesson(tmp_path / "a", gaze, students=tuple((n, (1.0, 3.0)) for n in names))
    export(run, "visits", tmp_path / "a" / "out" / "visits.csv")
    forget(tmp_path / "a", "Ann")
    assert set(pq.read_table(run / "gaze.parquet")["student"].to_pylist()) == {"Ann B", "Joann"}
    visits = pd.read_csv(tmp_path / "a" / "out" / "visits.csv")
    assert set(visits["student"]) == {"Ann B", "Joann"}


def test_a_short_name_does_not_delete_by_chance(lesson: Path) -> None:
    """Two letters stand in every picture and in plotly's code; those are not the student."""
    text = (lesson / "session.toml").read_text().replace('"S-05"', '"A1"')
    (lesson / "session.toml").write_text(text)
    noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3)).astype(np.uint8)
    cv2.imwrite(str(lesson / "room.jpg"), noise)
    cv2.imwrite(str(lesson / "plan.png"), noise)
    (lesson / "blob.bin").write_bytes(b"\xff\x00 A1 \xff\x00")
    np.savez(lesson / "numbers.npz", x=np.random.default_rng(2).random(50_000))
    said = forget(lesson, "A1")
    assert not said.proven  # nobody can say whether these bytes are the student
    assert said.remains == [
        "blob.bin: perhaps by chance: look at it and take the name out, or delete it"
    ]
    for name in ("room.jpg", "plan.png", "numbers.npz", "blob.bin"):
        assert (lesson / name).is_file(), name
    assert "A1" not in (lesson / "session.toml").read_text()
    run = next((lesson / "runs").glob("2*"))
    assert (run / "report.html").is_file()


def test_salted_exports_in_the_lesson_go_too(lesson: Path) -> None:
    run = next((lesson / "runs").glob("2*"))
    export(run, "visits", lesson / "shared", salted=True)
    names = set(pd.read_csv(lesson / "shared" / "visits.csv")["student"])
    assert names == {f"S-{i:02d}" for i in range(1, 7)}
    forget(lesson, WHO)
    assert not (lesson / "shared").exists()


def test_a_salted_export_is_found_from_another_folder(lesson: Path, tmp_path, monkeypatch) -> None:
    run = next((lesson / "runs").glob("2*"))
    monkeypatch.chdir(lesson)
    export(run, "bids", "shared", salted=True)
    export(run, "visits", Path("..") / "handed-on", salted=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    said = forget(lesson, WHO)
    assert not (lesson / "shared").exists() and said.remains == NAMED
    outside = str(tmp_path / "handed-on")
    assert any(outside in x and "delete it yourself" in x for x in said.lost)
    assert (tmp_path / "handed-on" / "visits.csv").is_file()


def test_a_salted_export_takes_nothing_else_along(lesson: Path) -> None:
    """What is not in the manifest, or was changed since, stays; then nothing is called proven."""
    run = next((lesson / "runs").glob("2*"))
    shared = lesson / "shared"
    export(run, "visits", shared, salted=True)
    export(run, "transitions", shared)
    (shared / "mine.txt").write_text("my notes")
    with (shared / "visits.csv").open("a") as file:
        file.write("# I wrote this\n")
    videos = {p: p.read_bytes() for p in lesson.glob("*.mp4")}
    manifest = json.loads((shared / ".export.json").read_text())
    for name in ("../left.mp4", str(lesson / "right.mp4")):
        manifest["files"][name] = {"sha256": "", "salted": True}
    write_json(shared / ".export.json", manifest)
    said = forget(lesson, WHO)
    assert not said.proven and any("visits.csv" in r and "changed since" in r for r in said.remains)
    assert (shared / "mine.txt").is_file() and "# I wrote" in (shared / "visits.csv").read_text()
    assert not (shared / "visits.json").exists()
    assert WHO not in (shared / "transitions.csv").read_text()
    export(run, "transitions", shared)  # rewritten without the student, it is still ours
    assert {p: p.read_bytes() for p in lesson.glob("*.mp4")} == videos


def test_notes_beside_a_salted_export_stay_and_nothing_is_suspected(lesson: Path) -> None:
    run = next((lesson / "runs").glob("2*"))
    export(run, "visits", lesson / "shared", salted=True)
    (lesson / "shared" / "mine.txt").write_text("my notes")
    assert forget(lesson, WHO).remains == NAMED and forget(lesson, "S-01").proven
    left = sorted(p.name for p in (lesson / "shared").iterdir())
    assert left == [".export.json", "mine.txt"]


def test_a_salted_export_whose_list_is_gone_is_not_called_proven(lesson: Path) -> None:
    run = next((lesson / "runs").glob("2*"))
    export(run, "visits", lesson / "shared", salted=True)
    (lesson / "shared" / ".export.json").unlink()
    said = forget(lesson, WHO)
    assert not said.proven and any("its list is gone" in r for r in said.remains)


def test_forget_an_unknown_student_changes_nothing(lesson: Path) -> None:
    before = {p: p.read_bytes() for p in lesson.rglob("*") if p.is_file()}
    with pytest.raises(PrivacyError, match=r"nothing in this lesson names this student.*S-01"):
        forget(lesson, "S-99")
    assert {p: p.read_bytes() for p in lesson.rglob("*") if p.is_file()} == before


def test_forget_in_an_expired_lesson(lesson: Path) -> None:
    """Retention must not keep anybody's data from being deleted."""
    toml = lesson / "session.toml"
    toml.write_text("retention_days = 1\n" + toml.read_text())
    with pytest.raises(SessionError, match="retention time is over"):
        write_report(next((lesson / "runs").glob("2*")))
    said = forget(lesson, WHO)
    assert {name.split("!")[0] for name in traces(lesson, WHO)} == set(THEIRS)
    assert said.remains == NAMED and "not made again" in str(said)


def test_forget_all_video(lesson: Path) -> None:
    picture = np.full((40, 60, 3), 120, np.uint8)
    (lesson / "calibration" / "left").mkdir(parents=True)
    cv2.imwrite(str(lesson / "calibration" / "left" / "001.jpg"), picture)
    cv2.imwrite(str(lesson / "board.jpg"), picture)
    jpeg = (lesson / "board.jpg").read_bytes()
    (lesson / "thumbnail").write_bytes(jpeg)  # no ending: found by its first bytes
    page = f'{GENERATOR}"><img src="data:image/jpeg;base64,AAAA">'
    (lesson / "calibration.html").write_text(page)
    toml = lesson / "session.toml"
    toml.write_text(toml.read_text().replace("height_m = 1.2",
                                             'height_m = 1.2\npicture = "board.jpg"'))  # fmt: skip
    said = forget_video(lesson)
    assert said.proven
    for gone in ("left.mp4", "right.mp4", "thumbnail", "calibration.html", "calibration"):
        assert not (lesson / gone).exists(), gone
    assert (lesson / "board.jpg").is_file() and "blackboard's photograph" in str(said)
    run = next((lesson / "runs").glob("2*"))
    assert (run / "heatmaps" / "class.png").is_file() and (run / "report.html").is_file()
    assert not (run / "parts").exists()
    write_report(run)  # a report never needs the videos


def test_forget_all_video_follows_no_link(lesson: Path, tmp_path: Path) -> None:
    outside = tmp_path / "archive.mp4"
    outside.write_bytes(b"somebody's")
    (lesson / "left.mp4").unlink()
    (lesson / "left.mp4").symlink_to(outside)
    said = forget_video(lesson)
    assert outside.is_file() and not (lesson / "left.mp4").exists()
    assert "only linked to it" in str(said) and "archive.mp4" in str(said)


def test_forget_everything(lesson: Path, tmp_path: Path) -> None:
    other = tmp_path / "no-lesson"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(PrivacyError, match="not a lesson, so nothing is deleted"):
        forget_everything(other)
    assert (other / "thesis.txt").is_file()
    said = forget_everything(lesson)
    assert said.proven and not lesson.exists() and "left.mp4" in said.deleted


# -- pseudonyms, audit, retention ------------------------------------------------------------------


def test_pseudonyms_are_salted_by_lesson() -> None:
    seats = [f"seat {i}" for i in range(28)]
    a, b = pseudonyms(seats, "salt of monday"), pseudonyms(seats, "salt of tuesday")
    assert a == pseudonyms(reversed(seats), "salt of monday")
    assert sorted(a.values()) == [f"S-{i:02d}" for i in range(1, 29)] == sorted(b.values())
    assert sum(a[s] == b[s] for s in seats) < 8  # about one by chance
    assert [a[s] for s in seats] != sorted(a.values())  # the order of seats does not show


def test_the_salt_is_the_lesson_s_own(tmp_path: Path) -> None:
    t = np.arange(30.0)
    gaze = gaze_table(t, np.full(30, "S-01"), np.full(30, "ok"), np.tile([2.0, 0.5], (30, 1)), 0.2)
    write_lesson(tmp_path / "a", gaze)
    write_lesson(tmp_path / "b", gaze)
    write_lesson(tmp_path / "c", gaze, top='salt = "from the file"')
    first = lesson_salt(tmp_path / "a")
    assert first == lesson_salt(tmp_path / "a") and len(first) == 32
    assert first != lesson_salt(tmp_path / "b")
    assert lesson_salt(tmp_path / "c") == "from the file"
    assert not (tmp_path / "c" / "salt.txt").exists()
    mode = stat.S_IMODE((tmp_path / "a" / "salt.txt").stat().st_mode)
    assert mode == 0o600


def test_every_export_leaves_a_line(lesson: Path) -> None:
    lines = [json.loads(s) for s in (lesson / "audit.log").read_text().splitlines()]
    assert [s["format"] for s in lines] == ["csv", "bids", "pupil", "elan", "visits", "transitions"]
    for line in lines:
        assert line["action"] == "export" and line["students"] == 6 and line["user"]
        dt.datetime.fromisoformat(line["time"])
    assert WHO not in (lesson / "audit.log").read_text()
    forget(lesson, WHO)
    last = json.loads((lesson / "audit.log").read_text().splitlines()[-1])
    assert last["action"] == "forget student" and last["proven"] is False  # two of the user's own


def test_an_expired_lesson_is_not_exported(lesson: Path) -> None:
    toml = lesson / "session.toml"
    toml.write_text("retention_days = 1\n" + toml.read_text())
    run = next((lesson / "runs").glob("2*"))
    with pytest.raises(SessionError, match="retention time is over"):
        export(run, "csv", lesson / "x")


# -- the class report ------------------------------------------------------------------------------


def visible(html: str) -> str:
    """What a page says besides plotly's own code."""
    scripts = re.findall(r"<script(?: type=.text/plain.[^>]*)?>.*?</script>", html, flags=re.S)
    for s in scripts:
        html = html.replace(s, "")
    return html


def test_a_class_report_names_nobody(lesson: Path) -> None:
    run = next((lesson / "runs").glob("2*"))
    html = visible(write_report(run, class_only=True, out=lesson / "class.html").read_text())
    for name in ("S-01", "S-02", "S-03", "S-04", "S-05", WHO):
        assert name not in html, name
    assert "… came late" in html  # the teacher's own mark had the name in it
    assert 'id="students"' not in html and 'class="student"' not in html


def test_a_class_report_of_four_is_refused(tmp_path: Path) -> None:
    t = np.arange(60) * 0.5
    gaze = pd.concat([
        gaze_table(t, np.full(60, f"S-{i}"), np.full(60, "ok"), np.tile([2.0, 0.5], (60, 1)), 0.2)
        for i in range(4)
    ])  # fmt: skip
    run = write_lesson(tmp_path / "a", gaze)
    with pytest.raises(ReportError, match="fewer than five students"):
        write_report(run, class_only=True)


def test_cells_under_five_are_suppressed(tmp_path: Path) -> None:
    """Eight students; three of them ever looked right, and three sit in a row of their own."""
    t = np.arange(240) * 0.5
    frames = []
    for i in range(8):
        xy = np.tile([3.3, 0.5], (240, 1))
        if i < 3:
            xy[100:140] = [0.6, 0.5]
        nose = np.tile([0.5 * i, 0.2, 3.0 if i < 5 else 5.0], (240, 1))
        frames.append(gaze_table(t, np.full(240, f"S-{i:02d}"), np.full(240, "ok"), xy, 0.1, nose))
    run = write_lesson(tmp_path / "a", pd.concat(frames))
    plain = write_report(run).read_text()
    shared = visible(write_report(run, class_only=True).read_text())
    assert "3 of 8" in plain and "3 of 8" not in shared
    assert "at least 4 of 8" not in plain
    assert "under 5" in shared
    # the row of three is merged with its neighbour: one line for all eight
    rows = re.search(r"<caption>Data quality</caption>.*?</table>", shared, flags=re.S)
    assert rows is not None
    assert re.findall(r'<tr[^>]*><th[^>]* scope="row">(.*?)</th><td[^>]*>(\d+)', rows[0]) == [
        ("Row 1–3", "8")]  # fmt: skip


# -- names and session.toml ------------------------------------------------------------------------


@pytest.mark.parametrize(("wrong", "meant"), [("q7-gone", WHO), ("s-01", "S-01"), ("S-1", "S-01")])
def test_an_unknown_name_is_said_with_the_nearest_and_nothing_is_touched(
    lesson: Path, wrong: str, meant: str
) -> None:
    before = {p: p.read_bytes() for p in lesson.rglob("*") if p.is_file()}
    (lesson / "notes.txt").write_text(f"{wrong} is mentioned here")
    before[lesson / "notes.txt"] = (lesson / "notes.txt").read_bytes()
    result = CliRunner().invoke(app, ["forget", str(lesson), wrong, "--yes"])
    said = " ".join(result.stderr.split())
    assert result.exit_code == 2 and f"Did you mean {meant}?" in said
    assert {p: p.read_bytes() for p in lesson.rglob("*") if p.is_file()} == before


NAMES = ["Zoë", "Łukasz", "Ольга", "李 雷", "Ann-Sofie Ö", "ﬁn", "Çağla"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("written", "asked"), [("NFC", "NFC"), ("NFD", "NFC"), ("NFC", "NFD")])
def test_a_name_in_any_script_and_spelling(
    tmp_path: Path, name: str, written: str, asked: str
) -> None:
    own = unicodedata.normalize(written, name)
    t = np.arange(60) * 0.5
    gaze = pd.concat([
        gaze_table(t, np.full(60, n), np.full(60, "ok"), np.tile([2.0, 0.5], (60, 1)), 0.2)
        for n in (own, "Zoe", "Lukas", name + "x")
    ])  # fmt: skip
    quality = {"identity": {"pair_cost": {own: 1.0, "Zoe": 2.0}}, "warnings": [f"{own} was late"]}
    run = write_lesson(tmp_path / "a", gaze, quality=quality)
    (run / "notes.html").write_text(f"<p>{html.escape(own).encode('ascii', 'xmlcharrefreplace')}")
    assert "\\u" in run.joinpath("quality.json").read_text() or name.isascii()
    said = forget(tmp_path / "a", unicodedata.normalize(asked, name))
    assert [r.split(":")[0] for r in said.remains] == [f"runs/{run.name}/notes.html"]
    assert set(pq.read_table(run / "gaze.parquet")["student"].to_pylist()) == {
        "Zoe", "Lukas", name + "x"}  # fmt: skip
    left = json.loads((run / "quality.json").read_text())
    assert left["identity"]["pair_cost"] == {"Zoe": 2.0} and left["warnings"] == []
    assert {seat["student"] for seat in left["seats"]} == {"Lukas", "Zoe", name + "x"}
    assert (run / "notes.html").is_file()  # the user's own


HEAD = """# our lesson, with {who} in it
title = "with {who}"
[blackboard]
width_m = 4.0
height_m = 1.2
[cameras.left]
video = "left.mp4"
[cameras.right]
video = "right.mp4"
"""
BLOCKS = {
    "tables": '[[students]]\nid = "{who}"  # Anna\n# seat_m = [9.0, 9.0]\nseat_m = [1.0, 3.0]\n'
    '[[students]]\nid = "Z"  # Zora\nseat_m = [2.0, 3.0]\n',
    "spaced": '[[ students ]]\nid = \'{who}\'\nseat_m = [1.0, 3.0]\nopt_out = false # no\n'
    '[[ students ]]\n"id" = "Z"\nseat_m = [2.0, 3.0]\n',
    "no seat": '[[students]]\nid = "{who}"\n# seat_m = [1.0, 3.0]\n'
    '[[students]]\nid = "Z"\nseat_m = [2.0, 3.0]\n',
    "alone, no seat": '[[students]]\nid = "{who}"\n',
}  # fmt: skip
INLINE = {
    "inline": 'students = [{{id = "{who}", seat_m = [1.0, 3.0]}},'
    ' {{id = "Z", seat_m = [2.0, 3.0]}}]\n',
    "inline over lines": 'students = [\n  {{id = "{who}", seat_m = [1.0, 3.0]}}, # {who}\n'
    '  {{id = "Z", seat_m = [2.0, 3.0]}}, # Zora\n]\n',
    "inline, no seat": 'students = [{{id = "{who}"}}, {{id = "Z", seat_m = [2.0, 3.0]}}]\n',
}  # fmt: skip


@pytest.mark.parametrize("kind", [*BLOCKS, *INLINE])
@pytest.mark.parametrize("who", ["A1", "Zoë", "S-07"])
def test_session_toml_in_every_form_is_edited_and_still_opens(
    tmp_path: Path, kind: str, who: str
) -> None:
    text = INLINE[kind] + HEAD if kind in INLINE else HEAD + BLOCKS[kind]
    (tmp_path / "session.toml").write_text(text.format(who=who), encoding="utf-8")
    said = forget(tmp_path, who)
    after = (tmp_path / "session.toml").read_text(encoding="utf-8")
    assert said.proven and who not in after and "Anna" not in after
    students = {s.id: s for s in load_config(tmp_path).students}
    if "no seat" in kind:
        assert set(students) == ({"Z"} if kind != "alone, no seat" else set())
    else:
        assert set(students) == {"removed-1", "Z"}
        gone = students["removed-1"]
        assert gone.opt_out and gone.seat_m == (1.0, 3.0) and not students["Z"].opt_out
    if "Zora" in text:
        assert "# Zora" in after
    assert "our lesson" in after


def test_a_broken_session_toml_is_said_before_anything_is_deleted(lesson: Path) -> None:
    toml = lesson / "session.toml"
    toml.write_text(toml.read_text() + "\nnonsense = 1\n")
    before = {p: p.read_bytes() for p in lesson.rglob("*") if p.is_file()}
    with pytest.raises(SessionError, match="nonsense"):
        forget(lesson, WHO)
    assert {p: p.read_bytes() for p in lesson.rglob("*") if p.is_file()} == before


def test_a_video_named_after_the_student_is_not_called_proven(tmp_path: Path) -> None:
    text = HEAD.replace('"left.mp4"', '"{who}.mp4"') + BLOCKS["tables"]
    (tmp_path / "session.toml").write_text(text.format(who="Q7-gone"))
    said = forget(tmp_path, "Q7-gone")
    assert load_config(tmp_path).cameras.left.video == "Q7-gone.mp4"
    assert not said.proven and len(said.remains) == 1 and "session.toml" in said.remains[0]
