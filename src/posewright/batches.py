"""Which videos go into one prediction job: a division that only depends on the videos themselves.

The batches are the leaves of a binary tree over the digest of the id, split while a leaf has too many members or too
many minutes. The order of the sheet is irrelevant, a new video changes one leaf (or splits it in two), and nothing is
remembered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from math import inf

WHOLE = "all"  #: name of the root, the batch that was never split


def batches(minutes_of: Mapping[str, float], count: int, minutes: float = inf) -> dict[str, list[str]]:
    """Return batch name -> sorted ids; no videos, no batches.

    Args:
        minutes_of: id of each video -> its length in minutes, 0 where that is unknown.
        count: at most so many videos in a batch.
        minutes: at most so many minutes in a batch of more than one video.
    """
    if count < 1:
        raise ValueError(f"a batch holds at least one video, not {count}")

    def leaves(members: list[str], prefix: str) -> dict[str, list[str]]:
        total = sum(minutes_of[video] for video in members)
        if len(members) <= 1 or (len(members) <= count and total <= minutes):
            return {prefix or WHOLE: members} if members else {}
        sides = {bit: [video for video in members if _bits(video)[len(prefix)] == bit] for bit in "01"}
        return leaves(sides["0"], prefix + "0") | leaves(sides["1"], prefix + "1")

    return leaves(sorted(minutes_of), "")


def _bits(video: str) -> str:
    return format(int(hashlib.sha256(video.encode()).hexdigest(), 16), "0256b")
