"""What can happen to jobs, nodes and the driver of a run on a real Slurm, done to them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from posewright.runs import live_run

LAB = Path(os.environ.get("POSEWRIGHT_SLURM_LAB", "/tmp/posewright-slurm"))
_VICTIMS = ("predict_videos.py", "train_model.py", "evaluate_method.py")


@dataclass
class Told:
    """What was done, for the account at the end; jobs by the plugin's comment, that is rule and wildcards."""

    killed: Counter[str] = field(default_factory=Counter)
    preempted: list[str] = field(default_factory=list)
    limits: int = 0
    drivers: int = 0
    nodes: int = 0


@dataclass
class Torments:
    """What is still to be done to a run, in an order that lets each of it happen to something."""

    project: Path
    job_kills: int
    driver_kills: int
    node_down: bool
    preempt: bool
    limits: int
    seed: int
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        # how many jobs to kill before each driver; of several drivers the first dies while trainings run
        self._kills = [0] * (self.driver_kills + 1)
        for number in range(self.job_kills):
            self._kills[-1 - number % max(1, self.driver_kills)] += 1

    @property
    def is_over(self) -> bool:
        """Whether all of it was done."""
        return not (self.limits or self.preempt or self.node_down or any(self._kills) or len(self._kills) > 1)

    def go_on(self) -> bool:
        """Do the next of it if there is something to do it to; return whether the driver was killed."""
        if self.limits:
            self._bring_an_end_near()
            return False
        if self.preempt:
            self.preempt = not self._preempt_a_training()
            return False
        victims = [process for script in _VICTIMS for process in programs(script, self.project)]
        if not victims:
            return False
        if self._kills[0]:
            self._kill(self._chance.choice(victims))
        elif len(self._kills) > 1:
            return self._kill_the_driver()
        elif self.node_down:
            self._set_down("node2")
        return False

    def _kill(self, victim: psutil.Process) -> None:
        if self._chance.random() < 0.5:
            return  # at another moment, then
        with suppress(psutil.Error):
            comment = comment_of(victim.environ()["SLURM_JOB_ID"])
            if comment and comment not in self.told.killed:  # another one, that retries may suffice
                victim.kill()
                self.told.killed[comment] += 1
                self._kills[0] -= 1

    def _kill_the_driver(self) -> bool:
        run = live_run(self.project)
        if run is None:
            return False
        os.kill(run.pid, signal.SIGKILL)
        self._kills.pop(0)
        self.told.drivers += 1
        return True

    def _bring_an_end_near(self) -> None:
        """Let a training that has got further than it began run into its time limit."""
        for process in programs("train_model.py", self.project):
            with suppress(psutil.Error, KeyError):
                begun = process.create_time()
                if any(path.stat().st_mtime > begun for path in self.project.glob("work/train/*/*/last.ckpt")):
                    job = process.environ()["SLURM_JOB_ID"]
                    subprocess.run(["scontrol", "update", f"jobid={job}", "EndTime=now+30"], check=True)
                    process.wait(timeout=120)
                    self.limits -= 1
                    self.told.limits += 1
                    return

    def _preempt_a_training(self) -> bool:
        """Give the node of a training that has a checkpoint to a job of a better partition."""
        checkpoints = list(self.project.glob("work/train/*/*/last.ckpt"))
        for process in programs("train_model.py", self.project) if checkpoints else []:
            with suppress(psutil.Error, KeyError):
                variables = process.environ()
                comment = comment_of(variables["SLURM_JOB_ID"])
                words = ["sbatch", "-p", "cpu", "-w", variables["SLURMD_NODENAME"], "--exclusive", "-t", "1"]
                subprocess.run([*words, "-o", "/dev/null", "--wrap", "sleep 3"], check=True, capture_output=True)
                process.wait(timeout=60)
                self.told.preempted.append(comment)
                return True
        return False

    def _set_down(self, node: str) -> None:
        """End a node's daemon and all its jobs' processes, as when the power fails."""
        done = subprocess.run(["squeue", "-h", "-w", node, "-o", "%k"], capture_output=True, text=True, check=True)
        if not done.stdout.strip():
            return  # when it has something to do
        self.told.killed.update(done.stdout.split("\n")[:-1])
        psutil.Process(int((LAB / "run" / f"{node}.pid").read_text())).kill()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("SLURMD_NODENAME") == node:
                    process.kill()
        self.told.nodes += 1
        self.node_down = False


def programs(script: str, project: Path) -> list[psutil.Process]:
    """Return the processes of a script inside of a project's Slurm jobs."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            is_it = len(words) > 1 and words[1].endswith(f"scripts/{script}")
            if is_it and Path(process.cwd()) == project and "SLURM_JOB_ID" in process.environ():
                found.append(process)
    return found


def comment_of(job: str) -> str:
    """Return the comment of a job in the queue."""
    done = subprocess.run(["squeue", "-h", "-j", job, "-o", "%k"], capture_output=True, text=True, check=True)
    return done.stdout.strip()
