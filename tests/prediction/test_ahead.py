from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from posewright.prediction.ahead import ahead


def test_all_items_come_in_order() -> None:
    assert list(ahead(iter(range(1000)), 3)) == list(range(1000))
    assert list(ahead(iter(()), 3)) == []


def test_it_runs_no_further_ahead_than_told() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in range(50):
            made.append(i)
            yield i

    for used, _ in enumerate(ahead(items(), 2), start=1):
        assert len(made) <= used + 3  # two wait in the queue, one in the hand of the thread


def test_an_error_arrives_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise MemoryError

    source = ahead(items(), 2)
    assert next(source) == 1
    with pytest.raises(MemoryError):
        next(source)


def test_leaving_early_stops_the_thread_and_closes_the_source() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    source = ahead(items(), 2)
    next(source)
    source.close()  # type: ignore[attr-defined]
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_prediction_and_tracking_import_without_torch() -> None:
    modules = "posewright.prediction.batch, posewright.prediction.release, posewright.tracking.tracker"
    code = f"import sys; sys.modules['torch'] = None; import {modules}; assert 'sleap_io' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
