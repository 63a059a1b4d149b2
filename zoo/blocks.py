"""The parts that members are made of: layers, residual and other blocks, initialisations.

Everything here can be captured as a CUDA graph (no control flow that depends on values) and keeps
channels_last. Means over the image are taken by `mean`, because the backward pass of adaptive
pooling is not deterministic on a GPU. What decides a forward pass is a module or shows in
`extra_repr`, so that `zoo.costs.architecture_fingerprint` sees it.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn


class GlobalAverage(nn.Module):
    """(B, C, H, W) to (B, C): the mean over the image (Lin et al. 2014)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def conv_norm_act(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution without bias, batch normalisation, ReLU; size kept at stride 1, odd kernels."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class SqueezeExcite(nn.Module):
    """Each channel weighted by what the others hold (Hu et al. 2018). Shape kept."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(4, channels // reduction)
        self.gate = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        scaled: Tensor = x * self.gate(x.mean((2, 3), keepdim=True))
        return scaled


class Block(Protocol):
    """What makes one residual block of a stage."""

    def __call__(self, inputs: int, outputs: int, stride: int) -> nn.Module: ...


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut (He et al. 2016), dropout after the sum.

    (B, inputs, H, W) to (B, outputs, H / stride, W / stride). `squeeze` adds squeeze-and-excitation
    before the sum.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, *, dropout: float = 0.0, squeeze: bool = False
    ) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *conv_norm_act(inputs, outputs, 3, stride),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
            SqueezeExcite(outputs) if squeeze else nn.Identity(),
        )
        self.shortcut = _projection(inputs, outputs, stride)
        self.after = nn.Sequential(nn.ReLU(), nn.Dropout(dropout) if dropout else nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = self.after(self.residual(x) + self.shortcut(x))
        return summed


def _projection(inputs: int, outputs: int, stride: int) -> nn.Module:
    if inputs == outputs and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class PreactivationBlock(nn.Module):
    """Batch norm and ReLU before each convolution (He et al. 2016b; wide: Zagoruyko 2016).

    (B, inputs, H, W) to (B, outputs, H / stride, W / stride); dropout between the convolutions.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
        self.residual = nn.Sequential(
            *(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),),
            *(nn.BatchNorm2d(outputs), nn.ReLU()),
            nn.Dropout(dropout) if dropout else nn.Identity(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
        )
        self.changes = inputs != outputs or stride != 1
        self.shortcut = (
            nn.Conv2d(inputs, outputs, 1, stride, bias=False) if self.changes else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        ready: Tensor = self.before(x)
        summed: Tensor = self.residual(ready) + self.shortcut(ready if self.changes else x)
        return summed


def residual_stages(
    block: Block, inputs: int, widths: tuple[int, ...], depths: tuple[int, ...]
) -> list[nn.Module]:
    """Stages of residual blocks; every stage but the first halves the image."""
    layers: list[nn.Module] = []
    for stage, (outputs, depth) in enumerate(zip(widths, depths, strict=True)):
        for i in range(depth):
            layers.append(block(inputs, outputs, 2 if stage and i == 0 else 1))
            inputs = outputs
    return layers


class InceptionBlock(nn.Module):
    """Four views of different size, concatenated (Szegedy et al. 2015, with batch norm).

    (B, inputs, H, W) to (B, outputs, H, W): a quarter of the outputs from 1×1, half from 3×3, an
    eighth each from two 3×3 in a row and from pooling. `outputs` is a multiple of 8.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        quarter, eighth = outputs // 4, outputs // 8
        self.views = nn.ModuleList(
            [
                conv_norm_act(inputs, quarter, 1),
                nn.Sequential(
                    conv_norm_act(inputs, quarter, 1), conv_norm_act(quarter, 2 * quarter)
                ),
                nn.Sequential(
                    conv_norm_act(inputs, eighth, 1),
                    conv_norm_act(eighth, eighth),
                    conv_norm_act(eighth, eighth),
                ),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), conv_norm_act(inputs, eighth, 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([view(x) for view in self.views], 1)


class DenseLayer(nn.Module):
    """Adds `growth` channels to its input (Huang et al. 2017, with a 1×1 bottleneck)."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.BatchNorm2d(inputs), nn.ReLU()),
            *conv_norm_act(inputs, 4 * growth, 1),
            nn.Conv2d(4 * growth, growth, 3, 1, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], 1)


def he_(network: nn.Module) -> nn.Module:
    """He et al. (2015), normal, by fan-out, for convolutions; PyTorch's default elsewhere."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def keras_(network: nn.Module) -> nn.Module:
    """The initialisation that Keras uses unless told otherwise: Glorot uniform, biases zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def normal_(network: nn.Module, slope: float) -> nn.Module:
    """Normal with He's variance for leaky ReLU of this `slope`, by fan-in; biases zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, slope, nonlinearity="leaky_relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
