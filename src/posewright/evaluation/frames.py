"""Truth and predictions of one side of the split, laid side by side frame by frame and matched."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posewright.errors import InputError
from posewright.evaluation.matching import Pairs, animal_length_px, match_nearest
from posewright.evaluation.oks import Float, Sigmas, box_area, coco_oks, customary_oks, seen
from posewright.labels.model import LabeledFrame, LabelSet
from posewright.shapes import PoseBatch


@dataclass(frozen=True)
class FrameMatch:
    """One labelled frame with its predictions.

    True instances without any visible node are left out; so are predictions without any node. The index arrays say
    where the rest stood: ``true_index`` in the labelled frame, ``predicted_index`` among the frame's predictions.

    Attributes:
        video: index of the video.
        frame: number of the frame.
        truth: ``[true node xy]``.
        predicted: ``[predicted node xy]``.
        scores: ``[predicted]``, instance scores.
        node_scores: ``[predicted node]``.
        true_index: ``[true]``.
        predicted_index: ``[predicted]``.
        true_tracks: names, None without one.
        predicted_tracks: names, None without one, and None of an animal that the method was not to know.
        oks: customary OKS ``[true predicted]``.
        oks_coco: OKS by COCO's formula ``[true predicted]``, area as in the customary form.
        pairs: (true, predicted) by our matching rule.
    """

    video: int
    frame: int
    truth: Float
    predicted: Float
    scores: Float
    node_scores: Float
    true_index: NDArray[np.intp]
    predicted_index: NDArray[np.intp]
    true_tracks: tuple[str | None, ...]
    predicted_tracks: tuple[str | None, ...]
    oks: Float
    oks_coco: Float
    pairs: Pairs

    @property
    def missed(self) -> list[int]:
        """True instances without a prediction."""
        return sorted(set(range(len(self.truth))) - {true for true, _ in self.pairs})

    @property
    def extra(self) -> list[int]:
        """Predictions without a true instance."""
        return sorted(set(range(len(self.predicted))) - {predicted for _, predicted in self.pairs})


def match_frames(
    truth: LabelSet,
    predicted: PoseBatch,
    predicted_tracks: Sequence[str | None] | None,
    sigmas: Sigmas,
    classes: Collection[str] | None = None,
) -> tuple[list[FrameMatch], float]:
    """Match every labelled frame; return the frames and the reach in pixels that the matching used.

    Args:
        truth: labelled frames; frame ``i`` of the batch is the ``i``-th of them.
        predicted: poses in the truth's node order.
        predicted_tracks: a name for each row of the batch, if the method names animals.
        sigmas: of OKS.
        classes: the individuals that the method was to know; None: all that are named.
    """
    _check_shapes(truth, predicted, predicted_tracks)
    reach_px = animal_length_px(frame.points for frame in truth.frames)
    tracks = list(predicted_tracks) if predicted_tracks is not None else [None] * len(predicted)
    rows_of = [np.flatnonzero(predicted.frame == index) for index in range(predicted.n_frames)]
    frames = [
        _match_frame(labelled, predicted, rows, tracks, reach_px, sigmas, classes)
        for labelled, rows in zip(truth.frames, rows_of, strict=True)
    ]
    return frames, reach_px


def _match_frame(
    labelled: LabeledFrame,
    predicted: PoseBatch,
    rows: NDArray[np.intp],
    tracks: Sequence[str | None],
    reach_px: float,
    sigmas: Sigmas,
    classes: Collection[str] | None,
) -> FrameMatch:
    true_index = np.flatnonzero(seen(labelled.points).any(axis=-1))
    points = np.asarray(predicted.points[rows], dtype=np.float64)
    predicted_index = np.flatnonzero(seen(points).any(axis=-1))
    kept = rows[predicted_index]
    true_points, found = np.asarray(labelled.points[true_index], np.float64), points[predicted_index]
    node_scores = np.full(found.shape[:2], np.nan) if predicted.node_scores is None else predicted.node_scores[kept]
    scores = np.ones(len(kept)) if predicted.node_scores is None else predicted.instance_scores[kept]
    pairs = match_nearest(true_points, found, reach_px)
    true_tracks = tuple(labelled.tracks[index] for index in true_index)
    strangers = {b for a, b in pairs if classes is not None and true_tracks[a] not in classes}
    return FrameMatch(
        video=labelled.video,
        frame=labelled.frame,
        truth=true_points,
        predicted=found,
        scores=np.asarray(scores, np.float64),
        node_scores=np.asarray(node_scores, np.float64),
        true_index=true_index,
        predicted_index=predicted_index,
        true_tracks=true_tracks,
        predicted_tracks=tuple(None if index in strangers else tracks[row] for index, row in enumerate(kept)),
        oks=customary_oks(true_points, found, sigmas),
        oks_coco=coco_oks(true_points, found, box_area(true_points), sigmas),
        pairs=pairs,
    )


def _check_shapes(truth: LabelSet, predicted: PoseBatch, predicted_tracks: Sequence[str | None] | None) -> None:
    if predicted.n_frames != len(truth.frames):
        raise ValueError(f"{predicted.n_frames} predicted frames for {len(truth.frames)} labelled ones")
    if predicted_tracks is not None and len(predicted_tracks) != len(predicted):
        raise ValueError(f"{len(predicted_tracks)} track names for {len(predicted)} predicted instances")
    n_nodes = len(truth.skeleton.nodes)
    if len(predicted) and predicted.n_nodes != n_nodes:
        raise InputError(
            f"The predictions have {predicted.n_nodes} nodes, the labels {n_nodes}; "
            "evaluate with labels of the skeleton the model was trained on."
        )
