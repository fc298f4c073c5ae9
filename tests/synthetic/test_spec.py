from __future__ import annotations

import pytest

from posewright.errors import InputProblems
from posewright.shapes import Size
from posewright.synthetic.spec import ArenaSpec


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(InputProblems) as caught:
        ArenaSpec(n_animals=0, crowding=1.5, fps=float("nan"), size=Size(255, 256), n_frames=5, n_labeled=6, seed=-1)
    text = str(caught.value)
    for name in ("n_animals", "crowding", "fps", "size (height)", "n_labeled", "seed"):
        assert f"synthetic data, {name}:" in text
    assert len(caught.value.problems) == 6


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"animal_length_px": 200.0}, "animal_length_px"),
        ({"animal_length_px": float("nan")}, "animal_length_px"),
        ({"n_animals": 40}, "n_animals"),
        ({"blur": -0.1}, "blur"),
        ({"noise_gray": 100.0}, "noise_gray"),
        ({"size": Size(32, 32)}, "size (height)"),
    ],
)
def test_each_fault_is_named(wrong: dict[str, object], name: str) -> None:
    with pytest.raises(InputProblems, match="synthetic data") as caught:
        ArenaSpec(**wrong)  # type: ignore[arg-type]
    assert any(name in problem.where for problem in caught.value.problems)


def test_the_remedy_for_a_full_arena_fits() -> None:
    with pytest.raises(InputProblems, match="take at most 12"):
        ArenaSpec(n_animals=13)
    ArenaSpec(n_animals=12)
