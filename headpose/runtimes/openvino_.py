"""OpenVINO: bf16 where the CPU has it, else fp32; the fastest on the CPUs measured."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headpose.runtimes.cache import converted
from headpose.runtimes.registry import OUTPUTS, Runtime, register


def import_openvino() -> Any:
    """openvino without its telemetry; the only way to import it here.

    openvino-telemetry would send an event for each import and conversion to an analytics server,
    under a persistent id that it keeps in the home folder. Without it openvino works alike.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # "not installed"
    import openvino.passes

    return openvino


def thread_options(threads: int | None) -> dict[str, str]:
    """What compiles a network for so many threads; None: OMP_NUM_THREADS, else OpenVINO's choice.

    OpenVINO does not read that variable itself, and takes every core beside other lessons.
    """
    asked = threads or os.environ.get("OMP_NUM_THREADS", "")
    return {"INFERENCE_NUM_THREADS": str(asked)} if str(asked).isdigit() else {}


@register
class OpenVinoRuntime(Runtime):
    """Converts once (seconds) and keeps the converted model in the cache folder."""

    name = "openvino"
    precision = "bf16"

    @classmethod
    def available(cls) -> bool:
        return importlib.util.find_spec("openvino") is not None

    def prepare(self) -> None:
        ov = import_openvino()

        def convert(folder: Path) -> None:
            import torch

            from headpose.runtimes.positional import Positional, traced

            net = Positional(self.source.net, self.px)
            with traced():
                model = ov.convert_model(net, example_input=torch.zeros(2, 3, self.px, self.px))
            model.reshape([-1, 3, self.px, self.px])
            for output, name in zip(model.outputs, net.names, strict=True):
                output.tensor.set_names({name})
            # crops come as uint8 NHWC; the layout change runs inside the graph
            p = ov.preprocess.PrePostProcessor(model)
            p.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
            p.input().model().set_layout(ov.Layout("NCHW"))
            ov.save_model(p.build(), folder / f"{stem}.xml", compress_to_fp16=False)

        stem = f"{self.key}-{self.px}-{len(OUTPUTS)}-ov{ov.__version__.split('-')[0]}"
        path = converted(self.cache, [f"{stem}.xml", f"{stem}.bin"], self.source.sha256, convert)
        core = ov.Core()
        options = {"PERFORMANCE_HINT": "LATENCY", **thread_options(self.threads)}
        if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            options["INFERENCE_PRECISION_HINT"] = "bf16"
        else:
            self.precision = "fp32"
        self.model = core.compile_model(core.read_model(path), "CPU", options)
        self.names = tuple(output.any_name for output in self.model.outputs)

    def run(self, crops: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        result = self.model([np.ascontiguousarray(crops)])
        return [np.asarray(result[i], np.float32) for i in range(len(self.names))]
