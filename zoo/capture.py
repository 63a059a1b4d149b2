"""A training step as one CUDA graph, with the same effects as calling it.

A small network spends most of an eager step on launching kernels; a graph launches them all at
once. What changes from step to step (the images' numbers, the learning rate, mixup's share) lies
in tensors that are filled before a replay. Random numbers come from the device's default
generator: every replay reads its seed and offset anew, so seeding between replays has its effect.
"""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

WARM_UP_STEPS = 3


@functools.cache
def _side_stream() -> torch.cuda.Stream:
    """One for all captures, because cuBLAS keeps a workspace for every stream that it has met."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


def _random_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _set_random_state(device: torch.device, state: Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


@contextlib.contextmanager
def undone(
    network: nn.Module, optimizer: torch.optim.Optimizer, accumulators: list[Tensor]
) -> Iterator[None]:
    """Training steps taken inside the block leave no trace but the optimizer's tensors.

    Weights, statistics, `accumulators` and the random generator are put back, in place, because a
    graph captured inside goes on using these very tensors. The optimizer must be a fresh one: its
    moments and step counts are set to zero, from where every optimizer of ours starts.
    """
    device = accumulators[0].device
    tensors = [*network.parameters(), *network.buffers(), *accumulators]
    before = [(tensor, tensor.detach().clone()) for tensor in tensors]
    generator = _random_state(device)
    yield
    with torch.no_grad():
        for tensor, kept in before:
            tensor.copy_(kept)
    for state in optimizer.state.values():
        for value in state.values():
            if isinstance(value, Tensor):
                value.zero_()
    _set_random_state(device, generator)


def capture_step(
    body: Callable[[], None],
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    accumulators: list[Tensor],
) -> Callable[[], None]:
    """Return a function that replays `body` as a CUDA graph.

    `body` runs a few real steps first, which choose algorithms and create the optimizer's state;
    then all is put back, so that captured training begins exactly where eager training would.
    """
    graph = torch.cuda.CUDAGraph()
    # The warm-up's stream is the capture's: work that waits for another one cannot be captured.
    stream = _side_stream()
    with undone(network, optimizer, accumulators), warnings.catch_warnings():
        # The optimizer means well: without a graph `capturable` would only cost time.
        warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_STEPS):
                body()
        torch.cuda.current_stream().wait_stream(stream)
        optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph, stream=stream):
            body()
    replay: Callable[[], None] = graph.replay
    return replay
