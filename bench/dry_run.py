"""What a dry run costs as projects grow: processor time, memory and their ratios. About 3 minutes on an idle machine.

    python bench/dry_run.py [FOLDER]

The bars: 500 videos x 3 releases under 10 s, 5000 under 60 s of CPU, no worse than linear.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from workflow.tiny_project import Project, make_project

COUNTS = (50, 500, 5000)
FROZEN = {"third": {"method": "topdown", "fold": 0, "seed": 0}}


def measure(project: Project, *words: str) -> tuple[float, float]:
    """Return CPU seconds and MB of one dry run."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow" / "Snakefile"), "--cores", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        [*command, "--dry-run", *words], cwd=project.folder, env=environment, stdout=subprocess.DEVNULL
    ) as running:
        _, code, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(code)
    if running.returncode != 0:
        raise RuntimeError(f"the dry run failed: {running.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    before: dict[str, float] = {}
    for count in COUNTS:
        project = make_project(folder / str(count), ROOT, videos=count)
        predict = {"releases": ["dev-topdown", "dev-bottomup", *FROZEN], "batch": {"count": 20}}
        project.change_config(releases=FROZEN, predict=predict)
        for name, words in {"quiet": ["--quiet"], "listed": []}.items():
            cpu_s, memory_mb = measure(project, *words)
            ratio = f", {cpu_s / before[name]:.1f} times the one before" if name in before else ""
            print(
                f"{count:5} videos x 3 releases, {name:6}: {cpu_s:6.1f} s CPU, {memory_mb:5.0f} MB{ratio}", flush=True
            )
            before[name] = cpu_s


if __name__ == "__main__":
    main()
