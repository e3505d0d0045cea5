"""VTK without a display: actors for people and rooms, one picture at a time (EGL; llvmpipe is
enough).

The only module that imports VTK. Pictures are rendered by a pinhole larger and finer than the real
camera and then pulled through the real lens (:class:`Lens`), so distortion is exact and edges are
smooth.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from calibration.camera import Camera
from calibration.transform import Transform
from sessions.errors import SessionError
from sessions.simulation.people import PARTS, Person

# ambient, diffuse, specular, specular power
MATERIALS = {
    "head": (0.30, 0.80, 0.10, 12),
    "hair": (0.26, 0.80, 0.18, 22),
    "eye": (0.30, 0.72, 0.75, 110),
    "lashes": (0.3, 0.6, 0.0, 1),
    "glasses": (0.3, 0.7, 0.5, 40),
    "shirt": (0.30, 0.78, 0.02, 5),
    "body": (0.30, 0.80, 0.08, 12),
    "worn": (0.30, 0.75, 0.03, 8),
    "held": (0.30, 0.75, 0.05, 10),
    "room": (0.30, 0.62, 0.02, 5),
    "sky": (1.0, 0.0, 0.0, 1),
}


def vtk_modules() -> Any:
    """The vtk package, or a clear error where it cannot render."""
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    try:
        import vtk
    except ImportError as error:
        raise SessionError(
            "rendering needs the packages of the extra [simulate]",
            found=error,
            remedy="pip install 'classroom-gaze[simulate]'; on a bare Linux also: "
            "apt-get install libegl1 libgl1-mesa-dri.",
        ) from error
    return vtk


def poly_data(
    points: np.ndarray, faces: np.ndarray, colour: np.ndarray, normals: np.ndarray | None = None
) -> Any:
    """A vtkPolyData with sRGB point colours (from linear rgb, N×3) and normals."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray

    vtk = vtk_modules()
    data = vtk.vtkPolyData()
    vtk_points = vtk.vtkPoints()
    vtk_points.SetData(numpy_to_vtk(np.ascontiguousarray(points, np.float32), deep=True))
    data.SetPoints(vtk_points)
    cells = vtk.vtkCellArray()
    offsets = numpy_to_vtkIdTypeArray(
        np.arange(0, 3 * len(faces) + 1, 3, dtype=np.int64), deep=True
    )
    cells.SetData(
        offsets, numpy_to_vtkIdTypeArray(np.ascontiguousarray(faces.ravel(), np.int64), deep=True)
    )
    data.SetPolys(cells)
    set_colour(data, colour)
    if normals is None:
        normals = vertex_normals(points, faces)
    vtk_normals = numpy_to_vtk(np.ascontiguousarray(normals, np.float32), deep=True)
    vtk_normals.SetName("Normals")
    data.GetPointData().SetNormals(vtk_normals)
    return data


def set_colour(data: Any, colour: np.ndarray) -> None:
    """Point colours from linear rgb (N,3)."""
    from vtkmodules.util.numpy_support import numpy_to_vtk

    rgb = np.round(np.clip(colour, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
    scalars = numpy_to_vtk(np.ascontiguousarray(rgb), deep=True)
    scalars.SetName("rgb")
    data.GetPointData().SetScalars(scalars)


def set_points(data: Any, points: np.ndarray, normals: np.ndarray) -> None:
    """Move the points (and normals) of a vtkPolyData in place."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    vtk_to_numpy(data.GetPoints().GetData())[:] = points
    vtk_to_numpy(data.GetPointData().GetNormals())[:] = normals
    data.GetPoints().GetData().Modified()
    data.GetPoints().Modified()
    data.GetPointData().GetNormals().Modified()
    data.Modified()


def vertex_normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals (N,3)."""
    tri = points[faces]
    flat = np.cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0])
    normal = np.stack(
        [np.bincount(faces.ravel(), np.repeat(flat[:, k], 3), len(points)) for k in range(3)],
        axis=1,
    )
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12))


def actor(data: Any, material: str) -> Any:
    """An actor of point-coloured triangles in one of :data:`MATERIALS`."""
    vtk = vtk_modules()
    mapper = vtk.vtkPolyDataMapper()
    mapper.SetInputData(data)
    mapper.SetColorModeToDirectScalars()
    mapper.SetStatic(False)
    it = vtk.vtkActor()
    it.SetMapper(mapper)
    p = it.GetProperty()
    ambient, diffuse, specular, power = MATERIALS[material]
    p.SetAmbient(ambient)
    p.SetDiffuse(diffuse)
    p.SetSpecular(specular)
    p.SetSpecularPower(power)
    p.SetInterpolationToPhong()
    return it


def matrix4(R: np.ndarray, t: np.ndarray) -> Any:
    """vtkMatrix4x4 of x → R x + t."""
    m = vtk_modules().vtkMatrix4x4()
    for i in range(3):
        for j in range(3):
            m.SetElement(i, j, float(R[i, j]))
        m.SetElement(i, 3, float(t[i]))
    return m


def normalise_colours(person: Person, shirt: np.ndarray | None) -> np.ndarray:
    """Colours (N,3); the shirt takes the hue of ``shirt`` (linear rgb) and keeps its folds."""
    colour = person.colour.copy()
    if shirt is not None:
        cloth = person.part == PARTS.index("shirt")
        mean = colour[cloth].mean(0)
        colour[cloth] *= shirt / np.maximum(mean, 1e-3)
    return np.asarray(np.clip(colour, 0, 1))


class PersonActors:
    """One person in a scene: a rigid head (with hair, lashes, glasses), two eyes, a neck that
    twists, and a body without a share in the head's turns.
    """

    def __init__(self, person: Person, shirt: np.ndarray | None = None) -> None:
        self.person = person
        colour = normalise_colours(person, shirt)
        normals = vertex_normals(person.points, person.faces)
        face_part = person.part[person.faces[:, 0]]
        share = person.share[person.faces]
        kind = np.where((share > 0.998).all(1), "rigid", np.where(share.any(1), "soft", "still"))
        self.rigid: list[Any] = []
        self.eyes: list[Any] = []
        self.soft: list[tuple[Any, Any, np.ndarray, np.ndarray, np.ndarray]] = []
        self.still: list[Any] = []
        self.held: list[Any] = []
        self._rigid_points: list[tuple[Any, np.ndarray]] = []
        for k, part in enumerate(PARTS):
            if part == "glasses" and not person.glasses:
                continue
            for what in ("rigid", "soft", "still"):
                faces = person.faces[(face_part == k) & (kind == what)]
                if not len(faces):
                    continue
                used = np.unique(faces)
                renumber = np.zeros(len(person.points), np.int64)
                renumber[used] = np.arange(len(used))
                data = poly_data(person.points[used], renumber[faces], colour[used], normals[used])
                it = actor(data, "eye" if part.startswith("eye") else part)
                if part.startswith("eye"):
                    self.eyes.append(it)
                elif what == "rigid":
                    self.rigid.append(it)
                    if part == "held":
                        self.held.append(it)
                    self._rigid_points.append((data, used))
                elif what == "soft":
                    own = person.points[used], normals[used], person.share[used]
                    self.soft.append((it, data, *own))
                else:
                    self.still.append(it)
        self._turn: np.ndarray | None = None
        self._face: tuple[tuple[str, float], ...] = ()
        self.body = b""  # equal for two moments at which `still` is seen alike

    @property
    def turning(self) -> list[Any]:
        """What turns with the head, a little at least."""
        return [*self.rigid, *self.eyes, *(s[0] for s in self.soft)]

    @property
    def actors(self) -> list[Any]:
        return [*self.turning, *self.still]

    def place(
        self,
        R_WB: np.ndarray,
        t_WB: np.ndarray,
        R_head: np.ndarray,
        R_eyes: np.ndarray,
        face: dict[str, float] | None = None,
        *,
        here: bool = True,
        held: bool = True,
    ) -> None:
        """Put the body at ``R_WB, t_WB``, turn the head by ``R_head`` (in B) and the eyes by
        ``R_eyes`` (2,3,3, in the head); not at all in the room, or holding nothing, is hidden.
        """
        from scipy.spatial.transform import Rotation

        expression = tuple(sorted((face or {}).items()))
        if expression != self._face:
            moved = self.person.with_expression(dict(expression))
            normals = vertex_normals(moved, self.person.faces)
            for data, used in self._rigid_points:
                set_points(data, moved[used], normals[used])
            self._face = expression
        head = matrix4(R_WB @ R_head, t_WB)
        for it in self.rigid:
            it.SetUserMatrix(head)
        for k, it in enumerate(self.eyes):
            centre = self.person.eye_centres[k]
            it.SetUserMatrix(
                matrix4(
                    R_WB @ R_head @ R_eyes[k], t_WB + R_WB @ R_head @ (centre - R_eyes[k] @ centre)
                )
            )
        body = matrix4(R_WB, t_WB)
        turned = self._turn is None or not np.array_equal(self._turn, R_head)
        vector = Rotation.from_matrix(R_head).as_rotvec()
        for it in self.still:
            it.SetUserMatrix(body)
        for it, data, points, normals, share in self.soft:
            it.SetUserMatrix(body)
            if turned:
                own = Rotation.from_rotvec(share[:, None] * vector).as_matrix()
                set_points(
                    data,
                    np.einsum("nij,nj->ni", own, points),
                    np.einsum("nij,nj->ni", own, normals),
                )
        self._turn = R_head.copy()
        for it in self.actors:
            it.SetVisibility(here and (held or it not in self.held))
        self.body = np.concatenate([[here], R_WB.ravel(), t_WB]).tobytes()


@dataclass(frozen=True)
class Lamp:
    """A lamp: position in the scene's frame, strength, colour (sRGB-like, 0…1)."""

    position: tuple[float, float, float]
    strength: float
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Layer:
    """Part of a picture: where it lies in it, BGR (h,w,3) uint8, z-buffer (h,w), 1 = nothing."""

    at: tuple[slice, slice]
    colour: np.ndarray
    depth: np.ndarray

    def copy(self) -> Layer:
        return Layer(self.at, self.colour.copy(), self.depth.copy())

    def add(self, other: Layer) -> None:
        """Lay another one over this whole picture, in place: the nearer is seen."""
        nearer = other.depth < self.depth[other.at]
        np.copyto(self.colour[other.at], other.colour, where=nearer[..., None])
        np.copyto(self.depth[other.at], other.depth, where=nearer)


class Scene:
    """A set of actors and lamps, rendered by any number of pinhole cameras (OpenCV axes)."""

    def __init__(self, background: tuple[float, float, float] = (0.5, 0.5, 0.5)) -> None:
        vtk = vtk_modules()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(True)
        self.window.SetMultiSamples(0)
        self.renderer = vtk.vtkRenderer()
        self.renderer.SetBackground(*background)
        self.renderer.SetAutomaticLightCreation(False)
        self.window.AddRenderer(self.renderer)
        self.camera = self.renderer.GetActiveCamera()
        self._grab = vtk.vtkUnsignedCharArray()
        self._grab_depth = vtk.vtkFloatArray()

    def add(self, actors: Iterable[Any]) -> None:
        for it in actors:
            self.renderer.AddActor(it)

    def remove(self, actors: Iterable[Any]) -> None:
        for it in actors:
            self.renderer.RemoveActor(it)

    def light(self, lamps: Iterable[Lamp]) -> None:
        """Replace the lamps."""
        vtk = vtk_modules()
        self.renderer.RemoveAllLights()
        for lamp in lamps:
            light = vtk.vtkLight()
            light.SetLightTypeToSceneLight()
            light.SetPositional(True)
            light.SetConeAngle(180)
            light.SetPosition(*lamp.position)
            light.SetIntensity(lamp.strength)
            light.SetColor(*lamp.colour)
            self.renderer.AddLight(light)

    def look(
        self,
        T_WC: Transform,
        K: np.ndarray,
        size_px: tuple[int, int],
        near_m: float = 0.1,
        far_m: float = 30.0,
    ) -> None:
        """Aim the pinhole: pose, K (square pixels up to fx/fy, pixel centres at whole numbers) and
        picture size.
        """
        width, height = size_px
        if self.window.GetSize() != (width, height):
            self.window.SetSize(width, height)
        position, R = T_WC.t, T_WC.R
        self.camera.SetPosition(*position)
        self.camera.SetFocalPoint(*(position + R[:, 2]))
        self.camera.SetViewUp(*(-R[:, 1]))
        self.camera.SetClippingRange(near_m, far_m)
        fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
        matrix = vtk_modules().vtkMatrix4x4()
        n, f = near_m, far_m
        rows = [
            [2 * fx / width, 0, 1 - 2 * (cx + 0.5) / width, 0],
            [0, 2 * fy / height, 2 * (cy + 0.5) / height - 1, 0],
            [0, 0, -(f + n) / (f - n), -2 * f * n / (f - n)],
            [0, 0, -1, 0],
        ]
        for i in range(4):
            for j in range(4):
                matrix.SetElement(i, j, rows[i][j])
        self.camera.SetUseExplicitProjectionTransformMatrix(True)
        self.camera.SetExplicitProjectionTransformMatrix(matrix)

    def picture(self) -> np.ndarray:
        """Render: (height, width, 3) uint8 BGR."""
        from vtkmodules.util.numpy_support import vtk_to_numpy

        self.window.Render()
        width, height = self.window.GetSize()
        self.window.GetPixelData(0, 0, width - 1, height - 1, 0, self._grab, 0)
        rgb = vtk_to_numpy(self._grab).reshape(height, width, 3)
        return np.asarray(cv2.cvtColor(cv2.flip(rgb, 0), cv2.COLOR_RGB2BGR))

    def depth(self) -> np.ndarray:
        """(height, width) float32 z-buffer of the last picture, 0 near … 1 far."""
        from vtkmodules.util.numpy_support import vtk_to_numpy

        width, height = self.window.GetSize()
        self.window.GetZbufferData(0, 0, width - 1, height - 1, self._grab_depth)
        return np.asarray(vtk_to_numpy(self._grab_depth).reshape(height, width)[::-1].copy())

    def layer(self) -> Layer:
        """Render, and keep the part in which anything is seen."""
        colour, depth = self.picture(), self.depth()
        seen = depth < 1
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        if not len(rows):
            return Layer((slice(0), slice(0)), colour[:0, :0], depth[:0, :0])
        at = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        return Layer(at, colour[at].copy(), depth[at].copy())

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.window.Finalize()


@dataclass(frozen=True)
class Lens:
    """From a pinhole's picture to the real camera's: the pinhole's K and size, and the map to pull
    it through.

    ``scale`` pinhole pixels per camera pixel at the centre; ``maps`` for :func:`cv2.remap` at the
    pinhole's resolution.
    """

    camera: Camera
    K: np.ndarray
    size_px: tuple[int, int]
    map_x: np.ndarray
    map_y: np.ndarray

    @classmethod
    def of(cls, camera: Camera, scale: float | None = None, xy: np.ndarray | None = None) -> Lens:
        """The pinhole that covers every pixel of ``camera``.

        scale : None: 1.5; 1 for a fisheye, whose pinhole is several times as large anyway.
        xy : (H,W,2) undistorted coordinates of all pixels, where known (seconds of work).
        """
        if scale is None:
            scale = 1.0 if camera.model == "equidistant" else 1.5
        width, height = camera.size_px
        if xy is None:
            uv = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(float)
            xy = camera.undistort(uv.reshape(-1, 2)).reshape(height, width, 2)
        f = camera.f_px * scale
        # a pixel that the lens draws nothing on (NaN) repeats what is beside the picture
        low, high = np.nanmin(xy, axis=(0, 1)) * f, np.nanmax(xy, axis=(0, 1)) * f
        size = np.ceil(high - low).astype(int) + 4
        size += size % 2
        K = np.array([[f, 0, -low[0] + 2], [0, f, -low[1] + 2], [0, 0, 1]])
        x, y = np.nan_to_num(xy[..., 0] * f + K[0, 2]), np.nan_to_num(xy[..., 1] * f + K[1, 2])
        return cls(
            camera, K, (int(size[0]), int(size[1])), x.astype(np.float32), y.astype(np.float32)
        )

    def bend(self, picture: np.ndarray) -> np.ndarray:
        """The real camera's picture from the pinhole's."""
        scale = self.K[0, 0] / self.camera.f_px
        if scale > 1.2:  # a fine picture is softened first, so that sampling it does not alias
            picture = cv2.GaussianBlur(picture, (0, 0), 0.38 * scale)
        return cv2.remap(
            picture, self.map_x, self.map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
