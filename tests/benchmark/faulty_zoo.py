"""Members that fail, each in its own way, and one that does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from tests.zoo.tiny import RECIPE, build
from zoo.member import Member, ZooError

BATCH = 20


class Hungry(nn.Module):
    """Runs out of memory on a batch of more than `most` images that it is trained on."""

    def __init__(self, most: int, error: Exception) -> None:
        super().__init__()
        self.inner, self.most, self.error = build(), most, error

    def forward(self, pixels: Tensor) -> Any:
        if self.training and len(pixels) > self.most:
            raise self.error
        return self.inner(pixels)


def hungry(most: int, error: Exception) -> Any:
    """A `build` of such a network."""
    return lambda width: Hungry(most, error)


def weightless(width: float) -> nn.Module:
    raise ZooError("the member 'weightless' starts from weights that could not be loaded")


def misspelt(width: float) -> nn.Module:
    return nn.Sequential(nn.Conv3d(1, undefined_name, 3))  # type: ignore[name-defined] # noqa: F821


FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.\nGPU 0 has ...")
CPU_FULL = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ...")
SHORT = replace(RECIPE, epochs=2, batch_size=BATCH)


def member(name: str, make: Any, **changed: Any) -> Member:
    recipe = replace(SHORT, **changed)
    return Member(
        name=name,
        build=build if changed.get("pretrained") else make,
        build_pretrained=make if changed.get("pretrained") else None,
        recipe=recipe,
        quick_recipe=recipe,
        source="the tests",
        groups=("faulty",),
    )


MEMBERS = (
    member("divergent", build, learning_rate=1e30),
    member("large", hungry(BATCH // 2, FULL)),
    member("large-on-cpu", hungry(BATCH // 2, CPU_FULL)),
    member("too-large", hungry(1, FULL)),
    member("weightless", weightless, pretrained=True),
    member("misspelt", misspelt),
    member("untrained", build, epochs=0),
    member("sound", build),
)
