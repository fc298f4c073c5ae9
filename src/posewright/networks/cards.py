"""Which GPUs this torch can run on, asked before anything is read: elsewhere it fails deep within the first step."""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch

from posewright.errors import UnusableNode


def require_card(index: int) -> None:
    """Refuse a GPU of this machine that torch holds no code for.

    Raises:
        UnusableNode: it is of such a kind.
    """
    require_supported(
        torch.cuda.get_device_name(index), torch.cuda.get_device_capability(index), torch.cuda.get_arch_list()
    )


def require_supported(card: str, capability: tuple[int, int], compiled: Iterable[str]) -> None:
    """Refuse a GPU that torch holds no code for.

    Args:
        card: its name.
        capability: its compute capability (major, minor).
        compiled: what this torch was compiled for, such as ``sm_86`` (runs on this major version from this minor one)
            or ``compute_90`` (translated when it is loaded, for this card and every later one).

    Raises:
        UnusableNode: it holds none.
    """
    names = sorted(compiled)
    if any(_runs(name, capability) for name in names):
        return
    major, minor = capability
    raise UnusableNode(
        f"the GPU {card} has compute capability {major}.{minor}, but this torch ({torch.__version__}) holds code for "
        f"{', '.join(names) or 'no GPU'} only; ask the scheduler for another GPU or for none (config/site.yaml: "
        "gpu_model, gpu), install a build of torch for this one, or set trainer_config.trainer_accelerator: cpu"
    )


def _runs(name: str, capability: tuple[int, int]) -> bool:
    """Return whether code of a kind, ``sm_90a`` say, runs on a card."""
    parts = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", name)
    if parts is None:
        return False
    kind, major, minor, special = parts[1], int(parts[2]), int(parts[3]), parts[4]
    if special:
        return capability == (major, minor)
    if kind == "compute":
        return capability >= (major, minor)
    return capability[0] == major and capability[1] >= minor
