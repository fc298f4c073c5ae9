"""Estimators of really trained, tiny models: what they load, and that nothing but the pictures decides the poses."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from posewright.errors import InputError
from posewright.files import read_json, write_json
from posewright.geometry import Transform
from posewright.labels.read import read_labels
from posewright.model_types.plan import load_plan
from posewright.prediction.backends import BackendName
from posewright.prediction.estimator import ModelEstimator, TopDownEstimator, load_estimator
from posewright.prediction.export import export_model
from posewright.samples.store import FrameStore
from posewright.shapes import DecodeOptions, Maps, PoseBatch, Size, concatenate

from ..training.small import make_small_data, one_thread, small_recipe, train
from .agreement import assert_agree

STEPS = {
    "single_instance": 100,
    "centroid": 250,
    "centered_instance": 300,
    "bottomup": 200,
    "multi_class_topdown": 300,
    "multi_class_bottomup": 200,
}
METHODS = {
    "single": ["single_instance"],
    "bottomup": ["bottomup"],
    "topdown": ["centroid", "centered_instance"],
    "named_topdown": ["centroid", "multi_class_topdown"],
    "named_bottomup": ["multi_class_bottomup"],
}
OPTIONS = DecodeOptions(peak_threshold=0.15)
GRID = ((0.1, 0.0), (0.3, 0.0), (0.2, 0.35))

DROPPED_ELSEWHERE = """
import signal, sys, threading
from pathlib import Path

import numpy as np

from posewright.prediction.estimator import load_estimator
from posewright.shapes import DecodeOptions

held = [load_estimator([Path(sys.argv[1])], DecodeOptions(), "openvino")]
held[0].predict(np.zeros((1, 64, 64, 1), np.uint8))
thread = threading.Thread(target=held.clear)
thread.start()
thread.join()
signal.signal(signal.SIGTERM, lambda number, frame: print("heard"))
signal.raise_signal(signal.SIGTERM)
"""

methods = pytest.mark.parametrize("method", list(METHODS))


@pytest.fixture(scope="module", autouse=True)
def few_threads() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small recordings of one animal, and of two."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("one", "two")}
    make_small_data(folders["one"], n_animals=1)
    make_small_data(folders["two"], n_animals=2)
    return folders


@pytest.fixture(scope="module")
def models(data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A trained and exported model of each type."""
    folder = tmp_path_factory.mktemp("models")
    for name, steps in STEPS.items():
        recipe = small_recipe(
            name,
            train_steps_per_epoch=steps,
            max_epochs=1,
            optimizer={"lr": 2e-3},
            train_data_loader={"batch_size": 4, "num_workers": 0},
        )
        trained = train(data["one" if name == "single_instance" else "two"], recipe, folder / "trained" / name)
        export_model(trained, folder / name, "openvino")
    return {name: folder / name for name in STEPS}


@pytest.fixture(scope="module")
def images(data: dict[str, Path]) -> Mapping[str, NDArray[np.uint8]]:
    """All labelled frames of a method's recordings, of a size that no stride divides."""
    found = {}
    for method in METHODS:
        store = FrameStore(data["one" if method == "single" else "two"] / "store" / "store.json")
        found[method] = np.stack([store[key][:-3, :-5] for key in store.keys])
        assert found[method].shape[1:3] == (97, 111)
    return found


@pytest.fixture(scope="module")
def load(models: Mapping[str, Path]) -> Callable[..., ModelEstimator | TopDownEstimator]:
    def loaded(method: str, backend: BackendName = "openvino") -> ModelEstimator | TopDownEstimator:
        estimator = load_estimator([models[name] for name in METHODS[method]], OPTIONS, backend)
        assert isinstance(estimator, ModelEstimator | TopDownEstimator)
        return estimator

    return loaded


def in_batches(estimator: ModelEstimator | TopDownEstimator, images: NDArray[np.uint8], size: int) -> PoseBatch:
    return concatenate([estimator.predict(images[start : start + size]) for start in range(0, len(images), size)])


# Without named_bottomup: there a name decides who is found, and eight training frames are too few for names. That they
# are learnt from more is tested in tests/training/test_identities.py.
@pytest.mark.parametrize("method", [method for method in METHODS if method != "named_bottomup"])
def test_the_models_really_find_the_animals(
    load: Callable[..., ModelEstimator], images: Mapping[str, NDArray[np.uint8]], data: dict[str, Path], method: str
) -> None:
    labels = read_labels([data["one" if method == "single" else "two"] / "labels.slp"])
    found = load(method).predict(images[method])
    errors = []
    for index, frame in enumerate(labels.frames):
        candidates = found.points[found.frame == index]
        for animal in frame.points:
            gaps = np.linalg.norm(candidates - animal, axis=-1)
            errors += [] if np.isnan(gaps).all() else [np.nanmin(gaps[:, 2], initial=50)]
    assert np.median(errors) < 12  # of the thorax, in pixels; a place by chance is about 35 px away
    assert found.n_frames == len(labels.frames)


@methods
def test_torch_and_openvino_agree(
    load: Callable[..., ModelEstimator], images: Mapping[str, NDArray[np.uint8]], method: str
) -> None:
    by_torch, by_openvino = (load(method, backend).predict(images[method]) for backend in ("torch", "openvino"))
    assert_agree(by_torch, by_openvino, OPTIONS, least_nodes=100)


@methods
@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_the_batch_size_decides_nothing(
    load: Callable[..., ModelEstimator], images: Mapping[str, NDArray[np.uint8]], method: str, backend: BackendName
) -> None:
    estimator = load(method, backend)
    one_by_one, together = (in_batches(estimator, images[method], size) for size in (1, 16))
    assert_agree(one_by_one, together, OPTIONS, least_nodes=100)
    assert_agree(in_batches(estimator, images[method], 5), together, OPTIONS, least_nodes=100)


@methods
def test_the_same_twice_is_the_same_to_the_bit(
    load: Callable[..., ModelEstimator], images: Mapping[str, NDArray[np.uint8]], method: str
) -> None:
    first, second = (load(method).predict(images[method]) for _ in range(2))
    np.testing.assert_array_equal(first.points, second.points)
    np.testing.assert_array_equal(first.node_scores, second.node_scores)


@methods
def test_where_nothing_reaches_the_threshold_the_result_is_empty_and_whole(
    models: Mapping[str, Path], images: Mapping[str, NDArray[np.uint8]], method: str
) -> None:
    estimator = load_estimator([models[name] for name in METHODS[method]], DecodeOptions(peak_threshold=9.0))
    found = estimator.predict(images[method][:3])
    assert (len(found), found.n_frames) == (0, 3)
    assert found.points.shape == (0, 9, 2)
    assert found.node_scores is not None and found.node_scores.shape == (0, 9)
    assert found.instance_scores.shape == (0,)


@methods
def test_maps_read_at_several_thresholds_at_once_are_those_read_at_each(
    models: Mapping[str, Path], images: Mapping[str, NDArray[np.uint8]], method: str
) -> None:
    """What tuning rests on: the networks run once, and no threshold knows of the others."""
    folders = [models[name] for name in METHODS[method]]
    readings = [DecodeOptions(peak_threshold=peak, min_instance_score=least) for peak, least in GRID]
    together = load_estimator(folders, OPTIONS, "openvino").predict_each(images[method][:8], readings)
    for reading, found in zip(readings, together, strict=True):
        alone = load_estimator(folders, reading, "openvino").predict(images[method][:8])
        assert_agree(alone, found, reading, least_nodes=0)
        assert len(alone) == len(found)
        again = load_estimator(folders, OPTIONS, "openvino").reading(reading).predict(images[method][:8])
        np.testing.assert_array_equal(again.points, alone.points)
    assert len(together[0]) >= len(together[1]) > 0
    assert (together[2].instance_scores >= 0.35).all()


def truth(n_frames: int = 2) -> PoseBatch:
    """Return points that lie anywhere in a picture of 97 x 111 pixels."""
    points = np.random.default_rng(4).uniform(6, 90, (n_frames, 9, 2)).astype(np.float32)
    return PoseBatch(points, np.arange(n_frames), n_frames)


@pytest.mark.parametrize("size", [(97, 111), (96, 112), (100, 117)])
def test_scale_and_padding_are_undone_exactly(models: Mapping[str, Path], size: tuple[int, int]) -> None:
    """Scale 0.5 of odd sizes is not quite 0.5; a network that is right in its own pixels is right in the picture's."""
    plan, poses = load_plan(models["single_instance"]), truth()
    new = Size(size[0] // 2, size[1] // 2)
    there = Transform.resize(Size(*size), new).apply(poses.points)

    def perfect(inputs: NDArray[np.uint8]) -> Maps:
        assert inputs.shape[1] % 8 == 0 and inputs.shape[2] % 8 == 0
        assert not inputs[:, new.height :].any() and not inputs[:, :, new.width :].any()
        return plan.model_type.encode(poses.with_points(there), Size(*inputs.shape[1:3]))

    found = ModelEstimator(plan, perfect, OPTIONS).predict(np.full((2, *size, 1), 9, np.uint8))
    np.testing.assert_allclose(found.points, poses.points, atol=0.02, rtol=0)


def test_one_model_or_the_two_of_topdown_in_any_order(
    models: Mapping[str, Path], images: Mapping[str, NDArray[np.uint8]]
) -> None:
    for name in ("single_instance", "centroid", "bottomup"):
        estimator = load_estimator([models[name]], OPTIONS)
        assert isinstance(estimator, ModelEstimator)
        assert estimator.skeleton == load_plan(models[name]).skeleton
    pair = [models["centroid"], models["centered_instance"]]
    forth, back = load_estimator(pair, OPTIONS), load_estimator(pair[::-1], OPTIONS)
    assert isinstance(forth, TopDownEstimator)
    assert forth.skeleton == back.skeleton == load_plan(models["centered_instance"]).skeleton
    few = images["topdown"][:3]
    np.testing.assert_array_equal(forth.predict(few).points, back.predict(few).points)


@pytest.mark.parametrize("method", ["named_topdown", "named_bottomup"])
def test_named_animals_are_named_once_a_frame(
    load: Callable[..., ModelEstimator | TopDownEstimator], images: Mapping[str, NDArray[np.uint8]], method: str
) -> None:
    estimator = load(method)
    assert estimator.classes == ("animal_1", "animal_2")
    poses = estimator.predict(images[method])
    assert poses.class_ids is not None and poses.class_scores is not None
    named = [
        (frame, name)
        for frame, name in zip(poses.frame.tolist(), poses.class_names(estimator.classes), strict=True)
        if name is not None
    ]
    assert len(set(named)) == len(named) > 10
    assert ((poses.class_scores >= 0) & (poses.class_scores <= 1))[poses.class_ids >= 0].all()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "no models at all do not make a method"),
        (["centered_instance"], "types centered_instance do not make a method"),
        (["centroid", "bottomup"], "types centroid, bottomup do not make a method"),
        (["multi_class_topdown"], "types multi_class_topdown do not make a method"),
        (["multi_class_bottomup", "centered_instance"], "centered_instance do not make a method"),
        (["centroid", "centroid"], "types centroid, centroid do not make a method"),
        (["centroid", "centered_instance", "bottomup"], "centered_instance, bottomup do not make a method"),
    ],
)
def test_other_sets_of_models_make_no_method(models: Mapping[str, Path], names: list[str], said: str) -> None:
    with pytest.raises(InputError, match=f"{said}; give one single_instance"):
        load_estimator([models[name] for name in names], OPTIONS)


def test_a_folder_that_is_no_model_is_named(models: Mapping[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no model folder: it has no model\.json"):
        load_estimator([tmp_path], OPTIONS)
    copy = shutil.copytree(models["centroid"], tmp_path / "copy")
    (copy / "model.xml").unlink()
    with pytest.raises(InputError, match=r"holds no exported network \(model\.xml\); make a release"):
        load_estimator([copy], OPTIONS, "openvino")
    write_json(copy / "model.json", {**read_json(copy / "model.json"), "schema": 99})
    with pytest.raises(InputError, match="schema 99"):
        load_estimator([copy], OPTIONS)


def test_weights_that_are_not_those_of_the_card_are_refused(models: Mapping[str, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(models["centroid"], tmp_path / "copy")
    state = torch.load(copy / "best.ckpt", weights_only=True)
    next(iter(state["state_dict"].values()))[0] += 1
    torch.save(state, copy / "best.ckpt")
    with pytest.raises(InputError, match=r"not those that model\.json beside it names"):
        load_estimator([copy], OPTIONS, "torch")


def test_a_signal_is_heard_after_another_thread_dropped_the_estimator(models: Mapping[str, Path]) -> None:
    words = [sys.executable, "-X", "faulthandler", "-c", DROPPED_ELSEWHERE, str(models["single_instance"])]
    run = subprocess.run(words, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "heard\n"), run.stderr
