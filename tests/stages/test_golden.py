"""A stage whose behaviour changes must say so: golden numbers of each stage, kept beside its version.

When one of these tests fails, either the change was not meant, or ``STAGE_VERSION`` of the stage has to be raised, so
that users' results are made again, and its numbers written anew: ``pytest tests/stages --write-golden -k <stage>``.
Processors differ in the last bits, so numbers are compared to four digits and texts exactly.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from posewright.config.data import Augmentation, Geometric, Intensity
from posewright.config.labels import SplitConfig
from posewright.config.recipe import load_recipe
from posewright.config.sheet import VideoRow
from posewright.config.stages import STAGE_VERSION
from posewright.config.videos import SuggestConfig
from posewright.evaluation.intervals import from_units, from_units_and_runs, holm, intraclass_correlation
from posewright.evaluation.repeats import distances, spread
from posewright.evaluation.scoring import evaluate_poses
from posewright.evaluation.videos.behaviour import Settings, compare_behaviour
from posewright.evaluation.videos.suggest import Asked, suggest_frames
from posewright.files import digest_of, read_json
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.repeats import LabelledTwice
from posewright.labels.skeleton import Skeleton
from posewright.labels.split import split_labels
from posewright.labels.statistics import LabelStatistics, measure_labels
from posewright.model_types import from_recipe
from posewright.model_types.topdown import TopDown
from posewright.networks.network import build_network, initialise
from posewright.samples.augment import augmented
from posewright.samples.dataset import Batches, CropSources, FrameSources
from posewright.samples.preprocess import Preprocess
from posewright.samples.store import FrameStore, store_frames
from posewright.shapes import DecodeOptions, PoseBatch, Size
from posewright.tracking.tracker import WindowTracker
from posewright.training.recipe_plan import propose

from ..evaluation.published import film, publish, walkers

GOLDEN = Path(__file__).with_name("golden.json")
SKELETON = Skeleton(("nose", "body", "tail"), ((1, 0), (1, 2)))
HEADS: dict[str, Any] = {
    "single_instance": {"confmaps": {"sigma": 1.5, "output_stride": 2}},
    "centroid": {"confmaps": {"sigma": 1.5, "output_stride": 4}},
    "centered_instance": {"confmaps": {"anchor_part": "body", "sigma": 1.5, "output_stride": 2}},
    "bottomup": {"confmaps": {"sigma": 1.5, "output_stride": 2}, "pafs": {"sigma": 15.0, "output_stride": 4}},
}
NAMED: dict[str, Any] = {
    "multi_class_bottomup": {**HEADS["single_instance"], "class_maps": {"sigma": 1.5, "output_stride": 4}},
    "multi_class_topdown": {**HEADS["centered_instance"], "class_vectors": {"num_fc_units": 8}},
}
VARIED = Augmentation(
    intensity=Intensity(contrast_p=1.0, brightness_p=1.0),
    geometric=Geometric(rotation_min=-90.0, rotation_max=90.0, translate_p=1.0, translate_width=0.1),
)


class _Images:
    """Frames by number, as sleap-io's handle of an image sequence gives them."""

    filename = "golden"

    def __getitem__(self, index: int) -> np.ndarray:
        row, column = np.mgrid[:64, :80]
        return ((7 * row + 13 * column + 29 * index) % 256).astype(np.uint8)[..., None]


def _labels() -> LabelSet:
    """Two animals in each of forty frames of one video: places are functions of the frame."""
    frames = []
    for frame in range(0, 400, 10):
        centre = np.array([[20.0 + frame % 30, 20.25], [50.5, 44.0 - frame % 20]])
        points = centre[:, None, :] + np.array([[0.0, -9.5], [0.25, 0.0], [3.0, 9.0]])
        points[1, 2] = np.nan
        frames.append(LabeledFrame(0, frame, points, ("a", "b")))
    return LabelSet(SKELETON, (VideoRef("golden", None, _Images()),), tuple(frames))


def _poses() -> PoseBatch:
    labels = _labels()
    points = np.concatenate([frame.points for frame in labels.frames[:6]]).astype(np.float32)
    return PoseBatch(points, np.repeat(np.arange(6), 2), 6)


def _numbers(array: Any) -> list[float]:
    """Return what tells an array from another: its mean, spread, and a weighted sum that depends on the order."""
    flat = np.asarray(array, np.float64).ravel()
    seen = flat[np.isfinite(flat)]
    order = np.cos(np.arange(len(seen)))
    return [float(len(seen)), float(seen.mean()), float(seen.std()), float((seen * order).sum())]


def _split() -> dict[str, Any]:
    images = _Images()
    frames = {frame.key: images[frame.frame] for frame in _labels().frames}
    by_block = split_labels(_labels(), by="block", val=0.2, test=0.2, block_frames=50, seed=1, frames=frames)
    return {"digest": digest_of([[*unit] for unit in by_block.units]), "gap": by_block.gap_frames}


def _store() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        store_frames(_labels(), Path(folder) / "store.json")
        store = FrameStore(Path(folder) / "store.json")
        return {"pixels": _numbers(np.stack([store[key] for key in store.keys]))}


def _train() -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        store_frames(_labels(), Path(folder) / "store.json")
        store = FrameStore(Path(folder) / "store.json")
        for name, head in {**HEADS, **NAMED}.items():
            recipe = load_recipe(
                {
                    "model_config": {
                        "backbone_config": {"unet": {"filters": 4, "max_stride": 8}},
                        "head_configs": {name: head},
                    }
                }
            )
            model_type = from_recipe(recipe, SKELETON, ("a", "b"))
            crop = 32 if model_type.crop_anchor else None
            preprocess = Preprocess(channels=1, scale=1.0, multiple=8, crop_size_px=crop)
            sources = (
                CropSources(_labels(), store, preprocess, 1, 1.5, model_type.classes)
                if crop
                else FrameSources(_labels(), store, preprocess, model_type.classes)
            )
            images, poses = augmented(Batches(sources, VARIED, seed=5, jitter_px=1.0)[3, (0, 4, 9)])
            targets = model_type.encode(poses, sources.output)
            torch.manual_seed(0)
            network = build_network(recipe, model_type.heads, 1)
            initialise(network, "he")
            losses = model_type.loss(network(images), targets)
            found[name] = {
                "images": _numbers(images),
                "points": _numbers(poses.points),
                "targets": {head: _numbers(maps) for head, maps in targets.items()},
                "loss": float(losses["loss"].detach()),
            }
    return found


def _predict() -> dict[str, Any]:
    found: dict[str, Any] = {}
    poses, size = _poses(), Size(64, 80)
    rng = np.random.default_rng(0)
    types = {}
    for name, head in HEADS.items():
        recipe = load_recipe({"model_config": {"backbone_config": {"unet": {}}, "head_configs": {name: head}}})
        types[name] = from_recipe(recipe, SKELETON)
        one = poses.rows(np.arange(0, len(poses), 2)) if name in ("single_instance", "centered_instance") else poses
        maps = {head: m + rng.normal(0, 0.02, m.shape) for head, m in types[name].encode(one, size).items()}
        for refinement in ("gaussian", "integral"):
            read = types[name].decode(maps, DecodeOptions(refinement=refinement))  # type: ignore[arg-type]
            found[f"{name} {refinement}"] = [*_numbers(read.points), *_numbers(read.raw_scores)]
    for name, head in NAMED.items():
        recipe = load_recipe({"model_config": {"backbone_config": {"unet": {}}, "head_configs": {name: head}}})
        named = replace(poses, class_ids=np.tile([0, 1], 6))
        kind = from_recipe(recipe, SKELETON, ("a", "b"))
        maps = {head: m + rng.normal(0, 0.02, m.shape) for head, m in kind.encode(named, size).items()}
        maps["confmaps"] *= np.array([1.0, 0.8, 0.6])[:, None, None]  # nodes found with unlike certainty
        read = kind.decode(maps, DecodeOptions())
        assert read.class_scores is not None
        found[name] = [*_numbers(read.points), *_numbers(read.class_scores), *_numbers(read.class_ids)]
    centroids = types["centroid"].decode(types["centroid"].encode(poses, size), DecodeOptions())
    topdown = TopDown(
        locate=lambda images: centroids,
        describe=lambda crops: PoseBatch(
            np.full((len(crops), 3, 2), 15.5, np.float32),
            np.arange(len(crops)),
            len(crops),
            np.ones((len(crops), 3), np.float32),
            np.ones(len(crops), np.float32),
        ),
        crop_size_px=32,
    )
    found["topdown"] = _numbers(topdown.predict(np.zeros((6, 64, 80, 1), np.uint8)).points)
    tracker = WindowTracker(n_animals=2)
    scored = PoseBatch(poses.points, poses.frame, 6, np.ones(poses.points.shape[:2]), np.ones(len(poses)))
    found["tracks"] = [tracker.update(scored.of_frame(index)) for index in range(6)]
    return found


def _evaluate() -> dict[str, Any]:
    labels = _labels()
    rng = np.random.default_rng(2)
    points = np.concatenate([frame.points for frame in labels.frames])
    noisy = PoseBatch(
        points + rng.normal(0, 2, points.shape),
        np.repeat(np.arange(len(labels.frames)), 2),
        len(labels.frames),
        rng.uniform(0.5, 1, points.shape[:2]),
        rng.uniform(0.5, 1, len(points)),
    ).rows(np.arange(len(points)) % 9 != 4)
    metrics = evaluate_poses(labels, noisy, complete=True).metrics
    told = ("counts", "coverage", "oks", "pck", "distance_px", "visibility", "errors", "calibration")
    return {key: metrics[key] for key in told}


def _plan() -> dict[str, Any]:
    plan = propose(LabelStatistics.from_json(measure_labels(_labels(), [Size(64, 80)]).to_json())).to_json()
    settings = {name: {one["key"]: one["value"] for one in found} for name, found in plan["settings"].items()}
    return {"measured": plan["measured"], "methods": plan["methods"]["value"], "settings": settings}


def _repeats() -> dict[str, Any]:
    rng = np.random.default_rng(4)
    frames = [
        LabelledTwice("golden", frame.frame, frame.points, frame.points[::-1] + rng.normal(0, 0.5, frame.points.shape))
        for frame in _labels().frames
    ]
    table, animals = distances(frames, SKELETON.nodes)
    return {"animals": dict(animals), "rows": _numbers(table["distance_px"]), **spread(table, SKELETON.nodes)}


def _compare() -> dict[str, Any]:
    values = np.array([0.1, 0.3, 0.2, 0.5, 0.4, 0.15, 0.25])
    of_units = from_units(values)
    crossed = from_units_and_runs(values[:, None] + np.array([[0.0, 0.05, -0.02]]))
    return {
        "units": [of_units.value, *of_units.bounds(0.95), of_units.p_value()],
        "units and seeds": [crossed.value, *crossed.bounds(0.95)],
        "icc": intraclass_correlation([1.0, 1.2, 3.0, 3.3, 2.0, 2.1], ["a", "a", "b", "b", "c", "c"]),
        "holm": holm([0.01, 0.04, 0.03]),
    }


def _lively(frame: int) -> np.ndarray:
    """Return two animals of which every measure changes from frame to frame."""
    middle = walkers(frame).mean(axis=1, keepdims=True)
    shape = (walkers(frame) - middle) * (1.0 + 0.1 * np.sin(0.9 * frame))
    away = np.array([[[5.0 * np.sin(frame / 3), 0.0]], [[0.0, 12.0 * np.cos(frame / 5)]]])
    return np.asarray(middle + shape + away)


def _strayed(frame: int) -> np.ndarray:
    """Return them as a release has them that strays from time to time and loses one of them after frame 30."""
    points = _lively(frame) + np.array([0.25 * (frame % 7), 3.0 * (frame % 11 == 0)])
    points[0, 2] += 30.0 * (frame in (8, 9, 25))
    return points if frame < 30 else points[:1]


def _predicted(folder: Path, n_frames: int = 40) -> tuple[list[VideoRow], list[Path]]:
    """Publish two films under two releases; return their rows of the sheet, and the folders of the releases."""
    rows = []
    for video in ("one", "two"):
        film(folder / f"{video}.mp4", _lively, n_frames)
        publish(folder / "exact" / video, _lively, n_frames)
        publish(folder / "strayed" / video, _strayed if video == "one" else _lively, n_frames, lost=[12])
        rows.append(VideoRow(video, str(folder / f"{video}.mp4"), n_animals=2))
    return rows, [folder / "exact", folder / "strayed"]


def _behaviour() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        rows, releases = _predicted(Path(name))
        out = Path(name) / "behaviour"
        compare_behaviour(rows=rows, releases=releases, settings=Settings(None, 2.3, 0.95), out=out)
        tables = {one: pd.read_parquet(out / f"{one}.parquet") for one in ("videos", "agreement", "pairs")}
        told: dict[str, Any] = {one: json.loads(table.to_json(orient="split")) for one, table in tables.items()}
        return {**told, "sentences": read_json(out / "summary.json")["sentences"]}


def _suggest() -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        rows, releases = _predicted(Path(name))
        for way, chosen in {"disagreement": releases, "doubt": releases[1:]}.items():
            out = Path(name) / way / "suggestions.json"
            asked = Asked(rows, chosen, SuggestConfig(count=5, apart_frames=3))
            suggest_frames(asked=asked, labels=None, split=SplitConfig(), remembered={}, store=None, out=out)
            told = read_json(out)
            assert told["way"] == way
            found[way] = {key: told[key] for key in ("frames", "looked_alike", "could_not_be_read")}
    return found


STAGES: dict[str, Callable[[], dict[str, Any]]] = {
    "split_labels": _split,
    "store_frames": _store,
    "plan_recipe": _plan,
    "train_model": _train,
    "predict_videos": _predict,
    "measure_repeats": _repeats,
    "evaluate_method": _evaluate,
    "compare_methods": _compare,
    "compare_behaviour": _behaviour,
    "suggest_frames": _suggest,
}


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_stage_behaves_as_its_version_did(stage: str, pytestconfig: pytest.Config) -> None:
    found = json.loads(json.dumps(STAGES[stage]()))
    kept = json.loads(GOLDEN.read_text())
    if pytestconfig.getoption("write_golden", default=False):
        kept[stage] = {"version": STAGE_VERSION[stage], "numbers": found}
        GOLDEN.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        return
    golden = kept[stage]
    assert golden["version"] == STAGE_VERSION[stage], "the version was raised: write the golden numbers anew"
    differences = list(_differences(found, golden["numbers"], stage))
    assert not differences, f"{stage} behaves differently; raise its STAGE_VERSION if that is meant: {differences}"


def _differences(found: Any, golden: Any, place: str) -> Any:
    """Yield the places where two JSON values differ by more than the processor explains."""
    if isinstance(found, dict) and isinstance(golden, dict):
        for key in sorted(found.keys() | golden.keys()):
            yield from _differences(found.get(key), golden.get(key), f"{place}.{key}")
    elif isinstance(found, list) and isinstance(golden, list) and len(found) == len(golden):
        for index, (a, b) in enumerate(zip(found, golden, strict=True)):
            yield from _differences(a, b, f"{place}[{index}]")
    elif isinstance(found, float) and isinstance(golden, float | int):
        if not np.isclose(found, golden, rtol=1e-4, atol=1e-4, equal_nan=True):
            yield f"{place}: {found} instead of {golden}"
    elif found != golden:
        yield f"{place}: {found} instead of {golden}"
