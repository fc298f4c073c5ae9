"""Which individuals a model is to tell apart: the classes of its answers, in an order that never changes."""

from __future__ import annotations

from collections.abc import Collection

from posewright.errors import InputError


def identities(listed: tuple[str, ...] | None, tracks: Collection[str]) -> tuple[str, ...]:
    """Return the classes in order: as listed, else the track names sorted, so that the order of labels plays no part.

    Raises:
        InputError: the labels do not show these identities.
    """
    fault = identities_fault(listed, tracks)
    if fault is not None:
        raise InputError(f"{fault[0]}; {fault[1]}.")
    return listed if listed is not None else tuple(sorted(set(tracks)))


def identities_fault(listed: tuple[str, ...] | None, tracks: Collection[str]) -> tuple[str, str] | None:
    """Return what is wrong with the classes and a remedy, as clauses; None if they will do."""
    known = sorted(set(tracks))
    classes = known if listed is None else list(listed)
    if len(classes) < 2:
        source = "the tracks to learn from give" if listed is None else "the list has"
        found = f"two or more identities are needed, and {source} {len(classes)} ({', '.join(classes) or 'none'})"
        return found, "give each labelled animal its own track, the same in every video, or use a type without classes"
    if len(set(classes)) < len(classes):
        return f"{classes} has a name twice", "give each once"
    unlabelled = [name for name in classes if name not in known]
    if unlabelled:
        found = f"no animal on the training side has the track {', '.join(map(repr, unlabelled))}"
        return found, (
            "label such individuals in more recordings, train on fewer folds or a larger part, or leave them out of "
            f"the list (with null all tracks there are learnt: {', '.join(known) or 'none'})"
        )
    return None
