"""The digest follows the content: an edit changes it, a save does not."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import sleap_io

from posewright.errors import InputError
from posewright.labels.digest import labels_digest
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.write import write_labels

from .make_labels import make_labels

REAL = (
    "flies-pair/labels.slp",
    "flies-pair/raw_predictions.slp",
    "flies-pair/test.pkg.slp",
    "flies-pair/tracks.slp",
    "flies-pair/train.pkg.slp",
    "flies-pair/val.pkg.slp",
    "flies-wide/labels.slp",
    "flies-wide/test.pkg.slp",
    "flies-wide/train.pkg.slp",
    "flies-wide/val.pkg.slp",
    "mice-home/labels.pkg.slp",
    "mice-home/labels.slp",
    "mice-home/noisy_predictions.slp",
    "mouse-openfield/sample.pkg.slp",
    "mouse-openfield/videos/dlc_predictions.slp",
    "tiny/robot.slp",
    "tiny/two_flies_one_frame.pkg.slp",
    "formats/slp/labels.v002.rel_paths.slp",
    "formats/slp/minimal_instance.slp",
    "formats/slp/multiview.slp",
    "formats/slp/py_written_25_identity.slp",
    "formats/slp/reduce.slp",
    "formats/slp/typical.slp",
)


@pytest.mark.parametrize("open_videos", [True, False])
@pytest.mark.parametrize("name", REAL)
def test_a_save_without_an_edit_changes_nothing(
    shared_data: Path, tmp_path: Path, name: str, open_videos: bool
) -> None:
    saved = tmp_path / "saved.slp"
    labels = sleap_io.load_slp(str(shared_data / name), open_videos=open_videos)
    sleap_io.save_slp(labels, str(saved), verbose=False)
    assert labels_digest(saved) == labels_digest(shared_data / name)


def test_embedding_the_images_changes_nothing(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "mice-home" / "labels.slp"
    sleap_io.save_slp(sleap_io.load_slp(str(source)), str(tmp_path / "a.pkg.slp"), embed=True, verbose=False)
    assert labels_digest(tmp_path / "a.pkg.slp") == labels_digest(source)


def digest(labels: LabelSet, folder: Path) -> str:
    write_labels(labels, folder / "labels.slp")
    return labels_digest(folder / "labels.slp")


def test_every_edit_changes_it(tmp_path: Path) -> None:
    labels = make_labels([(0, 1), (0, 2), (1, 1)], ("a.mp4", "b.mp4"), animals=2)
    first = labels.frames[0]
    moved = first.points.copy()
    moved[1, 0, 0] += 0.25
    skeleton = labels.skeleton
    edits = [
        replace(labels, frames=labels.frames[1:]),
        replace(labels, frames=(LabeledFrame(0, 1, moved, first.tracks), *labels.frames[1:])),
        replace(labels, frames=(LabeledFrame(0, 0, first.points, first.tracks), *labels.frames[1:])),
        replace(labels, frames=(LabeledFrame(0, 1, first.points, ("max", None)), *labels.frames[1:])),
        replace(labels, frames=(LabeledFrame(0, 1, first.points[:1], first.tracks[:1]), *labels.frames[1:])),
        replace(labels, skeleton=replace(skeleton, edges=skeleton.edges[:-1])),
        replace(labels, skeleton=replace(skeleton, symmetries=())),
        replace(labels, skeleton=replace(skeleton, nodes=("nose", *skeleton.nodes[1:]))),
        replace(labels, videos=(VideoRef("c.mp4", None), labels.videos[1])),
    ]
    assert len({digest(one, tmp_path) for one in [labels, *edits]}) == len(edits) + 1


def test_order_predictions_and_the_beginning_of_paths_do_not_count(tmp_path: Path) -> None:
    labels = make_labels([(0, 1), (0, 2), (1, 1)], ("day1/a.mp4", "day2/a.mp4"), animals=2)
    before = digest(labels, tmp_path)
    moved = replace(labels, videos=tuple(VideoRef(f"C:\\lab\\{video.path}", None) for video in labels.videos))
    assert digest(moved, tmp_path) == before
    loaded = sleap_io.load_slp(str(tmp_path / "labels.slp"), open_videos=False)
    loaded.labeled_frames.reverse()
    loaded.videos.reverse()
    for frame in loaded.labeled_frames:
        frame.instances.reverse()
        frame.instances.append(sleap_io.PredictedInstance.from_numpy(labels.frames[0].points[0], loaded.skeletons[0]))
    sleap_io.save_slp(loaded, str(tmp_path / "turned.slp"), verbose=False)
    assert labels_digest(tmp_path / "turned.slp") == before


def test_deeplabcut_content_counts_and_the_spelling_of_the_table_does_not(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "formats" / "dlc" / "labeled-data" / "video"
    old, new = (labels_digest(source / f"madlc_testdata{kind}.csv") for kind in ("", "_v2"))
    assert old == new
    table = tmp_path / "dlc_testdata.csv"
    shutil.copy(source / "dlc_testdata.csv", table)
    before = labels_digest(table)
    (tmp_path / "img000.png").touch()
    with_image = labels_digest(table)
    table.write_text(table.read_text().replace(",12,13,", ",12,14,"))
    assert len({before, with_image, labels_digest(table)}) == 3


def test_coco_content_counts_and_layout_does_not(shared_data: Path, tmp_path: Path) -> None:
    value = json.loads((shared_data / "formats/coco/flat_images/annotations.json").read_text())
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value))
    before = labels_digest(path)
    value["annotations"].reverse()
    value["info"] = {"year": 2026}
    path.write_text(json.dumps(value, indent=3))
    assert labels_digest(path) == before
    value["annotations"][0]["keypoints"][0] += 1
    path.write_text(json.dumps(value))
    assert labels_digest(path) != before


def test_the_cache_is_used_until_size_or_time_change(tmp_path: Path) -> None:
    cache = tmp_path / "work" / "digests.json"
    path = tmp_path / "labels.slp"
    write_labels(make_labels([(0, 1)]), path)
    before = labels_digest(path, cache)
    stored = json.loads(cache.read_text())
    stored[str(path)]["digest"] = "remembered"
    cache.write_text(json.dumps(stored))
    assert labels_digest(path, cache) == "remembered"
    os.utime(path, ns=(1, 1))
    assert labels_digest(path, cache) == before
    cache.write_text("{damaged")
    assert labels_digest(path, cache) == before == labels_digest(path)


@pytest.mark.parametrize(("name", "content"), [("a.slp", b"no"), ("a.json", b"{}"), ("none.slp", None)])
def test_foreign_and_missing_files_are_told(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read|does not exist"):
        labels_digest(tmp_path / name)
