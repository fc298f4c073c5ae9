"""Where a group falls to, as a pure function of its name and the seed."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Side = Literal["train", "val", "test"]
Place = str  #: where a group stands in all folds alike: a side, or with several folds ``test`` or ``fold<k>``


def hash_of(seed: int, name: str) -> float:
    """Return a number in [0, 1) that depends on the seed and the name alone."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:7]) / 2**56


def side_in(place: Place, fold: int) -> Side:
    """Return the side of a place in one fold: a group of ``fold2`` validates in fold 2 and trains in all others."""
    if place.startswith("fold"):
        return "val" if place == f"fold{fold}" else "train"
    return _side(place)


@dataclass(frozen=True)
class Dealer:
    """Places by hash for groups, by dealt cycles for the blocks of a video; the same in all folds.

    A hash gives each group its place with the wanted probability; among few groups the parts are rough. Blocks are many
    and in order, so each run of them is dealt like cards: every cycle holds the sides in nearly the wanted parts, in an
    order of its own. Both look at a group's name only, never at what else is labelled.
    """

    by: str
    val: float
    test: float
    folds: int
    seed: int

    @property
    def places(self) -> tuple[Place, ...]:
        """All places that need a group, those outside the training first."""
        test = ("test",) if self.test > 0 else ()
        return (*test, *(("val", "train") if self.folds == 1 else (f"fold{fold}" for fold in range(self.folds))))

    @property
    def parts(self) -> dict[Place, float]:
        """The part of the groups that belongs to each place, in the order of their hashes."""
        test = {"test": self.test} if self.test > 0 else {}
        if self.folds > 1:
            return test | {f"fold{fold}": (1 - self.test) / self.folds for fold in range(self.folds)}
        return test | {"val": self.val, "train": 1 - self.test - self.val}

    def interval(self, place: Place) -> tuple[float, float]:
        """Return between which hashes a group is dealt to a place."""
        places = list(self.parts)
        before = sum(self.parts[other] for other in places[: places.index(place)])
        return before, before + self.parts[place]

    def place(self, name: str) -> Place:
        """Return the place of a group; a block's name ends in ``/b<number>``, a given side's in ``/<side>``."""
        if self.by == "block":
            video, _, number = name.rpartition("/b")
            return self._block(video, int(number))
        if self.by == "file":
            return _side(name.rpartition("/")[2])
        place = hash_of(self.seed, name)
        if place < self.test:
            return "test"
        if self.folds > 1:
            return f"fold{min(int((place - self.test) / (1 - self.test) * self.folds), self.folds - 1)}"
        return "val" if place < self.test + self.val else "train"

    def _block(self, video: str, number: int) -> Place:
        length, n_test, n_val = _cycle(self.val if self.folds == 1 else 0.0, self.test, self.folds)
        cycle, within = divmod(number, length)
        order = sorted(range(length), key=lambda place: hash_of(self.seed, f"{video}/c{cycle}/{place}"))
        rank = order.index(within)
        if rank < n_test:
            return "test"
        if self.folds > 1:
            return f"fold{(rank + cycle) % self.folds}"
        return "val" if rank < n_test + n_val else "train"


@lru_cache
def _cycle(val: float, test: float, folds: int) -> tuple[int, int, int]:
    """Return blocks per cycle, and how many of them test and validate: the shortest near the wanted parts."""
    parts = [part for part in (val, test) if part > 0]
    shortest = max(math.ceil(1 / min(parts) - 1e-9) if parts else 1, math.ceil(folds / (1 - test)) if folds > 1 else 1)

    def counts(length: int) -> tuple[int, int]:
        n_test, n_val = (max(1, round(part * length)) if part > 0 else 0 for part in (test, val))
        return n_test, n_val

    def error(length: int) -> float:
        n_test, n_val = counts(length)
        spoilt = n_test + n_val >= length
        return math.inf if spoilt else abs(n_test / length - test) + abs(n_val / length - val)

    length = min(range(shortest, 2 * shortest + 2), key=lambda length: (round(error(length), 9), length))
    return length, *counts(length)


def _side(word: str) -> Side:
    if word == "train":
        return "train"
    return "val" if word == "val" else "test"
