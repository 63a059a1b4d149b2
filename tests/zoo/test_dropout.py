"""Dropout by words of bits: the same statistics as `nn.Dropout`, in any memory layout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.zoo import tiny
from zoo.dropout import WordDropout, use_word_dropout


@pytest.mark.parametrize("rate", [0.0, 0.03, 0.3, 0.5])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_drops_the_rate_and_keeps_the_mean(rate: float, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    values = torch.ones(40, 5, 31, 33).contiguous(memory_format=layout)
    dropped = WordDropout(rate)(values)
    count = values.numel()
    assert float((dropped == 0).sum()) / count == pytest.approx(rate, abs=4 / count**0.5)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=8 / count**0.5)
    kept = dropped[dropped != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - rate)), rtol=1e-4, atol=0)
    assert dropped.is_contiguous(memory_format=layout)


def test_gradients_pass_where_values_do() -> None:
    torch.manual_seed(0)
    values = torch.ones(1001, requires_grad=True)
    dropped = WordDropout(0.4)(values)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())


def test_neighbours_are_independent() -> None:
    """Four elements share a word, not their fate."""
    torch.manual_seed(0)
    kept = (WordDropout(0.5)(torch.ones(400_000)) > 0).float()
    for distance in (1, 2, 3, 4):
        pairs = (kept[:-distance] * kept[distance:]).mean()
        assert float(pairs) == pytest.approx(0.25, abs=0.005)


def test_it_takes_the_place_of_every_dropout_and_rests_in_evaluation() -> None:
    network = tiny.build()
    before = network.state_dict().keys()
    use_word_dropout(network)
    kinds = [type(module) for module in network.modules()]
    assert WordDropout in kinds and nn.Dropout not in kinds
    assert network.state_dict().keys() == before
    values = torch.ones(3)
    assert WordDropout(0.5).eval()(values) is values
