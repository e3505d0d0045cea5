"""What stands in the room: walls, windows, desks, chairs, a written-on blackboard, lamps — as VTK
actors in frame W.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from calibration.transform import Transform
from sessions.simulation.render import (
    Lamp,
    Layer,
    Lens,
    PersonActors,
    Scene,
    actor,
    poly_data,
    vtk_modules,
)
from sessions.simulation.room import AuxiliaryBoard, Room, Seats
from sessions.simulation.script import Heads, Placement

BOX_FACES = np.array([[0, 1, 2], [0, 2, 3]])


def srgb(r: float, g: float, b: float) -> np.ndarray:
    """sRGB 0-255 → linear (3,)."""
    return (np.array([r, g, b]) / 255.0) ** 2.2


class Mesh:
    """Flat-shaded boxes and rectangles, collected into one actor."""

    def __init__(self) -> None:
        self.points: list[np.ndarray] = []
        self.faces: list[np.ndarray] = []
        self.colours: list[np.ndarray] = []
        self.normals: list[np.ndarray] = []
        self.count = 0

    def rectangle(self, corner: Any, a: Any, b: Any, colour: np.ndarray) -> None:
        """corner, corner + a, corner + a + b, corner + b; the normal is a × b."""
        c, a, b = (np.asarray(v, float) for v in (corner, a, b))
        normal = np.cross(a, b)
        self.points.append(np.stack([c, c + a, c + a + b, c + b]))
        self.normals.append(np.tile(normal / np.linalg.norm(normal), (4, 1)))
        self.colours.append(np.tile(colour, (4, 1)))
        self.faces.append(BOX_FACES + self.count)
        self.count += 4

    def box(self, centre: Any, size: Any, colour: np.ndarray) -> None:
        """An upright box."""
        c, s = np.asarray(centre, float), np.asarray(size, float) / 2
        for k in range(3):
            i, j = (k + 1) % 3, (k + 2) % 3
            for sign in (1.0, -1.0):
                corner = c - s
                corner = corner.copy()
                corner[k] = c[k] + sign * s[k]
                a, b = np.zeros(3), np.zeros(3)
                a[i], b[j] = 2 * s[i], 2 * s[j]
                if sign < 0:
                    a, b = b, a
                self.rectangle(corner, a, b, colour)

    def actor(self, material: str = "room") -> Any:
        """Everything as one actor."""
        data = poly_data(
            np.concatenate(self.points),
            np.concatenate(self.faces),
            np.concatenate(self.colours),
            np.concatenate(self.normals),
        )
        return actor(data, material)


def lamps(room: Room, light: float, rng: np.random.Generator) -> list[Lamp]:
    """Ceiling lamps and a window; ``light`` scales them (1 = a well-lit room)."""
    y = room.ceiling_y_m + 0.15
    x0, x1 = room.walls_x_m
    middle = room.board_width_m / 2
    warm = (1.0, 0.97, 0.91)
    strength = light * rng.uniform(0.95, 1.05, 4)
    return [
        Lamp((middle - 1.4, y, 1.4), 0.34 * strength[0], warm),
        Lamp((middle + 1.4, y, 3.6), 0.30 * strength[1], warm),
        Lamp((middle, y, 6.8), 0.20 * strength[2], warm),
        Lamp((x1 - 0.1, 0.4, 2.5), 0.26 * strength[3], (0.93, 0.97, 1.0)),
        Lamp((middle, 0.6, -1.5), 0.22 * light, (1, 1, 1)),  # what floor and front wall throw back
        Lamp((x0 + 0.2, 0.8, 4.5), 0.08 * light, (1, 1, 1)),
    ]


def blackboard_picture(
    room: Room,
    marks: tuple[list[str], np.ndarray] | None,
    rng: np.random.Generator,
    height_px: int = 512,
) -> np.ndarray:
    """The blackboard as seen by the class (BGR): chalk lines, and the marked points as numbered
    crosses.
    """
    s = height_px / room.board_height_m
    width_px = round(room.board_width_m * s)
    board = np.full((height_px, width_px, 3), (58, 74, 46), np.uint8)
    smear = cv2.GaussianBlur(
        rng.normal(0, 30, (height_px // 4, width_px // 4)).astype(np.float32), (0, 0), 6
    )
    board = np.clip(board + cv2.resize(smear, (width_px, height_px))[..., None], 0, 255).astype(
        np.uint8
    )
    if marks is None:
        lines = [
            "1/2 + 1/3 = 3/6 + 2/6 = 5/6",
            "3/4 - 1/8 = 6/8 - 1/8",
            "a/b x c/d = ac / bd",
            "x + 2/5 = 9/10",
            "Homework: p. 47, 3 a-f",
        ]
        for k in range(8):
            org = (
                int((0.04 + 0.5 * (k % 2)) * width_px),
                int((0.16 + 0.22 * (k // 2)) * height_px),
            )
            cv2.putText(
                board,
                lines[k % len(lines)],
                org,
                cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
                1.4 * height_px / 512,
                (215, 225, 222),
                2,
                cv2.LINE_AA,
            )
        cv2.circle(
            board,
            (int(0.83 * width_px), int(0.78 * height_px)),
            height_px // 7,
            (215, 225, 222),
            2,
            cv2.LINE_AA,
        )
    else:
        for name, p in zip(*marks, strict=True):
            u, v = width_px - p[0] * s, p[1] * s
            u, v = int(u), int(v)
            cv2.drawMarker(
                board, (u, v), (230, 235, 235), cv2.MARKER_CROSS, height_px // 12, 3, cv2.LINE_AA
            )
            cv2.putText(
                board,
                name,
                (u + 12, v - 12),
                cv2.FONT_HERSHEY_SIMPLEX,
                1.2 * height_px / 512,
                (230, 235, 235),
                2,
                cv2.LINE_AA,
            )
    return np.asarray(board)


def _textured(corner: Any, a: Any, b: Any, picture_bgr: np.ndarray) -> Any:
    """A rectangle with a picture: ``corner`` is the picture's upper left, ``a`` along its top,
    ``b`` down.
    """
    from vtkmodules.util.numpy_support import numpy_to_vtk

    vtk = vtk_modules()
    corner, a, b = (np.asarray(v, float) for v in (corner, a, b))
    plane = vtk.vtkPlaneSource()
    plane.SetOrigin(*(corner + b))
    plane.SetPoint1(*(corner + a + b))
    plane.SetPoint2(*corner)
    image = vtk.vtkImageData()
    h, w = picture_bgr.shape[:2]
    image.SetDimensions(w, h, 1)
    image.GetPointData().SetScalars(
        numpy_to_vtk(np.ascontiguousarray(picture_bgr[::-1, :, ::-1]).reshape(-1, 3), deep=True)
    )
    texture = vtk.vtkTexture()
    texture.SetInputData(image)
    texture.InterpolateOn()
    texture.MipmapOn()
    mapper = vtk.vtkPolyDataMapper()
    mapper.SetInputConnection(plane.GetOutputPort())
    it = vtk.vtkActor()
    it.SetMapper(mapper)
    it.SetTexture(texture)
    it.GetProperty().SetAmbient(0.4)
    it.GetProperty().SetDiffuse(0.7)
    return it


def furniture(room: Room, where: Seats, aux: AuxiliaryBoard, rng: np.random.Generator) -> list[Any]:
    """Walls, floor, windows, posters, desks and chairs, the table of the auxiliary board."""
    m = Mesh()
    x0, x1 = room.walls_x_m
    floor, ceiling, depth = room.floor_y_m, room.ceiling_y_m, room.depth_m
    w, h, d = x1 - x0, floor - ceiling, depth
    wall = srgb(*(np.array([206, 203, 194]) * rng.uniform(0.88, 1.0) + rng.uniform(-5, 5, 3)))
    tiles = 12
    for i in range(tiles):  # floor in planks of slightly different shade
        shade = rng.uniform(0.85, 1.1)
        m.rectangle(
            [x0 + i * w / tiles, floor, 0], [0, 0, d], [w / tiles, 0, 0], srgb(150, 122, 94) * shade
        )
    m.rectangle([x0, ceiling, 0], [w, 0, 0], [0, 0, d], srgb(232, 232, 228))
    m.rectangle([x0, ceiling, d], [w, 0, 0], [0, h, 0], wall)  # back wall
    m.rectangle([x0, ceiling, 0], [0, 0, d], [0, h, 0], wall * 0.97)
    m.rectangle([x1, ceiling, 0], [0, h, 0], [0, 0, d], wall * 0.97)
    m.rectangle([x0, ceiling, 0], [0, h, 0], [w, 0, 0], wall)  # front wall
    for k in range(3):  # lamps in the ceiling
        m.rectangle(
            [x0 + w / 2 - 1.6, ceiling + 0.01, 1.2 + k * 2.6],
            [3.2, 0, 0],
            [0, 0, 0.25],
            np.array([3.0, 3.0, 2.9]),
        )
    for k in range(3):  # windows on the left wall
        z = 1.4 + k * 2.5
        m.box([x1 - 0.02, ceiling + 1.25, z + 0.9], [0.05, 1.5, 1.9], srgb(240, 240, 238))
        m.box([x1 - 0.05, ceiling + 1.25, z + 0.9], [0.04, 1.36, 1.74], srgb(226, 238, 250))
        m.box([x1 - 0.08, ceiling + 1.25, z + 0.9], [0.03, 1.4, 0.05], srgb(240, 240, 238))
    m.box([x0 + 0.03, floor - 1.0, depth - 1.2], [0.06, 2.0, 0.95], srgb(120, 84, 58))  # door
    for k in range(4):  # posters and a shelf at the back
        colour = srgb(*rng.uniform(90, 230, 3))
        px = x0 + 0.8 + k * (w - 1.6) / 3.4
        m.box(
            [px, ceiling + 1.15 + rng.uniform(-0.15, 0.15), depth - 0.02],
            [0.62, 0.85, 0.02],
            colour,
        )
        m.box(
            [px, ceiling + 1.15, depth - 0.04], [0.40, 0.30, 0.02], srgb(*rng.uniform(150, 240, 3))
        )
    m.box([x0 + w * 0.62, floor - 0.45, depth - 0.22], [2.2, 0.9, 0.4], srgb(170, 140, 100))
    for k in range(14):
        tall = rng.uniform(0.16, 0.26)
        m.box(
            [x0 + w * 0.62 - 0.95 + k * 0.14, floor - 0.9 - tall / 2, depth - 0.2],
            [0.1, tall, 0.2],
            srgb(*rng.uniform(60, 210, 3)),
        )
    top, leg = srgb(186, 156, 116), srgb(86, 90, 96)
    for x, z in zip(where.x_m, where.z_m, strict=True):
        y = floor - room.desk_height_m
        m.box([x, y + 0.0125, z - 0.36], [0.74, 0.025, 0.46], top * rng.uniform(0.92, 1.06))
        m.box([x, y + 0.20, z - 0.56], [0.70, 0.34, 0.015], top * 0.8)  # modesty panel
        for side in (-0.33, 0.33):
            m.box(
                [x + side, (y + floor) / 2 + 0.01, z - 0.36],
                [0.03, room.desk_height_m - 0.03, 0.40],
                leg,
            )
        m.box([x, floor - 0.66, z + 0.26], [0.42, 0.34, 0.02], srgb(120, 92, 66))  # chair's back
        for side in (-0.19, 0.19):
            m.box([x + side, floor - 0.4, z + 0.27], [0.025, 0.8, 0.025], leg)
        turn = rng.uniform(-0.08, 0.08)
        m.box(
            [x + turn, y - 0.004, z - 0.40], [0.21, 0.004, 0.29], srgb(238, 238, 232)
        )  # a sheet of paper
        if rng.random() < 0.6:
            m.box(
                [x - 0.25, y - 0.012, z - 0.42], [0.16, 0.02, 0.22], srgb(*rng.uniform(50, 200, 3))
            )
    corners = aux.corners_W(1.5)
    centre = corners.mean(0)
    size = np.ptp(corners, axis=0)
    if aux.angle_deg < 1:
        m.box(
            [centre[0], centre[1] + 0.03, centre[2]],
            [size[0] + 0.15, 0.03, size[2] + 0.15],
            srgb(200, 200, 196),
        )
        for sx in (-1, 1):
            for sz in (-1, 1):
                leg_x, leg_z = centre[0] + sx * size[0] / 2, centre[2] + sz * size[2] / 2
                m.box(
                    [leg_x, (centre[1] + 0.04 + floor) / 2, leg_z],
                    [0.03, floor - centre[1] - 0.04, 0.03],
                    leg,
                )
    else:
        m.box(
            [centre[0], (centre[1] + size[1] / 2 + floor) / 2 + 0.01, centre[2]],
            [0.4, floor - centre[1] - size[1] / 2, 0.2],
            leg,
        )
    return [m.actor()]


def windows_behind(room: Room) -> Any:
    """Bright windows along the wall behind the class."""
    m = Mesh()
    x0, x1 = room.walls_x_m
    wide = (x1 - x0 - 1.2) / 3
    for k in range(3):
        corner = [x0 + 0.4 + k * (wide + 0.2), room.ceiling_y_m + 0.35, room.depth_m - 0.06]
        m.rectangle(corner, [wide, 0, 0], [0, 1.7, 0], np.ones(3))
    return m.actor("sky")


def glared(picture: np.ndarray, strength: float) -> np.ndarray:
    """A picture (H,W,3) uint8 with the light that a lens spreads from what is white in it."""
    if not strength:
        return picture
    small = cv2.resize(picture, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    white = (small.min(2) > 250).astype(np.float32)
    halo = cv2.GaussianBlur(white, (0, 0), small.shape[1] / 24)
    halo = cv2.resize(halo, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    veiled = picture + np.float32(90 * strength) * halo[..., None]
    return np.asarray(np.clip(veiled + 0.5, 0, 255).astype(np.uint8))


@dataclass
class _Kept:
    """What a lens has seen already. bodies : what :attr:`PersonActors.body` was at each student's
    body; still : the empty room with them.
    """

    lens: Lens
    empty: Layer
    still: Layer
    bodies: list[bytes]
    body: dict[int, Layer]


class Classroom:
    """The whole scene: renders any moment for any camera."""

    def __init__(
        self,
        room: Room,
        where: Seats,
        aux: AuxiliaryBoard,
        people: list[Placement],
        marks: tuple[list[str], np.ndarray] | None,
        light: float,
        seed: int,
        backlight: float = 0.0,
    ) -> None:
        rng = np.random.default_rng([seed, 5])
        self.scene = Scene((0.3, 0.3, 0.3))
        self.scene.light(lamps(room, light * (1 - 0.6 * backlight), rng))
        self.furniture = furniture(room, where, aux, rng)
        self.backlight = backlight
        if backlight:
            self.furniture.append(windows_behind(room))
        board = blackboard_picture(room, marks, rng)
        self.board_picture = board
        self.furniture.append(
            _textured(
                [room.board_width_m, 0, 0.004],
                [-room.board_width_m, 0, 0],
                [0, room.board_height_m, 0],
                board,
            )
        )
        self.scene.add(self.furniture)
        self.people = [PersonActors(p.person, p.shirt) for p in people]
        for person in self.people:
            self.scene.add(person.actors)
        self._shown = False
        self._kept: dict[int, _Kept] = {}

    def show_people(self, shown: bool) -> None:
        """Put the students into the room, or take them out (calibration pictures are taken in an
        empty room).
        """
        self._shown = shown

    def pose(self, heads: Heads, k: int) -> None:
        """Move everybody to moment k of the truth."""
        for n, person in enumerate(self.people):
            person.place(
                heads.R_WB[k, n],
                heads.t_WB[k, n],
                heads.R_head[k, n],
                heads.R_eyes[k, n],
                {"blink": float(heads.blink[k, n])} if heads.blink[k, n] else {},
                here=bool(heads.here[k, n]),
                held=bool(heads.held[k, n]),
            )

    def picture(self, T_WC: Transform, lens: Lens) -> np.ndarray:
        """What a camera sees now, through its lens and without noise: (height, width, 3) uint8 BGR.

        The empty room is rendered once for each lens, a body whenever it has moved; both are kept
        with their depth. Heads are rendered every time, and the nearest is taken for every (fine)
        pixel.
        """
        self.scene.look(T_WC, lens.K, lens.size_px)
        kept = self._kept.get(id(lens))
        if kept is None:
            empty = self._layer(self.furniture)
            kept = self._kept[id(lens)] = _Kept(lens, empty, empty, [b""] * len(self.people), {})
        if not self._shown:
            return glared(lens.bend(kept.empty.colour), self.backlight)
        now = [person.body for person in self.people]
        if now != kept.bodies:
            for n, person in enumerate(self.people):
                if now[n] != kept.bodies[n]:
                    kept.body[n] = self._layer(person.still)
            kept.still = kept.empty.copy()
            for layer in kept.body.values():
                kept.still.add(layer)
            kept.bodies = now
        heads = self._layer([it for person in self.people for it in person.turning])
        seen = kept.still.copy()
        seen.add(heads)
        return glared(lens.bend(seen.colour), self.backlight)

    def _layer(self, actors: list[Any]) -> Layer:
        """What those of the actors that are visible show alone."""
        every = [*self.furniture, *(it for person in self.people for it in person.actors)]
        visible = [it.GetVisibility() for it in every]
        wanted = set(map(id, actors))
        for it in every:
            if id(it) not in wanted:
                it.VisibilityOff()
        layer = self.scene.layer()
        for it, was in zip(every, visible, strict=True):
            it.SetVisibility(was)
        return layer

    def close(self) -> None:
        self.scene.close()


def moment_key(heads: Heads, k: int) -> bytes:
    """Equal for two moments in which nobody's picture differs."""
    parts = (heads.R_WB, heads.t_WB, heads.R_head, heads.R_eyes, heads.blink, heads.here,
             heads.held)  # fmt: skip
    return b"".join(np.round(p[k].astype(float), 7).tobytes() for p in parts)
