"""Under which conditions an answer holds, and what forbids one (``comparison.md``, rule numbers at each place)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from posewright.evaluation.budget import VAL_LOSS
from posewright.evaluation.origins import CONTAMINATED, UNKNOWN
from posewright.evaluation.runs import Run, n_videos, unit_kind
from posewright.evaluation.verdicts import LOW_MAP, MIN_SEEDS, MIN_UNITS, Question, budget_obstacle

ONE_RECORDING = "conclusions concern this recording only"
MODEL_LABELS = "agreement with an earlier model"


def obstacles(
    runs: Sequence[Run],
    pair: Sequence[Run],
    question: Question,
    budget_a: Mapping[str, Any],
    budget_b: Mapping[str, Any],
) -> tuple[str, ...]:
    """Return why a pair gets no verdict, whatever its numbers; empty if nothing forbids one.

    Args:
        runs: of all methods.
        pair: of the two methods.
        question: what was asked.
        budget_a: of the one method.
        budget_b: of the other.
    """
    found = [f"{method} {reason}" for method, reason in unranked(pair).items()]  # rule 2
    if len({_tuning(run) for run in pair}) > 1:  # rule 6
        found.append("their thresholds were not chosen by one rule")
    if _label_source(runs) == "model":  # rule 10
        found.append("the labels come from a model, so this is agreement with that model, not accuracy")
    different = budget_obstacle(budget_a, budget_b)  # rule 5
    if different:
        found.append(different)
    if question.metric.name == "oks" and best_map(runs) < LOW_MAP:  # rule 9
        found.append(f"OKS and AP decide nothing while the best mAP is below {LOW_MAP}")
    if question.metric.false_positives and not _complete(runs):  # rule 8
        found.append("invented animals cannot be counted where not every animal is labelled")
    return tuple(found)


def unranked(runs: Sequence[Run]) -> dict[str, str]:
    """Return the methods that may not be ranked, and why (rule 2)."""
    found: dict[str, str] = {}
    for run in runs:
        data = run.metrics.get("training_data") or {}
        if data.get("status") == CONTAMINATED:
            found[run.method] = f"is contaminated: it was trained on {data['frames']} of the frames it is scored on"
        elif data.get("status") == UNKNOWN:
            found.setdefault(run.method, "is not ranked: nobody says which frames it was trained on")
    return found


def corrected_share(runs: Sequence[Run]) -> float | None:
    """Return the part of the true animals that are corrected output of a model; None where nobody knows (rule 10)."""
    known = [share for run in runs if (share := (run.metrics.get("corrected") or {}).get("share")) is not None]
    return sum(known) / len(known) if known else None


def _tuning(run: Run) -> tuple[Any, Any]:
    thresholds = run.metrics.get("thresholds") or {}
    return thresholds.get("source"), thresholds.get("objective")


def banner(runs: Sequence[Run]) -> str | None:
    """Return what must stand above everything else, or None."""
    parts = [MODEL_LABELS] if _label_source(runs) == "model" else []  # rule 10
    if n_videos(runs) == 1:  # rule 3
        parts.append(ONE_RECORDING)
    return "; ".join(parts) or None


def conditions(runs: Sequence[Run], question: Question, budgets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the conditions under which the answer holds, one sentence each."""
    found = []
    if n_videos(runs) == 1:  # rule 3
        found.append(f"One video was scored: {ONE_RECORDING}.")
    if unit_kind(runs) != runs[0].metrics["split"].get("unit"):  # rule 3
        found.append("Time blocks of one video are not independent of each other, so the units are the videos.")
    source = _label_source(runs)
    if source == "model":  # rule 10
        found.append(f"The labels come from a model: all numbers are {MODEL_LABELS}, not accuracy.")
    elif source == "corrected":  # rule 10
        share = corrected_share(runs)
        told = "how much was corrected is not recorded" if share is None else f"of {100 * share:.0f} % this is recorded"
        found.append(f"The labels are a model's output corrected by people; {told}.")
    elif corrected_share(runs):
        found.append(f"{100 * (corrected_share(runs) or 0):.0f} % of the labels are a model's output, corrected.")
    found += [f"{method} {reason}." for method, reason in unranked(runs).items()]  # rule 2
    if question.n_seeds < MIN_SEEDS:  # rule 4
        found.append(
            f"Each method was trained with {question.n_seeds} seed{'s' if question.n_seeds > 1 else ''}: "
            f"the intervals speak of these trained models; {MIN_SEEDS} seeds would speak of the methods."
        )
    for method, budget in budgets.items():  # rule 5
        if budget["converged"] is False:
            found.append(f"{method} is not converged: a training was ended by its cap.")
        elif budget["converged"] is None:
            found.append(f"How the training of {method} ended is not recorded.")
    if not _complete(runs):  # rule 8
        found.append("Not every animal is labelled, so invented animals are not computed.")
    if best_map(runs) < LOW_MAP:  # rule 9
        found.append(f"The best OKS mAP is {best_map(runs):.3f}, below {LOW_MAP}: AP decides nothing here.")
    if runs[0].metrics["side"] == "val":  # rule 1
        found.append("Validation frames also chose checkpoints and thresholds; the test set is read by “final” only.")
    return found


def question_words(side: str, now: str, first: str | None) -> list[str]:
    """Return whether the question stood before the test frames were first scored (rule 11); nothing on validation."""
    if side != "test":
        return []
    asked = "The question (primary metric and what scales it, margin, confidence, pairs)"
    if first is None:
        return [f"{asked} was not recorded when these test frames were first scored."]
    if first == now:
        return [f"{asked} is the one that stood when these test frames were first scored."]
    return [f"{asked} was changed after these test frames had first been scored: it gets no verdict on them."]


def notes(runs: Sequence[Run]) -> list[str]:
    """Return how the numbers were counted, and where a choice of ours would change a rank."""
    oks, methods = runs[0].metrics["oks"], sorted({run.method for run in runs})
    found = [
        f"OKS uses {sigma_words(oks['sigma'])} and the {oks['area']}.",
        f"A frame never counts as independent: units carry the intervals, and fewer than {MIN_UNITS} give none.",
        *checkpoint_rules({name: mean_budget([run for run in runs if run.method == name]) for name in methods}),
        "Differences in distance use only body parts that both methods found; read them beside the coverage.",
    ]
    ranks = {sigma: _rank(runs, sigma) for sigma in oks["by_sigma"]}  # rule 9
    if len(set(ranks.values())) > 1:
        told = "; ".join(f"sigma {sigma}: {', '.join(order)}" for sigma, order in ranks.items())
        found.append(f"The order of the methods by mAP depends on the sigma nobody measured ({told}).")
    return found


def sigma_words(sigma: float | Mapping[str, float]) -> str:
    """Return which sigmas OKS uses, and where they are from (rule 9)."""
    if not isinstance(sigma, Mapping):
        return f"sigma {sigma:g} for every node"
    low, high = (choose(sigma, key=lambda node: sigma[node]) for choose in (min, max))
    return f"sigmas measured on repeated labels ({sigma[low]:.2g} for {low} to {sigma[high]:.2g} for {high})"


def checkpoint_rules(budgets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what chose the weights of each method (rule 5), in one sentence where it is the same for all."""
    by_rule: dict[str, list[str]] = {}
    for method, budget in budgets.items():
        by_rule.setdefault(checkpoint_words(budget.get("chosen_by")), []).append(method)
    if len(by_rule) == 1:
        return [f"Checkpoints of all methods were {next(iter(by_rule))}."]
    return [f"Checkpoints of {', '.join(methods)} were {words}." for words, methods in by_rule.items()]


def checkpoint_words(chosen_by: Any) -> str:
    """Return in words what chose the weights of a method, as its mean budget has it."""
    if not chosen_by:
        return "chosen by a rule that is not recorded"
    told = ["the loss" if rule == VAL_LOSS else f"{rule} of the whole method" for rule in chosen_by]
    return f"chosen by {' and '.join(told)} on validation frames"


def best_map(runs: Sequence[Run]) -> float:
    """Return the highest customary mAP of any run."""
    return max(float(run.metrics["oks"]["map"]) for run in runs)


def mean_budget(runs: Sequence[Run]) -> dict[str, Any]:
    """Return a method's budget per training, the mean over its trainings; None for what one does not tell."""
    budgets = [run.metrics.get("budget", {}) for run in runs]
    means: dict[str, Any] = {}
    for name in ("steps", "seconds", "parameters", "trials"):
        values = [budget.get(name) for budget in budgets]
        means[name] = None if None in values else sum(values) / len(values)
    ended = [budget.get("converged") for budget in budgets]
    means["converged"] = False if False in ended else (None if None in ended else True)
    scales = [budget.get("scales") for budget in budgets]
    chosen = [rule for budget in budgets for rule in budget.get("chosen_by") or [None]]
    means["chosen_by"] = None if None in chosen else sorted(set(chosen))
    means["scales"] = scales[0] if all(own == scales[0] for own in scales) else None
    return means


def _rank(runs: Sequence[Run], sigma: str) -> tuple[str, ...]:
    methods = sorted({run.method for run in runs})
    mean = {
        method: sum(own := [run.metrics["oks"]["by_sigma"][sigma]["map"] for run in runs if run.method == method])
        / len(own)
        for method in methods
    }
    return tuple(sorted(methods, key=lambda method: -mean[method]))


def _label_source(runs: Sequence[Run]) -> str:
    return str(runs[0].metrics["label_source"])


def _complete(runs: Sequence[Run]) -> bool:
    return all(bool(run.metrics.get("complete", True)) for run in runs)
