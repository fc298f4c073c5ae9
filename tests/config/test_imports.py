"""What Snakemake imports on every parse stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from posewright.config.stages import STAGE_VERSION

HEAVY = ("torch", "lightning", "sleap_io", "pandas", "pyarrow")
LIGHT = ("config.project", "config.recipe", "config.sheet", "config.stages", "labels.digest")


@pytest.mark.parametrize("module", LIGHT)
def test_parse_time_modules_import_nothing_heavy(module: str) -> None:
    code = f"import sys, posewright.{module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_stage_has_a_version() -> None:
    scripts = Path(__file__).resolve().parents[2] / "scripts"
    assert set(STAGE_VERSION) == {path.stem for path in scripts.glob("*.py")}
    assert all(version >= 1 for version in STAGE_VERSION.values())
