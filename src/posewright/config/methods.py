"""Sections of ``config.yaml`` about what is compared and kept: methods and releases."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from posewright.config.data import Count, Texts
from posewright.config.sections import Section

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ModelSource(Section):
    """A trained model that comes from elsewhere."""

    path: str
    """Model folder, of Posewright or of the peer."""
    sha256: Sha256 | None = None
    """Digest of its `best.ckpt`, compared whenever it is used; null: not checked."""


class MethodConfig(Section):
    """What is compared: one or two recipes, or models that exist already, and how they are run."""

    type: Literal["single_instance", "topdown", "bottomup", "multi_class_topdown", "multi_class_bottomup"]
    """How poses are found: one animal per frame, animals before nodes, or nodes before animals."""
    recipes: Texts | None = None
    """Names of the recipes to train: one, for top-down a `centroid` and a `centered_instance` recipe."""
    models: Annotated[tuple[ModelSource, ...], Field(strict=False)] | None = None
    """Instead of recipes: trained models, one or two."""
    predictions: Texts | None = None
    """Instead of recipes: files with poses that another program predicted, of any kind that label files may have; they
    are scored on the same frames, and predict no videos."""
    release: str | None = None
    """Instead of recipes: a declared release, as it was frozen; so an old one is compared with models of today."""
    trained_on: Texts | None = None
    """Label files such models were trained on, to find scored frames among them; `[]`: none of these; null: unknown."""
    trials: Count = 1
    """How many configurations of this method were tried, this one included. Networks tuned together count once."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.trained_on is not None and self.recipes is not None:
            raise ValueError("trained_on is said of models that come from elsewhere; recipes are trained on the split")
        if [self.recipes, self.models, self.release, self.predictions].count(None) != 3:
            raise ValueError("give either recipes (to train), or models or a release (trained already), or predictions")
        if self.predictions is not None and not self.predictions:
            raise ValueError("predictions names no file")
        if self.release is not None or self.predictions is not None:
            return self
        given = len(self.recipes or self.models or ())
        needed = 2 if self.type.endswith("topdown") else 1
        if given != needed:
            raise ValueError(f"the type {self.type} is made of {needed}, found {given}")
        return self


class ReleaseConfig(Section):
    """A frozen model: what it is made of never changes. Either a method trained here, or a bundle from elsewhere."""

    method: str | None = None
    """Method it is made of."""
    fold: Annotated[int, Field(ge=0)] = 0
    """Fold of the split it was trained on."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed it was trained with."""
    refit: bool = False
    """Train the method's recipes once more on all labels, those of the test side too; not itself evaluated."""
    bundle: str | None = None
    """Instead of a method: path or http(s) address of a bundle (`<name>.posewright`) made elsewhere."""
    sha256: Sha256 | None = None
    """Digest of the bundle, as `sha256sum` gives it; it says what the release is, wherever the file lies."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.method is None) == (self.bundle is None):
            raise ValueError("give either a method, or a bundle with its sha256")
        if (self.bundle is None) != (self.sha256 is None):
            raise ValueError("a bundle and its sha256 belong together")
        if self.refit and self.method is None:
            raise ValueError("a bundle is as it was made; refit belongs to a method that is trained here")
        return self


def method_recipe_types(method: MethodConfig) -> tuple[str, ...]:
    """Return the model types that a method's recipes must have."""
    if method.type == "topdown":
        return ("centroid", "centered_instance")
    if method.type == "multi_class_topdown":
        return ("centroid", "multi_class_topdown")
    return (method.type,)
