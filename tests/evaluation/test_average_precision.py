"""Average precision equals pycocotools, and counts what the customary form forgets (rule 9)."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posewright.evaluation.average_precision import (
    EVERY_AREA,
    AveragePrecision,
    RankedFrame,
    average_precision,
    rank_frame,
)

COCO_SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
MEDIUM, LARGE = (32.0**2, 96.0**2), (96.0**2, 1e10)


def _points(annotations: Sequence[dict[str, Any]], flagged: bool) -> NDArray[np.float64]:
    rows = np.array([annotation["keypoints"] for annotation in annotations], float).reshape(-1, 17, 3)
    points = rows[..., :2].copy()
    if flagged:
        points[rows[..., 2] == 0] = np.nan
    return points


def _frames(truth: dict[str, Any], predictions: list[dict[str, Any]]) -> list[RankedFrame]:
    frames = []
    for image in sorted(image["id"] for image in truth["images"]):
        true = [a for a in truth["annotations"] if a["image_id"] == image]
        found = [p for p in predictions if p["image_id"] == image]
        frames.append(
            rank_frame(
                _points(true, flagged=True),
                _points(found, flagged=False),
                np.array([p["score"] for p in found], float),
                true_area=np.array([a["area"] for a in true], float),
                sigmas=COCO_SIGMAS,
                crowd=np.array([a["iscrowd"] for a in true], bool),
                boxes=np.array([a["bbox"] for a in true], float).reshape(-1, 4),
            )
        )
    return frames


def _ten_numbers(frames: list[RankedFrame]) -> list[float]:
    every = average_precision(frames)
    by_area = [average_precision(frames, area_range) for area_range in (MEDIUM, LARGE)]

    def numbers(precision: NDArray[np.float64], means: Sequence[float]) -> list[float]:
        return [precision.mean(), precision[0], precision[5], *means]

    return [
        *numbers(every.precision, [area.mean_precision for area in by_area]),
        *numbers(every.recall, [area.mean_recall for area in by_area]),
    ]


def _pycocotools(truth: dict[str, Any], predictions: list[dict[str, Any]]) -> list[float]:
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):
        gt = coco.COCO()
        gt.dataset = truth
        gt.createIndex()
        evaluation = cocoeval.COCOeval(gt, gt.loadRes(predictions), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return list(evaluation.stats)


@pytest.fixture(scope="module")
def coco(shared_data: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, float]]:
    """Truth, predictions and expected numbers of the shared sample."""
    folder = shared_data / "metrics" / "oks"
    truth, predictions, expected = (
        json.loads((folder / f"{name}.json").read_text()) for name in ("ground_truth", "predictions", "expected")
    )
    return truth, predictions, expected


def test_the_ten_coco_numbers(coco: tuple[dict[str, Any], list[dict[str, Any]], dict[str, float]]) -> None:
    """The committed numbers are reproduced to 1e-6."""
    truth, predictions, expected = coco
    names = [f"{kind}{part}" for kind in ("AP", "AR") for part in ("", "50", "75", "_medium", "_large")]
    ours = dict(zip(names, _ten_numbers(_frames(truth, predictions)), strict=True))
    assert ours == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_equal_to_pycocotools_on_harder_copies(
    coco: tuple[dict[str, Any], list[dict[str, Any]], dict[str, float]], seed: int
) -> None:
    """With crowds, hidden nodes, equal scores, jitter and more than 20 predictions an image, still equal to 1e-6."""
    random = np.random.default_rng(seed)
    truth, predictions = json.loads(json.dumps(coco[:2]))
    for annotation in truth["annotations"]:
        flags = np.array(annotation["keypoints"]).reshape(-1, 3)
        flags[random.random(17) < 0.3, 2] = 0
        annotation["keypoints"] = flags.ravel().tolist()
        annotation["num_keypoints"] = int((flags[:, 2] > 0).sum())
        annotation["iscrowd"] = int(random.random() < 0.2)
        # pycocotools looks at this count, not at the flags, to decide what is ignored
    copies = []
    for prediction in predictions * 2:
        rows = np.array(prediction["keypoints"], float).reshape(-1, 3)
        rows[:, :2] += random.normal(0, random.choice([0, 3, 15]), (17, 2))
        score = round(float(random.random()), 1)
        copies.append({**prediction, "keypoints": rows.ravel().tolist(), "score": score})
    theirs = _pycocotools(truth, json.loads(json.dumps(copies)))
    ours = np.nan_to_num(_ten_numbers(_frames(truth, copies)), nan=-1.0)  # pycocotools says -1 for "no truth"
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def _square(left: float) -> NDArray[np.float64]:
    return np.array([[left, 0.0], [left + 100, 0.0], [left, 100.0], [left + 100, 100.0]])


def _ap(truth: list[NDArray[np.float64]], found: list[NDArray[np.float64]], scores: list[float]) -> AveragePrecision:
    true, predicted = np.array(truth).reshape(-1, 4, 2), np.array(found).reshape(-1, 4, 2)
    area = np.full(len(true), 1e4)
    return average_precision([rank_frame(true, predicted, np.array(scores), true_area=area, sigmas=0.025)], EVERY_AREA)


def test_perfect_predictions_give_one() -> None:
    """Truth as prediction: precision and recall 1."""
    result = _ap([_square(0), _square(300)], [_square(300), _square(0)], [0.3, 0.9])
    assert (result.mean_precision, result.mean_recall) == pytest.approx((1.0, 1.0))


def test_a_confident_false_instance_halves_precision() -> None:
    """One true instance, found at rank 2 behind a false one: precision 1/2 at every recall."""
    result = _ap([_square(0)], [_square(5000), _square(0)], [0.9, 0.8])
    assert (result.mean_precision, result.mean_recall) == pytest.approx((0.5, 1.0))


def test_a_missed_instance_lowers_recall() -> None:
    """One of two found: recall 1/2, and precision at recall points above 1/2 is 0 (51 of 101 points remain)."""
    result = _ap([_square(0), _square(300)], [_square(0)], [0.9])
    assert (result.mean_precision, result.mean_recall) == pytest.approx((51 / 101, 0.5))


def test_no_truth_is_undefined() -> None:
    """Without truth neither number exists."""
    assert np.isnan(_ap([], [_square(0)], [0.9]).mean_precision)
