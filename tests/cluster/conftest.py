"""A real Slurm on this machine for the tests that need one."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

LAB = Path(__file__).with_name("slurm-lab")


@pytest.fixture(scope="session")
def slurm() -> Iterator[None]:
    """A cluster on this machine; where there can be none, the test says so and is skipped."""
    started = subprocess.run([str(LAB), "start"], capture_output=True, text=True, check=False)
    if started.returncode != 0:
        message = f"NO SLURM HERE, SO NOTHING OF IT WAS TESTED: {(started.stderr or started.stdout).strip()}"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    yield
    subprocess.run([str(LAB), "stop"], check=True)
