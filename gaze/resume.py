"""The long work in chunks, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from gaze.looking import FaceRows, Looker
from sessions.errors import RunError
from sessions.folder import Session
from sessions.run import Progress, Run, atomic_write
from sessions.video import Moments, VideoInfo, frame_pairs

CHUNK_S = 20.0  # a chunk is what a crash can cost
BATCH = 8  # moments that are looked at together


def open_run(
    session: Session, settings: dict[str, Any], run_name: str | None, *, resume: bool
) -> Run:
    """The unfinished run of the same settings, or a new one; one of that name is made anew."""
    comparable = {k: v for k, v in settings.items() if k != "gain"}
    if resume:
        for folder in reversed(session.run_folders()):
            if run_name is not None and folder.name != run_name:
                continue
            with contextlib.suppress(RunError):  # of another version: not ours to go on with
                run = Run.open(folder, finished=False)
                info = run.info()
                same = {k: v for k, v in info.get("settings", {}).items() if k != "gain"}
                if info.get("state") == "running" and same == comparable:
                    return run
    name = run_name or dt.datetime.now().strftime("%Y-%m-%dT%H%M%S")
    folder = session.runs_folder / name
    if (folder / "run.json").exists() and run_name is None:
        name = next(
            n
            for n in (f"{name}-{k}" for k in itertools.count(2))
            if not (session.runs_folder / n).exists()
        )
        folder = session.runs_folder / name
    if folder.exists():
        shutil.rmtree(folder)  # asked for by name: made anew
    return Run.create(folder, settings)


def parts_folder(run: Run) -> Path:
    """Where an unfinished run keeps its chunks; gone once it is done."""
    return run.folder / "parts"


def chunks_of(when: Moments) -> list[slice]:
    """The lesson in stretches of about CHUNK_S."""
    chunk = np.floor((when.time_s - when.time_s[0]) / CHUNK_S).astype(int)
    edges = np.flatnonzero(np.diff(chunk, prepend=-1, append=chunk[-1] + 1))
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]


def look_at_lesson(
    run: Run, looker: Looker, left: VideoInfo, right: VideoInfo, when: Moments, report: Progress
) -> FaceRows:
    """Face rows of the whole lesson; each finished chunk lies in the run's ``parts``."""
    folder = parts_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    chunks = chunks_of(when)
    paths = [folder / f"{k:05d}.npz" for k in range(len(chunks))]
    done = next((k for k, p in enumerate(paths) if not p.is_file()), len(paths))
    stage = "faces and heads"
    total = len(when)
    if done < len(chunks):
        begin = chunks[done].start
        pairs = frame_pairs(left, right, when[begin:])
        for path, chunk in zip(paths[done:], chunks[done:], strict=True):
            looker.begin_chunk()
            parts = []
            for first in range(chunk.start, chunk.stop, BATCH):
                report(stage, first / total)
                started = time.perf_counter()
                batch = list(itertools.islice(pairs, min(BATCH, chunk.stop - first)))
                waited = time.perf_counter() - started
                looker.seconds["video"] = looker.seconds.get("video", 0.0) + waited
                parts.append(
                    looker.look(
                        [p.time_s for p in batch],
                        [p.left for p in batch],
                        [p.right for p in batch],
                        first,
                    )
                )
            with atomic_write(path) as aside:
                FaceRows.concatenate(parts).save(aside)
        pairs.close()  # type: ignore[attr-defined]
    report(stage, 1.0)
    return FaceRows.load(paths)
