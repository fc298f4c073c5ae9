"""Stage measure_repeats: how far two labellings of one frame lie apart, and the OKS sigmas that follow (rule 9).

COCO's keypoint evaluation defines the sigma of a node by ``sigma^2 = E[d^2 / s^2]``: ``d`` is the distance of one
labelling to the truth, ``s^2`` the area of the animal (measured there on images that were annotated redundantly).
Nobody knows the truth; but two independent labellings ``a`` and ``b`` of equal noise differ by twice the variance of
one, so that

    ``sigma^2 = E[|a - b|^2 / (2 s^2)]``.

``s^2`` is the area that our OKS takes (the box around the visible nodes); each labelling's animal stands once for the
truth, so the order of the two does not matter. A mean of squares follows the few pairs that are far apart, and these
are seldom a spread: left for right, a slip of the mouse, an animal of which hardly anything shows and whose box is
nearly nothing. Of two Gaussian labellings one pair in 2^16 has ``|a - b| / s`` beyond four medians; what lies there is
counted as an *outlier* and left out of the sigma, not of the distances. An animal at the very same points in both was
copied and not labelled again, and counts nowhere.

A sigma of n pairs is known to within about 1 / (2 sqrt(n)) of itself, 16 % at `MIN_PAIRS`. A node with fewer takes the
median of the others' sigmas: the same people labelled it, while the default was measured on nobody. Labels of all sides
of the split are read: what is measured is people, no picture and no prediction plays a part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from posewright.config.labels import DatasetConfig
from posewright.discretion import publishable
from posewright.errors import InputError
from posewright.evaluation.matching import animal_length_px, match_nearest
from posewright.evaluation.oks import AREA_NAME, Float, box_area, has_area, seen
from posewright.evaluation.tables import write_table
from posewright.files import read_json, write_json
from posewright.labels.merge import EQUAL_PX, SAME_ANIMAL
from posewright.labels.read import join_parts, read_parts
from posewright.labels.repeats import LabelledTwice, labelled_twice

SCHEMA = 1
MIN_PAIRS = 10  #: fewer give a node no sigma of its own
_OUTLIER = 4.0  #: medians of the distance over the root of the area

DISTANCE_SCHEMA = pa.schema(
    [
        ("video_path", pa.string()),
        ("frame", pa.int32()),
        ("instance", pa.int16()),
        ("node", pa.string()),
        ("distance_px", pa.float64()),
        ("variance", pa.float64()),
    ]
)


def measure_repeats(*, dataset: DatasetConfig, out: Path) -> None:
    """Compare the labels with all files that label their frames once more, and write ``repeats.json`` and its rows.

    Args:
        dataset: names of the files, and how they are read.
        out: folder for ``repeats.json`` and ``distances.parquet``.

    Raises:
        InputError: a file cannot be read or does not repeat these labels.
    """
    reading, missing = dataset.reading(), dataset.missing_nodes
    order = reading.pop("skeleton")
    parts = read_parts(**reading)
    skeleton = join_parts(parts, skeleton=order, path_map=dataset.path_map, missing_nodes=missing).skeleton
    frames = [
        frame
        for again in read_parts(**dataset.reading_repeated())
        for frame in labelled_twice(parts, again, skeleton, missing)
    ]
    table, animals = distances(frames, skeleton.nodes)
    told = {"schema": SCHEMA, "files": list(dataset.repeated), "frames": len(frames), "animals": dict(animals)}
    write_table(out / "distances.parquet", table, DISTANCE_SCHEMA)
    write_json(out / "repeats.json", publishable({**told, **spread(table, skeleton.nodes)}))


def distances(frames: Sequence[LabelledTwice], nodes: Sequence[str]) -> tuple[pd.DataFrame, Counter[str]]:
    """Return a row for each node that both labellings of an animal show, and how many animals there are of each kind.

    Columns are those of `DISTANCE_SCHEMA`: ``instance`` counts the labels' animals of the frame, ``variance`` is
    ``|a - b|^2 / (2 s^2)``, NaN where an animal has no area. Animals are ``compared``, ``copied`` (the same points),
    ``labels_only`` or ``repeated_only``.
    """
    reach_px = animal_length_px(points for frame in frames for points in (frame.labels, frame.repeated))
    rows: list[tuple[Any, ...]] = []
    animals = Counter(compared=0, copied=0, labels_only=0, repeated_only=0)
    for frame in frames:
        pairs = _one_animal(frame, reach_px)
        shown = [int(seen(points).any(axis=-1).sum()) for points in (frame.labels, frame.repeated)]
        animals["labels_only"] += shown[0] - len(pairs)
        animals["repeated_only"] += shown[1] - len(pairs)
        for own, other in pairs:
            both = np.stack([frame.labels[own], frame.repeated[other]])
            apart_px = np.linalg.norm(both[0] - both[1], axis=-1)
            if np.nanmax(apart_px) <= EQUAL_PX:
                animals["copied"] += 1
                continue
            animals["compared"] += 1
            per_area = np.mean(1.0 / box_area(both)) if has_area(both).all() else np.nan
            for node in np.flatnonzero(~np.isnan(apart_px)).tolist():
                squared = float(apart_px[node]) ** 2
                place = (frame.video, frame.frame, own, nodes[node])
                rows.append((*place, float(apart_px[node]), float(squared / 2 * per_area)))
    return pd.DataFrame(rows, columns=DISTANCE_SCHEMA.names), animals


def spread(table: pd.DataFrame, nodes: Sequence[str]) -> dict[str, Any]:
    """Return distances and sigmas of each node, and of all together.

    Args:
        table: of `distances`.
        nodes: of the skeleton.
    """
    entries = [_node(str(node), table[table["node"] == node]) for node in nodes]
    measured = [entry["sigma"] for entry in entries if entry["sigma"] is not None]
    for entry in entries:
        entry["source"] = "measured" if entry["sigma"] is not None else "median of the others" if measured else None
        if measured and entry["sigma"] is None:
            entry["sigma"] = float(np.median(measured))
    return {
        "distance_px": _percentiles(table),
        "nodes": entries,
        "least_pairs": MIN_PAIRS,
        "area": AREA_NAME,
    }


def read_sigmas(repeats: Path | None, nodes: Sequence[str]) -> Float | None:
    """Return the OKS sigmas ``[node]`` of ``repeats.json``; None without the file, and where it could measure none.

    Raises:
        InputError: it is about other nodes.
    """
    if repeats is None:
        return None
    known = {entry["node"]: entry["sigma"] for entry in read_json(repeats)["nodes"]}
    if set(known) != set(nodes):
        raise InputError(
            f"{repeats} is about the nodes {', '.join(known)}, the labels have {', '.join(nodes)}; measure it anew."
        )
    found = [known[node] for node in nodes]
    return None if None in found else np.array(found, dtype=np.float64)


def _one_animal(frame: LabelledTwice, reach_px: float) -> list[tuple[int, int]]:
    """Return the pairs that are one animal: matched from either side, and near enough for it in the median node."""
    labels, repeated = frame.labels, frame.repeated
    back = {(own, other) for other, own in match_nearest(repeated, labels, reach_px)}
    pairs = [pair for pair in match_nearest(labels, repeated, reach_px) if pair in back]
    apart = (np.nanmedian(np.linalg.norm(labels[own] - repeated[other], axis=-1)) for own, other in pairs)
    return [pair for pair, px in zip(pairs, apart, strict=True) if px <= SAME_ANIMAL * reach_px]


def _node(node: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Return what is measured of one node; its sigma is None where the pairs are too few or do not differ."""
    variance = rows["variance"].dropna().to_numpy(np.float64)
    middle = float(np.median(variance)) if len(variance) else 0.0
    kept = variance[variance <= _OUTLIER**2 * middle] if middle > 0 else variance
    sigma = float(np.sqrt(kept.mean())) if len(kept) >= MIN_PAIRS else 0.0
    return {"node": node, **_percentiles(rows), "outliers": len(variance) - len(kept), "sigma": sigma or None}


def _percentiles(rows: pd.DataFrame) -> dict[str, Any]:
    """Return number, median and 95th percentile of the distances."""
    apart_px = rows["distance_px"].to_numpy(np.float64)
    p50, p95 = (float(value) for value in np.percentile(apart_px, (50, 95))) if len(apart_px) else (None, None)
    return {"n": len(apart_px), "p50": p50, "p95": p95}
