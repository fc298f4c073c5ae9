"""A small campaign on a real Slurm (campaign.py); `make cluster` runs the big one."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import campaign

pytestmark = pytest.mark.slurm
LAB = Path(__file__).with_name("slurm-lab")


@pytest.fixture
def slurm() -> Iterator[None]:
    """A cluster on this machine; where there can be none, the test says so and is skipped."""
    started = subprocess.run([str(LAB), "start"], capture_output=True, text=True, check=False)
    if started.returncode != 0:
        message = f"NO SLURM HERE, SO NOTHING OF IT WAS TESTED: {(started.stderr or started.stdout).strip()}"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    yield
    subprocess.run([str(LAB), "stop"], check=True)


@pytest.mark.usefixtures("slurm")
def test_a_campaign_with_killed_jobs_and_a_killed_driver_ends_as_a_quiet_run(tmp_path: Path) -> None:
    assert campaign.run(campaign.Campaign(tmp_path / "campaign"), deadline_s=900.0) == []
