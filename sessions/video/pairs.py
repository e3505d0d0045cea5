"""Both cameras' pictures of each moment, decoded side by side."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import NamedTuple

from calibration.film import Image
from sessions.video.info import VideoInfo
from sessions.video.moments import Moments
from sessions.video.reading import Frame, ask_frames


class FramePair(NamedTuple):
    """One moment's two pictures; an image is None where that camera has no frame.

    lost : why a picture that should be there is not, per camera (:class:`reading.Frame`); ``none``
    where the camera has no frame of the moment, ``aside`` where it shows something else then.
    """

    moment: int
    time_s: float
    left: Image | None
    right: Image | None
    lost: tuple[str, str] = ("", "")


def frame_pairs(
    left: VideoInfo, right: VideoInfo, when: Moments, *, ahead: int = 6
) -> Iterator[FramePair]:
    """Decode both videos side by side, in a thread of their own, so many pairs ahead."""

    def pairs() -> Iterator[FramePair]:
        sides = ((left, when.frame_left), (right, when.frame_right))
        streams = [ask_frames(info, numbers[numbers >= 0].tolist()) for info, numbers in sides]
        last: list[Frame | None] = [None, None]  # two moments may share a frame
        for i in range(len(when)):
            shown = []
            for c, (_, numbers) in enumerate(sides):
                number, held = int(numbers[i]), last[c]
                if number < 0:
                    shown.append(Frame(-1, None, "none"))
                    continue
                if held is None or held.number != number:
                    held = last[c] = _as_usual(sides[c][0], next(streams[c]))
                shown.append(held)
            yield FramePair(
                i, float(when.time_s[i]), shown[0].picture, shown[1].picture,
                (shown[0].lost, shown[1].lost),
            )  # fmt: skip

    yield from _ahead(pairs(), ahead)


def _as_usual(info: VideoInfo, frame: Frame) -> Frame:
    """The frame, without its picture where that is of something else."""
    if frame.picture is None or info.shows is None or info.shows(frame.picture):
        return frame
    return Frame(frame.number, None, "aside")


def _ahead(source: Iterator[FramePair], depth: int) -> Iterator[FramePair]:
    """Run an iterator in a thread, ``depth`` items ahead (PyAV lets go of the GIL)."""
    box: queue.Queue[FramePair | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: FramePair | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                box.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in source:
                if not put(item):
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, daemon=True, name="decode")
    thread.start()
    try:
        while (item := box.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join(timeout=5)
