"""Optimizers and learning-rate schedules as a recipe names them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zoo.member import Recipe, Schedule

# Keras' AdaDelta and PyTorch's differ in nothing but their defaults; the recipe gives the rate.
MOMENTUM = 0.9


def make_optimizer(
    parameters: Iterable[nn.Parameter], recipe: Recipe, *, captured: bool
) -> torch.optim.Optimizer:
    """The recipe's optimizer. `captured` prepares it for a CUDA graph: the learning rate is a
    tensor on the device, because a float would be baked into the graph, and Adam's and AdaDelta's
    step counts lie on the device too (SGD counts none)."""
    chosen = [parameter for parameter in parameters if parameter.requires_grad]
    device = chosen[0].device
    rate: Any = recipe.learning_rate
    if captured:
        rate = torch.tensor(recipe.learning_rate, device=device)
    decay = recipe.weight_decay
    fused: dict[str, Any] = {"fused": True} if device.type == "cuda" else {}
    counted = {**fused, "capturable": captured}
    match recipe.optimizer:
        case "adam":
            return torch.optim.Adam(chosen, lr=rate, weight_decay=decay, **counted)
        case "adamw":
            return torch.optim.AdamW(chosen, lr=rate, weight_decay=decay, **counted)
        case "sgd":
            return torch.optim.SGD(chosen, lr=rate, weight_decay=decay, **fused)
        case "momentum" | "nesterov":
            return torch.optim.SGD(
                chosen,
                lr=rate,
                momentum=MOMENTUM,
                nesterov=recipe.optimizer == "nesterov",
                weight_decay=decay,
                **fused,
            )
        case "adadelta":
            return torch.optim.Adadelta(chosen, lr=rate, weight_decay=decay, capturable=captured)


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Set the rate of every group, in place where it is a tensor that a graph reads."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(value)
        else:
            group["lr"] = value


@dataclass
class RateSchedule:
    """The learning rate before every step, and what the plateau schedule remembers.

    `rate(step)` counts optimizer steps from 0 over the whole training; `end_epoch` tells the
    validation loss. `state` is all that a checkpoint must keep.
    """

    recipe: Recipe
    steps_per_epoch: int
    cut: float = 1.0
    best: float = math.inf
    waited: int = 0

    @property
    def _schedule(self) -> Schedule:
        return self.recipe.schedule

    def rate(self, step: int) -> float:
        """Learning rate for optimizer step `step`."""
        base = self.recipe.learning_rate
        warmup = self._schedule.warmup * self.steps_per_epoch
        if step < warmup:
            return base * (step + 1) / (warmup + 1)
        match self._schedule.kind:
            case "constant":
                return base
            case "plateau":
                return base * self.cut
            case "exponential":
                return base * self._schedule.factor ** (step // self._schedule.every)
            case "cosine":
                total = self.recipe.epochs * self.steps_per_epoch
                progress = (step - warmup) / max(1.0, total - warmup)
                return base * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))

    def end_epoch(self, validation_loss: float) -> None:
        """Tell the schedule how an epoch ended; plateau cuts the rate when nothing improves."""
        if self._schedule.kind != "plateau":
            return
        if validation_loss < self.best:
            self.best, self.waited = validation_loss, 0
            return
        self.waited += 1
        if self.waited > self._schedule.patience:
            self.cut, self.waited = self.cut * self._schedule.factor, 0

    def state(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        return {"cut": self.cut, "best": self.best, "waited": float(self.waited)}

    def restore(self, state: dict[str, float]) -> None:
        """Go on from what `state` returned."""
        self.cut, self.best, self.waited = state["cut"], state["best"], int(state["waited"])


class AveragedWeights:
    """Exponential moving average of a network's weights and statistics.

    The decay warms up, min(decay, (1 + t) / (10 + t)), so that the first steps are forgotten soon
    even in a short training.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self._steps = 0
        self._live = self._floats(network)
        self._average = [tensor.detach().clone() for tensor in self._live]

    @staticmethod
    def _floats(network: nn.Module) -> list[Tensor]:
        tensors = [*network.parameters(), *network.buffers()]
        return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]

    def update(self) -> None:
        """Take in the weights as they are now. No synchronisation with the host."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        torch._foreach_lerp_(self._average, self._live, 1.0 - decay)

    def swap(self) -> None:
        """Exchange the network's weights and the averaged ones, in place; twice is no change."""
        for live, average in zip(self._live, self._average, strict=True):
            kept = live.clone()
            live.copy_(average)
            average.copy_(kept)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"steps": self._steps, "average": self._average}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._steps = int(state["steps"])
        for average, kept in zip(self._average, state["average"], strict=True):
            average.copy_(kept)
