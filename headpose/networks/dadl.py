"""DADL (Zhao et al., J. King Saud Univ. CIS 36, 2024, 101869).

The network is HopeNet's (ResNet-50, 66 classes of 3 degrees for each angle); what is new is the
label: a Gaussian of its own width for each angle (:func:`headpose.labels.gaussian_labels` with
``DADL_SIGMA``), and the loss ``CE(hard) + alpha MSE + beta KL(soft || predicted)``
(:mod:`headpose.train.losses`, eq. 13).
"""

from __future__ import annotations

from torch import nn

from headpose.networks.hopenet import hopenet
from headpose.networks.registry import NetworkConfig, register


@register("dadl")
def dadl(config: NetworkConfig) -> nn.Module:
    """HopeNet's network with 66 classes, whatever the backbone."""
    return hopenet(config.model_copy(update={"classes": 66}))
