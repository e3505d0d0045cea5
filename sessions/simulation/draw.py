"""``simulate``: the pictures of a lesson with known truth, view by view and film by film.

What an interrupted call has drawn, the next one finds and goes on from; the result is the same to
the byte, because every picture and every stretch of film is drawn from the options alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import av
import cv2
import numpy as np

from calibration.files import atomic_write, write_file
from calibration.progress import Progress, no_progress
from calibration.transform import Transform
from sessions.files import resumed_folder
from sessions.folder import Session
from sessions.run import versions
from sessions.simulation.boards import RayTable, draw_board, view_poses
from sessions.simulation.simulate import (
    INNER_CORNERS,
    SQUARE_M,
    Options,
    World,
    build_world,
)
from sessions.simulation.write import write_session

if TYPE_CHECKING:  # they import VTK
    from sessions.simulation.classroom import Classroom
    from sessions.simulation.render import Lens

STRETCH = 100  # frames that are drawn, encoded and kept together
SHUTTER_STEP_S = 0.009
PULSES_HZ = 100.3  # of lamps on the mains, to which no camera's clock is tied
CALM = 0.4  # noise of still pictures, which are taken with time and light to spare


def simulate(out: str | Path, options: Options, progress: Progress = no_progress) -> Session:
    """Write a lesson with known truth to the folder ``out`` (which must not exist or be empty).

    Everything is made in ``.NAME.unfinished`` beside it and renamed at the end. An interrupted call
    leaves that, and the next one with the same options goes on from there.

    Raises
    ------
    SessionError : impossible options, ``out`` in use, or no renderer.
    """
    world = build_world(options)
    made_of = {"options": asdict(options), "versions": versions()}
    with resumed_folder(out, made_of) as (folder, parts):
        write_session(folder, world)
        draw_session(folder, parts, world, progress)
    return Session.open(out)


def draw_session(folder: Path, parts: Path, world: World, progress: Progress) -> None:
    """The pictures: chessboard views, auxiliary views, two videos. What is there already stays.

    parts : folder for stretches of film, kept until both films are whole.
    """
    from sessions.simulation.classroom import Classroom
    from sessions.simulation.render import Lens

    o = world.options
    room = Classroom(
        world.room, world.seats, world.auxiliary, world.in_pictures, world.marks, o.light, o.seed,
        o.backlight,
    )  # fmt: skip
    try:
        rays = {c: RayTable.of(camera) for c, camera in world.cameras.items()}
        lenses = {c: Lens.of(camera, xy=rays[c].xy) for c, camera in world.cameras.items()}
        draw_views(folder, world, room, lenses, rays, progress)
        del rays  # 100 MB a camera
        room.show_people(True)
        for c in world.cameras:
            draw_video(folder / f"{c}.mp4", parts, c, world, room, lenses[c], progress)
        write_picture(folder / "truth" / "blackboard.jpg", room.board_picture, 85)
    finally:
        room.close()


def draw_views(
    folder: Path,
    world: World,
    room: Classroom,
    lenses: dict[str, Lens],
    rays: dict[str, RayTable],
    progress: Progress,
) -> None:
    """Pictures of the chessboard and of the auxiliary board in the empty room."""
    o, aux = world.options, world.auxiliary
    views = view_poses(
        world.cameras,
        world.T_WC,
        INNER_CORNERS,
        SQUARE_M,
        o.views,
        o.views_alone,
        world.room.floor_y_m,
        np.random.default_rng([o.seed, 4]),
    )
    room.show_people(False)
    corners: list[dict[str, Any]] = []
    total, done = sum(len(v) for v in views.values()), 0
    for c, camera in world.cameras.items():
        sensor = Sensor(camera.size_px, CALM * o.noise, o.light, o.seed * 2 + 100 + (c == "right"))
        empty = room.picture(world.T_WC[c], lenses[c])
        to_camera = Transform(world.T_WC[c].R, world.T_WC[c].t, "W", c).inverse()
        for stem, T_WB in views[c]:
            path = folder / "calibration" / c / f"{stem}.jpg"
            if path.is_file():
                sensor.skip(1)
            else:
                picture = draw_board(empty, rays[c], to_camera @ T_WB, INNER_CORNERS, SQUARE_M)
                write_picture(path, sensor.expose(picture), o.jpeg_quality)
            corners.append({"camera": c, "view": stem, **T_WB.to_dict()})
            done += 1
            progress("calibration pictures", done / total)
        T_CB = to_camera @ Transform(aux.R_WB, aux.t_WA, "W", "B")
        picture = draw_board(empty, rays[c], T_CB, aux.inner_corners, aux.square_m)
        path = folder / "calibration" / "auxiliary" / f"{c}.jpg"
        write_picture(path, sensor.expose(picture), 92)
    write_file(folder / "truth" / "boards.json", json.dumps(corners) + "\n")


def draw_video(
    path: Path,
    parts: Path,
    camera: str,
    world: World,
    room: Classroom,
    lens: Lens,
    progress: Progress,
) -> None:
    """One camera's film, in stretches of which those that are in ``parts`` already stay."""
    from sessions.simulation.classroom import moment_key

    if path.is_file():
        return
    o, size_px = world.options, world.cameras[camera].size_px
    sensor = Sensor(size_px, o.noise, o.light, o.seed * 2 + (camera == "right"))
    times = world.frame_times(camera)
    shutter = Shutter.of(o.exposure_s, o.readout_s, size_px[1])

    def frames(start: int) -> Iterator[np.ndarray]:
        key, picture = b"", None
        for k, middle in enumerate(times[start : start + STRETCH]):
            heads = world.heads_in_pictures(middle + shutter.after_s)
            seen = []
            for m in range(len(shutter.after_s)):
                now = moment_key(heads, m)
                if now != key:
                    room.pose(heads, m)
                    picture, key = room.picture(world.T_WC[camera], lens), now
                assert picture is not None
                seen.append(picture)
            lit = flickering(shutter.joined(seen), middle, shutter, o.flicker)
            yield sensor.expose(lit)
            progress(f"{camera} video", (start + k + 1) / len(times))

    films = []
    for start in range(0, len(times), STRETCH):
        film = parts / f"{camera}-{start:07d}.mp4"
        length = min(STRETCH, len(times) - start)
        if _frames_in(film) == length:
            sensor.skip(length)
            progress(f"{camera} video", (start + length) / len(times))
        else:
            with atomic_write(film) as aside:
                write_video(str(aside), frames(start), o.fps, size_px, o.crf)
        films.append(film)
    join_films(films, path)


@dataclass(frozen=True)
class Shutter:
    """When the rows of a picture see light, about the picture's time: the middle of the middle row.

    begin_s, exposure_s : of each row (H,), and how long. after_s : (M,) moments at which the room
    is drawn. weight : (M,H) how much of each a row sees.
    """

    begin_s: np.ndarray
    exposure_s: float
    after_s: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, exposure_s: float, readout_s: float, rows: int) -> Shutter:
        """One moment for all where both are 0, else one for about every :data:`SHUTTER_STEP_S`."""
        begin = ((np.arange(rows) + 0.5) / rows - 0.5) * readout_s - exposure_s / 2
        span = exposure_s + readout_s
        count = 1 if span == 0 else max(2, round(span / SHUTTER_STEP_S))
        edge = np.linspace(-span / 2, span / 2, count + 1)
        middle = (edge[1:] + edge[:-1]) / 2
        length = max(exposure_s, span / count, 1e-9)  # of a row, in steps not finer than are drawn
        low = np.clip(begin + (exposure_s - length) / 2, -span / 2, span / 2 - length)
        overlap = np.minimum(edge[1:, None], low + length) - np.maximum(edge[:-1, None], low)
        weight = np.maximum(overlap, 0) if span else np.ones((1, rows))
        return cls(begin, exposure_s, middle, (weight / weight.sum(0)).astype(np.float32))

    def joined(self, pictures: list[np.ndarray]) -> np.ndarray:
        """One picture (H,W,3) from those of the moments; the same where nothing moved."""
        if all(p is pictures[0] for p in pictures):
            return pictures[0]
        parts = (w[:, None, None] * p for w, p in zip(self.weight, pictures, strict=True))
        return np.asarray(sum(parts))


def flickering(picture: np.ndarray, time_s: float, shutter: Shutter, depth: float) -> np.ndarray:
    """The picture in light that pulses with the mains: bands, the fainter the longer exposed."""
    if not depth:
        return picture
    left = depth * np.sinc(PULSES_HZ * shutter.exposure_s)
    middle = time_s + shutter.begin_s + shutter.exposure_s / 2
    gain = 1 + left * np.cos(2 * np.pi * PULSES_HZ * middle)
    return np.asarray(picture * gain.astype(np.float32)[:, None, None])


class Sensor:
    """Adds a camera's noise: a bank of Gaussian fields, scaled with brightness, shifted at random
    for every frame (same seed, same noise).
    """

    def __init__(self, size_px: tuple[int, int], noise: float, light: float, seed: int) -> None:
        self.rng = np.random.default_rng([seed, 9])
        width, height = size_px
        self.size = size_px
        self.level = noise * 1.6 / np.sqrt(max(light, 0.05))
        self.bank = (
            self.rng.standard_normal((height + 64, width + 64, 3), dtype=np.float32)
            if noise
            else None
        )

    def skip(self, frames: int) -> None:
        """As if so many frames had been exposed."""
        for _ in range(frames if self.bank is not None else 0):
            self._shift()

    def _shift(self) -> tuple[int, int, bool]:
        """Where in the bank the next frame's noise lies: right, down, mirrored."""
        a, b = self.rng.integers(0, 64, 2)
        return int(a), int(b), bool(self.rng.random() < 0.5)

    def expose(self, picture: np.ndarray) -> np.ndarray:
        """(H,W,3) → uint8 with noise; darker parts get less of it."""
        if self.bank is None:
            return np.clip(picture + 0.5, 0, 255).astype(np.uint8)
        a, b, mirrored = self._shift()
        width, height = self.size
        field = self.bank[a : a + height, b : b + width]
        if mirrored:
            field = field[:, ::-1]
        value = picture.astype(np.float32)
        noise = value * np.float32(0.4 / 128)  # in place, a third of the time
        noise += np.float32(0.6)
        noise *= np.float32(self.level)
        noise *= field
        value += noise
        value += np.float32(0.5)
        return np.asarray(np.clip(value, 0, 255, out=value).astype(np.uint8))


def write_picture(path: Path, picture: np.ndarray, quality: int) -> None:
    """(H,W,3) uint8 BGR as JPEG."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    write_file(path, data.tobytes())


def write_video(
    where: str | IO[bytes],
    frames: Iterable[np.ndarray],
    fps: float,
    size_px: tuple[int, int],
    crf: int,
    preset: str = "medium",
) -> None:
    """H.264 in MP4 by PyAV, to a path or a buffer; one thread: same frames, same bytes."""
    with av.open(where, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height = size_px
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": preset, "threads": "1"}
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def join_films(films: list[Path], path: Path) -> None:
    """Films of one kind (:func:`write_video`) behind one another, without encoding them again."""
    if len(films) == 1:
        write_file(path, films[0].read_bytes())
        return
    with atomic_write(path) as aside, av.open(str(aside), "w", format="mp4") as container:
        stream, at = None, 0
        for film in films:
            with av.open(str(film)) as part:
                source = part.streams.video[0]
                stream = stream or container.add_stream_from_template(source)
                for packet in part.demux(source):
                    if packet.pts is None or packet.dts is None:  # the end
                        continue
                    packet.pts, packet.dts = packet.pts + at, packet.dts + at
                    packet.stream = stream
                    container.mux(packet)
                assert source.duration is not None
                at += source.duration


def _frames_in(film: Path) -> int:
    """How many frames a film holds; 0 where it is not there or is none."""
    try:
        with av.open(str(film)) as part:
            return sum(packet.size > 0 for packet in part.demux(video=0))
    except (OSError, ValueError, IndexError):  # av's errors are both; no stream
        return 0
