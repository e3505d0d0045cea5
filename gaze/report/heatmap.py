"""Heatmaps of where gaze points lay on the blackboard: arrays in metres, and pictures.

Every picture shows the blackboard **as the class sees it**: x_W = 0 is at the right-hand edge and
x_W grows to the left (docs/conventions.md). tests/gaze/report/test_heatmap.py proves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.measures.measures import MEASURED, MIN_COVERAGE, MIN_POINTS
from gaze.measures.mixture import Places
from gaze.measures.moments import clean_gaze
from gaze.report.colours import INK, LINE, QUIET, rgb, sequential
from gaze.report.density import Grid, class_density, density
from gaze.report.findings import MEDIAN_OF_SIGMA
from gaze.report.lesson import Lesson, ReportError, load_lesson, words_of
from gaze.report.strings import Strings
from sessions.config import Blackboard
from sessions.names import composed
from sessions.run import Run, atomic_write, is_our_picture, marked_picture
from sessions.tables import WITH_POINT


@dataclass(frozen=True)
class Heatmaps:
    """Densities of gaze points over the blackboard plane.

    whole : (ny, nx) 1/m², the mean of the students' maps: each student has equal weight.
    maps : (S, ny, nx) 1/m², one for each of ``students``; the integral over the plane is 1.
    points, sigma_m : (S,) how many points, and their mean standard deviation (rms of both axes).
    left_out : students with too little data to be drawn.
    """

    grid: Grid
    whole: Array
    students: tuple[str, ...]
    maps: Array
    points: NDArray[np.int64]
    sigma_m: Array
    left_out: tuple[str, ...]

    @property
    def n_points(self) -> int:
        return int(self.points.sum())

    @property
    def mean_sigma_m(self) -> float:
        """Mean σ over all points, each student weighing the same; NaN where there are none."""
        return float(self.sigma_m.mean()) if len(self.sigma_m) else float("nan")

    def of(self, student: str) -> int | None:
        """Index of a student, None where left out."""
        student = composed(student)
        return self.students.index(student) if student in self.students else None


def heatmaps(lesson: Lesson, *, cell_m: float = 0.05, margin_m: float = 0.5) -> Heatmaps:
    """Heatmaps of a lesson: the class and each student with enough data.

    Every point is drawn where it most likely was and as wide as that is uncertain, given where the
    class looked (gaze/measures/mixture.py): spread by its own σ, what is blurred already would be
    blurred twice.
    """
    grid = Grid.around(
        lesson.board.width_m, lesson.board.height_m, margin_m=margin_m, cell_m=cell_m
    )
    gaze, _ = clean_gaze(lesson.gaze)
    student = gaze["student"].to_numpy()
    status = gaze["status"].to_numpy()
    has = np.isin(status, WITH_POINT)
    measured = np.isin(status, MEASURED)
    xy = gaze[["gaze_x_m", "gaze_y_m"]].to_numpy(np.float64)
    cov = gaze[["gaze_xx_m2", "gaze_xy_m2", "gaze_yy_m2"]].to_numpy(np.float64)
    place, spread = np.full_like(xy, np.nan), np.full_like(cov, np.nan)
    if has.any():
        owner = np.unique(student[has], return_inverse=True)[1].ravel()
        fitted = Places.fit(xy[has], cov[has], owner, lesson.board, lesson.board.areas)
        place[has], spread[has] = fitted.place()
    drawn, maps, points, sigmas, left_out = [], [], [], [], []
    for name in lesson.students:
        mine = student == name
        chosen = mine & has
        n = int(chosen.sum())
        if n < MIN_POINTS or measured[mine].mean() < MIN_COVERAGE:
            left_out.append(name)
            continue
        drawn.append(name)
        maps.append(density(place[chosen], spread[chosen], grid))
        points.append(n)
        sigmas.append(float(np.sqrt((cov[chosen, 0] + cov[chosen, 2]) / 2).mean()))
    stack = np.stack(maps) if maps else np.zeros((0, *grid.shape))
    return Heatmaps(
        grid, class_density(stack), tuple(drawn), stack,
        np.array(points, np.int64), np.array(sigmas), tuple(left_out),
    )  # fmt: skip


def top_of_scale(maps: Array) -> float:
    """The density drawn darkest: the 99.5th percentile, lest one cell bleach all others."""
    if not maps.size or not (maps > 0).any():
        return 1.0
    return float(np.quantile(maps, 0.995))


def raster(field: Array, top: float) -> NDArray[np.uint8]:
    """A map as colours (ny, nx, 3) RGB **as the class sees it**: first column = largest x_W."""
    return sequential(np.clip(field / top, 0, 1))[:, ::-1]


def overlay(field: Array, top: float) -> NDArray[np.uint8]:
    """As :func:`raster` with transparency (RGBA), to lie over a photograph."""
    v = np.sqrt(np.clip(field / top, 0, 1))[:, ::-1]
    alpha = (255 * np.clip(1.15 * v - 0.08, 0, 0.82)).round().astype(np.uint8)
    return np.dstack([sequential(0.25 + 0.75 * v), alpha])


def png(rgb_image: NDArray[np.uint8]) -> bytes:
    """PNG bytes of an RGB or RGBA picture; the same bytes for the same picture."""
    order = [2, 1, 0, 3][: rgb_image.shape[-1]]
    ok, data = cv2.imencode(
        ".png", np.ascontiguousarray(rgb_image[..., order]), [cv2.IMWRITE_PNG_COMPRESSION, 5]
    )
    if not ok:
        raise ReportError("a picture could not be encoded")
    return bytes(data)


@cache
def _font(name: str) -> Any:
    return cv2.FontFace(name)


def draw_text(
    image: NDArray[np.uint8], text: str, at: tuple[int, int], size: int, *,
    colour: str = INK, bold: bool = False, align: str = "left",
) -> None:  # fmt: skip
    """Text on an RGB picture; ``at`` is the baseline's left end, middle or right end."""
    face = _font("uni" if any(c > "\u2e80" for c in text) else "sans")  # the one that has Chinese
    weight = 700 if bold else 400
    x, y = at
    if align != "left":
        (_, _, w, _) = cv2.getTextSize((0, 0), text, (0, 0), face, size, weight)
        x -= w if align == "right" else w // 2
    cv2.putText(image, text, (x, y), rgb(colour), face, size, weight)


def photograph(board: Blackboard, folder: Path, width_px: int) -> NDArray[np.uint8] | None:
    """The blackboard's photograph rectified to the writing surface, RGB; None where none is given.

    Raises
    ------
    ReportError : the file is missing or no picture, or the four corners are impossible.
    """
    if board.picture is None:
        return None
    path = folder / board.picture
    image = cv2.imread(str(path)) if path.is_file() else None
    if image is None:
        raise ReportError(
            "the blackboard's photograph cannot be read",
            where=path,
            remedy="Correct blackboard.picture in session.toml, or remove it.",
        )
    height_px = round(width_px * board.height_m / board.width_m)
    target = np.array(
        [[0, 0], [width_px, 0], [width_px, height_px], [0, height_px]], np.float32
    )  # upper left, upper right, lower right, lower left, as seen
    if board.picture_corners_px is None:
        h, w = image.shape[:2]
        corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    else:
        corners = np.array(board.picture_corners_px, np.float32)
        if corners.shape != (4, 2) or not cv2.isContourConvex(corners):
            raise ReportError(
                "the photograph's four corners do not make a blackboard",
                where="session.toml, blackboard.picture_corners_px",
                found=corners.tolist(),
                expected="upper left, upper right, lower right, lower left, as the class sees it",
            )
        d = np.roll(corners, -1, 0) - corners
        if d[0, 0] * d[1, 1] - d[0, 1] * d[1, 0] <= 0:  # clockwise in pixels, or mirrored
            raise ReportError(
                "the photograph's corners are in the wrong order: the board would be mirrored",
                where="session.toml, blackboard.picture_corners_px",
                found=corners.tolist(),
                expected="upper left, upper right, lower right, lower left, as the class sees it",
            )
    flat = cv2.warpPerspective(
        image, cv2.getPerspectiveTransform(corners, target), (width_px, height_px)
    )
    return np.asarray(flat[..., ::-1], np.uint8)


def draw(
    field: Array, grid: Grid, board: Blackboard, *, title: str, lines: tuple[str, ...],
    words: Strings, top: float | None = None, picture: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:  # fmt: skip
    """A finished picture (RGB): the board, axes in metres, a scale, a title and caption lines.

    field : (ny, nx) density in 1/m². picture : rectified photograph to draw on.
    """
    scale_px = 190  # pixels per metre
    x0, x1, y0, y1 = grid.extent_m
    w, h = round((x1 - x0) * scale_px), round((y1 - y0) * scale_px)
    left, upper, right = 70, 92, 130
    page = np.full((upper + h + 84 + 26 * len(lines), left + w + right, 3), 255, np.uint8)
    page[:] = (252, 251, 248)
    top = top if top is not None else top_of_scale(field)

    def u(x_m: float) -> int:  # x_W grows to the left
        return left + round((x1 - x_m) * scale_px)

    def v(y_m: float) -> int:
        return upper + round((y_m - y0) * scale_px)

    colours = raster(field, top)
    area = cv2.resize(colours, (w, h), interpolation=cv2.INTER_CUBIC)
    if picture is not None:
        bw, bh = round(board.width_m * scale_px), round(board.height_m * scale_px)
        photo = cv2.resize(picture, (bw, bh), interpolation=cv2.INTER_AREA)
        canvas = np.full((h, w, 3), 244, np.uint8)
        bu, bv = u(board.width_m) - left, v(0) - upper
        canvas[bv : bv + bh, bu : bu + bw] = photo
        rgba = cv2.resize(overlay(field, top), (w, h), interpolation=cv2.INTER_LINEAR)
        a = rgba[..., 3:].astype(np.float64) / 255
        area = (canvas * (1 - a) + rgba[..., :3] * a).round().astype(np.uint8)
    page[upper : upper + h, left : left + w] = area
    cv2.rectangle(page, (left, upper), (left + w, upper + h), rgb(LINE), 1)
    cv2.rectangle(page, (u(board.width_m), v(0)), (u(0), v(board.height_m)), rgb(INK), 3)
    for part in board.areas:
        corners = (u(part.x_m[1]), v(part.y_m[0])), (u(part.x_m[0]), v(part.y_m[1]))
        cv2.rectangle(page, *corners, rgb(QUIET), 1)
    for x in np.arange(np.ceil(x0), x1 + 1e-9, 1.0):
        cv2.line(page, (u(x), upper + h), (u(x), upper + h + 6), rgb(QUIET), 1)
        draw_text(page, f"{x + 0.0:g}", (u(x), upper + h + 24), 15, colour=QUIET, align="centre")
    for y in np.arange(np.ceil(y0 * 2) / 2, y1 + 1e-9, 0.5):
        cv2.line(page, (left - 6, v(y)), (left, v(y)), rgb(QUIET), 1)
        draw_text(page, f"{y + 0.0:g}", (left - 10, v(y) + 5), 15, colour=QUIET, align="right")
    draw_text(
        page, words("axis_x"), (left + w // 2, upper + h + 48), 15, colour=QUIET, align="centre"
    )
    draw_text(page, words("axis_y"), (left, upper - 12), 15, colour=QUIET)
    draw_text(page, title, (left, 40), 26, bold=True)
    bar = raster(np.linspace(top, 0, 160)[:, None], top)
    bx = left + w + 26
    page[upper : upper + 160, bx : bx + 16] = np.repeat(bar, 16, axis=1)
    cv2.rectangle(page, (bx, upper), (bx + 16, upper + 160), rgb(LINE), 1)
    draw_text(page, f"{100 * top:.0f}", (bx + 24, upper + 12), 14, colour=QUIET)
    draw_text(page, "0", (bx + 24, upper + 160), 14, colour=QUIET)
    draw_text(page, words("scale_unit"), (bx, upper - 12), 14, colour=QUIET)
    for i, line in enumerate(lines):
        draw_text(page, line, (left, upper + h + 82 + 26 * i), 16, colour=QUIET)
    return page


def captions(words: Strings, students: int, n: int, sigma_m: float) -> tuple[str, ...]:
    """What a heatmap shows, its N, its uncertainty and what it does not say."""
    if not n:
        return (words("heat_none"), words("heat_not"))
    return (
        words(
            "heat_shows",
            students=students,
            n=words.number(n),
            cm=round(100 * MEDIAN_OF_SIGMA * sigma_m),
        ),
        words("heat_not"),
    )


def file_name(student: str) -> str:
    """A picture's name for a student; ``class.png`` is the class's."""
    return f"student {student}.png" if student.casefold() == "class" else f"{student}.png"


def _pictures_of(arrays: Path) -> set[str]:
    """The students' pictures that an earlier heatmaps.npz came with."""
    if not arrays.is_file():
        return set()
    try:
        with np.load(arrays) as earlier:
            return {file_name(str(name)) for name in earlier["students"]}
    except Exception:  # a damaged archive raises any of many types
        return set()


def write_heatmaps(
    run_folder: str | Path, *, language: str = "en", lesson: Lesson | None = None,
    maps: Heatmaps | None = None,
) -> list[Path]:  # fmt: skip
    """``heatmaps/class.png``, ``heatmaps/STUDENT.png`` and ``heatmaps.npz`` in a run folder.

    heatmaps.npz : x_m (nx,), y_m (ny,) cell centres; class_density (ny, nx); student_density
    (S, ny, nx) float32 1/m²; students, points, sigma_m (S,); board_m (width, height).
    Returns the paths written. Pictures of students who are no longer in the tables are removed.

    Raises
    ------
    ReportError : a picture that is not ours is in the way; nothing is written then.
    """
    lesson = lesson or load_lesson(run_folder)
    maps = maps or heatmaps(lesson)
    words = words_of(language)
    run: Run = lesson.run
    folder = run.heatmaps_folder
    folder.mkdir(parents=True, exist_ok=True)
    photo = photograph(lesson.board, run.lesson_folder, 1000)
    title = lesson.config.title
    pictures = {
        "class.png": draw(
            maps.whole, maps.grid, lesson.board, words=words, picture=photo,
            title=words("heat_title_class", title=title),
            lines=captions(words, len(maps.students), maps.n_points, maps.mean_sigma_m),
        )
    }  # fmt: skip
    for i, name in enumerate(maps.students):
        pictures[file_name(name)] = draw(
            maps.maps[i], maps.grid, lesson.board, words=words, picture=photo,
            title=words("heat_title_student", student=name, title=title),
            lines=captions(words, 1, int(maps.points[i]), float(maps.sigma_m[i])),
        )  # fmt: skip
    taken = [p for p in map(folder.joinpath, pictures) if p.exists() and not is_our_picture(p)]
    if taken:
        raise ReportError(
            "a picture without our mark is in a heatmap's way, so it stays", where=taken[0],
            remedy="Move it (or delete it: heatmaps of earlier versions bear no mark).",
        )  # fmt: skip
    written = []
    for name, page in pictures.items():
        with atomic_write(folder / name) as aside:
            aside.write_bytes(marked_picture(png(page)))
        written.append(folder / name)
    arrays = run.folder / "heatmaps.npz"
    run.remove_pictures(_pictures_of(arrays) - set(pictures))
    with atomic_write(arrays) as aside:
        np.savez_compressed(
            aside,
            x_m=maps.grid.x_m,
            y_m=maps.grid.y_m,
            class_density=maps.whole,
            student_density=maps.maps.astype(np.float32),
            students=np.array(maps.students, dtype=str),
            points=maps.points,
            sigma_m=maps.sigma_m,
            board_m=np.array([lesson.board.width_m, lesson.board.height_m]),
        )
    written.append(arrays)
    return written
