"""The one training loop, for CPU and GPU, for every member.

The training images lie on the device as uint8 (66 MB for FER2013, a quarter of float32); a batch
is one gather, augmented on the device. On a GPU the step runs in bf16 and channels_last and is
captured as a CUDA graph; the host waits for the device once an epoch. On a CPU the same step is
called eagerly in float32, and the same seed gives the same bits.

What is reported are the last weights, or their exponential average where the recipe asks for it,
never the weights of the best epoch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.augment import augment, normalise, to_pixels
from zoo.capture import capture_step
from zoo.inference import BATCH
from zoo.member import CLASSES, Balance, Recipe
from zoo.optim import AveragedWeights, RateSchedule, make_optimizer, set_learning_rate
from zoo.run_state import EpochResult, Run


class TrainingError(Exception):
    """Training that cannot go on (a loss that is not a number). One sentence for the user."""


@dataclass(frozen=True, eq=False)
class Images:
    """images: uint8 (N, 48, 48). labels: int64 (N,). Both on the device that trains."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


class Checkpoint(Protocol):
    """Where the state of an unfinished training is kept."""

    def load(self) -> dict[str, Any] | None:
        """The newest whole state, or None."""
        ...

    def save(self, state: dict[str, Any]) -> None:
        """Keep `state` durably."""
        ...


@dataclass(frozen=True)
class Settings:
    """How, not what: nothing here is part of a recipe."""

    exact: bool = False
    """Bit-equal repeats on a GPU: float32, deterministic kernels, no captured graph."""
    capture: bool = True
    """On a GPU, launch a step as one CUDA graph; False launches kernel by kernel."""
    accumulate: int = 1
    """Parts that a batch is cut into when it does not fit into memory at once."""


def epoch_seed(seed: int, epoch: int) -> int:
    """Each epoch has a seed of its own, so a resumed training draws what an undisturbed one does
    without any random state being kept."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)


def class_weights(labels: Tensor) -> Tensor:
    """Inverse class frequencies N / (C n_c), scikit-learn's "balanced" weights, float (C,)."""
    counts = torch.bincount(labels, minlength=CLASSES).float()
    return len(labels) / (CLASSES * counts.clamp(min=1.0))


def balanced(training: Images, balance: Balance, seed: int) -> Images:
    """As many images of each class as the rarest has, and `copies` transformed copies of each."""
    torch.manual_seed(epoch_seed(seed, -1 % 2**32))
    labels = training.labels.cpu()
    present = [c for c in range(CLASSES) if bool((labels == c).any())]
    smallest = min(int((labels == c).sum()) for c in present)
    kept = []
    for c in present:
        rows = torch.nonzero(labels == c).flatten()
        kept.append(rows[torch.randperm(len(rows))[:smallest]])
    chosen = torch.cat(kept).to(training.images.device)
    images, marks = training.images[chosen], training.labels[chosen]
    parts = [images]
    for _ in range(balance.copies):
        drawn = augment(to_pixels(images), balance.augmentation, images.shape[-1])
        parts.append((drawn.squeeze(1) * 255.0).round().to(torch.uint8))
    return Images(torch.cat(parts), marks.repeat(balance.copies + 1))


@contextlib.contextmanager
def precision(device: torch.device, exact: bool) -> Iterator[None]:
    """bf16 autocast on a GPU; float32 on a CPU and in exact mode."""
    if device.type != "cuda" or exact:
        yield
        return
    # Cached casts of weights would be freed between replays of a captured step.
    with torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
        yield


class Step:
    """One optimizer step on a batch. Its inputs are tensors that `prepare` fills, so that the same
    body can be called or captured."""

    def __init__(
        self, network: nn.Module, recipe: Recipe, training: Images, batch: int, settings: Settings
    ) -> None:
        device = training.labels.device
        self._network, self._recipe, self._training = network, recipe, training
        self._settings, self._device = settings, device
        captured = device.type == "cuda" and settings.capture and not settings.exact
        self.optimizer = make_optimizer(network.parameters(), recipe, captured=captured)
        self._weights = class_weights(training.labels) if recipe.class_weights else None
        self._rows = torch.zeros(batch, dtype=torch.int64, device=device)
        self._mixed = torch.ones((), device=device)
        self.loss = torch.zeros((), device=device)
        self.correct = torch.zeros((), device=device)
        self._replay: Callable[[], None] | None = None
        if captured:
            sums = [self.loss, self.correct]
            self._replay = capture_step(self._body, network, self.optimizer, sums)

    def __call__(self, rows: Tensor, rate: float, mixed: float) -> None:
        """Train on the images `rows` (B,) with this learning rate and mixup share."""
        self._rows.copy_(rows)
        self._mixed.fill_(mixed)
        set_learning_rate(self.optimizer, rate)
        if self._replay is None:
            self._body()
        else:
            self._replay()

    def _body(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        parts = self._rows.chunk(self._settings.accumulate)
        for rows in parts:
            share = len(rows) / len(self._rows)
            loss, correct = self._forward(rows)
            (loss * share).backward()  # type: ignore[no-untyped-call]
            self.loss += loss.detach() * share
            self.correct += correct
        self.optimizer.step()

    def _forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        recipe = self._recipe
        labels = self._training.labels[rows]  # (B,)
        pixels = to_pixels(self._training.images[rows])  # (B, 1, 48, 48)
        pixels = normalise(augment(pixels, recipe.augmentation, recipe.crop), recipe)
        others = labels
        if recipe.mixup:
            partners = torch.randperm(len(rows), device=self._device)
            pixels = self._mixed * pixels + (1.0 - self._mixed) * pixels[partners]
            others = labels[partners]
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        with precision(self._device, self._settings.exact):
            logits = self._network(pixels).float()  # (B, C)
        loss = self._loss(logits, labels)
        if recipe.mixup:
            loss = self._mixed * loss + (1.0 - self._mixed) * self._loss(logits, others)
        return loss, (logits.argmax(1) == labels).sum()

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(
            logits, labels, weight=self._weights, label_smoothing=self._recipe.label_smoothing
        )


@torch.no_grad()
def evaluate(
    network: nn.Module, recipe: Recipe, images: Images, settings: Settings
) -> tuple[Tensor, Tensor]:
    """Accuracy and loss of the centre crop, as tensors that still lie on the device."""
    device = images.labels.device
    centre = dataclasses.replace(recipe, test_time="none")
    network.eval()
    loss = torch.zeros((), device=device)
    correct = torch.zeros((), device=device)
    offset = (images.images.shape[-1] - recipe.crop) // 2
    inside = slice(offset, offset + recipe.crop)
    for start in range(0, len(images), BATCH):
        labels = images.labels[start : start + BATCH]
        pixels = to_pixels(images.images[start : start + BATCH])[:, :, inside, inside]
        pixels = normalise(pixels, centre).contiguous(memory_format=torch.channels_last)
        with precision(device, settings.exact):
            logits = network(pixels).float()
        loss += functional.cross_entropy(logits, labels, reduction="sum")
        correct += (logits.argmax(1) == labels).sum()
    network.train()
    return correct / len(images), loss / len(images)


@torch.no_grad()
def recalibrate(network: nn.Module, recipe: Recipe, images: Tensor, settings: Settings) -> None:
    """Estimate the statistics of batch normalisation anew over uint8 `images`, dropout off.

    Dropout changes the variance that the following normalisation sees in training but not at test
    time; a network that trained for few epochs has not learnt to live with that.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.train()
    for part in images.split(BATCH):  # type: ignore[no-untyped-call]
        pixels = normalise(augment(to_pixels(part), recipe.augmentation, recipe.crop), recipe)
        with precision(images.device, settings.exact):
            network(pixels.contiguous(memory_format=torch.channels_last))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.train()


@dataclass(frozen=True)
class Trained:
    """What a training leaves behind, besides the weights in the network."""

    history: tuple[EpochResult, ...]
    seconds: float
    resumed_from: int
    """Epochs that a checkpoint already held."""


def train(
    network: nn.Module,
    recipe: Recipe,
    training: Images,
    validation: Images,
    *,
    seed: int,
    settings: Settings | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Train `network` in place; it ends with its last (or averaged) weights, in eval mode.

    network: on the device of the images, (B, 1, S, S) pixels to (B, 7) logits.
    Raises `TrainingError` when the loss is not finite, `torch.OutOfMemoryError` as it comes.
    """
    settings = settings or Settings()
    if recipe.balance is not None:
        training = balanced(training, recipe.balance, seed)
    batch = min(recipe.batch_size, len(training))
    steps = len(training) // batch  # the ragged last batch is left out: shapes stay the same
    network.to(memory_format=torch.channels_last)
    network.train()
    torch.manual_seed(epoch_seed(seed, 0))
    step = Step(network, recipe, training, batch, settings)
    schedule = RateSchedule(recipe, steps)
    averaged = AveragedWeights(network, recipe.ema) if recipe.ema else None
    run = Run(network, step.optimizer, schedule, averaged)
    run.restore(checkpoint.load() if checkpoint else None)
    resumed_from = len(run.history)

    for epoch in range(resumed_from, recipe.epochs):
        if run.stuck(recipe.early_stopping):
            break
        start = time.perf_counter()
        torch.manual_seed(epoch_seed(seed, epoch + 1))
        order = torch.randperm(len(training), device=training.labels.device)
        shares = _mixup_shares(recipe, steps, epoch_seed(seed, epoch + 1))
        step.loss.zero_()
        step.correct.zero_()
        for i in range(steps):
            rate = schedule.rate(epoch * steps + i)
            step(order[i * batch : (i + 1) * batch], rate, shares[i])
            if averaged:
                averaged.update()
        if averaged:
            averaged.swap()
        if recipe.recalibrate:
            sample = training.images[order[: recipe.recalibrate]]
            recalibrate(network, recipe, sample, settings)
        val_accuracy, val_loss = evaluate(network, recipe, validation, settings)
        if averaged:
            averaged.swap()
        # The only wait for the device in an epoch.
        sums = torch.stack([step.correct, step.loss, val_accuracy, val_loss]).tolist()
        if not all(math.isfinite(value) for value in sums):
            raise TrainingError(
                f"the loss is not finite in epoch {epoch + 1}: a smaller learning rate than "
                f"{recipe.learning_rate:g} is needed"
            )
        result = EpochResult(
            epoch=epoch + 1,
            train_accuracy=sums[0] / (steps * batch),
            train_loss=sums[1] / steps,
            val_accuracy=sums[2],
            val_loss=sums[3],
            learning_rate=rate,
            seconds=time.perf_counter() - start,
        )
        run.end_epoch(result)
        if checkpoint:
            checkpoint.save(run.state())
        if on_epoch:
            on_epoch(result)

    if averaged:
        averaged.swap()
    network.eval()
    history = tuple(run.history)
    return Trained(history, sum(result.seconds for result in history), resumed_from)


def _mixup_shares(recipe: Recipe, steps: int, seed: int) -> list[float]:
    """Mixup's share of the first image for every step of an epoch; one where mixup is off."""
    if not recipe.mixup:
        return [1.0] * steps
    drawn: list[float] = (
        np.random.default_rng(seed).beta(recipe.mixup, recipe.mixup, steps).tolist()
    )
    return drawn
