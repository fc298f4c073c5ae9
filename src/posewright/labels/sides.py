"""Which side a group falls to, as a pure function of its name and the seed."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Side = Literal["train", "val", "test"]


def hash_of(seed: int, name: str) -> float:
    """Return a number in [0, 1) that depends on the seed and the name alone."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:7]) / 2**56


@dataclass(frozen=True)
class Dealer:
    """Sides by hash for groups, by dealt cycles for the blocks of a video.

    A hash gives each group its side with the wanted probability; among few groups the parts are rough. Blocks are many
    and in order, so each run of them is dealt like cards: every cycle holds the sides in nearly the wanted parts, in an
    order of its own. Both look at a group's name only, never at what else is labelled.
    """

    by: str
    val: float
    test: float
    folds: int
    fold: int
    seed: int

    def side(self, name: str) -> Side:
        """Return the side of a group; a block's name ends in ``/b<number>``, a given side's in ``/<side>``."""
        if self.by == "block":
            video, _, number = name.rpartition("/b")
            return self._block(video, int(number))
        if self.by == "file":
            return _side(name.rpartition("/")[2])
        place = hash_of(self.seed, name)
        if place < self.test:
            return "test"
        if self.folds > 1:
            turn = int((place - self.test) / (1 - self.test) * self.folds)
            return "val" if turn == self.fold else "train"
        return "val" if place < self.test + self.val else "train"

    def _block(self, video: str, number: int) -> Side:
        length, n_test, n_val = _cycle(self.val if self.folds == 1 else 0.0, self.test, self.folds)
        cycle, within = divmod(number, length)
        order = sorted(range(length), key=lambda place: hash_of(self.seed, f"{video}/c{cycle}/{place}"))
        rank = order.index(within)
        if rank < n_test:
            return "test"
        if self.folds > 1:
            return "val" if (rank + cycle) % self.folds == self.fold else "train"
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
