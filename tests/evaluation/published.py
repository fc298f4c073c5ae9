"""Published videos of releases that are known to the pixel: real films, and poses that are functions of the frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from posewright.labels.skeleton import Skeleton
from posewright.prediction.poses import FRAMES_NAME, POSES_NAME, FramesWriter, PosesWriter
from posewright.prediction.status import Status, write_status
from posewright.shapes import PoseBatch

MOUSE = Skeleton(("nose", "ear", "tail"), ((0, 1), (1, 2)), name="mouse")
_BODY = np.array([[20.0, 0.0], [12.0, 6.0], [-20.0, 0.0]])
FPS = 20.0

Truth = Callable[[int], NDArray[np.float64]]  #: frame -> ``[animal node xy]``


def walkers(frame: int) -> NDArray[np.float64]:
    """Two mice 100 px apart that walk to the right, 2 px a frame."""
    places = np.array([[40.0 + 2 * frame, 40.0], [40.0 + 2 * frame, 140.0]])
    return places[:, None] + _BODY


def publish(
    folder: Path,
    poses: Truth,
    n_frames: int,
    *,
    skeleton: Skeleton = MOUSE,
    scores: Callable[[int], float] = lambda frame: 0.9,
    lost: Sequence[int] = (),
    state: str = "ok",
) -> Path:
    """Write the files that a release publishes of one video, in batches of eight frames, as prediction does."""
    folder.mkdir(parents=True)
    with PosesWriter(folder / POSES_NAME, skeleton) as rows, FramesWriter(folder / FRAMES_NAME) as table:
        for begin in range(0, n_frames, 8):
            numbers = list(range(begin, min(begin + 8, n_frames)))
            found = [np.zeros((0, len(skeleton.nodes), 2)) if one in lost else poses(one) for one in numbers]
            counts = [len(one) for one in found]
            points = np.concatenate(found)
            image = np.repeat(np.arange(len(numbers)), counts)
            node_scores = np.array([[scores(numbers[i])] * len(skeleton.nodes) for i in image], float)
            node_scores = np.where(np.isnan(points[..., 0]), np.nan, node_scores.reshape(points.shape[:2]))
            batch = PoseBatch(points, image, len(numbers), node_scores)
            times_s = [number / FPS for number in numbers]
            rows.add_poses(numbers, times_s, batch, [f"track_{i}" for n in counts for i in range(n)])
            table.add_frames(numbers, times_s, [one not in lost for one in numbers], counts)
    write_status(folder / "status.json", Status(state, frames_expected=n_frames), "key")  # type: ignore[arg-type]
    return folder


def film(path: Path, poses: Truth, n_frames: int, size: tuple[int, int] = (200, 400)) -> Path:
    """Write a film that shows a bright blot at the middle of every animal, over a ground that never changes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[: size[0], : size[1]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=int(FPS))
        stream.width, stream.height, stream.pix_fmt = size[1], size[0], "yuv420p"
        for frame in range(n_frames):
            image = np.full(size, 60, np.uint8)
            for middle in poses(frame).mean(axis=1):
                image[(x - middle[0]) ** 2 + (y - middle[1]) ** 2 <= 100] = 240
            shown = av.VideoFrame.from_ndarray(np.repeat(image[..., None], 3, axis=2), format="rgb24")
            container.mux(stream.encode(shown))
        container.mux(stream.encode(None))
    return path
