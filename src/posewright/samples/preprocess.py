"""From a stored frame to the input of a network, the same way in training and in prediction."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from posewright.geometry import Transform, scaled_size
from posewright.shapes import Size

_LUMA = np.array([0.2989, 0.587, 0.114], np.float32)  #: weights of red, green, blue (the peer's)


@dataclass(frozen=True)
class Preprocess:
    """Channels, scale and padding of whole frames or crops.

    Attributes:
        channels: 1 (gray) or 3.
        scale: factor of the size; below 1 areas are averaged, above 1 bilinear.
        multiple: the padded size is a multiple of this (the network's max_stride).
        crop_size_px: side of the crops before scaling; None for whole frames.
        scaling: ``areas`` of pixels on one another (`posewright.geometry`), or as models of ``sleap-nn`` learnt it:
            bilinear with antialiasing, and a point ``x`` moves to ``x * scale``.
        fitted: height and width that whole frames are fitted into before scaling, as the peer does with frames of
            other sizes; None for not at all.
    """

    channels: int
    scale: float
    multiple: int
    crop_size_px: int | None = None
    scaling: Literal["areas", "sleap-nn"] = "areas"
    fitted: tuple[int, int] | None = None

    def scaled(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Transform]:
        """Return the image with the right channels and scale, and how points move into it; not padded."""
        image = with_channels(image, self.channels)
        size = Size(*image.shape[:2])
        if self.scaling == "areas":
            return resized(image, scaled_size(size, self.scale)), self._moves(size)
        part = self.fit(size)
        if part != 1.0:
            image = antialiased(image, Size(round(size.height * part), round(size.width * part)))
        if self.fitted is not None:
            lack = [max(0, side - own) for side, own in zip(self.fitted, image.shape[:2], strict=True)]
            image = np.pad(image, ((0, lack[0]), (0, lack[1]), (0, 0)))
        return antialiased(image, scaled_size(Size(*image.shape[:2]), self.scale)), self._moves(size)

    def input_size(self, size: Size) -> Size:
        """Return the padded size of the network's input for an image of ``size``."""
        whole = size if self.fitted is None else Size(*self.fitted)
        return scaled_size(whole, self.scale).padded(self.multiple)

    def fit(self, size: Size) -> float:
        """Return by which factor a frame of ``size`` is fitted; the peer enlarges smaller ones, too."""
        return 1.0 if self.fitted is None else min(self.fitted[0] / size.height, self.fitted[1] / size.width)

    def _moves(self, size: Size) -> Transform:
        """Return how points of an image of ``size`` move."""
        if self.scaling == "areas":
            return Transform.resize(size, scaled_size(size, self.scale))
        factor = self.fit(size) * self.scale
        return Transform((factor, factor))

    def batch(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Transform]:
        """Return network inputs ``[batch height width channel]`` for images of one size, and how points move."""
        size = Size(*images.shape[1:3])
        padded = self.input_size(size)
        out = np.zeros((len(images), padded.height, padded.width, self.channels), np.uint8)
        for index, image in enumerate(images):
            small, _ = self.scaled(image)
            out[index, : small.shape[0], : small.shape[1]] = small
        return out, self._moves(size)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name; what only the peer's models have, of these."""
        peers = {one.name: one.default for one in fields(self) if one.name in ("scaling", "fitted")}
        return {name: value for name, value in asdict(self).items() if name not in peers or value != peers[name]}


def with_channels(image: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Return ``[height width channel]`` as gray (by luma) or with three channels (by repetition)."""
    if image.shape[2] == channels:
        return image
    if channels == 1:
        gray: NDArray[np.uint8] = np.rint(image[..., :3] @ _LUMA).clip(0, 255).astype(np.uint8)
        return gray[..., None]
    return np.repeat(image[..., :1], channels, axis=2)


def resized(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Resize ``[height width channel]``: pixel areas are averaged when it shrinks, bilinear when it grows."""
    if image.shape[:2] == (size.height, size.width):
        return image
    shrinks = size.height < image.shape[0]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    out: NDArray[np.uint8] = cv2.resize(image, (size.width, size.height), interpolation=interpolation)  # type: ignore[assignment]
    return out.reshape(size.height, size.width, image.shape[2])


def antialiased(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Resize ``[height width channel]`` bilinearly, with a wider filter where it shrinks, as torchvision does."""
    from PIL import Image

    if image.shape[:2] == (size.height, size.width):
        return image
    planes = [
        Image.fromarray(image[..., plane]).resize((size.width, size.height), Image.Resampling.BILINEAR)
        for plane in range(image.shape[2])
    ]
    return np.stack([np.asarray(plane, np.uint8) for plane in planes], axis=-1)
