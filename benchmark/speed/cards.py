"""What a graphics card can do: by its data sheet, and measured by the two simplest programs."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from benchmark.speed.timing import seconds_per_call

KNOWN = (
    ("H100 80GB HBM3", 989e12),
    ("H100 PCIe", 756e12),
    ("H100 NVL", 835e12),
    ("H200", 989e12),
    ("GH200", 989e12),
    ("B200", 2250e12),
    ("A100", 312e12),
    ("L40S", 362e12),
    ("L4", 121e12),
    ("A10G", 70e12),
    ("RTX 4090", 165e12),
    ("RTX 3090", 71e12),
)
"""Part of a card's name and its peak in dense bf16 with sums in float32, FLOP/s, by NVIDIA's data
sheets. The first part that is found in a name counts."""
SIDE = 8192
COPIED = 1 << 30


@dataclass(frozen=True)
class Ceilings:
    """What the device really reaches. matmul: FLOP/s of a large product in bf16 of random numbers;
    copy: bytes read and written a second by a large copy."""

    matmul: float
    copy: float


def peak_of(name: str) -> float | None:
    """Peak of the card called `name` in dense bf16, FLOP/s; None where it is not known."""
    return next((peak for part, peak in KNOWN if part in name), None)


def measured_ceilings(device: torch.device, side: int = SIDE, copied: int = COPIED) -> Ceilings:
    """Multiply two matrices of `side` and copy `copied` bytes, many times, on `device`."""
    one, other = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    product = seconds_per_call(lambda: torch.matmul(one, other), device)
    source = torch.empty(copied // 4, device=device, dtype=torch.int32).random_()
    target = torch.empty_like(source)
    copy = seconds_per_call(lambda: target.copy_(source), device)
    return Ceilings(matmul=2.0 * side**3 / product, copy=2.0 * copied / copy)
