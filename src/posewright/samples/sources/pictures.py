"""Pictures of a film in the order of presentation, each lost one in its place, so that they can be counted."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterator
from typing import Any

import av
from av.format import Flags

from posewright.samples.sources.entrance import Entrance

#: Containers whose packets carry reliable presentation stamps, one packet a picture: losses can be counted there.
_STAMPED_FORMATS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
#: Codecs that hide reference pictures in packets of their own: a packet without a picture is no loss there.
_HIDDEN_PICTURES = frozenset({"vp8"})


Shown = Iterator[tuple[Any | None, int | None]]


class Unproven(Exception):
    """Some pictures are no sure ones: all of the film has to be decoded, in one thread."""


def all_pictures(container: Any, stream: Any) -> Shown:
    """Yield (picture, time stamp) in the order of presentation, with None for each picture that was lost.

    Pictures leave the decoder in the order of their time stamps. A packet whose stamp is passed over has therefore lost
    its picture. Where stamps are missing or made up, losses are not counted; where every picture stands for itself, no
    container can have put them in another order.
    """
    waiting: list[int] = []  # a heap: stamps of the packets whose pictures have not come out yet
    counts_losses = _counts_losses(container, stream)
    for packet in _packets(container, stream):
        if counts_losses and packet is not None and packet.pts is not None and not packet.is_discard:
            heapq.heappush(waiting, packet.pts)
        for picture in _decoded(stream, packet):
            if picture.pts is not None:
                while waiting and waiting[0] < picture.pts:
                    yield None, heapq.heappop(waiting)
                if waiting and waiting[0] == picture.pts:
                    heapq.heappop(waiting)
            # a damaged picture comes out patched up from its neighbours: no measurement, so it counts as lost
            yield None if picture.is_corrupt else picture, picture.pts
    while waiting:
        yield None, heapq.heappop(waiting)


def sure_pictures(container: Any, stream: Any, start: int = 0) -> Shown:
    """Yield what `all_pictures` yields as long as that depends neither on threads nor on what was decoded before.

    Args:
        container: an opened file.
        stream: its film.
        start: number of the first picture that is wanted; those before it come as None where an `Entrance` tells that
            they need not be decoded.

    Raises:
        Unproven: it depends on them from here on, or cannot be told.
    """
    if not _counts_losses(container, stream):
        raise Unproven
    entrance = Entrance.to(stream, start) if start else None
    order = _Order()
    for packet in _packets(container, stream):
        passed, taken = ([], [packet]) if entrance is None else entrance.sorted(packet)
        yield from ((None, one.pts) for one in passed if not one.is_discard)
        if entrance is not None and entrance.floor is not None:
            yield from order.begin_behind(entrance.floor)
            entrance = None
        for one in taken:
            for picture in order.sure(one, _decoded(stream, one)):
                if entrance is not None:
                    entrance.open()
                yield picture, picture.pts
    order.require_all()


class _Order:
    """Lets pictures through that are sure, and raises Unproven before the first other one.

    How the decoder patches up what is damaged depends on threads and on all that it saw before. So no picture may be
    damaged or lost, and none is let through while one is missing that was coded before it: it may be made of that one.
    """

    def __init__(self) -> None:
        self._floor = -math.inf
        self._n_fed = 0
        self._waiting: list[tuple[int, int]] = []  # a heap: stamp and place of packets whose pictures have not come out
        self._held: deque[tuple[int, Any]] = deque()  # place of its packet, picture

    def sure(self, packet: Any | None, found: list[Any]) -> Iterator[Any]:
        """Yield the pictures that are sure after a packet.

        Args:
            packet: what the decoder got, None at the end.
            found: what it gave.
        """
        if packet is not None and not packet.is_discard:
            if packet.pts is None or packet.pts <= self._floor:
                raise Unproven
            heapq.heappush(self._waiting, (packet.pts, self._n_fed))
            self._n_fed += 1
        for picture in found:
            if picture.pts is not None and picture.pts <= self._floor:
                continue  # of the film's first packets, long counted
            if picture.is_corrupt or not self._waiting or self._waiting[0][0] != picture.pts:
                raise Unproven
            self._held.append((heapq.heappop(self._waiting)[1], picture))
        first_missing = min((place for _, place in self._waiting), default=self._n_fed)
        while self._held and self._held[0][0] < first_missing:
            yield self._held.popleft()[1]

    def begin_behind(self, floor: float) -> Shown:
        """Count all pictures that have not been let through, and go on with those of larger stamps."""
        yield from ((None, picture.pts) for _, picture in self._held)
        yield from ((None, stamp) for stamp, _ in self._waiting)
        self._floor = floor
        self._held.clear()
        self._waiting.clear()

    def require_all(self) -> None:
        """Require that every packet gave its picture."""
        if self._waiting:
            raise Unproven


def has_no_stamps(container: Any) -> bool:
    """Return whether the format knows no time stamps."""
    return bool(container.format.flags & Flags.no_timestamps.value)


def is_machine_fault(error: BaseException) -> bool:
    """Return whether the machine failed (disk, memory), rather than the file's content."""
    return isinstance(error, OSError | MemoryError) and not isinstance(error, EOFError)


def _counts_losses(container: Any, stream: Any) -> bool:
    codec = stream.codec_context.codec
    stamped = container.format.name in _STAMPED_FORMATS or (codec.intra_only and not has_no_stamps(container))
    return stamped and codec.name not in _HIDDEN_PICTURES


def _packets(container: Any, stream: Any) -> Iterator[Any | None]:
    """Yield packets until the file ends or its content breaks off, then None, which flushes the decoder."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as error:
            if is_machine_fault(error):
                raise
            packet = None
        if packet is None or packet.size:  # at a regular end PyAV adds an empty packet of its own
            yield packet
        if packet is None:
            return


def _decoded(stream: Any, packet: Any | None) -> list[Any]:
    """Return the pictures that come out when a packet goes in; none where the packet is damaged."""
    try:
        return list(stream.codec_context.decode(packet))
    except av.error.FFmpegError as error:
        if is_machine_fault(error):
            raise
        return []
