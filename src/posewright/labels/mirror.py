"""What a mirror image does to a skeleton, in words: nodes that keep a side they no longer have."""

from __future__ import annotations

import re

from posewright.labels.skeleton import Skeleton

#: Spellings of left and right in node names: ``left_ear``, ``L_ear`` or ``ear-l``, ``earL`` or ``forelegL4``.
_SIDES = (
    (re.compile("left", re.IGNORECASE), "right"),
    (re.compile(r"(?<![A-Za-z])L(?![A-Za-z])", re.IGNORECASE), "r"),
    (re.compile(r"(?<=[a-z])L(?![a-z])"), "R"),
)


def unpaired_sides(skeleton: Skeleton) -> list[tuple[str, str]]:
    """Return the (left, right) nodes that are a pair by name and not by the skeleton's symmetries."""
    by_lower = {node.lower(): node for node in skeleton.nodes}
    found = []
    for node in skeleton.nodes:
        others = (by_lower.get(left.sub(right, node).lower()) for left, right in _SIDES if left.search(node))
        other = next((name for name in others if name is not None), None)
        if other is not None and skeleton.mirrored[skeleton.index(node)] != skeleton.index(other):
            found.append((node, other))
    return found


def mirror_notes(skeleton: Skeleton, anchor: str | None) -> list[str]:
    """Return a sentence for each way in which mirror images mislead a training on this skeleton.

    Args:
        skeleton: of the labels.
        anchor: node that crops are centred on; None for none.
    """
    notes = []
    pairs = unpaired_sides(skeleton)
    if pairs:
        named = ", ".join(f"{left} and {right}" for left, right in pairs)
        notes.append(
            f"flip_p mirrors images, but the skeleton declares no symmetry of {named}: in a mirror image the left one "
            "is learnt as the left one still, though it looks like the right one; add the symmetries in the labelling "
            "tool, or set flip_p to 0."
        )
    if anchor is not None and anchor in skeleton.nodes:
        partner = skeleton.nodes[skeleton.mirrored[skeleton.index(anchor)]]
        if partner != anchor:
            notes.append(
                f"flip_p mirrors crops about {anchor}, which is called {partner} there: the crops that are predicted "
                f"lie otherwise; choose an anchor_part on the middle line, or set flip_p to 0."
            )
    return notes
