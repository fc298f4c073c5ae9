"""The section on cost: what accuracy costs to train and to run, and which methods nobody beats in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from posewright.evaluation.unit_metrics import metric_named
from posewright.report.answer import SIDE_WORDS, primary_metric
from posewright.report.context import Context
from posewright.report.cost_figures import Line, Offer, Point, animals_figure, pareto_figure
from posewright.report.gather import Reader, Results, finite
from posewright.report.measures import overall
from posewright.report.page import Block, Bullets, Command, Figure, Gallery, Section, Text
from posewright.report.resources import rate_of, resources_table, sheet_frames, timing, untimed
from posewright.report.words import count, counted, is_share, metric_name, number

TITLE = "Accuracy against cost"
_UNITS = {"s": 1.0, "minutes": 60.0, "hours": 3600.0}
_PER = 1000  #: frames that the cost is told for where there are no videos to predict


def cost_section(context: Context) -> Section:
    """Return what was timed, with the Pareto picture; or the command that measures it."""
    results = context.results
    path = results.folder / "speed" / "speed.json"
    if not path.is_file():
        unknown = Text("What the methods cost to run was not measured. This measures it, on one node:", "quiet")
        table = resources_table(results, {}, {})
        return Section("cost", TITLE, "Cost", [unknown, Command("posewright run speed"), table])
    reader = Reader(results.folder)
    speed = reader.json(path)
    methods = speed.get("methods")
    if not isinstance(methods, Mapping) or not methods:
        said = " ".join(reader.missing) or "speed/speed.json names no method."
        return Section(
            "cost", TITLE, "Cost", [Text(said, "warn"), Command("posewright run speed --forcerun measure_speed")]
        )
    blocks: list[Block] = [
        Text(_conditions(speed), "quiet"),
        *(Text(line, "warn") for line in _doubts(results, speed, methods)),
    ]
    blocks += _pareto(results, speed, methods)
    blocks.append(resources_table(results, methods, untimed(results, speed)))
    blocks.append(Bullets("Methods against each other, paired by round", _pair_lines(speed)))
    return Section("cost", TITLE, "Cost", [*blocks, *_by_animals(results, speed, methods)])


def pareto_front(offers: Sequence[Offer], *, higher_is_better: bool) -> set[str]:
    """Return the methods that no other one beats: none is as cheap and as accurate, and better in one of them."""
    sign = 1.0 if higher_is_better else -1.0
    points = {offer.method: (-offer.cost.value, sign * offer.accuracy.value) for offer in offers}
    return {
        name
        for name, own in points.items()
        if not any(other != own and all(a >= b for a, b in zip(other, own, strict=True)) for other in points.values())
    }


def _conditions(speed: Mapping[str, Any]) -> str:
    """Say how it was measured: what a number of frames a second means nothing without (rule 13)."""
    video, host = speed.get("video"), (speed.get("machine") or {}).get("host") or "one node"  # private: no host
    devices = " and ".join(dict.fromkeys(str(one.get("device")) for one in speed["methods"].values()))
    film = (
        "no video could be opened, so decoding was not timed"
        if video is None
        else f"or from a video of {video['size'][1]} x {video['size'][0]} px to the files of its poses"
    )
    confidence = 100 * (finite(speed.get("confidence")) or 0.95)
    return (
        f"Measured on {host} ({devices}, {speed.get('threads')} threads) in "
        f"{speed.get('rounds')} rounds of random order, each method in a fresh process, at its fastest batch below "
        f"{count(speed.get('memory_cap_mb'))} MB, with the backend, number type and thresholds of its release: "
        f"labelled frames in memory, {film}. Start-up: from the start of the process to the poses of the first batch, "
        f"files in the system's cache. Intervals ({confidence:g} %) are over rounds: they speak of this node and these "
        "frames."
    )


def _doubts(results: Results, speed: Mapping[str, Any], methods: Mapping[str, Any]) -> list[str]:
    """Return what limits the measurement."""
    lines = []
    for name, one in methods.items():
        agreement = one.get("agreement") or {}
        if not agreement.get("nodes"):
            lines.append(f"{name} found no body part on the scored frames: what its rate is worth is not known.")
        elif not agreement.get("same"):
            part = number(100 * (finite(agreement.get("part")) or 0.0), 2)
            lines.append(
                f"{name} as it was timed finds {part} % of the scored body parts at the same place: its rate belongs "
                "to another accuracy."
            )
        digests = {evaluation.metrics.get("models_digest") for evaluation in results.of_method(name)}
        if digests and one.get("models_digest") not in digests:
            lines.append(f"{name} was trained anew after it was timed: posewright run speed.")
        if (finite(one.get("memory_mb")) or 0.0) > (finite(speed.get("memory_cap_mb")) or 0.0):
            lines.append(f"{name} took {count(one.get('memory_mb'))} MB, more than the cap.")
    loads = [value for value in speed.get("load", ()) if value > (finite(speed.get("threads")) or 1.0) + 1]
    if loads:
        lines.append(
            f"Other work ran on the node (load up to {max(loads):.1f}): rates are lower than they could be; ratios "
            "within rounds suffer less."
        )
    return [*lines, *(f"{name} was not timed, because {why}." for name, why in untimed(results, speed).items())]


def _pareto(results: Results, speed: Mapping[str, Any], methods: Mapping[str, Any]) -> list[Block]:
    primary = primary_metric(results)
    better = metric_named(primary).higher_is_better
    offers = _offers(results, primary, speed, methods)
    if not offers:
        return [Text("No method has both an accuracy and a rate, so there is no picture of them.", "warn")]
    front = pareto_front(offers, higher_is_better=better)
    _, unit, words = _cost_unit(results, speed, methods)
    beaten = [offer.method for offer in offers if offer.method not in front]
    sentence = (
        f"Nobody beats {' and '.join(sorted(front))} in both accuracy and cost"
        + (f"; another method costs less and finds more than {' and '.join(beaten)}" if beaten else "")
        + ". That goes by the estimates, not by their intervals: it is no verdict."
    )
    name = metric_name(primary)
    without = untimed(results, speed)
    lines = [Line(one, accuracy) for one in without if (accuracy := _accuracy(results, primary, one)) is not None]
    dashed = f" Dotted: {', '.join(one.method for one in lines)}, accuracy alone, as not timed." if lines else ""
    figure = Figure(
        pareto_figure(
            offers, lines, front, f"{words} ({unit})", name, percent=is_share(primary), higher_is_better=better
        ),
        f"{name} against the time that prediction takes, by method",
        "Upper left is better. Filled marks: nobody beats these in both. Accuracy on "
        f"{SIDE_WORDS.get(results.side, results.side)} frames, interval over units; time, interval over "
        f"rounds.{dashed}",
        f"{name} against cost",
    )
    return [Text(sentence), Gallery([figure])]


def _offers(results: Results, primary: str, speed: Mapping[str, Any], methods: Mapping[str, Any]) -> list[Offer]:
    frames, unit, _ = _cost_unit(results, speed, methods)
    divide = _UNITS[unit]
    offers = []
    for place, name in enumerate(results.method_names):
        rate, accuracy = rate_of(methods.get(name, {})), _accuracy(results, primary, name)
        if rate is None or accuracy is None:
            continue
        seconds = [frames / rate[key] for key in ("frames_per_s", "high", "low")]
        offers.append(Offer(name, place, Point(*(value / divide for value in seconds)), accuracy))
    return offers


def _accuracy(results: Results, primary: str, method: str) -> Point | None:
    """Return a method's primary metric with its interval; None where it has none."""
    if results.methods is None:
        return None
    table = overall(results.methods[results.methods["method"] == method], primary)
    if table.empty or finite(table.iloc[0]["estimate"]) is None:
        return None
    row = table.iloc[0]
    return Point(row["estimate"], finite(row["low"]), finite(row["high"]))


def _cost_unit(results: Results, speed: Mapping[str, Any], methods: Mapping[str, Any]) -> tuple[float, str, str]:
    """Return how many frames the cost is told for, in which unit, and in words."""
    frames, videos = sheet_frames(results)
    how = "decoding included" if speed.get("video") else "decoding left out"
    if not frames:
        frames, words = float(_PER), f"time for {count(_PER)} frames, {how}"
    else:
        words = f"time for your {counted(videos, 'video')}, {how}"
    rates = [rate["frames_per_s"] for one in methods.values() if (rate := rate_of(one)) is not None]
    slowest_s = frames / min(rates, default=frames)
    unit = next((name for name, seconds in reversed(_UNITS.items()) if slowest_s >= 2 * seconds), "s")
    return frames, unit, words


def _pair_lines(speed: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each pair and condition over all frames."""
    return [f"{pair['text']}." for pair in speed.get("pairs", ()) if pair["animals"] == "all"]


def _by_animals(results: Results, speed: Mapping[str, Any], methods: Mapping[str, Any]) -> list[Block]:
    """Return the time of a frame as a function of the animals in it, where the labels offer several numbers."""
    strata = [name for name in speed.get("frames") or {} if name != "all"]
    if len(strata) < 2:
        number_of = strata[0] if strata else "an unknown number of"
        return [
            Text(
                f"All labelled frames hold {number_of} animals: how time grows with their number is not known.", "quiet"
            )
        ]
    names = [name for name in results.method_names if name in methods]
    times = {
        name: {
            stratum: Point(*(1000.0 / one[key] for key in ("frames_per_s", "high", "low")))
            for stratum in strata
            if (one := timing(methods[name], "in_memory", stratum)) is not None
        }
        for name in names
    }
    lines = [
        f"{pair['animals']} animals: {pair['text']}."
        for pair in speed.get("pairs", ())
        if pair["condition"] == "in_memory" and pair["animals"] != "all"
    ]
    figure = Figure(
        animals_figure(times, strata),
        "Time of a frame against the number of animals in it, by method",
        "Labelled animals, frames in memory; intervals over rounds. "
        + ", ".join(f"{name}: {counted(speed['frames'][name], 'frame')}" for name in strata)
        + ", seen over and over.",
        "Time by number of animals",
    )
    return [Gallery([figure]), Bullets("By number of animals in the frame", lines)]
