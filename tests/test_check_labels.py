"""What `posewright check` tells of label files, and what it forecasts of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sleap_io

from posewright.check import check_inputs
from posewright.check_forecast import FRAME_BYTES, NODE_BYTES, forecast, forecast_words
from posewright.cli import check_project
from posewright.config.project import load_project
from posewright.config.sheet import VideoRow
from posewright.config.videos import PredictConfig
from posewright.errors import InputProblems
from posewright.files import read_json, write_json
from posewright.labels.read import read_labels
from posewright.labels.write import write_labels


def check(folder: Path, **dataset: Any) -> Any:
    project = load_project(
        {"datasets": {"data": {"label_source": "human", **dataset}}, "split": {"block_frames": 5, "gap_frames": 0}}
    )
    check_inputs(project, "data", folder / "check.json")
    return read_json(folder / "check.json")


def moved(shared_data: Path, folder: Path, by_px: float, n_frames: int = 4) -> Path:
    """The labels of mice-home with all points of some frames moved to the right."""
    labels = read_labels([shared_data / "mice-home" / "labels.slp"])
    frames = [
        replace(frame, points=frame.points + np.array([by_px * (index < n_frames), 0]))
        for index, frame in enumerate(labels.frames)
    ]
    write_labels(replace(labels, frames=tuple(frames), negatives=((0, 5),)), folder / "moved.slp")
    return folder / "moved.slp"


def test_each_file_has_its_statistics(shared_data: Path, tmp_path: Path) -> None:
    mice = shared_data / "mice-home"
    facts = check(tmp_path, labels=[{"path": str(mice / "labels.slp"), "complete": False}], label_source="corrected")[
        "labels"
    ]
    file = facts["files"][0]
    assert (file["kind"], file["label_source"], file["complete"]) == ("slp", "corrected", False)
    assert (file["frames"], file["instances"], file["tracks"]) == (10, 20, ["mouse_1", "mouse_2"])
    assert file["sizes"] == [[768, 1024]]
    marks = np.concatenate([frame.points for frame in read_labels([mice / "labels.slp"]).frames])
    assert file["visible"]["nose"] == pytest.approx(np.isfinite(marks[:, 0, 0]).mean())
    assert facts["notes"][-1].startswith("Label files differ in label_source or complete")


def test_what_is_odd_is_told(shared_data: Path, tmp_path: Path) -> None:
    path = moved(shared_data, tmp_path, 700.0)
    labels = sleap_io.load_slp(str(path), open_videos=False)
    labels.tracks.append(sleap_io.Track("nobody"))
    frame = labels.labeled_frames[0]
    copy = sleap_io.Instance.from_numpy(frame.instances[0].numpy(), labels.skeletons[0], track=labels.tracks[-1])
    labels.tracks.append(sleap_io.Track("still nobody"))
    frame.instances.append(copy)
    other = sleap_io.Instance.from_numpy(copy.numpy() + 3, labels.skeletons[0], track=frame.instances[0].track)
    frame.instances.append(other)
    frame.instances.append(sleap_io.PredictedInstance.from_numpy(copy.numpy() + 1, labels.skeletons[0]))
    sleap_io.save_slp(labels, str(path), verbose=False)
    found = check(tmp_path, labels=[str(path)], video_paths=[str(shared_data / "mice-home")])["labels"]
    notes = "\n".join(found["notes"])
    assert "1 predicted instances do not count" in notes
    assert "no labelled animal is in the tracks still nobody" in notes
    assert "points lie outside its image of 1024x768; the first is" in notes
    assert "1 instances are copies of another one under a second name" in notes
    assert f"in 1 frames several animals are in one track, the first is {other.track.name} in frame" in notes
    assert found["files"][0]["frames_without_animals"] == 1


def test_labels_that_lie_mostly_outside_are_labels_of_another_video(shared_data: Path, tmp_path: Path) -> None:
    path = moved(shared_data, tmp_path, 2000.0, n_frames=10)
    with pytest.raises(InputProblems, match="check that this is the video that was labelled"):
        check(tmp_path, labels=[str(path)], video_paths=[str(shared_data / "mice-home")])


def test_a_video_of_another_size_under_the_same_name_is_told(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "video.mp4").symlink_to(shared_data / "flies-pair" / "video.mp4")
    (tmp_path / "labels.slp").write_bytes((shared_data / "mice-home" / "labels.slp").read_bytes())
    with pytest.raises(InputProblems, match="is another video: its frames are 384x384, the label file says 1024x768"):
        check(tmp_path, labels=[str(tmp_path / "labels.slp")])


def test_frames_in_two_files_with_images_of_one_film_are_told(shared_data: Path, tmp_path: Path) -> None:
    flies = shared_data / "flies-pair"
    copy = tmp_path / "copy.pkg.slp"
    copy.write_bytes((flies / "val.pkg.slp").read_bytes())
    notes = check(tmp_path, labels=[str(flies / "val.pkg.slp"), str(copy)])["labels"]["notes"]
    assert any("frames are labelled in several files that bring images of one film" in note for note in notes)


def test_the_console_tells_files_and_forecast(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    labels = shared_data / "mice-home" / "labels.slp"
    (tmp_path / "videos.tsv").write_text("video\tpath\texclude\nthere\tvideos.tsv\t\ngone\tg.mp4\t\nnot\tn.mp4\t1\n")
    sheet = str(tmp_path / "videos.tsv")
    datasets = {"mice": {"labels": [str(labels)], "label_source": "human"}}
    write_json(config, {"datasets": datasets, "split": {"block_frames": 5}, "videos": sheet})
    assert check_project(config) == 0
    said = capsys.readouterr().out
    assert "labels.slp (slp, label source human): 10 frames, 20 instances, 2 tracks, images 1024x768; visible:" in said
    assert "forecast: no video will be predicted" in said
    assert (
        f"  1 of 2 videos of the sheet does not exist, the first is gone ({tmp_path / 'g.mp4'}); a run goes on" in said
    )


# --- forecast -------------------------------------------------------------------------------------------------------


def predict(**changes: Any) -> Any:
    methods = {"single": {"type": "single_instance", "recipes": ["one"]}}
    value = {"datasets": {"a": {}}, "recipes": {"one": "one.yaml"}, "methods": methods, "videos": "videos.tsv"}
    return load_project({**value, "predict": {"releases": ["dev-single"], **changes}}).predict


ROWS = [
    VideoRow("v1", "v1.mp4", "a", duration_s=60.0, fps=25.0, n_animals=3),
    VideoRow("v2", "v2.mp4", "a", start=100, stop=600),
    VideoRow("v3", "v3.mp4", "a", exclude=True),
    VideoRow("v4", "v4.mp4", "b"),
]


def test_the_forecast_counts_what_will_be_made(tmp_path: Path) -> None:
    found = forecast(predict(), "a", ROWS, n_nodes=10, animals=2, root=tmp_path)
    assert (found["videos"], found["files"], found["frames"]) == (2, 8, 2000)
    nodes = 1500 * 3 * 10 + 500 * 2 * 10
    assert found["bytes"] == nodes * sum(NODE_BYTES.values()) + 2000 * FRAME_BYTES["frames"]
    assert found["seconds"] is None
    assert "2 videos x 1 releases make 8 files and 2000 frames, about 2 MB (bytes per node" in forecast_words(found)
    assert forecast(predict(keep=["frames"]), "a", ROWS, 10, 2, tmp_path)["bytes"] == 16000
    assert set(PredictConfig().keep) == {*NODE_BYTES, *FRAME_BYTES}
    more = forecast(predict(also_write=["nwb"]), "a", ROWS, 10, 2, tmp_path)
    assert (more["files"], more["bytes"]) == (10, found["bytes"])
    assert "also_write not counted" in forecast_words(more)


def test_what_cannot_be_known_is_not_told(tmp_path: Path) -> None:
    found = forecast(predict(), "a", [*ROWS, VideoRow("v5", "v5.mp4", "a")], 10, 2, tmp_path)
    assert (found["frames"], found["bytes"], found["files"]) == (None, None, 12)
    assert "1 row gives no duration_s and fps, nor stop" in forecast_words(found)
    assert forecast(predict(), "a", ROWS, None, None, tmp_path)["bytes"] is None


def test_time_is_forecast_from_benchmarks_of_the_same_release(tmp_path: Path) -> None:
    table = tmp_path / "benchmarks" / "predict_videos" / "a" / "dev-single" / "all.tsv"
    table.parent.mkdir(parents=True)
    table.write_text("s\th:m:s\n50.0\t0:00:50\n")
    status = tmp_path / "results" / "status.tsv"
    status.parent.mkdir()
    status.write_text("dataset\trelease\tvideo\tframes_predicted\na\tdev-single\tv1\t1000\nb\tdev-single\tx\t9\n")
    found = forecast(predict(), "a", ROWS, 10, 2, tmp_path)
    assert found["seconds"] == pytest.approx(2000 / (1000 / 50.0))
    assert "h (batches of these releases as benchmarked here" in forecast_words(found)
    status.write_text("damaged")
    assert forecast(predict(), "a", ROWS, 10, 2, tmp_path)["seconds"] is None
