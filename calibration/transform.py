"""Rigid transforms between two named frames: ``p_A = R_AB @ p_B + t_AB`` (docs/conventions.md)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from calibration.shapes import shapes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Transform:
    """Takes coordinates in frame ``src`` to coordinates in frame ``dst``: ``p_dst = R p_src + t``.

    ``T_WA = Transform(R_WA, t_WA, "W", "A")``; neighbours cancel: ``T_WC = T_WA @ T_AC``, and a
    product whose inner frames differ raises ``ValueError``.

    Parameters
    ----------
    R : (..., 3, 3) rotation; its columns are src's axes seen in dst.
    t : (..., 3) metres; src's origin seen in dst.
    dst, src : names of the frames (``W A C S V``, or a camera's name such as ``left``).
    """

    R: Array
    t: Array
    dst: str
    src: str

    def __post_init__(self) -> None:
        R = np.asarray(self.R, dtype=np.float64)
        t = np.asarray(self.t, dtype=np.float64)
        if R.shape[-2:] != (3, 3) or t.shape[-1:] != (3,):
            raise ValueError(
                f"T_{self.dst}{self.src}: expected R (..., 3, 3) and t (..., 3), "
                f"got {R.shape} and {t.shape}"
            )
        if np.isfinite(R).all() and (
            np.abs(R @ np.swapaxes(R, -1, -2) - np.eye(3)).max(initial=0.0) > 1e-5
            or (np.linalg.det(R) < 0).any()
        ):
            raise ValueError(f"T_{self.dst}{self.src}: R is not a rotation (R Rᵀ = I, det +1)")
        object.__setattr__(self, "R", R)
        object.__setattr__(self, "t", t)

    @classmethod
    def identity(cls, dst: str, src: str) -> Transform:
        """The transform between two frames that coincide."""
        return cls(np.eye(3), np.zeros(3), dst, src)

    def inverse(self) -> Transform:
        """``T_BA`` from ``T_AB``: ``R_ABᵀ``, ``−R_ABᵀ t_AB``."""
        R = np.swapaxes(self.R, -1, -2)
        return Transform(R, -np.einsum("...ij,...j->...i", R, self.t), self.src, self.dst)

    def __matmul__(self, other: Transform) -> Transform:
        if self.src != other.dst:
            raise ValueError(
                f"frames do not meet: T_{self.dst}{self.src} @ T_{other.dst}{other.src}"
            )
        t = np.einsum("...ij,...j->...i", self.R, other.t) + self.t
        return Transform(self.R @ other.R, t, self.dst, other.src)

    @shapes(p_src="... 3")
    def apply(self, p_src: ArrayLike) -> Array:
        """Points: (..., 3) metres in src → (..., 3) metres in dst."""
        out: Array = np.einsum("...ij,...j->...i", self.R, np.asarray(p_src, np.float64)) + self.t
        return out

    @shapes(d_src="... 3")
    def rotate(self, d_src: ArrayLike) -> Array:
        """Directions (no translation): (..., 3) in src → (..., 3) in dst."""
        out: Array = np.einsum("...ij,...j->...i", self.R, np.asarray(d_src, np.float64))
        return out

    def to_dict(self) -> dict[str, object]:
        """Plain numbers for JSON."""
        return {"dst": self.dst, "src": self.src, "R": self.R.tolist(), "t_m": self.t.tolist()}

    @classmethod
    def from_dict(cls, d: dict[str, object]) -> Transform:
        """The inverse of :meth:`to_dict`."""
        return cls(np.array(d["R"]), np.array(d["t_m"]), str(d["dst"]), str(d["src"]))


@shapes(rotvec_rad="... 3")
def rotation_exp(rotvec_rad: ArrayLike) -> Array:
    """SO(3) exponential: (..., 3) rotation vectors in radians → (..., 3, 3)."""
    v = np.asarray(rotvec_rad, np.float64)
    R = Rotation.from_rotvec(v.reshape(-1, 3)).as_matrix()
    return np.asarray(R).reshape(*v.shape[:-1], 3, 3)


@shapes(R="... 3 3")
def rotation_log(R: ArrayLike) -> Array:
    """SO(3) logarithm: (..., 3, 3) → (..., 3) rotation vectors in radians."""
    M = np.asarray(R, np.float64)
    v = Rotation.from_matrix(M.reshape(-1, 3, 3)).as_rotvec()
    return np.asarray(v).reshape(*M.shape[:-2], 3)


@shapes(R1="... 3 3", R2="... 3 3")
def geodesic_deg(R1: ArrayLike, R2: ArrayLike) -> Array:
    """Angle of the rotation between R1 and R2, degrees; (..., 3, 3) each → (...)."""
    M = np.swapaxes(np.asarray(R1, np.float64), -1, -2) @ np.asarray(R2, np.float64)
    out: Array = np.degrees(np.linalg.norm(rotation_log(M), axis=-1))
    return out


@shapes(d="... 3")
def smallest_rotation(d: ArrayLike) -> Array:
    """R_CV: the smallest rotation that takes (0,0,1) to the unit vector d (the line of sight).

    d : (..., 3) unit vectors with d_z > −1. Returns (..., 3, 3). Rodrigues' formula about
    (0,0,1) × d, in the closed form without trigonometry: I + [k]ₓ + [k]ₓ² / (1 + d_z).
    """
    d = np.asarray(d, np.float64)
    x, y, z = d[..., 0], d[..., 1], d[..., 2]
    zero = np.zeros_like(x)
    k = np.stack([-y, x, zero], -1)  # (0,0,1) × d
    K = np.stack(
        [
            np.stack([zero, -k[..., 2], k[..., 1]], -1),
            np.stack([k[..., 2], zero, -k[..., 0]], -1),
            np.stack([-k[..., 1], k[..., 0], zero], -1),
        ],
        -2,
    )
    out: Array = np.eye(3) + K + K @ K / (1 + z)[..., None, None]
    return out
