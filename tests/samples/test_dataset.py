"""Training batches: image and points move together, and every batch is a pure function of seed and step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from posewright.config.data import Augmentation, Geometric, Intensity
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.skeleton import Skeleton
from posewright.samples.augment import augmented
from posewright.samples.dataset import Batches, CropSources, FrameSources, TrainingOrder, in_order
from posewright.samples.preprocess import Preprocess
from posewright.samples.store import FrameStore, store_frames
from posewright.shapes import Size

SKELETON = Skeleton(("a", "b"))
SIZE = Size(120, 150)
WILD = Augmentation(
    intensity=None,
    geometric=Geometric(
        rotation_min=-180.0,
        rotation_max=180.0,
        scale_min=0.8,
        scale_max=1.25,
        translate_width=0.05,
        translate_height=0.05,
        translate_p=1.0,
    ),
)


class Images:
    """Stands for sleap-io's handle of an image sequence: frames by number."""

    filename = "blobs"

    def __init__(self, images: list[np.ndarray]) -> None:
        self.images = images

    def __getitem__(self, index: int) -> np.ndarray:
        return self.images[index]


@pytest.fixture
def blobs(tmp_path: Path) -> tuple[LabelSet, FrameStore]:
    """Frames with one bright blob on each labelled node: what the image shows can be measured."""
    rng = np.random.default_rng(0)
    images, frames = [], []
    y, x = np.mgrid[: SIZE.height, : SIZE.width]
    for index in range(6):
        points = rng.uniform([45, 40], [105, 80], (1, 2, 2))
        points[0, 1] = points[0, 0] + [0.0, 22.0]
        image = sum(230 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 18.0) for px, py in points[0])
        images.append(np.rint(np.clip(image, 0, 255)).astype(np.uint8)[..., None])
        frames.append(LabeledFrame(0, index, points, (None,)))
    labels = LabelSet(SKELETON, (VideoRef("blobs", None, Images(images)),), tuple(frames))
    store_frames(labels, tmp_path / "store.json")
    return labels, FrameStore(tmp_path / "store.json")


def blob_near(image: torch.Tensor, point: torch.Tensor, radius_px: float) -> np.ndarray:
    """Return the centre of mass about a point."""
    y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in image.shape), indexing="ij")
    near = image * ((x - point[0]) ** 2 + (y - point[1]) ** 2 < radius_px**2)
    return np.array([(near * x).sum() / near.sum(), (near * y).sum() / near.sum()])


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("crop", [None, 64])
def test_image_and_points_move_together(blobs: tuple[LabelSet, FrameStore], crop: int | None, scale: float) -> None:
    labels, store = blobs
    preprocess = Preprocess(channels=1, scale=scale, multiple=16, crop_size_px=crop)
    sources = CropSources(labels, store, preprocess, 0, reach=1.8) if crop else FrameSources(labels, store, preprocess)
    batches = Batches(sources, WILD, seed=1, jitter_px=2.0)
    seen = 0
    for step in range(6):
        images, poses = augmented(batches[step, tuple(range(6))])
        for row in range(len(poses)):
            for point in poses.points[row]:
                inner = sources.content
                if not (9 < point[0] < inner.width - 10 and 9 < point[1] < inner.height - 10):
                    continue  # missing, or its blob is cut by the border
                found = blob_near(images[poses.frame[row], 0], point, 8 * scale)
                np.testing.assert_allclose(found, point, atol=0.3)
                seen += 1
    assert seen > 20


def test_without_variation_a_crop_is_what_prediction_cuts(blobs: tuple[LabelSet, FrameStore]) -> None:
    labels, store = blobs
    plain = CropSources(labels, store, Preprocess(1, 1.0, 16, 48), 0, reach=1.0)
    roomy = CropSources(labels, store, Preprocess(1, 1.0, 16, 48), 0, reach=1.7)
    images, poses = augmented(Batches(plain, None, 0)[0, (0, 1, 2)])
    others, moved = augmented(Batches(roomy, None, 0)[0, (0, 1, 2)])
    torch.testing.assert_close(images, others, atol=1e-4, rtol=0)
    torch.testing.assert_close(poses.points, moved.points)
    assert ((poses.points[:, 0] - 24).abs() <= 0.5).all(), "the anchor lies on the middle pixel"


def test_a_batch_is_a_pure_function_of_seed_and_step(blobs: tuple[LabelSet, FrameStore]) -> None:
    labels, store = blobs
    noisy = Augmentation(
        intensity=Intensity(gaussian_noise_p=1.0, uniform_noise_p=1.0, contrast_p=1.0, brightness_p=1.0)
    )
    sources = FrameSources(labels, store, Preprocess(1, 1.0, 16))
    first = augmented(Batches(sources, noisy, seed=3)[7, (2, 4)])
    again = augmented(Batches(sources, noisy, seed=3)[7, (2, 4)])
    torch.testing.assert_close(first[0], again[0], rtol=0, atol=0)
    torch.testing.assert_close(first[1].points, again[1].points, rtol=0, atol=0, equal_nan=True)
    other = augmented(Batches(sources, noisy, seed=4)[7, (2, 4)])
    assert not torch.equal(first[0], other[0])
    later = augmented(Batches(sources, noisy, seed=3)[8, (2, 4)])
    assert not torch.equal(first[0], later[0])


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("brightness", {"brightness_p": 1.0, "brightness_min": 1.2, "brightness_max": 1.3}),
        ("contrast", {"contrast_p": 1.0, "contrast_min": 1.3, "contrast_max": 1.4}),
        ("gaussian_noise", {"gaussian_noise_p": 1.0, "gaussian_noise_std": 0.1}),
        ("uniform_noise", {"uniform_noise_p": 1.0, "uniform_noise_max": 0.1}),
    ],
)
def test_each_intensity_key_changes_the_image(
    blobs: tuple[LabelSet, FrameStore], key: str, changes: dict[str, float]
) -> None:
    labels, store = blobs
    sources = FrameSources(labels, store, Preprocess(1, 1.0, 16))
    plain, _ = augmented(Batches(sources, Augmentation(intensity=None, geometric=None), 0)[0, (0,)])
    changed, _ = augmented(Batches(sources, Augmentation(intensity=Intensity(**changes), geometric=None), 0)[0, (0,)])
    assert not torch.equal(plain, changed)
    assert float(changed.min()) >= 0.0
    assert float(changed.max()) <= 1.0


def test_each_row_carries_the_class_of_its_track(blobs: tuple[LabelSet, FrameStore]) -> None:
    labels, store = blobs
    tracks = [("bob", "eva"), ("ann", None), (None, "bob")]
    frames = tuple(
        replace(frame, points=np.repeat(frame.points, 2, axis=0), tracks=names)
        for frame, names in zip(labels.frames, tracks, strict=False)
    )
    named = replace(labels, frames=frames)
    whole = FrameSources(named, store, Preprocess(1, 1.0, 16), ("ann", "bob"))
    _, poses = augmented(Batches(whole, None, 0)[0, (0, 1, 2)])
    assert poses.class_ids is not None
    assert poses.class_ids.tolist() == [1, -1, 0, -1, -1, 1]
    assert poses.frame.tolist() == [0, 0, 1, 1, 2, 2]
    crops = CropSources(named, store, Preprocess(1, 1.0, 16, 48), 0, 1.0, ("ann", "bob"))
    _, poses = augmented(Batches(crops, None, 0)[0, (5, 4, 2)])
    assert poses.class_ids is not None
    assert poses.class_ids.tolist() == [1, -1, -1, 1, 0, -1], "the others that a crop shows follow its own animal"
    assert poses.frame.tolist() == [0, 0, 1, 1, 2, 2]
    apart = replace(
        named, frames=tuple(replace(f, points=f.points + np.array([0.0, 60.0])[:, None, None]) for f in frames)
    )
    _, poses = augmented(
        Batches(CropSources(apart, store, Preprocess(1, 1.0, 16, 48), 0, 1.0, ("ann",)), None, 0)[0, (0,)]
    )
    assert len(poses) == 1, "those beyond it do not"
    crops = CropSources(named, store, Preprocess(1, 1.0, 16, 48), 0, 1.0)
    assert len(augmented(Batches(crops, None, 0)[0, (0,)])[1]) == 1, "nor any where nobody is told apart"
    _, poses = augmented(Batches(FrameSources(named, store, Preprocess(1, 1.0, 16)), None, 0)[0, (0,)])
    assert poses.class_ids is not None
    assert poses.class_ids.tolist() == [-1, -1], "a type without classes knows none"


def test_the_training_order_goes_through_all_samples_and_on_over_epochs() -> None:
    order = TrainingOrder(n_samples=10, batch_size=4, steps_per_epoch=5, seed=2)
    keys = []
    for epoch in range(4):
        order.set_epoch(epoch)
        keys += list(order)
    assert [step for step, _ in keys] == list(range(20))
    flat = [index for _, indices in keys for index in indices]
    for sweep in range(8):
        assert sorted(flat[10 * sweep : 10 * sweep + 10]) == list(range(10))
    assert flat[:10] != flat[10:20]
    order.set_epoch(2)
    assert list(order) == keys[10:15], "an epoch does not depend on those before it"


def test_an_order_without_shuffling_is_that_of_the_samples_at_each_pass() -> None:
    order = TrainingOrder(n_samples=5, batch_size=3, steps_per_epoch=5, seed=2, shuffle=False)
    assert [index for _, indices in order for index in indices] == [0, 1, 2, 3, 4] * 3


def test_in_order_covers_everything_once() -> None:
    assert [indices for _, indices in in_order(5, 2)] == [(0, 1), (2, 3), (4,)]
