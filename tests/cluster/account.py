"""The account of a campaign: whether the cluster gave what a quiet run gave, and what that took."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from posewright.files import read_json
from posewright.status import read_status

from .project import TRACE, Spec
from .torments import Told

TARGET = "results/status.tsv"
COMMANDS = "slurm-commands.txt"  #: one line for each Slurm command of the run, see `counted`
_STARTED = re.compile(r"^(?:local)?rule (\w+):\n((?: .*\n)*)", re.MULTILINE)
_FINISHED = re.compile(r"^Finished jobid: (\d+)", re.MULTILINE)
_AT_LAST = ("collect_status", "all")  #: they run again whenever a run goes on


def faults(spec: Spec, quiet: Path, cluster: Path, told: Told) -> list[str]:
    """Return what is not as it has to be, as sentences."""
    return [
        *(f"{name} has other weights" for name in _other_weights(quiet, cluster)),
        *_faults_of_videos(spec, quiet, cluster),
        *_faults_of_counts(cluster, told),
        *_faults_of_trainings(cluster, told),
        *(f"a file name reached a shell: {path}" for path in cluster.parent.rglob(TRACE)),
    ]


def slurm_commands(cluster: Path) -> Counter[str]:
    """Return how often each Slurm command was called, by ``driver sbatch`` or ``job squeue``."""
    return Counter((cluster / COMMANDS).read_text().splitlines())


def counted(folder: Path) -> Path:
    """Make a folder for the head of PATH, whose Slurm commands note their calls and do their work."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("sbatch", "squeue", "scancel", "scontrol", "sacct", "sacctmgr", "sinfo", "srun"):
        program, path = shutil.which(name), folder / name
        if program is not None and not path.exists():
            note = f"echo ${{SLURM_JOB_ID:+job}}${{SLURM_JOB_ID:-driver}} {name} | sed 's/^job[0-9]*/job/'"
            path.write_text(f"#!/bin/sh\n{note} >> '{folder.parent / COMMANDS}'\nexec {program} \"$@\"\n")
            path.chmod(0o755)
    return folder


def _faults_of_videos(spec: Spec, quiet: Path, cluster: Path) -> list[str]:
    wrong = []
    rows = read_status(cluster / TARGET)
    for row in rows:
        place = Path("results") / row["dataset"] / "videos" / row["release"] / row["video"]
        state, wanted = (row["state"], row["reason"]), spec.wanted(row["video"])
        if state != wanted:
            wrong.append(f"{row['release']}/{row['video']} is {state}, not {wanted}")
        if not _same_poses(quiet / place, cluster / place):
            wrong.append(f"{row['release']}/{row['video']} has other poses than in the quiet run")
    if len({(row["release"], row["video"]) for row in rows}) != len(spec.taken_names()) * spec.releases:
        wrong.append("the table has not one row a video and release")
    return wrong


def _faults_of_counts(cluster: Path, told: Told) -> list[str]:
    """Compare how often drivers started each job with what was killed: by itself, with its node or its driver."""
    wrong, allowed = [], Counter(told.killed)
    started: Counter[str] = Counter()
    logs = sorted((cluster / ".snakemake/log").glob("*.log"))
    for log in logs:
        begun, unfinished = _jobs_of(log.read_text(errors="replace"))
        started.update(begun)
        if log != logs[-1]:
            allowed.update(unfinished)
    for job, count in started.items():
        if count > 1 + allowed[job] and not job.removeprefix("rule_").startswith(_AT_LAST):
            wrong.append(f"{job} was started {count} times, {1 + allowed[job]} were allowed")
    return wrong


def _jobs_of(log: str) -> tuple[list[str], list[str]]:
    """Return the jobs that a driver started, and those of them that it did not see end; as the plugin's comments."""
    begun, ids = [], {}
    for rule, lines in _STARTED.findall(log):
        wildcards = re.search(r"^ *wildcards: (.*)$", lines, re.MULTILINE)
        values = [part.partition("=")[2] for part in wildcards[1].split(", ")] if wildcards else []
        name = f"rule_{rule}" + (f"_wildcards_{'_'.join(values)}" if values else "")
        number = re.search(r"^ *jobid: (\d+)$", lines, re.MULTILINE)
        begun.append(name)
        if number:
            ids[number[1]] = name
    finished = set(_FINISHED.findall(log))
    return begun, [name for number, name in ids.items() if number not in finished]


def _faults_of_trainings(cluster: Path, told: Told) -> list[str]:
    wrong = []
    log = "\n".join(path.read_text(errors="replace") for path in (cluster / "logs/train_model").rglob("*.log"))
    if "SLURM" in log or "srun" in log:
        wrong.append("Lightning took the job for its own cluster")
    if (told.preempted or told.limits) and "goes on from step" not in log:
        wrong.append("a training that was interrupted began anew")
    for path in (cluster / "results").rglob("provenance.json"):
        if not read_json(path)["machine"]["slurm_job"]:
            wrong.append(f"{path} does not name its Slurm job")
    return wrong


def _other_weights(quiet: Path, cluster: Path) -> list[str]:
    models = sorted(path.relative_to(quiet) for path in quiet.glob("results/*/models/*/*/model.json"))
    assert models
    digests = [[read_json(folder / path)["weights_sha256"] for path in models] for folder in (quiet, cluster)]
    return [str(path) for path, *pair in zip(models, *digests, strict=True) if pair[0] != pair[1]]


def _same_poses(one: Path, other: Path) -> bool:
    """Compare the tables of two published videos, value by value and to the bit."""
    return all(
        pq.read_table(one / name).to_pandas().equals(pq.read_table(other / name).to_pandas())
        for name in ("poses.parquet", "frames.parquet")
    )
