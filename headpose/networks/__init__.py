"""Networks, one file each; ``build(name)`` makes one.  A file registers its networks itself."""

from headpose.networks import backbones, dadl, heads, hopenet, quick, sdam
from headpose.networks.registry import NETWORKS, NetworkConfig, build

__all__ = [
    "NETWORKS", "NetworkConfig", "backbones", "build", "dadl", "heads", "hopenet", "quick", "sdam",
]  # fmt: skip
