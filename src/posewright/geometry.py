"""The one owner of the pixel: where points lie, and how crop, scale and pad compose.

Convention: (0, 0) is the *centre* of the top-left pixel, so an image of width ``w`` spans -0.5 to w - 0.5. Cell ``i``
of a map with stride ``s`` lies on pixel ``i * s``. Resizing maps pixel *areas* on each other, so a scale ``k`` moves a
point ``x`` to ``(x + 0.5) * k - 0.5`` (what OpenCV and torchvision do with half-pixel centres); the peer uses ``x * k``
and is off by half a pixel at scale 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from posewright.shapes import Array, Size


@dataclass(frozen=True)
class Transform:
    """An invertible map of points: ``new = old * scale + offset``, per axis, (x, y) order."""

    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def crop(cls, left: int, top: int) -> Transform:
        """The image that begins at pixel (left, top) of the old one; both may be negative. Whole pixels: no bias."""
        return cls(offset=(-float(left), -float(top)))

    @classmethod
    def resize(cls, old: Size, new: Size) -> Transform:
        """The whole image, resized from ``old`` to ``new``."""
        scale = (new.width / old.width, new.height / old.height)
        return cls(scale, (0.5 * scale[0] - 0.5, 0.5 * scale[1] - 0.5))

    def then(self, after: Transform) -> Transform:
        """Return the map that applies this one and then ``after``. Padding at the right and bottom is the identity."""
        scale = (self.scale[0] * after.scale[0], self.scale[1] * after.scale[1])
        offset = (
            self.offset[0] * after.scale[0] + after.offset[0],
            self.offset[1] * after.scale[1] + after.offset[1],
        )
        return Transform(scale, offset)

    def inverse(self) -> Transform:
        """Return the map back."""
        scale = (1.0 / self.scale[0], 1.0 / self.scale[1])
        return Transform(scale, (-self.offset[0] * scale[0], -self.offset[1] * scale[1]))

    def apply(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Map NumPy points ``[... xy]``; NaN stays NaN."""
        dtype = points.dtype
        return points * np.asarray(self.scale, dtype) + np.asarray(self.offset, dtype)


def scaled_size(size: Size, scale: float) -> Size:
    """Return the size of an image resized by ``scale``: rounded down as the peer does, at least one pixel."""
    return Size(max(1, int(size.height * scale)), max(1, int(size.width * scale)))


def crop_corner(centre: NDArray[np.floating], side: int) -> NDArray[np.int64]:
    """Return the whole-pixel (left, top) corners ``[row xy]`` of square crops centred as nearly as pixels allow.

    The pixel at index ``side // 2`` of the crop is the one nearest to ``centre`` (peer: round half up of c, minus W/2).
    """
    corners: NDArray[np.int64] = np.floor(centre + 0.5).astype(np.int64) - side // 2
    return corners


def cut(image: NDArray[np.uint8], left: int, top: int, size: Size) -> NDArray[np.uint8]:
    """Cut ``size`` out of ``image [height width channel]`` at a whole-pixel corner; zeros outside the image."""
    height, width = image.shape[:2]
    out = np.zeros((size.height, size.width, *image.shape[2:]), image.dtype)
    y0, y1 = max(top, 0), min(top + size.height, height)
    x0, x1 = max(left, 0), min(left + size.width, width)
    if y0 < y1 and x0 < x1:
        out[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return out


def outside(points: Array, size: Size) -> Array:
    """Return which points ``[... xy]`` lie outside an image of ``size`` (beyond its pixel areas); NaN lies inside."""
    x, y = points[..., 0], points[..., 1]
    return (x < -0.5) | (y < -0.5) | (x > size.width - 0.5) | (y > size.height - 0.5)


def anchor_points(points: Array, node: int | None) -> Array:
    """Return the anchors ``[row xy]`` of instances ``[row node xy]``: the anchor node, else the mean of visible nodes.

    The mean serves where ``node`` is None or not visible (the peer's rule since 0.3.0); no visible node gives NaN.
    """
    xp = array_api_compat.array_namespace(points)
    seen = ~xp.isnan(points[..., 0])
    count = xp.sum(xp.astype(seen, points.dtype), axis=-1)
    total = xp.sum(xp.where(seen[..., None], points, xp.zeros_like(points)), axis=-2)
    mean = total / xp.where(count > 0, count, xp.full_like(count, float("nan")))[..., None]
    if node is None:
        return mean
    return xp.where(seen[:, node, None], points[:, node, :], mean)
