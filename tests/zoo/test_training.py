"""The training loop: deterministic, resumable to the bit, and every part of a recipe matters."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from tests.zoo import tiny
from zoo.member import Augmentation, Balance, Recipe, Schedule
from zoo.run_state import EpochResult
from zoo.training import (
    Images,
    Settings,
    Trained,
    TrainingError,
    balanced,
    class_weights,
    evaluate,
    train,
)


def trained(
    recipe: Recipe = tiny.RECIPE, seed: int = 0, **options: Any
) -> tuple[Trained, dict[str, torch.Tensor]]:
    torch.manual_seed(5)
    network = tiny.build()
    done = train(network, recipe, tiny.images(), tiny.images(30, 1), seed=seed, **options)
    return done, network.state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def figures(history: tuple[EpochResult, ...]) -> list[EpochResult]:
    return [replace(result, seconds=0.0) for result in history]


@pytest.mark.parametrize("recipe", [tiny.RECIPE, tiny.EVERYTHING], ids=["plain", "everything"])
def test_same_seed_same_bits_and_another_seed_others(recipe: Recipe) -> None:
    first, weights = trained(recipe)
    second, again = trained(recipe)
    _, others = trained(recipe, seed=1)
    assert same(weights, again)
    assert figures(first.history) == figures(second.history)
    assert not same(weights, others)


def test_it_learns() -> None:
    recipe = replace(tiny.RECIPE, epochs=30, learning_rate=0.02)
    done, _ = trained(recipe)
    assert done.history[-1].val_accuracy > 0.6
    assert done.history[-1].train_loss < done.history[0].train_loss


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "momentum", "nesterov", "adadelta"])
@pytest.mark.parametrize("stop", [1, 2])
def test_a_resumed_training_ends_with_the_bits_of_an_undisturbed_one(
    optimizer: Any, stop: int
) -> None:
    recipe = replace(
        tiny.EVERYTHING,
        optimizer=optimizer,
        epochs=4,
        schedule=Schedule(kind="plateau", factor=0.5, patience=0),
    )

    class Interrupting:
        state: dict[str, Any] | None = None

        def load(self) -> dict[str, Any] | None:
            return self.state

        def save(self, state: dict[str, Any]) -> None:
            if self.state is None and len(state["history"]) == stop:
                self.state = copy.deepcopy(state)
                raise KeyboardInterrupt

    whole, weights = trained(recipe)
    checkpoint = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        trained(recipe, checkpoint=checkpoint)
    resumed, again = trained(recipe, checkpoint=checkpoint)
    assert resumed.resumed_from == stop
    assert same(weights, again)
    assert figures(whole.history) == figures(resumed.history)


@pytest.mark.parametrize(
    "change",
    [
        {"augmentation": Augmentation(flip=True)},
        {"augmentation": Augmentation(rotation=10)},
        {"augmentation": Augmentation(shift=0.1)},
        {"augmentation": Augmentation(scale=(0.8, 1.2))},
        {"augmentation": Augmentation(brightness=0.2)},
        {"augmentation": Augmentation(contrast=0.2)},
        {"augmentation": Augmentation(erasing=1.0)},
        {"label_smoothing": 0.1},
        {"mixup": 0.4},
        {"ema": 0.9},
        {"weight_decay": 0.01},
        {"pixels": "unit"},
        {"crop": 40},
        {"resize": 32},
        {"batch_size": 8},
        {"balance": Balance(copies=1, augmentation=Augmentation(rotation=10))},
        {"schedule": Schedule(kind="exponential", factor=0.5, every=2)},
        {"schedule": Schedule(kind="cosine", warmup=1)},
    ],
    ids=str,
)
def test_every_part_of_a_recipe_changes_the_weights(change: dict[str, Any]) -> None:
    _, plain = trained(replace(tiny.RECIPE, epochs=2))
    _, changed = trained(replace(tiny.RECIPE, epochs=2, **change))
    assert not same(plain, changed)


def test_class_weights_are_scikit_learns_balanced_ones() -> None:
    labels = torch.tensor([0] * 9 + [1] * 3 + [2, 3, 4, 5, 6, 6])
    expected = compute_class_weight("balanced", classes=np.arange(7), y=labels.numpy())
    np.testing.assert_allclose(class_weights(labels).numpy(), expected, rtol=1e-6)


def test_early_stopping_ends_and_keeps_the_last_weights() -> None:
    recipe = replace(tiny.RECIPE, epochs=50, learning_rate=3.0, early_stopping=2)
    done, _ = trained(recipe)
    losses = [result.val_loss for result in done.history]
    assert len(losses) < 50
    assert losses.index(min(losses)) == len(losses) - 3


def test_a_loss_that_is_not_finite_is_one_clear_sentence() -> None:
    with pytest.raises(TrainingError) as caught:
        trained(replace(tiny.RECIPE, optimizer="sgd", learning_rate=math.inf))
    assert str(caught.value) == (
        "the loss is not finite in epoch 1: a smaller learning rate than inf is needed"
    )


def test_accumulated_gradients_are_those_of_the_whole_batch() -> None:
    """Without batch statistics and random draws a batch in two parts is the same step."""
    recipe = replace(tiny.RECIPE, optimizer="sgd", epochs=1, learning_rate=0.1)
    ends = []
    for parts in (1, 2):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48 * 48, 7))
        data = tiny.images()
        train(network, recipe, data, data, seed=0, settings=Settings(accumulate=parts))
        ends.append(network[1].weight.detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-4, atol=1e-6)


def test_the_balanced_set_has_as_many_of_each_class_and_the_copies() -> None:
    labels = torch.tensor([0] * 20 + [1] * 5 + [3] * 9)
    pixels = torch.randint(0, 255, (34, 48, 48), dtype=torch.uint8)
    how = Balance(copies=10, augmentation=Augmentation(flip=True, rotation=15))
    made = balanced(Images(pixels, labels), how, seed=3)
    assert torch.bincount(made.labels).tolist() == [55, 55, 0, 55]
    assert made.images.dtype == torch.uint8
    again = balanced(Images(pixels, labels), how, seed=3)
    assert torch.equal(made.images, again.images)
    originals = {tuple(image.flatten().tolist()) for image in pixels}
    assert all(tuple(image.flatten().tolist()) in originals for image in made.images[:15])


def test_evaluation_agrees_with_torch_over_ragged_batches() -> None:
    torch.manual_seed(0)
    network, data = tiny.build(), tiny.images(1100)
    accuracy, loss = evaluate(network, tiny.RECIPE, data, Settings())
    network.eval()
    with torch.no_grad():
        pixels = (data.images.unsqueeze(1).float() / 255 - 0.5077) / 0.2550
        logits = network(pixels)
    expected = torch.nn.functional.cross_entropy(logits, data.labels)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    assert float(accuracy) == pytest.approx(float((logits.argmax(1) == data.labels).float().mean()))
    assert network.training is False


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_captured_training_ends_near_an_eager_one() -> None:
    """Graphs change the order of sums, not the figures: within the spread over seeds."""
    device = torch.device("cuda")

    def figure(seed: int, exact: bool) -> float:
        torch.manual_seed(seed)
        network = tiny.build().to(device)
        parts = [
            Images(part.images.to(device), part.labels.to(device))
            for part in (tiny.images(700), tiny.images(300, 1))
        ]
        recipe = replace(tiny.RECIPE, epochs=20, learning_rate=0.02)
        done = train(network, recipe, *parts, seed=seed, settings=Settings(exact=exact))
        return done.history[-1].val_accuracy

    eager = [figure(seed, True) for seed in range(4)]
    captured = [figure(seed, False) for seed in range(4)]
    spread = max(eager) - min(eager)
    assert abs(sum(captured) - sum(eager)) / 4 <= spread + 0.02
