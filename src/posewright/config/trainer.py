"""``trainer_config`` of a recipe: batches, optimiser, schedule and when to stop."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from posewright.config.auto import OrAuto
from posewright.config.data import Count, NotNegative, Positive
from posewright.config.sections import Section

NotNegativeInt = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]


class TrainLoader(Section):
    """Batches of the training side."""

    batch_size: Annotated[Count, OrAuto()] = 4
    """Images (or crops) per optimiser step and device. A batch that does not fit into memory is seen in parts."""
    shuffle: bool = True
    """Whether each pass through the images has an order of its own, drawn from the seed; false: that of the labels."""
    num_workers: NotNegativeInt | Literal["auto"] = 0
    """Processes that read images; never changes the result."""


class ValLoader(Section):
    """Batches of the validation side."""

    batch_size: Annotated[Count, OrAuto()] = 4
    """Images (or crops) per batch."""
    shuffle: bool = False
    """Without effect on the result."""
    num_workers: NotNegativeInt | Literal["auto"] = 0
    """Without effect: the training itself reads these images."""


class Optimizer(Section):
    """Settings of the optimiser."""

    lr: Positive = 1e-4
    """Learning rate at the beginning."""
    amsgrad: bool = False
    """The AMSGrad variant."""


class StepLR(Section):
    """Lower the learning rate every few epochs."""

    step_size: Count = 10
    """Epochs between two steps."""
    gamma: Fraction = 0.1
    """Factor of each step."""


class ReduceLROnPlateau(Section):
    """Lower the learning rate when the validation loss stands still."""

    threshold: NotNegative = 1e-6
    """Smallest change that counts as an improvement."""
    threshold_mode: Literal["abs", "rel"] = "abs"
    """Whether `threshold` is a difference or a part of the best loss."""
    cooldown: NotNegativeInt = 3
    """Epochs of rest after a step."""
    patience: NotNegativeInt = 5
    """Epochs without improvement before a step."""
    factor: Fraction = 0.5
    """Factor of each step."""
    min_lr: NotNegative = 1e-8
    """Lower bound of the learning rate."""


class CosineAnnealingWarmup(Section):
    """Rise along a line, then fall along a cosine, a little with every step."""

    warmup_epochs: NotNegativeInt = 5
    """Epochs of the rise."""
    max_epochs: Count | None = None
    """Epochs in all; null: `trainer_config.max_epochs`."""
    warmup_start_lr: NotNegative = 0.0
    """Learning rate at the start of the rise."""
    eta_min: NotNegative = 0.0
    """Learning rate at the end."""


class LinearWarmupLinearDecay(Section):
    """Rise along a line, then fall along another, a little with every step."""

    warmup_epochs: NotNegativeInt = 5
    """Epochs of the rise."""
    max_epochs: Count | None = None
    """Epochs in all; null: `trainer_config.max_epochs`."""
    warmup_start_lr: NotNegative = 0.0
    """Learning rate at the start of the rise."""
    end_lr: NotNegative = 0.0
    """Learning rate at the end."""


class LRScheduler(Section):
    """How the learning rate changes. If several are set: cosine before linear before step before plateau."""

    step_lr: StepLR | None = None
    """Lower every few epochs."""
    reduce_lr_on_plateau: ReduceLROnPlateau | None = None
    """Lower when the validation loss stands still."""
    cosine_annealing_warmup: CosineAnnealingWarmup | None = None
    """Rise, then fall along a cosine."""
    linear_warmup_linear_decay: LinearWarmupLinearDecay | None = None
    """Rise, then fall along a line."""

    @property
    def counting(self) -> CosineAnnealingWarmup | LinearWarmupLinearDecay | StepLR | ReduceLROnPlateau | None:
        """The one that counts of those that are set; None where none is."""
        return (
            self.cosine_annealing_warmup or self.linear_warmup_linear_decay or self.step_lr or self.reduce_lr_on_plateau
        )


class EarlyStopping(Section):
    """When to stop before `max_epochs`."""

    stop_training_on_plateau: bool = True
    """Whether to stop early at all."""
    min_delta: NotNegative = 1e-8
    """Smallest fall of the validation loss that counts as an improvement."""
    patience: NotNegativeInt = 10
    """Epochs without improvement before the end."""


class HardKeypointMining(Section):
    """Add the error of the nodes that are worst in a batch once more to the training loss, as the peer does.

    It counts the channels of confidence maps, and of part affinity fields; centroid, class maps and class vectors go
    without. The validation loss is always without, so that recipes can be compared by it.
    """

    online_mining: bool = False
    """Whether to do so."""
    hard_to_easy_ratio: Positive = 2.0
    """A node is hard when its error is so many times that of the easiest node, or more."""
    min_hard_keypoints: NotNegativeInt = 2
    """At least so many nodes count as hard."""
    max_hard_keypoints: NotNegativeInt | None = None
    """At most so many; null: no bound."""
    loss_scale: Positive = 5.0
    """Factor of the hard nodes' mean squared error."""


class WandB(Section):
    """Where Weights & Biases keeps the curves. The key to it is never part of a recipe: `wandb login`."""

    entity: str | None = None
    """User or team; null: your own."""
    project: str | None = None
    """Project; null: `posewright`."""
    name: str | None = None
    """Name of the run; null: one is made up."""
    group: str | None = None
    """Group of the run."""
    wandb_mode: Literal["online", "offline", "disabled"] | None = None
    """`offline` writes to the work folder, for `wandb sync` later; null: as WANDB_MODE says, else online."""


class TrainerConfig(Section):
    """Batches, optimiser, schedule, stop."""

    train_data_loader: TrainLoader = TrainLoader()
    """Batches of the training side."""
    val_data_loader: ValLoader = ValLoader()
    """Batches of the validation side."""
    optimizer_name: Literal["Adam", "AdamW"] = "Adam"
    """Which optimiser."""
    optimizer: Optimizer = Optimizer()
    """Its settings."""
    lr_scheduler: LRScheduler | None = LRScheduler(reduce_lr_on_plateau=ReduceLROnPlateau())
    """How the learning rate changes; null: not at all."""
    early_stopping: EarlyStopping | None = EarlyStopping()
    """When to stop before `max_epochs`; null: never."""
    max_epochs: Count = 100
    """Upper bound of the training's length."""
    min_train_steps_per_epoch: Count = 200
    """An epoch has at least so many optimiser steps; images are seen again until then."""
    train_steps_per_epoch: Count | None = None
    """Optimiser steps per epoch; null: as many as all images need, at least `min_train_steps_per_epoch`."""
    online_hard_keypoint_mining: HardKeypointMining | None = HardKeypointMining()
    """Larger weight for hard nodes."""
    trainer_accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    """Kind of device."""
    trainer_devices: Annotated[int, Field(ge=1)] | Literal["auto"] | None = None
    """Devices of one training; null: one. Each takes a whole batch of its own. `auto`: every GPU of the job."""
    enable_progress_bar: bool = True
    """Whether a bar is shown on a terminal."""
    use_wandb: bool = False
    """Whether losses and learning rate also go to Weights & Biases (`pip install posewright[wandb]`)."""
    wandb: WandB | None = None
    """Where to."""

    @model_validator(mode="after")
    def _falls_after_rising(self) -> Self:
        for name in ("cosine_annealing_warmup", "linear_warmup_linear_decay"):
            schedule = getattr(self.lr_scheduler, name, None)
            epochs = schedule and (schedule.max_epochs or self.max_epochs)
            if schedule and schedule.warmup_epochs >= epochs:
                raise ValueError(f"{name}.warmup_epochs {schedule.warmup_epochs} leave nothing of {epochs} max_epochs")
        return self
