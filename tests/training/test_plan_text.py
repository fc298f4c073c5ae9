"""The plan in words says what the numbers say, and no more."""

from __future__ import annotations

from dataclasses import replace

from posewright.training.plan_text import plan_text
from posewright.training.recipe_plan import propose

from .test_recipe_plan import MEASURED, values


def text(**measures: object) -> str:
    plan = propose(replace(MEASURED, **measures))  # type: ignore[arg-type]
    return plan_text(plan.measured, plan.methods, plan.settings, "mice")


def test_hidden_nodes_are_named_and_others_are_not() -> None:
    assert "Least visible nodes: side 40 %, middle 99 %." in text()
    assert "Every node is visible on every animal." in text(visibility=(1.0,) * 4)
    assert "Least visible nodes: nose nearly 100 %." in text(visibility=(0.999, 1.0, 1.0, 1.0))


def test_one_recording_says_nothing_of_others() -> None:
    assert "All frames are of one recording" in text(videos=1)
    assert "one recording" not in text()


def test_the_reason_of_a_sigma_leads_to_it() -> None:
    """Half of 12 px are 3 cells of 2 px, which is more than the widest bump."""
    assert values("centered_instance")["confmaps.sigma"] == 2.5
    assert "(median), half of which is 3 cells; bumps of 1.5 to 2.5 cells of 2 px can be placed well, and" in text()


def test_only_the_models_of_the_proposed_methods_are_shown() -> None:
    assert [line for line in text().splitlines() if line.startswith("## `")] == [
        "## `centroid`",
        "## `centered_instance`",
    ]
