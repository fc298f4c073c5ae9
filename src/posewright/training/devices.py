"""Which devices a training runs on, checked before anything is read."""

from __future__ import annotations

import os
import subprocess

import lightning
import torch
from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator

from posewright.config.trainer import TrainerConfig
from posewright.errors import InputError, UnusableNode
from posewright.networks.cards import require_card

_GIVEN = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_GPUS_ON_NODE")  #: where Slurm says which or how many GPUs
_PATIENCE_S = 10.0  #: so long the other processes may take for an end of their own


def local_rank() -> int:
    """Return which of a training's processes this is; Lightning starts all but the first, and says so to them."""
    return int(os.environ.get("LOCAL_RANK", 0))


def device_count(settings: TrainerConfig) -> int:
    """Return the number of devices that a recipe asks for here; ``auto`` is every GPU that the job was given.

    Where any kind will do and a job does not see the GPU that it was given, it says so, and trains on the processor.

    Raises:
        InputError: there are fewer, none of the kind that is asked for, or one that this torch cannot run on;
            `UnusableNode` where another node may do.
    """
    wanted, kind = settings.trainer_devices or 1, settings.trainer_accelerator
    if kind in ("gpu", "mps"):
        _require_kind(kind)
    if kind not in ("auto", "gpu") or not CUDAAccelerator.is_available():
        if kind == "auto" and _was_given_card() and local_rank() == 0:
            print(
                f"This job was given a GPU, but torch ({torch.__version__}) sees none: the training runs on the "
                "processor, which takes much longer. If that is not meant, set trainer_config.trainer_accelerator: gpu "
                "to have such nodes left out, and install a build of torch for this GPU and its driver.",
                flush=True,
            )
        return 1 if wanted == "auto" else wanted
    found = torch.cuda.device_count()
    count = found if wanted == "auto" else wanted
    if count > found:
        raise InputError(
            f"trainer_config.trainer_devices is {count}, but this job sees {found} GPU(s); ask the scheduler for more "
            "(config/site.yaml, train_model), or lower trainer_devices"
        )
    for index in range(count):
        require_card(index)
    return count


def _require_kind(kind: str) -> None:
    """Refuse a kind of device that is not here: ``mps``, or ``gpu``, which may be either."""
    if MPSAccelerator.is_available() or (kind == "gpu" and CUDAAccelerator.is_available()):
        return
    found = f"trainer_config.trainer_accelerator is {kind}, but"
    if kind == "mps":
        raise InputError(f"{found} torch ({torch.__version__}) sees no GPU of Apple here; set auto or cpu")
    if _was_given_card():
        raise UnusableNode(
            f"{found} torch ({torch.__version__}) does not see the GPU that this job was given; ask the scheduler for "
            "another one (config/site.yaml: gpu_model), install a build of torch for it and its driver, or set auto or "
            "cpu"
        )
    raise InputError(
        f"{found} torch ({torch.__version__}) sees none here; ask the scheduler for one (config/site.yaml: gpu), "
        "install a build of torch for the one that is here, or set auto or cpu"
    )


def _was_given_card() -> bool:
    """Return whether this is a job of Slurm with a GPU; one that is hidden from it (CUDA_VISIBLE_DEVICES) is none."""
    if "SLURM_JOB_ID" not in os.environ:
        return False
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return visible not in ("", "-1", "NoDevFiles")
    return any(os.environ.get(name, "") not in ("", "0") for name in _GIVEN)


def end_other_processes(trainer: lightning.Trainer) -> None:
    """End the processes that Lightning started for the other devices, when the first one fails or is stopped.

    Lightning leaves them waiting for it. After a stop that all agreed on they end by themselves.
    """
    for process in getattr(trainer.strategy.launcher, "procs", ()):
        try:
            process.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
