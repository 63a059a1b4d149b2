"""Dropout whose mask is cheap to draw on a CPU.

PyTorch draws one random number per activation; on a CPU that is a third of a small network's
training. Here one draw of 64 bits decides four activations. The rate is kept to 1/65,536.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS = 1 << 16


class WordDropout(nn.Module):
    """`nn.Dropout(rate)` for tensors of any shape, with 16 random bits per element."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.dropped = round(rate * LEVELS)  # of LEVELS

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or self.dropped == 0:
            return values
        words = torch.empty((values.numel() + 3) // 4, dtype=torch.int64)
        words.random_(-(1 << 63), None)
        levels = words.view(torch.int16)[: values.numel()]
        # The mask follows the tensor's memory, so that a channels_last tensor is not rearranged.
        kept = torch.empty_like(values)
        kept.as_strided((values.numel(),), (1,)).copy_(levels >= self.dropped - LEVELS // 2)
        kept *= LEVELS / (LEVELS - self.dropped)
        return values * kept

    def extra_repr(self) -> str:
        return f"rate={self.dropped / LEVELS:.5f}"


def use_word_dropout(network: nn.Module) -> None:
    """Replace every `nn.Dropout` inside `network`, in place. Neither has any weights."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, WordDropout(child.p))


def thin_dropout(network: nn.Module, share: float) -> None:
    """Multiply the rate of every `nn.Dropout` by `share`, at most one."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p *= min(1.0, share)
