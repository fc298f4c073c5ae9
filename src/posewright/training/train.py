"""Train one model: split and recipe to a model folder, resumable at every epoch."""

from __future__ import annotations

import logging
import os
import time
import warnings
from dataclasses import replace
from pathlib import Path

import lightning
import torch
import yaml
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, TQDMProgressBar
from torch import Tensor
from torch.utils.data import DataLoader

from posewright.config.recipe import Recipe
from posewright.config.stages import STAGE_VERSION
from posewright.files import atomic_path, digest_of, place, read_json, write_json, write_text
from posewright.labels.model import LabelSet
from posewright.model_types.plan import ModelPlan
from posewright.networks.network import build_network, initialise, load_pretrained
from posewright.networks.weights import weights_digest
from posewright.provenance import write_provenance
from posewright.samples.augment import Batch
from posewright.samples.dataset import Batches, TrainingOrder, in_order
from posewright.samples.store import FrameStore
from posewright.training.arithmetic import precision_of
from posewright.training.callbacks import TimeBudget, TrainingLog
from posewright.training.curves import draw_curves
from posewright.training.ema import RunningMean
from posewright.training.loggers import make_loggers
from posewright.training.module import PoseModule
from posewright.training.planning import make_plan, read_learnt, sources_for

_FILES = ("best.ckpt", "model.json", "training_config.yaml", "training_log.csv", "curves.png")


def train_model(recipe: Recipe, split: Path, store: Path, seed: int, work: Path, out: Path) -> None:
    """Train a model and write its folder.

    Everything unfinished lies in ``work/<key>``, keyed by what determines the weights: a training that was interrupted
    goes on from its last epoch, one that had finished is only placed again. ``out`` gets its files at the end.

    Args:
        recipe: what to train.
        split: folder with train.slp, val.slp and split.json.
        store: store.json of the decoded frames.
        seed: of weights, sample order and augmentation.
        work: folder for unfinished work, shared by trainings.
        out: the model folder.

    Raises:
        InputError: recipe and labels do not fit each other.
    """
    started = time.time()
    split_digest = read_json(split / "split.json")["digest"]
    determined = {
        "recipe": recipe.science(),
        "split": split_digest,
        "seed": seed,
        "stage": STAGE_VERSION["train_model"],
    }
    folder = work / digest_of(determined)[:16]
    if not (folder / "model.json").is_file():
        train, val = (read_learnt(recipe, split / f"{side}.slp") for side in ("train", "val"))
        frames = FrameStore(store)
        plan = make_plan(recipe, train, frames, seed, split_digest)
        _fit(plan, train, val, frames, folder)
    for name in _FILES:
        place(folder / name, out / name)
    write_provenance(
        out / "provenance.json",
        stage="train_model",
        inputs={"split": split_digest},
        params=determined,
        seed=seed,
        started=started,
        extra={"training": read_json(out / "model.json")["training"]},
    )


def _fit(plan: ModelPlan, train: LabelSet, val: LabelSet, store: FrameStore, folder: Path) -> None:
    """Run the training and leave the finished files in ``folder``, ``model.json`` last."""
    recipe = plan.recipe
    lightning.seed_everything(plan.seed, verbose=False)
    network = build_network(recipe, plan.model_type.heads, plan.preprocess.channels)
    initialise(network, "xavier" if recipe.network.init_weights == "xavier" else recipe.posewright.init)
    load_pretrained(network, recipe)
    train_loader, val_loader = _train_loader(plan, train, store), _val_loader(plan, val, store)
    parts = recipe.posewright.accumulate
    module = PoseModule(network, plan.model_type, recipe, plan.seed, len(train_loader) // parts)
    log = TrainingLog(folder / "training_log.csv")
    checkpoints = ModelCheckpoint(
        folder, "best-epoch", monitor="val/loss", save_last=True, enable_version_counter=False
    )
    budget = TimeBudget(log, recipe.posewright.max_minutes) if recipe.posewright.max_minutes else None
    stop = _early_stopping(recipe)
    mean = RunningMean(recipe.posewright.ema_decay) if recipe.posewright.ema_decay is not None else None
    loggers = make_loggers(recipe, folder)
    rate = LearningRateMonitor("epoch") if loggers else None
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # it advertises its own products
    shows_bar = recipe.trainer_config.enable_progress_bar and os.isatty(2)
    bar = TQDMProgressBar() if shows_bar else None
    trainer = lightning.Trainer(
        accelerator=recipe.trainer_config.trainer_accelerator,
        devices=1,
        precision=precision_of(recipe),
        accumulate_grad_batches=parts,
        max_epochs=recipe.trainer_config.max_epochs,
        max_steps=recipe.posewright.max_steps or -1,
        gradient_clip_val=recipe.posewright.gradient_clip,
        callbacks=[callback for callback in (mean, checkpoints, budget, stop, bar, log, rate) if callback is not None],
        plugins=[LightningEnvironment()],  # a Slurm step is no Lightning cluster: requeueing is the workflow's
        logger=loggers,
        log_every_n_steps=1,  # only epochs are logged; Lightning warns of short ones otherwise
        enable_progress_bar=shows_bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
    )
    last = folder / "last.ckpt"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*does not have many workers.*")  # the store is mapped: loading is a copy
        warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")  # that is resuming
        warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)  # lightning 2.6 on torch 2.14
        trainer.fit(
            module,
            train_loader,
            val_loader,
            ckpt_path=last if last.is_file() else None,
            weights_only=True,
        )
    weights = _best_weights(Path(checkpoints.best_model_path))
    training = {
        "steps": trainer.global_step,
        "epochs": len(log.rows),
        "seconds": log.rows[-1]["seconds"],
        "stopped_by": _stopped_by(trainer, recipe, budget, stop),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "val_loss": min(row["val/loss"] for row in log.rows),
        "train_samples": len(sources_for(plan.model_type, plan.preprocess, train, store)),
    }
    _write_model(replace(plan, weights_sha256=weights_digest(weights), training=training), weights, log, folder)


def _write_model(plan: ModelPlan, weights: dict[str, Tensor], log: TrainingLog, folder: Path) -> None:
    with atomic_path(folder / "best.ckpt") as temporary:
        torch.save({"state_dict": weights}, temporary)
    write_text(folder / "training_config.yaml", yaml.safe_dump(plan.recipe.to_json(), sort_keys=False))
    draw_curves(log.rows, folder / "curves.png")
    write_json(folder / "model.json", plan.to_json())


def _train_loader(plan: ModelPlan, labels: LabelSet, store: FrameStore) -> DataLoader[Batch]:
    settings = plan.recipe.trainer_config
    varied = plan.recipe.augmentation
    geometric = varied.geometric if varied else None
    # turning by 45 degrees and shrinking show the most of the source
    reach = 1.4143 / min(1.0, geometric.scale_min) if geometric else 1.1
    sources = sources_for(plan.model_type, plan.preprocess, labels, store, reach if varied else 1.0)
    jitter = plan.recipe.posewright.crop_jitter * sources.content.width if plan.preprocess.crop_size_px else 0.0
    batch_size = settings.train_data_loader.batch_size
    steps, parts = _steps_per_epoch(plan.recipe, len(sources)), plan.recipe.posewright.accumulate
    order = TrainingOrder(len(sources), batch_size, steps, plan.seed, parts)
    workers = settings.train_data_loader.num_workers
    return DataLoader(
        Batches(sources, varied, plan.seed, jitter),
        sampler=order,
        batch_size=None,
        num_workers=workers if isinstance(workers, int) else 2,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers not in (0, "auto") or workers == "auto",
    )


def _val_loader(plan: ModelPlan, labels: LabelSet, store: FrameStore) -> DataLoader[Batch]:
    sources = sources_for(plan.model_type, plan.preprocess, labels, store)
    keys = in_order(len(sources), plan.recipe.trainer_config.val_data_loader.batch_size)
    return DataLoader(Batches(sources, None, plan.seed), sampler=keys, batch_size=None)


def _steps_per_epoch(recipe: Recipe, n_samples: int) -> int:
    settings = recipe.trainer_config
    if settings.train_steps_per_epoch is not None:
        return settings.train_steps_per_epoch
    return max(settings.min_train_steps_per_epoch, -(-n_samples // settings.train_data_loader.batch_size))


def _early_stopping(recipe: Recipe) -> EarlyStopping | None:
    settings = recipe.trainer_config.early_stopping
    if settings is None or not settings.stop_training_on_plateau:
        return None
    return EarlyStopping("val/loss", min_delta=settings.min_delta, patience=settings.patience)


def _stopped_by(
    trainer: lightning.Trainer, recipe: Recipe, budget: TimeBudget | None, stop: EarlyStopping | None
) -> str:
    """Return plateau, max_minutes, max_steps or max_epochs; all but the first mean «not converged»."""
    if stop is not None and stop.stopped_epoch > 0:
        return "plateau"
    if budget is not None and budget.used_up:
        return "max_minutes"
    return "max_steps" if trainer.global_step == recipe.posewright.max_steps else "max_epochs"


def _best_weights(checkpoint: Path) -> dict[str, Tensor]:
    """Return the network's weights of a Lightning checkpoint, names without the module's prefix."""
    state: dict[str, Tensor] = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    return {name.removeprefix("network."): value.contiguous() for name, value in state.items()}
