"""Every side gets a group, and a group that has a place keeps it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from posewright.errors import InputError
from posewright.labels.sides import Dealer, Place, hash_of

_ROUNDING = 1e-9  #: parts are rounded numbers


def settle(
    names: Sequence[str], dealer: Dealer, remembered: Mapping[str, Place], remedy: str | None
) -> tuple[dict[str, Place], list[str]]:
    """Return the place of every group, and a note on each that does not stand where its hash says.

    Remembered groups stay. The others go where they are dealt, and of these one is moved to each place that is empty;
    the test side is filled first. Then more of them are moved while that brings the parts nearer to those asked for
    (blocks are dealt in these parts already).

    Args:
        names: the groups that have labelled frames.
        dealer: the hash.
        remembered: group -> place in an earlier split.
        remedy: what gives more groups of the same labels, as a clause; None if nothing does.

    Raises:
        InputError: there are fewer groups than places, or an empty place and only remembered groups.
    """
    if dealer.by == "file":
        return _as_given({name: dealer.place(name) for name in names}, dealer), []
    if len(names) < len(dealer.places):
        raise InputError(_too_few(len(names), dealer, remedy))
    places = {name: remembered.get(name) or dealer.place(name) for name in names}
    for place in dealer.places:
        if place not in places.values():
            places[_donor(places, place, dealer, remembered)] = place
    if dealer.by != "block":
        _even_out(places, dealer, remembered)
    notes = [
        f"{name} was moved from {dealer.place(name)}, where its hash puts it, to {place}, which had too few."
        for name, place in places.items()
        if place != dealer.place(name)
    ]
    return places, notes


def _even_out(places: dict[str, Place], dealer: Dealer, remembered: Mapping[str, Place]) -> None:
    """Move new groups, those whose hash lies nearest, from places with too many to places with too few."""
    for _ in range(len(places)):
        counts = Counter(places.values())
        surplus = {place: counts[place] - part * len(places) for place, part in dealer.parts.items()}
        poorest = min(surplus, key=lambda place: surplus[place])
        movable = [
            name
            for name, place in places.items()
            if name not in remembered and counts[place] > 1 and surplus[place] - surplus[poorest] > 1 + _ROUNDING
        ]
        if not movable:
            return
        places[min(movable, key=partial(_reluctance, places, surplus, dealer, dealer.interval(poorest)))] = poorest


def _reluctance(
    places: Mapping[str, Place],
    surplus: Mapping[Place, float],
    dealer: Dealer,
    interval: tuple[float, float],
    name: str,
) -> tuple[float, float]:
    """Return how little a group should be moved to the place of ``interval``: from the fullest and nearest first."""
    own = hash_of(dealer.seed, name)
    return -surplus[places[name]], max(interval[0] - own, own - interval[1])


def _donor(places: Mapping[str, Place], empty: Place, dealer: Dealer, remembered: Mapping[str, Place]) -> str:
    """Return the new group whose hash lies nearest to an empty place, from a place that keeps another group."""
    counts = Counter(places.values())
    sparing = [name for name, place in places.items() if counts[place] > 1 and name not in remembered]
    if not sparing:
        raise InputError(
            f"The split has no group left in {empty}: the labels of those that were there are gone, and groups keep "
            "the side they once had; restore the labels, label another group, or remove the split's groups.tsv, "
            "which deals all groups anew."
        )
    if empty == "train":
        return max(sparing, key=lambda name: (places[name] == "val", hash_of(dealer.seed, name)))

    def farness(name: str) -> tuple[bool, bool, int, float]:
        place = places[name]
        return place != "train", place == "test", -counts[place], hash_of(dealer.seed, name)

    return min(sparing, key=farness)


def _as_given(places: dict[str, Place], dealer: Dealer) -> dict[str, Place]:
    """Return the sides of a split file; training and validation must be there, the test where it is wanted."""
    for side in ("train", "val", *(("test",) if dealer.test > 0 else ())):
        if side not in places.values():
            other = ", or set split.test: 0" if side == "test" else ""
            raise InputError(f"The split file puts no labelled video on the {side} side; name one{other}.")
    return places


def _too_few(count: int, dealer: Dealer, remedy: str | None) -> str:
    """Say which sides stay empty and what would help."""
    sides = ["train and val"] if dealer.folds == 1 else [f"{dealer.folds} folds"]
    fewer = [] if dealer.folds == 1 else ["lower split.folds"]
    if dealer.test > 0:
        sides.append("test")
        fewer.append("set split.test to 0")
    helps = ", ".join([*([remedy] if remedy else []), "label more", *fewer[:-1]]) + (
        f", or {fewer[-1]}" if fewer else ""
    )
    return (
        f"An empty side of the split: {count} group{'s' if count != 1 else ''} by {dealer.by} cannot fill "
        f"{' and '.join(sides)}; {helps}."
    )
