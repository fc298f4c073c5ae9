"""A small campaign on a real Slurm (campaign.py); `make cluster` runs the big one."""

from __future__ import annotations

from pathlib import Path

import pytest

from .campaign import Campaign, run
from .project import Spec

pytestmark = pytest.mark.slurm


@pytest.mark.usefixtures("slurm")
def test_a_campaign_with_killed_jobs_and_a_killed_driver_ends_as_a_quiet_run(tmp_path: Path) -> None:
    assert run(Campaign(tmp_path / "campaign", Spec(), preempt=False), deadline_s=900.0) == []
