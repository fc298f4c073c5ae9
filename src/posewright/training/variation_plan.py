"""How training images may be varied, by what the labels tell of directions, sizes and sides."""

from __future__ import annotations

from collections.abc import Iterator

from posewright.labels.mirror import unpaired_sides
from posewright.labels.skeleton import Skeleton
from posewright.labels.statistics import LabelStatistics

_ALIGNED = 0.6  #: alignment of the animals above which there is an upright
_EVEN_SIZES = 1.4  #: ratio of large to small animals


def propose_variation(measured: LabelStatistics) -> Iterator[tuple[str, float, str]]:
    """Yield key below ``augmentation_config.geometric``, value and reason."""
    turn, why = _turn(measured)
    yield "rotation_min", -turn, why
    yield "rotation_max", turn, why
    (low, high), why = _sizes(measured)
    yield "scale_min", low, why
    yield "scale_max", high, why
    yield "flip_p", *_flip(measured)


def _turn(measured: LabelStatistics) -> tuple[float, str]:
    axis = measured.axis
    if axis is None:
        return 180.0, "No two nodes are visible together on most animals, so nothing is known of the ways they point."
    # among n animals that point at random an alignment of 1 / sqrt(n) is nothing special
    turn = 15.0 if axis.alignment - axis.n**-0.5 > _ALIGNED else 180.0
    why = f"By the line from {axis.tail} to {axis.head}, {axis.n} animals have an alignment of {axis.alignment:.2f} "
    why += "(0: they point all ways, 1: along one line); " + (
        "what is upright should stay upright."
        if turn < 180.0
        else "so few may be so by chance, and nothing shows that one direction is upright."
        if axis.alignment > _ALIGNED
        else "as seen from above, no direction is upright."
    )
    return turn, why


def _sizes(measured: LabelStatistics) -> tuple[tuple[float, float], str]:
    length = measured.length_px
    ratio = length.p90 / length.p10 if length.p10 > 0 else 1.0
    why = f"Large animals (longer than 90 % of all) are {ratio:.2f} times as long as small ones (shorter than 90 %), "
    if ratio <= _EVEN_SIZES:
        return (0.9, 1.1), why + "so sizes hardly differ."
    return (0.8, 1.2), why + "by size, posture or distance, and may differ more elsewhere."


def _flip(measured: LabelStatistics) -> tuple[float, str]:
    nodes = [measured.nodes.index(name) for name in measured.mirrored]
    declared = tuple(zip(nodes[::2], nodes[1::2], strict=True))
    strays = unpaired_sides(Skeleton(measured.nodes, (), declared))
    if strays:
        named = ", ".join(f"{left} and {right}" for left, right in strays)
        return 0.0, (
            f"By their names {named} are left and right, but they are not declared mirror images of each other, so "
            "mirrored pictures would teach them the wrong way round. Once the labelling tool is told (symmetry), half "
            "of the pictures can be mirrored."
        )
    if not declared:
        return 0.0, "No nodes are declared mirror images of each other, so in a mirrored picture names might be wrong."
    pairs = f"{len(declared)} pairs of nodes are" if len(declared) > 1 else "One pair of nodes is"
    return 0.5, (
        f"{pairs} declared mirror images of each other, so half of the pictures can be mirrored, left and right "
        "changing names."
    )
