"""Real processes of ``scripts/train_model.py``, watched by what they write and killed at a step, not after a time."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from posewright.config.recipe import Recipe
from posewright.files import canonical_json

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 3600.0  #: a hang ends here; a busy machine does not
RUNNING: list[subprocess.Popen[str]] = []  #: all that were started; `conftest` ends those that a failed test left


class Training:
    """One process that trains on the data of `make_small_data`."""

    def __init__(
        self,
        data: Path,
        recipe: Recipe,
        work: Path,
        out: Path,
        script: Path = ROOT / "scripts" / "train_model.py",
        **environment: str,
    ) -> None:
        self.work = work
        self.out = out
        words = ["--recipe", canonical_json(recipe.to_json()), "--split", str(data / "split")]
        words += ["--store", str(data / "store" / "store.json"), "--work", str(work), "--out", str(out)]
        self.process = subprocess.Popen(
            [sys.executable, str(script), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", **environment},
        )
        RUNNING.append(self.process)

    def end(self) -> str:
        """Wait for the end; return what was said."""
        said, _ = self.process.communicate(timeout=PATIENCE_S)
        return said

    def finish(self) -> str:
        """Wait for the end, which must be a good one."""
        said = self.end()
        assert self.process.returncode == 0, said
        return said

    def wait_for_step(self, step: int) -> None:
        """Return when a checkpoint of this step or a later one lies in the work folder."""
        self.wait_for(lambda: checkpointed_step(self.work) >= step)

    def wait_for(self, happened: Callable[[], bool]) -> None:
        """Return when something is true; the process must be alive until then."""
        until = time.monotonic() + PATIENCE_S
        while not happened():
            assert self.process.poll() is None, self.end()
            assert time.monotonic() < until, "nothing happens"
            time.sleep(0.01)

    def signal(self, number: signal.Signals, whole_group: bool = False) -> None:
        """Send a signal, as a scheduler does also to the processes that read images."""
        if whole_group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)


def end_all() -> None:
    """End every training that is left, with the processes of its other devices."""
    while RUNNING:
        process = RUNNING.pop()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def checkpointed_step(work: Path) -> int:
    """Return the step of the checkpoint in a work folder, 0 without one."""
    found = list(work.glob("*/last.ckpt"))
    return int(torch.load(found[0], weights_only=True)["global_step"]) if found else 0


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the arrays of a model folder."""
    state: dict[str, torch.Tensor] = torch.load(folder / "best.ckpt", weights_only=True)["state_dict"]
    return state


def log_without_seconds(folder: Path) -> list[list[str]]:
    """Return the rows of a training's log but for the clock."""
    with (folder / "training_log.csv").open() as stream:
        return [row[:-1] for row in csv.reader(stream)]


def assert_same_training(one: Path, other: Path) -> None:
    """Two model folders hold the same weights to the bit, and the same log."""
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    assert log_without_seconds(one) == log_without_seconds(other)
