"""A short clip of the lesson as dots on the board, for a talk: drawn, not filmed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gaze.exports.common import ExportError, Source, file_in, register
from gaze.report.colours import INK, LINE, QUIET, rgb, row_colour
from gaze.report.figures import area_name, clock
from gaze.report.findings import seat_table
from gaze.report.heatmap import draw_text
from gaze.report.lesson import words_of
from gaze.report.replay import AWAY, MISSING, OUTSIDE, POINT, Replay, replay
from sessions.run import atomic_write
from sessions.simulation.draw import write_video

SIZES = {".mp4": (1280, 20), ".gif": (640, 8)}  # width in pixels, pictures a second
RADIUS = 0.0085  # of a dot, in widths
Picture = NDArray[np.uint8]


@register("replay")
def write_replay(
    source: Source, out: Path, *, seconds: float = 30.0, start_s: float | None = None,
    stop_s: float | None = None, language: str = "en",
) -> list[Path]:  # fmt: skip
    """``replay.mp4`` (H.264), or a GIF where the name ends so.

    seconds : length of the clip. start_s, stop_s : the part of the lesson, on the left clock.

    Raises
    ------
    ExportError : another ending, nothing measured, or a part that does not lie in the lesson.
    """
    path = file_in(out, "replay.mp4")
    if path.suffix.lower() not in SIZES:
        raise ExportError("a clip is an .mp4 or a .gif", found=path.name)
    m = source.measures.moments
    if not m.measured.any():
        raise ExportError("nothing was measured: there is no clip to draw")
    r = replay(m, source.lesson.board)
    end_s = r.start_s + r.steps * r.step_s
    a, b = (r.start_s if start_s is None else start_s), (end_s if stop_s is None else stop_s)
    if not (r.start_s <= a < b <= end_s + r.step_s and 1 <= seconds <= 600):
        raise ExportError(
            "this part of the lesson cannot be shown",
            found=f"{a:g} to {b:g} s in {seconds:g} s",
            expected=f"within {r.start_s:g} to {end_s:g} s, in 1 to 600 s",
        )
    width, fps = SIZES[path.suffix.lower()]
    drawing = _Drawing(source, r, width, language, (b - a) / seconds)
    times = a + np.arange(round(seconds * fps)) / (seconds * fps) * (b - a)
    pictures = (np.asarray(cv2.cvtColor(drawing.at(t), cv2.COLOR_RGB2BGR), np.uint8) for t in times)
    height, width = drawing.still.shape[:2]
    with atomic_write(path) as aside:
        if path.suffix.lower() == ".gif":
            _write_gif(aside, pictures, fps)
        else:
            write_video(str(aside), pictures, fps, (width, height), crf=20, preset="veryfast")
    return [path]


class _Drawing:
    """The pictures: what stays the same is drawn once."""

    def __init__(
        self, source: Source, r: Replay, width_px: int, language: str, speed: float
    ) -> None:
        lesson, self.r = source.lesson, r
        self.words, self.marks = words_of(language), lesson.marks
        seats = seat_table(lesson, source.measures).set_index("student")["row"]
        self.rows = [int(seats.get(s, 0)) for s in r.students]
        self.half_axes_m = r.ellipses()
        x0, x1, y0, y1 = r.extent_m
        self.scale = width_px / (x1 - x0)  # pixels per metre
        self.radius = round(RADIUS * width_px)
        self.size = max(11, round(width_px / 64))  # of letters
        self.top = 3 * self.size
        self.bottom = self.top + round((y1 - y0) * self.scale)
        self.lane = round(2.6 * self.radius + 1.8 * self.size)
        height = self.bottom + 3 * self.lane + 2 * self.size
        # white: the one ground that a GIF's few colours hold without a pattern
        self.still = np.full((height + height % 2, width_px + width_px % 2, 3), 255, np.uint8)
        board = lesson.board
        for area in source.measures.area_list:
            self._box(area.x_m, area.y_m, LINE, 1)
            u, v = self._place(sum(area.x_m) / 2, area.y_m[0])
            draw_text(self.still, area_name(area.name, self.words), (u, v + round(1.2 * self.size)),
                      round(0.75 * self.size), colour=QUIET, align="centre")  # fmt: skip
        self._box((0.0, board.width_m), (0.0, board.height_m), INK, 3)
        cv2.rectangle(self.still, (0, self.top), (width_px, self.bottom), rgb(LINE), 1)
        draw_text(self.still, self.words("replay_clip"), (self.size, height - self.size),
                  round(0.75 * self.size), colour=QUIET)  # fmt: skip
        said = f"{speed:.0f} ×" if speed >= 10 else f"{speed:.1f} ×"
        draw_text(self.still, said, (width_px - self.size, 2 * self.size), self.size, colour=QUIET,
             align="right")  # fmt: skip

    def _place(self, x_m: float, y_m: float) -> tuple[int, int]:
        """Pixels; x_W grows to the left."""
        _, x1, y0, _ = self.r.extent_m
        return round((x1 - x_m) * self.scale), self.top + round((y_m - y0) * self.scale)

    def _box(self, x_m: tuple[float, float], y_m: tuple[float, float], colour: str,
             thick: int) -> None:  # fmt: skip
        corners = self._place(x_m[1], y_m[0]), self._place(x_m[0], y_m[1])
        cv2.rectangle(self.still, *corners, rgb(colour), thick)

    def at(self, time_s: float) -> Picture:
        """The RGB picture of a moment."""
        image = self.still.copy()
        n = min(int((time_s - self.r.start_s) / self.r.step_s), self.r.steps - 1)
        state = self.r.state[:, n]
        points = np.flatnonzero(state == POINT)
        self._ellipses(image, points, n)
        for s in points:
            self._dot(image, self._place(*self.r.xy_m[s, n]), self.rows[s])
        for i, kind in enumerate((AWAY, OUTSIDE, MISSING)):
            key = {AWAY: "replay_away", OUTSIDE: "replay_outside", MISSING: "replay_missing"}[kind]
            who = np.flatnonzero(state == kind)
            y = self.bottom + i * self.lane
            said = f"{self.words(key)}: {len(who)}"
            draw_text(image, said, (self.size, y + round(1.4 * self.size)), self.size, colour=QUIET)
            for k, s in enumerate(who):
                at = (self.size + self.radius + round(2.4 * self.radius * k),
                      y + round(1.8 * self.size) + self.radius)  # fmt: skip
                self._dot(image, at, self.rows[s])
        now = [m.label for m in self.marks if m.time_s <= time_s < (m.end_s or m.time_s + 10)]
        draw_text(image, " · ".join([clock(time_s), *now]), (self.size, 2 * self.size), self.size,
             bold=True)  # fmt: skip
        return image

    def _ellipses(self, image: Picture, points: NDArray[np.int64], n: int) -> None:
        """Faint, and only where the board's picture is."""
        part = image[self.top : self.bottom]
        over = part.copy()
        a, b, angle = (v[:, n] for v in self.half_axes_m)
        for s in points:
            u, v = self._place(*self.r.xy_m[s, n])
            axes = (round(float(a[s]) * self.scale), round(float(b[s]) * self.scale))
            # the picture's x runs against x_W: the angle is mirrored
            cv2.ellipse(over, (u, v - self.top), axes, -float(np.degrees(angle[s])), 0, 360,
                        rgb(row_colour(self.rows[s])), 1, cv2.LINE_AA)  # fmt: skip
        cv2.addWeighted(over, 0.4, part, 0.6, 0, dst=part)

    def _dot(self, image: Picture, at: tuple[int, int], row: int) -> None:
        cv2.circle(image, at, self.radius + 1, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(image, at, self.radius, rgb(row_colour(row)), -1, cv2.LINE_AA)
        draw_text(image, str(row) if row else "?", (at[0], at[1] + round(0.45 * self.radius)),
             round(1.3 * self.radius), colour="#ffffff", bold=True, align="centre")  # fmt: skip


def _write_gif(path: Path, pictures: Iterable[Picture], fps: int) -> None:
    clip = cv2.Animation()
    clip.frames = list(pictures)
    clip.durations = [1000 // fps] * len(clip.frames)
    if not cv2.imwriteanimation(str(path), clip):
        raise ExportError("the GIF could not be written", where=path)
