"""``posewright predict`` on really trained, tiny models."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from posewright import cli
from posewright.files import read_json
from posewright.prediction.batch import predict_videos
from posewright.prediction.poses import read_poses
from posewright.prediction.release import make_release
from posewright.tracking.tracker import tracker_for

from .training.small import make_small_data, one_thread, small_recipe, train

FILES = ["frames.parquet", "poses.parquet", "poses.slp", "status.json"]


@pytest.fixture(scope="module", autouse=True)
def few_threads() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short videos, a model that finds something in them, and a release of it."""
    folder = tmp_path_factory.mktemp("made")
    make_small_data(folder)
    recipe = small_recipe("bottomup", train_steps_per_epoch=40, max_epochs=1)
    model = train(folder, recipe, folder / "models" / "bottomup" / "fold0_seed0")
    release = folder / "releases" / "flies" / "release.json"
    make_release("flies", {}, [model], release, folder / "ledger.tsv", backend="torch", peak_threshold=0.02)
    return folder


def leave(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main([str(word) for word in words])
    code = left.value.code
    assert isinstance(code, int)
    return code


def test_one_command_gives_what_the_workflow_gives(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, bundle = made / "videos" / "recording_1.mp4", made / "releases" / "flies" / "flies.posewright"
    moved = tmp_path / "from a colleague" / "the flies.posewright"
    moved.parent.mkdir()
    shutil.copyfile(bundle, moved)
    out = tmp_path / "out"
    assert leave("predict", video, "--models", moved, "--out", out) == 0
    assert f"{out / 'recording_1'}: ok, 24 of 24 frames" in capsys.readouterr().out
    assert os.listdir(out) == ["recording_1"]
    assert sorted(os.listdir(out / "recording_1")) == FILES
    status = read_json(out / "recording_1" / "status.json")
    assert (status["video"], status["release"], status["state"]) == ("recording_1", "flies", "ok")

    manifest = tmp_path / "manifest.json"
    row = {"video": "v", "path": str(video)}
    release = bundle.with_name("release.json")
    tracker = {
        "similarity": "oks",
        "window_frames": 5,
        "n_animals": None,
        "min_similarity": 0.001,
        "reduction": "mean",
        "motion": "linear",
    }
    predict_videos(release, [row], {"tracker": tracker}, tmp_path / "w", tmp_path / "p", manifest, tracker_for)
    product = Path(read_json(manifest)["videos"]["v"]["product"])
    ours, theirs = read_poses(out / "recording_1" / "poses.parquet"), read_poses(product / "poses.parquet")
    assert len(ours) > 0
    pd.testing.assert_frame_equal(ours, theirs)


def test_model_folders_and_options(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = made / "models" / "bottomup" / "fold0_seed0"
    videos = [made / "videos" / f"recording_{number}.mp4" for number in (1, 2)]
    words = ["--models", model, "--backend", "torch", "--threads", "1", "--peak-threshold", "0.02", "--no-tracking"]
    part = ["--start", "4", "--stop", "12", "--roi", "10,10,90,90"]
    assert leave("predict", *videos, *words, *part, "--out", tmp_path / "out") == 0, capsys.readouterr().err
    assert sorted(os.listdir(tmp_path / "out")) == ["recording_1", "recording_2"]
    poses = read_poses(tmp_path / "out" / "recording_1" / "poses.parquet")
    assert len(poses) and poses["frame"].between(4, 11).all() and poses["track"].isna().all()


def test_a_video_that_failed_is_told_and_is_the_exit_code(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video at all")
    bundle = made / "releases" / "flies" / "flies.posewright"
    words = ["predict", tmp_path / "broken.mp4", "--models", bundle, "--out", tmp_path / "out"]
    assert leave(*words) == cli.TOO_MANY_FAILED
    assert "broken: failed" in (told := capsys.readouterr().out) and "not_a_video" in told
    assert sorted(os.listdir(tmp_path / "out" / "broken")) == FILES
    assert leave(*words) == 2
    assert "There are results already" in capsys.readouterr().err


def test_slips_are_sentences(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, bundle = made / "videos" / "recording_1.mp4", made / "releases" / "flies" / "flies.posewright"
    for words, sentence in [
        ([video, "--models", tmp_path / "gone"], "there is no such folder"),
        ([video, "--models", tmp_path], "it has no model.json"),
        ([video, "--models", bundle, bundle], "it is a file; give one or two model folders, or one bundle"),
        ([video, "--models", video], "no sound bundle"),
        ([video, "--models", bundle, "--backend", "torch"], "leave out --backend"),
        ([video, video, "--models", bundle], "Given twice"),
        ([video, "--models", bundle, "--start", "5", "--stop", "5"], "does not lie behind"),
        ([video, "--models", bundle, "--roi", "5,5,2,9"], "--roi"),
        ([video, "--models", bundle, "--n-animals", "0"], "whole number from 1"),
    ]:
        assert leave("predict", *words, "--out", tmp_path / "out") == 2
        assert sentence in capsys.readouterr().err
        assert not any((tmp_path / "out").glob("*")), words


def test_equal_file_names_get_folders_of_their_own(made: Path, tmp_path: Path) -> None:
    videos = []
    for name in ("monday", "tuesday"):
        (tmp_path / name).mkdir()
        videos.append(Path(shutil.copyfile(made / "videos" / "recording_1.mp4", tmp_path / name / "-cam 0$(x).mp4")))
    bundle = made / "releases" / "flies" / "flies.posewright"
    assert leave("predict", *videos, "--models", bundle, "--stop", "2", "--out", tmp_path / "out") == 0
    names = os.listdir(tmp_path / "out")
    assert len(names) == 2 and all(name.startswith("cam_0_x_-") for name in names)
