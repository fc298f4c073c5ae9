"""The worst and the median frames of each method, drawn beside the same frames under the other methods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posewright.labels.skeleton import Skeleton
from posewright.report.context import Context
from posewright.report.figures import method_colour
from posewright.report.gather import Evaluation, Results
from posewright.report.measures import frame_quality
from posewright.report.overlays import draw_poses, jpeg_uri, view_around
from posewright.report.page import Block, Figure, Gallery, Heading, Section, Text
from posewright.report.words import counted, number
from posewright.samples.store import FrameStore

_LONGER_SIDE_PX = 900
_LARGEST_SCALE = 6.0
_APART_FRAMES = 10  # neighbours in time look alike: showing three of them would show one
_MOST_BESIDE = 3  # other methods shown beside one: more would be too small to see and too many to send

_HOW_TO_READ = (
    "White rings are the truth, coloured dots the prediction, one colour an animal; a thin white line joins a body "
    "part with its truth. A ring without a dot was missed. Frames are ranked by the mean OKS of their animals, a "
    "missed or an extra animal counting 0, and worst ones lie at least 10 frames apart. All pictures of one frame show "
    "the same part of it."
)


@dataclass(frozen=True)
class _Pick:
    """A frame chosen for a method, and why."""

    words: str
    video: int
    frame: int


@dataclass(frozen=True)
class _Poses:
    """Truth and matched prediction of one frame, ``[instance node xy]`` each."""

    truth: NDArray[np.float64]
    predicted: NDArray[np.float64]
    median_px: float
    n_found: int
    n_visible: int


def frames_section(context: Context) -> Section:
    """Return the pictures; one trained model stands for each method."""
    results, skeleton, store = context.results, context.skeleton, context.store
    title = "Frames to look at"
    shown = [results.of_method(name)[0] for name in results.method_names if results.of_method(name)]
    shown = [
        evaluation for evaluation in shown if evaluation.instances is not None and evaluation.keypoints is not None
    ]
    if store is None:
        return Section(
            "frames", title, "Frames", [Text("The store of decoded frames was not found: no pictures.", "warn")]
        )
    if not shown:
        return Section("frames", title, "Frames", [Text("No method has predictions to draw.", "warn")])
    blocks: list[Block] = [Text(_HOW_TO_READ, "quiet")]
    if skeleton is None:
        blocks.append(
            Text("Neither models nor the split name the skeleton, so nodes are drawn without edges.", "quiet")
        )
    for evaluation in shown:
        blocks += _method_blocks(results, evaluation, shown, skeleton, store)
    return Section("frames", title, "Frames", blocks)


def _method_blocks(
    results: Results, own: Evaluation, shown: Sequence[Evaluation], skeleton: Skeleton | None, store: FrameStore
) -> list[Block]:
    colour = method_colour(results.method_names.index(own.method))
    blocks: list[Block] = [Heading(f"{own.method} (fold {own.fold}, seed {own.seed})", colour, own.method)]
    others = [evaluation for evaluation in shown if evaluation is not own][:_MOST_BESIDE]
    n_worst, n_median = (3, 2) if len(shown) <= 2 else (2, 1)  # a page that one can send by mail
    drawn = [_frame_gallery(pick, [own, *others], skeleton, store) for pick in _picks(own, n_worst, n_median)]
    galleries = [gallery for gallery in drawn if gallery is not None]
    if len(shown) == 1:  # nothing stands beside a lone method's frame: let the frames stand beside each other
        galleries = [Gallery([figure for gallery in galleries for figure in gallery.figures])] if galleries else []
    return [*blocks, *galleries] if galleries else [*blocks, Text("No scored frame is in the store.", "warn")]


def _picks(evaluation: Evaluation, n_worst: int, n_median: int) -> list[_Pick]:
    """Return the worst frames, and those nearest the median quality that are not among them."""
    frames = frame_quality(evaluation)
    if frames is None:
        return []
    worst = _spaced(frames, n_worst)
    rest = frames.drop(index=[index for index, _ in worst])
    order = (rest["quality"] - frames["quality"].median()).abs().sort_values(kind="stable").index
    typical = _spaced(rest.loc[order], n_median)
    picks = [_pick(f"Worst frame {place}", row) for place, (_, row) in enumerate(worst, 1)]
    return picks + [_pick("Median frame", row) for _, row in typical]


def _spaced(frames: pd.DataFrame, count: int) -> list[tuple[int, pd.Series]]:
    """Return the first ``count`` rows that lie far enough from each other in time."""
    chosen: list[tuple[int, pd.Series]] = []
    for index, row in frames.iterrows():
        near = any(
            row["video"] == other["video"] and abs(row["frame"] - other["frame"]) < _APART_FRAMES for _, other in chosen
        )
        if not near:
            chosen.append((int(str(index)), row))
        if len(chosen) == count:
            break
    return chosen


def _pick(words: str, row: pd.Series) -> _Pick:
    return _Pick(words, int(row["video"]), int(row["frame"]))


def _frame_gallery(
    pick: _Pick, evaluations: Sequence[Evaluation], skeleton: Skeleton | None, store: FrameStore
) -> Gallery | None:
    key = (pick.video, pick.frame)
    if key not in store:
        return None
    poses = [_poses(evaluation, pick, skeleton) for evaluation in evaluations]
    drawn = [item for item in poses if item is not None]
    points = [part.reshape(-1, 2) for item in drawn for part in (item.truth, item.predicted)]
    image = np.asarray(store[key])
    rows, columns = view_around(np.concatenate([*points, np.empty((0, 2))]), store.size_of(key))
    part = image[rows, columns]
    scale = min(_LARGEST_SCALE, _LONGER_SIDE_PX / max(part.shape[:2]))
    corner = np.array([columns.start, rows.start], np.float64)
    figures = []
    for evaluation, item in zip(evaluations, poses, strict=True):
        edges = skeleton or Skeleton(tuple(_node_names([evaluation])))
        if item is None:
            picture = draw_poses(part, edges, None, None, scale)
        else:
            picture = draw_poses(part, edges, item.truth - corner, item.predicted - corner, scale, paired=True)
        figures.append(
            Figure(
                source=jpeg_uri(picture),
                alt=f"{pick.words}: truth and prediction of {evaluation.method} drawn on the frame",
                caption=_caption(evaluation, pick, item),
                title=evaluation.method,
                method=evaluation.method,
            )
        )
    heading = f"{pick.words}: {_video_name(evaluations[0], pick.video)}, frame {pick.frame}"
    if len(evaluations) == 1:
        figures = [replace(figure, title=heading) for figure in figures]
    return Gallery(figures, heading, evaluations[0].method)


def _poses(evaluation: Evaluation, pick: _Pick, skeleton: Skeleton | None) -> _Poses | None:
    table = evaluation.keypoints
    if table is None:
        return None
    rows = table[(table["video"] == pick.video) & (table["frame"] == pick.frame)]
    if rows.empty:
        return None
    nodes = list(skeleton.nodes) if skeleton else _node_names([evaluation])
    animals = sorted(rows["true_instance"].unique())
    truth = np.full((len(animals), len(nodes), 2), np.nan)
    predicted = truth.copy()
    for row in rows.itertuples():
        if row.node in nodes:
            place = animals.index(row.true_instance), nodes.index(str(row.node))
            truth[place] = row.true_x, row.true_y
            predicted[place] = row.x, row.y
    visible = rows[rows["true_x"].notna()]
    errors = visible["distance_px"].dropna()
    return _Poses(truth, predicted, float(errors.median()), len(errors), len(visible))


def _caption(evaluation: Evaluation, pick: _Pick, poses: _Poses | None) -> str:
    frames = frame_quality(evaluation)
    if poses is None or frames is None:
        return "No truth was scored here."
    row = frames[(frames["video"] == pick.video) & (frames["frame"] == pick.frame)]
    parts = [f"median error {number(poses.median_px, 1)} px"] if poses.n_found else []
    parts.append(f"{poses.n_found} of {counted(poses.n_visible, 'body part')} found")
    if len(row):
        first = row.iloc[0]
        parts.insert(0, f"OKS {number(first['quality'], 2)}")
        parts += [f"{counted(int(first['missed']), 'animal')} missed"] if first["missed"] else []
        parts += [f"{counted(int(first['extra']), 'extra animal')}, not drawn"] if first["extra"] else []
    return "; ".join(parts) + "."


def _video_name(evaluation: Evaluation, video: int) -> str:
    table = evaluation.instances
    if table is not None and "video_path" in table.columns:
        names = table.loc[table["video"] == video, "video_path"]
        if len(names):
            parts = str(names.iloc[0]).replace("\\", "/").rstrip("/").split("/")
            return "/".join(parts[-2:])  # many a lab has ten files called cam0.mp4
    return f"video {video}"


def _node_names(evaluations: Iterable[Evaluation]) -> list[str]:
    tables = [evaluation.keypoints for evaluation in evaluations if evaluation.keypoints is not None]
    return list(dict.fromkeys(str(node) for table in tables for node in table["node"]))
