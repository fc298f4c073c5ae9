"""A tiny project on disk, and Snakemake run on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.skeleton import Skeleton
from posewright.labels.write import write_labels

ROOT = Path(__file__).resolve().parents[2]
#: stages that have a target of their own, or are asked for in the config
ON_REQUEST = {
    "measure_repeats",
    "measure_speed",
    "take_part",
    "compare_parts",
    "suggest_frames",
    "refit_model",
    "choose_checkpoint",
}
#: jobs that follow a new model of the method topdown
AFTER_TOPDOWN = {
    "evaluate_method[flies topdown 0 0 val]",
    "compare_methods[flies val]",
    "build_report[flies index]",
    "make_release[flies dev-topdown]",
}
SHEET_HEAD = "video\tpath\tsession\n"


@dataclass(frozen=True)
class Done:
    """How a run of Snakemake ended."""

    code: int
    text: str

    @property
    def jobs(self) -> list[str]:
        """The jobs of a dry run, as ``rule`` or ``rule[wildcards]``, without the target."""
        found = []
        for name, lines in re.findall(r"^(?:local)?rule (\w+):\n((?: .*\n)*)", self.text, re.MULTILINE):
            wildcards = re.search(r"^ *wildcards: (.*)$", lines, re.MULTILINE)
            values = [part.partition("=")[2] for part in wildcards[1].split(", ")] if wildcards else []
            found.append(f"{name}[{' '.join(values)}]" if values else name)
        return sorted(job for job in found if job not in ("all", "final", "speed", "learning_curve"))

    @property
    def rules(self) -> set[str]:
        """The rules with jobs in a dry run."""
        return {job.partition("[")[0] for job in self.jobs}

    @property
    def nothing(self) -> bool:
        """Whether there was nothing to be done."""
        return "Nothing to be done" in self.text


@dataclass(frozen=True)
class Project:
    """A project folder, the checkout whose workflow runs it, and the folder that the package is taken from."""

    folder: Path
    checkout: Path
    package: Path = ROOT / "src"

    def snakemake(self, *words: str) -> Done:
        """Run Snakemake in the project."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(self.checkout / "workflow" / "Snakefile")]
        environment = {**os.environ, "PYTHONPATH": str(self.package), "XDG_CACHE_HOME": str(self.folder / ".cache")}
        done = subprocess.run(
            [*command, "--cores", "2", *words],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout)

    def dry_run(self, *words: str) -> Done:
        """Ask what would be done."""
        done = self.snakemake("--dry-run", *words)
        assert done.code == 0, done.text
        return done

    def run(self, *words: str) -> Done:
        """Do it."""
        done = self.snakemake(*words, "--quiet", "rules")
        assert done.code == 0, done.text
        return done

    def change_config(self, **sections: Any) -> None:
        """Replace whole sections of the config."""
        write_yaml(self.folder / "config" / "config.yaml", {**self.config, **sections})

    @property
    def config(self) -> dict[str, Any]:
        """The config as it stands."""
        found = yaml.safe_load((self.folder / "config" / "config.yaml").read_text())
        assert isinstance(found, dict)
        return found

    def recipe(self, name: str) -> Path:
        """The file of a recipe."""
        return self.folder / "config" / "recipes" / f"{name}.yaml"

    def copy(self, folder: Path) -> Project:
        """Return the same project elsewhere, times of all files kept, so that nothing looks changed."""
        shutil.copytree(self.folder, folder)
        return Project(folder, self.checkout)


def write_yaml(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(value), sort_keys=False))


def write_recipe(path: Path, head: str, **fields: Any) -> None:
    """Write a small recipe of one model type."""
    write_yaml(
        path,
        {
            "model_config": {
                "backbone_config": {"unet": {"filters": 8, "max_stride": 8}},
                "head_configs": {head: {"confmaps": {"sigma": 2.5, "output_stride": 2}, **fields}},
            },
            "trainer_config": {"max_epochs": 1, "train_data_loader": {"batch_size": 2, "num_workers": 0}},
        },
    )


def write_label_file(path: Path, n_frames: int = 40) -> None:
    """Write labels of two recordings; the videos themselves need not exist for the graph."""
    points = np.random.default_rng(0).uniform(10, 90, (2 * n_frames, 2, 3, 2))
    frames = tuple(
        LabeledFrame(index // n_frames, 10 * (index % n_frames), points[index], ("a", "b"))
        for index in range(2 * n_frames)
    )
    videos = tuple(VideoRef(f"videos/v{number}.mp4", None) for number in range(2))
    write_labels(LabelSet(Skeleton(("head", "body", "tail"), ((0, 1), (1, 2))), videos, frames), path)


def make_project(folder: Path, checkout: Path, videos: int = 5) -> Project:
    """Write a project of two methods and a few videos."""
    write_recipe(folder / "config" / "recipes" / "centroid.yaml", "centroid")
    write_recipe(folder / "config" / "recipes" / "instance.yaml", "centered_instance")
    write_recipe(folder / "config" / "recipes" / "bottomup.yaml", "bottomup", pafs={"sigma": 15.0, "output_stride": 4})
    write_label_file(folder / "labels.slp")
    rows = "".join(f"v{number}\tvideos/v{number}.mp4\ts{number}\n" for number in range(videos))
    (folder / "videos.tsv").write_text(SHEET_HEAD + rows)
    write_yaml(
        folder / "config" / "config.yaml",
        {
            "datasets": {"flies": {"labels": ["labels.slp"], "label_source": "human", "complete": True}},
            "split": {"by": "session", "val": 0.2, "test": 0.2, "seed": 0},
            "recipes": {name: f"config/recipes/{name}.yaml" for name in ("centroid", "instance", "bottomup")},
            "methods": {
                "topdown": {"type": "topdown", "recipes": ["centroid", "instance"]},
                "bottomup": {"type": "bottomup", "recipes": ["bottomup"]},
            },
            "seeds": [0],
            "videos": "videos.tsv",
            "predict": {"releases": ["dev-topdown"], "batch": {"count": 2}},
        },
    )
    return Project(folder, checkout)


def until(is_true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
