"""Import torchvision even where its compiled operators cannot load.

PyPI's torchvision is built for CUDA; beside a CPU-only torch its import stops at "operator
torchvision::nms does not exist".  Declaring the two missing operators lets the *models* load, all
that is used here.  Where the operators do load, nothing is changed.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import pathlib
from types import ModuleType

import torch

_KEEP: list[torch.library.Library] = []  # a Library lives only as long as somebody holds it


def load_torchvision() -> ModuleType:
    """The torchvision module; ImportError where it is not installed."""
    spec = importlib.util.find_spec("torchvision")  # finds it without running it
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("torchvision is not installed: pip install torchvision")
    if not _KEEP and not _compiled_operators_load(pathlib.Path(spec.submodule_search_locations[0])):
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for name in ("nms", "qnms"):
            with contextlib.suppress(RuntimeError):  # somebody else declared it
                schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                library.define(schema)  # type: ignore[no-untyped-call]
        _KEEP.append(library)
    return importlib.import_module("torchvision")


def _compiled_operators_load(folder: pathlib.Path) -> bool:
    for extension in [*importlib.machinery.EXTENSION_SUFFIXES, ".so", ".pyd"]:
        path = folder / f"_C{extension}"
        if path.exists():
            try:
                torch.ops.load_library(str(path))  # type: ignore[no-untyped-call]
            except (ImportError, OSError):
                return False
            return True
    return False
