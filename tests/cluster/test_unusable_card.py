"""A GPU that torch holds no code for, in a real Slurm: one job finds out, and none of its other attempts is queued."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from posewright.avoided import AVOIDED
from posewright.slurm import alike

from .project import ROOT, Spec, make_project

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm")]

MODEL = "results/synthetic/models/bottomup/fold0_seed0/model.json"
SITE = {
    "gpu": 1,
    "limits": {"mem_mb": 2200, "runtime": 60},
    "resources": {
        "all": {"slurm_partition": "cpu", "slurm_account": "lab"},
        "train_model": {"slurm_partition": "gpu", "slurm_extra": "--nice=1"},
    },
}
OLD_CARD = """  # there is no card here: what torch would say of an old one
import sys
if "SLURM_JOB_ID" in __import__("os").environ and any(word.endswith("train_model.py") for word in sys.orig_argv):
    import torch
    torch.cuda.is_available = lambda: True
    torch.cuda.device_count = lambda: 1
    torch.cuda.get_device_name = lambda index: "Tesla K80"
    torch.cuda.get_device_capability = lambda index: (3, 7)
    torch.cuda.get_arch_list = lambda: ["sm_80", "sm_90"]
"""


def run(project: Path, *places: Path) -> subprocess.CompletedProcess[str]:
    """Ask the workflow for a model."""
    program = [sys.executable, "-c", "from posewright.cli import main; main()", "run", MODEL, "--profile", "slurm"]
    quick = ["--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10", "--set-threads", "train_model=1"]
    found = os.pathsep.join(map(str, [ROOT / "src", *places]))
    path = os.pathsep.join([os.environ["PATH"], str(Path(sys.executable).parent)])
    environment = {**os.environ, "PYTHONPATH": found, "PATH": path}
    return subprocess.run([*program, *quick], cwd=project, env=environment, capture_output=True, text=True, check=False)


def submitted(told: str, rule: str) -> int:
    """Return how many Slurm jobs a rule got, by the driver's log."""
    number = re.search(rf"^rule {rule}:\n(?: .*\n)*?    jobid: (\d+)", told, re.MULTILINE)
    assert number is not None, told
    return len(re.findall(rf"Job {number[1]} has been submitted with SLURM jobid", told))


def test_one_job_finds_out_and_the_next_run_asks_again(tmp_path: Path) -> None:
    project, card = tmp_path / "project", tmp_path / "card"
    make_project(Spec(videos=5, broken=0, odd=0, steps=10), project)
    (project / "config/site.yaml").write_text(yaml.safe_dump(SITE))
    card.mkdir()
    (card / "sitecustomize.py").write_text(OLD_CARD)
    failed = run(project, card)
    assert failed.returncode != 0
    said = (project / "logs/train_model/synthetic/bottomup/fold0_seed0.log").read_text()
    assert "the GPU Tesla K80 has compute capability 3.7" in said
    assert "config/site.yaml" in said
    assert said.endswith("until the end of this run no job that needs a GPU is sent to gpu1\n")
    assert submitted(failed.stderr, "train_model") == 1
    assert failed.stderr.count("Requested node configuration is not available") == 2, "sbatch refuses what is left"
    assert "no job with a GPU was sent to gpu1: the GPU Tesla K80" in failed.stderr
    assert [path.name for path in (project / AVOIDED).iterdir()] == ["gpu1"]

    done = run(project)  # its jobs see no GPU at all
    assert done.returncode == 0, done.stderr
    assert submitted(done.stderr, "train_model") == 1
    assert (project / MODEL).is_file()


def test_nodes_are_alike_whose_generic_resources_and_features_are(slurm: None) -> None:
    assert alike("gpu1", "gpu") == ["gpu1"]
    assert alike("node1", "cpu") == ["node1", "node2"]
    features = ["scontrol", "update", "nodename=node2"]
    subprocess.run([*features, "AvailableFeatures=old", "ActiveFeatures=old"], check=True)
    try:
        assert alike("node1", "cpu") == ["node1"]
        assert alike("node1", None) == ["node1"]
    finally:
        subprocess.run([*features, "AvailableFeatures=", "ActiveFeatures="], check=True)
    assert alike("node1", None) == ["node1", "node2"]
