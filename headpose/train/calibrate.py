"""How sure is the network?  Its sigmas, made to fit the errors seen on validation data.

The validation rows are cut in two by group.  On the first half, for each face size, a factor per
axis makes the mean squared normalised error 1, and one 3x3 correlation is taken; on the second
half, never used for fitting, the result is judged: the normalised error ``e^T cov^-1 e`` of a good
covariance has mean 3 (chi-square with three degrees of freedom).

The labels have noise of their own, so the covariance is that of *network minus label*: an honest
upper bound for the network's error against the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from headpose import rotation
from headpose.data.augment import NONE, AugmentConfig
from headpose.data.crop import CROP_SCALE
from headpose.data.store import Store, split_by_group

SIZES_PX = (12.0, 16.0, 24.0, 40.0, 64.0)
"""Longer side of the face box, px; the last stands for all larger faces."""

BOX_JITTER: AugmentConfig = NONE.model_copy(update={"scale_sigma": 0.05, "shift_sigma": 0.02})
"""Boxes at work come from a detector or from our own landmarks, not from the truth."""


@dataclass(frozen=True)
class Reliability:
    """One face size on rows not used for fitting.

    ``normalised`` is the mean of ``e^T cov^-1 e / 3`` (1 = right, > 1 = too sure), ``within_90``
    the share of errors inside the 90 % ellipsoid, ``rms_deg`` the rotation error's rms.
    """

    face_px: float
    n: int
    normalised: float
    within_90: float
    rms_deg: float
    predicted_rms_deg: float


def normalised_error(e_deg: NDArray[Any], covariance_deg2: NDArray[Any]) -> NDArray[np.float64]:
    """``e^T cov^-1 e`` (N,) of error vectors (N, 3) in degrees."""
    z = np.linalg.solve(covariance_deg2, e_deg[..., None])[..., 0]
    return np.asarray(np.einsum("ni,ni->n", e_deg, z))


def error_vector_deg(P: NDArray[Any], R: NDArray[Any]) -> NDArray[np.float64]:
    """delta (N, 3) in degrees with ``R = P exp(delta)``: about the head's own axes."""
    return rotation.log(np.swapaxes(P, -1, -2) @ R)


def fit(
    net: nn.Module, store: Store, rows: NDArray[Any], px: int
) -> tuple[dict[str, Any], list[Reliability]]:
    """Calibration of a network (plain lists, for the weights file) and how well it holds."""
    from scipy.stats import chi2

    from headpose.data.training_rows import validation_crops
    from headpose.estimator import calibrated_covariance_deg2, landmark_sigma_raw
    from headpose.predict import predict

    second = split_by_group(store.group[rows], 0.5, seed=1)
    factor, landmark_factor, unit = [], [], []
    kept: list[tuple[NDArray[Any], NDArray[Any]]] = []
    for size in SIZES_PX:
        crops, R, points = validation_crops(store, rows, px, size, BOX_JITTER)
        out = predict(net, crops)
        e, s = error_vector_deg(out["R"], R), out["log_sigma"]
        kept.append((e, s))
        z = (e / np.exp(np.clip(s, -2, 5)))[~second]
        f = np.sqrt((z**2).mean(0))
        factor.append(f)
        unit.append(z / f)
        if "landmarks" in out:
            known = np.isfinite(points).all((1, 2)) & ~second
            d2 = ((out["landmarks"][known] - points[known]) ** 2).sum(-1) / 2
            sigma = landmark_sigma_raw(out["landmark_log_sigma"][known])
            landmark_factor.append(np.sqrt((d2 / sigma**2).mean(0)))
        else:
            landmark_factor.append(np.ones(68))
    calibration = {
        "face_px": list(SIZES_PX),
        "factor": np.round(factor, 4).tolist(),
        "landmark_factor": np.round(landmark_factor, 4).tolist(),
        "correlation": np.round(np.corrcoef(np.concatenate(unit).T), 4).tolist(),
        "crop_scale": CROP_SCALE,
    }
    report = []
    for size, (e, s) in zip(SIZES_PX, kept, strict=True):
        cov = calibrated_covariance_deg2(s[second], np.full(second.sum(), size), calibration)
        q = normalised_error(e[second], cov)
        report.append(
            Reliability(
                face_px=size, n=int(second.sum()), normalised=float(q.mean() / 3),
                within_90=float((q < chi2.ppf(0.9, 3)).mean()),
                rms_deg=float(np.sqrt((e[second] ** 2).sum(1).mean())),
                predicted_rms_deg=float(np.sqrt(np.trace(cov, axis1=1, axis2=2).mean())),
            )
        )  # fmt: skip
    return calibration, report
