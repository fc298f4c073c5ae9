"""Poses read stretch by stretch are the poses that were published, whatever the length of a stretch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posewright.evaluation.videos import stretches
from posewright.evaluation.videos.stretches import common_nodes, side_by_side, usual_length_px
from posewright.labels.skeleton import Skeleton

from .published import MOUSE, publish, walkers


@pytest.mark.parametrize("length", [1, 7, 64, 4096])
def test_every_frame_comes_once_and_neighbours_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(stretches, "STRETCH_FRAMES", length)
    monkeypatch.setattr(stretches, "_ROWS", 5)
    a = publish(tmp_path / "a", walkers, 50, lost=[3, 4])
    b = publish(tmp_path / "b", lambda frame: walkers(frame)[: 1 + frame % 2], 50)
    seen: list[int] = []
    last = None
    for one, other in side_by_side([a, b], ("tail", "nose")):
        assert np.array_equal(one.frames, other.frames)
        assert one.n_before == (0 if last is None else 1)
        assert last is None or one.frames[0] == last
        last = one.frames[-1]
        for index in range(one.n_before, len(one.frames)):
            frame = int(one.frames[index])
            seen.append(frame)
            assert one.decoded[index] == (frame not in (3, 4))
            truth = walkers(frame)[:, [2, 0]]
            for view, animals in ((one, 0 if frame in (3, 4) else 2), (other, 1 + frame % 2)):
                assert view.counts[index] == animals
                np.testing.assert_allclose(view.points[index, :animals], truth[:animals], rtol=1e-6)
                assert np.isnan(view.points[index, animals:]).all()
    assert seen == list(range(50))


def test_frames_that_one_release_lacks_are_left_out(tmp_path: Path) -> None:
    a, b = publish(tmp_path / "a", walkers, 50), publish(tmp_path / "b", walkers, 30)
    for folders in ([a, b], [b, a]):
        found = [frame for one, _ in side_by_side(folders, MOUSE.nodes) for frame in one.frames[one.n_before :]]
        assert found == list(range(30))


def test_length_and_nodes_of_releases(tmp_path: Path) -> None:
    a = publish(tmp_path / "a", walkers, 20)
    b = publish(tmp_path / "b" / "x", lambda frame: walkers(frame)[:, :2], 20, skeleton=Skeleton(("ear", "nose")))
    c = publish(tmp_path / "c" / "x", lambda frame: walkers(frame)[:, :1], 20, skeleton=Skeleton(("paw",)))
    assert usual_length_px([a]) == pytest.approx(40.0)
    assert common_nodes([a, b]) == ("nose", "ear")
    assert common_nodes([a, c]) == ()
