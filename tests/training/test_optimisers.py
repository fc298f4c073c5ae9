"""The learning rate is a closed form of the time in epochs; the optimiser is the one that the recipe names."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn, optim

from posewright.config.trainer import TrainerConfig
from posewright.training.optimisers import make_optimiser, make_schedule

STEPS = 5  #: an epoch


def settings(**trainer: Any) -> TrainerConfig:
    return TrainerConfig.model_validate({"optimizer": {"lr": 0.02}, "max_epochs": 12, **trainer})


def rates(trainer: TrainerConfig, n_steps: int, again_at: int | None = None) -> list[float]:
    """Return the rate before each step; at one of them optimiser and schedule are made anew from their state."""
    parameters = [nn.Parameter(torch.zeros(1))]
    optimiser = make_optimiser(parameters, trainer)
    made = make_schedule(optimiser, trainer, STEPS)
    assert made is not None
    assert made["interval"] == "step"
    found = []
    for step in range(n_steps):
        if step == again_at:
            states = torch_round_trip([optimiser.state_dict(), made["scheduler"].state_dict()])
            optimiser = make_optimiser(parameters, trainer)
            made = make_schedule(optimiser, trainer, STEPS)
            assert made is not None
            optimiser.load_state_dict(states[0])
            made["scheduler"].load_state_dict(states[1])
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        made["scheduler"].step()
    return found


def torch_round_trip(value: Any) -> Any:
    """Return what a checkpoint keeps of a value."""
    import io

    stream = io.BytesIO()
    torch.save(value, stream)
    stream.seek(0)
    return torch.load(stream, weights_only=True)


@pytest.mark.parametrize("again_at", [None, 7, 33])
@pytest.mark.parametrize("last", [None, 9])
def test_cosine_annealing_with_warm_up(last: int | None, again_at: int | None) -> None:
    schedule = {"warmup_epochs": 3, "max_epochs": last, "warmup_start_lr": 0.001, "eta_min": 0.0005}
    found = rates(settings(lr_scheduler={"cosine_annealing_warmup": schedule}), 14 * STEPS, again_at)
    for step, rate in enumerate(found):
        epoch = step / STEPS
        part = min(1.0, (epoch - 3) / ((last or 12) - 3))
        expected = 0.001 + 0.019 * epoch / 3 if epoch < 3 else 0.0005 + 0.0195 * (1 + math.cos(math.pi * part)) / 2
        assert rate == pytest.approx(expected), step


@pytest.mark.parametrize("again_at", [None, 7, 33])
def test_linear_decay_with_warm_up(again_at: int | None) -> None:
    schedule = {"warmup_epochs": 2, "end_lr": 0.001}
    found = rates(settings(lr_scheduler={"linear_warmup_linear_decay": schedule}), 14 * STEPS, again_at)
    assert found[0] == 0.0
    assert found[2 * STEPS] == pytest.approx(0.02)
    for step, rate in enumerate(found):
        epoch = step / STEPS
        expected = 0.02 * epoch / 2 if epoch < 2 else 0.02 - 0.019 * min(1.0, (epoch - 2) / 10)
        assert rate == pytest.approx(expected), step


def test_without_warm_up_the_fall_begins_at_once() -> None:
    found = rates(settings(lr_scheduler={"cosine_annealing_warmup": {"warmup_epochs": 0}}), 2)
    assert found[0] == pytest.approx(0.02)
    assert found[1] < found[0]


def test_of_several_schedules_the_first_counts() -> None:
    both = {"linear_warmup_linear_decay": {}, "cosine_annealing_warmup": {"warmup_start_lr": 0.003}, "step_lr": {}}
    assert rates(settings(lr_scheduler=both), 1) == [pytest.approx(0.003)]


def test_steps_lower_the_rate_every_few_epochs() -> None:
    trainer = settings(lr_scheduler={"step_lr": {"step_size": 3, "gamma": 0.5}})
    optimiser = make_optimiser([nn.Parameter(torch.zeros(1))], trainer)
    made = make_schedule(optimiser, trainer, STEPS)
    assert made is not None
    assert made.get("interval", "epoch") == "epoch"  # Lightning's default
    for epoch in range(10):
        assert optimiser.param_groups[0]["lr"] == pytest.approx(0.02 * 0.5 ** (epoch // 3))
        optimiser.step()
        made["scheduler"].step()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [  # the loss gains a thousandth in each of ten epochs; how often the rate was halved by then
        ({}, [0, 0, 0, 1, 1, 1, 1, 1, 2, 2]),  # the first sets the mark, two are borne, two rest after a step
        ({"patience": 0}, [0, 1, 1, 1, 2, 2, 2, 3, 3, 3]),
        ({"cooldown": 0}, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]),
        ({"min_lr": 0.01}, [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]),
        ({"factor": 0.25}, [0, 0, 0, 2, 2, 2, 2, 2, 4, 4]),
        ({"threshold": 0.0035}, [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]),  # four epochs gain more than that
        ({"threshold": 0.0035, "threshold_mode": "rel"}, [0] * 10),  # two are enough
    ],
)
def test_a_plateau_lowers_the_rate(changed: dict[str, Any], expected: list[int]) -> None:
    keys = {"factor": 0.5, "patience": 2, "threshold": 0.1, "threshold_mode": "abs", "cooldown": 2, "min_lr": 0.0}
    trainer = settings(lr_scheduler={"reduce_lr_on_plateau": {**keys, **changed}})
    optimiser = make_optimiser([nn.Parameter(torch.zeros(1))], trainer)
    made = make_schedule(optimiser, trainer, STEPS)
    assert made is not None and made["monitor"] == "val/loss"
    halvings = []
    for epoch in range(10):
        made["scheduler"].step(0.5 - 0.001 * epoch)
        halvings.append(round(-math.log2(optimiser.param_groups[0]["lr"] / 0.02)))
    assert halvings == expected


def test_without_a_schedule_the_rate_stays() -> None:
    trainer = settings(lr_scheduler=None)
    assert make_schedule(make_optimiser([nn.Parameter(torch.zeros(1))], trainer), trainer, STEPS) is None


@pytest.mark.parametrize(("name", "kind"), [("Adam", optim.Adam), ("AdamW", optim.AdamW)])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_the_optimiser_is_the_named_one(name: str, kind: type[optim.Optimizer], amsgrad: bool) -> None:
    """AMSGrad divides by the largest second moment so far, so that after a large gradient it steps less."""
    parameter = nn.Parameter(torch.zeros(1))
    trainer = settings(optimizer_name=name, optimizer={"lr": 0.02, "amsgrad": amsgrad})
    optimiser = make_optimiser([parameter], trainer)
    assert type(optimiser) is kind
    for gradient in (100.0, *([1.0] * 3000)):
        parameter.grad = torch.tensor([gradient])
        before = float(parameter.detach())
        optimiser.step()
    moved = abs(float(parameter.detach()) - before)
    assert moved < 0.01 if amsgrad else moved > 0.01
