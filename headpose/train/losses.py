"""Losses: the papers' classification + regression, and the multi-task terms of the shipped models.

Papers (per angle, summed over the three; expectation in degrees, MSE in degrees squared):

- HopeNet: ``CE(hard) + alpha MSE``
- SLCS (Xu et al.): ``KL(soft || predicted) + alpha MSE``, alpha = 2
- DADL (Zhao et al., eq. 13): ``CE(hard) + alpha MSE + beta KL(soft || predicted)``

Ours: geodesic distance of the 6-D rotation, each sample weighted by how sure its label is;
landmarks in crop fractions; log sigma by Gaussian likelihood of the (detached) errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.nn import functional as F

from headpose.classes import AngleClasses
from headpose.networks.heads import rotation_of_sixd


class LossConfig(BaseModel):
    """Weights of the terms; a weight of 0 leaves the term out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    geodesic: float = 1.0
    """Smooth L1 of the rotation error in radians (6-D head)."""
    geodesic_beta_rad: float = 0.1
    label_sigma_deg: float = 3.0
    """Labels as unsure as this count half: weight 1 / (1 + (sigma / this)^2); 0 = all the same."""
    landmarks: float = 5.0
    landmark_beta: float = 0.01
    nose: float = 1.0
    """Weight of the nose tip (point 30) among the 68: it is the point that positions stand on."""
    log_sigma: float = 0.05
    covered: float = 0.1
    """Of finding the hidden parts of faces that the augmentation covers (``cover_share``)."""
    hard: float = 0.0
    soft: float = 0.0
    mse: float = 0.0
    soft_labels: Literal["slcs", "slcs_radians", "dadl_aflw2000", "dadl_biwi"] = "slcs"


def rotation_error_rad(P: Tensor, R: Tensor) -> Tensor:
    """Geodesic distances (N,) in radians, finite gradient everywhere.

    ``|P - R|_F = 2 sqrt(2) sin(theta / 2)``: well-conditioned where the arc cosine of the trace is
    not, i.e. at the small angles that matter.
    """
    chord = ((P - R).square().sum((1, 2)) + 1e-8).sqrt() / (2 * math.sqrt(2.0))
    return 2 * torch.asin(chord.clamp(max=1 - 1e-4))


def rotation_error_vector_deg(P: Tensor, R: Tensor) -> Tensor:
    """delta (N, 3) in degrees with ``R = P exp(delta)``: about the head's own axes."""
    D = P.transpose(1, 2) @ R
    v = torch.stack([D[:, 2, 1] - D[:, 1, 2], D[:, 0, 2] - D[:, 2, 0], D[:, 1, 0] - D[:, 0, 1]], 1)
    sine = v.norm(dim=1, keepdim=True) / 2
    trace = D.diagonal(dim1=1, dim2=2).sum(1, keepdim=True)
    theta = torch.atan2(sine, (trace - 1) / 2)
    delta: Tensor = torch.rad2deg(theta) * v / (2 * sine).clamp(min=1e-6)
    return delta


def _robust_square(z: Tensor) -> Tensor:
    """``z^2 / 2`` up to |z| = 4, then linear: outliers count, but do not rule.

    It must not be cut off: where a sigma is far too small, this term alone pushes it up again.
    """
    return F.huber_loss(z, torch.zeros_like(z), delta=4.0, reduction="none")


@dataclass(frozen=True)
class Opinion:
    """What a teacher thinks of a batch: ``R`` (N, 3, 3), ``points`` (N, 68, 2) crop fractions, and
    the ``share`` (N,) of the rotation loss that is towards it.
    """

    R: Tensor
    points: Tensor
    share: Tensor


def multi_task_loss(
    out: dict[str, Tensor],
    R: Tensor,
    points: Tensor,
    sigma_deg: Tensor,
    cfg: LossConfig,
    teacher: Opinion | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Total loss and its parts (detached, for the log) of networks with a 6-D head.

    ``R`` (N, 3, 3), ``points`` (N, 68, 2) crop fractions or NaN, ``sigma_deg`` (N,).  Nothing in
    here makes a GPU wait for the CPU.
    """
    P = rotation_of_sixd(out["sixd"])
    theta = rotation_error_rad(P, R)
    weight = torch.ones_like(theta)
    if cfg.label_sigma_deg:
        weight = 1 / (1 + (sigma_deg / cfg.label_sigma_deg) ** 2)
        weight = weight / weight.mean()
    smooth = _smooth(theta, cfg.geodesic_beta_rad)
    if teacher is not None:
        towards = _smooth(rotation_error_rad(P, teacher.R), cfg.geodesic_beta_rad)
        smooth = (1 - teacher.share) * smooth + teacher.share * towards
    loss = cfg.geodesic * (weight * smooth).mean()
    parts = {"geodesic_deg": torch.rad2deg(theta.detach().mean())}
    if cfg.log_sigma:
        d = rotation_error_vector_deg(P.detach(), R)
        s = out["log_sigma"].clamp(-2, 5)
        loss = loss + cfg.log_sigma * (_robust_square(d / s.exp()) + s).mean()
    if "landmarks" in out and cfg.landmarks:
        annotated = points.isfinite().all(2).all(1)
        target = out["landmarks"].detach() if teacher is None else teacher.points
        target = torch.where(annotated[:, None, None], points, target)
        distance = ((out["landmarks"] - target).square().sum(-1) + 1e-10).sqrt()
        huber = _smooth(distance, cfg.landmark_beta)
        huber = huber.mean(1) + (cfg.nose - 1) / 68 * huber[:, 30]
        counts = annotated if teacher is None else torch.ones_like(annotated)
        loss = loss + cfg.landmarks * (huber * counts).mean()
        seen = distance.detach()
        n = annotated.sum().clamp(min=1)
        parts["landmark_percent"] = 100 * (seen.mean(1) * annotated).sum() / n
        parts["nose_percent"] = 100 * (seen[:, 30] * annotated).sum() / n
        if cfg.log_sigma:
            s = out["landmark_log_sigma"].clamp(-8, 0)
            # two axes: |d|^2 / (2 sigma^2) + 2 log sigma, sigma per axis
            z = _robust_square(seen / s.exp())
            loss = loss + cfg.log_sigma * ((z + 2 * s).mean(1) * annotated).sum() / n
    parts["loss"] = loss.detach()
    return loss, parts


def _smooth(distance: Tensor, beta: float) -> Tensor:
    """Smooth L1 of distances: squared below ``beta``, linear above."""
    return F.smooth_l1_loss(distance, torch.zeros_like(distance), beta=beta, reduction="none")


def class_loss(
    logits: Tensor, angles_deg: Tensor, soft: Tensor, classes: AngleClasses, cfg: LossConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """The papers' losses on angle classes.

    ``logits`` (N, 3, K), ``angles_deg`` (N, 3) in the order pitch, yaw, roll, ``soft`` (N, 3, K)
    soft labels (each sums to 1).
    """
    log_p = logits.log_softmax(-1)
    centres = torch.as_tensor(classes.centres_deg, dtype=log_p.dtype, device=log_p.device)
    expected = log_p.exp() @ centres
    loss = logits.new_zeros(())
    if cfg.hard:
        low, width = float(classes.edges_deg[0]), classes.width_deg
        target = ((angles_deg - low) / width).floor().long().clamp(0, classes.count - 1)
        loss = loss + cfg.hard * 3 * F.nll_loss(log_p.flatten(0, 1), target.flatten())
    if cfg.soft:
        kl = (soft * (soft.clamp(min=1e-12).log() - log_p)).sum(-1)
        loss = loss + cfg.soft * kl.sum(1).mean()
    if cfg.mse:
        loss = loss + cfg.mse * (expected - angles_deg).square().sum(1).mean()
    error = (expected.detach() - angles_deg).abs().mean()
    return loss, {"mae_deg": error, "loss": loss.detach()}
