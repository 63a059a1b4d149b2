"""What grows while a training runs, and what a checkpoint of it holds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zoo.optim import AveragedWeights, RateSchedule


@dataclass(frozen=True)
class EpochResult:
    """One epoch. Accuracies in [0, 1], losses in nats per image; the training ones are running
    means over the augmented batches, as Keras prints them."""

    epoch: int
    train_accuracy: float
    train_loss: float
    val_accuracy: float
    val_loss: float
    learning_rate: float
    seconds: float


class Run:
    """What grows while a training runs: its history, and everything that a checkpoint holds."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: RateSchedule,
        averaged: AveragedWeights | None,
    ) -> None:
        self.history: list[EpochResult] = []
        self._network, self._optimizer = network, optimizer
        self._schedule, self._averaged = schedule, averaged

    def end_epoch(self, result: EpochResult) -> None:
        self.history.append(result)
        self._schedule.end_epoch(result.val_loss)

    def stuck(self, patience: int) -> bool:
        """Whether the validation loss has not fallen for `patience` epochs."""
        if not patience or not self.history:
            return False
        losses = [result.val_loss for result in self.history]
        return len(losses) - 1 - losses.index(min(losses)) >= patience

    def state(self) -> dict[str, Any]:
        """Tensors, numbers, strings, lists and dicts: loadable without running any code."""
        return {
            "history": [dataclasses.asdict(result) for result in self.history],
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict()["state"],
            "schedule": self._schedule.state(),
            "averaged": self._averaged.state() if self._averaged else None,
        }

    def restore(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        self.history = [EpochResult(**result) for result in state["history"]]
        self._network.load_state_dict(state["network"])
        self._schedule.restore(state["schedule"])
        if self._averaged:
            self._averaged.restore(state["averaged"])
        _restore_optimizer(self._optimizer, state["optimizer"])


def _restore_optimizer(optimizer: torch.optim.Optimizer, kept: dict[int, dict[str, Any]]) -> None:
    """Put the moments back, in place where a captured step already reads the tensors."""
    parameters = [(p, group) for group in optimizer.param_groups for p in group["params"]]
    for index, values in kept.items():
        parameter, group = parameters[index]
        counts_on_device = group.get("fused") or group.get("capturable")
        state = optimizer.state[parameter]
        for name, value in values.items():
            current = state.get(name)
            if isinstance(current, Tensor) and isinstance(value, Tensor):
                current.copy_(value)
            elif isinstance(value, Tensor):
                on_cpu = name == "step" and not counts_on_device
                state[name] = value.clone().to("cpu" if on_cpu else parameter.device)
            else:
                state[name] = value
