"""CenterFace: small, finds faces from 14 px up (weights MIT, gaze/weights/centerface.md)."""

from __future__ import annotations

from dataclasses import replace
from importlib import util as import_util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gaze.faces.boxes import Detections, Picture, suppress
from gaze.faces.detectors.registry import DetectorError, register_detector
from headpose.cuda import has_cuda

LARGE = 3 * 600 * 600  # a network for larger pictures takes 80 to 170 MB: one size at a time
RUNTIMES = ("openvino", "opencv", "torch")
WEIGHTS = Path(__file__).parents[2] / "weights" / "centerface.onnx"


@register_detector("centerface")
class CenterFace:
    """CenterFace (Xu et al., arXiv:1911.03599), gaze/weights/centerface.md.

    Runs on a GPU by torch where there is one, else on OpenVINO where it is installed (bf16 where
    the processor has it: OpenVINO decides), else on OpenCV's dnn. OpenVINO compiles a network once
    for each picture size.
    """

    name = "centerface"

    def __init__(self, runtime: str = "auto", weights: Path = WEIGHTS) -> None:
        if runtime == "auto":
            runtime = "opencv"
            if import_util.find_spec("openvino"):  # it reads the file for torch, too
                runtime = "torch" if has_cuda() else "openvino"
        if runtime not in RUNTIMES:
            raise DetectorError(
                "this runtime is not known", found=runtime, expected=f"auto, {', '.join(RUNTIMES)}"
            )
        self.runtime = runtime
        self._weights = weights
        self._compiled: dict[tuple[int, ...], Any] = {}

    def detect(self, pictures: Picture, threshold: float = 0.3) -> Detections:
        """Faces in BGR pictures (B, H, W, 3); any H, W (padded to multiples of 32)."""
        H, W = pictures.shape[1:3]
        pad_y, pad_x = -H % 32, -W % 32
        if pad_y or pad_x:
            pictures = np.pad(pictures, ((0, 0), (0, pad_y), (0, pad_x), (0, 0)))
        heat, size, offset, points = self._forward(np.ascontiguousarray(pictures))
        found = decode_centerface(heat, size, offset, points, threshold)
        box = found.box_px - 0.5  # the network's corner of the picture is (0, 0), ours (−0.5, −0.5)
        box = np.clip(box, -0.5, [W - 0.5, H - 0.5, W - 0.5, H - 0.5])
        return replace(found, box_px=box, points_px=found.points_px - 0.5)

    def _forward(self, pictures: Picture) -> tuple[NDArray[np.float32], ...]:
        """Heat map, log size, offset, points of a (B, H, W, 3) BGR batch, each (B, C, h, w)."""
        if self.runtime == "torch":
            return self._on_torch(pictures)
        if self.runtime == "opencv":
            if () not in self._compiled:
                self._compiled[()] = cv2.dnn.readNetFromONNX(str(self._weights))
            net = self._compiled[()]
            outputs = []
            for one in pictures:  # the graph's reshapes hold for one picture at a time
                net.setInput(cv2.dnn.blobFromImage(one, swapRB=True))
                outputs.append(net.forward(["537", "538", "539", "540"]))
            return tuple(np.concatenate(o) for o in zip(*outputs, strict=True))
        if pictures.shape not in self._compiled:
            if pictures.size > LARGE:
                for shape in [s for s in self._compiled if np.prod(s) > LARGE]:
                    del self._compiled[shape]
            self._compiled[pictures.shape] = self._for_openvino(pictures.shape)
        result = self._compiled[pictures.shape](pictures)
        return tuple(np.asarray(result[k]) for k in range(4))

    def _for_openvino(self, shape: tuple[int, ...]) -> Any:
        """The network compiled for BGR pictures of this shape; a float copy is made inside it."""
        from headpose.runtimes.openvino_ import import_openvino, thread_options

        ov = import_openvino()
        core = ov.Core()
        model = core.read_model(self._weights)
        model.reshape([shape[0], 3, *shape[1:3]])
        asked = ov.preprocess.PrePostProcessor(model)
        asked.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
        asked.input().preprocess().reverse_channels()
        asked.input().model().set_layout(ov.Layout("NCHW"))
        return core.compile_model(asked.build(), "CPU", thread_options(None))

    def _on_torch(self, pictures: Picture) -> tuple[NDArray[np.float32], ...]:
        import torch

        if () not in self._compiled:
            from gaze.faces.graph_in_torch import GraphInTorch

            device = "cuda" if has_cuda() else "cpu"
            self._compiled[()] = GraphInTorch(self._weights).eval().to(device), device
        network, device = self._compiled[()]
        with torch.inference_mode():
            rgb = torch.from_numpy(pictures).to(device).flip(-1).permute(0, 3, 1, 2)
            return tuple(o.cpu().numpy() for o in network(rgb.contiguous().float()))


def decode_centerface(
    heat: NDArray[np.float32],
    size: NDArray[np.float32],
    offset: NDArray[np.float32],
    points: NDArray[np.float32],
    threshold: float,
    overlap: float = 0.3,
) -> Detections:
    """CenterFace's four maps (B, C, h, w) → boxes, in pixels from the picture's corner.

    One vectorised pass; then non-maximum suppression over all pictures at once.
    """
    b, i, j = np.nonzero(heat[:, 0] >= threshold)
    score = heat[b, 0, i, j].astype(np.float64)
    side = np.exp(size[b, :, i, j].astype(np.float64)) * 4  # height, width
    centre = (np.stack([i, j], 1) + offset[b, :, i, j] + 0.5) * 4  # y, x
    y0, x0 = (centre - side / 2).T
    box = np.stack([x0, y0, x0 + side[:, 1], y0 + side[:, 0]], 1)
    share = points[b, :, i, j].astype(np.float64).reshape(-1, 5, 2)[..., ::-1]  # x, y
    xy = share * side[:, None, ::-1] + np.stack([x0, y0], 1)[:, None]
    keep = suppress(box, score, b, overlap)
    return Detections(b[keep].astype(np.intp), box[keep], score[keep], xy[keep])
