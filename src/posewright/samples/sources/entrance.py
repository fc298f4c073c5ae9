"""Where the decoding of a film may begin when its first frames are not wanted.

Nothing is sought: all packets are read in their order, and those that need not be decoded are counted. So frames have
the numbers that decoding everything gives them, whatever an index says. That the pictures too are the same follows from
what is asked of an entrance: nothing before it is needed for it, nor for anything after it. Wherever packets do not
tell that, all of them are decoded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Self

#: Compressed bytes that are kept while looking for an entrance; where key frames are rarer, what was kept is decoded.
MOST_KEPT_BYTES = 1 << 28

#: What can come beside a packet and changes how later ones are to be read.
_CHANGES = ("new_extradata", "palette", "param_change")


@dataclass(frozen=True)
class Coding:
    """How the units of a coded picture are told apart.

    Attributes:
        length_place: byte of the film's header whose last two bits tell how many bytes a unit's length takes.
        shift: of a unit's first byte, to its type.
        mask: of the type.
        resets: types of pictures that need none before them, nor does any after them.
        others: types of all other pictures.
        settings: types of units that hold for later pictures.
    """

    length_place: int
    shift: int
    mask: int
    resets: frozenset[int]
    others: frozenset[int]
    settings: frozenset[int]

    def is_reset(self, packet: memoryview, header: bytes) -> bool | None:
        """Return whether all pictures of a packet are resets.

        None if the packet is damaged, or brings other settings than the film's header.
        """
        size, place, kinds = (header[self.length_place] & 3) + 1, 0, set()
        while place < len(packet):
            begin = place + size
            place = begin + int.from_bytes(packet[place:begin], "big")
            if not begin < place <= len(packet):
                return None
            kind = packet[begin] >> self.shift & self.mask
            if kind in self.settings and bytes(packet[begin:place]) not in header:
                return None
            kinds.add(kind)
        return bool(kinds & self.resets) and not kinds & self.others


_CODINGS = {
    "h264": Coding(4, 0, 31, frozenset({5}), frozenset({1, 2, 3, 4}), frozenset({7, 8, 13, 15})),
    "hevc": Coding(21, 1, 63, frozenset({19, 20}), frozenset(range(32)) - {19, 20}, frozenset({32, 33, 34})),
}


class Entrance:
    """Looks for the entrance of a film, packet by packet.

    It is the last but one reset before the first wanted frame, so that a whole group of pictures shows, before any of
    them matters, whether pictures come out as the stamps of their packets say. The film's first packets are decoded in
    any case: they tell the size, the colours, when the film begins, and by whose rules it was coded.

    Args:
        stream: the film.
        start: number of the first wanted frame.
        coding: how its pictures are coded; None where each stands for itself.

    Attributes:
        floor: where the search ended with an entrance, the largest stamp before it; else None.
    """

    def __init__(self, stream: Any, start: int, coding: Coding | None) -> None:
        self._header = bytes(stream.codec_context.extradata or b"")
        self._start = start
        self._coding = coding
        self._runs = [_Run(-math.inf)]  # every one but the first begins with a reset
        self._kept_bytes = 0
        self._n_seen = 0
        self._latest = -math.inf
        self._is_open = False
        self._is_over = False
        self._has_passed = False
        self.floor: float | None = None

    @classmethod
    def to(cls, stream: Any, start: int) -> Self | None:
        """Return how to come to a frame; None where this kind of film can only be decoded from its beginning."""
        codec, header = stream.codec_context.codec, bytes(stream.codec_context.extradata or b"")
        coding = _CODINGS.get(codec.name)
        if coding is None:
            return cls(stream, start, None) if codec.intra_only else None
        return cls(stream, start, coding) if len(header) > coding.length_place and header[0] == 1 else None

    def open(self) -> None:
        """Begin to look: the film's first picture has come out of the decoder."""
        self._is_open = True

    def sorted(self, packet: Any | None) -> tuple[list[Any], list[Any | None]]:
        """Return the packets that are only to be counted, then those that are to be decoded now; others wait.

        Args:
            packet: the next one; None at the end.
        """
        if self._is_over:
            return [], [packet]
        resets = None if packet is None else self._resets(packet)
        is_late = self._is_open and (self._n_seen > self._start or self._kept_bytes > MOST_KEPT_BYTES)
        if packet is None or resets is None or is_late:
            return [], [*self._taken(), packet]
        passed = self._passed(packet, resets) if self._is_open else []
        if not packet.is_discard:
            self._n_seen += 1
            self._latest = max(self._latest, packet.pts)
        return passed, [] if self._is_open else [packet]

    def _resets(self, packet: Any) -> bool | None:
        """Return whether a packet could be an entrance; None if no entrance may come after it."""
        if packet.pts is None or any(packet.has_sidedata(change) for change in _CHANGES):
            return None
        if self._coding is None:
            resets = True if packet.pts > self._latest or packet.is_discard else None
        else:
            resets = self._coding.is_reset(memoryview(packet), self._header)
        is_sound = packet.is_keyframe and not packet.is_corrupt and not packet.is_discard
        return resets and is_sound and packet.pts > self._latest

    def _passed(self, packet: Any, resets: bool) -> list[Any]:
        """Put a packet to those that wait; return those that need not wait any more."""
        passed: list[Any] = []
        if resets:
            self._runs.append(_Run(self._latest))
        if len(self._runs) > 2:
            passed = self._runs.pop(0).packets
            self._has_passed = True
        self._runs[-1].packets.append(packet)
        self._kept_bytes += packet.size - sum(one.size for one in passed)
        return passed

    def _taken(self) -> list[Any]:
        """End the search; return the packets that wait, from the entrance on if there is one."""
        self._is_over = True
        if self._has_passed:
            self.floor = self._runs[0].floor
        waiting = [packet for run in self._runs for packet in run.packets]
        self._runs = []
        return waiting


@dataclass
class _Run:
    """Packets that wait.

    Attributes:
        floor: the largest stamp before them.
        packets: in the order of the file.
    """

    floor: float
    packets: list[Any] = field(default_factory=list)
