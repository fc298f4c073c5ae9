"""One model's recipe: the peer's three sections with the peer's keys, and a fourth of our own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from posewright.config.auto import AUTO, is_planned, put, without_auto
from posewright.config.data import Augmentation, Count, DataConfig, Positive
from posewright.config.model import OF_CROPS, ConvNeXt, Network, SwinT, UNet, chosen
from posewright.config.sections import Section, read_yaml, validate
from posewright.config.sleap_nn import SET_ASIDE, without_set_aside
from posewright.config.trainer import TrainerConfig
from posewright.errors import InputError

_BUILT_TYPES = (
    "single_instance",
    "centroid",
    "centered_instance",
    "bottomup",
    "multi_class_bottomup",
    "multi_class_topdown",
)


_LITTLE_SHIFT = 0.025  #: of a crop, as a part of its side, for which the room to turn it suffices; the default's

StartParts = Literal["whole", "backbone", "head"]


class StartFrom(Section):
    """Another model's weights as the first ones."""

    path: str
    """A model folder, of Posewright or of sleap-nn, or the checkpoint in one."""
    parts: StartParts = "whole"
    """What is taken over: all, all but the heads, or the heads; shapes must be equal."""


class Own(Section):
    """What the peer's recipes cannot say; dropped when a recipe is exported to the peer."""

    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number type of the network's arithmetic in training; the weights stay float32. `float16`, with scaled gradients,
    needs a GPU."""
    channels_last: bool = True
    """Memory order of the maps; a matter of speed."""
    compile: bool = False
    """Whether the network is compiled before training (`torch.compile`); a matter of speed. Needs a C++ compiler on the
    machine, or Triton on a GPU."""
    refinement: Literal["gaussian", "integral", "none"] = "gaussian"
    """How peaks are placed between cells: weighted log fit, the peer's 5x5 centre of mass, or not at all."""
    init: Literal["he", "default"] = "he"
    """First weights when `init_weights` is `default`: scaled for ReLU (`he`), or the library's own (the peer's).
    The stages of ConvNeXt and Swin always begin with torchvision's own."""
    crop_jitter: Annotated[float, Field(ge=0.0, lt=0.5)] = 0.025
    """Largest shift of a training crop to each side, as part of its side: what the centroid model may be off by.
    Without effect where images are not varied (`use_augmentations_train: false`, or `augmentation_config: null`)."""
    gradient_clip: Positive | None = None
    """Largest norm of the gradient; null: no bound."""
    accumulate: Count = 1
    """In how many parts, one after the other, the network sees each batch of `batch_size`: less memory, the same
    optimiser step, and one more forward pass. Must divide `batch_size`."""
    ema_decay: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Validate and keep a running mean of the weights: the part of it that stays at every step, such as 0.999; smaller
    in the first steps, so that the first weights are soon forgotten. null: the weights themselves."""
    max_minutes: Positive | None = None
    """Stop after so many minutes of training; null: never. Makes the result depend on the machine's speed."""
    max_steps: Count | None = None
    """Stop after so many optimiser steps; null: never."""
    checkpoint_minutes: Positive = 10.0
    """Minutes between the checkpoints from which an interrupted training goes on; never changes the result."""
    start_from: StartFrom | None = None
    """Weights of another model that the training starts from; null: none."""
    freeze: Literal["none", "encoder", "backbone"] = "none"
    """What of the network keeps its first weights: nothing, the encoder, or all but the heads."""
    tensorboard: bool = False
    """Whether losses and learning rate are also written for TensorBoard, to `work/train/…/tensorboard`."""


class Recipe(Section):
    """One model: data, network, training."""

    data_config: DataConfig = DataConfig()
    """Images and their variation."""
    network: Annotated[Network, Field(alias="model_config")]
    """Backbone and heads."""
    trainer_config: TrainerConfig = TrainerConfig()
    """Batches, optimiser, schedule, stop."""
    posewright: Own = Own()
    """What the peer's recipes cannot say."""
    set_aside: Annotated[tuple[str, ...], Field(exclude=True)] = ()
    """Keys of the file that mean nothing here (`posewright.config.sleap_nn` has the reasons)."""
    auto: Annotated[tuple[str, ...], Field(exclude=True)] = ()
    """Dotted places that say `auto`: until the plan's values are there, their defaults stand in."""

    @model_validator(mode="after")
    def _equal_parts(self, info: ValidationInfo) -> Self:
        if is_planned(info, "trainer_config.train_data_loader.batch_size"):
            return self
        parts, batch_size = self.posewright.accumulate, self.trainer_config.train_data_loader.batch_size
        if batch_size % parts:
            raise ValueError(
                f"posewright.accumulate {parts} does not divide the batch_size {batch_size} of train_data_loader"
            )
        return self

    @property
    def model_type(self) -> str:
        """The one head that is set, such as ``centroid``."""
        return chosen(self.network.head_configs)

    @property
    def backbone(self) -> str:
        """The one backbone that is set, such as ``unet``."""
        return chosen(self.network.backbone_config)

    @property
    def backbone_settings(self) -> UNet | ConvNeXt | SwinT:
        """The section of the backbone."""
        settings: UNet | ConvNeXt | SwinT = getattr(self.network.backbone_config, self.backbone)
        return settings

    @property
    def max_stride(self) -> int:
        """Input pixels per cell at the network's deepest level."""
        return self.backbone_settings.max_stride

    @property
    def augmentation(self) -> Augmentation | None:
        """How training images are varied; None for not at all."""
        return self.data_config.augmentation_config if self.data_config.use_augmentations_train else None

    @property
    def shift(self) -> float:
        """How far crops may be shifted to each side, as part of their side; 0 if so little that it needs no room."""
        varied = self.augmentation
        if varied is None or self.model_type not in OF_CROPS:
            return 0.0
        shift, moved = self.posewright.crop_jitter, varied.geometric
        shift += max(moved.translate_width, moved.translate_height) if moved is not None else 0.0
        return shift if shift > _LITTLE_SHIFT else 0.0

    @property
    def mirrors(self) -> bool:
        """Whether training shows mirror images."""
        varied = self.augmentation
        return varied is not None and varied.geometric is not None and varied.geometric.flip_p > 0

    def head_strides(self) -> dict[str, int]:
        """Return the output stride of each map of the model type; class vectors have none of their own."""
        head = getattr(self.network.head_configs, self.model_type)
        maps = {name: getattr(head, name) for name in type(head).model_fields if name != "class_vectors"}
        return {name: int(settings.output_stride) for name, settings in maps.items() if settings is not None}

    def to_json(self) -> dict[str, Any]:
        """Return the recipe with all defaults in the spelling of its file; `load_recipe` reads it back equal."""
        return put(self.model_dump(mode="json", by_alias=True), dict.fromkeys(self.auto, AUTO))

    def filled(self, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe with values at dotted places, of those that say ``auto``."""
        return load_recipe(put(self.to_json(), values))

    def science(self) -> dict[str, Any]:
        """Return the part that determines the weights: no workers, bars, kinds of device, or values always replaced.

        Several devices share a larger batch, so their number belongs to it. Other models that the training starts from
        do not, as paths say nothing: `start_files` names them.
        """
        tree = self.to_json()
        for path in _NOT_SCIENCE:
            _drop(tree, path.split("."))
        if self.trainer_config.trainer_devices not in (None, 1):
            tree["trainer_config"]["trainer_devices"] = self.trainer_config.trainer_devices
        tree["model_config"] |= {"pretrained_backbone_weights": None, "pretrained_head_weights": None}
        if not self.trainer_config.train_data_loader.shuffle:
            tree["posewright"]["order"] = "unshuffled"  # earlier trainings shuffled all the same
        for section, key, default in _LATER_KEYS:
            if tree[section][key] == default:
                del tree[section][key]
        if self.posewright.precision == "bfloat16":
            tree["posewright"]["points"] = "float32"  # earlier trainings drew their targets with bfloat16 too
        if self.model_type in ("multi_class_bottomup", "multi_class_topdown"):
            tree["posewright"]["identities"] = "beside"  # earlier trainings had other heads, or other first weights
        if self.posewright.max_steps is not None:
            tree["posewright"]["last_steps"] = "validated"  # earlier trainings left those of a part epoch unvalidated
        if self.shift:
            tree["posewright"]["shift"] = "surroundings"  # earlier trainings saw black where crops were shifted from
        if getattr(self.backbone_settings, "pre_trained_weights", None) is not None:
            tree["posewright"]["stem"] = "offset"  # of gray images earlier trainings knew one mean colour only
        backbone = tree["model_config"]["backbone_config"]
        heads = tree["model_config"]["head_configs"]
        tree["model_config"]["backbone_config"] = {self.backbone: backbone[self.backbone]}
        tree["model_config"]["head_configs"] = {self.model_type: heads[self.model_type]}
        return tree

    def start_files(self) -> list[tuple[str, str, StartParts]]:
        """Return (key, path, parts) of other models' weights that the training starts from, in order of loading."""
        network, start = self.network, self.posewright.start_from
        given: list[tuple[str, str | None, StartParts]] = [
            ("posewright.start_from", start.path if start else None, start.parts if start else "whole"),
            ("model_config.pretrained_backbone_weights", network.pretrained_backbone_weights, "backbone"),
            ("model_config.pretrained_head_weights", network.pretrained_head_weights, "head"),
        ]
        return [(key, path, parts) for key, path, parts in given if path is not None]

    def unavailable(self) -> list[tuple[str, str]]:
        """Return (key, value) of everything that parses but cannot be trained yet."""
        found = []
        if self.model_type not in _BUILT_TYPES:
            found.append((f"model_config.head_configs.{self.model_type}", "the model type"))
        settings = {**self._odd_backbone(), **self._odd_vectors()}
        return found + [(key, repr(value)) for key, value in settings.items() if value not in (None, False, 0.0)]

    def _odd_backbone(self) -> dict[str, Any]:
        """Return what a backbone cannot be yet; None where it is as it can be."""
        settings = self.backbone_settings
        place = f"model_config.backbone_config.{self.backbone}"
        kernel = {f"{place}.kernel_size": settings.kernel_size if settings.kernel_size % 2 == 0 else None}
        unet = self.network.backbone_config.unet
        if unet is None:
            return kernel
        return {
            **kernel,
            f"{place}.stem_stride": unet.stem_stride,
            f"{place}.middle_block": None if unet.middle_block else "false",
            f"{place}.stacks": unet.stacks if unet.stacks != 1 else None,
            f"{place}.convs_per_block": unet.convs_per_block if unet.convs_per_block < 2 else None,
        }

    def _odd_vectors(self) -> dict[str, Any]:
        """Return what class vectors cannot be yet."""
        head = self.network.head_configs.multi_class_topdown
        pooled = head is None or head.class_vectors.global_pool
        return {"model_config.head_configs.multi_class_topdown.class_vectors.global_pool": None if pooled else "false"}

    def require_trainable(self) -> None:
        """Refuse a recipe that uses what is not built yet."""
        found = self.unavailable()
        if found:
            keys = "; ".join(f"{key} ({value})" for key, value in found)
            raise InputError(f"The recipe uses what is not available yet in this version: {keys}.")

    def require_resolved(self) -> None:
        """Refuse a recipe with an ``auto`` that no plan has replaced."""
        if self.auto:
            raise InputError(f"The recipe leaves {', '.join(self.auto)} to the plan; give the dataset's plan.json.")


_NOT_SCIENCE = (
    "trainer_config.train_data_loader.num_workers",
    "trainer_config.val_data_loader.num_workers",
    "trainer_config.val_data_loader.shuffle",
    "trainer_config.trainer_accelerator",
    "trainer_config.trainer_devices",
    "trainer_config.enable_progress_bar",
    "trainer_config.use_wandb",
    "trainer_config.wandb",
    "posewright.tensorboard",
    "posewright.checkpoint_minutes",
    "posewright.accumulate",
    "posewright.start_from",
    "model_config.backbone_config.*.in_channels",
    "model_config.backbone_config.*.output_stride",
    "model_config.head_configs.*.*.part_names",
    "model_config.head_configs.*.*.edges",
    "model_config.head_configs.*.class_vectors.output_stride",
)
#: keys of later versions: recipes that do not use them keep the identity that they had without them
_LATER_KEYS = (
    ("posewright", "freeze", "none"),
    ("posewright", "compile", False),
    ("posewright", "ema_decay", None),
    ("data_config", "use_negative_frames", False),
    ("data_config", "negative_loss_weight", 1.0),
)


def _drop(tree: Any, path: list[str]) -> None:
    """Remove the keys a path names; ``*`` stands for every key of a map."""
    if not isinstance(tree, dict):
        return
    if len(path) == 1:
        tree.pop(path[0], None)
        return
    for part in list(tree) if path[0] == "*" else [path[0]]:
        _drop(tree.get(part), path[1:])


def load_recipe(source: Path | str | Mapping[str, Any]) -> Recipe:
    """Read a recipe from its YAML file, or from a map that was one; all faults are named at once."""
    where = "recipe" if isinstance(source, Mapping) else str(source)
    value = source if isinstance(source, Mapping) else read_yaml(Path(source))
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: a recipe is a map with data_config, model_config and trainer_config.")
    for key in ("set_aside", "auto"):
        if key in value:
            raise InputError(f"{where} key {key}: unknown key; remove it.")
    rest, found = without_set_aside(value)
    rest, auto = without_auto(Recipe, rest)
    return validate(Recipe, rest, where, auto).model_copy(update={"set_aside": found, "auto": auto})


def set_aside_notes(keys: Iterable[str]) -> list[str]:
    """Return one line for each reason why keys of a recipe were set aside, with the keys."""
    by_reason: dict[str, list[str]] = {}
    for key in keys:
        by_reason.setdefault(SET_ASIDE[key], []).append(key)
    return [f"{', '.join(found)}: set aside, {reason}." for reason, found in by_reason.items()]
