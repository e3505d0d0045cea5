"""Runtimes: torch, torch.compile, OpenVINO, ONNX Runtime; each one file, found by its name."""

from headpose.runtimes import onnxruntime_, openvino_, openvino_int8, torch_, torch_compile
from headpose.runtimes.registry import RUNTIMES, Runtime, get

__all__ = [
    "RUNTIMES", "Runtime", "get", "onnxruntime_", "openvino_", "openvino_int8", "torch_",
    "torch_compile",
]  # fmt: skip
