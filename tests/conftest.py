"""What all tests share: the folder with real data, found or loudly missing."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest
from hypothesis import settings

# Speed is for benchmarks: an example that takes long on a busy machine is no failure. And one that fails, fails again.
settings.register_profile("posewright", deadline=None, derandomize=True)
settings.load_profile("posewright")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real labelled videos: POSEWRIGHT_DATA, else ../shared/data beside the checkout."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("POSEWRIGHT_DATA", default))
    if not folder.is_dir():
        message = f"REAL DATA MISSING: {folder} is no folder; set POSEWRIGHT_DATA to run this test"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    return folder
