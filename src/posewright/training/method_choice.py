"""Which methods suit the animals: the model types that a plan proposes to train and compare."""

from __future__ import annotations

import math

from posewright.labels.neighbours import Neighbours
from posewright.labels.statistics import LabelStatistics
from posewright.training.proposal import Proposal, percent

_APART = 0.15  #: at most this part of the animals in contact: crops hold one animal each
_ENTANGLED = 0.3  #: at least this part in contact: crops often hold two, and nodes are better joined than cropped
_NAMED = 0.9  #: part of the animals with a name that recurs, for identities to be learnt
METHODS = "methods"


def propose_methods(measured: LabelStatistics, is_complete: bool) -> Proposal:
    """Return the methods to train, as ``methods`` of config.yaml calls their types; two where the labels leave doubt.

    Args:
        measured: of the training labels.
        is_complete: whether every animal in a labelled frame is labelled.
    """
    near = measured.neighbours
    if near is None:
        return _alone(measured, is_complete)
    if len(measured.names) > 1 and measured.named >= _NAMED:
        types, why = _by_contact(near, measured, joins=False)
        known = [f"multi_class_{name}" for name in types]
        who = (
            f"{_listed(measured.names)} recur in the {measured.videos} recordings, and "
            f"{percent(measured.named)} of the animals carry a name: the same individuals can be learnt, if "
            "they can be told apart by their looks. "
        )
        return Proposal(METHODS, known, who + why)
    types, why = _by_contact(near, measured, joins=True)
    return Proposal(METHODS, types, why + _nameless(measured))


def _alone(measured: LabelStatistics, is_complete: bool) -> Proposal:
    if is_complete:
        why = (
            f"None of the {measured.frames} frames has more than one animal, so nothing has to be told apart: one "
            "network finds the nodes in the whole frame."
        )
        return Proposal(METHODS, ["single_instance"], why)
    why = (
        f"None of the {measured.frames} frames has more than one labelled animal, but not every animal is labelled "
        "(complete: false): single_instance would be wrong as soon as two are in view, so each is cropped by itself."
    )
    return Proposal(METHODS, ["topdown"], why)


def _by_contact(near: Neighbours, measured: LabelStatistics, joins: bool) -> tuple[list[str], str]:
    """Return top-down, bottom-up or both, by how often animals are in contact and how sure that number is.

    Args:
        near: how near animals come to each other.
        measured: the other measures.
        joins: whether bottom-up would join nodes along the skeleton's edges, and not by identity.
    """
    low, high = _interval(near.in_contact, near.frames)
    found = (
        f"Up to {measured.most_animals} animals share a frame. {percent(near.in_contact)} of them are in contact with "
        f"another one: {percent(near.touching)} have a node within a twentieth of a body length of another's node, and "
        f"{percent(near.overlapping)} overlap another's box by more than a tenth. Middles lie {near.nearest_p50:.2g} "
        f"body lengths apart (median; 95 % of them {near.nearest_p05:.2g} or more). "
    )
    if high <= _APART:
        return ["topdown"], (
            found + f"They are mostly apart (at most {percent(_APART)} in contact), so each can be cropped by itself."
        )
    if joins and not (measured.edges and measured.is_forest):
        lacking = "form a ring" if measured.edges else "are missing"
        return ["topdown"], found + f"Bottom-up joins nodes along the skeleton's edges, and these {lacking}."
    if low >= _ENTANGLED:
        return ["bottomup"], (
            found + f"They touch often (at least {percent(_ENTANGLED)} in contact), so crops would hold several of "
            "them; nodes are found first and then joined."
        )
    return ["topdown", "bottomup"], (
        found + f"With {near.frames} frames of several animals that part may be anything from {percent(low)} to "
        f"{percent(high)}; clearly apart is below {percent(_APART)}, often in contact above {percent(_ENTANGLED)}. "
        "In doubt both are trained and compared."
    )


def _nameless(measured: LabelStatistics) -> str:
    if len(measured.names) > 1:
        return f" Only {percent(measured.named)} of the animals carry a name, so identities are not learnt."
    if measured.named >= _NAMED and measured.videos == 1:
        return " The animals are named, but in one recording only; that they can be recognised in others is not known."
    return ""


def _interval(part: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a part of ``count`` (Wilson 1927): of frames, since what touches is not alone."""
    z = 1.96
    middle = (part + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(part * (1 - part) / count + (z / (2 * count)) ** 2) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
