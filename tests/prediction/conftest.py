"""A film of bright dots whose places are known, and a small estimator that really finds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from posewright.files import write_json
from posewright.labels.skeleton import Skeleton
from posewright.networks.weights import weights_digest
from posewright.shapes import PoseBatch

SKELETON = Skeleton(("middle", "left", "never"), edges=((0, 1), (1, 2)), symmetries=((0, 1), (1, 2)), name="dot")
HEIGHT, WIDTH, RADIUS = 96, 128, 5


@dataclass(frozen=True)
class DotEstimator:
    """Finds bright dots: node ``middle`` is their centre, ``left`` their edge, ``never`` is never found."""

    skeleton: Skeleton = SKELETON
    classes: tuple[str, ...] = ()

    def predict(self, images: NDArray[np.uint8]) -> PoseBatch:
        points, frames, scores = [], [], []
        for index, image in enumerate(images):
            bright = image[..., 0] > 150
            labels, n_dots = ndimage.label(bright)
            for dot in range(1, n_dots + 1):
                rows, columns = np.nonzero(labels == dot)
                points.append([[columns.mean(), rows.mean()], [columns.min(), rows.mean()], [np.nan, np.nan]])
                scores.append([image[rows, columns, 0].mean() / 255, 0.5, np.nan])
                frames.append(index)
        return PoseBatch(
            points=np.array(points, np.float64).reshape(-1, 3, 2),
            frame=np.array(frames, np.int64),
            n_frames=len(images),
            node_scores=np.array(scores, np.float64).reshape(-1, 3),
            raw_scores=np.array([row[0] * 2 for row in scores], np.float64),
            class_ids=_by_height(points) if self.classes else None,
            class_scores=np.full(len(points), 0.75) if self.classes else None,
        )


def _by_height(points: list[Any]) -> NDArray[np.int64]:
    """Call dots in the upper half 1, and those in the lower 0 if far to the left, else unknown."""
    places = np.array(points, np.float64).reshape(-1, 3, 2)[:, 0]
    return np.where(places[:, 1] < HEIGHT / 2, 1, np.where(places[:, 0] < 80, 0, -1))


def dots_at(frame: int) -> NDArray[np.float64]:
    """Return the centres ``[dot xy]`` in a frame: none in each tenth, one at first, two later."""
    if frame % 10 == 9:
        return np.zeros((0, 2))
    dots = np.array([[15 + frame, 20.0], [110 - frame, 70.0]])
    return dots[:1] if frame < 15 else dots


@pytest.fixture(scope="session")
def write_film() -> Callable[..., Path]:
    """Write a film of dots over noise; every tenth frame has none."""

    def write(path: Path, n: int = 60, options: dict[str, str] | None = None) -> Path:
        with av.open(str(path), "w", options=options or {}) as container:
            stream = container.add_stream("libx264", rate=20)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.options = {"g": "10", "crf": "18"}
            y, x = np.mgrid[:HEIGHT, :WIDTH]
            for i in range(n):
                image = np.random.default_rng(i).integers(0, 80, (HEIGHT, WIDTH), dtype=np.uint8)
                for cx, cy in dots_at(i):
                    image[(x - cx) ** 2 + (y - cy) ** 2 <= RADIUS**2] = 240
                picture = av.VideoFrame.from_ndarray(np.repeat(image[..., None], 3, axis=2), format="rgb24")
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        return path

    return write


@pytest.fixture(scope="session")
def film(write_film: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 60 frames; do not change it."""
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", options={"movflags": "faststart"})


@pytest.fixture
def estimator() -> DotEstimator:
    """The estimator for such films."""
    return DotEstimator()


@pytest.fixture(scope="session")
def dots() -> Callable[[int], NDArray[np.float64]]:
    """The truth of such films: frame number to centres ``[dot xy]``."""
    return dots_at


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Write a model folder with the fields of ``model.json`` that a release reads, and weights that fit it."""

    def make(recipe: str = "dots", model_type: str = "single_instance", weights: str = "w", **card: Any) -> Path:
        folder = tmp_path / "models" / recipe / "fold0_seed0"
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {"weights": torch.tensor([ord(letter) for letter in weights])}
        skeleton = Skeleton(("centroid",)) if model_type == "centroid" else SKELETON
        content = {
            "schema": 1,
            "model_type": model_type,
            "skeleton": skeleton.to_json(),
            "seed": 0,
            "split_digest": "split",
            "weights_sha256": weights_digest(arrays),
            "training": {"seconds": 1.5},
            **card,
        }
        write_json(folder / "model.json", content)
        torch.save({"state_dict": arrays}, folder / "best.ckpt")
        (folder / "training_config.yaml").write_text("{}\n")
        return folder

    return make
