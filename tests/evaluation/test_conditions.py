"""What is said beside an answer: which rule chose checkpoints (rule 5), and ranks that hang on a sigma (rule 9)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from posewright.evaluation.conditions import checkpoint_rules, notes
from posewright.evaluation.runs import Run


def run(method: str, maps: tuple[float, float, float], chosen_by: list[str | None]) -> Run:
    """Return a run of which the mAP at half, one and two times the sigma is known."""
    by_sigma = {name: {"map": value} for name, value in zip(("0.0125", "0.025", "0.05"), maps, strict=True)}
    oks = {"sigma": 0.025, "area": "bounding box of the truth", "by_sigma": by_sigma, "map": maps[1]}
    metrics: dict[str, Any] = {"oks": oks, "budget": {"chosen_by": chosen_by}}
    return Run(method, 0, 0, metrics, pd.DataFrame(), pd.DataFrame())


def test_a_rank_that_depends_on_the_sigma_is_stated_and_one_that_does_not_is_not() -> None:
    exact, robust = run("exact", (0.5, 0.6, 0.7), ["val_loss"]), run("robust", (0.3, 0.6, 0.9), ["val_loss"])
    told = [line for line in notes([exact, robust]) if "depends on the sigma" in line]
    assert len(told) == 1
    assert "sigma 0.0125: exact, robust" in told[0] and "sigma 0.05: robust, exact" in told[0]
    worse = run("robust", (0.3, 0.5, 0.6), ["val_loss"])
    assert not [line for line in notes([exact, worse]) if "depends on the sigma" in line]


def test_measured_sigmas_are_named_with_their_source_and_leave_no_doubt() -> None:
    runs = [run("exact", (0.5, 0.6, 0.7), ["val_loss"]), run("robust", (0.3, 0.6, 0.9), ["val_loss"])]
    assert notes(runs)[0].startswith("OKS uses sigma 0.025 for every node and")
    for one in runs:
        one.metrics["oks"] |= {"sigma": {"nose": 0.0124, "ear": 0.02, "tail": 0.051}, "by_sigma": {}}
    told = notes(runs)
    expected = "OKS uses sigmas measured on repeated labels (0.012 for nose to 0.051 for tail) and the bounding box"
    assert told[0].startswith(expected)
    assert not [line for line in told if "depends on the sigma" in line]


def test_one_sentence_says_what_chose_all_checkpoints_and_several_where_rules_differ() -> None:
    def told(**chosen: Any) -> list[str]:
        return checkpoint_rules({name: {"chosen_by": rules} for name, rules in chosen.items()})

    assert told(a=["val_loss"], b=["val_loss"]) == [
        "Checkpoints of all methods were chosen by the loss on validation frames."
    ]
    assert told(a=["pck_5px"], b=["pck_5px"]) == [
        "Checkpoints of all methods were chosen by pck_5px of the whole method on validation frames."
    ]
    assert told(a=["pck_5px"], b=["val_loss"], c=None) == [
        "Checkpoints of a were chosen by pck_5px of the whole method on validation frames.",
        "Checkpoints of b were chosen by the loss on validation frames.",
        "Checkpoints of c were chosen by a rule that is not recorded.",
    ]
    both = [run("a", (0.5, 0.5, 0.5), ["val_loss", "pck_5px"]), run("b", (0.5, 0.5, 0.5), [])]
    assert "Checkpoints of a were chosen by pck_5px of the whole method and the loss on validation frames." in notes(
        both
    )
    assert "Checkpoints of b were chosen by a rule that is not recorded." in notes(both)
