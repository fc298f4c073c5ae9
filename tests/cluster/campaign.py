"""A campaign on a real Slurm: many videos, some broken, jobs and controller killed; then compared with a quiet run.

    cd tests && python -m cluster.campaign FOLDER --videos 300 --broken 15 --job-kills 10 --driver-kills 2 --node-down

Needs a Slurm (tests/cluster/slurm-lab start) and runs on the machine that its nodes are on, to kill processes there. A
quiet run that a folder already holds is kept.
"""

from __future__ import annotations

import argparse
import copy
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from posewright.deadline import ASK_VARIABLE

from .account import TARGET, counted, faults, slurm_commands
from .project import ROOT, Spec, make_project, take_project
from .torments import Told, Torments

_ONE_THREAD = [f"{stage}=1" for stage in ("train_model", "make_release", "predict_videos", "evaluate_method")]
_SITE: dict[str, Any] = {  # a job takes about 1 GB, of which Snakemake's two processes in it have 270 MB
    "gpu": 1,
    "limits": {"mem_mb": 2200, "runtime": 60},
    "resources": {
        "all": {"slurm_partition": "cpu", "slurm_account": "lab"},
        "train_model": {"slurm_partition": "low", "gpu": 0},  # cpu may preempt it
        "predict_videos": {"gpu": 0},
        "evaluate_method": {"slurm_partition": "gpu"},
    },
}


@dataclass(frozen=True)
class Campaign:
    """What is run and what is done to it."""

    folder: Path
    spec: Spec
    job_kills: int = 1
    driver_kills: int = 1
    node_down: bool = False
    preempt: bool = True
    limits: int = 1
    starve: bool = False
    jobs: int = 5

    @property
    def quiet(self) -> Path:
        return self.folder / "quiet"

    @property
    def cluster(self) -> Path:
        return self.folder / "cluster"


def run(campaign: Campaign, deadline_s: float) -> list[str]:
    """Do all of it and return what is not as it has to be."""
    began = time.monotonic()
    if not (campaign.quiet / TARGET).is_file():
        make_project(campaign.spec, campaign.quiet)
        if _start(campaign.quiet, ["--cores", "2"], os.environ).wait() != 0:
            return [f"the quiet run failed; see {campaign.quiet / 'told.log'}"]
    take_project(campaign.spec, campaign.quiet, campaign.cluster)
    (campaign.cluster / "config/site.yaml").write_text(yaml.safe_dump(_site(campaign)))
    between = time.monotonic()
    told, code = _torment(campaign, deadline_s)
    print(f"quiet run {between - began:.0f} s, on the cluster {time.monotonic() - between:.0f} s")
    print(f"killed: {dict(told.killed)}, drivers: {told.drivers}, nodes: {told.nodes}")
    print(f"preempted: {told.preempted}, time limits: {told.limits}")
    commands = slurm_commands(campaign.cluster)
    per_video = commands.total() / (len(campaign.spec.taken_names()) * campaign.spec.releases)
    print(f"Slurm commands: {dict(commands)}, {per_video:.2f} per video and release")
    found = ["the last run did not end well"] if code else []
    return found + faults(campaign.spec, campaign.quiet, campaign.cluster, told)


def _site(campaign: Campaign) -> dict[str, Any]:
    site = copy.deepcopy(_SITE)
    if campaign.starve:  # too little for torch; the second attempt gets twice as much
        site["resources"]["train_model"]["mem_mb"] = 700
    return site


def _torment(campaign: Campaign, deadline_s: float) -> tuple[Told, int]:
    """Run on the cluster, start again after each kill of the driver; return what was done and the last exit code."""
    torments = Torments(
        campaign.cluster,
        campaign.job_kills,
        campaign.driver_kills,
        campaign.node_down,
        campaign.preempt,
        campaign.limits,
        campaign.spec.seed,
    )
    end = time.monotonic() + deadline_s
    running = _start_on_cluster(campaign)
    while running.poll() is None:
        if time.monotonic() > end:
            raise TimeoutError(f"not done after {deadline_s:g} s; see {campaign.cluster / 'told.log'}")
        time.sleep(0.5)
        if not torments.is_over and torments.go_on():
            running.wait()
            running = _start_on_cluster(campaign)
    if campaign.starve:
        seeds = range(campaign.spec.releases)
        torments.told.killed.update(f"rule_train_model_wildcards_synthetic_bottomup_0_{seed}" for seed in seeds)
    if not torments.is_over:
        raise RuntimeError("the run ended before everything was done to it; ask for more videos")
    return torments.told, running.returncode


def _start_on_cluster(campaign: Campaign) -> subprocess.Popen[bytes]:
    quick = ["--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10", "--jobs", str(campaign.jobs)]
    path = f"{counted(campaign.cluster / 'commands')}{os.pathsep}{os.environ['PATH']}"
    return _start(campaign.cluster, ["--profile", "slurm", *quick], {**os.environ, "PATH": path, ASK_VARIABLE: "1"})


def _start(folder: Path, words: Sequence[str], environment: Any) -> subprocess.Popen[bytes]:
    """Start `posewright run` in a project; what it says is added to ``told.log``."""
    program = [sys.executable, "-c", "from posewright.cli import main; main()", "run", TARGET]
    path = os.pathsep.join([environment["PATH"], str(Path(sys.executable).parent)])
    with (folder / "told.log").open("a") as told:
        return subprocess.Popen(
            [*program, *words, "--set-threads", *_ONE_THREAD],
            cwd=folder,
            env={**environment, "PYTHONPATH": str(ROOT / "src"), "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path)
    words.add_argument("--videos", type=int, default=300)
    words.add_argument("--broken", type=int, default=15)
    words.add_argument("--take", type=int, help="of the videos, only so many go to the cluster")
    words.add_argument("--odd", type=int, default=8, help="videos with odd names")
    words.add_argument("--releases", type=int, default=2)
    words.add_argument("--batch", type=int, default=20)
    words.add_argument("--steps", type=int, default=100, help="steps of each training")
    words.add_argument("--job-kills", type=int, default=10)
    words.add_argument("--driver-kills", type=int, default=2)
    words.add_argument("--node-down", action="store_true")
    words.add_argument("--no-preemption", dest="preempt", action="store_false")
    words.add_argument("--starve", action="store_true", help="trainings begin with too little memory")
    words.add_argument("--limits", type=int, default=1, help="time limits that trainings run into")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--jobs", type=int, default=5, help="Slurm jobs in flight")
    words.add_argument("--deadline", type=float, default=7200.0, help="seconds for the run on the cluster")
    given = words.parse_args()
    spec = Spec(given.videos, given.broken, given.odd, given.releases, given.batch, given.steps, given.seed, given.take)
    kills = {"job_kills": given.job_kills, "driver_kills": given.driver_kills, "node_down": given.node_down}
    kills |= {"preempt": given.preempt, "limits": given.limits, "starve": given.starve}
    found = run(Campaign(given.folder.absolute(), spec, **kills, jobs=given.jobs), given.deadline)
    print("\n".join(found) or "all as it has to be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
