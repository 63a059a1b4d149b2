"""How our own times grow with members, images and classes, and what the largest tasks take.

Synthetic predictions; every time is the best of several runs after one that compiles and fills
caches.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmark.speed.ensembles import (
    CLASSES,
    IMAGES,
    Timing,
    average_ours,
    greedy_ours,
    make_validation,
    timed,
    timing_of,
)
from ensembles import contributions, scoring, significance, subsets
from ensembles.predictions import Predictions, Test, Validation
from ensembles.selection import ROUNDS
from ensembles.subset_kernel import MOST_MEMBERS

GROWTH = (
    *((members, IMAGES, CLASSES) for members in (3, 6, 9, 12, 15)),
    *((9, images, CLASSES) for images in (1_000, 10_000, 30_000)),
    *((9, IMAGES, classes) for classes in (2, 20, 50)),
)
"""(members, images, classes) of `growth`: one of the three grows at a time."""
DRAWS = 10_000
METHODS = 30

_GROWING: dict[str, Callable[[Validation], object]] = {
    "soft voting": average_ours,
    f"greedy selection by accuracy, {ROUNDS} rounds": partial(greedy_ours, goal="accuracy"),
    "every subset": subsets.subset_accuracies,
}


def growth(
    sizes: tuple[tuple[int, int, int], ...] = GROWTH, *, repeats: int = 2, seed: int = 0
) -> list[Timing]:
    """Our times for more members, images and classes; ratio is to the first size of the task."""
    found: list[Timing] = []
    first: dict[str, float] = {}
    for size in sizes:
        validation = make_validation(*size, seed=seed)
        for name, run in _GROWING.items():
            seconds, _ = timed(partial(run, validation), repeats)
            ratio = seconds / first.setdefault(name, seconds)
            found.append(timing_of(validation, task=name, seconds=seconds, ratio=ratio))
    return sorted(found, key=lambda timing: list(_GROWING).index(timing.task))


def _both(members: int, images: int, seed: int) -> tuple[Validation, Test]:
    """Predictions of the same members on both splits, a third of them of each architecture."""
    names = [f"{'abc'[i % 3]}-{i:02d}" for i in range(members)]
    one, other = (make_validation(members, images, CLASSES, seed + i) for i in range(2))
    return (
        Validation.make(one.logits, one.labels, members=names),
        Test.make(other.logits, other.labels, members=names),
    )


def _derived(validation: Validation, test: Test) -> None:
    """All that is read off the table of every subset, on both splits."""
    tables = subsets.subset_tables(validation, test)
    subsets.growth(tables, validation)
    for table in (tables.validation, tables.test):
        contributions.contributions(table)
    contributions.pareto_front(tables, [float(i) for i in range(1, len(validation.members) + 1)])


def _paired(validation: Validation) -> None:
    correct = validation.logits.argmax(axis=-1) == validation.labels
    significance.paired_statistics(correct, validation.members, draws=DRAWS)


def _write(predictions: Predictions, folder: Path) -> None:
    """One split in the form that `score --predictions` reads."""
    folder.mkdir(parents=True)
    np.save(folder / "labels.npy", predictions.labels)
    for name, logits in zip(predictions.members, predictions.logits, strict=True):
        np.save(folder / f"{name}.npy", logits.astype(np.float32))


def cold_seconds(verb: str, members: int, images: int, seed: int = 0) -> float:
    """Seconds of `python -m benchmark <verb>` from the start of the process to files on disk."""
    with TemporaryDirectory() as folder:
        for predictions in _both(members, images, seed):
            split = "validation" if isinstance(predictions, Validation) else "test"
            _write(predictions, Path(folder) / split)
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "benchmark", verb, "--predictions", folder],
            check=True,
            capture_output=True,
        )
        return time.perf_counter() - start


def full_size(images: int = IMAGES, *, repeats: int = 2, seed: int = 0) -> list[Timing]:
    """Our times for the largest tasks that a report has; there is nothing they are relative to."""
    most, nine = _both(MOST_MEMBERS, images, seed)[0], _both(9, images, seed)
    many, methods = _both(25, images, seed), _both(METHODS, images, seed)[0]
    inside: tuple[tuple[str, Validation, Callable[[], object]], ...] = (
        (
            f"every subset of {MOST_MEMBERS} members",
            most,
            partial(subsets.subset_accuracies, most),
        ),
        (
            "every subset of 9 members on both splits, and all that is derived",
            nine[0],
            partial(_derived, *nine),
        ),
        (
            f"all pairs of {METHODS} methods, {DRAWS:,} bootstrap draws",
            methods,
            partial(_paired, methods),
        ),
        (
            "every method of the catalogue, fitted and scored",
            many[0],
            partial(scoring.compare, *many),
        ),
    )
    found = [
        timing_of(validation, task=name, seconds=timed(run, repeats)[0])
        for name, validation, run in inside
    ]
    for verb, members in (("score", 25), ("score", 26), ("report", 9)):
        seconds = min(cold_seconds(verb, members, images, seed) for _ in range(repeats))
        task = f"the command {verb}, from its start to files on disk"
        validation = make_validation(members, images, CLASSES, seed)
        found.append(timing_of(validation, task=task, seconds=seconds))
    return found
