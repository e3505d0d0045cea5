"""Labels of angle classes: hard, SLCS (Xu et al. 2026) and DADL (Zhao et al. 2023) soft ones.

All take angles in degrees (..., any) and an :class:`headpose.classes.AngleClasses`; soft labels
(..., K) sum to 1.  Widths are per angle in the order pitch, yaw, roll everywhere in this package.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headpose import rotation
from headpose.classes import SLCS, AngleClasses, classes_of

ANGLES = ("pitch", "yaw", "roll")

SLCS_PUBLISHED = (0.939, 0.997, 1.25)
"""Xu et al.: sigma of pitch, yaw, roll.  The unit is not printed; see :func:`derive_slcs_sigma`."""
DADL_SIGMA = {"aflw2000": (2.0, 1.0, 0.5), "biwi": (0.6, 0.35, 0.3)}
"""Zhao et al.: sigma of pitch, yaw, roll in classes of 3 degrees, for its two training set-ups."""


def gaussian_labels(
    angles_deg: ArrayLike, sigma_deg: ArrayLike, classes: AngleClasses
) -> NDArray[np.float64]:
    """Gaussians about the true angle on the class centres, each divided by its own sum.

    ``sigma_deg`` broadcasts against ``angles_deg``.
    """
    a = np.asarray(angles_deg, np.float64)[..., None]
    s = np.asarray(sigma_deg, np.float64)[..., None]
    g = np.exp(-0.5 * ((classes.centres_deg - a) / s) ** 2)
    # a narrow Gaussian between two centres may underflow: the nearest class then takes all
    far = g.sum(-1) < 1e-300
    if far.any():
        nearest = np.eye(classes.count)[np.abs(classes.centres_deg - a).argmin(-1)]
        g = np.where(far[..., None], nearest, g)
    return np.asarray(g / g.sum(-1, keepdims=True))


SoftKind = Literal["slcs", "slcs_radians", "dadl_aflw2000", "dadl_biwi"]


def soft_sigma_deg(kind: SoftKind) -> tuple[float, float, float]:
    """Widths (pitch, yaw, roll) in degrees, in both readings of SLCS's unit."""
    if kind == "slcs":  # in classes of 1 degree
        return SLCS_PUBLISHED
    if kind == "slcs_radians":
        return tuple(math.degrees(s) for s in SLCS_PUBLISHED)  # type: ignore[return-value]
    return tuple(3.0 * s for s in DADL_SIGMA[kind.removeprefix("dadl_")])  # type: ignore[return-value]


def soft_label_maker(kind: SoftKind, count: int) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """Function from angles (N, 3) in degrees, order pitch, yaw, roll, to labels (N, 3, count).

    DADL places its Gaussian about the true *class*, SLCS about the angle.
    """
    sigma = np.array(soft_sigma_deg(kind))

    def make(angles_deg: NDArray[Any]) -> NDArray[np.float64]:
        classes = classes_of(count)
        at = (
            classes.centres_deg[classes.encode(angles_deg)]
            if kind.startswith("dadl")
            else angles_deg
        )
        return gaussian_labels(at, sigma, classes)

    return make


# -- where SLCS's widths come from -----------------------------------------------------------------


@dataclass(frozen=True)
class SlcsSigma:
    """Fitted widths of one angle: ``derived_rad``, and the published number beside it."""

    angle: str
    derived_rad: float
    published: float

    def line(self) -> str:
        """One printed line: both units, both sources."""
        deg, pub = math.degrees(self.derived_rad), math.degrees(self.published)
        return (
            f"sigma_{self.angle:5s} derived {self.derived_rad:.3f} rad = {deg:5.1f} deg;   "
            f"published {self.published:.3f} (as rad = {pub:5.1f} deg, as 1-degree classes = "
            f"{self.published:.3f} deg)"
        )


def similarity_curve(
    face_mm: NDArray[Any], angle: int, classes: AngleClasses = SLCS, true_deg: float = 0.0
) -> NDArray[np.float64]:
    """s_j (K,): similarity of the face turned to ``true_deg`` to the face turned to each class.

    ``exp(-mean_k |p_k^j - p_k^i| / dist)``, dist = distance of the outer eye corners (points 37 and
    46 counted from 1), divided by its sum.  ``face_mm`` (68, 3) in S axes about the centre of
    rotation, ``angle`` 0 pitch, 1 yaw, 2 roll; the other two angles are zero.
    """
    angles = np.zeros((classes.count + 1, 3))
    angles[:-1, angle], angles[-1, angle] = classes.centres_deg, true_deg
    turned = np.einsum("kij,pj->kpi", rotation.matrix(*angles.T), face_mm)
    distance = np.linalg.norm(turned[:-1] - turned[-1], axis=-1).mean(-1)
    s = np.exp(-distance / np.linalg.norm(face_mm[36] - face_mm[45]))
    return np.asarray(s / s.sum())


def fit_gaussian_rad(s: NDArray[Any], centres_deg: NDArray[Any], mean_deg: float = 0.0) -> float:
    """Width in radians of ``A exp(-(psi - mean)^2 / 2 sigma^2)``, least squares on ``s``."""
    from scipy.optimize import curve_fit

    x = np.radians(centres_deg - mean_deg)
    found, _ = curve_fit(lambda x, a, w: a * np.exp(-0.5 * (x / w) ** 2), x, s, p0=(s.max(), 1.0))
    return float(abs(found[1]))


ROTATION_CENTRE_MM = 68.0
"""Centre of rotation this far behind the landmarks' centroid: inside the head, as the Basel face
model's origin is; the papers do not say.  The widths depend on it, so it is an argument below."""


def derive_slcs_sigma(
    face_mm: NDArray[Any] | None = None, centre_behind_mm: float = ROTATION_CENTRE_MM
) -> list[SlcsSigma]:
    """SLCS's widths of pitch, yaw and roll, from a 68-point face (68, 3) in mm, S axes.

    Without a face the schematic one of :func:`schematic_face_mm` is taken.
    """
    face = schematic_face_mm() if face_mm is None else np.asarray(face_mm, np.float64)
    if face.shape != (68, 3) or not np.isfinite(face).all():
        raise ValueError(f"a face must be (68, 3) finite points in mm, got {face.shape}")
    face = face - face.mean(0) + [0, 0, centre_behind_mm]
    return [
        SlcsSigma(
            name, fit_gaussian_rad(similarity_curve(face, k), SLCS.centres_deg), SLCS_PUBLISHED[k]
        )
        for k, name in enumerate(ANGLES)
    ]


def schematic_face_mm() -> NDArray[np.float64]:
    """A schematic adult face: 68 points (68, 3) in mm, x = the person's left, y up, z out.

    Drawn from round measures (outer eye corners 91 mm apart, face 140 mm wide at the ears and
    125 mm from brow to chin, nose 25 mm proud), not measured on anybody; the person's right side
    comes first, as iBUG counts.
    """
    t = np.linspace(0, math.pi, 17)
    jaw = np.stack([-70 * np.cos(t), -88 * np.sin(t) ** 0.9 + 25, -62 + 58 * np.sin(t)], 1)
    brow = np.array(
        [[-52, 42, -8], [-43, 49, 2], [-33, 51, 7], [-23, 49, 10], [-14, 46, 11]], float
    )
    bridge = np.array([[0, 32, 10], [0, 21, 16], [0, 11, 22], [0, 0, 28]], float)
    nostrils = np.array(
        [[-14, -10, 9], [-7, -12, 13], [0, -13, 15], [7, -12, 13], [14, -10, 9]], float
    )
    eye = np.array(
        [
            [-45.5, 29, -9],
            [-37, 33, -3],
            [-27, 33, -2],
            [-18, 28, -5],
            [-27, 26, -3],
            [-37, 26, -4],
        ],
        float,
    )
    lips = np.array(
        [[-25, -37, -2], [-16, -32, 6], [-6, -29, 10], [0, -31, 11], [6, -29, 10], [16, -32, 6],
         [25, -37, -2], [16, -44, 4], [6, -47, 7], [0, -48, 8], [-6, -47, 7], [-16, -44, 4],
         [-21, -37, 0], [-6, -35, 8], [0, -36, 9], [6, -35, 8], [21, -37, 0], [6, -40, 7],
         [0, -41, 8], [-6, -40, 7]], float
    )  # fmt: skip

    def other(side: NDArray[Any], order: list[int]) -> NDArray[Any]:
        return (side * [-1, 1, 1])[order]

    return np.concatenate(
        [jaw, brow, other(brow, [4, 3, 2, 1, 0]), bridge, nostrils, eye,
         other(eye, [3, 2, 1, 0, 5, 4]), lips]
    )  # fmt: skip
