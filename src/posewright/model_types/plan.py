"""What a trained model resolved: everything prediction needs beside the weights, as ``model.json``.

nnU-Net's good idea (Isensee et al. 2021): what was measured from the data and decided before training is written down,
so that prediction needs this folder and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posewright.config.recipe import Recipe, load_recipe
from posewright.errors import InputError
from posewright.files import read_json
from posewright.labels.skeleton import Skeleton
from posewright.model_types import from_json
from posewright.model_types.base import ModelType
from posewright.samples.preprocess import Preprocess
from posewright.shapes import Refinement, Size

SCHEMA = 1


@dataclass(frozen=True)
class ModelPlan:
    """A model's resolved settings.

    Attributes:
        model_type: the codec.
        preprocess: from frames to network inputs.
        recipe: as trained, for the network's shape.
        input_size: size of the network's input in training.
        seed: of the training.
        split_digest: of the split it was trained on.
        weights_sha256: digest of the weights' arrays; empty before training.
        training: steps, epochs, seconds, stopped_by, parameters, val_loss and more.
    """

    model_type: ModelType
    preprocess: Preprocess
    recipe: Recipe
    input_size: Size
    seed: int
    split_digest: str
    weights_sha256: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def skeleton(self) -> Skeleton:
        """The animal's skeleton."""
        return self.model_type.output_skeleton

    @property
    def refinement(self) -> Refinement:
        """How peaks are refined."""
        return self.recipe.posewright.refinement

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``model.json``."""
        return {
            "schema": SCHEMA,
            "model_type": self.model_type.name,
            "model": self.model_type.to_json(),
            "skeleton": self.skeleton.to_json(),
            "preprocess": self.preprocess.to_json(),
            "recipe": self.recipe.to_json(),
            "input_size": [self.input_size.height, self.input_size.width],
            "seed": self.seed,
            "split_digest": self.split_digest,
            "weights_sha256": self.weights_sha256,
            "training": dict(self.training),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ModelPlan:
        """Rebuild a plan from what `to_json` gave."""
        return cls(
            model_type=from_json(value["model_type"], value["model"]),
            preprocess=Preprocess(**value["preprocess"]),
            recipe=load_recipe(value["recipe"]),
            input_size=Size(*value["input_size"]),
            seed=value["seed"],
            split_digest=value["split_digest"],
            weights_sha256=value["weights_sha256"],
            training=value["training"],
        )


def load_plan(folder: Path) -> ModelPlan:
    """Read the plan of a model folder.

    Raises:
        InputError: the folder holds no ``model.json`` of this version.
    """
    path = folder / "model.json"
    if not path.is_file():
        raise InputError(f"{folder} is no model folder: it has no model.json; give the folder that train_model wrote")
    value = read_json(path)
    if value.get("schema") != SCHEMA:
        raise InputError(
            f"{path} has schema {value.get('schema')!r}, this version reads {SCHEMA}; use the version that wrote it"
        )
    return ModelPlan.from_json(value)
