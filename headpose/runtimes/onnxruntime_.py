"""ONNX Runtime, fp32: everywhere, also without OpenVINO's instruction sets."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headpose.runtimes.cache import converted
from headpose.runtimes.registry import OUTPUTS, Runtime, register


@register
class OnnxRuntime(Runtime):
    """Exports once with torch's exporter (needs the ``onnx`` package) into the cache folder."""

    name = "onnxruntime"

    @classmethod
    def available(cls) -> bool:
        return all(importlib.util.find_spec(m) is not None for m in ("onnxruntime", "onnx"))

    def prepare(self) -> None:
        import onnxruntime as ort

        def export(folder: Path) -> None:
            import torch

            from headpose.runtimes.positional import Positional, traced

            net = Positional(self.source.net, self.px)
            with traced():
                torch.onnx.export(
                    net.float(),
                    (torch.zeros(2, 3, self.px, self.px),),
                    str(folder / name),
                    input_names=["crops"],
                    output_names=list(net.names),
                    dynamic_axes={n: {0: "n"} for n in ("crops", *net.names)},
                    opset_version=17,
                    dynamo=False,
                )

        name = f"{self.key}-{self.px}-{len(OUTPUTS)}.onnx"
        path = converted(self.cache, [name], self.source.sha256, export)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        if self.threads:
            options.intra_op_num_threads = self.threads
        self.session = ort.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        self.names = tuple(o.name for o in self.session.get_outputs())

    def run(self, crops: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        x = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), dtype=np.float32)
        found: list[NDArray[np.float32]] = self.session.run(list(self.names), {"crops": x})
        return found
