"""A batch that does not fit into memory is seen in parts; what is learnt from it stays the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from posewright.config.recipe import Recipe, load_recipe
from posewright.errors import InputError
from posewright.files import read_json
from posewright.networks.network import Network

from .processes import weights
from .small import make_small_data, small_recipe, train
from .test_devices import losses


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_small_data(folder)
    return folder


def fits(monkeypatch: pytest.MonkeyPatch, most: int, until: list[int] | None = None) -> list[int]:
    """Give the network a memory that is too small for more than ``most`` images; return the sizes of its batches.

    With ``until`` it becomes so small only after as many forward passes.
    """
    sizes: list[int] = []
    forward = Network.forward

    def limited(self: Network, images: Tensor) -> dict[str, Tensor]:
        sizes.append(len(images))
        if len(images) > most and (until is None or len(sizes) > until[0]):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return forward(self, images)

    monkeypatch.setattr(Network, "forward", limited)
    return sizes


def recipe(model_type: str, batch_size: int = 8, **own: Any) -> Recipe:
    loader = {"batch_size": batch_size}
    value = small_recipe(model_type, train_data_loader=loader, val_data_loader=loader, max_epochs=2).to_json()
    value["posewright"] |= own
    return load_recipe(value)


@pytest.mark.parametrize("model_type", ["bottomup", "multi_class_topdown"])
def test_parts_of_a_batch_teach_what_the_whole_does(
    model_type: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a loss is a mean over something else than images, as over the animals whose identity is known."""
    whole = train(data, recipe(model_type), tmp_path / "whole")
    sizes = fits(monkeypatch, most=3)
    parts = train(data, recipe(model_type), tmp_path / "parts")
    assert sizes[:2] == [8, 4] and set(sizes[2:]) == {2}
    assert read_json(parts / "model.json")["training"]["micro_batch"] == 2
    assert read_json(whole / "model.json")["training"]["micro_batch"] == 8
    np.testing.assert_allclose(losses(parts), losses(whole), rtol=1e-4)
    for name, value in weights(whole).items():
        # The gradients of identities are small, and where one is next to nothing Adam goes as far by its rounding as by
        # a large one: there two steps of eight.
        atol = 2e-3 if name.startswith("heads.class_vectors.") else 1e-4
        torch.testing.assert_close(weights(parts)[name], value, rtol=1e-2, atol=atol)


def test_memory_may_run_out_in_the_middle(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = recipe("centroid", checkpoint_minutes=1e-5)
    whole = train(data, tried, tmp_path / "whole")
    fits(monkeypatch, most=4, until=[3])
    cut = train(data, tried, tmp_path / "cut")
    np.testing.assert_allclose(losses(cut), losses(whole), rtol=1e-4)


def test_a_resumed_training_begins_with_the_size_that_fitted(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = fits(monkeypatch, most=4)
    train(data, recipe("centroid"), tmp_path / "model")
    work = next((tmp_path / "work-model").iterdir())
    for name in ("model.json", "last.ckpt"):
        (work / name).unlink()
    sizes.clear()
    train(data, recipe("centroid"), tmp_path / "model")
    assert set(sizes) == {4}


@pytest.mark.long
def test_half_precision_in_parts_learns_the_same(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = recipe("centroid", precision="bfloat16")
    whole = train(data, tried, tmp_path / "whole")
    fits(monkeypatch, most=4)
    np.testing.assert_allclose(losses(train(data, tried, tmp_path / "parts")), losses(whole), rtol=0.05)


def test_one_image_that_does_not_fit_is_told_with_a_remedy(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits(monkeypatch, most=0)
    with pytest.raises(InputError, match=r"one image at a time does not fit .* lower .*scale"):
        train(data, recipe("centroid"), tmp_path / "model")
