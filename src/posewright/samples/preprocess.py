"""From a stored frame to the input of a network, the same way in training and in prediction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

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
    """

    channels: int
    scale: float
    multiple: int
    crop_size_px: int | None = None

    def scaled(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Transform]:
        """Return the image with the right channels and scale, and how points move into it; not padded."""
        image = with_channels(image, self.channels)
        size = Size(*image.shape[:2])
        new = scaled_size(size, self.scale)
        return resized(image, new), Transform.resize(size, new)

    def input_size(self, size: Size) -> Size:
        """Return the padded size of the network's input for an image of ``size``."""
        return scaled_size(size, self.scale).padded(self.multiple)

    def batch(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Transform]:
        """Return network inputs ``[batch height width channel]`` for images of one size, and how points move."""
        size = Size(*images.shape[1:3])
        padded = self.input_size(size)
        out = np.zeros((len(images), padded.height, padded.width, self.channels), np.uint8)
        for index, image in enumerate(images):
            small, _ = self.scaled(image)
            out[index, : small.shape[0], : small.shape[1]] = small
        return out, Transform.resize(size, scaled_size(size, self.scale))

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


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
