"""What one training image costs: operations, and the bytes that its matrix products must move.

Counted on the meta device, where a network computes shapes and no values.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

BATCH = 2
"""Batch normalisation in training mode needs two images."""
HALF = 2
"""Bytes of a number in bf16."""
PASSES = 3
"""Forward, gradient of the input, gradient of the weights: each reads two of the three tensors of
a layer (input, weights, output) and writes the third."""


@dataclass(frozen=True)
class TrainingCost:
    """flops: forward and backward of one image. activations: numbers that the layers which multiply
    matrices read and write for it in one pass; weights: those of their weights."""

    flops: int
    activations: int
    weights: int

    def intensity(self, batch: int) -> float:
        """Operations for each byte that the matrix products of a step must move in bf16."""
        moved = PASSES * HALF * (batch * self.activations + self.weights)
        return batch * self.flops / moved


def _convolution_backward(
    grad_output: Sequence[int],
    inputs: Sequence[int],
    weight: Sequence[int],
    *rest: Any,
    out_shape: object = None,
) -> int:
    """Operations of a convolution's gradients by the shapes of its tensors.

    Torch's own formula takes the gradient of a grouped convolution's weights for a dense one's:
    1,936 million for an EfficientNetB0 at 48x48, whose three passes take 134 million.
    """
    transposed, output_mask = rest[4], rest[7]
    multiply_adds = math.prod(inputs if transposed else grad_output) * math.prod(weight[1:])
    return 2 * multiply_adds * (int(output_mask[0]) + int(output_mask[1]))


def training_cost(network: nn.Module, side: int) -> TrainingCost:
    """Count a training step of `network` on images (1, side, side); the network is not changed."""
    counted = copy.deepcopy(network).to("meta").train()
    activations = weights = 0

    def count(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal activations, weights
        activations += (inputs[0].numel() + output.numel()) // BATCH
        weights += sum(parameter.numel() for parameter in module.parameters())

    for module in counted.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    grouped = {torch.ops.aten.convolution_backward: _convolution_backward}
    with FlopCounterMode(display=False, custom_mapping=grouped) as counter:
        images = torch.zeros(BATCH, 1, side, side, device="meta")
        counted(images).sum().backward()
    return TrainingCost(counter.get_total_flops() // BATCH, activations, weights)
