"""A bundle goes to another folder and user, whose project has no labels: the poses are those of its maker.

The other user's files have odd names, and one video is cut over jobs: neither may change anything.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from posewright.files import file_digest, read_json
from posewright.plan import Plan
from posewright.prediction.batch import predict_videos
from posewright.prediction.poses import read_poses
from posewright.prediction.release import make_release
from posewright.status import read_status
from posewright.tracking.tracker import tracker_for

from ..training.small import make_small_data, small_recipe, train
from .tiny_project import ROOT, Project, write_yaml

pytestmark = pytest.mark.long

VIDEOS = ("recording_1", "recording_2", "recording_3")
TYPES = ("centroid", "centered_instance")
ODD = ("-cam 0 'x' \"y\".mp4", "$(touch bad)\n`touch bad`.mp4", "ü漢🐁; touch bad.mp4")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release and the poses of three videos, as its maker has them."""
    folder = tmp_path_factory.mktemp("maker")
    make_small_data(folder)
    recipes = {name: small_recipe(name, train_steps_per_epoch=60, max_epochs=1) for name in TYPES}
    models = [train(folder, recipe, folder / "models" / name / "fold0_seed0") for name, recipe in recipes.items()]
    release = folder / "flies" / "release.json"
    make_release("flies", {"method": "topdown"}, models, release, folder / "ledger.tsv", peak_threshold=0.02)
    rows = [{"video": video, "path": str(folder / "videos" / f"{video}.mp4")} for video in VIDEOS]
    settings = json.loads(Plan.load({"datasets": {"flies": {}}, "work_dir": str(folder)}).videos.settings())
    predict_videos(release, rows, settings, folder / "work", folder / "p", folder / "manifest.json", tracker_for)
    return folder


@pytest.fixture(scope="module")
def ours(theirs: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project of another user, run once."""
    project = Project(tmp_path_factory.mktemp("another user"), ROOT)
    place = project.folder / "from a colleague's disk" / "my flies (1).posewright"
    place.parent.mkdir()
    shutil.copyfile(theirs / "flies" / "flies.posewright", place)
    (project.folder / "videos").mkdir()
    with (project.folder / "videos.tsv").open("w", newline="", encoding="utf-8") as sheet:
        rows = csv.writer(sheet, delimiter="\t", lineterminator="\n")
        rows.writerow(["video", "path", "duration_s"])
        for video, name in zip(VIDEOS, ODD, strict=True):
            shutil.copyfile(theirs / "videos" / f"{video}.mp4", project.folder / "videos" / name)
            rows.writerow([video, f"videos/{name}", 0.8 if video == VIDEOS[2] else ""])
    bundle = {"bundle": str(place.relative_to(project.folder)), "sha256": file_digest(place)}
    write_yaml(
        project.folder / "config" / "config.yaml",
        {
            "datasets": {"mine": {}},
            "releases": {"brought": bundle},
            "videos": "videos.tsv",
            "predict": {"releases": ["brought"], "batch": {"count": 2}, "chunk_frames": 8},
        },
    )
    done = project.snakemake("--show-failed-logs")
    assert done.code == 0, done.text
    return project


def test_the_poses_are_those_of_the_maker(theirs: Path, ours: Project) -> None:
    products = read_json(theirs / "manifest.json")["videos"]
    for video in VIDEOS:
        before = read_poses(Path(products[video]["product"]) / "poses.parquet")
        after = read_poses(ours.folder / "results" / "mine" / "videos" / "brought" / video / "poses.parquet")
        assert len(before) > 0
        pd.testing.assert_frame_equal(before, after)
    states = [row["state"] for row in read_status(ours.folder / "results" / "status.tsv")]
    assert states == ["ok"] * len(VIDEOS)
    assert not (ours.folder / "bad").exists()
    chunks = {path.name for path in (ours.folder / "work" / "predict" / "batches" / "mine" / "brought").iterdir()}
    assert {f"chunk{number}of3-{VIDEOS[2]}.json" for number in (1, 2, 3)} | {f"cut-{VIDEOS[2]}.json"} <= chunks


def test_nothing_is_left_to_do_even_when_the_colleague_takes_the_file_back(ours: Project) -> None:
    shutil.rmtree(ours.folder / "from a colleague's disk")
    assert ours.dry_run().nothing


def test_a_wrong_digest_is_told_and_leaves_no_release(theirs: Path, ours: Project, tmp_path: Path) -> None:
    other = Project(tmp_path, ROOT)
    for name in ("config", "videos.tsv"):
        source, target = ours.folder / name, tmp_path / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)
    bundle = {"bundle": str(theirs / "flies" / "flies.posewright"), "sha256": "0" * 64}
    other.change_config(releases={"brought": bundle})
    done = other.snakemake("--show-failed-logs")
    assert done.code != 0 and "the config says 0000" in done.text
    assert not (tmp_path / "results" / "mine" / "releases" / "brought" / "release.json").exists()
