from __future__ import annotations

import csv
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
import sleap_io

from posewright.config.sheet import read_sheet
from posewright.labels.read import read_labels
from posewright.shapes import Size
from posewright.synthetic.animal import SKELETON
from posewright.synthetic.dataset import labelled_frames, make_dataset
from posewright.synthetic.render import Renderer
from posewright.synthetic.scene import Truth, make_scene
from posewright.synthetic.spec import ArenaSpec

SPEC = ArenaSpec(
    n_animals=3,
    animal_length_px=44,
    size=Size(112, 144),
    crowding=1.0,
    n_recordings=3,
    n_frames=31,
    fps=29.97,
    n_labeled=10,
    same_individuals=False,
    seed=7,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic") / "new" / "set"
    make_dataset(SPEC, out)
    return out


@pytest.fixture(scope="module")
def truths() -> list[Truth]:
    return [make_scene(SPEC, recording).truth() for recording in range(3)]


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_nothing_but_the_promised_files_is_left(folder: Path) -> None:
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    videos = [f"videos/recording_{number}.mp4" for number in (1, 2, 3)]
    assert files == ["labels.slp", "truth.parquet", "videos.tsv", *videos]


@pytest.mark.parametrize("recording", [0, 2])
def test_the_video_holds_the_frames_that_were_drawn(folder: Path, recording: int) -> None:
    frames = decoded(folder / f"videos/recording_{recording + 1}.mp4")
    assert frames.shape == (31, 112, 144, 3)
    assert (frames == frames[..., :1]).all()  # gray
    drawn = np.stack(list(Renderer(make_scene(SPEC, recording)).frames()))
    assert np.abs(frames[..., 0].astype(int) - drawn).mean() < 2.5


def test_labels_are_the_truth_of_visible_nodes(folder: Path, truths: list[Truth]) -> None:
    labels = sleap_io.load_slp(str(folder / "labels.slp"))
    assert tuple(labels.skeleton.node_names) == SKELETON.nodes
    assert tuple(map(tuple, labels.skeleton.edge_inds)) == SKELETON.edges
    assert len(labels.labeled_frames) == 30
    hidden = 0
    for labelled in labels.labeled_frames:
        recording = labels.videos.index(labelled.video)
        truth = truths[recording]
        first_animal = 1 + 3 * recording
        in_sight = [animal for animal in range(3) if truth.visible[labelled.frame_idx, animal].any()]
        assert [each.track.name for each in labelled.instances] == [f"animal_{first_animal + n}" for n in in_sight]
        for animal, instance in zip(in_sight, labelled.instances, strict=True):
            expected = truth.seen()[labelled.frame_idx, animal]
            np.testing.assert_array_equal(instance.numpy(), expected)
            hidden += int(np.isnan(expected).any(axis=-1).sum())
    assert hidden > 20


def test_our_reader_finds_the_videos_beside_the_labels(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    labels = read_labels([folder / "labels.slp"])
    assert [video.path for video in labels.videos] == [f"videos/recording_{number}.mp4" for number in (1, 2, 3)]
    assert all(video.source is not None and video.source.is_file() for video in labels.videos)


def test_labelled_frames_are_spread_evenly() -> None:
    frames = labelled_frames(SPEC)
    assert len(frames) == 10
    assert set(np.diff(frames)) <= {3, 4}
    assert 0 <= frames[0] < 4
    assert 27 < frames[-1] < 31


def test_truth_has_every_node_of_every_animal_in_every_frame(folder: Path, truths: list[Truth]) -> None:
    table = pq.read_table(folder / "truth.parquet").to_pandas()
    assert len(table) == 3 * 31 * 3 * 9
    assert list(table.columns) == (
        ["recording", "frame", "time_s", "animal", "node", "x_px", "y_px", "visible", "hidden_by"]
    )
    second = table[table.recording == "recording_2"]
    expected = truths[1]
    np.testing.assert_array_equal(second[["x_px", "y_px"]].to_numpy(), expected.points.reshape(-1, 2))
    np.testing.assert_array_equal(second.visible.to_numpy(), expected.visible.ravel())
    row = second[(second.frame == 30) & (second.animal == "animal_6") & (second.node == "tail_tip")].iloc[0]
    assert row.x_px == expected.points[30, 2, SKELETON.index("tail_tip"), 0]
    assert row.time_s == pytest.approx(30 / 29.97)
    assert (table.hidden_by.isna() == table.visible).all()
    assert set(table.hidden_by.dropna()) <= {f"animal_{number}" for number in range(1, 10)} | {"hut"}


def test_the_sheet_names_every_recording(folder: Path) -> None:
    with (folder / "videos.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [row["video"] for row in rows] == ["recording_1", "recording_2", "recording_3"]
    assert len({row["session"] for row in rows}) == 3
    assert rows[1]["animals"] == "animal_4,animal_5,animal_6"
    assert [row["path"] for row in rows] == [f"videos/{row['video']}.mp4" for row in rows]
    assert all((folder / row["path"]).is_file() and row["n_animals"] == "3" for row in rows)


def test_our_sheet_reader_accepts_the_sheet(folder: Path) -> None:
    rows = read_sheet(folder / "videos.tsv")
    assert [row.n_animals for row in rows] == [3, 3, 3]
    assert rows[2].animals == ("animal_7", "animal_8", "animal_9")


def test_a_second_run_writes_the_same_truth_and_videos(folder: Path, tmp_path: Path) -> None:
    make_dataset(SPEC, tmp_path)
    assert (folder / "truth.parquet").read_bytes() == (tmp_path / "truth.parquet").read_bytes()
    name = "videos/recording_1.mp4"
    assert np.array_equal(decoded(folder / name), decoded(tmp_path / name))
