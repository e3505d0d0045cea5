"""Networks, one file each; ``build(name)`` makes one.  A file registers its networks itself."""

from headpose.networks import backbones, dadl, heads, hopenet, plain, quick, sdam
from headpose.networks.registry import NETWORKS, NetworkConfig, build

__all__ = [
    "NETWORKS", "NetworkConfig", "backbones", "build", "dadl", "heads", "hopenet",
    "plain", "quick", "sdam",
]  # fmt: skip
