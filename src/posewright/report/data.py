"""The sections on data: the split and its promises, and what became of the videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from posewright.evaluation.ledger import configurations_scored
from posewright.report.answer import SIDE_WORDS
from posewright.report.context import Context
from posewright.report.gather import Results, finite
from posewright.report.page import Block, Bullets, Cell, Column, Section, Table, Text, Tone
from posewright.report.words import count, counted, plain

_STATE_TONES: Mapping[str, Tone] = {"ok": "good", "partial": "warn", "excluded": "quiet"}


def split_section(context: Context) -> Section:
    """Return how frames were divided, what keeps the sides apart, and how often the test set was read."""
    results = context.results
    blocks: list[Block] = []
    if not results.splits:
        blocks.append(Text("No split file was found.", "warn"))
    for fold, split in results.splits.items():
        if not split:
            blocks.append(Text(f"The split of fold {fold} could not be read.", "warn"))
            continue
        if len(results.splits) > 1:
            blocks.append(Text(f"Fold {fold} of {len(results.splits)}."))
        blocks.append(Text(_split_sentence(split)))
        blocks.append(_sides_table(split))
        blocks.append(_groups_table(split))
        blocks.append(Bullets("Leakage between the sides", _leakage(split)))
        blocks.append(Bullets("Notes of the split", [str(note) for note in split.get("notes", ())]))
    blocks.append(Bullets("Test readings", [_readings(results)]))
    return Section("data", "Data: split, groups, leakage", "Data", blocks)


def videos_section(context: Context) -> Section:
    """Return the videos that gave less than everything, or the sentence that all were predicted."""
    results = context.results
    title = "Videos"
    if results.status is None:
        why = "could not be read" if context.asked_of_videos else "was not given"
        return Section(
            "videos", title, "Videos", [Text(f"The table of video states {why}: nothing is said of videos.", "warn")]
        )
    if results.status.empty:
        return Section("videos", title, "Videos", [Text("No videos were asked for with this dataset.", "quiet")])
    states = Counter(results.status["state"])
    rest = results.status[results.status["state"] != "ok"]
    total = _asked(results.status)
    if rest.empty:
        words = f"Predicted completely: {total}."
        return Section("videos", title, "Videos", [Text(words), _video_table(results.status, folded=True)])
    listed = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    blocks: list[Block] = [Text(f"Of {total}: {listed}."), _video_table(rest, folded=False)]
    return Section("videos", title, "Videos", blocks)


def _asked(status: pd.DataFrame) -> str:
    """Say how many videos were asked for; a row is a video under one release."""
    videos, releases = counted(status["video"].nunique(), "video"), status["release"].nunique()
    return videos if releases < 2 else f"{counted(len(status), 'prediction')} ({videos}, {releases} releases)"


def _split_sentence(split: Mapping[str, Any]) -> str:
    parts = [f"Labelled frames were divided by {split.get('by', 'an unknown rule')}"]
    if split.get("folds", 1) != 1:
        parts.append(f"in {split['folds']} folds")
    if split.get("seed") is not None:
        parts.append(f"with seed {split['seed']}")
    sentence = " ".join(parts) + "; all methods, seeds and networks share this split."
    gap, dropped = finite(split.get("gap_frames")), finite(split.get("dropped_frames"))
    if gap is not None:
        sentence += f" A gap of {counted(int(gap), 'frame')} lies between neighbouring groups"
        sentence += "." if dropped is None else f"; {counted(int(dropped), 'labelled frame')} in gaps went unused."
    return sentence


def _sides_table(split: Mapping[str, Any]) -> Table:
    groups = _groups(split)
    rows = []
    for side in ("train", "val", "test"):
        frames = [int(group.get("frames", 0)) for group in groups if group.get("side") == side]
        name = {"train": "training", **SIDE_WORDS}[side]
        rows.append(
            [Cell(name), Cell(count(len(frames)), sort=len(frames)), Cell(count(sum(frames)), sort=sum(frames))]
        )
    columns = [Column("Side"), Column("Groups", numeric=True), Column("Labelled frames", numeric=True)]
    return Table(columns, rows)


def _groups_table(split: Mapping[str, Any]) -> Table:
    rows = [
        [
            Cell(str(group.get("group"))),
            Cell(str(group.get("side"))),
            Cell(count(group.get("frames")), sort=group.get("frames")),
        ]
        for group in _groups(split)
    ]
    columns = [Column("Group"), Column("Side"), Column("Labelled frames", numeric=True)]
    return Table(columns, rows, f"All {counted(len(rows), 'group')}", folded=True)


def _groups(split: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [group for group in split.get("groups", ()) if isinstance(group, Mapping)]


def _leakage(split: Mapping[str, Any]) -> list[str]:
    leakage = split.get("leakage")
    if not isinstance(leakage, Mapping) or not leakage:
        return ["Not checked: the split file carries no leakage check."]
    told = dict(leakage)
    sentences = []
    if "groups_on_two_sides" in told:
        shared = told.pop("groups_on_two_sides")
        sentences.append(
            f"Groups with frames on two sides: {plain(shared)}." if shared else "No group has frames on two sides."
        )
    nearest = told.pop("nearest_train_frame", None)
    for side, frames in (nearest if isinstance(nearest, Mapping) else {}).items():
        name = SIDE_WORDS.get(side, side)
        if finite(frames) is None:
            sentences.append(f"No {name} frame lies in a video that was trained on.")
        else:
            sentences.append(
                f"The {name} frame nearest to a training frame of its video is {counted(int(frames), 'frame')} away."
            )
    sentences += _looks(told.pop("near_duplicates", None))
    return sentences + [f"{_capital(str(key).replace('_', ' '))}: {plain(value)}." for key, value in told.items()]


def _looks(found: Any) -> list[str]:
    """Say how many held-back frames look like a training frame, and by which measure."""
    if not isinstance(found, Mapping):
        return ["Near-duplicates across the sides were not looked for."]
    frames = found.get("frames", {})
    counted_sides = [
        f"{found.get(side, 0)} of {counted(int(frames.get(side, 0)), f'{SIDE_WORDS.get(side, side)} frame')}"
        for side in ("val", "test")
    ]
    sentence = f"Looking like a training frame ({found.get('measure', 'measure unknown')}): {', '.join(counted_sides)}."
    pairs = [pair for side in ("val", "test") for pair in found.get("pairs", {}).get(side, ())]
    if pairs:
        (video, frame), (other, train) = pairs[0]
        sentence += f" The first: frame {frame} of video {video} and training frame {train} of video {other}."
    return [sentence]


def _readings(results: Results) -> str:
    if results.side != "test":
        return "This page is made of validation frames; making it read no test frame."
    digests = {str(evaluation.metrics.get("test_digest")) for evaluation in results.evaluations}
    ledger = results.folder / "evaluation" / "ledger.tsv"
    known = [configurations_scored(ledger, digest) for digest in digests]
    if not any(known):
        return "How many configurations this test set has scored is not recorded."
    return f"This test set has scored {counted(max(known), 'configuration')} so far, those on this page included."


def _video_table(status: pd.DataFrame, *, folded: bool) -> Table:
    columns = [
        Column("Video"),
        Column("Release"),
        Column("State"),
        Column("Reason"),
        Column("Frames predicted", "of expected", numeric=True),
        Column("Message"),
    ]
    rows = []
    for row in status.to_dict("records"):
        predicted, expected = _number(row["frames_predicted"]), _number(row["frames_expected"])
        rows.append(
            [
                Cell(str(row["video"])),
                Cell(str(row["release"])),
                Cell(str(row["state"]), tone=_STATE_TONES.get(str(row["state"]), "bad")),
                Cell(str(row["reason"]).replace("_", " ")),
                Cell(count(predicted), f"of {count(expected)}", "" if predicted is None else predicted),
                Cell(str(row["message"])),
            ]
        )
    return Table(columns, rows, f"Every video ({len(rows)})" if folded else "", folded=folded)


def _number(text: Any) -> float | None:
    try:
        return finite(float(text))
    except (TypeError, ValueError):
        return None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
