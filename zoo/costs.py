"""What a member costs: trainable parameters and multiply-adds of one image.

Both follow from the architecture alone. For the members of the zoo they are kept in `costs.json`,
so that listing them needs no torch; a test rebuilds every network and compares. After a change to
an architecture: `python -m zoo.costs`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.member import Member, Recipe, ZooError
from zoo.profiles import PROFILES

if TYPE_CHECKING:
    from torch import nn

COSTS_FILE = Path(__file__).with_name("costs.json")


@dataclass(frozen=True)
class Costs:
    """parameters: trainable ones, from random weights. macs: multiply-adds of convolutions and
    affine layers in one forward pass of one image (one view)."""

    parameters: int
    macs: int


def input_side(recipe: Recipe) -> int:
    """Side in pixels of the square that reaches the network."""
    return recipe.resize or recipe.crop


def costs(member: Member, width: float = 1.0, recipe: Recipe | None = None) -> Costs:
    """Costs of `member` at `width`; `recipe` (default: the member's) decides the input's side.

    Looked up where known; measured, which imports torch, for members from elsewhere.
    """
    side = input_side(recipe or member.recipe)
    known = _known_costs().get(_key(member.name, width, side))
    return known or measure(member, width, side)


def measure(member: Member, width: float, side: int) -> Costs:
    """Build `member` and count. No memory is allocated where its network allows for that.

    Raises `ZooError` for a network that cannot be built or run.
    """
    import torch

    try:
        try:
            with torch.device("meta"):
                return network_costs(member.build(width), side)
        except (NotImplementedError, RuntimeError):  # some constructors read values back
            return network_costs(member.build(width), side)
    except (Exception, SystemExit) as error:  # a user's network may fail in any way
        raise ZooError(
            f"the network of the member {member.name!r} cannot be measured "
            f"({type(error).__name__}: {error}): mend its build"
        ) from error


def network_costs(network: nn.Module, side: int) -> Costs:
    """Count a network that stands on any device, for one (1, 1, side, side) image."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    parameters = [p for p in network.parameters() if p.requires_grad]
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 1, side, side, device=device))
    network.train(was_training)
    return Costs(sum(p.numel() for p in parameters), counter.get_total_flops() // 2)


def architecture_fingerprint(network: nn.Module) -> str:
    """sha256 over the network's modules and the names and shapes of its parameters and buffers.

    Two networks with the same fingerprint can load each other's weights; the weights themselves
    and which of them are frozen do not enter. Of modules that neither torch, timm nor the zoo
    defines the source enters too: what a user's `forward` does is not in its `repr`.
    """
    tensors = [*network.named_parameters(), *network.named_buffers()]
    shapes = [f"{name} {tuple(tensor.shape)}" for name, tensor in tensors]
    return hashlib.sha256(
        "\n".join([repr(network), *shapes, *_sources(network)]).encode()
    ).hexdigest()


def _sources(network: nn.Module) -> list[str]:
    """The code of every kind of module that comes from a user's file, where it can be had."""
    kinds = {type(module) for module in network.modules()}
    foreign = [
        kind
        for kind in kinds
        if kind.__module__.split(".")[0] not in ("torch", "torchvision", "timm", "zoo")
    ]
    found = []
    for kind in sorted(foreign, key=lambda kind: kind.__qualname__):
        with contextlib.suppress(OSError, TypeError):  # defined where no file stands behind it
            found.append(inspect.getsource(kind))
    return found


def _key(name: str, width: float, side: int) -> str:
    return f"{name} width={width:g} side={side}"


@functools.cache
def _known_costs() -> dict[str, Costs]:
    if not COSTS_FILE.is_file():
        return {}
    stored = json.loads(COSTS_FILE.read_text(encoding="utf-8"))
    # A member from a user's file may carry a name that is not the zoo's, never one that is:
    # the catalogue refuses two members of one name.
    return {key: Costs(**values) for key, values in stored.items()}


def all_costs(members: Iterable[Member]) -> dict[str, Costs]:
    """Measured costs of `members` at full width and in the quick profile, as in the file."""
    table = {}
    for member in members:
        quick = PROFILES["quick"].recipe(member)
        for width, recipe in ((1.0, member.recipe), (PROFILES["quick"].width, quick)):
            side = input_side(recipe)
            table[_key(member.name, width, side)] = measure(member, width, side)
    return table


def main() -> None:
    """Write `costs.json` anew."""
    from zoo.catalogue import load_catalogue

    table = {key: asdict(value) for key, value in all_costs(load_catalogue().members).items()}
    COSTS_FILE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(f"{COSTS_FILE}: {len(table)} networks")


if __name__ == "__main__":
    main()
