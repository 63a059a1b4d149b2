"""What the ensemble paper observed, as figures of the predictions at hand.

The report on nine networks says that simple averaging did best, that weighting came close, that
per-class weights came last, that the ensemble gained some points, that nearly every added member
helped, and that the best ensemble left one out. Each becomes figures with a 95 % bootstrap interval
over images; what they say of the paper is the caller's to judge, who has read it.

All subsets of up to `POOL` members are averaged; of more members, a sample of subsets.
Shapes: S subsets, N images, A additions of a member to a subset, D draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ensembles import metrics
from ensembles.fusion import softmax
from ensembles.methods import method
from ensembles.predictions import Bools, Floats, Ints, Predictions, Test, Validation
from ensembles.significance import SEED, bootstrap_means, percentile_interval
from ensembles.subsets import SubsetTable, SubsetTables, best_row, sampled_tables, subset_tables

POOL = 10
"""Members up to which every subset is bootstrapped (1,023 subsets)."""
DRAWS = 1_000
_SAMPLED_ROWS = 1_000
_BATCH_NUMBERS = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number with its 95 % percentile interval over resampled images.

    recentred: whether the draws were moved to have the number as their mean (see `_shares`).
    """

    name: str
    value: float
    low: float
    high: float
    recentred: bool = False


def _figure(name: str, value: float, draws: Floats, recentred: bool = False) -> Figure:
    low, high = percentile_interval(draws)
    return Figure(
        name=name, value=float(value), low=float(low), high=float(high), recentred=recentred
    )


def _between_methods(validation: Validation, test: Test, draws: int, seed: int) -> Iterator[Figure]:
    """How far the simple average is ahead of the weighted ones and of the best single member, and
    the other averages of the one weighted for each class, in test accuracy."""
    names = ("average", "accuracy", "exponential", "per_class", "single_best")
    combined = [method(name).fit(validation)(test.logits) for name in names]
    right = np.stack([metrics.predicted_classes(p) == test.labels for p in combined])
    values = dict(zip(names, right.mean(axis=1), strict=True))
    drawn = dict(zip(names, bootstrap_means(right, draws, seed), strict=True))
    ahead = [("average", other) for other in names[1:]]
    for first, second in (*ahead, ("accuracy", "per_class"), ("exponential", "per_class")):
        gap, of_draws = values[first] - values[second], drawn[first] - drawn[second]
        yield _figure(f"{first} minus {second}", gap, of_draws)


def correctness(predictions: Predictions, table: SubsetTable) -> Bools:
    """Which images the average of each subset of a table gets right (S, N)."""
    members, n, c = predictions.logits.shape
    probabilities = softmax(predictions.logits).reshape(members, n * c)
    rows = max(1, _BATCH_NUMBERS // (n * c))
    right = np.empty((len(table), n), dtype=bool)
    for first in range(0, len(table), rows):
        some = slice(first, first + rows)
        sums = (table.membership(some) @ probabilities).reshape(-1, n, c)
        right[some] = metrics.predicted_classes(sums) == predictions.labels
    return right


def _joins(table: SubsetTable) -> tuple[Ints, Ints, Ints]:
    """Every counted joining of a member: rows without it, rows with it, and the member."""
    members = len(table.members)
    if table.exact:
        masks = np.arange(1, 1 << members)
        without = [masks[(masks >> member) & 1 == 0] for member in range(members)]
        joined = np.repeat(np.arange(members), [len(some) for some in without])
        before = np.concatenate(without)
        return before - 1, (before | 1 << joined) - 1, joined
    drawn = np.arange(table.searched, len(table)).reshape(-1, members)
    before, after = drawn[:, :-1].reshape(-1), drawn[:, 1:].reshape(-1)
    return before, after, (table.membership(after) - table.membership(before)).argmax(axis=1)


def _shares(name: str, gains: Floats, draws: Floats) -> Iterator[Figure]:
    """Mean gain of some additions (A,) and how many of them helped, with draws (A, D).

    The test split is itself a sample: its noise turns some small gains into losses and some small
    losses into gains, so the share that helps here lies nearer to one half than the share among all
    images would. Resampling adds the same noise once more, and pulls every drawn share further: the
    draws tell how far the share varies, and their mean is put back to where the observed share is.
    """
    share = float((gains > 0).mean())
    drawn = (draws > 0).mean(axis=0)
    recentred = np.clip(drawn - drawn.mean() + share, 0.0, 1.0)
    yield _figure(f"mean gain of {name}", float(gains.mean()), draws.mean(axis=0))
    yield _figure(f"share of {name} that helps", share, recentred, recentred=True)


def _adding(tables: SubsetTables, alone: Floats, draws: Floats) -> Iterator[Figure]:
    """alone: validation accuracy of each member (M,); draws: test accuracies (S, D).

    No member is below the average of any others where all are equally accurate; those figures are
    then left out.
    """
    before, after, joined = _joins(tables.test)
    mean = tables.validation.totals(alone) / tables.validation.sizes
    below = alone[joined] < mean[before]
    gains = tables.test.accuracies[after] - tables.test.accuracies[before]
    of_draws = draws[after] - draws[before]
    yield from _shares("adding any member", gains, of_draws)
    if below.any():
        yield from _shares("adding a member below the average", gains[below], of_draws[below])


def _left_out(
    validation: Validation, tables: SubsetTables, validation_draws: Floats, test_draws: Floats
) -> Iterator[Figure]:
    """How many members the best subset lacks, chosen anew in every draw, and what that gains."""
    members = len(tables.test.members)
    sizes = tables.validation.sizes
    smallest_first = np.argsort(sizes, kind="stable")
    best_rows = smallest_first[validation_draws[smallest_first].argmax(axis=0)]
    best = best_row(validation, tables.validation)
    everyone = tables.test.row(tuple(range(members)))
    yield _figure(
        "members that the best subset on validation leaves out",
        members - int(sizes[best]),
        (members - sizes[best_rows]).astype(np.float64),
    )
    yield _figure(
        "test accuracy of that subset minus that of all",
        float(tables.test.accuracies[best] - tables.test.accuracies[everyone]),
        test_draws[best] - test_draws[everyone],
    )


def observations(
    validation: Validation, test: Test, *, draws: int = DRAWS, seed: int = SEED
) -> Mapping[str, Figure]:
    """The figures of the paper's five observations by name; all is chosen on validation.

    Raises PredictionsError where there are fewer than two members or the splits differ in members,
    TypeError where `validation` is another split.
    """
    found = list(_between_methods(validation, test, draws, seed))
    tables = (
        subset_tables(validation, test)
        if len(validation.members) <= POOL
        else sampled_tables(validation, test, rows=_SAMPLED_ROWS)
    )
    on_validation = bootstrap_means(correctness(validation, tables.validation), draws, seed)
    on_test = bootstrap_means(correctness(test, tables.test), draws, seed)
    alone = (metrics.predicted_classes(validation.logits) == validation.labels).mean(axis=1)
    found += _adding(tables, np.asarray(alone), on_test)
    found += _left_out(validation, tables, on_validation, on_test)
    return {figure.name: figure for figure in found}
