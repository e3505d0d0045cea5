"""Many lessons: each on its own, on this machine or on a Ray cluster; a failed one stops nobody."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import secrets
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from calibration.errors import UserError
from sessions.quality import Quality

if TYPE_CHECKING:
    from rich.table import Table

ENGINES = ("local", "ray")
#: A proxy that is none: whatever asks for a host by HTTP is refused on this machine.
NOWHERE = "http://127.0.0.1:9"
#: Memory that Ray sets aside for a lesson (docs/performance.md: 1.0 to 1.3 GB at the peak).
LESSON_BYTES = 2 << 30

Status = Literal["done", "not good enough", "failed"]
# A function of a lesson's folder and the settings that returns the run folder it made.
AnalyzeFolder = Callable[..., Path]


class EngineError(UserError):
    """Lessons that cannot be started at all: no such engine, nothing to do."""


@dataclass(frozen=True)
class LessonResult:
    """What became of one lesson.

    run : its run folder, None where it failed. coverage : share of student-moments measured.
    message : why it failed, or what is not good enough; detail : the traceback of a bug.
    """

    lesson: Path
    status: Status
    run: Path | None = None
    coverage: float | None = None
    seconds: float = 0.0
    message: str = ""
    detail: str = ""

    def sentence(self) -> str:
        """One line for the terminal."""
        measured = "" if self.coverage is None else f", {100 * self.coverage:.0f} % measured"
        why = f": {self.message}" if self.message else ""
        return f"{self.lesson}: {self.status}{measured}, {self.seconds:.0f} s{why}"


@dataclass(frozen=True)
class BatchResult:
    """What became of all lessons, in the order given."""

    lessons: tuple[LessonResult, ...]
    engine: str
    seconds: float

    @property
    def exit_code(self) -> int:
        """0: all done; 1: some are not good enough; 2: some failed."""
        states = {r.status for r in self.lessons}
        return 2 if "failed" in states else 1 if "not good enough" in states else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        rows = [
            {**asdict(r), "lesson": str(r.lesson), "run": None if r.run is None else str(r.run)}
            for r in self.lessons
        ]
        return {"engine": self.engine, "seconds": self.seconds, "lessons": rows}

    def table(self) -> Table:
        """A rich table with a row for each lesson."""
        from rich.table import Table

        done = sum(r.status != "failed" for r in self.lessons)
        drawn = Table(
            title=f"{done} of {len(self.lessons)} lessons analysed in {self.seconds:.0f} s",
            title_justify="left",
            show_edge=False,
        )
        for name in ("lesson", "", "measured", "s", "run or reason"):
            drawn.add_column(name, justify="right" if name in ("measured", "s") else "left")
        for r in self.lessons:
            drawn.add_row(
                r.lesson.name.replace("[", "\\["),
                r.status,
                "–" if r.coverage is None else f"{100 * r.coverage:.0f} %",
                f"{r.seconds:.0f}",
                (r.message or str(r.run or "")).replace("[", "\\["),
            )
        return drawn


def analyze_folder(folder: Path, **settings: Any) -> Path:
    """Analyse one lesson; returns its run folder. ``gain=True`` applies its own gain.json."""
    from gaze.analyze import analyze
    from gaze.gain.model import Gain
    from gaze.lesson.settings import AnalyzeSettings
    from sessions.folder import Session

    session = Session.open(folder)
    gain = Gain.load(session.gain_path) if settings.pop("gain", False) else None
    around = {k: settings.pop(k) for k in ("run_name", "resume", "overwrite") if k in settings}
    return analyze(session, AnalyzeSettings.of(**settings), gain=gain, **around).folder


def analyze_many(
    folders: Sequence[str | Path],
    *,
    engine: str = "local",
    workers: int = 1,
    analyze: AnalyzeFolder = analyze_folder,
    report: Callable[[int, int, LessonResult], None] | None = None,
    **settings: Any,
) -> BatchResult:
    """Analyse lessons independently of each other; whatever goes wrong in one stays in it.

    Parameters
    ----------
    folders : session folders; the same one twice counts once.
    engine : ``local``, or ``ray`` (the extra of that name; joins the cluster of ``RAY_ADDRESS``
        where it is set, and starts one of ``workers`` CPUs on this machine otherwise; all nodes
        must see the lessons under the same path).
    workers : lessons at once. Locally each lesson has a process of its own, so that even one that
        is killed for its memory takes no other along; with one worker it runs in this process.
    analyze : what to do with a folder (it must be possible to pickle it): :func:`analyze_folder`.
    report : called with (lessons finished, lessons in all, result) after each; writes a line to
        stderr where it is not given.
    settings : passed on to ``analyze``.

    Raises
    ------
    EngineError : no such engine, Ray not installed, no lessons, no workers.
    """
    lessons = list(dict.fromkeys(Path(f).resolve() for f in folders))
    if not lessons:
        raise EngineError("there is no lesson to analyse")
    if workers < 1:
        raise EngineError("workers is impossible", found=workers, expected="1 or more")
    if engine not in ENGINES:
        raise EngineError("there is no such engine", found=engine, expected=" or ".join(ENGINES))
    tell = report or _print_line
    start = time.monotonic()
    if engine == "ray":
        finished = _on_ray(lessons, workers, analyze, settings)
    elif workers == 1 or len(lessons) == 1:
        finished = ((i, _one(p, analyze, settings)) for i, p in enumerate(lessons))
    else:
        finished = _in_processes(lessons, workers, analyze, settings)
    results: dict[int, LessonResult] = {}
    for i, result in finished:
        results[i] = result
        tell(len(results), len(lessons), result)
    ordered = tuple(results[i] for i in range(len(lessons)))
    return BatchResult(ordered, engine, time.monotonic() - start)


def _print_line(finished: int, of: int, result: LessonResult) -> None:
    print(f"[{finished}/{of}] {result.sentence()}", file=sys.stderr, flush=True)


def _one(folder: Path, analyze: AnalyzeFolder, settings: dict[str, Any]) -> LessonResult:
    """One lesson, and nothing of it gets out but a result (Ctrl-C does)."""
    start = time.monotonic()
    try:
        run = Path(analyze(folder, **settings))
        quality = Quality.read(run / "quality.json")
    except UserError as error:
        return LessonResult(folder, "failed", seconds=time.monotonic() - start, message=str(error))
    except Exception as error:  # whatever it is, the other lessons go on
        return LessonResult(
            folder,
            "failed",
            seconds=time.monotonic() - start,
            message=f"{type(error).__name__}: {error}",
            detail=traceback.format_exc(),
        )
    seconds = time.monotonic() - start
    why_not = quality.not_good_enough
    status: Status = "done" if why_not is None else "not good enough"
    return LessonResult(folder, status, run, quality.coverage, seconds, why_not or "")


def _in_processes(
    lessons: list[Path], workers: int, analyze: AnalyzeFolder, settings: dict[str, Any]
) -> Iterator[tuple[int, LessonResult]]:
    """Each lesson in a fresh process, ``workers`` at once; (number, result) as they finish."""

    def in_own_process(folder: Path) -> LessonResult:
        start = time.monotonic()
        # Not forked: decoders and networks have threads, which a fork would break.
        with ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_share_cores,
            initargs=(workers,),
        ) as pool:
            try:
                return pool.submit(_one, folder, analyze, settings).result()
            except BrokenProcessPool:
                return LessonResult(
                    folder,
                    "failed",
                    seconds=time.monotonic() - start,
                    message="its process was ended from outside (out of memory?); the same command "
                    "goes on from there, with fewer --workers",
                )

    threads = ThreadPoolExecutor(workers)
    try:
        waiting: dict[Future[LessonResult], int] = {
            threads.submit(in_own_process, p): i for i, p in enumerate(lessons)
        }
        while waiting:
            ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                yield waiting.pop(future), future.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _share_cores(workers: int) -> None:
    """In a new process, before numpy and torch are there: not every worker may take every core.

    OpenVINO asks nobody: the networks read OMP_NUM_THREADS for it (headpose.runtimes.openvino_).
    """
    cores = max(1, (os.cpu_count() or 1) // workers)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(cores))


def _on_ray(
    lessons: list[Path], workers: int, analyze: AnalyzeFolder, settings: dict[str, Any]
) -> Iterator[tuple[int, LessonResult]]:
    """Each lesson as one Ray task; (number, result) as they finish."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before the import: nothing about a school leaves
    try:
        import ray
    except ImportError as error:
        raise EngineError(
            "the engine ray needs Ray, which is not installed",
            remedy="pip install 'classroom-gaze[ray]', or use --engine local --workers N.",
        ) from error
    with _cluster(ray, workers):
        task = ray.remote(num_cpus=1, max_retries=1, memory=LESSON_BYTES)(_one)
        start = time.monotonic()
        waiting = {task.remote(p, analyze, settings): i for i, p in enumerate(lessons)}
        while waiting:
            ready, _ = ray.wait(list(waiting), num_returns=1)
            i = waiting.pop(ready[0])
            try:
                yield i, ray.get(ready[0])
            except ray.exceptions.RayError as error:  # the worker died, not the lesson's code
                reason = f"its worker was lost: {type(error).__name__}"
                seconds = time.monotonic() - start
                yield i, LessonResult(lessons[i], "failed", seconds=seconds, message=reason)


def _set_environment(values: Mapping[str, str | None]) -> None:
    """Set variables; None takes one out."""
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextlib.contextmanager
def _cluster(ray: Any, workers: int) -> Iterator[None]:
    """The cluster that is there already, that of ``RAY_ADDRESS``, or our own on this machine.

    Ours is told to listen here and to ask nobody: left to itself, Ray looks for cloud providers'
    hosts and for a way out even with its usage statistics off, writes a token into the home folder,
    and leaves its logs, which name lessons, in the temporary folder. What it still does
    (docs/privacy.md) is not ours to change.

    Raises
    ------
    EngineError : it does not start (in time; or the path of the temporary folder is too long).
    """
    if ray.is_initialized():
        yield
        return
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    with contextlib.ExitStack() as stack:
        if not os.environ.get("RAY_ADDRESS"):
            logs = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
            )
            alone = {"RAY_AUTH_TOKEN": secrets.token_hex(32), "http_proxy": NOWHERE,
                     "https_proxy": NOWHERE, "no_proxy": "127.0.0.1,localhost"}  # fmt: skip
            before = {k: os.environ.get(k) for k in alone}
            stack.callback(_set_environment, before)  # a notebook goes on after us
            _set_environment(alone)  # of this process, too: it talks to the cluster alone
            options |= {"num_cpus": workers, "include_dashboard": False,
                        "_node_ip_address": "127.0.0.1", "_temp_dir": logs}  # fmt: skip
        try:
            ray.init(**options)
        except Exception as error:  # it has no kind of its own for this
            raise EngineError(
                "Ray did not start",
                found=" ".join(str(error).split())[:200],
                remedy="Use --engine local --workers N.",
            ) from error
        stack.callback(ray.shutdown)
        yield
