"""OpenVINO, INT8: networks that ``headpose quantise`` prepared and found as good on held-out heads.

Twice as fast as fp32 on a CPU with AVX2.  Asked for as "fast", it is taken only where it is the
fastest measured here *and* its answers here are those it gave when it was made (:meth:`agrees`).
"""

from __future__ import annotations

import numpy as np

from headpose import rotation
from headpose.decode import decode_rotation
from headpose.errors import ConfigError
from headpose.runtimes.openvino_ import OpenVinoRuntime, import_openvino, thread_options
from headpose.runtimes.registry import OUTPUTS, register

SLACK, SLACK_DEG = 1.5, 0.1
"""How much further from fp32 than when it was made its answers may lie on this machine."""


@register
class OpenVinoInt8Runtime(OpenVinoRuntime):
    """Reads ``NAME.int8.xml`` beside the weights; nothing is converted here."""

    name = "openvino-int8"

    def prepare(self) -> None:
        if self.source.int8 is None:
            raise ConfigError(
                "these weights have no INT8 version that passed its check; "
                "headpose quantise makes one, or choose another runtime"
            )
        self.precision = "int8"
        options = {"PERFORMANCE_HINT": "LATENCY", **thread_options(self.threads)}
        core = import_openvino().Core()
        self.model = core.compile_model(core.read_model(self.source.int8), "CPU", options)
        self.names = OUTPUTS[: len(self.model.outputs)]

    def agrees(self) -> bool:
        """Whether the probe's crops give here what they gave when the network was quantised."""
        assert self.source.int8 is not None
        with np.load(self.source.int8.with_suffix(".npz"), allow_pickle=False) as probe:
            crops, R, expected_deg = probe["crops"], probe["R"], float(probe["distance_deg"])
        distance = rotation.geodesic_deg(decode_rotation(dict(self(crops))), R).mean()
        return bool(distance <= SLACK * expected_deg + SLACK_DEG)
