"""Schedules against their formulas, and averaged weights against a plain loop."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from tests.zoo import tiny
from zoo.member import Schedule
from zoo.optim import AveragedWeights, RateSchedule, make_optimizer, set_learning_rate


def rates(schedule: Schedule, epochs: int = 4, steps: int = 5) -> list[float]:
    recipe = replace(tiny.RECIPE, epochs=epochs, learning_rate=1.0, schedule=schedule)
    made = RateSchedule(recipe, steps)
    return [made.rate(step) for step in range(epochs * steps)]


def test_a_constant_rate_is_constant() -> None:
    assert set(rates(Schedule())) == {1.0}


def test_the_exponential_rate_is_cut_every_so_many_steps() -> None:
    made = rates(Schedule(kind="exponential", factor=0.5, every=8))
    assert made == [1.0] * 8 + [0.5] * 8 + [0.25] * 4


def test_the_cosine_warms_up_and_ends_near_zero() -> None:
    made = rates(Schedule(kind="cosine", warmup=1), epochs=4, steps=5)
    assert made[:5] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    expected = [0.5 * (1 + math.cos(math.pi * i / 15)) for i in range(15)]
    assert made[5:] == pytest.approx(expected)


def test_the_plateau_agrees_with_torch() -> None:
    losses = [1.0, 0.9, 0.95, 0.92, 0.91, 0.85, 0.9, 0.9, 0.9, 0.9, 0.84]
    schedule = Schedule(kind="plateau", factor=0.5, patience=2)
    ours = RateSchedule(replace(tiny.RECIPE, learning_rate=1.0, schedule=schedule), 1)
    weight = torch.nn.Parameter(torch.zeros(1))
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        (optimizer := torch.optim.SGD([weight], lr=1.0)), factor=0.5, patience=2, threshold=0.0
    )
    for loss in losses:
        ours.end_epoch(loss)
        theirs.step(loss)
        assert ours.rate(0) == optimizer.param_groups[0]["lr"]


def test_averaged_weights_follow_the_formula_and_swap_back() -> None:
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 2)
    average = AveragedWeights(network, 0.8)
    expected = network.weight.detach().clone()
    for step in range(1, 8):
        with torch.no_grad():
            network.weight.add_(torch.randn(2, 3))
        average.update()
        decay = min(0.8, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.weight.detach()
    live = network.weight.detach().clone()
    average.swap()
    torch.testing.assert_close(network.weight.detach(), expected)
    average.swap()
    assert torch.equal(network.weight.detach(), live)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "momentum", "nesterov", "adadelta"])
def test_every_optimizer_takes_a_new_rate(optimizer: str) -> None:
    recipe = replace(tiny.RECIPE, optimizer=optimizer)  # type: ignore[arg-type]
    made = make_optimizer([torch.nn.Parameter(torch.ones(2))], recipe, captured=False)
    set_learning_rate(made, 0.125)
    assert [group["lr"] for group in made.param_groups] == [0.125]
