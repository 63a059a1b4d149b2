"""What a captured step relies on: rehearsals leave no trace, graphs see new seeds and rates."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.zoo import tiny
from zoo.capture import undone
from zoo.catalogue import load_catalogue
from zoo.job import Data, Job, run_job
from zoo.member import Member, Recipe
from zoo.profiles import profile
from zoo.training import Images, Settings, Step, train

OPTIMIZERS = ("adam", "adamw", "sgd", "momentum", "nesterov", "adadelta")
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def moved(data: Images, device: str) -> Images:
    return Images(data.images.to(device), data.labels.to(device))


def make_step(
    recipe: Recipe, device: str = "cpu", settings: Settings | None = None
) -> tuple[torch.nn.Module, Step]:
    torch.manual_seed(0)
    network = tiny.build().to(device)
    data = moved(tiny.images(), device)
    return network, Step(network, recipe, data, 16, settings or Settings())


def take(step: Step, count: int, rate: float = 0.01) -> None:
    rows = torch.arange(16, device=step.loss.device)
    for i in range(count):
        step(rows + i, rate, 0.7)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_that_are_undone_leave_no_trace(optimizer: Any) -> None:
    ends = []
    for rehearsals in (0, 3):
        network, step = make_step(replace(tiny.EVERYTHING, optimizer=optimizer))
        with undone(network, step.optimizer, [step.loss, step.correct]):
            take(step, rehearsals, rate=0.5)
        take(step, 4)
        ends.append([*network.state_dict().values(), step.loss, step.correct])
    assert all(torch.equal(one, other) for one, other in zip(*ends, strict=True))


@on_gpu
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_captured_step_does_what_calling_it_does(optimizer: Any) -> None:
    losses = []
    for capture in (False, True):
        recipe = replace(tiny.EVERYTHING, optimizer=optimizer)
        _, step = make_step(recipe, "cuda", Settings(capture=capture))
        torch.manual_seed(3)
        take(step, 2)
        take(step, 3, rate=0.002)
        losses.append(float(step.loss))
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


@on_gpu
def test_a_captured_step_in_two_parts_does_what_calling_it_does() -> None:
    losses = []
    for capture in (False, True):
        _, step = make_step(tiny.RECIPE, "cuda", Settings(capture=capture, accumulate=2))
        torch.manual_seed(3)
        take(step, 5)
        losses.append(float(step.loss))
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


@on_gpu
def test_replays_draw_what_the_seed_before_them_says() -> None:
    _, step = make_step(tiny.EVERYTHING, "cuda")
    losses = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        step.loss.zero_()
        take(step, 1, rate=0.0)
        losses.append(float(step.loss))
    assert losses[0] == pytest.approx(losses[2], rel=1e-4)
    assert losses[0] != pytest.approx(losses[1], rel=1e-4)


@on_gpu
@pytest.mark.slow
@pytest.mark.parametrize("member", load_catalogue().members, ids=lambda member: member.name)
def test_every_member_can_be_captured(member: Member) -> None:
    recipe = profile("quick").recipe(member)
    network = member.build(0.25).to("cuda")
    torch.backends.cudnn.benchmark = False
    data = moved(tiny.images(), "cuda")
    step = Step(network.to(memory_format=torch.channels_last), recipe, data, 16, Settings())
    take(step, 3, rate=1e-4)
    assert np.isfinite(float(step.loss))


@on_gpu
def test_exact_repeats_are_bit_equal_and_the_memory_of_a_member_is_freed() -> None:
    member = load_catalogue().member("deep-c")
    recipe = replace(profile("quick").recipe(member), epochs=2, batch_size=32)
    training, test = tiny.images(140), tiny.images(70, 1)
    data = Data(
        train_images=training.images.numpy(),
        train_labels=training.labels.numpy(),
        validation_images=test.images.numpy(),
        validation_labels=test.labels.numpy(),
        test_images=test.images.numpy(),
    )

    def logits(exact: bool) -> np.ndarray[Any, Any]:
        job = Job(member=member, recipe=recipe, width=0.25, seed=0, device="cuda", exact=exact)
        return run_job(job, data).logits["test"]

    assert np.array_equal(logits(exact=True), logits(exact=True))
    logits(exact=False)
    held = torch.cuda.memory_allocated()
    for _ in range(2):
        logits(exact=False)
    assert torch.cuda.memory_allocated() <= held


@on_gpu
def test_a_resumed_captured_training_ends_near_an_undisturbed_one() -> None:
    class Memory:
        state: dict[str, Any] | None = None

        def load(self) -> dict[str, Any] | None:
            return self.state

        def save(self, state: dict[str, Any]) -> None:
            if len(state["history"]) == 2:
                self.state = copy.deepcopy(state)

    def figure(checkpoint: Memory) -> float:
        torch.manual_seed(5)
        network = tiny.build().to("cuda")
        parts = [moved(part, "cuda") for part in (tiny.images(), tiny.images(70, 1))]
        recipe = replace(tiny.EVERYTHING, epochs=4)
        done = train(network, recipe, *parts, seed=0, checkpoint=checkpoint)
        return done.history[-1].train_loss

    checkpoint = Memory()
    whole = figure(checkpoint)
    assert figure(checkpoint) == pytest.approx(whole, rel=0.02)
