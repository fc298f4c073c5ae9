"""A video in pieces, in any order and over any jobs, gives what one run gives, to the bit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from posewright.prediction.contracts import Estimator
from posewright.prediction.pieces import Chunk, Cut, FramePoses, Pieces, joined, no_poses
from posewright.prediction.status import Status
from posewright.prediction.stream import compute_pieces
from posewright.prediction.task import VideoTask
from posewright.prediction.video import predict_chunk, predict_video
from posewright.samples.video import source_of
from posewright.shapes import PoseBatch
from posewright.tracking.tracker import WindowTracker

from ..samples.films import run
from .conftest import DotEstimator

FILES = ("poses.parquet", "frames.parquet", "poses.slp")


@dataclass
class BatchMinded:
    """Finds dots, and lets each batch's own make show in the scores, as a network's arithmetic may."""

    found: DotEstimator
    seen: int = 0

    @property
    def skeleton(self) -> Any:
        return self.found.skeleton

    @property
    def classes(self) -> tuple[str, ...]:
        return ()

    def predict(self, images: NDArray[np.uint8]) -> PoseBatch:
        self.seen += len(images)
        poses = self.found.predict(images)
        return PoseBatch(
            poses.points, poses.frame, poses.n_frames, poses.node_scores, np.full(len(poses), images.mean())
        )


def whole(folder: Path, task: VideoTask, cut: Cut | None = None, pieces: Path | None = None) -> tuple[Status, int]:
    """Predict a video; return its status and how many images the estimator saw."""
    folder.mkdir()
    estimator = BatchMinded(DotEstimator())
    status, _ = predict_video(task, estimator, WindowTracker("centroid", n_animals=2), folder, cut, pieces=pieces)
    return status, estimator.seen


def in_chunks(folder: Path, task: VideoTask, cut: Cut, count: int, order: Callable[[int], Any]) -> tuple[Status, int]:
    """Predict a video in chunks, each with an estimator of its own, and join them."""
    pieces = folder.with_suffix(".pieces")
    for number in order(count):
        predict_chunk(task, BatchMinded(DotEstimator()), cut, pieces, Chunk(number, count))
    return whole(folder, task, cut, pieces)


def assert_same(a: Path, b: Path) -> None:
    assert sorted(path.name for path in b.iterdir()) == sorted(FILES)
    for name in FILES:
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


def variable_rate(film: Path, path: Path) -> Path:
    """Write the film again with every frame later than the one before by another step."""
    stamps = "setpts=(N+0.3*N*N/60)/(20*TB)"
    words = ["-vf", stamps, "-fps_mode", "passthrough", "-enc_time_base", "1/1000", "-c:v", "libx264", "-g", "12"]
    run("-i", str(film), *words, str(path))
    return path


def closed_groups(film: Path, path: Path) -> Path:
    """Write the film in groups of four, which need none of the others."""
    run("-i", str(film), "-c:v", "libx264", "-g", "4", "-bf", "2", str(path))
    return path


def open_groups(film: Path, path: Path) -> Path:
    """Write the film in groups that begin with pictures made of the group before."""
    parameters = "open-gop=1:keyint=6:min-keyint=1:bframes=3:b-pyramid=normal:scenecut=0"
    run("-i", str(film), "-c:v", "libx264", "-x264-params", parameters, str(path))
    return path


def truncated(film: Path, path: Path) -> Path:
    """Write the first part of the film's bytes."""
    content = film.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.55)])
    return path


def damaged(film: Path, path: Path) -> Path:
    """Write the film with noise in the middle."""
    content = bytearray(film.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = np.random.default_rng(0).bytes(3000)
    path.write_bytes(bytes(content))
    return path


def missing(film: Path, path: Path) -> Path:
    return path


def as_it_is(film: Path, path: Path) -> Path:
    return film


@pytest.mark.parametrize("make", [as_it_is, variable_rate, closed_groups, open_groups, truncated, damaged, missing])
@pytest.mark.parametrize(("chunk_frames", "count"), [(8, 8), (17, 3), (13, 9)])
def test_chunks_in_any_order_give_what_one_run_gives(
    film: Path, tmp_path: Path, make: Callable[[Path, Path], Path], chunk_frames: int, count: int
) -> None:
    task = VideoTask("a", str(make(film, tmp_path / "film.mp4")), start=3)
    expected, n_seen = whole(tmp_path / "whole", task)
    cut = Cut.of(8, chunk_frames)
    assert (cut.piece_frames % 8, cut.chunk_pieces) == (0, 1)
    status, n_computed = in_chunks(tmp_path / "cut", task, cut, count, lambda n: reversed(range(n)))
    assert status == expected
    assert status.state == {"truncated": "partial", "damaged": "partial", "missing": "failed"}.get(make.__name__, "ok")
    assert_same(tmp_path / "whole", tmp_path / "cut")
    assert n_computed == 0  # the job that joins computes nothing
    assert n_seen == expected.frames_decoded


def test_a_video_longer_or_shorter_than_its_chunks_were_planned_for(film: Path, tmp_path: Path) -> None:
    task = VideoTask("a", str(film), stop=50)
    expected, _ = whole(tmp_path / "whole", task)
    for count in (1, 2, 40):
        status, n_computed = in_chunks(tmp_path / f"in{count}", task, Cut.of(8, 8), count, range)
        assert (status, n_computed) == (expected, 0)
        assert_same(tmp_path / "whole", tmp_path / f"in{count}")


def test_pieces_that_never_came_are_computed_by_the_job_that_joins(film: Path, tmp_path: Path) -> None:
    task, cut = VideoTask("a", str(film)), Cut.of(8, 16)
    expected, _ = whole(tmp_path / "whole", task)
    status, n_computed = in_chunks(tmp_path / "cut", task, cut, 4, lambda n: (0, 2))
    assert (status, n_computed) == (expected, 60 - 2 * 16)
    assert_same(tmp_path / "whole", tmp_path / "cut")


def test_an_interrupted_video_goes_on_from_its_finished_pieces(film: Path, tmp_path: Path) -> None:
    task, cut = VideoTask("a", str(film)), Cut.of(8, 16)
    expected, _ = whole(tmp_path / "whole", task)

    class Dies(BatchMinded):
        def predict(self, images: NDArray[np.uint8]) -> PoseBatch:
            if self.seen >= 40:
                raise MemoryError
            return super().predict(images)

    (tmp_path / "dead").mkdir()
    with pytest.raises(MemoryError):
        predict_video(task, Dies(DotEstimator()), None, tmp_path / "dead", cut, pieces=tmp_path / "pieces")
    status, n_computed = whole(tmp_path / "again", task, cut, tmp_path / "pieces")
    assert (status, n_computed) == (expected, 60 - 2 * 16)
    assert_same(tmp_path / "whole", tmp_path / "again")


def test_another_file_or_another_cut_has_other_pieces(film: Path, tmp_path: Path) -> None:
    path = Path(shutil.copyfile(film, tmp_path / "film.mp4"))
    task, pieces = VideoTask("a", str(path)), tmp_path / "pieces"
    whole(tmp_path / "first", task, Cut.of(8, 16), pieces)
    assert whole(tmp_path / "same", task, Cut.of(8, 16), pieces)[1] == 0
    assert whole(tmp_path / "cut", task, Cut.of(4, 16), pieces)[1] == 60
    path.touch()
    assert whole(tmp_path / "touched", task, Cut.of(8, 16), pieces)[1] == 60


def test_a_damaged_piece_is_removed_and_told(film: Path, tmp_path: Path) -> None:
    task, cut = VideoTask("a", str(film)), Cut.of(8, 16)
    pieces = tmp_path / "pieces"
    expected, _ = whole(tmp_path / "first", task, cut, pieces)
    piece = sorted(pieces.rglob("*.npz"))[1]
    piece.write_bytes(piece.read_bytes()[:200])
    with pytest.raises(OSError, match="damaged"):
        whole(tmp_path / "hurt", task, cut, pieces)
    assert whole(tmp_path / "again", task, cut, pieces) == (expected, 16)


def test_images_of_several_sizes_are_batched_alike_wherever_a_piece_begins(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(30):
        image = np.random.default_rng(i).integers(0, 255, (40 + 8 * (i in (5, 6, 19)), 48), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{i:03d}.png"), image)
    (folder / "012.png").write_bytes(b"")
    task = VideoTask("a", str(folder))
    expected, _ = whole(tmp_path / "whole", task)
    status, _ = in_chunks(tmp_path / "cut", task, Cut.of(8, 8), 4, lambda n: (3, 1, 0, 2))
    assert status == expected and status.reason == "undecodable_frames"
    assert_same(tmp_path / "whole", tmp_path / "cut")


def test_pieces_that_vanish_meanwhile_are_a_fault_and_leave_no_wrong_end(film: Path, tmp_path: Path) -> None:
    task, cut = VideoTask("a", str(film)), Cut.of(8, 16)
    pieces = Pieces(tmp_path / "pieces", 0, None, cut)

    class Cleared(BatchMinded):
        def predict(self, images: NDArray[np.uint8]) -> PoseBatch:
            if self.seen == 40:
                shutil.rmtree(pieces.folder)
            return super().predict(images)

    with pytest.raises(OSError, match="vanished"):
        compute_pieces(task, source_of(Path(task.path)), Cleared(DotEstimator()), pieces)
    assert not any(pieces.is_end(piece) for piece in range(9))


def test_a_cut_is_of_whole_batches_and_of_bounded_pieces() -> None:
    assert Cut.of(8) == Cut(8, 4096, 1)
    assert Cut.of(5, 7000) == Cut(5, 3500, 2)
    assert Cut.of(8, 7001) == Cut(8, 3504, 2)
    assert Cut.of(8, 1) == Cut(8, 8, 1)


def test_parts_without_instances_change_no_number_type(estimator: Estimator) -> None:
    images = np.zeros((3, 96, 128, 1), np.uint8)
    images[1, 10:20, 10:20] = 255
    found = estimator.predict(images)
    single = PoseBatch(
        np.asarray(found.points, np.float32),
        found.frame,
        3,
        np.asarray(found.node_scores, np.float32),
        found.raw_scores,
    )
    numbers, times, decoded = np.arange(3), np.arange(3) / 10, np.ones(3, np.bool_)
    parts = [FramePoses(numbers, times, decoded, no_poses(3, 3)), FramePoses(numbers + 3, times, decoded, single)]
    one = joined(parts, 3)
    assert (one.poses.points.dtype, one.poses.n_frames, one.poses.frame.tolist()) == (np.float32, 6, [4])
    again = list(one.parts(3))
    assert [len(part.poses) for part in again] == [0, 1]
    assert again[1].poses.frame.tolist() == [1]
