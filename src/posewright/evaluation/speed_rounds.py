"""From the rounds of a speed measurement to rates, start-up, memory, and ratios between methods (rule 13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from posewright.evaluation.intervals import from_units

ROUND_SCHEMA = pa.schema(
    [
        ("round", pa.int16()),
        ("place", pa.int16()),
        ("method", pa.string()),
        ("condition", pa.string()),
        ("animals", pa.string()),
        ("frames", pa.int32()),
        ("seconds", pa.float64()),
        ("memory_mb", pa.float64()),
        ("load", pa.float64()),
    ]
)
START_UP, IN_MEMORY, VIDEO = "start_up", "in_memory", "video"
_WORDS = {
    START_UP: "to start up",
    IN_MEMORY: "per frame, decoding left out",
    VIDEO: "per frame of a video, decoding, tracking and writing included",
}


def round_rows(
    number: int, place: int, method: str, answer: Mapping[str, Any], load: float
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one method in one round."""
    timings = [(IN_MEMORY, animals, told) for animals, told in answer["in_memory"].items()]
    timings += [(VIDEO, "all", answer["video"])] if answer["video"] else []
    timings.append((START_UP, "all", {"frames": 1, "seconds": answer["start_up_s"]}))
    shared = {"round": number, "place": place, "method": method, "memory_mb": answer["memory_mb"], "load": load}
    for condition, animals, told in timings:
        yield {
            **shared,
            "condition": condition,
            "animals": animals,
            "frames": told["frames"],
            "seconds": told["seconds"],
        }


def speed_summary(rounds: pd.DataFrame, facts: Mapping[str, Mapping[str, Any]], confidence: float) -> dict[str, Any]:
    """Return what the rounds say of each method, and of each pair of methods.

    Times are means of logarithms over rounds, so a ratio of two methods is the ratio of their times; intervals are t
    intervals over rounds. They speak of this node and these frames only.
    """
    per_frame = rounds.assign(log_s=np.log(rounds["seconds"] / rounds["frames"]))
    table = per_frame.pivot_table(index=["condition", "animals", "method"], columns="round", values="log_s")
    methods = {}
    for method, known in facts.items():
        memory = float(rounds[rounds["method"] == method]["memory_mb"].max())
        methods[method] = {**known, "memory_mb": memory, "timings": _timings(table, method, confidence)}
    pairs = [
        {"method_a": a, "method_b": b, **place, **ratio, "text": _sentence(a, b, place["condition"], ratio, confidence)}
        for a, b in combinations(sorted(facts), 2)
        for place, ratio in _ratios(table, a, b, confidence)
    ]
    order = rounds.drop_duplicates(["round", "place"]).sort_values(["round", "place"])
    return {
        "rounds": int(rounds["round"].nunique()),
        "order": [list(own["method"]) for _, own in order.groupby("round")],
        "load": [float(value) for value in rounds.drop_duplicates("round").sort_values("round")["load"]],
        "confidence": confidence,
        "methods": methods,
        "pairs": pairs,
    }


def _timings(table: pd.DataFrame, method: str, confidence: float) -> list[dict[str, Any]]:
    """Return rates (frames a second) and start-up (seconds) of one method."""
    found = []
    for (condition, animals, own), values in table.iterrows():
        if own != method:
            continue
        sign = 1.0 if condition == START_UP else -1.0  # seconds, or frames a second
        value, low, high = _told(sign * values.to_numpy(np.float64), confidence)
        name = "seconds" if condition == START_UP else "frames_per_s"
        found.append({"condition": condition, "animals": animals, name: value, "low": low, "high": high})
    return found


def _ratios(
    table: pd.DataFrame, a: str, b: str, confidence: float
) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
    """Yield condition and ratio of the time of a to that of b, paired by round."""
    for condition, animals in dict.fromkeys((index[0], index[1]) for index in table.index):
        if {(condition, animals, a), (condition, animals, b)} <= set(table.index):
            differences = table.loc[(condition, animals, a)] - table.loc[(condition, animals, b)]
            value, low, high = _told(differences.to_numpy(np.float64), confidence)
            yield {"condition": condition, "animals": animals}, {"ratio": value, "low": low, "high": high}


def _told(logarithms: Sequence[float] | np.ndarray[Any, Any], confidence: float) -> tuple[float, float, float]:
    estimate = from_units(logarithms)
    value, low, high = (float(np.exp(end)) for end in (estimate.value, *estimate.bounds(confidence)))
    return value, low, high


def _sentence(a: str, b: str, condition: str, ratio: Mapping[str, float], confidence: float) -> str:
    """Say a ratio in words; none is claimed where the interval holds 1."""
    interval = f"{100 * confidence:g} % interval {ratio['low']:.2f} to {ratio['high']:.2f}"
    if ratio["low"] <= 1.0 <= ratio["high"]:
        return f"{a} and {b} do not differ clearly in time {_WORDS[condition]} (ratio {ratio['ratio']:.2f}, {interval})"
    return f"{a} takes {ratio['ratio']:.2f} times as long as {b} {_WORDS[condition]} ({interval})"
