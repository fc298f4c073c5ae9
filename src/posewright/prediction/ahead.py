"""Work ahead in a thread: the next video frames are decoded while the present ones are predicted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Empty, Full, Queue
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    """The iterator's end, and the exception it ended with, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """Yield the items of an iterator that a thread runs at most ``depth`` items ahead.

    An exception in the iterator is raised here; leaving early stops the thread before this returns.
    """
    queue: Queue[Item | _End] = Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: Item | _End) -> None:
        while not stopped.is_set():
            try:
                queue.put(item, timeout=0.1)
                return
            except Full:
                continue

    def run() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                put(item)
                if stopped.is_set():
                    break
        except BaseException as raised:  # whatever it is, it belongs to the reader of the items
            error = raised
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()  # in the thread that ran it: a decoder is closed where it was opened
        put(_End(error))

    thread = threading.Thread(target=run, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item = queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        while thread.is_alive():
            try:
                queue.get_nowait()
            except Empty:
                thread.join(timeout=0.05)
