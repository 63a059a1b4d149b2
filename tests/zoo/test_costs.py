"""Costs follow from the architecture; the file that keeps them agrees with rebuilt networks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from zoo.catalogue import load_catalogue
from zoo.costs import (
    COSTS_FILE,
    Costs,
    all_costs,
    architecture_fingerprint,
    costs,
    measure,
    network_costs,
)
from zoo.member import Member, Recipe
from zoo.profiles import PROFILES

QUICK_WIDTH = PROFILES["quick"].width

RECIPE = Recipe(optimizer="adam", learning_rate=0.001, epochs=1, batch_size=2)


def small(width: float) -> nn.Module:
    filters = round(8 * width)
    return nn.Sequential(
        nn.Conv2d(1, filters, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(filters),
        nn.Conv2d(filters, filters, 3, padding=1, groups=filters),
        nn.Flatten(),
        nn.Linear(filters * 24 * 24, 7),
    )


MEMBER = Member(name="small", build=small, recipe=RECIPE, source="test")


def test_counted_by_hand() -> None:
    parameters = 9 * 8 + 2 * 8 + (9 * 8 + 8) + (8 * 576 * 7 + 7)
    macs = 9 * 8 * 576 + 9 * 8 * 576 + 8 * 576 * 7
    assert costs(MEMBER) == Costs(parameters=parameters, macs=macs)


def test_frozen_parameters_are_not_trainable() -> None:
    network = small(1.0)
    whole = network_costs(network, 48)
    for parameter in network[4].parameters():
        parameter.requires_grad = False
    frozen = network_costs(network, 48)
    assert whole.parameters - frozen.parameters == 8 * 576 * 7 + 7
    assert whole.macs == frozen.macs


def test_counting_leaves_the_network_as_it_was() -> None:
    network = small(1.0).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network_costs(network, 48)
    assert network.training
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def reads_a_value(width: float) -> nn.Module:
    assert torch.linspace(0.0, 1.0, 3)[1].item() == 0.5  # refused on the meta device
    return small(width)


def test_a_network_that_reads_values_while_it_is_built_is_counted_too() -> None:
    member = dataclasses.replace(MEMBER, build=reads_a_value)
    assert measure(member, 1.0, 48) == costs(MEMBER)


def test_the_file_agrees_with_every_network_rebuilt() -> None:
    stored = {
        key: Costs(**values)
        for key, values in json.loads(COSTS_FILE.read_text(encoding="utf-8")).items()
    }
    assert stored == all_costs(load_catalogue().members), "run: python -m zoo.costs"


def test_costs_of_the_catalogue_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*_: object) -> Costs:
        raise AssertionError("measured instead of looked up")

    monkeypatch.setattr("zoo.costs.measure", measured)
    for member in load_catalogue().members:
        assert costs(member).parameters > 0
        quick = costs(member, QUICK_WIDTH, member.quick_recipe or member.recipe)
        assert quick.macs <= costs(member).macs


def test_another_crop_is_measured_anew() -> None:
    deep = load_catalogue().member("resnet18")
    smaller = dataclasses.replace(deep.recipe, crop=32)
    assert costs(deep, QUICK_WIDTH, smaller).macs < costs(deep, QUICK_WIDTH).macs


def test_fingerprint_sees_the_architecture_and_not_the_weights() -> None:
    first, second = small(1.0), small(1.0)
    assert architecture_fingerprint(first) == architecture_fingerprint(second)
    with torch.device("meta"):
        assert architecture_fingerprint(small(1.0)) == architecture_fingerprint(first)
    assert len(architecture_fingerprint(first)) == 64
    others = [small(2.0), nn.Sequential(*first, nn.Identity()), nn.Sequential(first)]
    second[0] = nn.Conv2d(1, 8, 3, stride=2, padding=1, dilation=2, bias=False)
    others.append(second)
    assert len({architecture_fingerprint(network) for network in [first, *others]}) == 5


def test_architectures_of_the_catalogue_that_differ_have_different_fingerprints() -> None:
    found: dict[str, str] = {}
    with torch.device("meta"):
        for name in ("deep-a", "shallow-a", "fcn-a", "lenet", "leaky", "leaky-4conv", "six-m1"):
            member = load_catalogue().member(name)
            found[name] = architecture_fingerprint(member.build(QUICK_WIDTH))
        repeated = load_catalogue().member("leaky-sgd").build(QUICK_WIDTH)
    assert len(set(found.values())) == len(found)
    assert architecture_fingerprint(repeated) == found["leaky"]


def test_another_forward_in_a_users_file_is_another_architecture(tmp_path: Path) -> None:
    """The `repr` of a module does not show what its `forward` does; its source does."""
    source = """
from torch import nn
from zoo.member import Member, Recipe

class Scaled(nn.Module):
    def forward(self, x):
        return x * {factor}

def build(width):
    return nn.Sequential(Scaled(), nn.Flatten(), nn.Linear(2304, 7))

RECIPE = Recipe(optimizer="adam", learning_rate=0.1, epochs=1, batch_size=8)
MEMBER = Member(name="scaled", build=build, recipe=RECIPE, source="the tests")
"""
    found = []
    for number, factor in enumerate((2, 2, 3)):
        path = tmp_path / f"zoo_{number}.py"
        path.write_text(source.format(factor=factor))
        member = load_catalogue([path]).member("scaled")
        found.append(architecture_fingerprint(member.build(1.0)))
    assert found[0] == found[1] != found[2]
