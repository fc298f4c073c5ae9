"""Truth and prediction drawn on a frame, large enough to judge by eye.

Truth is a hollow white ring with a black rim and thin white edges; a prediction is a coloured dot with coloured edges,
one colour an animal. A good node looks like a target: the dot in the ring.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from posewright.geometry import Transform
from posewright.labels.skeleton import Skeleton
from posewright.shapes import Size

Points = NDArray[np.floating]
Colour = tuple[int, int, int]

#: Okabe and Ito's palette as rgb, light colours first: they stand out on gray frames.
ANIMAL_COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (204, 121, 167),
    (213, 94, 0),
)
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)

_RING_RADIUS_PX = 6.0
_DOT_RADIUS_PX = 3.0
_SUBPIXEL_BITS = 4  # OpenCV draws on a grid of 1/16 pixel: marks must not jump to whole pixels


def draw_poses(
    image: NDArray[np.uint8],
    skeleton: Skeleton,
    truth: Points | None,
    predicted: Points | None,
    scale: float = 1.0,
    *,
    paired: bool = False,
    marks: float = 1.0,
) -> NDArray[np.uint8]:
    """Return the frame as an rgb picture, resized by ``scale``, with the poses drawn on it.

    Args:
        image: ``[height width channel]`` with one or three channels, or ``[height width]``.
        skeleton: whose edges are drawn.
        truth: ``[instance node xy]`` in pixels of ``image``, NaN where missing.
        predicted: the same for the prediction.
        scale: output pixels per input pixel; the marks keep their size.
        paired: row k of both belongs together; a thin line joins each node with its truth.
        marks: size of the marks: 1 for pictures to judge by, less for small ones.
    """
    canvas = _enlarged(_as_rgb(image), scale)
    transform = Transform.resize(Size(*image.shape[:2]), Size(*canvas.shape[:2]))
    true = None if truth is None else transform.apply(np.asarray(truth, np.float64))
    found = None if predicted is None else transform.apply(np.asarray(predicted, np.float64))
    if true is not None:
        canvas = _with_faint_edges(canvas, true, skeleton)
    if found is not None:
        for row, points in enumerate(found):
            colour = ANIMAL_COLOURS[row % len(ANIMAL_COLOURS)]
            for start, end in _edge_ends(points, skeleton):
                _line(canvas, start, end, colour, max(1, round(2 * marks)))
    if true is not None and found is not None and paired:
        for start, end in zip(true.reshape(-1, 2), found.reshape(-1, 2), strict=True):
            if np.isfinite(start).all() and np.isfinite(end).all():
                _line(canvas, start, end, WHITE, 1)
    if found is not None:
        for row, points in enumerate(found):
            for point in points[np.isfinite(points).all(axis=-1)]:
                _disc(canvas, point, _DOT_RADIUS_PX * marks + 1, BLACK)
                _disc(canvas, point, _DOT_RADIUS_PX * marks, ANIMAL_COLOURS[row % len(ANIMAL_COLOURS)])
    if true is not None:
        for point in true[np.isfinite(true).all(axis=-1)]:
            _circle(canvas, point, _RING_RADIUS_PX * marks, BLACK, 4)
            _circle(canvas, point, _RING_RADIUS_PX * marks, WHITE, 2)
    return canvas


def view_around(points: Points, size: Size, margin: float = 0.12, smallest_px: int = 96) -> tuple[slice, slice]:
    """Return (rows, columns) of the part of a frame that holds all ``points [... xy]``, with a margin around them.

    Args:
        points: NaN is skipped; without any point the view is the whole frame.
        size: the frame's size; the view stays inside.
        margin: part of the longer side of the points' box, added on every side.
        smallest_px: the view is at least so long on both sides, if the frame is.
    """
    flat = points.reshape(-1, 2)
    flat = flat[np.isfinite(flat).all(axis=-1)]
    if len(flat) == 0:
        return slice(0, size.height), slice(0, size.width)
    low, high = flat.min(axis=0), flat.max(axis=0)
    side = max(smallest_px, float((high - low).max()) * (1 + 2 * margin))
    centre = (low + high) / 2
    columns, rows = (_span(float(centre[axis]), side, limit) for axis, limit in enumerate((size.width, size.height)))
    return rows, columns


def jpeg_uri(picture: NDArray[np.uint8], quality: int = 82) -> str:
    """Return an rgb picture as a JPEG data URI, colours at full resolution so that thin lines stay sharp."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), options)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _span(centre: float, length: float, limit: int) -> slice:
    """Return whole pixels of about ``length`` around ``centre``, moved to lie within 0 to ``limit``."""
    whole = min(int(np.ceil(length)), limit)
    start = int(np.clip(round(centre - whole / 2), 0, limit - whole))
    return slice(start, start + whole)


def _as_rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    planes = image[..., None] if image.ndim == 2 else image
    return np.ascontiguousarray(np.broadcast_to(planes, (*planes.shape[:2], 3)))


def _enlarged(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    if (height, width) == picture.shape[:2]:
        return picture.copy()
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)


def _with_faint_edges(canvas: NDArray[np.uint8], poses: Points, skeleton: Skeleton) -> NDArray[np.uint8]:
    """Blend the true edges at half strength, so that the coloured edges above them stay the louder ones."""
    layer = canvas.copy()
    for points in poses:
        for start, end in _edge_ends(points, skeleton):
            _line(layer, start, end, WHITE, 1)
    return np.asarray(cv2.addWeighted(canvas, 0.5, layer, 0.5, 0.0), np.uint8)


def _edge_ends(points: Points, skeleton: Skeleton) -> Iterator[tuple[Points, Points]]:
    for source, target in skeleton.edges:
        if np.isfinite(points[[source, target]]).all():
            yield points[source], points[target]


def _fixed(point: Points) -> tuple[int, int]:
    """Return a point in OpenCV's fixed-point coordinates, kept within what its integers hold."""
    x, y = np.clip(np.rint(point * 2**_SUBPIXEL_BITS), -(2**30), 2**30)
    return int(x), int(y)


def _line(canvas: NDArray[np.uint8], start: Points, end: Points, colour: Colour, width_px: int) -> None:
    cv2.line(canvas, _fixed(start), _fixed(end), colour, width_px, cv2.LINE_AA, _SUBPIXEL_BITS)


def _disc(canvas: NDArray[np.uint8], centre: Points, radius_px: float, colour: Colour) -> None:
    _circle(canvas, centre, radius_px, colour, cv2.FILLED)


def _circle(canvas: NDArray[np.uint8], centre: Points, radius_px: float, colour: Colour, width_px: int) -> None:
    radius = round(radius_px * 2**_SUBPIXEL_BITS)
    cv2.circle(canvas, _fixed(centre), radius, colour, width_px, cv2.LINE_AA, _SUBPIXEL_BITS)
