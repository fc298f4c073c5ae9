"""Where an artefact comes from: inputs, settings, code, packages, machine and what it cost, as JSON beside it."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from posewright.config.stages import STAGE_VERSION
from posewright.files import write_json
from posewright.modules import loaded_modules
from posewright.runs import RUN_VARIABLE

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


def write_provenance(
    path: Path,
    *,
    stage: str,
    inputs: Mapping[str, str],
    params: Any,
    seed: int | None,
    started: float,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write the record of one finished stage.

    Args:
        path: the JSON file to write.
        stage: name of the rule.
        inputs: name of each input -> its content digest.
        params: the settings that determined the result, JSON-able.
        seed: seed of the run, None where chance plays no part.
        started: ``time.time()`` when the work began.
        extra: further facts of the stage (resumes, steps …), kept under their own names.
    """
    now = time.time()
    record = {
        "schema": 1,
        "stage": stage,
        "stage_version": STAGE_VERSION.get(stage),
        "run": os.environ.get(RUN_VARIABLE),
        "inputs": dict(inputs),
        "params": params,
        "seed": seed,
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "wall_s": round(now - started, 3),
        "cpu_s": round(sum(_usage(field) for field in ("ru_utime", "ru_stime")), 3),
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "machine": machine(),
        "packages": package_versions(),
        "modules": loaded_modules(),
        "git_commit": git_commit(),
    }
    write_json(path, {**(extra or {}), **record})


def machine() -> dict[str, Any]:
    """Return host, system, processor count and device as this process sees them."""
    return {
        "host": platform.node(),
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


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _usage(field: str) -> float:
    """Return a figure of this process and of the children it has waited for, added."""
    return sum(
        float(getattr(resource.getrusage(who), field)) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def peak_memory_mb() -> float:
    """Return the largest resident memory of this process so far."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1024.0 * 1024.0 if sys.platform == "darwin" else 1024.0)  # macOS counts bytes
