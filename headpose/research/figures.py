"""Pictures: axes and cubes on faces, errors by angle, heat maps of what a network looks at.

``draw_*`` draw into a copy of a picture (OpenCV); ``figure_*`` return plotly figures; nothing is
shown or written here except by :func:`write_all`, which the command calls.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from headpose import rotation
from headpose.data import crop
from headpose.data.samples import Samples
from headpose.errors import ConfigError
from headpose.estimator import HeadPoseEstimator

RED, GREEN, BLUE, WHITE = (60, 60, 230), (70, 190, 70), (230, 120, 40), (255, 255, 255)
AXIS_COLOURS = (RED, GREEN, BLUE)
"""BGR of the head's x (the person's left), y (up) and z (out of the face)."""


def draw_axes(
    image: NDArray[np.uint8],
    R: ArrayLike,
    centre_px: ArrayLike,
    length_px: float,
    thickness: int = 2,
) -> NDArray[np.uint8]:
    """The head's three axes at ``centre_px``: red its left, green up, blue out of the face.

    ``R`` maps S to x right, y *up*, z to the viewer; picture rows run down, hence the minus.
    """
    out = image.copy()
    R = np.asarray(R, np.float64)
    x, y = (float(v) for v in np.asarray(centre_px, float))
    # far axes first, so that near ones cover them
    for k in np.argsort(R[2]):
        tip = (round(x + length_px * R[0, k]), round(y - length_px * R[1, k]))
        cv2.line(out, (round(x), round(y)), tip, AXIS_COLOURS[k], thickness, cv2.LINE_AA)
    return out


def draw_cube(
    image: NDArray[np.uint8], R: ArrayLike, centre_px: ArrayLike, side_px: float, thickness: int = 1
) -> NDArray[np.uint8]:
    """A wire cube around the head, its front (the face's side) in blue."""
    out = image.copy()
    corners = np.array(
        [[x, y, z] for z in (-1, 1) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    )
    p = (np.asarray(R, np.float64) @ (corners * side_px / 2).T).T
    xy = np.round(np.asarray(centre_px, float) + p[:, :2] * [1, -1]).astype(int)
    for i in range(4):
        for a, b, colour in (
            (i, (i + 1) % 4, WHITE),
            (i, i + 4, WHITE),
            (i + 4, (i + 1) % 4 + 4, BLUE),
        ):
            cv2.line(
                out, tuple(xy[a].tolist()), tuple(xy[b].tolist()), colour, thickness, cv2.LINE_AA
            )
    return out


def draw_landmarks(image: NDArray[np.uint8], points_px: ArrayLike) -> NDArray[np.uint8]:
    """68 landmarks, the nose tip larger."""
    out = image.copy()
    for i, (x, y) in enumerate(np.asarray(points_px, float)):
        cv2.circle(
            out,
            (round(x), round(y)),
            3 if i == 30 else 1,
            RED if i == 30 else GREEN,
            -1,
            cv2.LINE_AA,
        )
    return out


def tile(pictures: list[NDArray[np.uint8]], columns: int = 8) -> NDArray[np.uint8]:
    """Equal pictures side by side, the last row filled up with black."""
    blank = np.zeros_like(pictures[0])
    rows = [pictures[k : k + columns] for k in range(0, len(pictures), columns)]
    rows[-1] = rows[-1] + [blank] * (columns - len(rows[-1]) if len(rows) > 1 else 0)
    return np.vstack([np.hstack(r) for r in rows])


def contact_sheet(
    estimator: HeadPoseEstimator, samples: Samples, rows: ArrayLike, px: int = 160
) -> NDArray[np.uint8]:
    """Crops with the label's axes (thin, left) and the estimate's (thick, with landmarks)."""
    pictures = []
    for i in np.asarray(rows, int):
        image = crop.crop(samples.load(i), samples.box_px[i], px)
        out = estimator.predict(
            image[None], face_px=np.diff(samples.box_px[i].reshape(2, 2), axis=0).max()
        )
        left = draw_axes(image, samples.R[i], (px / 2, px / 2), px * 0.35, 1)
        right = draw_axes(image, out.R[0], (px / 2, px / 2), px * 0.35, 2)
        if out.landmarks is not None:
            right = draw_landmarks(right, out.landmarks[0] * px)
        error = rotation.geodesic_deg(out.R[0], samples.R[i])
        cv2.putText(
            right, f"{error:.1f}", (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, WHITE, 1, cv2.LINE_AA
        )
        pictures.append(np.hstack([left, right]))
    return tile(pictures, 4)


def figure_errors_by_yaw(results: list[dict[str, Any]]) -> Any:
    """Geodesic error by |yaw| bin, a line for each weights and size (results of ``evaluate``)."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for r in results:
        for tag, m in r["sizes"].items():
            bins = m["by_yaw"]
            figure.add_trace(
                go.Scatter(
                    x=[f"{b['yaw_deg'][0]}–{b['yaw_deg'][1]}° (n={b['n']})" for b in bins],
                    y=[b["geodesic_deg"] for b in bins],
                    name=f"{r['weights']}, face {tag} px"
                    if tag != "full"
                    else f"{r['weights']}, full size",
                    mode="lines+markers",
                )
            )
    figure.update_layout(
        title=f"Geodesic error by yaw, {results[0]['set']}, n = {results[0]['n']}",
        xaxis_title="|yaw| of the label", yaxis_title="mean geodesic error (degrees)",
        template="plotly_white", yaxis_rangemode="tozero",
    )  # fmt: skip
    return figure


class _Angles(torch.nn.Module):
    """Pitch, yaw, roll (N, 3) in radians of a network with a 6-D head, differentiable."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        from headpose.networks.heads import rotation_of_sixd

        R = rotation_of_sixd(self.net(crops)["sixd"])
        yaw = torch.asin((-R[:, 0, 2]).clamp(-1 + 1e-6, 1 - 1e-6))
        return torch.stack(
            [torch.atan2(R[:, 1, 2], R[:, 2, 2]), yaw, torch.atan2(R[:, 0, 1], R[:, 0, 0])], 1
        )


def grad_cam(
    estimator: HeadPoseEstimator, crops: NDArray[np.uint8], angle: int = 1
) -> NDArray[np.float32]:
    """Grad-CAM (captum) of one angle (0 pitch, 1 yaw, 2 roll): (N, px, px) in 0..1.

    The sign of an angle is arbitrary, so the size of the attribution is kept, not its sign.
    """
    try:
        from captum.attr import LayerAttribution, LayerGradCam
    except ImportError as e:
        raise ConfigError("Grad-CAM needs captum: pip install classroom-gaze[train]") from e
    net = _Angles(estimator.weights.net).eval()
    px = estimator.input_px
    small = np.stack([cv2.resize(c, (px, px), interpolation=cv2.INTER_AREA) for c in crops])
    x = torch.from_numpy(small).permute(0, 3, 1, 2).float()
    layer = estimator.weights.net.backbone.stages[2]
    a = LayerGradCam(net, layer).attribute(x, target=angle).abs()
    a = (
        LayerAttribution.interpolate(a, (px, px), interpolate_mode="bilinear")[:, 0]
        .detach()
        .numpy()
    )
    return np.asarray(a / np.maximum(a.max((1, 2), keepdims=True), 1e-12))


def overlay(crops: NDArray[np.uint8], heat: NDArray[Any]) -> list[NDArray[np.uint8]]:
    """Heat maps laid over their crops."""
    pictures = []
    for c, h in zip(crops, heat, strict=True):
        colour = cv2.applyColorMap((255 * h).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
        pictures.append(cv2.addWeighted(cv2.resize(c, h.shape[::-1]), 0.55, colour, 0.45, 0))
    return pictures


def write_all(
    estimator: HeadPoseEstimator, samples: Samples, folder: str | Path, seed: int = 0
) -> list[Path]:
    """Contact sheets, the cube sheet, errors by yaw and Grad-CAM of one set; the files written."""
    from headpose.evaluate import crops_of, evaluate

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    some = np.sort(rng.permutation(len(samples))[:24])
    written = [folder / "axes.png", folder / "cubes.png", folder / "worst.png"]
    cv2.imwrite(str(written[0]), contact_sheet(estimator, samples, some))
    px = 160
    crops, sides = crops_of(samples.take(some), px, None)
    out = estimator.predict(crops, face_px=sides)
    cubes = [draw_cube(c, R, (px / 2, px / 2), px * 0.6) for c, R in zip(crops, out.R, strict=True)]
    cv2.imwrite(str(written[1]), tile(cubes))
    crops_all, sides_all = crops_of(samples, estimator.input_px, None)
    error = rotation.geodesic_deg(estimator.predict(crops_all, face_px=sides_all).R, samples.R)
    cv2.imwrite(str(written[2]), contact_sheet(estimator, samples, np.argsort(-error)[:16]))
    path = folder / "errors_by_yaw.html"
    figure_errors_by_yaw([evaluate(estimator, samples)]).write_html(path)
    written.append(path)
    try:
        heat = [h for k in range(3) for h in overlay(crops[:8], grad_cam(estimator, crops[:8], k))]
        written.append(folder / "grad_cam.png")
        cv2.imwrite(str(written[-1]), tile(heat))
    except ConfigError:  # captum is an extra
        pass
    return written
