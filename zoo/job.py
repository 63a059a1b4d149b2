"""One member from nothing to logits: build, train, read out, measure what it cost."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from zoo.costs import architecture_fingerprint, input_side, network_costs
from zoo.dropout import thin_dropout, use_word_dropout
from zoo.inference import full_float32, latency_ms, predict_logits
from zoo.member import Member, Recipe
from zoo.run_state import EpochResult
from zoo.training import (
    Checkpoint,
    Images,
    Settings,
    Trained,
    TrainingError,
    epoch_seed,
    train,
)

# Read once, when a process first multiplies matrices on a GPU: too late for exact mode to set it.
# It is what a Hopper GPU does by default, and costs others 24 MiB.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Data:
    """What a member is trained and read out on. images: uint8 (N, 48, 48); labels: int64 (N,)."""

    train_images: Pixels
    train_labels: Labels
    validation_images: Pixels
    validation_labels: Labels
    test_images: Pixels


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training to be done."""

    member: Member
    recipe: Recipe
    """The member's, or what the profile makes of it."""
    width: float
    seed: int
    device: str = "cpu"
    threads: int = 0
    """CPU threads; 0 leaves torch's own choice. The number decides the last bits of the sums."""
    exact: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a job leaves behind. logits: split name to float32 (N, C)."""

    logits: dict[str, npt.NDArray[np.float32]]
    trained: Trained
    parameters: int
    macs: int
    latency_ms: float
    device: str
    accumulate: int
    """Parts each batch was cut into because it did not fit into memory; 1 is whole."""
    weights: dict[str, torch.Tensor]


def build_network(member: Member, recipe: Recipe, width: float, seed: int) -> nn.Module:
    """The network before training, the same for the same seed."""
    torch.manual_seed(epoch_seed(seed, 2**32 - 2))
    if recipe.pretrained and member.build_pretrained is not None:
        return member.build_pretrained(width)
    return member.build(width)


def fingerprint(member: Member, width: float) -> str:
    """Hash of the architecture, without giving its weights any memory."""
    with torch.device("meta"):
        return architecture_fingerprint(member.build(width))


@contextlib.contextmanager
def exactness(exact: bool) -> Iterator[None]:
    """Bit-equal repeats on a GPU inside the block, at the price of speed."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(exact, warn_only=False)
    # Filling fresh memory guards against code that reads what it never wrote; ours does not.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        with full_float32():
            torch.backends.cudnn.benchmark = not exact
            yield
    finally:
        torch.use_deterministic_algorithms(before)


def run_job(
    job: Job,
    data: Data,
    *,
    on_epoch: Callable[[EpochResult], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Outcome:
    """Train one member and read out its logits.

    A batch that does not fit into memory is halved once, its gradients accumulated.
    Raises `TrainingError`, `ZooError`.
    """
    if job.threads:
        torch.set_num_threads(job.threads)
    gpus = [torch.cuda.current_device()] if torch.device(job.device).type == "cuda" else []
    with exactness(job.exact), torch.random.fork_rng(gpus):
        for parts in (1, 2):
            settings = Settings(exact=job.exact, accumulate=parts)
            try:
                return _run(job, data, settings, on_epoch, checkpoint)
            except Exception as error:
                if not ran_out_of_memory(error):
                    raise
                told = (str(error) or type(error).__name__).split("\n")[0]
            # Only here is the failed attempt's network free: the error held on to it.
            torch.cuda.empty_cache()
    raise TrainingError(
        f"out of memory with batches of {job.recipe.batch_size} images, and again with halves of "
        f"them ({told}): a smaller batch size is needed, or fewer trainings at once (--jobs 1)"
    )


def ran_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory was what `error` is about, or what came before it: ending the capture of a
    step that ran out of memory raises an error of its own."""
    while error is not None:
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            return True
        if isinstance(error, RuntimeError) and "can't allocate memory" in str(error):
            return True  # what torch says of a CPU's memory
        error = error.__cause__ or error.__context__
    return False


def _run(
    job: Job,
    data: Data,
    settings: Settings,
    on_epoch: Callable[[EpochResult], None] | None,
    checkpoint: Checkpoint | None,
) -> Outcome:
    device = torch.device(job.device)
    start = time.perf_counter()
    network = build_network(job.member, job.recipe, job.width, job.seed).to(device)
    if job.member.recipe.dropout:  # a profile that narrows a network drops less, as it records
        thin_dropout(network, job.recipe.dropout / job.member.recipe.dropout)
    if device.type == "cpu":
        use_word_dropout(network)
    trained = train(
        network,
        job.recipe,
        _images(data.train_images, data.train_labels, device),
        _images(data.validation_images, data.validation_labels, device),
        seed=job.seed,
        settings=settings,
        on_epoch=on_epoch,
        checkpoint=checkpoint,
    )
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - start
    logits = {
        "validation": _logits(network, job.recipe, data.validation_images, device),
        "test": _logits(network, job.recipe, data.test_images, device),
    }
    for split, values in logits.items():
        if not np.isfinite(values).all():
            raise TrainingError(
                f"the logits of the {split} split are not finite: training diverged; a smaller "
                f"learning rate than {job.recipe.learning_rate:g} is needed"
            )
    counted = network_costs(network, input_side(job.recipe))
    return Outcome(
        logits=logits,
        # A resumed training took the recorded epochs' time; an undisturbed one also the set-up.
        trained=Trained(
            trained.history,
            trained.seconds if trained.resumed_from else seconds,
            trained.resumed_from,
        ),
        parameters=counted.parameters,
        macs=counted.macs,
        latency_ms=latency_ms(network, job.recipe, device),
        device=device_name(device),
        accumulate=settings.accumulate,
        weights={name: tensor.cpu() for name, tensor in network.state_dict().items()},
    )


def _images(images: Pixels, labels: Labels, device: torch.device) -> Images:
    return Images(torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device))


def _logits(
    network: nn.Module, recipe: Recipe, images: Pixels, device: torch.device
) -> npt.NDArray[np.float32]:
    return predict_logits(network, recipe, torch.from_numpy(images).to(device))


def device_name(device: torch.device) -> str:
    """What the hardware calls itself."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def resolve_device(wanted: str) -> str:
    """`auto` is the GPU where there is one."""
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


def library_versions() -> dict[str, Any]:
    """Versions of what decides the logits."""
    import timm  # type: ignore[import-untyped,unused-ignore]

    return {"torch": torch.__version__, "timm": timm.__version__, "numpy": np.__version__}
