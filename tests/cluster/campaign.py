"""A campaign on a real Slurm: many videos, some broken, jobs and controller killed; then compared with a quiet run.

    python tests/cluster/campaign.py FOLDER --videos 300 --broken 15 --job-kills 10 --driver-kills 2 --node-down

Needs a Slurm (tests/cluster/slurm-lab start) and runs on the machine that its nodes are on, to kill processes there.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import yaml

from posewright.files import read_json
from posewright.runs import live_run
from posewright.shapes import Size
from posewright.status import read_status
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec

ROOT = Path(__file__).resolve().parents[2]
TARGET = "results/status.tsv"
RELEASES = ("dev-bottomup", "second-seed")
ONE_THREAD = [f"{stage}=1" for stage in ("train_model", "make_release", "predict_videos")]
BLOCK = re.compile(r"^(?:local)?rule (\w+):\n((?: .*\n)*)", re.MULTILINE)
N_LABELLED = 4  #: recordings with labels; they are never broken
BROKEN = {  # way to break a video file -> state and reason that must come of it
    "truncated": ("partial", "truncated"),
    "empty": ("failed", "empty_file"),
    "gone": ("failed", "missing"),
    "text": ("failed", "not_a_video"),
}


@dataclass(frozen=True)
class Campaign:
    """What is run and what is done to it."""

    folder: Path
    videos: int = 12
    broken: int = 2
    releases: int = 1
    batch: int = 4
    job_kills: int = 1
    driver_kills: int = 1
    node_down: bool = False
    seed: int = 0

    @property
    def quiet(self) -> Path:
        return self.folder / "quiet"

    @property
    def cluster(self) -> Path:
        return self.folder / "cluster"

    def names(self) -> list[str]:
        return [f"recording_{number + 1}" for number in range(self.videos)]

    def broken_as(self) -> dict[str, str]:
        """Return id -> the way in which the video is broken."""
        chosen = random.Random(self.seed).sample(self.names()[N_LABELLED:], self.broken)
        return {name: list(BROKEN)[number % len(BROKEN)] for number, name in enumerate(chosen)}


@dataclass
class Told:
    """What was done to the cluster, for the account at the end."""

    killed: Counter[str] = field(default_factory=Counter)
    drivers: int = 0
    nodes: int = 0


# ---- the project


def prepare(campaign: Campaign) -> None:
    """Write the same project twice."""
    data = campaign.quiet / "data"
    film(data, N_LABELLED, seed=campaign.seed)
    film(campaign.folder / "more", campaign.videos - N_LABELLED, seed=campaign.seed + 1)
    for number in range(campaign.videos - N_LABELLED):
        video = campaign.folder / "more" / "videos" / f"recording_{number + 1}.mp4"
        video.rename(data / "videos" / f"recording_{number + 1 + N_LABELLED}.mp4")
    shutil.rmtree(campaign.folder / "more")
    rows = [f"{name}\tvideos/{name}.mp4\n" for name in campaign.names()]
    (data / "videos.tsv").write_text("".join(["video\tpath\n", *rows]))
    for name, way in campaign.broken_as().items():
        break_video(data / "videos" / f"{name}.mp4", way)
    recipe = yaml.safe_load((ROOT / "config/recipes/demo/bottomup.yaml").read_text())
    recipe["posewright"] = {"max_steps": 10}
    recipe["trainer_config"] |= {"min_train_steps_per_epoch": 5, "max_epochs": 2}
    write(campaign.quiet / "config/recipes/bottomup.yaml", recipe)
    releases = list(RELEASES[: campaign.releases])
    write(
        campaign.quiet / "config/config.yaml",
        {
            "datasets": {"synthetic": {"labels": ["data/labels.slp"], "label_source": "human", "complete": True}},
            "split": {"by": "video", "val": 0.25, "test": 0.25},
            "recipes": {"bottomup": "config/recipes/bottomup.yaml"},
            "methods": {"bottomup": {"type": "bottomup", "recipes": ["bottomup"]}},
            "seeds": list(range(campaign.releases)),
            "releases": {name: {"method": "bottomup", "fold": 0, "seed": 1} for name in releases[1:]},
            "videos": "data/videos.tsv",
            "predict": {
                "releases": releases,
                "batch": {"count": campaign.batch},
                "backend": "torch",
                "max_failed_fraction": 0.9,
            },
        },
    )
    shutil.copytree(campaign.quiet, campaign.cluster)
    write(  # a job takes about 1 GB, of which Snakemake's two processes in it have 270 MB
        campaign.cluster / "config/site.yaml",
        {
            "gpu": 1,
            "limits": {"mem_mb": 2200, "runtime": 60},
            "resources": {
                "all": {"slurm_partition": "cpu", "slurm_account": "lab"},
                "train_model": {"slurm_partition": "gpu"},
                "predict_videos": {"gpu": 0},
                "evaluate_method": {"gpu": 0},
            },
        },
    )


def film(folder: Path, count: int, seed: int) -> None:
    size, length_px = Size(128, 128), 40.0
    make_dataset(
        ArenaSpec(n_recordings=count, n_frames=20, n_labeled=5, size=size, animal_length_px=length_px, seed=seed),
        folder,
    )


def break_video(path: Path, way: str) -> None:
    if way == "truncated":
        truncate(path)
    elif way == "empty":
        path.write_bytes(b"")
    elif way == "gone":
        path.unlink()
    else:
        path.write_text("this is no video\n" * 100)


def truncate(path: Path) -> None:
    """Cut the last third of the picture data, and leave the index at the head, which still promises all frames."""
    import av

    whole = path.with_suffix(".head.mp4")
    with av.open(str(path)) as source, av.open(str(whole), "w", options={"movflags": "faststart"}) as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    content = whole.read_bytes()
    whole.unlink()
    path.write_bytes(content[: content.index(b"mdat") + (len(content) - content.index(b"mdat")) * 2 // 3])


# ---- the runs


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PATH": path}


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start `posewright run` in a project; what it says is added to ``told.log``."""
    command = [
        sys.executable,
        "-c",
        "from posewright.cli import main; main()",
        "run",
        TARGET,
        *words,
        "--set-threads",
        *ONE_THREAD,
    ]
    with (folder / "told.log").open("a") as told:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def start_on_cluster(campaign: Campaign) -> subprocess.Popen[bytes]:
    quick = ["--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10", "--jobs", "5"]
    return start(campaign.cluster, "--profile", "slurm", *quick)


def torment(campaign: Campaign, deadline_s: float) -> Told:
    """Run on the cluster; kill jobs and the driver on the way, start it again, until it ends by itself."""
    told, chance = Told(), random.Random(campaign.seed)
    jobs_left, drivers_left = campaign.job_kills, campaign.driver_kills
    node_left, end = campaign.node_down, time.monotonic() + deadline_s
    running = start_on_cluster(campaign)
    while running.poll() is None:
        if time.monotonic() > end:
            raise TimeoutError(f"not done after {deadline_s:g} s; see {campaign.cluster / 'told.log'}")
        time.sleep(0.5)
        victims = programs("predict_videos.py")
        if jobs_left and victims and chance.random() < 0.7:
            victim = chance.choice(victims)
            told.killed[job_of(victim)] += 1
            with suppress(psutil.Error):
                victim.kill()
            jobs_left -= 1
        elif drivers_left and not jobs_left and victims and (run := live_run(campaign.cluster)) is not None:
            os.kill(run.pid, signal.SIGKILL)
            running.wait()
            told.drivers += 1
            told.killed.update(in_flight())
            drivers_left -= 1
            jobs_left = campaign.job_kills // 2 if drivers_left else 0
            running = start_on_cluster(campaign)
        elif node_left and victims and not drivers_left:
            told.nodes += 1
            told.killed.update(in_flight())
            set_down("node2")
            node_left = False
    told.killed["exit code"] = running.returncode
    if jobs_left or drivers_left or node_left:
        raise RuntimeError("the run ended before everything was done to it; ask for more videos")
    return told


def programs(script: str) -> list[psutil.Process]:
    """Return the processes of a script inside of Slurm jobs."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if len(words) > 1 and words[1].endswith(f"scripts/{script}") and "SLURM_JOB_ID" in process.environ():
                found.append(process)
    return found


def job_of(process: psutil.Process) -> str:
    """Return rule and wildcards of a predicting process, as `executions` names them."""
    words = process.cmdline()
    manifest = Path(words[words.index("--manifest") + 1])
    return f"predict_videos[{manifest.parts[-3]} {manifest.parts[-2]} {manifest.stem}]"


def in_flight() -> list[str]:
    """Return the jobs in the queue, by rule: an execution of each of them is lost."""
    done = subprocess.run(["squeue", "-h", "-o", "%k"], capture_output=True, text=True, check=True)
    return [comment.removeprefix("rule_").partition("_wildcards_")[0] for comment in done.stdout.splitlines()]


def set_down(node: str) -> None:
    """End a node's daemon and all its jobs' processes, as when the power fails."""
    lab = Path(os.environ.get("POSEWRIGHT_SLURM_LAB", "/tmp/posewright-slurm"))
    daemon = psutil.Process(int((lab / "run" / f"{node}.pid").read_text()))
    daemon.kill()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("SLURMD_NODENAME") == node:
                process.kill()


# ---- the account


def executions(folder: Path) -> Counter[str]:
    """Return rule and wildcards of each job -> how often drivers started it."""
    found: Counter[str] = Counter()
    for log in (folder / ".snakemake/log").glob("*.log"):
        for rule, lines in BLOCK.findall(log.read_text(errors="replace")):
            wildcards = re.search(r"^ *wildcards: (.*)$", lines, re.MULTILINE)
            values = [part.partition("=")[2] for part in wildcards[1].split(", ")] if wildcards else []
            found[f"{rule}[{' '.join(values)}]"] += 1
    return found


def faults(campaign: Campaign, told: Told) -> list[str]:
    """Return what is not as it has to be, as sentences."""
    wrong = []
    if told.killed.pop("exit code"):
        wrong.append("the last run did not end well")
    wrong += [f"{name} has other weights" for name in other_weights(campaign)]
    ways = campaign.broken_as()
    for row in read_status(campaign.cluster / TARGET):
        place = Path("results") / row["dataset"] / "videos" / row["release"] / row["video"]
        state = (row["state"], row["reason"])
        wanted = BROKEN[ways[row["video"]]] if row["video"] in ways else ("ok", "")
        if state != wanted:
            wrong.append(f"{row['release']}/{row['video']} is {state}, not {wanted}")
        if not same_poses(campaign.quiet / place, campaign.cluster / place):
            wrong.append(f"{row['release']}/{row['video']} has other poses than in the quiet run")
    if len(read_status(campaign.cluster / TARGET)) != campaign.videos * campaign.releases:
        wrong.append("the table has not one row a video and release")
    allowed = told.killed
    for job, count in executions(campaign.cluster).items():
        rule = job.partition("[")[0]
        may = 1 + allowed[job] + allowed[rule]
        if count > may and rule not in ("collect_status", "all"):
            wrong.append(f"{job} was started {count} times, {may} were allowed")
    again = sum(count - 1 for job, count in executions(campaign.cluster).items() if job.startswith("predict_videos"))
    if again > sum(allowed.values()):
        wrong.append(f"{again} predictions were started again, only {sum(allowed.values())} were killed")
    log = "\n".join(path.read_text(errors="replace") for path in (campaign.cluster / "logs/train_model").rglob("*.log"))
    if "SLURM" in log or "srun" in log:
        wrong.append("Lightning took the job for its own cluster")
    for path in (campaign.cluster / "results").rglob("provenance.json"):
        if not read_json(path)["machine"]["slurm_job"]:
            wrong.append(f"{path} does not name its Slurm job")
    return wrong


def other_weights(campaign: Campaign) -> list[str]:
    models = sorted(path.relative_to(campaign.quiet) for path in campaign.quiet.glob("results/*/models/*/*/model.json"))
    assert models
    digests = [
        [read_json(folder / path)["weights_sha256"] for path in models] for folder in (campaign.quiet, campaign.cluster)
    ]
    return [str(path) for path, *pair in zip(models, *digests, strict=True) if pair[0] != pair[1]]


def same_poses(one: Path, other: Path) -> bool:
    """Compare the tables of two published videos, value by value and to the bit."""
    return all(
        pq.read_table(one / name).to_pandas().equals(pq.read_table(other / name).to_pandas())
        for name in ("poses.parquet", "frames.parquet")
    )


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(value, sort_keys=False))


def run(campaign: Campaign, deadline_s: float) -> list[str]:
    """Do all of it and return what is not as it has to be."""
    prepare(campaign)
    began = time.monotonic()
    quiet = start(campaign.quiet, "--cores", "2")
    if quiet.wait() != 0:
        return [f"the quiet run failed; see {campaign.quiet / 'told.log'}"]
    between = time.monotonic()
    told = torment(campaign, deadline_s)
    print(f"quiet run {between - began:.0f} s, on the cluster {time.monotonic() - between:.0f} s")
    print(f"killed: {dict(told.killed)}, drivers: {told.drivers}, nodes: {told.nodes}")
    return faults(campaign, told)


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path)
    words.add_argument("--videos", type=int, default=300)
    words.add_argument("--broken", type=int, default=15)
    words.add_argument("--releases", type=int, default=2)
    words.add_argument("--batch", type=int, default=10)
    words.add_argument("--job-kills", type=int, default=10)
    words.add_argument("--driver-kills", type=int, default=2)
    words.add_argument("--node-down", action="store_true")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--deadline", type=float, default=7200.0, help="seconds for the run on the cluster")
    given = vars(words.parse_args())
    deadline_s = given.pop("deadline")
    given["folder"] = given["folder"].absolute()
    found = run(Campaign(**given), deadline_s)
    print("\n".join(found) or "all as it has to be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
