"""Mirror images and erased areas: what the image shows, where the points are then, and under which names."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posewright.config.data import Augmentation, Geometric
from posewright.labels.mirror import mirror_notes, unpaired_sides
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.skeleton import Skeleton
from posewright.samples.augment import augmented
from posewright.samples.dataset import Batches, CropSources, FrameSources
from posewright.samples.preprocess import Preprocess
from posewright.samples.store import FrameStore, store_frames
from posewright.samples.variation import Variation, draw_variation, sample_generator
from posewright.shapes import Size

SKELETON = Skeleton(("nose", "left", "right", "tail"), ((0, 3),), ((1, 2),))
SIZE = Size(96, 120)
STILL = {"rotation_p": 0.0, "scale_p": 0.0}
HEIGHTS = (250, 190, 130, 80)  #: of each node's blob, so that an image tells which node is which


class Images:
    filename = "blobs"

    def __init__(self, images: list[np.ndarray]) -> None:
        self.images = images

    def __getitem__(self, index: int) -> np.ndarray:
        return self.images[index]


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelSet, FrameStore]:
    """Two animals a frame; each node is a blob of its own height, left and right as high as each other."""
    rng = np.random.default_rng(0)
    images, frames = [], []
    y, x = np.mgrid[: SIZE.height, : SIZE.width]
    shape = np.array([[0.0, -12.0], [-9.0, 0.0], [9.0, 2.0], [1.0, 12.0]])
    for index in range(4):
        centres = np.array([[35.0, 48.0], [80.0, 48.0]]) + rng.uniform(-4, 4, (2, 2))
        points = centres[:, None] + shape
        image = np.zeros(x.shape)
        for animal in points:
            for (px, py), height in zip(animal, HEIGHTS, strict=True):
                image += height * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 4.5)
        images.append(np.rint(np.clip(image, 0, 255)).astype(np.uint8)[..., None])
        frames.append(LabeledFrame(0, index, points, ("ann", "bob")))
    labels = LabelSet(SKELETON, (VideoRef("blobs", None, Images(images)),), tuple(frames))
    folder = tmp_path_factory.mktemp("store")
    store_frames(labels, folder / "store.json")
    return labels, FrameStore(folder / "store.json")


def varied(**geometric: float) -> Augmentation:
    return Augmentation(intensity=None, geometric=Geometric(**{**STILL, **geometric}))


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_mirrored_frame_is_the_frame_read_backwards(blobs: tuple[LabelSet, FrameStore], scale: float) -> None:
    sources = FrameSources(*blobs, Preprocess(1, scale, 4), ("ann", "bob"))
    plain, poses = augmented(Batches(sources, None, 0)[0, (0, 1, 2, 3)])
    mirrored, moved = augmented(Batches(sources, varied(flip_p=1.0), 0)[0, (0, 1, 2, 3)])
    torch.testing.assert_close(mirrored, plain.flip(-1), atol=1e-5, rtol=0)
    expected = poses.points[:, [0, 2, 1, 3]].clone()
    expected[..., 0] = sources.content.width - 1 - expected[..., 0]
    torch.testing.assert_close(moved.points, expected, atol=1e-4, rtol=0)
    assert moved.class_ids is not None and poses.class_ids is not None
    assert moved.class_ids.tolist() == poses.class_ids.tolist() == [0, 1] * 4, "an animal stays who it is"


@pytest.mark.parametrize("crop", [None, 48])
def test_mirrored_turned_and_magnified_points_lie_on_their_own_blobs(
    blobs: tuple[LabelSet, FrameStore], crop: int | None
) -> None:
    """Left and right are told apart here by the tail: seen with the nose up, left is to the left of it."""
    preprocess = Preprocess(1, 1.0, 4, crop)
    sources = CropSources(*blobs, preprocess, None, 1.8) if crop else FrameSources(*blobs, preprocess)
    wild = varied(flip_p=0.5, rotation_p=1.0, rotation_min=-180.0, rotation_max=180.0, scale_p=1.0)
    batches, sides = Batches(sources, wild, 1, 1.0), []
    for step in range(4):
        batch = batches[step, (0, 1, 2, 3)]
        images, poses = augmented(batch)
        for row in range(len(poses)):
            points = poses.points[row]
            if bool(torch.isnan(points).any()):
                continue
            nose, left, right, tail = points
            across = torch.linalg.det(torch.stack([tail - nose, right - left]))
            assert float(across) < 0, "left is left, mirrored or not"
            sides.append(bool(torch.linalg.det(batch.matrices[poses.frame[row], :, :2]) < 0))
            values = [float(images[poses.frame[row], 0, round(float(y)), round(float(x))]) for x, y in (nose, tail)]
            assert values[0] > 1.8 * values[1] > 0.3
    assert 4 < sum(sides) < len(sides) - 4


def test_half_of_the_draws_mirror_and_others_stay_what_they_were() -> None:
    def draw(step: int, **geometric: float) -> Variation:
        settings = Augmentation(geometric=Geometric(**geometric))
        return draw_variation(settings, sample_generator(3, step, 0), SIZE, (59.5, 47.5), (59.5, 47.5), SIZE)

    both = [(draw(step), draw(step, flip_p=0.5, erase_p=0.5)) for step in range(400)]
    assert 150 < sum(varied.mirrored for _, varied in both) < 250
    assert 150 < sum(varied.erased != (0, 0, 0, 0) for _, varied in both) < 250
    for plain, changed in both:
        assert not plain.mirrored and plain.erased == (0, 0, 0, 0)
        if not changed.mirrored:
            np.testing.assert_array_equal(plain.matrix, changed.matrix)
    again = draw(7, flip_p=0.5, erase_p=0.5)
    assert (again.mirrored, again.erased) == (both[7][1].mirrored, both[7][1].erased)


def test_an_erased_area_is_black_and_points_under_it_stay(blobs: tuple[LabelSet, FrameStore]) -> None:
    sources = FrameSources(*blobs, Preprocess(1, 1.0, 16))
    settings = varied(erase_p=1.0, erase_scale_min=0.2, erase_scale_max=0.3, erase_ratio_min=0.5, erase_ratio_max=2.0)
    plain, poses = augmented(Batches(sources, varied(), 0)[5, (0, 1, 2, 3)])
    batch = Batches(sources, settings, 0)[5, (0, 1, 2, 3)]
    erased, moved = augmented(batch)
    torch.testing.assert_close(moved.points, poses.points, rtol=0, atol=0)
    covered = 0
    for index, (left, top, right, bottom) in enumerate(batch.erased.tolist()):
        assert 0 <= left < right <= SIZE.width and 0 <= top < bottom <= SIZE.height
        part = (right - left) * (bottom - top) / (SIZE.width * SIZE.height)
        assert 0.19 < part < 0.31
        assert 0.45 < (bottom - top) / (right - left) < 2.2
        expected = plain[index].clone()
        expected[:, top:bottom, left:right] = 0.0
        torch.testing.assert_close(erased[index], expected, rtol=0, atol=0)
        covered += int(((moved.points[moved.frame == index] - torch.tensor([left, top])) >= 0).all(-1).sum())
    assert covered > 0
    assert len({tuple(area) for area in batch.erased.tolist()}) == 4


def test_an_area_larger_than_the_image_is_the_image() -> None:
    settings = varied(erase_p=1.0, erase_scale_min=1.0, erase_scale_max=1.0, erase_ratio_min=9.0, erase_ratio_max=9.0)
    found = draw_variation(settings, sample_generator(0, 0, 0), SIZE, (0, 0), (0, 0), SIZE)
    assert (found.erased[1], found.erased[3]) == (0, SIZE.height)


@pytest.mark.parametrize(
    ("nodes", "pairs"),
    [
        (("nose", "left_ear", "right_ear"), [("left_ear", "right_ear")]),
        (("earL", "earR", "tail"), [("earL", "earR")]),
        (("forelegL4", "forelegR4"), [("forelegL4", "forelegR4")]),
        (("L_eye", "R_eye"), [("L_eye", "R_eye")]),
        (("LeftPaw", "RightPaw"), [("LeftPaw", "RightPaw")]),
        (("tail", "trail", "nose", "left_over"), []),
    ],
)
def test_pairs_of_sides_without_a_symmetry_are_told(nodes: tuple[str, ...], pairs: list[tuple[str, str]]) -> None:
    bare = Skeleton(nodes)
    assert unpaired_sides(bare) == pairs
    assert len(mirror_notes(bare, None)) == (1 if pairs else 0)
    assert all(name in "".join(mirror_notes(bare, None)) for pair in pairs for name in pair)
    declared = Skeleton(nodes, (), tuple((nodes.index(a), nodes.index(b)) for a, b in pairs))
    assert unpaired_sides(declared) == []
    assert len(mirror_notes(declared, pairs[0][0] if pairs else None)) == (1 if pairs else 0), "an anchor on one side"
