"""What surrounds a piece of work: the machine, the packages and the commit, as this process finds them."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from posewright.discretion import is_private

PACKAGES = (
    "posewright",
    "av",
    "h5py",
    "lightning",
    "numpy",
    "openvino",
    "pandas",
    "pyarrow",
    "pydantic",
    "scipy",
    "sleap-io",
    "snakemake",
    "torch",
    "torchvision",
)


def machine() -> dict[str, Any]:
    """Return host, system, processor count and device as this process sees them; no host in a private project."""
    return {
        "host": None if is_private() else platform.node(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
        "device": device(),
        "cuda": cuda(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
    }


def device() -> str:
    """Return the name of the GPU that torch sees, else ``cpu``; torch is only asked where it is loaded anyway."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return "cpu"


def cuda() -> str | None:
    """Return the CUDA version that torch was built for; torch is only asked where it is loaded anyway."""
    torch = sys.modules.get("torch")
    return None if torch is None else torch.version.cuda


@cache
def package_versions() -> dict[str, str]:
    """Return the installed versions of the packages that can change a result."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def git_commit() -> str | None:
    """Return the commit of this checkout, with ``+changes`` when files differ from it; None outside git."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}+changes" if changed else commit


def cpu_seconds() -> float:
    """Return the processor time of this process and of the children it has waited for."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def peak_memory_mb() -> float:
    """Return the largest resident memory of this process so far."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1024.0 * 1024.0 if sys.platform == "darwin" else 1024.0)  # macOS counts bytes


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()
