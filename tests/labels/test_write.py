"""What is written reads back equal, with the user's own spelling of videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sleap_io

from posewright.errors import InputError
from posewright.labels.digest import labels_digest
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.read import read_labels, read_side
from posewright.labels.write import write_labels, write_predictions
from posewright.shapes import PoseBatch

from .make_labels import SKELETON, make_labels

REAL = (
    "flies-pair/train.pkg.slp",
    "mice-home/labels.slp",
    "tiny/robot.slp",
    "tiny/two_flies_one_frame.pkg.slp",
    "mouse-openfield/config.yaml",
    "mouse-openfield/sample.pkg.slp",
    "formats/coco/nested_paths/annotations.json",
    "formats/slp/multiview.slp",
    "formats/slp/reduce.slp",
)


def same(first: LabelSet, second: LabelSet) -> bool:
    paths = [[video.path for video in labels.videos] for labels in (first, second)]
    return first.frames == second.frames and first.skeleton == second.skeleton and paths[0] == paths[1]


@pytest.mark.parametrize("name", REAL)
def test_real_labels_read_back_equal(shared_data: Path, tmp_path: Path, name: str) -> None:
    labels = read_labels([shared_data / name])
    write_labels(labels, tmp_path / "out.slp")
    assert same(read_labels([tmp_path / "out.slp"]), labels)


def test_videos_without_frames_are_kept_in_order(tmp_path: Path) -> None:
    labels = make_labels([(1, 5), (2, 0)], ("a.mp4", "b.mp4", "c.mp4"), animals=3)
    write_labels(labels.only([(2, 0)]), tmp_path / "part.slp")
    part = read_labels([tmp_path / "part.slp"])
    assert [video.path for video in part.videos] == ["a.mp4", "b.mp4", "c.mp4"]
    assert part.frames == labels.frames[1:]


def test_nothing_is_left_behind_and_a_second_write_replaces_the_first(tmp_path: Path) -> None:
    for frames in ([(0, 1), (0, 2)], [(0, 3)]):
        write_labels(make_labels(frames), tmp_path / "a.slp")
    assert [path.name for path in tmp_path.iterdir()] == ["a.slp"]
    assert [frame.frame for frame in read_labels([tmp_path / "a.slp"]).frames] == [3]


def test_predictions_are_predicted_instances(tmp_path: Path) -> None:
    points = np.arange(24.0).reshape(3, 4, 2)
    points[1, 2] = np.nan
    scores = np.where(np.isnan(points[..., 0]), np.nan, 0.5)
    sure = np.array([0.75, np.nan, 0.25])
    poses = PoseBatch(points, np.array([0, 0, 2]), 3, node_scores=scores, class_scores=sure)
    keys = [(1, 7), (0, 3), (0, 9)]
    videos = [VideoRef("a.mp4", None), VideoRef("b.mp4", None)]
    write_predictions(tmp_path / "p.slp", SKELETON, videos, keys, poses, ["mia", None, "mia"])
    found = sleap_io.load_slp(str(tmp_path / "p.slp"), open_videos=False)
    frames = {(found.videos.index(frame.video), frame.frame_idx): frame for frame in found.labeled_frames}
    assert {key: len(frame.predicted_instances) for key, frame in frames.items()} == {(1, 7): 2, (0, 3): 0, (0, 9): 1}
    assert not any(frame.user_instances for frame in frames.values())
    second = frames[1, 7].predicted_instances[1]
    np.testing.assert_array_equal(second.numpy(), points[1])
    assert (second.score, second.track) == (0.375, None)
    assert [one.tracking_score for one in frames[1, 7].predicted_instances] == [0.75, 0.0]
    assert [track.name for track in found.tracks] == ["mia"]


def test_a_frame_without_instances_is_left_out_when_read_unless_it_is_marked_as_empty(tmp_path: Path) -> None:
    labels = make_labels([(0, 1), (0, 9)])
    empty = LabeledFrame(0, 5, np.zeros((0, 4, 2)), ())
    with_empty = LabelSet(labels.skeleton, labels.videos, (labels.frames[0], empty, labels.frames[1]))
    write_labels(with_empty, tmp_path / "a.slp")
    marked = sleap_io.load_slp(str(tmp_path / "a.slp"), open_videos=False)
    assert [len(frame.instances) for frame in marked.labeled_frames] == [1, 0, 1]
    marked.labeled_frames[1].is_negative = True
    marked.save(str(tmp_path / "b.slp"), verbose=False)
    for name, negatives in (("a.slp", ()), ("b.slp", ((0, 5),))):
        assert read_labels([tmp_path / name]) == LabelSet(labels.skeleton, labels.videos, labels.frames, negatives)
    write_labels(labels, tmp_path / "plain.slp")
    assert labels_digest(tmp_path / "a.slp") == labels_digest(tmp_path / "plain.slp")
    assert labels_digest(tmp_path / "b.slp") != labels_digest(tmp_path / "a.slp")
    write_labels(read_labels([tmp_path / "b.slp"]), tmp_path / "c.slp")
    assert read_side(tmp_path / "c.slp").negatives == ((0, 5),)
    assert labels_digest(tmp_path / "c.slp") == labels_digest(tmp_path / "b.slp")
    write_labels(labels.only([]), tmp_path / "none.slp")
    with pytest.raises(InputError, match="no user instances"):
        read_labels([tmp_path / "none.slp"])
