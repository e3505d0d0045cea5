"""DADL's similarity analysis (Zhao et al., figures 1, 4 and 5), on any labelled set.

How alike do two pictures look whose heads differ by a given angle?  Pictures are turned into LeNet
features, grouped by one angle (the other two near zero), and the cosine similarity of each group's
mean feature to the frontal group's is fitted with a Gaussian, once for each angle and once for each
side of it.  The paper's two asymmetries are then visible: *between* the angles (three widths) and
*within* one (left and right differ a little).

Readings: the paper does not give its LeNet's weights.  Here the network has fixed random weights
(``train_steps=0``) or is first trained on the set to regress the three angles; features have their
mean over the set taken off, without which all similarities are near 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from headpose import rotation
from headpose.data.crop import crop
from headpose.data.samples import Samples
from headpose.errors import DataError
from headpose.labels import ANGLES

LENET_PX = 32


class LeNet(nn.Module):
    """LeNet-5 (LeCun et al. 1998) on grey 32 x 32 crops; ``features`` is its 84-vector."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
            nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84),
            nn.Tanh(),
        )  # fmt: skip
        self.out = nn.Linear(84, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.out(self.features(x))
        return logits


@dataclass(frozen=True)
class Similarity:
    """One angle: mean similarity to the frontal group by bin, and the fitted widths.

    ``centre_deg``, ``similarity``, ``count`` (B,); ``sigma_deg`` of both sides together,
    ``sigma_left_deg`` of negative and ``sigma_right_deg`` of positive angles (nan: too few bins).
    """

    angle: str
    centre_deg: NDArray[np.float64]
    similarity: NDArray[np.float64]
    count: NDArray[np.int64]
    sigma_deg: float
    sigma_left_deg: float
    sigma_right_deg: float


def lenet_features(samples: Samples, train_steps: int = 0, seed: int = 0) -> NDArray[np.float64]:
    """Centred LeNet features (N, 84)."""
    torch.manual_seed(seed)
    net = LeNet()
    grey = np.stack(
        [
            cv2.cvtColor(crop(samples.load(i), samples.box_px[i], LENET_PX), cv2.COLOR_BGR2GRAY)
            for i in range(len(samples))
        ]
    ).astype(np.float32)
    # each picture to mean 0, deviation 1: light is not what is compared
    grey -= grey.mean((1, 2), keepdims=True)
    grey /= grey.std((1, 2), keepdims=True) + 1e-6
    x = torch.from_numpy(grey)[:, None]
    if train_steps:
        target = torch.from_numpy(rotation.angles_deg(samples.R) / 30.0).float()
        optimizer = torch.optim.Adam(net.parameters(), 1e-3)
        draw = torch.Generator().manual_seed(seed)
        for _ in range(train_steps):
            rows = torch.randint(len(x), (min(128, len(x)),), generator=draw)
            loss = nn.functional.smooth_l1_loss(net(x[rows]), target[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.no_grad():
        f = (
            torch.cat([net.features(x[k : k + 256]) for k in range(0, len(x), 256)])
            .double()
            .numpy()
        )
    return np.asarray(f - f.mean(0))


def similarity_by_angle(
    features: NDArray[Any], angles_deg: NDArray[Any], bin_deg: float = 6.0, others_deg: float = 12.0
) -> list[Similarity]:
    """The curves of pitch, yaw, roll from features (N, F) and angles (N, 3).

    A bin holds heads within ``bin_deg / 2`` of its centre whose other two angles are below
    ``others_deg``; bins of fewer than 3 heads are left out.
    """
    found = []
    for k, name in enumerate(ANGLES):
        near = np.abs(np.delete(angles_deg, k, 1)).max(1) < others_deg
        index = np.round(angles_deg[:, k] / bin_deg).astype(int)
        groups = {b: near & (index == b) for b in np.unique(index[near])}
        groups = {b: m for b, m in groups.items() if m.sum() >= 3}
        if 0 not in groups or len(groups) < 3:
            raise DataError(
                f"too few heads with only {name} turned to compare ({len(groups)} bins)"
            )
        mean = {b: features[m].mean(0) for b, m in groups.items()}
        centre = np.array(sorted(groups)) * bin_deg
        s = np.array([_cosine(mean[b], mean[0]) for b in sorted(groups)])
        found.append(
            Similarity(
                angle=name, centre_deg=centre, similarity=s,
                count=np.array([groups[b].sum() for b in sorted(groups)]),
                sigma_deg=_width(centre, s),
                sigma_left_deg=_width(centre[centre <= 0], s[centre <= 0]),
                sigma_right_deg=_width(centre[centre >= 0], s[centre >= 0]),
            )
        )  # fmt: skip
    return found


def _cosine(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-12))


def _width(x: NDArray[Any], s: NDArray[Any]) -> float:
    """Width of ``exp(-x^2 / 2 sigma^2)`` (1 at 0, as the similarity is) fitted by least squares."""
    from scipy.optimize import least_squares

    if len(x) < 3:
        return float("nan")
    fit = least_squares(lambda w: np.exp(-0.5 * (x / np.exp(w[0])) ** 2) - s, [np.log(20.0)])
    return float(np.exp(fit.x[0]))


def figure(curves: list[Similarity]) -> Any:
    """Measured similarities with the fitted Gaussians (plotly)."""
    import plotly.graph_objects as go

    fig = go.Figure()
    for c, colour in zip(curves, ("#0072B2", "#D55E00", "#009E73"), strict=True):
        fig.add_trace(
            go.Scatter(
                x=c.centre_deg, y=c.similarity, mode="markers", name=c.angle, marker_color=colour
            )
        )
        x = np.linspace(c.centre_deg.min(), c.centre_deg.max(), 181)
        for side, sigma in (("left", c.sigma_left_deg), ("right", c.sigma_right_deg)):
            m = x <= 0 if side == "left" else x >= 0
            if not np.isfinite(sigma):
                continue
            sign = "negative" if side == "left" else "positive"
            gauss = np.exp(-0.5 * (x[m] / sigma) ** 2)
            name = f"{c.angle}, {sign}: σ = {sigma:.0f}°"
            fig.add_trace(go.Scatter(x=x[m], y=gauss, mode="lines", line_color=colour, name=name))
    fig.update_layout(
        title="Similarity of LeNet features to the frontal head", template="plotly_white",
        xaxis_title="angle (degrees), the other two near 0", yaxis_title="cosine similarity",
    )  # fmt: skip
    return fig
