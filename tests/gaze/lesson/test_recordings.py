"""A lesson however it was recorded: the same students at the same places, or said what is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

import gaze.analyze as pipeline
from calibration.errors import RigError, UserError
from calibration.mounting import Mounting
from calibration.rig import Rig
from calibration.rig_file import RigInputs
from gaze.analyze import analyze
from gaze.lesson.settings import AnalyzeSettings
from sessions.folder import Session
from sessions.quality import Quality
from sessions.run import Run
from sessions.tables import read_table
from sessions.video import probe, read_frames
from tests.gaze.squares import Frontal, write_lesson
from tests.sessions.video.films import write

SECONDS, FPS = 4.0, 10
SQUARES = AnalyzeSettings.of(detector="squares", landmarks="detector")
H264 = {"crf": "12", "preset": "ultrafast", "bf": "2", "g": "10"}


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "heatmaps_and_report", lambda run, report: None)


@pytest.fixture
def lesson(tmp_path: Path) -> tuple[Path, Rig, pd.DataFrame]:
    return (tmp_path / "l", *write_lesson(tmp_path / "l", seconds=SECONDS, fps=FPS))


def seen(folder: Path) -> tuple[pd.DataFrame, Quality, Run]:
    run = analyze(folder, SQUARES, model=Frontal())
    return read_table(run.gaze_path, "gaze"), Quality.read(run.quality_path), run


def film_again(
    folder: Path, camera: str, name: str, change: Callable[[np.ndarray], np.ndarray], **how
) -> None:
    """The camera's video once more, each picture changed, under another name."""
    info = probe(folder / f"{camera}.mp4")
    pictures = [change(p) for _, p in read_frames(info, range(info.frames))]
    first, last = how.pop("part", (0, len(pictures)))
    write(
        folder / name, rate=FPS, numbers=range(first, last), options=H264,
        draw=lambda n: np.ascontiguousarray(pictures[n]), **how,
    )  # fmt: skip


def say(folder: Path, old: str, new: str) -> None:
    path = folder / "session.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def misses_m(table: pd.DataFrame, truth: pd.DataFrame) -> float:
    """Median distance of the noses from the nearest true one of the moment."""
    away = []
    for time_s, part in table.dropna(subset=["nose_x_m"]).groupby("time_s"):
        true = truth[np.isclose(truth["time_s"], time_s, atol=1e-3)]
        nose = [f"nose_{a}_m" for a in "xyz"]
        d = np.linalg.norm(part[nose].to_numpy()[:, None] - true[nose].to_numpy(), axis=2)
        away += d.min(1).tolist()
    return float(np.median(away))


def test_turned_split_and_in_transport_streams_it_is_the_same_lesson(lesson) -> None:
    """Left upside down with a flag, in two chapters; right stored on its side, without one."""
    folder, _, truth = lesson
    upside = {"display": (180, False, False)}
    film_again(folder, "left", "a.mp4", lambda p: p[::-1, ::-1], part=(0, 17), **upside)
    film_again(folder, "left", "b.mp4", lambda p: p[::-1, ::-1], part=(17, 40), **upside)
    film_again(folder, "right", "r.ts", lambda p: np.rot90(p))
    say(folder, '"left.mp4"', '["a.mp4", "b.mp4"]')
    say(folder, '"right.mp4"', '"r.ts"\nrotate = 90')
    table, quality, _ = seen(folder)
    assert quality.frames.left.decoded == quality.frames.right.decoded == quality.frames.moments
    assert quality.frames.moments == SECONDS * 5 and quality.frames.left.files == ("a.mp4", "b.mp4")
    assert table["student"].nunique() == 8 and misses_m(table, truth) < 0.02
    assert (table["status"] != "no_face").all() and not quality.frames.remarks


def test_without_the_turn_it_is_not(lesson) -> None:
    """Negative control: the same videos, not said to be turned."""
    folder, _, truth = lesson
    film_again(folder, "right", "r.mp4", lambda p: p[::-1, ::-1])
    say(folder, '"right.mp4"', '"r.mp4"')
    try:
        table, _, _ = seen(folder)
    except UserError as error:  # refused is as good
        assert str(error)
    else:
        assert misses_m(table, truth) > 0.2
    say(folder, '"r.mp4"', '"r.mp4"\nrotate = 180')
    table, _, _ = seen(folder)
    assert misses_m(table, truth) < 0.02


def test_what_cannot_be_decoded_is_nobodys_no_face(tmp_path: Path) -> None:
    """One student is in the right picture only; the right video breaks in its middle."""
    folder = tmp_path / "l"
    visible = np.ones((40, 8, 2), bool)
    visible[:, 3, 0] = False
    write_lesson(folder, seconds=SECONDS, fps=FPS, visible=visible)
    info = probe(folder / "right.mp4")
    with av.open(str(folder / "right.mp4")) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray((folder / "right.mp4").read_bytes())
    for at, size in places[20:26]:
        data[at : at + size] = np.random.default_rng(at).integers(0, 256, size, np.uint8).tobytes()
    (folder / "right.mp4").write_bytes(data)
    assert info.frames == 40
    table, quality, run = seen(folder)
    of = quality.frames.right
    lost = of.corrupt + of.missing
    assert lost >= 3 and of.asked == of.decoded + lost == quality.frames.moments
    assert quality.frames.left.decoded == quality.frames.left.asked
    first = quality.warnings[0]
    assert first.code == "frames_undecoded" and f"{lost} of {of.asked} pictures" in first.message
    alone = table[
        table["student"] == table.groupby("student", observed=True)["cameras"].max().idxmin()
    ]
    assert (alone["status"] == "undecoded").sum() == lost and (alone["status"] != "no_face").all()
    others = table[(table["student"] != alone["student"].iloc[0])]
    assert set(others["status"]) <= {"ok", "one_camera", "off_board", "low_confidence", "away"}
    summary = read_table(run.students_path, "students").set_index("student")
    assert summary.loc[str(alone["student"].iloc[0]), "coverage"] == pytest.approx(1 - lost / 20)


def test_a_lesson_filmed_smaller_than_calibrated(lesson) -> None:
    """The same shape: the rig is scaled, and that is said. Another one is refused."""
    folder, rig, truth = lesson
    write_lesson(folder, seconds=SECONDS, fps=FPS, scale=0.4)
    rig.save(folder / "rig.json")
    table, quality, _ = seen(folder)
    assert misses_m(table, truth) < 0.03
    assert "taken as the same picture scaled" in quality.frames.remarks[0]
    assert [w.code for w in quality.warnings if "768 × 432" in w.message] == ["recording"] * 2
    for size, words in (
        ((540, 960), "side, or was cut upright"),
        ((960, 720), "another part of them"),
    ):
        replace(rig, right=replace(rig.right, size_px=size)).save(folder / "rig.json")
        with pytest.raises(RigError, match=words):
            seen(folder)


def test_a_rig_that_was_calibrated_the_other_way_up(lesson) -> None:
    folder, rig, _ = lesson
    mounted = {"left": Mounting(), "right": Mounting(180)}
    replace(rig, inputs=RigInputs(mountings=mounted)).save(folder / "rig.json")
    with pytest.raises(RigError, match=r"cameras\.right .* turned otherwise.*rotate = 180"):
        seen(folder)
    say(folder, '"right.mp4"', '"right.mp4"\nrotate = 180')
    assert Session.open(folder).mounting("right") == Mounting(180)
    film_again(folder, "right", "r.mp4", lambda p: p[::-1, ::-1])
    say(folder, '"right.mp4"', '"r.mp4"')
    assert seen(folder)[0]["student"].nunique() == 8


def test_only_the_lesson_is_mirrored(lesson) -> None:
    folder, rig, truth = lesson
    plain = {c: Mounting() for c in ("left", "right")}
    replace(rig, inputs=RigInputs(mountings=plain)).save(folder / "rig.json")
    for camera in ("left", "right"):
        film_again(folder, camera, f"{camera}_m.mp4", lambda p: p[:, ::-1])
        say(folder, f'"{camera}.mp4"', f'"{camera}_m.mp4"\nmirrored = "lesson"')
    assert misses_m(seen(folder)[0], truth) < 0.02
    say(folder, '"right_m.mp4"\nmirrored = "lesson"', '"right_m.mp4"\nmirrored = true')
    with pytest.raises(RigError, match='say mirrored = "lesson"'):
        seen(folder)
