"""Which devices a training runs on, checked before anything is read."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable

import lightning
import torch
from lightning.pytorch.accelerators import CUDAAccelerator

from posewright.config.trainer import TrainerConfig
from posewright.errors import InputError

_PATIENCE_S = 10.0  #: so long the other processes may take for an end of their own


def local_rank() -> int:
    """Return which of a training's processes this is; Lightning starts all but the first, and says so to them."""
    return int(os.environ.get("LOCAL_RANK", 0))


def device_count(settings: TrainerConfig) -> int:
    """Return the number of devices that a recipe asks for here; ``auto`` is every GPU that the job was given.

    Raises:
        InputError: there are fewer, or one of them is of a kind that this torch cannot run on.
    """
    wanted = settings.trainer_devices or 1
    uses_cards = settings.trainer_accelerator in ("auto", "gpu") and CUDAAccelerator.is_available()
    if not uses_cards:
        return 1 if wanted == "auto" else wanted
    found = torch.cuda.device_count()
    count = found if wanted == "auto" else wanted
    if count > found:
        raise InputError(
            f"trainer_config.trainer_devices is {count}, but this job sees {found} GPU(s); ask the scheduler for more "
            "(config/site.yaml, train_model), or lower trainer_devices"
        )
    for index in range(count):
        require_supported(
            torch.cuda.get_device_name(index), torch.cuda.get_device_capability(index), torch.cuda.get_arch_list()
        )
    return count


def end_other_processes(trainer: lightning.Trainer) -> None:
    """End the processes that Lightning started for the other devices, when the first one fails or is stopped.

    Lightning leaves them waiting for it. After a stop that all agreed on they end by themselves.
    """
    for process in getattr(trainer.strategy.launcher, "procs", ()):
        try:
            process.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()


def require_supported(card: str, capability: tuple[int, int], compiled: Iterable[str]) -> None:
    """Refuse a GPU that torch holds no code for, which otherwise fails deep within the first step.

    Args:
        card: its name.
        capability: its compute capability (major, minor).
        compiled: what this torch was compiled for, such as ``sm_86`` (runs on this major version from this minor one)
            or ``compute_90`` (translated when it is loaded, for this card and every later one).
    """
    names = sorted(compiled)
    if any(_runs(name, capability) for name in names):
        return
    major, minor = capability
    raise InputError(
        f"the GPU {card} has compute capability {major}.{minor}, but this torch ({torch.__version__}) holds code for "
        f"{', '.join(names) or 'no GPU'} only; ask the scheduler for another kind of GPU (config/site.yaml, "
        "train_model), install a build of torch for this one, or set trainer_config.trainer_accelerator: cpu"
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
