"""Seconds of something that is done many times, on a device that works on its own."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

LEAST_SECONDS = 0.1
REPEATS = 5
WARM_UP_CALLS = 3


def synchronise(device: torch.device) -> None:
    """Wait until `device` has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_per_call(
    run: Callable[[], object], device: torch.device, least: float = LEAST_SECONDS
) -> float:
    """Median seconds of one call among calls that follow each other without a wait.

    Each of several measurements covers enough calls to last `least` seconds, between two waits for
    the device; what the first calls choose and allocate is not counted.
    """
    for _ in range(WARM_UP_CALLS):
        run()
    calls = max(1, round(least / max(_mean(run, device, 1), 1e-9)))
    return statistics.median(_mean(run, device, calls) for _ in range(REPEATS))


def _mean(run: Callable[[], object], device: torch.device, calls: int) -> float:
    synchronise(device)
    start = time.perf_counter()
    for _ in range(calls):
        run()
    synchronise(device)
    return (time.perf_counter() - start) / calls
