"""Jobs of a real Slurm that see their end come, or find another at work, go on later under their id."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from posewright.deadline import ASK_VARIABLE
from posewright.door import INTERRUPTED

from .project import ROOT

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm")]

WORK = """
import sys, time
from pathlib import Path
from posewright import door
from posewright.deadline import Deadline
from posewright.lease import Lease

notes, gains, needed = Path(sys.argv[1]), sys.argv[2] == "gains", int(sys.argv[3])

def work():
    deadline = Deadline()
    with Lease(notes.parent / "lease.json", on_loss=deadline.bring_near).held(), deadline.watched():
        begun = time.monotonic()
        done = notes.read_text().count("legs") if notes.exists() else 0
        while done < needed:
            if time.monotonic() - begun > 120:
                raise TimeoutError
            if deadline.is_near:
                with notes.open("a") as stream:
                    stream.write("legs\\n")
            deadline.leave_if_near("stopped", has_gained=gains)
            time.sleep(0.1)
        with notes.open("a") as stream:
            stream.write("done\\n")

door.main(work)
"""


class Job:
    """A job as the workflow submits them."""

    def __init__(self, folder: Path, notes: Path, *words: str, needed: int = 1, gains: bool = True) -> None:
        (folder / "work.py").write_text(WORK)
        self.out = folder / f"{time.monotonic_ns()}.log"
        python = f"PYTHONPATH={ROOT / 'src'} {ASK_VARIABLE}=1 {sys.executable}"
        call = f"{python} {folder / 'work.py'} {notes} {'gains' if gains else 'loses'} {needed}; echo code $?"
        asked = ["sbatch", "--parsable", "--comment", "rule_work", "--mem", "500", "-t", "10", "-o", str(self.out)]
        command = [*asked, "--open-mode=append", *words, "--wrap", call]
        self.id = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def ask(self, word: str) -> str:
        done = subprocess.run(["squeue", "-h", "-j", self.id, "-o", word], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def said(self) -> str:
        return self.out.read_text() if self.out.exists() else ""

    def bring_end_near(self) -> None:
        """As a preemption with a grace time does."""
        subprocess.run(["scontrol", "update", f"jobid={self.id}", "EndTime=now+20"], check=True)

    def wait_for_end(self) -> str:
        until(lambda: self.ask("%T") in ("", "COMPLETED", "FAILED"))
        return self.said()


def until(happened: Callable[[], bool], patience_s: float = 180.0) -> None:
    end = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.2)


def test_a_job_whose_end_comes_near_goes_on_later_and_a_second_copy_waits_in_the_queue(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    first = Job(tmp_path, notes, "--requeue")
    until(lambda: (tmp_path / "lease.json").exists())
    second = Job(tmp_path, notes, "--requeue")
    until(lambda: f"afterany:{first.id}" in second.ask("%E"))
    assert second.ask("%T") in ("PENDING", "COMPLETING")
    first.bring_end_near()
    said = first.wait_for_end()
    assert "stopped; the time of this job is nearly over" in said
    assert said.count("code") == 1 and said.endswith("code 0\n")
    said = second.wait_for_end()
    assert f"job {second.id} asks to be put back into the queue, until job {first.id} has ended" in said
    assert said.endswith("code 0\n")
    assert notes.read_text().split() == ["legs", "done", "done"]


def test_a_job_that_may_not_be_requeued_or_gains_nothing_ends_with_the_code_that_means_again(tmp_path: Path) -> None:
    jobs = {}
    for name, words, gains in (("fixed", "--no-requeue", True), ("short", "--requeue", False)):
        (tmp_path / name).mkdir()
        jobs[name] = Job(tmp_path / name, tmp_path / name / "notes", words, gains=gains)
    until(lambda: len(list(tmp_path.glob("*/lease.json"))) == len(jobs))
    for job in jobs.values():
        job.bring_end_near()
    for name, job in jobs.items():
        said = job.wait_for_end()
        assert said.endswith(f"code {INTERRUPTED}\n")
        assert ("raise its runtime in config/site.yaml" in said) == (name == "short")
    assert not list(tmp_path.glob("*/lease.json"))
