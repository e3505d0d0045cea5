"""A detector's graph in torch, as a GPU runs it: the same answers, at any size of picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gaze.faces.graph_in_torch as module
from gaze.faces.detectors import DetectorError
from gaze.faces.detectors.centerface import WEIGHTS, CenterFace
from gaze.faces.graph_in_torch import OPERATIONS, GraphInTorch

rng = np.random.default_rng(5)


def test_torch_answers_as_opencv_does_at_any_size() -> None:
    here, there = CenterFace("torch"), CenterFace("opencv")
    for shape in ((2, 96, 64, 3), (1, 32, 160, 3)):
        pictures = rng.integers(0, 256, shape, dtype=np.uint8)
        for mine, other in zip(here._forward(pictures), there._forward(pictures), strict=True):
            np.testing.assert_allclose(mine, other, atol=2e-4)


def test_an_operation_that_is_not_known_is_an_error_when_the_file_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        module, "OPERATIONS", {k: v for k, v in OPERATIONS.items() if k != "Sigmoid"}
    )
    with pytest.raises(DetectorError, match="Sigmoid"):
        GraphInTorch(WEIGHTS)


def test_a_padding_that_differs_on_two_sides() -> None:
    given = {"pads_begin": [1, 0], "pads_end": [0, 2], "strides": [1, 1], "dilations": [1, 1]}
    x, w = torch.arange(12.0).reshape(1, 1, 3, 4), torch.ones(1, 1, 2, 3)
    out = OPERATIONS["Convolution"](given)(x, w)
    assert out.shape == (1, 1, 3, 4)
    assert float(out[0, 0, 0, 0]) == 0 + 1 + 2  # a row of zeros above, none on the left
    assert float(out[0, 0, 2, 3]) == 7 + 11  # two columns of zeros on the right


def test_a_gpu_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaze.faces.detectors.centerface.has_cuda", lambda: True)
    assert CenterFace().runtime == "torch"
    monkeypatch.setattr("gaze.faces.detectors.centerface.has_cuda", lambda: False)
    assert CenterFace().runtime == "openvino"
