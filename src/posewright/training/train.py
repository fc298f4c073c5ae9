"""Train one model: split and recipe to a model folder, resumable at every step."""

from __future__ import annotations

import gc
import logging
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import lightning
import torch
import yaml
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import EarlyStopping, TQDMProgressBar
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor

from posewright.config.recipe import Recipe
from posewright.config.stages import STAGE_VERSION
from posewright.deadline import Deadline
from posewright.discretion import publishable
from posewright.effort import Effort, Journal
from posewright.errors import InputError, Interrupted
from posewright.files import atomic_path, digest_of, place, read_json, write_json, write_text
from posewright.first_weights import first_weights_identity
from posewright.labels.model import LabelSet
from posewright.lease import Lease
from posewright.model_types.plan import ModelPlan
from posewright.networks.network import build_network, initialise, load_pretrained
from posewright.networks.weights import weights_digest
from posewright.samples.store import FrameStore
from posewright.training.arithmetic import precision_of
from posewright.training.callbacks import StepBudget, TimeBudget, TrainingLog
from posewright.training.candidates import IMPROVED, Candidate, KeptEpochs, write_candidates
from posewright.training.candidates import NAME as CANDIDATES
from posewright.training.checkpoints import BEST, LAST, Checkpoints
from posewright.training.curves import draw_curves
from posewright.training.devices import device_count, end_other_processes, local_rank
from posewright.training.ema import RunningMean
from posewright.training.interruption import StopRequest
from posewright.training.loaders import train_loader, val_loader
from posewright.training.loggers import SendRows, make_loggers
from posewright.training.memory import MicroBatch, is_out_of_memory
from posewright.training.module import PoseModule
from posewright.training.plan_text import spelled
from posewright.training.planning import make_plan, read_learnt, sources_for
from posewright.training.proposal import Proposal
from posewright.training.recipe_plan import resolved
from posewright.training.refit import Refit, all_labels
from posewright.training.start_weights import freeze, load_first_weights

_FILES = ("best.ckpt", "model.json", "training_config.yaml", "training_log.csv", "curves.png")


@dataclass(frozen=True)
class _Task:
    """A training that is not finished yet.

    Attributes:
        plan: what is trained.
        train: labels that are learnt.
        val: labels that weights are chosen by.
        store: their decoded frames.
        folder: where everything unfinished lies.
        n_devices: devices that share each batch.
        stop: whether a signal asked for the end.
        refit: what is taken over from the evaluated training; None for an evaluated one.
        candidates: whether weights of other epochs are kept besides those of lowest loss.
    """

    plan: ModelPlan
    train: LabelSet
    val: LabelSet
    store: FrameStore
    folder: Path
    n_devices: int
    stop: StopRequest
    refit: Refit | None
    candidates: bool


def train_model(
    recipe: Recipe,
    split: Path,
    store: Path,
    seed: int,
    work: Path,
    out: Path,
    plan: Path | None = None,
    refit: Refit | None = None,
    candidates: bool = False,
) -> Effort | None:
    """Train a model, write its folder, and return what it cost over all jobs that worked on it.

    Everything unfinished lies in ``work/<key>``, keyed by what determines the weights: a training that was interrupted
    goes on from its last checkpoint, one that had finished is only placed again, and of several copies one trains and
    the others wait for it (under Slurm, in the queue). ``out`` gets its files at the end. Where the recipe asks for
    several devices, Lightning starts this script again for each of them but the first.

    Args:
        recipe: what to train.
        split: folder with train.slp, val.slp and split.json.
        store: store.json of the decoded frames.
        seed: of weights, sample order and augmentation.
        work: folder for unfinished work, shared by trainings.
        out: the model folder.
        plan: ``plan.json`` of the split, for a recipe that says ``auto``. Values decide the weights, reasons do not:
            the same recipe written out trains to the same weights, and finds them where this one left them.
        refit: train on the labels of all sides, and end as the evaluated training did.
        candidates: keep the weights of several epochs besides, as ``candidates.ckpt`` (see `candidates`). They do not
            change the others.

    Raises:
        InputError: recipe and labels do not fit each other, or the recipe and this machine.
        Interrupted: a signal asked for the end; `OutOfTime`, the end of the Slurm job is near.
    """
    recipe, chosen = resolved(recipe, plan)
    n_devices = device_count(recipe.trainer_config)
    split_digest = read_json(split / "split.json")["digest"]
    begins = first_weights_identity(recipe)
    determined = {
        "recipe": recipe.science(),
        "split": split_digest,
        "seed": seed,
        "stage": STAGE_VERSION["train_model"],
        **({"first_weights": begins} if begins else {}),
        **({"devices": n_devices} if n_devices > 1 else {}),
        **({"refit": refit.to_json()} if refit is not None else {}),
        **({"candidates": IMPROVED} if candidates else {}),
    }
    folder = work / digest_of(determined)[:16]
    stop = StopRequest()

    def fit() -> None:
        train, val = (read_learnt(recipe, split / f"{side}.slp") for side in ("train", "val"))
        if refit is not None:
            train = all_labels(recipe, split)  # the frames of val are learnt too: their loss says nothing any more
        frames = FrameStore(store)
        try:
            made = make_plan(recipe, train, frames, seed, split_digest)
        except InputError as fault:  # another fold or part may do
            raise InputError(f"{split}: {fault}") from fault
        _fit_in_memory(_Task(made, train, val, frames, folder, n_devices, stop, refit, candidates))

    with stop.listening():
        if local_rank() > 0:
            with suppress(Interrupted):  # the first process says it, and its exit code counts
                fit()
            return None
        deadline = Deadline(on_near=stop.ask_to_go_on_later)
        with Lease(folder / "lease.json", on_loss=deadline.bring_near).held(), deadline.watched():
            journal = Journal(folder / "attempts.jsonl")
            if not (folder / "model.json").is_file():
                with journal.attempt(resumes=(folder / LAST).is_file()):
                    fit()
            for name in (*_FILES, *([CANDIDATES] if candidates else [])):
                place(folder / name, out / name)
            if chosen:
                _tell_plan(chosen, out)
    return journal.total()


def _fit_in_memory(task: _Task) -> None:
    """Run the training; where memory runs out, go on from the last checkpoint with smaller parts of a batch."""
    settings = task.plan.recipe.trainer_config
    largest = max(settings.train_data_loader.batch_size, settings.val_data_loader.batch_size)
    parts = task.plan.recipe.posewright.accumulate
    at_first = settings.train_data_loader.batch_size // parts if parts > 1 else None
    micro_batch = MicroBatch.remembered(task.folder, largest, at_first)
    while True:
        try:
            _fit(task, micro_batch.most)
            return
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            micro_batch = micro_batch.halved()
            if task.n_devices > 1 and local_rank() > 0:
                raise  # by a bad end, by which Lightning notices it
        if task.n_devices > 1:
            raise Interrupted("the processes of several devices cannot go on with less; start the training again")
        gc.collect()  # what the failed run held
        torch.cuda.empty_cache()


def _fit(task: _Task, micro_batch: int | None) -> None:
    """Run the training, at most ``micro_batch`` samples at once, and leave the finished files, ``model.json`` last."""
    plan, folder, n_devices = task.plan, task.folder, task.n_devices
    recipe = plan.recipe
    lightning.seed_everything(plan.seed, verbose=False)
    network = build_network(recipe, plan.model_type.heads, plan.preprocess.channels)
    initialise(network, "xavier" if recipe.network.init_weights == "xavier" else recipe.posewright.init)
    load_pretrained(network, recipe)
    load_first_weights(network, recipe)
    freeze(network, recipe)
    batches, order = train_loader(plan, task.train, task.store, local_rank(), n_devices)
    rates = task.refit.rates if task.refit is not None else ()
    module = PoseModule(network, plan.model_type, recipe, plan.seed, len(order), micro_batch, rates)
    log = TrainingLog(folder / "training_log.csv")
    kept = KeptEpochs(folder) if task.candidates else None
    keeps_last = task.refit is not None
    checkpoints = Checkpoints(folder, recipe.posewright.checkpoint_minutes, order, task.stop, keeps_last, kept)
    budget = TimeBudget(log, recipe.posewright.max_minutes) if recipe.posewright.max_minutes else None
    steps, plateau, rows = StepBudget(), _early_stopping(recipe), SendRows(log)
    mean = RunningMean(recipe.posewright.ema_decay) if recipe.posewright.ema_decay is not None else None
    loggers = make_loggers(recipe, folder) if local_rank() == 0 else []
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # it advertises its own products
    shows_bar = recipe.trainer_config.enable_progress_bar and os.isatty(2)
    bar = TQDMProgressBar() if shows_bar else None
    strategy = DDPStrategy(broadcast_buffers=False) if n_devices > 1 else "auto"  # no buffer of ours ever changes
    last = folder / LAST
    with _without_advice():
        trainer = lightning.Trainer(
            accelerator=recipe.trainer_config.trainer_accelerator,
            devices=n_devices,
            strategy=strategy,
            use_distributed_sampler=False,
            precision=precision_of(recipe),
            max_epochs=recipe.trainer_config.max_epochs,
            max_steps=recipe.posewright.max_steps or -1,
            gradient_clip_val=recipe.posewright.gradient_clip,
            callbacks=[one for one in (mean, checkpoints, steps, budget, plateau, bar, log, rows) if one is not None],
            plugins=[LightningEnvironment()],  # a Slurm step is no Lightning cluster: requeueing is the workflow's
            logger=loggers,
            log_every_n_steps=1,  # only epochs are logged; Lightning warns of short ones otherwise
            enable_checkpointing=True,
            enable_progress_bar=shows_bar,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=folder,
        )
        try:
            trainer.fit(
                module,
                batches,
                val_loader(plan, task.val, task.store),
                ckpt_path=last if last.is_file() else None,
                weights_only=True,
            )
        except BaseException:
            end_other_processes(trainer)
            raise
    if not trainer.is_global_zero:
        return
    losses = [row["val/loss"] for row in log.rows if math.isfinite(row["val/loss"])]
    if not losses and task.refit is None:
        raise InputError(
            f"val/loss was a number after none of the {len(log.rows)} epochs; lower the learning rate "
            "(trainer_config.optimizer.lr) or set posewright.gradient_clip"
        )
    weights = _network_weights(folder / BEST)
    training = {
        "steps": trainer.global_step,
        "epochs": len(log.rows),
        "seconds": log.rows[-1]["seconds"],
        "stopped_by": _stopped_by(trainer, recipe, budget, plateau),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "val_loss": min(losses, default=None),
        "train_samples": len(sources_for(plan.model_type, plan.preprocess, task.train, task.store)),
        "micro_batch": min(micro_batch or math.inf, recipe.trainer_config.train_data_loader.batch_size),
        "devices": n_devices,
    }
    if task.refit is not None:
        training |= {"refit": task.refit.to_json(), "stopped_by": "refit", "val_loss": None}
    if kept is not None:
        write_candidates(_candidates(kept, log), folder / CANDIDATES)
    _write_model(replace(plan, weights_sha256=weights_digest(weights), training=training), weights, log, folder)
    if kept is not None:
        kept.clear()


def _candidates(kept: KeptEpochs, log: TrainingLog) -> Iterator[Candidate]:
    """Yield the weights that were kept, with what the log says of their epochs."""
    for epoch in kept.epochs():
        row = next(row for row in log.rows if row["epoch"] == epoch)
        yield Candidate(epoch, int(row["step"]), float(row["val/loss"]), _network_weights(kept.path(epoch)))


def _write_model(plan: ModelPlan, weights: dict[str, Tensor], log: TrainingLog, folder: Path) -> None:
    with atomic_path(folder / "best.ckpt") as temporary:
        torch.save({"state_dict": weights}, temporary)
    write_text(folder / "training_config.yaml", yaml.safe_dump(publishable(plan.recipe.to_json()), sort_keys=False))
    draw_curves(log.rows, folder / "curves.png")
    write_json(folder / "model.json", publishable(plan.to_json()))


def _tell_plan(chosen: Sequence[Proposal], out: Path) -> None:
    """Write beside a model what the plan chose for it, and why."""
    write_json(out / "model.json", {**read_json(out / "model.json"), "plan": [one.to_json() for one in chosen]})
    config = out / "training_config.yaml"
    notes = [f"# {one.key}: {spelled(one.value)}, as planned. {one.reason}\n" for one in chosen]
    write_text(config, "".join(notes) + config.read_text(encoding="utf-8"))


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep Lightning's advice that does not fit to itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*`srun` command is available.*")  # where to run is the workflow's to say
        warnings.filterwarnings("ignore", ".*does not have many workers.*")  # the store is mapped: loading is a copy
        warnings.filterwarnings("ignore", ".*your dataloader is not resumable.*")  # its order is, see Checkpoints
        warnings.filterwarnings("ignore", ".*in eval mode at the start of training.*")  # that is what freezing means
        warnings.filterwarnings("ignore", ".*sync_dist=True.*")  # every device validates on everything
        warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)  # lightning 2.6 on torch 2.14
        yield


def _early_stopping(recipe: Recipe) -> EarlyStopping | None:
    settings = recipe.trainer_config.early_stopping
    if settings is None or not settings.stop_training_on_plateau:
        return None
    # a loss that is no number is no better than the ones before, and no reason to call a training converged
    return EarlyStopping("val/loss", min_delta=settings.min_delta, patience=settings.patience, check_finite=False)


def _stopped_by(
    trainer: lightning.Trainer, recipe: Recipe, budget: TimeBudget | None, stop: EarlyStopping | None
) -> str:
    """Return plateau, max_minutes, max_steps or max_epochs; all but the first mean «not converged»."""
    if stop is not None and stop.stopped_epoch > 0:
        return "plateau"
    if budget is not None and budget.used_up:
        return "max_minutes"
    return "max_steps" if trainer.global_step == recipe.posewright.max_steps else "max_epochs"


def _network_weights(checkpoint: Path) -> dict[str, Tensor]:
    """Return the network's weights of a Lightning checkpoint, names without the module's prefix."""
    state: dict[str, Tensor] = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    return {name.removeprefix("network."): value.contiguous() for name, value in state.items()}
