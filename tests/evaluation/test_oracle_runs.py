"""Oracle runs of real estimators whose networks are replaced by drawn maps, with one stage broken on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posewright.evaluation.oracle import oracle_poses, oracle_split
from posewright.evaluation.scoring import evaluate_poses
from posewright.geometry import Transform, anchor_points, crop_corner, scaled_size
from posewright.labels.model import LabelSet
from posewright.labels.read import read_labels
from posewright.model_types.plan import ModelPlan
from posewright.prediction.estimator import ModelEstimator, TopDownEstimator
from posewright.prediction.labelled import predict_labelled
from posewright.samples.store import FrameStore
from posewright.shapes import DecodeOptions, Maps, PoseBatch, Size
from posewright.training.planning import make_plan

from ..training.small import make_small_data, small_recipe

OPTIONS = DecodeOptions(min_nodes=2)
SIGMA = 0.025


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelSet, FrameStore]:
    """Four labelled frames of two animals, and the store they lie in."""
    folder = tmp_path_factory.mktemp("two")
    make_small_data(folder)
    labels = read_labels([folder / "labels.slp"])
    return labels.only([frame.key for frame in labels.frames[:4]]), FrameStore(folder / "store" / "store.json")


def plan_of(name: str, truth: LabelSet, store: FrameStore) -> ModelPlan:
    return make_plan(small_recipe(name), truth, store, 0, "split")


def drawn(plan: ModelPlan, points: NDArray[np.float64], size: Size, inputs: NDArray[np.uint8], one_each: bool) -> Maps:
    """Return the maps that a perfect network would give for animals at ``points`` in an image of ``size``."""
    there = Transform.resize(size, scaled_size(size, plan.preprocess.scale))
    frame = np.arange(len(points)) if one_each else np.zeros(len(points), int)
    poses = PoseBatch(there.apply(points).astype(np.float32), frame, len(inputs))
    return plan.model_type.encode(poses, Size(*inputs.shape[1:3]))


def bottomup(truth: LabelSet, store: FrameStore) -> ModelEstimator:
    """Perfect peaks, and fields that connect nothing."""
    plan = plan_of("bottomup", truth, store)
    turn = cycle(truth)

    def network(inputs: NDArray[np.uint8]) -> Maps:
        maps = drawn(plan, next(turn).points, store.size_of(truth.frames[0].key), inputs, one_each=False)
        return {"confmaps": maps["confmaps"], "pafs": np.zeros_like(maps["pafs"])}

    return ModelEstimator(plan, network, OPTIONS)


def topdown(truth: LabelSet, store: FrameStore) -> TopDownEstimator:
    """A first network that finds nobody, and a second one that is perfect in true crops."""
    first, second = plan_of("centroid", truth, store), plan_of("centered_instance", truth, store)
    side = second.preprocess.crop_size_px or 0
    turn = cycle(truth)

    def blind(inputs: NDArray[np.uint8]) -> Maps:
        maps = drawn(first, truth.frames[0].points, store.size_of(truth.frames[0].key), inputs, one_each=False)
        return {name: np.zeros_like(one) for name, one in maps.items()}

    def network(inputs: NDArray[np.uint8]) -> Maps:
        points, anchor = next(turn).points, second.model_type.crop_anchor
        assert anchor is not None
        corners = crop_corner(anchor_points(points, anchor.node), side)
        return drawn(second, points - corners[:, None], Size(side, side), inputs, one_each=True)

    return TopDownEstimator(ModelEstimator(first, blind, OPTIONS), ModelEstimator(second, network, OPTIONS), OPTIONS)


def cycle(truth: LabelSet) -> Iterator[Any]:
    while True:
        yield from truth.frames


@pytest.mark.parametrize(
    ("make", "kind", "part"), [(bottomup, "grouping", "assignment"), (topdown, "centroids", "detection")]
)
def test_the_broken_stage_is_named(frames: tuple[LabelSet, FrameStore], make: Any, kind: str, part: str) -> None:
    """All is wrong in the plain run, all is right once the stage is told the truth, and that stage is to blame."""
    truth, store = frames
    keys = [frame.key for frame in truth.frames]
    plain = evaluate_poses(truth, predict_labelled(make(truth, store), store, keys, batch=1)).keypoints
    told = oracle_poses(make(truth, store), truth, store, batch=1)
    assert told is not None and told[0] == f"true {kind}"
    split = oracle_split(plain, truth, told[0], told[1], SIGMA)
    assert split["denominator"] > 50
    assert (split["wrong"], split[part]) == (1.0, pytest.approx(1.0, abs=0.03))
    assert split["wrong_with_oracle"] < 0.03
    assert sum(split[name] for name in ("detection", "localisation", "assignment")) == pytest.approx(1.0)


def test_methods_in_one_stage_have_no_oracle(frames: tuple[LabelSet, FrameStore]) -> None:
    truth, store = frames
    plan = plan_of("single_instance", truth, store)
    assert oracle_poses(ModelEstimator(plan, lambda inputs: {}, OPTIONS), truth, store, 1) is None
