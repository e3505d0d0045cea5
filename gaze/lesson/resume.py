"""The long work in chunks, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import contextlib
import ctypes
import datetime as dt
import itertools
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.progress import Progress
from calibration.transform import Array
from gaze.faces.look import Looker
from gaze.faces.rows import FaceRows
from gaze.lesson.film import Film
from sessions.errors import RunError
from sessions.folder import Session
from sessions.run import Run, atomic_write, versions
from sessions.video import FramePair, Moments, frame_pairs

CHUNK_S = 20.0  # a chunk is what a crash can cost
#: Moments that are looked at together: so many of 1080p, fewer of larger pictures, which lie in
#: memory meanwhile. Known places are looked at every third (of five a second), so in threes.
BATCH, FULL_HD_PX, LOOKS = 9, 1920 * 1080, 3
#: A freed block larger than this goes back to the system; and glibc's names of its settings.
KEPT_BYTES, M_MMAP_THRESHOLD, M_ARENA_MAX = 4_000_000, -3, -8
STAGE = "faces and heads"
MEMORY = "finder."  # before the names of the finder's arrays in a part


def refuse_taken(folder: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, a run's name that is taken.

    Raises
    ------
    RunError : a finished run without ``overwrite``; one that may not be replaced; no run at all.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if overwrite:
        Run(folder).refuse_to_lose()
    elif Run.open(folder, finished=False).info().state == "done":
        raise RunError(
            "there is a finished run of this name",
            where=folder,
            remedy="Name another one, or replace it with --overwrite.",
        )


def open_run(
    session: Session,
    settings: dict[str, Any],
    folder: Path | None,
    *,
    inputs: dict[str, Any] | None = None,
    resume: bool,
    overwrite: bool = False,
) -> Run:
    """The unfinished run of the same settings, or a new one.

    folder : of a named run (sessions.run.run_folder); None: a new one, named by the time. With
    ``overwrite`` the new one is made aside; :meth:`sessions.run.Run.take_place` puts it there.

    Raises
    ------
    RunError : the name is taken (:func:`refuse_taken`), or by a run of other settings.
    """
    inputs = inputs or {}
    if folder is None:
        unfinished = (Run(f) for f in reversed(session.run_folders())) if resume else iter(())
        found = next((r for r in unfinished if _goes_on(r, settings, inputs)), None)
        return found or Run.create(_new_folder(session), settings, inputs)
    refuse_taken(folder, overwrite=overwrite)
    here, aside = Run(folder), Run.aside(folder)
    for run in (here, aside):
        if resume and _goes_on(run, settings, inputs, done=run is aside):
            return run
    if not here.info_path.exists() and not aside.info_path.exists():
        return Run.create(folder, settings, inputs)
    if not overwrite:
        raise RunError(
            "an unfinished run of this name has other settings, inputs, weights or packages"
            if resume
            else "there is an unfinished run of this name, with which --fresh does not go on",
            where=folder,
            remedy="Name another one, or replace it with --overwrite.",
        )
    if aside.folder.exists():
        aside.remove()
    return Run.create(aside.folder, settings, inputs)


def _goes_on(
    run: Run, settings: dict[str, Any], inputs: dict[str, Any], *, done: bool = False
) -> bool:
    """Whether a run of the same settings, inputs and program is unfinished (or ``done``, but not in
    its place). What another version looked at is not gone on with."""
    with contextlib.suppress(RunError):  # of another version: not ours to go on with
        info = Run.open(run.folder, finished=False).info()
        same = (info.settings, info.inputs) == (settings, inputs) and info.versions == versions()
        return same and (info.state == "running" or done)
    return False


def _new_folder(session: Session) -> Path:
    """A folder under runs/ that does not exist, named by the time."""
    name = dt.datetime.now().strftime("%Y-%m-%dT%H%M%S")
    names = itertools.chain([name], (f"{name}-{k}" for k in itertools.count(2)))
    return next(f for f in (session.runs_folder / n for n in names) if not f.exists())


def parts_folder(run: Run) -> Path:
    """Where an unfinished run keeps its chunks; gone once it is done."""
    return run.folder / "parts"


def chunks_of(when: Moments) -> list[slice]:
    """The lesson in stretches of about CHUNK_S."""
    chunk = np.floor((when.time_s - when.time_s[0]) / CHUNK_S).astype(int)
    edges = np.flatnonzero(np.diff(chunk, prepend=-1, append=chunk[-1] + 1))
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]


def look_at_lesson(
    run: Run, looker: Looker, film: Film, report: Progress
) -> tuple[list[Path], Film]:
    """Look at the whole lesson; each finished chunk's face rows lie in the run's ``parts``, in the
    files that are returned (:meth:`FaceRows.load`).

    Chunks that lie there whole are not looked at again; missing and damaged ones are. Returns the
    film as well, with what became of its pictures (``lost``).
    """
    hand_back_pictures()
    folder = parts_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    chunks = chunks_of(film.when)
    paths = [folder / f"{k:05d}.npz" for k in range(len(chunks))]
    missing = [k for k, path in enumerate(paths) if not is_whole(path, chunks[k])]
    for stretch in _stretches(missing):
        moments = film.when[chunks[stretch[0]].start : chunks[stretch[-1]].stop]
        pairs = frame_pairs(film.left, film.right, moments, ahead=2 * batch_of(film) // 3)
        looker.finder.forget()
        if stretch[0] > 0:
            looker.finder.remember(_memory_in(paths[stretch[0] - 1]))
        with contextlib.closing(pairs):  # type: ignore[type-var]  # a generator
            for k in stretch:
                rows, lost = _look_at_chunk(looker, pairs, chunks[k], film, report)
                memory = {MEMORY + name: a for name, a in looker.finder.memory().items()}
                with atomic_write(paths[k]) as aside:
                    rows.save(aside, lost=lost, **memory)
    report(STAGE, 1.0)
    lost_of_all = np.concatenate([_lost_in(p) for p in paths])
    return paths, replace(film, lost=lost_of_all)


def hand_back_pictures() -> None:
    """From here on a picture's memory is the system's again once it is freed, and what threads have
    freed is there for all: glibc would keep what it has seen freed before in pieces, up to 0.3 GB
    of them, and for each thread its own, 0.15 GB of a long lesson."""
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # another C library
            glibc = ctypes.CDLL(None)
            glibc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
            glibc.mallopt(M_ARENA_MAX, 1)


def _stretches(numbers: list[int]) -> list[list[int]]:
    """Ascending numbers in runs without a gap."""
    cuts = np.flatnonzero(np.diff(numbers) > 1) + 1
    return [part.tolist() for part in np.split(numbers, cuts)] if numbers else []


def batch_of(film: Film) -> int:
    """How many moments are looked at together."""
    pixels = max(math.prod(info.size_px) for info in (film.left, film.right))
    return LOOKS * int(np.clip(round(BATCH / LOOKS * FULL_HD_PX / pixels), 1, BATCH // LOOKS))


def _look_at_chunk(
    looker: Looker, pairs: Iterator[FramePair], chunk: slice, film: Film, report: Progress
) -> tuple[FaceRows, NDArray[np.str_]]:
    """Face rows of a chunk, whose frame pairs come next, and what became of its pictures."""
    parts, lost, together = [], [], batch_of(film)
    for first in range(chunk.start, chunk.stop, together):
        report(STAGE, first / len(film.when))
        started = time.perf_counter()
        batch = list(itertools.islice(pairs, min(together, chunk.stop - first)))
        waited = time.perf_counter() - started
        looker.seconds["video"] = looker.seconds.get("video", 0.0) + waited
        lost += [p.lost for p in batch]
        times = [p.time_s for p in batch]
        parts.append(looker.look(times, [p.left for p in batch], [p.right for p in batch], first))
        del batch  # before the next one comes
    return FaceRows.concatenate(parts), np.array(lost, "U8")


def is_whole(path: Path, chunk: slice) -> bool:
    """Whether a part is there, can be read to its last byte, and is of this chunk's moments."""
    if not path.is_file():
        return False
    try:
        moment = FaceRows.load([path]).faces.moment
        pictures = len(_lost_in(path))
        remembers = "left_roams" in _memory_in(path)  # an earlier version's does not
    except Exception:  # a damaged archive raises any of many types
        return False
    inside = (moment >= chunk.start) & (moment < chunk.stop)
    return remembers and bool(inside.all()) and pictures == chunk.stop - chunk.start


def _memory_in(part: Path) -> dict[str, Array]:
    """What the finder knew at the end of a part."""
    with np.load(part) as data:
        return {k.removeprefix(MEMORY): data[k] for k in data.files if k.startswith(MEMORY)}


def _lost_in(part: Path) -> NDArray[np.str_]:
    with np.load(part) as data:
        return np.asarray(data["lost"])
