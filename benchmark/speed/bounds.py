"""Where the time of a training step goes, and what bounds it, in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.profiler import ProfilerActivity, profile

from benchmark.speed.cards import Ceilings
from benchmark.speed.counting import TrainingCost
from benchmark.speed.timing import synchronise

SATISFIED = 0.25
"""Share of the peak from which a step needs no explanation."""
MATRIX = ("convolution", "mm")
"""Parts of the names of torch's operations that multiply matrices."""


@dataclass(frozen=True)
class BusySeconds:
    """Seconds that the device works in one step: on products of matrices, and on all else."""

    matrix: float
    other: float


def busy_seconds(
    run: Callable[[], object], device: torch.device, calls: int = 5
) -> BusySeconds | None:
    """Profile `run`, a step that is launched kernel by kernel, and sum up its operations.

    None where the profiler sees nothing of the device (its driver may refuse)."""
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    run()
    synchronise(device)
    with profile(activities=activities) as recorded:
        for _ in range(calls):
            run()
        synchronise(device)
    matrix = other = 0.0
    for event in recorded.key_averages():
        if event.device_type.name != "CPU" or not event.key.startswith("aten::"):
            continue  # a kernel's time is its operation's as well; count it once
        seconds = (
            1e-6 / calls * (event.self_device_time_total if on_gpu else event.self_cpu_time_total)
        )
        if any(part in event.key for part in MATRIX):
            matrix += seconds
        else:
            other += seconds
    return BusySeconds(matrix, other) if matrix + other else None


def what_bounds(
    cost: TrainingCost,
    batch: int,
    *,
    step: float,
    called: float,
    busy: BusySeconds | None,
    peak: float,
    ceilings: Ceilings,
) -> str:
    """One sentence on a step that reaches less than a quarter of `peak`; nothing on others.

    step, called: seconds of the captured step and of the one launched kernel by kernel.
    The largest of three losses is named: time in which the device waits, time for what multiplies
    no matrices, and time by which the products are slower than the peak.
    """
    least = batch * cost.flops / peak
    if least / step >= SATISFIED:
        return ""
    gain = f"one graph is {called / step:.1f} times as fast as launching kernel by kernel"
    if busy is None:
        return f"Not profiled on this machine; {gain}."
    waiting = max(0.0, step - busy.matrix - busy.other)
    slow = max(0.0, busy.matrix - least)
    if waiting >= max(busy.other, slow):
        return (
            f"Bound by launches: the device waits for {waiting / step:.0%} of the step, because "
            f"its kernels are short; {gain}."
        )
    if busy.other >= slow:
        return (
            f"Bound by memory: {busy.other / step:.0%} of the step goes to normalisation, "
            "activations, pooling, dropout, augmentation and the optimizer, which move numbers "
            f"and multiply no matrices; {gain}."
        )
    return f"{_slow_products(cost, batch, busy, peak, ceilings)}; {gain}."


def _slow_products(
    cost: TrainingCost, batch: int, busy: BusySeconds, peak: float, ceilings: Ceilings
) -> str:
    reached = batch * cost.flops / busy.matrix
    intensity, needed = cost.intensity(batch), ceilings.matmul / ceilings.copy
    told = (
        f"the matrix products take {busy.matrix * 1e3:.2g} ms at {reached / peak:.0%} of the peak"
    )
    work = f"{intensity:,.0f} operations for each byte that they must move"
    if intensity < needed:
        return f"Bound by memory: {told}, with {work} where the card needs {needed:,.0f}"
    return (
        f"Bound by the kernels of its shapes: {told} though they do {work} and the card needs "
        f"{needed:,.0f}"
    )
