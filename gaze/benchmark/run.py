"""Our own entry: every lesson of the tracks drawn, calibrated, analysed and scored."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from calibration.progress import Progress, no_progress
from gaze.analyze import analyze
from gaze.benchmark.score import NEEDED, NOSE, SPREAD, LessonScore, read_entry, score_entry, summary
from gaze.benchmark.tracks import VERSION, BenchmarkError, track
from gaze.lesson.settings import AnalyzeSettings
from gaze.setup.calibrate import calibrate_lesson
from sessions.folder import Session
from sessions.run import Run, atomic_write, write_json
from sessions.simulation.draw import simulate
from sessions.simulation.simulate import build_world
from sessions.tables import read_table


def run_tracks(
    out: Path,
    names: Sequence[str],
    settings: AnalyzeSettings = AnalyzeSettings(),
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Lessons under ``out/lessons``, entries under ``out/NAME`` (:func:`entry_name`), and their
    result.

    A lesson that is drawn and a run that is finished are not made again, so that the same call goes
    on with what was interrupted.
    """
    entries = out / entry_name(settings)
    seconds: dict[str, float] = {}
    for name in names:
        for seed in track(name).seeds:
            said = f"{name}-{seed}"
            folder = out / "lessons" / said
            if not (folder / "session.toml").is_file():
                simulate(folder, track(name).lesson(seed), progress)
            if not (folder / "rig.json").is_file():
                calibrate_lesson(folder, page=False)
            begun = time.process_time()
            run = _finished(folder, settings, progress)
            seconds[said] = round(time.process_time() - begun, 1)
            write_entry(run, entries / f"{said}.csv")
    result = score_folder(entries, names, entry=f"classroom-gaze, {entry_name(settings)}")
    return {**result, "cpu_seconds": seconds}


def entry_name(settings: AnalyzeSettings) -> str:
    """The weights, and whether what the class agrees on was taken off."""
    return Path(settings.weights).stem + ("-agreement" if settings.agreement else "")


def _finished(folder: Path, settings: AnalyzeSettings, progress: Progress) -> Run:
    session = Session.open(folder)
    name = f"benchmark-{entry_name(settings)}"
    if (session.folder / "runs" / name / "gaze.parquet").is_file():
        return Run.open(session.folder / "runs" / name)
    return analyze(session, settings, run_name=name, progress=progress)


def write_entry(run: Run, path: Path) -> None:
    """A run's gaze table as an entry."""
    gaze = read_table(run.gaze_path, "gaze")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as aside:
        gaze[[*NEEDED, *SPREAD, *NOSE, "status"]].to_csv(aside, index=False)


def score_folder(
    folder: Path,
    names: Sequence[str],
    *,
    entry: str,
    seeds: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, Any]:
    """The one JSON: every ``TRACK-SEED.csv`` of a folder, by track.

    A lesson without its file is named under ``missing``, and counts for nothing else.
    seeds : in place of a track's own (held-out lessons).

    Raises
    ------
    BenchmarkError : not one file of these tracks.
    """
    tracks: dict[str, Any] = {}
    missing: list[str] = []
    for name in names:
        scores: list[LessonScore] = []
        for seed in (seeds or {}).get(name, track(name).seeds):
            path = folder / f"{name}-{seed}.csv"
            if path.is_file():
                table: pd.DataFrame = read_entry(path)
                scores.append(score_entry(table, build_world(track(name).lesson(seed))))
            else:
                missing.append(path.name)
        if scores:
            tracks[name] = summary(scores)
    if not tracks:
        raise BenchmarkError(
            "no entry of these tracks", where=folder, expected=", ".join(missing[:4])
        )  # fmt: skip
    return {"benchmark": VERSION, "entry": entry, "tracks": tracks, "missing": missing}


def table(result: Mapping[str, Any]) -> list[str]:
    """The JSON as Markdown: a line for each track."""
    lines = [
        f"**{result['entry']}**", "",
        "| track | lessons | cm by row (mean) | cm, all | from the eyes' target | inside 68 % "
        "| coverage | switches | strangers | board share, points |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|",
    ]  # fmt: skip
    for name, t in result["tracks"].items():
        rows = " / ".join(_said(r["cm_mean"], 1) for r in t["rows"].values())
        lines.append(
            f"| {name} | {t['lessons']} | {rows} | {_said(t['cm_mean'], 1)} | "
            f"{_said(t['target_cm_mean'], 1)} | {_said(t['inside_68_percent'])} % | "
            f"{_said(t['coverage_percent'], 1)} % | {_said(t['switches'])} | {t['strangers']} | "
            f"{_said(t['share_bias_points'], 1, '+')} |"
        )
    if result["missing"]:
        lines += ["", f"Without an entry: {', '.join(result['missing'])}."]
    return lines


def _said(value: float | None, digits: int = 0, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.{digits}f}"


def save(result: Mapping[str, Any], path: Path) -> None:
    """The JSON, written aside and renamed."""
    write_json(path, dict(result))
