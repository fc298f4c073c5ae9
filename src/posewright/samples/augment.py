"""Apply drawn variations to a whole batch on its device, image and points together, in one resampling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from posewright.geometry import outside
from posewright.shapes import PoseBatch, Size


@dataclass(frozen=True)
class Batch:
    """What the loader yields: source images and drawn numbers, all tensors.

    Attributes:
        images: ``[batch channel height width]`` uint8, the source images.
        points: ``[row node xy]`` float32, pixels of the source images.
        frame: ``[row]`` int64, the image of each row.
        class_ids: ``[row]`` int64, -1 where unknown.
        matrices: ``[batch 2 3]`` float32, from output to source pixels.
        intensity: ``[batch 6]`` float32: brightness, contrast, noise, its mean, uniform noise from, to.
        erased: ``[batch 4]`` int64, left, top, right and bottom of the area that turns black, ends excluded.
        inner: ``[batch 2]`` float32: width and height of the real image in the source; beyond it is padding.
        noise_seed: seeds the noise of this batch.
        output: size of the network's input.
        content: the part of it, from the top left, that shows the image; the rest is padding and stays black.
        first: place of the first image in the whole batch, of which this may be one device's part.
        of: images of the whole batch; None where this is the whole.
    """

    images: Tensor
    points: Tensor
    frame: Tensor
    class_ids: Tensor
    matrices: Tensor
    intensity: Tensor
    erased: Tensor
    inner: Tensor
    noise_seed: int
    output: Size
    content: Size
    first: int = 0
    of: int | None = None

    def to(self, device: torch.device) -> Batch:
        """Return the batch on another device."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        """Return the batch in page-locked memory (called by torch's loader)."""
        return self._mapped(Tensor.pin_memory)

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return replace(
            self,
            images=change(self.images),
            points=change(self.points),
            frame=change(self.frame),
            class_ids=change(self.class_ids),
            matrices=change(self.matrices),
            intensity=change(self.intensity),
            erased=change(self.erased),
            inner=change(self.inner),
        )


def augmented(batch: Batch) -> tuple[Tensor, PoseBatch]:
    """Return network inputs ``[batch channel height width]`` in 0 to 1 and the poses in their pixels.

    New border pixels and erased areas are black. Points outside the real image, or outside what the input shows, become
    NaN; those under an erased area stay: the network is to tell them from what it sees around.
    """
    images = _resampled(batch)
    images = _with_intensity(images, batch)
    images = _erased(images, batch)
    images[:, :, batch.content.height :] = 0.0
    images[:, :, :, batch.content.width :] = 0.0
    points = _moved(batch)
    return images, PoseBatch(points=points, frame=batch.frame, n_frames=len(batch.images), class_ids=batch.class_ids)


def _resampled(batch: Batch) -> Tensor:
    """Sample the source at each output pixel, bilinearly; whole-pixel moves copy exactly."""
    sources = batch.images.float() / 255.0
    _, _, height, width = sources.shape
    rows, columns = batch.output.height, batch.output.width
    device = sources.device
    identity = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], device=device)
    if (rows, columns) == (height, width) and bool((batch.matrices == identity).all()):
        return sources
    x = torch.arange(columns, dtype=torch.float32, device=device)
    y = torch.arange(rows, dtype=torch.float32, device=device)
    matrix = batch.matrices[:, :, :, None, None]
    at = matrix[:, :, 0] * x[None, None, None, :] + matrix[:, :, 1] * y[None, None, :, None] + matrix[:, :, 2]
    # grid_sample counts from -1 to 1 between the centres of the outermost pixels
    grid = torch.stack([2 * at[:, 0] / max(width - 1, 1) - 1, 2 * at[:, 1] / max(height - 1, 1) - 1], dim=-1)
    return functional.grid_sample(sources, grid, mode="bilinear", padding_mode="zeros", align_corners=True)


def _with_intensity(images: Tensor, batch: Batch) -> Tensor:
    """Noise, contrast about middle gray, brightness, in the peer's order; then clip to 0 to 1."""
    brightness, contrast, noise, mean, low, high = (batch.intensity[:, index, None, None, None] for index in range(6))
    generator = torch.Generator(device=images.device)
    generator.manual_seed(batch.noise_seed)
    changed = images
    # every device draws the noise of the whole batch and takes its part: the number of devices changes no image
    part, whole = slice(batch.first, batch.first + len(images)), (batch.of or len(images), *images.shape[1:])
    if bool((high > 0).any()):
        uniform = torch.rand(whole, generator=generator, device=images.device)[part]
        changed = changed + low + (high - low) * uniform
    if bool((noise > 0).any() | (mean != 0).any()):
        normal = torch.randn(whole, generator=generator, device=images.device)[part]
        changed = changed + mean + noise * normal
    changed = ((changed - 0.5) * contrast + 0.5) * brightness
    return changed.clamp(0.0, 1.0) if changed is not images else images


def _erased(images: Tensor, batch: Batch) -> Tensor:
    """Turn each image's erased area black."""
    if not bool((batch.erased > 0).any()):
        return images
    left, top, right, bottom = (batch.erased[:, index, None, None, None] for index in range(4))
    x = torch.arange(images.shape[3], device=images.device)
    y = torch.arange(images.shape[2], device=images.device)[:, None]
    return images.masked_fill((x >= left) & (x < right) & (y >= top) & (y < bottom), 0.0)


def _moved(batch: Batch) -> Tensor:
    """Return the points in output pixels, NaN where they left the image."""
    seen = batch.points.clone()
    inner = batch.inner[batch.frame][:, None, :]
    left = (seen < -0.5) | (seen > inner - 0.5)
    seen[left.any(dim=-1)] = torch.nan
    turn, offset = batch.matrices[:, :, :2], batch.matrices[:, :, 2]
    back = torch.linalg.inv(turn)[batch.frame]
    points = torch.einsum("rij,rnj->rni", back, seen - offset[batch.frame][:, None, :])
    points[outside(points, batch.content)] = torch.nan
    return points
