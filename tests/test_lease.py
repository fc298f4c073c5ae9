"""Of several processes only one holds a lease; what a dead or silent holder left is free again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from posewright.lease import Lease

HOLD = """
import sys, time
from pathlib import Path
from posewright.lease import Lease
with Lease(Path(sys.argv[1]), on_loss=lambda: None).held():
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(path: Path, **environment: str) -> subprocess.Popen[str]:
    """A process that holds the lease until it is told to release it."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def lost() -> None:
    raise AssertionError("the lease was lost")


def test_one_waits_until_the_other_releases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "work" / "lease.json"
    other = holder(path, SLURM_JOB_ID="77")
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    events = []

    def second() -> None:
        with Lease(path, lost, stale_s=5.0).held():
            events.append("second")

    waiting = threading.Thread(target=second)
    waiting.start()
    while "waiting for it" not in capsys.readouterr().out:
        time.sleep(0.01)
    events.append("first ends")
    other.communicate("\n")
    waiting.join()
    assert events == ["first ends", "second"]
    assert not list(path.parent.iterdir())


def test_the_lease_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    other = holder(path)
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    other.kill()
    other.communicate()
    assert path.is_file()
    with Lease(path, lost, stale_s=3600.0).held():
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert not path.exists()


def left_by(path: Path, age_s: float, **changed: object) -> None:
    """Leave the lease of a process of this machine that lives, but for what is changed."""
    process = psutil.Process(os.getppid())
    mine = {"token": "other", "job": None, "host": "elsewhere", "pid_space": "", "pid": process.pid}
    path.write_text(json.dumps({**mine, "born": process.create_time(), **changed}))
    os.utime(path, (time.time() - age_s,) * 2)


def test_a_silent_holder_elsewhere_loses_the_lease_and_a_living_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    left_by(path, age_s=100.0)
    with Lease(path, lost, stale_s=60.0).held():
        pass
    left_by(path, age_s=100.0)
    patient = Lease(path, lost, stale_s=600.0)
    waiting = threading.Thread(target=lambda: patient.held().__enter__(), daemon=True)
    waiting.start()
    waiting.join(timeout=0.5)
    assert waiting.is_alive()
    assert json.loads(path.read_text())["token"] == "other"
    path.unlink()


def test_a_requeued_job_takes_its_own_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lease.json"
    monkeypatch.setenv("SLURM_JOB_ID", "1234")
    left_by(path, age_s=0.0, job="1234")
    with Lease(path, lost, stale_s=3600.0).held():
        pass


def test_a_holder_learns_that_it_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    noticed = threading.Event()
    with Lease(path, noticed.set, stale_s=0.5).held():
        left_by(path, age_s=0.0)
        assert noticed.wait(10.0)
    assert json.loads(path.read_text())["token"] == "other"


def test_of_many_takers_of_a_dead_lease_one_at_a_time_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    left_by(path, age_s=1000.0)
    inside, most, done = [0], [0], [0]

    def take() -> None:
        with Lease(path, lost, stale_s=5.0).held():
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.02)
            inside[0] -= 1
            done[0] += 1

    takers = [threading.Thread(target=take) for _ in range(6)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join(timeout=60)
    assert (done[0], most[0]) == (6, 1)
