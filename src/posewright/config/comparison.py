"""Sections of ``config.yaml`` about comparing: accuracy, speed, and what more labels would bring."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from posewright.config.data import Count, Positive
from posewright.config.sections import Section
from posewright.errors import nearest

#: What may decide beside ``pck_<k>px``; how each is counted stands in `posewright.evaluation.unit_metrics`.
OTHER_METRICS = (
    "coverage",
    "median_distance_px",
    "mean_distance_px",
    "p95_distance_px",
    "mean_distance_capped_px",
    "oks",
    "recall",
    "extra_per_animal",
    "jitter_share",
    "inversion_share",
    "swap_share",
    "miss_share",
)
_PCK = re.compile(r"pck_[1-9]\d*px")
_OBJECTIVE = re.compile(r"(pck|f1)_[1-9]\d*px")

Threshold = Annotated[float, Field(ge=0.0, le=1.0)]
Percents = Annotated[tuple[Annotated[int, Field(ge=1, le=99, strict=True)], ...], Field(strict=False, min_length=1)]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0, strict=True)], ...], Field(strict=False, min_length=1)]


class TuningConfig(Section):
    """How each method's thresholds are chosen on validation frames, where `predict.peak_threshold` is auto."""

    objective: str = "auto"
    """What the chosen pair makes greatest. `pck_<k>px`: body parts found nearer than k px, less those invented where
    there is none, of those shown. `f1_<k>px`: F1 of body parts found nearer than k px; it drops inexact ones, too.
    auto: the first with the k of `primary`, else `pck_5px`."""
    grid: Annotated[tuple[Threshold, ...], Field(strict=False, min_length=1)] = (
        0.1,
        0.15,
        0.2,
        0.25,
        0.3,
        0.4,
        0.5,
        0.6,
    )
    """Peak thresholds that are tried."""
    instance_grid: Annotated[tuple[Threshold, ...], Field(strict=False, min_length=1)] = (0.0, 0.1, 0.2, 0.3, 0.4)
    """Least instance scores that are tried with each of them; `[0]` keeps every instance."""

    @field_validator("objective")
    @classmethod
    def _known(cls, value: str) -> str:
        if value != "auto" and not _OBJECTIVE.fullmatch(value):
            raise ValueError("there is no such objective; known are auto, and pck_<k>px and f1_<k>px with a whole k")
        return value


class CompareConfig(Section):
    """What counts when methods are compared; declared before the results are seen."""

    primary: str = "pck_5px"
    """The measure that decides: `pck_<k>px` with any whole k, or `coverage`, `median_distance_px`, `mean_distance_px`,
    `p95_distance_px`, `mean_distance_capped_px`, `oks`, `recall`, `extra_per_animal`, `jitter_share`,
    `inversion_share`, `swap_share` or `miss_share`."""
    margin: Annotated[float, Field(ge=0.0)] = 0.02
    """Smaller differences of it do not matter."""
    baseline: str | None = None
    """Method all others are compared with; null: every pair."""
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    """Confidence of the intervals."""
    checkpoints: Literal["loss", "primary"] = "loss"
    """What chooses the weights of a training among its epochs. loss: the lowest validation loss of the network alone.
    primary: the best `primary` of the whole method on validation frames, among the last five epochs that lowered the
    loss and the last one."""
    tuning: TuningConfig = TuningConfig()
    """How thresholds are chosen."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not _PCK.fullmatch(self.primary) and self.primary not in OTHER_METRICS:
            known = nearest(self.primary, ("pck_5px", *OTHER_METRICS))
            raise ValueError(f"primary: there is no measure {self.primary!r}; {known} (pck takes any whole px)")
        return self

    @property
    def declared_tuning(self) -> TuningConfig:
        """The tuning with its objective named: by default the one that agrees with the measure that decides."""
        if self.tuning.objective != "auto":
            return self.tuning
        objective = self.primary if _PCK.fullmatch(self.primary) else "pck_5px"
        return self.tuning.model_copy(update={"objective": objective})


class SpeedConfig(Section):
    """How `posewright run speed` measures: every method on one node, in rounds of random order."""

    rounds: Annotated[int, Field(ge=5, strict=True)] = 5
    """Rounds, each with every method in a fresh process; methods are compared within rounds, so at least 5."""
    memory_mb: Count = 4000
    """Cap on memory, one for all methods: each runs at its fastest batch below it (on a GPU: of the GPU's memory)."""
    seconds: Positive = 5.0
    """Length of each timing of a round."""


class LearningCurveConfig(Section):
    """What `posewright run learning_curve` trains: every recipe again on nested parts of the training side."""

    percent: Percents = (25, 50)
    """Parts of the training side, besides the whole, on which methods are trained anyway; ascending."""
    seeds: Seeds | None = None
    """Seeds of these trainings, of those of the project; null: all of them."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.percent) != sorted(set(self.percent)):
            raise ValueError(f"percent {list(self.percent)} does not ascend")
        return self
