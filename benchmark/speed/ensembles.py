"""How long combining, choosing and comparing takes, beside other libraries in the same run.

`measure` runs each task on the same synthetic predictions with our code, with every other library
that is installed (`pip install mlxtend deslib`, and `pip install --no-deps autogluon.core
autogluon.common autogluon.features`, whose pins would downgrade pandas; none is a dependency) and
as a plain numpy loop, and says whether the answers agree. Every time is the best of several runs
after one that compiles and fills caches. How our times grow
stands in `benchmark.speed.growth`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmark.speed import others
from ensembles import diversity, fusion, significance, subsets
from ensembles.evidence import Evidence
from ensembles.predictions import Bools, Floats, Ints, Predictions, Validation
from ensembles.selection import ROUNDS, Goal, greedy_order

OURS = "ours"
LOOP = "numpy loop"
MEMBERS, IMAGES, CLASSES = 12, 3_589, 7
"""As many images and classes as FER2013's test split has."""
SUBSET_MEMBERS = 9
"""Members of which every subset is averaged by the plain loop too (511 subsets)."""
DRAWS = 2_000
REPEATS = 5
_PATIENCE = 2.0  # seconds after which a slow library is not run again
_CLOSE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One tool on one task. seconds: NaN where the tool is not installed.

    ratio: its time over ours for the task (ours is 1). agrees: "yes" where it gives the same
    answer, "as good" where another one that is as good, else "no"; empty for ours and for what is
    not installed. note: what a reader must know.
    """

    task: str
    tool: str
    members: int
    images: int
    classes: int
    seconds: float
    ratio: float
    agrees: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class _Other:
    """Another way to do a task. package: what must be installed, or nothing. as_good: whether its
    answer is as good as ours, where several are right; None where it must be the same."""

    tool: str
    run: Callable[[], Any]
    package: str = ""
    note: str = ""
    as_good: Callable[[Any], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class _Task:
    name: str
    members: int
    ours: Callable[[], Any]
    rivals: tuple[_Other, ...]
    agree: Callable[[Any, Any], bool]


def make_validation(members: int, images: int, classes: int, seed: int = 0) -> Validation:
    """Synthetic predictions of members between half and three quarters right, errors shared."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    hard = rng.normal(size=(images, classes))
    logits = 1.2 * hard + rng.normal(size=(members, images, classes))
    skill = np.linspace(1.5, 2.5, members)
    logits[:, np.arange(images), labels] += skill[:, None]
    return Validation.make(logits, labels)


def installed(package: str) -> bool:
    """Whether a package, which may lie in a namespace that does not exist, can be imported."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def installed_versions() -> str:
    """numpy and each of the other tools that is installed, with versions."""
    found = []
    for package in ("numpy", "scikit-learn", "scipy", "mlxtend", "deslib", "autogluon.core"):
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{package} {version(package)}")
    return ", ".join(found)


def timed(run: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Best time in seconds of several runs after a first one, and the answer."""
    answer = run()
    best, spent = float("inf"), 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        answer = run()
        seconds = time.perf_counter() - start
        best, spent = min(best, seconds), spent + seconds
        if spent > _PATIENCE:
            break
    return best, answer


def average_ours(validation: Validation) -> Floats:
    """Soft voting: probabilities (N, C)."""
    return fusion.average(*Evidence(validation).size)(validation.logits)


def _soft_voting(validation: Validation) -> _Task:
    return _Task(
        name="soft voting",
        members=len(validation.members),
        ours=lambda: average_ours(validation),
        rivals=(
            _Other(
                tool="scikit-learn VotingClassifier",
                run=lambda: others.voting_classifier(validation),
                note="prefitted members that return cached probabilities",
            ),
            _Other(tool=LOOP, run=lambda: others.average_loop(validation)),
        ),
        agree=lambda one, other: bool(np.allclose(one, other, atol=_CLOSE)),
    )


def greedy_ours(validation: Validation, goal: Goal) -> Floats:
    """Weights (M,) of greedy selection."""
    order = greedy_order(Evidence(validation), goal=goal)
    return np.bincount(order, minlength=len(validation.members)) / len(order)


def _greedy(validation: Validation, goal: Goal) -> _Task:
    probabilities = fusion.softmax(validation.logits)
    labels = validation.labels
    note = "each member it takes is one of the best to add to those before it"
    if goal == "accuracy":
        note += "; between equals it draws lots, ours takes the one of lower log loss"
    return _Task(
        name=f"greedy selection by {goal.replace('_', ' ')}, {ROUNDS} rounds",
        members=len(validation.members),
        ours=lambda: greedy_ours(validation, goal),
        rivals=(
            _Other(
                tool="AutoGluon EnsembleSelection",
                run=lambda: others.autogluon(probabilities, labels, goal, ROUNDS),
                package="autogluon.core",
                note=note,
                as_good=lambda order: others.always_takes_a_best(
                    order, probabilities, labels, goal
                ),
            ),
            _Other(tool=LOOP, run=lambda: others.greedy_loop(probabilities, labels, goal, ROUNDS)),
        ),
        agree=lambda one, other: bool(np.allclose(one, other, atol=_CLOSE)),
    )


def _upper(table: Floats) -> Floats:
    return table[np.triu_indices(len(table), 1)]


def _q_ours(correct: Bools) -> Floats:
    return _upper(diversity.of_correct(correct)[2])


def _mcnemar_ours(correct: Bools) -> Floats:
    only = significance.only_right(correct)
    upper = np.triu_indices(len(only), 1)
    return significance.mcnemar(only[upper], only.T[upper])


def _of_pairs(
    name: str,
    validation: Validation,
    ours: Callable[[Bools], Floats],
    tool: str,
    theirs: Callable[[Ints, Ints], Floats],
) -> _Task:
    """A task on all pairs of members. `theirs` takes predicted classes (M, N) and labels (N,)."""
    predicted, labels = validation.logits.argmax(axis=-1), validation.labels
    correct: Bools = predicted == labels
    return _Task(
        name=name,
        members=len(predicted),
        ours=lambda: ours(correct),
        rivals=(_Other(tool=tool, run=lambda: theirs(predicted, labels), package=tool.lower()),),
        agree=lambda one, other: bool(np.allclose(one, other, atol=_CLOSE)),
    )


def _bootstrap_ours(correct: Bools) -> Floats:
    draws = significance.bootstrap_means(correct, DRAWS)
    return np.stack(significance.percentile_interval(draws), axis=1)


def _bootstrap(validation: Validation) -> _Task:
    correct: Bools = validation.logits.argmax(axis=-1) == validation.labels
    error = 2.5 / np.sqrt(len(validation.labels)) * 0.2  # a few Monte-Carlo errors of a percentile
    return _Task(
        name=f"bootstrap intervals, {DRAWS:,} draws",
        members=len(validation.members),
        ours=lambda: _bootstrap_ours(correct),
        rivals=(
            _Other(
                tool="scipy.stats.bootstrap",
                run=lambda: others.scipy_bootstrap(correct, DRAWS),
                note="agrees within Monte-Carlo error",
            ),
        ),
        agree=lambda one, other: bool(np.abs(one - other).max() < error),
    )


def _subsets(validation: Validation) -> _Task:
    some = validation.select(validation.members[:SUBSET_MEMBERS])
    return _Task(
        name="every subset",
        members=len(some.members),
        ours=lambda: subsets.subset_accuracies(some).correct,
        rivals=(_Other(tool=LOOP, run=lambda: others.subsets_loop(some)),),
        agree=lambda one, other: bool((one == other).all()),
    )


def timing_of(
    predictions: Predictions,
    *,
    task: str,
    seconds: float,
    ratio: float = float("nan"),
    tool: str = OURS,
    members: int | None = None,
    agrees: str = "",
    note: str = "",
) -> Timing:
    """A timing on `predictions`, of which the task took `members` (all by default)."""
    count, images, classes = predictions.logits.shape
    return Timing(
        task=task,
        tool=tool,
        members=count if members is None else members,
        images=images,
        classes=classes,
        seconds=seconds,
        ratio=ratio,
        agrees=agrees,
        note=note,
    )


def _agreement(task: _Task, other: _Other, ours: Any, theirs: Any) -> str:
    if other.as_good is not None:
        return "as good" if other.as_good(theirs) else "no"
    return "yes" if task.agree(ours, theirs) else "no"


def _measured(task: _Task, validation: Validation, repeats: int) -> list[Timing]:
    ours, answer = timed(task.ours, repeats)
    make = partial(timing_of, validation, task=task.name, members=task.members)
    found = [make(seconds=ours, ratio=1.0)]
    for other in task.rivals:
        if other.package and not installed(other.package):
            nan = float("nan")
            note = f"{other.package} is not installed"
            found.append(make(tool=other.tool, seconds=nan, ratio=nan, note=note))
            continue
        seconds, theirs = timed(other.run, repeats)
        agrees = _agreement(task, other, answer, theirs)
        ratio = seconds / ours
        found.append(
            make(tool=other.tool, seconds=seconds, ratio=ratio, agrees=agrees, note=other.note)
        )
    return found


def measure(
    validation: Validation | None = None, *, repeats: int = REPEATS, seed: int = 0
) -> list[Timing]:
    """Every task by every tool on the same predictions (synthetic ones by default).

    Tools that are not installed have a row that says so.
    """
    used = make_validation(MEMBERS, IMAGES, CLASSES, seed) if validation is None else validation
    tasks = (
        _soft_voting(used),
        _greedy(used, "accuracy"),
        _greedy(used, "log_loss"),
        _subsets(used),
        _of_pairs("Q-statistic of all pairs", used, _q_ours, "DESlib", others.deslib),
        _of_pairs("exact McNemar of all pairs", used, _mcnemar_ours, "mlxtend", others.mlxtend),
        _bootstrap(used),
    )
    return [timing for task in tasks for timing in _measured(task, used, repeats)]
