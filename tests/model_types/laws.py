"""The laws every model type keeps, and the animals they are tried on.

An animal here is a body of seven nodes, drawn anew for each instance, with some nodes missing such that the visible
ones form one connected part of the skeleton. Nodes stand at least one cell inside the image; equal nodes of two animals
at least max(4, 3 sigma) cells apart.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from posewright.labels.skeleton import Skeleton
from posewright.model_types.base import ModelType
from posewright.shapes import DecodeOptions, PoseBatch, Refinement, Size, to_numpy

SKELETON = Skeleton(
    ("nose", "head", "body", "left", "right", "tail", "tip"), ((1, 0), (2, 1), (2, 3), (2, 4), (2, 5), (5, 6))
)
SIGMAS = (1.0, 1.5, 2.5, 5.0)
STRIDES = (1, 2, 4)
EXACT_CELLS = 0.02
SHAPE = np.array([[0, -2], [0, -1], [0, 0], [-0.8, -0.3], [0.8, -0.3], [0, 1], [0, 2]], np.float64)

grid = pytest.mark.parametrize("sigma", SIGMAS)
strides = pytest.mark.parametrize("stride", STRIDES)


def animals(
    seed: int, n_frames: int, most: int, size: Size, apart_px: float, inside_px: float, clear_of_others: bool = False
) -> PoseBatch:
    """Return random animals; a frame has up to ``most`` of them, by chance none.

    Equal nodes of two animals stand apart; with ``clear_of_others`` all nodes do.
    """
    rng = np.random.default_rng(seed)
    points, frame = [], []
    for index in range(n_frames):
        kept: list[NDArray[np.float64]] = []
        for _ in range(30 * most):
            candidate = _animal(rng, size)
            inside = (candidate > inside_px).all() and (
                candidate < [size.width - 1 - inside_px, size.height - 1 - inside_px]
            ).all()
            away = [np.linalg.norm(candidate[:, None] - other[None], axis=2) for other in kept]
            far = all((gap if clear_of_others else np.diag(gap)).min() >= apart_px for gap in away)
            if inside and far and len(kept) < most:
                kept.append(candidate)
        points += [_with_gaps(rng, animal) for animal in kept]
        frame += [index] * len(kept)
    return PoseBatch(
        points=np.array(points, np.float32).reshape(-1, len(SHAPE), 2),
        frame=np.array(frame, np.int64),
        n_frames=n_frames,
    )


def _animal(rng: np.random.Generator, size: Size) -> NDArray[np.float64]:
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    unit = min(size.height, size.width) * rng.uniform(0.05, 0.07)
    centre = rng.uniform(0, 1, 2) * [size.width, size.height]
    return centre + unit * ((SHAPE + rng.uniform(-0.25, 0.25, SHAPE.shape)) @ turn.T)


def _with_gaps(rng: np.random.Generator, animal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take leaves of the skeleton away, so that what stays visible is connected."""
    animal = animal.copy()
    for leaf in ([], ["nose"], ["tip"], ["left", "right"], ["tip", "tail"], ["nose", "head"])[rng.integers(6)]:
        animal[SKELETON.index(leaf)] = np.nan
    return animal


def apart_px(sigma: float, stride: int) -> float:
    """Return how far apart equal nodes of two animals stand."""
    return max(4.0, 3 * sigma) * stride


def sorted_rows(poses: PoseBatch) -> list[NDArray[np.float32]]:
    """Return each frame's points ``[instance node xy]`` in an order that does not depend on the rows'."""
    frames = []
    for index in range(poses.n_frames):
        points = poses.points[poses.frame == index]
        order = np.lexsort(np.nan_to_num(np.nanmean(points, axis=1), nan=-1).T) if len(points) else []
        frames.append(points[order])
    return frames


def assert_same(found: PoseBatch, truth: PoseBatch, tolerance_px: float) -> None:
    """The same instances in every frame, missing nodes missing."""
    assert found.n_frames == truth.n_frames
    for index, (a, b) in enumerate(zip(sorted_rows(found), sorted_rows(truth), strict=True)):
        assert len(a) == len(b), f"frame {index}: {len(a)} instances instead of {len(b)}"
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        np.testing.assert_allclose(a, b, atol=tolerance_px, rtol=0)


def with_classes(poses: PoseBatch, n_classes: int, seed: int = 0) -> PoseBatch:
    """Return the animals with classes at random, each at most once in a frame."""
    rng = np.random.default_rng(seed)
    ids = [rng.permutation(n_classes)[: int((poses.frame == index).sum())] for index in range(poses.n_frames)]
    return replace(poses, class_ids=np.concatenate(ids).astype(np.int64))


def assert_same_individuals(found: PoseBatch, truth: PoseBatch, tolerance_px: float) -> None:
    """The same instances in every frame, each under its own class."""
    assert found.class_ids is not None and truth.class_ids is not None
    order, expected = (np.lexsort((poses.class_ids, poses.frame)) for poses in (found, truth))
    np.testing.assert_array_equal(found.frame[order], truth.frame[expected])
    np.testing.assert_array_equal(found.class_ids[order], truth.class_ids[expected])
    np.testing.assert_allclose(found.points[order], truth.points[expected], atol=tolerance_px, rtol=0)


def check_round_trip(model_type: ModelType, poses: PoseBatch, truth: PoseBatch, size: Size, stride: int) -> None:
    """``decode(encode(poses))`` gives the poses within 0.02 cell; no animals in, none out; NaN stays NaN."""
    found = model_type.decode(model_type.encode(poses, size), DecodeOptions())
    assert_same(found, truth, EXACT_CELLS * stride)
    none = poses.rows(np.zeros(len(poses), bool))
    found = model_type.decode(model_type.encode(none, size), DecodeOptions())
    assert (~np.isnan(found.points)).sum() == 0


def error_with_noise(
    model_type: ModelType, poses: PoseBatch, truth: PoseBatch, size: Size, refinement: Refinement, stride: int
) -> float:
    """Return the root mean square error per axis, in cells, with Gaussian noise of 2 % of the peak on the maps."""
    rng = np.random.default_rng(7)
    maps = dict(model_type.encode(poses, size))
    maps["confmaps"] = maps["confmaps"] + rng.normal(0, 0.02, maps["confmaps"].shape).astype(np.float32)
    found = model_type.decode(maps, DecodeOptions(refinement=refinement))
    errors = []
    for index in range(poses.n_frames):
        candidates = found.points[found.frame == index]
        for animal in truth.points[truth.frame == index]:
            for node in np.flatnonzero(~np.isnan(animal[:, 0])):
                away = candidates[:, node] - animal[node]
                errors.append(away[np.nanargmin(np.linalg.norm(away, axis=1))] / stride)
    return float(np.sqrt(np.mean(np.square(errors))))


def check_noise(model_type: ModelType, poses: PoseBatch, truth: PoseBatch, size: Size, stride: int) -> None:
    """Our refinement is no noisier than the peer's ``integral``."""
    ours, peer = (error_with_noise(model_type, poses, truth, size, how, stride) for how in ("gaussian", "integral"))
    assert ours <= peer
    assert ours < 0.03


def check_shift(model_type: ModelType, poses: PoseBatch, size: Size, stride: int) -> None:
    """A shift by a stride shifts the answer by exactly that."""
    larger = Size(size.height + 2 * stride, size.width + 2 * stride)
    still = model_type.decode(model_type.encode(poses, larger), DecodeOptions())
    moved = poses.with_points(poses.points + np.float32(stride))
    found = model_type.decode(model_type.encode(moved, larger), DecodeOptions())
    assert_same(found.with_points(found.points - np.float32(stride)), still, 1e-3)


def check_batch_is_loop(model_type: ModelType, poses: PoseBatch, size: Size) -> None:
    """A batch gives what its frames give one by one, rows in the same order."""
    maps = model_type.encode(poses, size)
    together = model_type.decode(maps, DecodeOptions())
    for index in range(poses.n_frames):
        alone = model_type.decode({name: m[index : index + 1] for name, m in maps.items()}, DecodeOptions())
        np.testing.assert_array_equal(alone.points, together.of_frame(index).points)
        single = model_type.encode(poses.of_frame(index), size)
        for name, m in maps.items():
            np.testing.assert_allclose(single[name][0], m[index], atol=1e-6)


def check_torch_is_numpy(model_type: ModelType, poses: PoseBatch, size: Size) -> None:
    """Torch and NumPy draw the same maps and read the same poses."""
    class_ids = None if poses.class_ids is None else torch.from_numpy(poses.class_ids)
    on_torch = PoseBatch(
        torch.from_numpy(poses.points), torch.from_numpy(poses.frame), poses.n_frames, class_ids=class_ids
    )
    maps, drawn = model_type.encode(poses, size), model_type.encode(on_torch, size)
    for name, m in maps.items():
        np.testing.assert_allclose(drawn[name].numpy(), m, atol=2e-6)
    noisy = {n: m + np.random.default_rng(1).normal(0, 0.02, m.shape).astype(np.float32) for n, m in maps.items()}
    by_numpy = model_type.decode(noisy, DecodeOptions())
    by_torch = to_numpy(model_type.decode({n: torch.from_numpy(m) for n, m in noisy.items()}, DecodeOptions()))
    assert_same(by_torch, by_numpy, 1e-3)


def check_permutation(plain: ModelType, permuted: ModelType, order: list[int], poses: PoseBatch, size: Size) -> None:
    """Permuting the nodes permutes the answer."""
    found = plain.decode(plain.encode(poses, size), DecodeOptions())
    other = permuted.decode(permuted.encode(poses.with_points(poses.points[:, order]), size), DecodeOptions())
    assert_same(other, found.with_points(found.points[:, order]), 1e-3)


def permuted_skeleton(order: list[int]) -> Skeleton:
    """Return the skeleton with node ``order[i]`` at place i."""
    place = {old: new for new, old in enumerate(order)}
    edges = tuple((place[a], place[b]) for a, b in SKELETON.edges)
    return Skeleton(tuple(SKELETON.nodes[old] for old in order), edges)
