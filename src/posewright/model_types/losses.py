"""The losses that model types share: squared errors of maps, and what their hardest channels cost more."""

from __future__ import annotations

from collections.abc import Mapping

import array_api_compat

from posewright.config.trainer import HardKeypointMining
from posewright.shapes import Array


def map_loss(
    output: Array, target: Array, weights: Array | None = None, mining: HardKeypointMining | None = None
) -> Array:
    """Return the mean squared error over all elements, and added to it what the hard channels cost more (peer: 5.4).

    Args:
        output: ``[frame channel height width]``.
        target: the same.
        weights: ``[frame]``, factors of the frames; None for 1.
        mining: which channels are hard and what they cost; None or ``online_mining: false`` for the plain error.
    """
    xp = array_api_compat.array_namespace(target)
    difference = xp.astype(output, target.dtype) - target
    squared = difference * difference
    if weights is not None:
        squared = squared * weights[:, None, None, None]
    error = xp.mean(squared)
    return error if mining is None or not mining.online_mining else error + _hard_channels(squared, mining)


def _hard_channels(squared: Array, mining: HardKeypointMining) -> Array:
    """Return ``loss_scale`` times the mean squared error of the hard channels (Shrivastava et al. 2016).

    A channel is hard whose error is ``hard_to_easy_ratio`` times that of the easiest, or more; of the channels by
    falling error as many are taken as are hard, within the bounds. The bounds are numbers on the device too, so that
    nothing waits for it.
    """
    xp = array_api_compat.array_namespace(squared)
    frames, channels, height, width = squared.shape
    errors = xp.sort(xp.sum(squared, axis=(0, 2, 3)), descending=True)
    most = channels if mining.max_hard_keypoints is None else min(mining.max_hard_keypoints, channels)
    hard = (errors >= mining.hard_to_easy_ratio * xp.min(errors)) & (errors > 0)
    count = xp.clip(xp.sum(xp.astype(hard, errors.dtype)), min(mining.min_hard_keypoints, most), most)
    rank = xp.arange(channels, device=array_api_compat.device(squared))
    taken = xp.sum(xp.where(rank < count, errors, xp.zeros_like(errors)))
    return mining.loss_scale * taken / (frames * height * width * xp.clip(count, 1, None))


def total_loss(losses: dict[str, Array], loss_weights: Mapping[str, float]) -> dict[str, Array]:
    """Add the weighted total of the losses under ``loss``."""
    return {**losses, "loss": sum(loss_weights[name] * value for name, value in losses.items())}
