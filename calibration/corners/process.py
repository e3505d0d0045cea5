"""Corners in many files: in processes of their own, with a time limit for each picture.

A picture that makes a decoder crash or a detector search for ever costs its limit and is reported
with the reason, and the calibration goes on. The limit is processor time: a busy machine takes
longer and finds the same boards.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import cv2

from calibration.corners.boards import Board
from calibration.corners.detect import Effort, Found, find_corners, find_in_file
from calibration.corners.picture_file import MAX_PIXELS, decode_picture
from calibration.errors import CalibrationError
from calibration.mounting import AS_THE_FILE_SAYS, Mounting

TIME_LIMIT_S = 25.0
#: So much longer than its limit of processor time may a picture take by the clock on the wall.
PATIENCE = 20
GIVEN_UP = 77  # exit code of the process: the limit is over


class Detector:
    """Finds corners in files, in a process of its own that is replaced when it hangs or dies.

    Use as a context manager. ``time_limit_s`` is for one picture, of processor time.
    """

    def __init__(self, time_limit_s: float = TIME_LIMIT_S) -> None:
        self.time_limit_s = time_limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[Any] = queue.Queue()

    def __enter__(self) -> Detector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        environment = dict(os.environ)
        here = str(Path(__file__).resolve().parents[2])
        environment["PYTHONPATH"] = os.pathsep.join(
            p for p in (here, environment.get("PYTHONPATH", "")) if p
        )
        environment["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MAX_PIXELS)
        environment["OPENCV_LOG_LEVEL"] = "SILENT"
        process = subprocess.Popen(
            # -P: nothing in the working folder can be imported
            [sys.executable, "-P", "-m", "calibration.corners.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        answers: queue.Queue[Any] = queue.Queue()
        assert process.stdout is not None
        threading.Thread(target=_listen, args=(process.stdout, answers), daemon=True).start()
        self._process, self._answers = process, answers
        answers.get()  # "ready", or None where it ended: starting costs no picture its time
        return process

    def find(
        self,
        job: str | Path | bytes,
        board: Board,
        *,
        effort: Effort = "all",
        mounting: Mounting = AS_THE_FILE_SAYS,
    ) -> Found:
        """Corners in a picture file (or its bytes); never more work than the time limit.

        mounting : of the camera that took the file; bytes are upright.
        """
        process = self._process
        if process is None or process.poll() is not None:
            process = self._start()
        assert process.stdin is not None
        item = job if isinstance(job, bytes) else str(job)
        try:
            _send(
                process.stdin,
                (item, board.to_dict(), effort, tuple(mounting), self.time_limit_s),
            )
        except OSError:
            self.close()
            return Found(None, None, "the detector could not be started")
        try:
            answer = self._answers.get(timeout=PATIENCE * self.time_limit_s)
            over = answer is None and process.wait() == GIVEN_UP
        except queue.Empty:
            answer, over = None, True
        if over:
            self.close()
            return Found(
                None, None,
                f"the search for the board took longer than {self.time_limit_s:.0f} s and was "
                "given up (noise, or a pattern that repeats?)",
            )  # fmt: skip
        if answer is None:
            self.close()
            return Found(None, None, "the picture made the detector crash; it is damaged")
        found: Found = answer
        return found


def _send(pipe: IO[bytes], item: Any) -> None:
    data = pickle.dumps(item)
    pipe.write(struct.pack("<Q", len(data)) + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    head = pipe.read(8)
    if len(head) < 8:
        return None
    (n,) = struct.unpack("<Q", head)
    data = pipe.read(n)
    return pickle.loads(data) if len(data) == n else None


def _listen(pipe: IO[bytes], answers: queue.Queue[Any]) -> None:
    """Hand over answers; None when the process ends."""
    try:
        while (item := _receive(pipe)) is not None:
            answers.put(item)
    except (OSError, ValueError, EOFError, pickle.UnpicklingError):
        pass
    answers.put(None)


def find_all(
    jobs: Sequence[tuple[str | Path | bytes, Board]],
    *,
    time_limit_s: float = TIME_LIMIT_S,
    effort: Effort = "all",
    progress: Callable[[float], None] | None = None,
    mountings: Sequence[Mounting] | None = None,
) -> list[Found]:
    """Corners in many pictures, each within its time limit, in as many processes as help.

    mountings : one for each job (:meth:`Detector.find`).
    """
    n = max(1, min(4, os.cpu_count() or 1, len(jobs)))
    idle: queue.SimpleQueue[Detector] = queue.SimpleQueue()
    detectors = [Detector(time_limit_s) for _ in range(n)]
    for detector in detectors:
        idle.put(detector)

    def one(job: tuple[str | Path | bytes, Board], mounting: Mounting) -> Found:
        detector = idle.get()
        try:
            return detector.find(job[0], job[1], effort=effort, mounting=mounting)
        finally:
            idle.put(detector)

    out: list[Found] = []
    try:
        with ThreadPoolExecutor(n) as pool:
            for found in pool.map(one, jobs, mountings or [AS_THE_FILE_SAYS] * len(jobs)):
                out.append(found)
                if progress:
                    progress(len(out) / len(jobs))
    finally:
        for detector in detectors:
            detector.close()
    return out


class _Limit(threading.Thread):
    """Ends this process when it has worked for longer than it may."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.until_s = float("inf")  # of processor time
        self.start()

    def run(self) -> None:
        while time.process_time() < self.until_s:
            time.sleep(0.05)
        os._exit(GIVEN_UP)


def serve(stdin: IO[bytes], stdout: IO[bytes]) -> None:
    """The process: answers jobs until its input ends."""
    cv2.setNumThreads(1)
    limit = _Limit()
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        memory = 6 * 1024**3
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    _send(stdout, "ready")
    while (item := _receive(stdin)) is not None:
        job, board_dict, effort, mounting, limit_s = item
        limit.until_s = time.process_time() + limit_s
        board = Board.from_dict(board_dict)
        try:
            if isinstance(job, bytes):
                answer = find_corners(decode_picture(job), board, effort=effort)
            else:
                answer = find_in_file(job, board, effort=effort, mounting=Mounting(*mounting))
        except CalibrationError as error:
            answer = Found(None, None, error.what)
        except MemoryError:
            answer = Found(None, None, "the picture needs more memory than there is")
        except Exception as error:  # one picture must never end the calibration
            reason = f"the detector failed: {type(error).__name__}: {error}"
            answer = Found(None, None, reason[:300])
        limit.until_s = float("inf")
        _send(stdout, answer)


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
