"""A network that OpenVINO reads, run by torch: faces on a GPU, from the same weights file.

ONNX Runtime's CUDA takes CenterFace's file only at the picture size written in it; torch takes any.
Known are the operations that detectors here have; another one is an error when the file is read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gaze.faces.detectors.registry import DetectorError

Operation = Callable[..., Tensor]


class GraphInTorch(nn.Module):
    """The graph of an .onnx file for pictures (B, 3, H, W) float32 of any B, H and W; its outputs
    in the file's order.

    Raises
    ------
    DetectorError
        The graph has an operation that is not known here.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._steps: list[tuple[str, Operation, list[str]]] = []
        graph = _folded(path)
        for node in graph.get_ordered_ops():
            name, kind = node.get_friendly_name(), node.get_type_name()
            inputs = [i.get_node().get_friendly_name() for i in node.input_values()]
            if kind == "Parameter":
                self._input = name
            elif kind == "Constant":
                self.register_buffer(_tensor(name), torch.from_numpy(np.array(node.data)))
            elif kind in OPERATIONS:
                self._steps.append((name, OPERATIONS[kind](node.get_attributes()), inputs))
            elif kind != "Result":
                raise DetectorError(
                    f"{path.name} cannot run on a GPU", found=kind, expected=", ".join(OPERATIONS)
                )
        ends = [end.input_value(0).get_node() for end in graph.get_results()]
        self._outputs = [node.get_friendly_name() for node in ends]

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Outputs of a batch, each (B, C, h, w)."""
        known = {self._input: pictures}
        for name, operation, inputs in self._steps:
            have = (known[i] if i in known else self.get_buffer(_tensor(i)) for i in inputs)
            known[name] = operation(*have)
        return tuple(known[name] for name in self._outputs)


def _tensor(name: str) -> str:
    """A buffer's name: torch allows no dots in it."""
    return "constant_" + name.replace(".", "_")


def _folded(path: Path) -> Any:
    """OpenVINO's graph, with everything in it that depends on the weights alone done once."""
    from headpose.runtimes.openvino_ import import_openvino

    ov = import_openvino()
    model = ov.Core().read_model(path)
    model.reshape([1, 3, 64, 64])  # the weights' own arithmetic is folded where sizes are known
    manager = ov.passes.Manager()
    manager.register_pass(ov.passes.ConstantFolding())
    manager.run_passes(model)
    return model


def _padded(convolve: Callable[..., Tensor], given: dict[str, Any]) -> Operation:
    """A convolution whose padding may differ on the two sides."""
    (top, left), (bottom, right) = given["pads_begin"], given["pads_end"]
    stride, dilation = given["strides"], given["dilations"]
    if (top, left) == (bottom, right):
        return lambda x, w: convolve(x, w, None, stride, (top, left), dilation)
    return lambda x, w: convolve(F.pad(x, (left, right, top, bottom)), w, None, stride, 0, dilation)


def _by_group(x: Tensor, w: Tensor, bias: None, stride: Any, pad: Any, dilation: Any) -> Tensor:
    """OpenVINO's group convolution: weights (groups, out, in, kh, kw)."""
    return F.conv2d(x, w.flatten(0, 1), bias, stride, pad, dilation, len(w))


def _transposed(given: dict[str, Any]) -> Operation:
    stride, more = given["strides"], given["output_padding"]
    return lambda x, w: F.conv_transpose2d(x, w, None, stride, given["pads_begin"], more)


OPERATIONS: dict[str, Callable[[dict[str, Any]], Operation]] = {
    "Add": lambda given: torch.add,
    "Relu": lambda given: torch.relu,
    "Sigmoid": lambda given: torch.sigmoid,
    "Convolution": lambda given: _padded(F.conv2d, given),
    "GroupConvolution": lambda given: _padded(_by_group, given),
    "ConvolutionBackpropData": _transposed,
    "BatchNormInference": lambda given: (
        lambda x, gamma, beta, mean, variance: F.batch_norm(
            x, mean, variance, gamma, beta, eps=given["epsilon"]
        )
    ),
}
"""OpenVINO's operations → given their attributes, a function of their inputs."""
