"""How far a UNet sees around a cell of its deepest level, in closed form and without building it."""

from __future__ import annotations


def unet_receptive_field_px(max_stride: int, convs_per_block: int = 2, kernel_size: int = 3) -> int:
    """Return the side of the square of input pixels that one cell at the bottom of `UNetEncoder` depends on.

    At each stride s before the bottom, ``convs_per_block`` convolutions add ``(kernel_size - 1) * s`` each and the
    pooling adds s; the convolutions of the bottom add theirs at ``max_stride``. The strides before it sum to
    ``max_stride - 1``. The decoder widens the view a little more; it is not counted, since weights fade outwards.
    """
    block = convs_per_block * (kernel_size - 1)
    return 1 + (block + 1) * (max_stride - 1) + block * max_stride
