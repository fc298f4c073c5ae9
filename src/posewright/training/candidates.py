"""Weights of several epochs, for a choice by what the whole method finds with them (``comparison.md`` rule 5).

The loss ranks the epochs of one network and knows nothing of the other network of a method, nor of peaks and grouping.
Where the config asks for a choice by the measure that decides, a training keeps, besides its weights of lowest loss,
those of the last few epochs that lowered it, and of its last epoch. So their number, and the disk they take, is bounded
however long the training.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posewright.files import atomic_path

NAME = "candidates.ckpt"
IMPROVED = 5  #: epochs that lowered the loss, at most; the last epoch comes to them
_EPOCH = re.compile(r"candidate-(\d+)\.ckpt")


@dataclass(frozen=True)
class Candidate:
    """Weights that may be chosen.

    Attributes:
        epoch: after which they were kept, from 0.
        step: optimiser steps until then.
        val_loss: on the validation frames.
        weights: of the network, by name.
    """

    epoch: int
    step: int
    val_loss: float
    weights: Mapping[str, Tensor]


@dataclass
class KeptEpochs:
    """The checkpoints of a training from which candidates are made, one file an epoch in its work folder.

    What is kept is a function of the epochs so far, so a training that was interrupted keeps the same.

    Attributes:
        folder: the work folder.
        improved: epochs that lowered the loss, the last few, ascending.
    """

    folder: Path
    improved: list[int] = field(default_factory=list)

    def path(self, epoch: int) -> Path:
        """Return the file of an epoch."""
        return self.folder / f"candidate-{epoch}.ckpt"

    def keep(self, epoch: int, *, is_best: bool) -> None:
        """Take an epoch whose file is written into account, and drop the files that are no candidates any more."""
        if is_best:
            self.improved = [*(one for one in self.improved if one < epoch), epoch][-IMPROVED:]
        for one in {*self.epochs()} - {*self.improved, epoch}:
            self.path(one).unlink()

    def clear(self) -> None:
        """Drop all files."""
        for epoch in self.epochs():
            self.path(epoch).unlink()

    def epochs(self) -> list[int]:
        """Return the epochs whose files are there, ascending."""
        found = (_EPOCH.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(one[1]) for one in found if one)


def write_candidates(candidates: Iterable[Candidate], path: Path) -> None:
    """Write the candidates of a training as one file."""
    entries = [
        {"epoch": one.epoch, "step": one.step, "val_loss": one.val_loss, "state_dict": dict(one.weights)}
        for one in candidates
    ]
    with atomic_path(path) as temporary:
        torch.save({"candidates": entries}, temporary)


def read_candidates(path: Path) -> Sequence[Candidate]:
    """Return the candidates of a training, that of lowest loss first; a loss that is not a number comes last."""
    entries: list[dict[str, Any]] = torch.load(path, map_location="cpu", weights_only=True)["candidates"]
    found = [Candidate(one["epoch"], one["step"], one["val_loss"], one["state_dict"]) for one in entries]
    return sorted(found, key=lambda one: (one.val_loss != one.val_loss, one.val_loss, one.epoch))
