"""A driver that is killed, and `posewright run` after it. Real processes; the scripts are stand-ins (standin.py)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from posewright.errors import InputError
from posewright.files import read_json, write_json
from posewright.runs import LOCKS, RUNS, clear_leftovers, live_run, open_runs

from .tiny_project import ROOT, Project, make_project, until

TARGET = "results/flies/split/fold0/split.json"
DRIVE = (
    "import sys; from pathlib import Path; from posewright.driving import drive\n"
    "sys.exit(drive(sys.argv[2:], Path(sys.argv[1])))"
)


def start(project: Project, *words: str) -> subprocess.Popen[bytes]:
    """Start what `posewright run` does, on the checkout with stand-ins; it writes to ``told``."""
    with (project.folder / "told").open("w") as told:
        return subprocess.Popen(
            [sys.executable, "-c", DRIVE, str(project.checkout), "--cores", "2", *words],
            cwd=project.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "XDG_CACHE_HOME": str(project.folder / ".cache")},
            stdout=told,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def test_a_run_goes_on_after_its_driver_was_killed(standin_checkout: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", standin_checkout)
    (project.folder / "hold").write_text("split_labels")
    first = start(project, TARGET)
    held = project.folder / "held"
    until(lambda: held.exists() and held.read_text())
    run = live_run(project.folder)
    assert run is not None and run.words == ["--cores", "2", TARGET]

    # While it lives nobody takes anything from it.
    with pytest.raises(InputError, match=f"process {run.pid}"):
        clear_leftovers(project.folder)
    assert psutil.pid_exists(int(held.read_text()))

    os.kill(run.pid, signal.SIGKILL)
    first.wait()
    orphan = psutil.Process(int(held.read_text()))  # its job lives on
    plain = project.snakemake(TARGET)
    assert plain.code != 0 and f"posewright run --cores 2 {TARGET}" in plain.text

    (project.folder / "hold").unlink()
    code = start(project, TARGET).wait()
    told = (project.folder / "told").read_text()
    assert code == 0, told
    assert "lock of a run that is dead was cleared" in told
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    assert not open_runs(project.folder) and not (project.folder / LOCKS).exists()
    assert read_json(project.folder / "results/summary.json")["outcome"] == "finished"
    assert project.dry_run(TARGET).nothing


def test_a_run_that_only_looks_clears_nothing(standin_checkout: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", standin_checkout)
    lock = project.folder / LOCKS / "0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(str(project.folder / "nothing-of-ours"))
    assert start(project, TARGET, "--dry-run").wait() == 0
    assert lock.exists()


def test_a_lock_without_a_record_is_cleared_only_when_it_is_old(tmp_path: Path) -> None:
    lock = tmp_path / LOCKS / "0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("results/x")
    with pytest.raises(InputError, match="snakemake --unlock"):
        clear_leftovers(tmp_path)
    assert lock.exists()
    os.utime(lock, (time.time() - 3600, time.time() - 3600))
    assert clear_leftovers(tmp_path) == ["The lock of a run that is dead was cleared."]
    assert not lock.exists()


def test_a_run_on_another_machine_counts_as_alive_while_its_record_is_fresh(tmp_path: Path) -> None:
    record = tmp_path / RUNS / "abc.json"
    process = {"host": "login2", "pid": 1, "born": 0.0, "slurm_job": None}
    write_json(record, {"schema": 1, "id": "abc", "started": 0.0, "words": [], "log": "", **process})
    with pytest.raises(InputError, match="on login2"):
        clear_leftovers(tmp_path)
    os.utime(record, (time.time() - 3600, time.time() - 3600))
    clear_leftovers(tmp_path)
    assert not open_runs(tmp_path)
