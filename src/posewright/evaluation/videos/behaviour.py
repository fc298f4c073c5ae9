"""Stage compare_behaviour: does it matter for conclusions which release predicted the videos?

Simple measures of behaviour of every video under every release, and their agreement between releases on the same
frames. The unit of inference is the highest independent group that the sheet declares (``comparison.md`` rule 3); fewer
than six units get no interval. No verdict is given: what difference matters depends on the effect that is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from posewright.config.sheet import VideoRow
from posewright.evaluation.intervals import from_units
from posewright.evaluation.tables import write_table
from posewright.evaluation.verdicts import MIN_UNITS
from posewright.evaluation.videos.agreement import Agreement, Mean
from posewright.evaluation.videos.behaviour_words import sentence, units_sentence
from posewright.evaluation.videos.measures import MEASURES, Body, chosen_ends, farthest_ends, measured
from posewright.evaluation.videos.stretches import common_nodes, side_by_side, usual_length_px
from posewright.evaluation.videos.units import units_of_rows
from posewright.files import write_json
from posewright.prediction.status import STATUS_NAME, read_status

SCHEMA = 2

_TEXT, _COUNT, _NUMBER = pa.string(), pa.int64(), pa.float64()
VIDEO_SCHEMA = pa.schema(
    [
        ("video", _TEXT),
        ("unit", _TEXT),
        ("release", _TEXT),
        ("measure", _TEXT),
        ("mean", _NUMBER),
        ("n_frames", _COUNT),
        ("coverage", _NUMBER),
    ]
)
AGREEMENT_SCHEMA = pa.schema(
    [
        ("video", _TEXT),
        ("unit", _TEXT),
        ("release_a", _TEXT),
        ("release_b", _TEXT),
        ("measure", _TEXT),
        ("mean_a", _NUMBER),
        ("mean_b", _NUMBER),
        ("difference", _NUMBER),
        ("correlation", _NUMBER),
        ("concordance", _NUMBER),
        ("n_frames", _COUNT),
        ("coverage", _NUMBER),
    ]
)
PAIR_SCHEMA = pa.schema(
    [
        ("release_a", _TEXT),
        ("release_b", _TEXT),
        ("measure", _TEXT),
        ("mean_a", _NUMBER),
        ("mean_b", _NUMBER),
        ("difference", _NUMBER),
        ("low", _NUMBER),
        ("high", _NUMBER),
        ("concordance", _NUMBER),
        ("coverage", _NUMBER),
        ("n_videos", _COUNT),
        ("n_units", _COUNT),
    ]
)


@dataclass(frozen=True)
class Settings:
    """How behaviour is measured.

    Attributes:
        body_ends: two nodes; None for those farthest apart.
        contact_body_lengths: what counts as contact.
        confidence: of the intervals.
    """

    body_ends: tuple[str, str] | None
    contact_body_lengths: float
    confidence: float


def compare_behaviour(*, rows: Sequence[VideoRow], releases: Sequence[Path], settings: Settings, out: Path) -> None:
    """Measure every video under every release, and write ``videos``, ``agreement``, ``pairs`` and ``summary.json``.

    Args:
        rows: the dataset's rows of the sheet.
        releases: folders of published videos, one a release.
        settings: how.
        out: folder for the three tables and the summary.
    """
    reasons = {row.video: _why_not([release / row.video for release in releases]) for row in rows}
    usable = [row for row in rows if reasons[row.video] is None]
    kind, unit_of = units_of_rows(usable)
    ends = _ends(usable, releases, settings.body_ends)
    videos: list[dict[str, Any]] = []
    agreements: list[dict[str, Any]] = []
    for row in usable:
        own, between = _of_video(row, [release / row.video for release in releases], ends, settings)
        videos += [{**one, "unit": unit_of[row.video]} for one in own]
        agreements += [{**one, "unit": unit_of[row.video]} for one in between]
    table = pd.DataFrame(agreements, columns=AGREEMENT_SCHEMA.names)
    pairs = list(_pairs(table, settings.confidence))
    write_table(out / "videos.parquet", pd.DataFrame(videos, columns=VIDEO_SCHEMA.names), VIDEO_SCHEMA)
    write_table(out / "agreement.parquet", table, AGREEMENT_SCHEMA)
    write_table(out / "pairs.parquet", pd.DataFrame(pairs, columns=PAIR_SCHEMA.names), PAIR_SCHEMA)
    write_json(
        out / "summary.json",
        {
            "schema": SCHEMA,
            "releases": [release.name for release in releases],
            "unit": {"kind": kind, "n": len(set(unit_of.values()))},
            "videos": len(usable),
            "videos_left_out": {video: why for video, why in sorted(reasons.items()) if why is not None},
            "body_ends": None if ends is None else list(ends),
            "contact_body_lengths": settings.contact_body_lengths,
            "confidence": settings.confidence,
            "measures": {one.name: {"words": one.words, "unit": one.unit, "meaning": one.meaning} for one in MEASURES},
            "units": units_sentence(kind, len(set(unit_of.values())), len(usable)),
            "sentences": [sentence(pair, settings.confidence) for pair in pairs],
        },
    )


def _why_not(folders: Sequence[Path]) -> str | None:
    """Return why a video under these releases cannot be compared; None where it can."""
    if not all(_has_poses(folder) for folder in folders):
        return "without poses of every release"
    return None if common_nodes(folders) else "its releases know no common node, so they are no pair"


def _has_poses(folder: Path) -> bool:
    status = read_status(folder / STATUS_NAME)
    return status is not None and status[0].state in ("ok", "partial")


def _ends(rows: Sequence[VideoRow], releases: Sequence[Path], chosen: tuple[str, str] | None) -> tuple[str, str] | None:
    """Return the two ends of the body in all videos: as chosen, else as the first video says that shows them."""
    for row in rows:
        folders = [release / row.video for release in releases]
        nodes = common_nodes(folders)
        found = farthest_ends(folders[0], nodes) if chosen is None else chosen_ends(nodes, chosen)
        if found is not None:
            return found
    return None


def _of_video(
    row: VideoRow, folders: Sequence[Path], ends: tuple[str, str] | None, settings: Settings
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of one video for the tables of videos and of agreement, units left out."""
    nodes = common_nodes(folders)
    places = None if ends is None else (nodes.index(ends[0]), nodes.index(ends[1]))
    body = Body(places, settings.contact_body_lengths * usual_length_px(folders))
    names = [folder.parent.name for folder in folders]
    means = {(name, one.name): Mean() for name in names for one in MEASURES}
    shared = {(*pair, one.name): Agreement() for pair in combinations(names, 2) for one in MEASURES}
    n_frames = 0
    for views in side_by_side(folders, nodes):
        new = slice(views[0].n_before, None)
        n_frames += len(views[0].frames) - views[0].n_before
        found = {name: measured(view, body) for name, view in zip(names, views, strict=True)}
        for (name, measure), mean in means.items():
            mean.add(found[name][measure][new])
        for (a, b, measure), agreement in shared.items():
            agreement.add(found[a][measure][new], found[b][measure][new])
    own = [
        {
            "video": row.video,
            "release": name,
            "measure": measure,
            "mean": mean.value,
            "n_frames": mean.n,
            "coverage": mean.n / n_frames if n_frames else float("nan"),
        }
        for (name, measure), mean in means.items()
    ]
    between = [
        {
            "video": row.video,
            "release_a": a,
            "release_b": b,
            "measure": measure,
            "mean_a": one.means[0] if one.n else float("nan"),
            "mean_b": one.means[1] if one.n else float("nan"),
            "difference": one.means[0] - one.means[1] if one.n else float("nan"),
            "correlation": one.correlation,
            "concordance": one.concordance,
            "n_frames": one.n,
            "coverage": one.n / n_frames if n_frames else float("nan"),
        }
        for (a, b, measure), one in shared.items()
    ]
    return own, between


def _pairs(agreements: pd.DataFrame, confidence: float) -> Iterator[dict[str, Any]]:
    """Yield each pair of releases and measure over all videos: a mean of units, with an interval where it may be."""
    for keys, table in agreements.groupby(["release_a", "release_b", "measure"], sort=False):
        known = table[table["n_frames"] > 0]
        units = known.groupby("unit")[["mean_a", "mean_b", "difference"]].mean()
        estimate = from_units(units["difference"].to_numpy(np.float64))
        low, high = estimate.bounds(confidence) if len(units) >= MIN_UNITS else (float("nan"), float("nan"))
        yield {
            **dict(zip(("release_a", "release_b", "measure"), keys, strict=True)),
            "mean_a": float(units["mean_a"].mean()),
            "mean_b": float(units["mean_b"].mean()),
            "difference": estimate.value,
            "low": low,
            "high": high,
            "concordance": float(known["concordance"].median()),
            "coverage": float(table["coverage"].mean()),
            "n_videos": len(known),
            "n_units": len(units),
        }


def settings_of(value: Mapping[str, Any]) -> Settings:
    """Return the settings from JSON."""
    ends = value["body_ends"]
    chosen = None if ends is None else (str(ends[0]), str(ends[1]))
    return Settings(chosen, float(value["contact_body_lengths"]), float(value["confidence"]))
