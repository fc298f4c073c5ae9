"""Training samples: stored frames, or crops about one animal each, as batches of source images and drawn numbers.

Every batch is a pure function of (seed, step): a resumed training sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from posewright.config.data import Augmentation
from posewright.errors import InputError
from posewright.geometry import Transform, anchor_points, crop_corner, cut, scaled_size
from posewright.labels.model import LabelSet
from posewright.samples.augment import Batch
from posewright.samples.preprocess import Preprocess
from posewright.samples.store import FrameStore
from posewright.samples.variation import Variation, draw_variation, no_variation, sample_generator
from posewright.shapes import Size

BatchKey = tuple[int, tuple[int, ...]]  #: (step, indices of its samples)


@dataclass(frozen=True)
class Source:
    """One sample before variation.

    Attributes:
        image: ``[height width channel]`` uint8; beyond ``inner`` it is padding.
        inner: size of the real image in it.
        points: ``[instance node xy]`` pixels of the image.
        class_ids: ``[instance]``, which of the model's identities each is; -1 where unknown.
        centre: (x, y) that turning and scaling leave in place, in pixels of the image.
        home: where the centre lies in the network's input, in its pixels.
    """

    image: NDArray[np.uint8]
    inner: Size
    points: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    centre: tuple[float, float]
    home: tuple[float, float]


class Sources(Protocol):
    """A list of samples, all with one input size."""

    content: Size  #: the part of the network's input that shows the image
    output: Size  #: the network's input, padded
    mirrored_nodes: list[int]  #: for each node the one that stands there in a mirror image

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Source: ...


class FrameSources:
    """Whole labelled frames, with all their animals."""

    def __init__(
        self, labels: LabelSet, store: FrameStore, preprocess: Preprocess, classes: Sequence[str] = ()
    ) -> None:
        self._frames = labels.frames
        self._classes = classes
        self._store = store
        self._preprocess = preprocess
        sizes = [scaled_size(store.size_of(frame.key), preprocess.scale) for frame in labels.frames]
        self.content = Size(max(size.height for size in sizes), max(size.width for size in sizes))
        self.output = self.content.padded(preprocess.multiple)
        self.mirrored_nodes = list(labels.skeleton.mirrored)

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Source:
        """Return the frame at the network's scale, padded to the common size."""
        frame = self._frames[index]
        scaled, transform = self._preprocess.scaled(self._store[frame.key])
        inner = Size(*scaled.shape[:2])
        centre = ((inner.width - 1) / 2, (inner.height - 1) / 2)
        points = transform.apply(frame.points.astype(np.float32))
        ids = _class_ids(frame.tracks, self._classes)
        return Source(cut(scaled, 0, 0, self.output), inner, points, ids, centre, centre)


class CropSources:
    """One crop for each labelled animal, centred on its anchor.

    Where animals are told apart, the crop's own comes first and then the others that it shows; else it is alone.

    Args:
        labels: frames whose animals are cropped; animals without a visible node are passed over.
        store: their pixels.
        preprocess: with a crop size.
        anchor: the node crops are centred on; None for the mean of the visible nodes.
        reach: side of the source image as a multiple of the crop: above 1 leaves room for turning and scaling.
        classes: names of the tracks that are to be told apart.
    """

    def __init__(
        self,
        labels: LabelSet,
        store: FrameStore,
        preprocess: Preprocess,
        anchor: int | None,
        reach: float,
        classes: Sequence[str] = (),
    ) -> None:
        if preprocess.crop_size_px is None:
            raise ValueError("crops need a crop size")
        self._store = store
        self._preprocess = preprocess
        self._frames = labels.frames
        self._classes = classes
        self._anchors: list[NDArray[np.float64]] = [anchor_points(frame.points, anchor) for frame in labels.frames]
        self._animals = [
            (index, row)
            for index, anchors in enumerate(self._anchors)
            for row in np.flatnonzero(~np.isnan(anchors[:, 0])).tolist()
        ]
        side = preprocess.crop_size_px
        # an odd number of added pixels would move the crop's centre by half a pixel
        self._side = side + 2 * math.ceil((reach - 1) * side / 2)
        self.content = scaled_size(Size(side, side), preprocess.scale)
        self.output = self.content.padded(preprocess.multiple)
        self.mirrored_nodes = list(labels.skeleton.mirrored)

    def __len__(self) -> int:
        return len(self._animals)

    def __getitem__(self, index: int) -> Source:
        """Return the animal's crop at the network's scale, larger than the network sees where there is reach."""
        frame_index, row = self._animals[index]
        frame = self._frames[frame_index]
        anchor = self._anchors[frame_index][row]
        left, top = crop_corner(anchor, self._side).tolist()
        patch = cut(self._store[frame.key], left, top, Size(self._side, self._side))
        scaled, scaling = self._preprocess.scaled(patch)
        transform = Transform.crop(left, top).then(scaling)
        inner = Size(*scaled.shape[:2])
        points = transform.apply(frame.points.astype(np.float32))
        shown = _seen_in(points, inner) & (np.arange(len(points)) != row) if self._classes else []
        rows = [row, *np.flatnonzero(shown).tolist()]
        # The middle pixel of the source and of the crop show the same pixel of the frame.
        middle = _scaled_middle(self._side, inner.width)
        home = _scaled_middle(self._preprocess.crop_size_px or 0, self.content.width)
        ids = _class_ids(frame.tracks, self._classes)
        return Source(scaled, inner, points[rows], ids[rows], (middle, middle), (home, home))


def _seen_in(points: NDArray[np.float32], inner: Size) -> NDArray[np.bool_]:
    """Return ``[instance]``, whether a node of ``points [instance node xy]`` lies in an image of that size."""
    inside = (points > -0.5) & (points < np.array([inner.width, inner.height]) - 0.5)
    return np.asarray(inside.all(axis=-1).any(axis=-1))


def _class_ids(tracks: Sequence[str | None], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return the place of each track among the classes, -1 where it is none of them."""
    known = {name: index for index, name in enumerate(classes)}
    return np.array([-1 if track is None else known.get(track, -1) for track in tracks], np.int64)


def _scaled_middle(side: int, scaled_side: int) -> float:
    """Return where pixel ``side // 2`` lies after resizing a square to ``scaled_side``."""
    return (side // 2 + 0.5) * scaled_side / side - 0.5


class Batches(Dataset[Batch]):
    """Whole batches by key: ``batches[(step, indices)]``.

    Args:
        sources: the samples.
        augmentation: how they are varied; None leaves them as they are.
        seed: of the training.
        jitter_px: largest extra shift per axis, in pixels of the network's input.
        first: place of the first sample in the whole batch of a step, where devices share it.
        of: samples of the whole batch; None where nothing is shared.
    """

    def __init__(
        self,
        sources: Sources,
        augmentation: Augmentation | None,
        seed: int,
        jitter_px: float = 0.0,
        first: int = 0,
        of: int | None = None,
    ) -> None:
        self.sources = sources
        self._augmentation = augmentation
        self._seed = seed
        self._jitter_px = jitter_px
        self._first = first
        self._of = of

    def __getitem__(self, key: BatchKey) -> Batch:
        """Return the batch of a step; the same key always gives the same batch."""
        step, indices = key
        samples = [self.sources[index] for index in indices]
        drawn = [self._draw(sample, step, position) for position, sample in enumerate(samples, self._first)]
        points = [self._named(sample, variation) for sample, variation in zip(samples, drawn, strict=True)]
        counts = [len(sample.points) for sample in samples]
        images = np.stack([sample.image.transpose(2, 0, 1) for sample in samples])
        return Batch(
            images=torch.from_numpy(images),
            points=torch.from_numpy(np.concatenate(points)),
            frame=torch.from_numpy(np.repeat(np.arange(len(samples)), counts)),
            class_ids=torch.from_numpy(np.concatenate([sample.class_ids for sample in samples])),
            matrices=torch.from_numpy(np.stack([variation.matrix for variation in drawn])),
            intensity=torch.tensor([_intensity(variation) for variation in drawn], dtype=torch.float32),
            erased=torch.tensor([variation.erased for variation in drawn]),
            inner=torch.tensor([[s.inner.width, s.inner.height] for s in samples], dtype=torch.float32),
            noise_seed=int(sample_generator(self._seed, step, 2**20).integers(2**62)),
            output=self.sources.output,
            content=self.sources.content,
            first=self._first,
            of=self._of,
        )

    def _draw(self, sample: Source, step: int, position: int) -> Variation:
        if self._augmentation is None:
            return no_variation(sample.centre, sample.home)
        shown = Size(
            min(sample.inner.height, self.sources.content.height), min(sample.inner.width, self.sources.content.width)
        )
        return draw_variation(
            self._augmentation,
            sample_generator(self._seed, step, position),
            shown,
            sample.centre,
            sample.home,
            self.sources.content,
            self._jitter_px,
        )

    def _named(self, sample: Source, variation: Variation) -> NDArray[np.float32]:
        """Return the points under the names they bear in the image that is shown."""
        return sample.points[:, self.sources.mirrored_nodes] if variation.mirrored else sample.points


def _intensity(variation: Variation) -> tuple[float, ...]:
    return (variation.brightness, variation.contrast, variation.noise, variation.noise_mean, *variation.uniform)


class TrainingOrder(Sampler[BatchKey]):
    """The keys of one epoch's batches; samples come in a new seeded order at each pass, endlessly.

    Args:
        n_samples: size of the data set.
        batch_size: samples a step and device; passes run on over the border of batches and epochs.
        steps_per_epoch: steps an epoch.
        seed: of the training.
        rank: which of the devices these keys are for.
        n_devices: devices that share a step, each with ``batch_size`` samples of it.
        shuffle: whether each pass has an order of its own; else all have that of the data set.
    """

    def __init__(
        self,
        n_samples: int,
        batch_size: int,
        steps_per_epoch: int,
        seed: int,
        rank: int = 0,
        n_devices: int = 1,
        shuffle: bool = True,
    ) -> None:
        if n_samples == 0:
            raise InputError("there is nothing to train on: no labelled animal on the train side; label more frames")
        self._n = n_samples
        self._steps = steps_per_epoch
        self._seed = seed
        self._shuffle = shuffle
        self._places = range(rank * batch_size, (rank + 1) * batch_size)
        self._whole = n_devices * batch_size
        self._epoch = 0
        self._done = (0, 0)

    def resume(self, epoch: int, steps_done: int) -> None:
        """Begin this epoch after the steps that a checkpoint had done of it; the length stays that of the epoch."""
        self._epoch = epoch  # before Lightning says it: processes that read ahead begin at once
        self._done = (epoch, steps_done)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that iteration yields (called by Lightning)."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[BatchKey]:
        resumed, done = self._done
        begin = self._epoch * self._steps + (done if self._epoch == resumed else 0)
        for step in range(begin, (self._epoch + 1) * self._steps):
            yield step, tuple(self._sample(step * self._whole + place) for place in self._places)

    def _sample(self, place: int) -> int:
        sweep, index = divmod(place, self._n)
        return int(_order(self._n, self._seed, sweep)[index]) if self._shuffle else index


@functools.lru_cache(maxsize=2)  # a pass asks for its order again and again; a batch may touch two passes
def _order(n_samples: int, seed: int, sweep: int) -> NDArray[np.int64]:
    """Return the order of one pass through the samples."""
    return np.random.Generator(np.random.Philox(key=[seed, sweep + 2**32])).permutation(n_samples)


def in_order(n_samples: int, batch_size: int) -> Sequence[BatchKey]:
    """Return the keys that go through all samples once; the last batch may be smaller."""
    starts = range(0, n_samples, batch_size)
    return [(step, tuple(range(start, min(start + batch_size, n_samples)))) for step, start in enumerate(starts)]
