"""A training step as one CUDA graph, with the same effects as calling it.

A small network spends most of an eager step on launching kernels; a graph launches them all at
once. What changes from step to step (the images' numbers, the learning rate, mixup's share) lies
in tensors that are filled before a replay.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

WARM_UP_STEPS = 3


def _snapshot(network: nn.Module, extra: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    tensors = [*network.parameters(), *network.buffers(), *extra]
    return [(tensor, tensor.detach().clone()) for tensor in tensors]


def _forget_optimizer(optimizer: torch.optim.Optimizer) -> None:
    """Every optimizer used here starts from zero moments and step 0."""
    for state in optimizer.state.values():
        for value in state.values():
            if isinstance(value, Tensor):
                value.zero_()


def capture_step(
    body: Callable[[], None],
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    accumulators: list[Tensor],
) -> Callable[[], None]:
    """Return a function that replays `body` as a CUDA graph.

    `body` runs a few real steps first, which choose algorithms and create the optimizer's state;
    weights, statistics, accumulators, optimizer and random generator are then put back in place,
    so that captured training begins exactly where eager training would.
    """
    before = _snapshot(network, accumulators)
    generator = torch.cuda.get_rng_state()
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP_STEPS):
            body()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        body()
    with torch.no_grad():
        for tensor, kept in before:
            tensor.copy_(kept)
    _forget_optimizer(optimizer)
    torch.cuda.set_rng_state(generator)
    replay: Callable[[], None] = graph.replay
    return replay
