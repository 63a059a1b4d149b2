"""How fast members train: ours and a plain loop on the same network, batch, images and device.

`measure_member` runs both loops one after the other in this process and takes medians; the first
epoch of each, in which algorithms are chosen and workers start, does not count. `cold_start` times
the whole command, from the start of its process to logits on disk.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from benchmark.errors import RequestError
from benchmark.plan import CORES, Plan, results_folder
from benchmark.speed.bounds import busy_seconds, what_bounds
from benchmark.speed.cards import Ceilings, measured_ceilings, peak_of
from benchmark.speed.counting import TrainingCost, training_cost
from benchmark.speed.plain_loop import PlainEpoch, train_plainly
from benchmark.speed.timing import seconds_per_call
from benchmark.store import LogitsStore
from reports.study import ColdStart, MemberSpeed
from zoo.costs import input_side
from zoo.dropout import use_word_dropout
from zoo.job import Data, build_network, device_name, exactness
from zoo.member import Member, Recipe
from zoo.run_state import EpochResult
from zoo.training import Images, Settings, Step, balanced, train


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long is measured. epochs: that count, of each loop; seconds: from which a loop begins no
    further epoch that counts, and the plain loop cuts one short; workers: load its images."""

    epochs: int = 3
    seconds: float = 30.0
    workers: int = CORES


@dataclass(frozen=True)
class Machine:
    """The device and what it can do; None where that is not known, as of a CPU."""

    device: torch.device
    name: str
    peak: float | None
    ceilings: Ceilings | None


def machine(device: torch.device) -> Machine:
    """Look up and measure what `device` can do."""
    name = device_name(device)
    if device.type != "cuda":
        return Machine(device, name, None, None)
    return Machine(device, name, peak_of(name), measured_ceilings(device))


def versions() -> dict[str, str]:
    """Of what both loops run on."""
    import torchvision  # type: ignore[import-untyped]

    found = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    return found | ({"CUDA": torch.version.cuda} if torch.version.cuda else {})


@dataclass(frozen=True)
class _Subject:
    """What both loops train. The images lie on the CPU."""

    member: Member
    recipe: Recipe
    width: float
    training: Images
    validation: Images

    @property
    def batch(self) -> int:
        return min(self.recipe.batch_size, len(self.training))

    def network(self) -> nn.Module:
        return build_network(self.member, self.recipe, self.width, seed=0)


def _subject(plan: Plan, member: Member, data: Data) -> _Subject:
    recipe = replace(plan.recipe(member), early_stopping=0)
    images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    training = Images(images, labels)
    if recipe.balance is not None:  # once, before both loops
        training = balanced(training, recipe.balance, seed=0)
        recipe = replace(recipe, balance=None)
    checked = torch.from_numpy(data.validation_images), torch.from_numpy(data.validation_labels)
    return _Subject(member, recipe, plan.profile.width, training, Images(*checked))


def measure_member(
    plan: Plan, member: Member, data: Data, on: Machine, effort: Effort
) -> MemberSpeed:
    """Time both loops on `member` as `plan` would train it."""
    subject = _subject(plan, member, data)
    cost = training_cost(subject.network(), input_side(subject.recipe))
    with exactness(exact=False):
        epochs, setup = _our_epochs(subject, on.device, effort)
        step = seconds_per_call(_step(subject, on.device, Settings()), on.device)
        called, bound = _called(subject, cost, on, step)
    plain = _plain_epochs(subject, on.device, effort)
    return MemberSpeed(
        member=member.name,
        batch=subject.batch,
        images=len(subject.training) // subject.batch * subject.batch,
        flops=cost.flops,
        epoch_seconds=statistics.median(epochs),
        setup_seconds=setup,
        step_seconds=step,
        called_step_seconds=called,
        exact_step_seconds=_exact_step_seconds(subject, on.device),
        utilisation=subject.batch * cost.flops / step / on.peak if on.peak else None,
        bound=bound,
        plain_epoch_seconds=statistics.median(epoch.seconds for epoch in plain),
        plain_extrapolated=any(epoch.extrapolated for epoch in plain),
    )


def _called(
    subject: _Subject, cost: TrainingCost, on: Machine, step: float
) -> tuple[float | None, str]:
    """Seconds of a step that is launched kernel by kernel, and what bounds the captured one, which
    takes `step`. On a CPU nothing is captured."""
    if on.device.type != "cuda":
        return None, ""
    run = _step(subject, on.device, Settings(capture=False))
    called = seconds_per_call(run, on.device)
    if on.peak is None or on.ceilings is None:
        return called, ""
    bound = what_bounds(
        cost,
        subject.batch,
        step=step,
        called=called,
        busy=busy_seconds(run, on.device),
        peak=on.peak,
        ceilings=on.ceilings,
    )
    return called, bound


def _exact_step_seconds(subject: _Subject, device: torch.device) -> float | None:
    """Seconds of a step whose repeats are bit-equal; None on a CPU, where every step is one, and
    for a network that has an operation without a deterministic form."""
    if device.type != "cuda":
        return None
    try:
        with exactness(exact=True):
            return seconds_per_call(_step(subject, device, Settings(exact=True)), device)
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        return None


def _moved(images: Images, device: torch.device) -> Images:
    return Images(images.images.to(device), images.labels.to(device))


def _ours(subject: _Subject, device: torch.device) -> nn.Module:
    network = subject.network().to(device)
    if device.type == "cpu":
        use_word_dropout(network)
    return network


class _Enough(Exception):
    """Ends a training that has been measured for long enough."""


def _our_epochs(
    subject: _Subject, device: torch.device, effort: Effort
) -> tuple[list[float], float]:
    """Seconds of the epochs that count, and of the set-up before the first."""
    seconds: list[float] = []

    def on_epoch(result: EpochResult) -> None:
        seconds.append(result.seconds)
        if len(seconds) > 1 and sum(seconds[1:]) >= effort.seconds:
            raise _Enough

    recipe = replace(subject.recipe, epochs=effort.epochs + 1)
    training, validation = (_moved(i, device) for i in (subject.training, subject.validation))
    network = _ours(subject, device)
    start = time.perf_counter()
    with contextlib.suppress(_Enough):
        train(network, recipe, training, validation, seed=0, on_epoch=on_epoch)
    return seconds[1:], time.perf_counter() - start - sum(seconds)


def _step(subject: _Subject, device: torch.device, settings: Settings) -> Callable[[], None]:
    """One training step on the same batch whenever it is called; the weights stay as they are."""
    training = _moved(subject.training, device)
    network = _ours(subject, device).to(memory_format=torch.channels_last).train()
    step = Step(network, subject.recipe, training, subject.batch, settings)
    rows = torch.randperm(len(training), device=device)[: subject.batch]
    return lambda: step(rows, 0.0, 0.5)


def _plain_epochs(subject: _Subject, device: torch.device, effort: Effort) -> list[PlainEpoch]:
    """The epochs that count."""
    recipe = replace(subject.recipe, epochs=effort.epochs + 1)
    epochs: list[PlainEpoch] = []
    for epoch in train_plainly(
        subject.network().to(device),
        recipe,
        subject.training,
        subject.validation,
        device=device,
        workers=effort.workers,
        most_seconds=effort.seconds,
    ):
        epochs.append(epoch)
        counted = epochs[1:]
        if counted and sum(e.train_seconds + e.val_seconds for e in counted) >= effort.seconds:
            break
    return epochs[1:]


def cold_start(plan: Plan) -> ColdStart:
    """Run `train` for the plan's members in a process of its own, into a folder that is thrown
    away. Raises `RequestError` when the command fails."""
    request = plan.request
    with tempfile.TemporaryDirectory(prefix="speed-") as folder:
        command = _train_command(plan, Path(folder))
        start = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - start
        if done.returncode:
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise RequestError(
                f"the cold start ended with exit code {done.returncode}: "
                f"{said[-1].strip() if said else 'nothing was printed'}"
            )
        store = LogitsStore(results_folder(Path(folder), request.dataset, plan.profile.name))
        entries = [store.read(member.name, 0) for member in plan.members]
    return ColdStart(
        members=tuple(member.name for member in plan.members),
        seconds=seconds,
        epochs=tuple(len(entry.manifest["history"]) for entry in entries if entry is not None),
    )


def _train_command(plan: Plan, results: Path) -> list[str]:
    request = plan.request
    command = [sys.executable, "-m", "benchmark", "train", request.members]
    command += ["--dataset", request.dataset, "--profile", plan.profile.name]
    command += ["--device", request.device, "--results", str(results)]
    command += ["--data", str(request.data)] if request.data else []
    command += [] if request.pretrained else ["--no-pretrained"]
    for path in request.zoo:
        command += ["--zoo", str(path)]
    return command
