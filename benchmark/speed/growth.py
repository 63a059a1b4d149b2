"""How our own times grow with members, images and classes, and what the largest tasks take.

Synthetic predictions; every time is the best of several runs after one that compiles and fills
caches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmark.speed.ensembles import (
    CLASSES,
    IMAGES,
    OURS,
    Timing,
    average_ours,
    greedy_ours,
    make_validation,
    timed,
)
from ensembles import contributions, scoring, significance, subsets
from ensembles.predictions import Test, Validation
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


def _timing(
    task: str, validation: Validation, seconds: float, first: float = float("nan")
) -> Timing:
    members, images, classes = validation.logits.shape
    return Timing(
        task=task,
        tool=OURS,
        members=members,
        images=images,
        classes=classes,
        seconds=seconds,
        ratio=seconds / first,
    )


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
            found.append(_timing(name, validation, seconds, first.setdefault(name, seconds)))
    return sorted(found, key=lambda timing: list(_GROWING).index(timing.task))


def _both(members: int, images: int, seed: int) -> tuple[Validation, Test]:
    """Predictions of the same members, half of them each of three architectures' variants."""
    validation = make_validation(members, images, CLASSES, seed)
    names = [f"{'abc'[i % 3]}-{i:02d}" for i in range(members)]
    other = make_validation(members, images, CLASSES, seed + 1)
    return (
        Validation.make(validation.logits, validation.labels, members=names),
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


def full_size(images: int = IMAGES, *, repeats: int = 2, seed: int = 0) -> list[Timing]:
    """Our times for the largest tasks that a report has; there is nothing they are relative to."""
    nine, twenty = _both(9, images, seed), _both(MOST_MEMBERS, images, seed)
    many, methods = _both(25, images, seed), _both(METHODS, images, seed)
    tasks: dict[str, tuple[Validation, Callable[[], object]]] = {
        f"every subset of {MOST_MEMBERS} members": (
            twenty[0],
            partial(subsets.subset_accuracies, twenty[0]),
        ),
        "every subset of 9 members on both splits, and all that is derived": (
            nine[0],
            partial(_derived, *nine),
        ),
        f"all pairs of {METHODS} methods, {DRAWS:,} bootstrap draws": (
            methods[0],
            partial(_paired, methods[0]),
        ),
        "every method of the catalogue, fitted and scored": (
            many[0],
            partial(scoring.compare, *many),
        ),
    }
    return [
        _timing(name, validation, timed(run, repeats)[0])
        for name, (validation, run) in tasks.items()
    ]
