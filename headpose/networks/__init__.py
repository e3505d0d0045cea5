"""Networks, one file each; ``build(name)`` makes one.  A file registers its networks itself."""

from headpose.networks import backbones, dadl, heads, hopenet, plain, quick, sdam
from headpose.networks.heads import head_pose_net
from headpose.networks.registry import NETWORKS, NetworkConfig, build

__all__ = [
    "NETWORKS", "NetworkConfig", "backbones", "build", "dadl", "head_pose_net", "heads",
    "hopenet",
    "plain", "quick", "sdam",
]  # fmt: skip
