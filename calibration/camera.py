"""One camera: its lens, pixels ↔ rays, and the virtual camera that looks straight at a face."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.lens import COEFFICIENTS, Lens, Model
from calibration.shapes import shapes
from calibration.transform import Array, smallest_rotation

# Left and right for somebody who faces the blackboard; the order of every camera axis.
CAMERAS = ("left", "right")


@dataclass(frozen=True)
class Camera:
    """A lens with a name and a picture. Frame C: X right, Y down, Z forward in the picture.

    Pixel centres are at whole numbers: the picture's upper left corner is (−0.5, −0.5).

    Parameters
    ----------
    K : (3, 3) pixels.
    distortion : pinhole: (4,), (5,), (8,), (12,) or (14,) in OpenCV's order k1 k2 p1 p2
        [k3 [k4 k5 k6 …]]; equidistant: (4,) k1 k2 k3 k4 as in ``cv2.fisheye``.
    size_px : (width, height).
    name : ``left`` or ``right`` (for somebody who faces the blackboard).
    model : what the distortion means (:mod:`calibration.lens`).
    """

    K: Array
    distortion: Array
    size_px: tuple[int, int]
    name: str = "camera"
    model: Model = "pinhole"

    def __post_init__(self) -> None:
        K = np.asarray(self.K, np.float64)
        D = np.asarray(self.distortion, np.float64).ravel()
        if K.shape != (3, 3) or not np.isfinite(K).all() or K[0, 0] <= 0 or K[1, 1] <= 0:
            raise ValueError(f"camera {self.name}: K must be 3×3 with positive focal lengths")
        if D.size not in COEFFICIENTS.get(self.model, ()):
            raise ValueError(
                f"camera {self.name}: {D.size} distortion coefficients of a lens that is "
                f"{self.model}"
            )
        object.__setattr__(self, "K", K)
        object.__setattr__(self, "distortion", D)
        object.__setattr__(self, "size_px", (int(self.size_px[0]), int(self.size_px[1])))

    @cached_property
    def lens(self) -> Lens:
        """The lens by itself."""
        core = self.K[[0, 1, 0, 1], [0, 1, 2, 2]]
        return Lens(np.concatenate([core, self.distortion]), self.model)

    @classmethod
    def of(cls, lens: Lens, size_px: tuple[int, int], name: str) -> Camera:
        """The camera of a lens that was solved for."""
        return cls(lens.K, lens.distortion, size_px, name, lens.model)

    @property
    def f_px(self) -> float:
        """Mean focal length in pixels."""
        return self.lens.f_px

    @shapes(P_C="... 3")
    def project(self, P_C: ArrayLike) -> Array:
        """(..., 3) metres in C → (..., 2) pixels, distorted.

        NaN behind the camera and further from its axis than the lens is one-to-one
        (:attr:`calibration.lens.Lens.widest`).
        """
        P = np.asarray(P_C, np.float64)
        return self.lens.project(P.reshape(-1, 3)).reshape(*P.shape[:-1], 2)

    @shapes(uv_px="... 2")
    def undistort(self, uv_px: ArrayLike) -> Array:
        """(..., 2) pixels → (..., 2) normalised image coordinates x/z, y/z (no distortion).

        NaN for pixels that no direction of the lens's valid angle meets.
        """
        uv = np.asarray(uv_px, np.float64)
        return self.lens.undistort(uv.reshape(-1, 2)).reshape(*uv.shape[:-1], 2)

    @shapes(uv_px="... 2")
    def rays(self, uv_px: ArrayLike) -> Array:
        """(..., 2) pixels → (..., 3) unit directions d_C from the optical centre; NaN as above."""
        xy = self.undistort(uv_px)
        d = np.concatenate([xy, np.ones((*xy.shape[:-1], 1))], -1)
        out: Array = d / np.linalg.norm(d, axis=-1, keepdims=True)
        return out

    @shapes(uv_px="n 2")
    def undistort_with_slope(self, uv_px: ArrayLike) -> tuple[Array, Array]:
        """(N, 2) pixels → (N, 2) as :meth:`undistort`, and (N, 2, 2) its derivative by the pixels.

        Far from the axis of a wide lens a pixel is a long way on the plane.
        """
        xy = self.undistort(uv_px)
        slope = np.full((len(xy), 2, 2), np.nan)
        known = np.isfinite(xy).all(1)
        slope[known] = np.linalg.inv(self.lens.pixels_by_xy(xy[known]))
        return xy, slope

    @shapes(uv_px="... 2")
    def contains(self, uv_px: ArrayLike, margin_px: float = 0.0) -> NDArray[np.bool_]:
        """Whether pixels lie inside the picture (NaN: no)."""
        uv = np.asarray(uv_px, np.float64)
        w, h = self.size_px
        with np.errstate(invalid="ignore"):
            return (
                (uv[..., 0] >= margin_px - 0.5)
                & (uv[..., 1] >= margin_px - 0.5)
                & (uv[..., 0] <= w - 0.5 - margin_px)
                & (uv[..., 1] <= h - 0.5 - margin_px)
            )

    @shapes(uv_px="... 2", down_C="3")
    def look_at_rotations(self, uv_px: ArrayLike, down_C: ArrayLike | None = None) -> Array:
        """R_CV of the virtual cameras that look at pixels (docs/conventions.md).

        uv_px : (N, 2). down_C : (3,) the world's "down" in C, or None. With it V is rolled about
        its ray so that down in the crop is the world's down (an upright face is what a network
        knows best); R_CV carries that roll, so ``R_CS = R_CV R_VS`` needs nothing else.
        Returns (N, 3, 3).
        """
        d = self.rays(uv_px)
        if down_C is None:
            return smallest_rotation(d)
        down = np.broadcast_to(np.asarray(down_C, np.float64), d.shape)
        y = down - (down * d).sum(-1, keepdims=True) * d
        norm = np.linalg.norm(y, axis=-1, keepdims=True)
        y = y / np.maximum(norm, 1e-12)
        R = np.stack([np.cross(y, d), y, d], -1)
        looking_down = norm[..., 0] < 1e-6  # straight along gravity: no upright exists
        if looking_down.any():
            R[looking_down] = smallest_rotation(d[looking_down])
        return R

    def to_dict(self) -> dict[str, object]:
        """Plain numbers for JSON."""
        return {
            "name": self.name,
            "size_px": list(self.size_px),
            "K": self.K.tolist(),
            "distortion": self.distortion.tolist(),
            "model": self.model,
        }

    @classmethod
    def from_dict(cls, d: dict[str, object]) -> Camera:
        """The inverse of :meth:`to_dict`."""
        size = d["size_px"]
        return cls(
            np.array(d["K"]),
            np.array(d["distortion"]),
            (size[0], size[1]),  # type: ignore[index]
            str(d["name"]),
            d.get("model", "pinhole"),  # type: ignore[arg-type]
        )
