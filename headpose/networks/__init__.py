"""Networks, one file each, known by being there; ``build(config)`` makes one."""

from importlib import import_module
from pkgutil import iter_modules

from headpose.networks.heads import head_pose_net
from headpose.networks.registry import NETWORKS, NetworkConfig, build

__all__ = ["NETWORKS", "NetworkConfig", "build", "head_pose_net"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
