"""What the ensemble paper observed, put to the predictions at hand.

The report on nine networks says that simple averaging did best, that weighting came close, that
per-class weights came last, that the ensemble gained some points, that nearly every added member
helped, and that the best ensemble left one out. Each becomes a figure with a 95 % bootstrap
interval over images and a range that the figure would lie in if the observation held here. How
close and how many points is the caller's to say, who has read the report.

All subsets of up to `POOL` members are averaged; of more members, a sample of subsets.
Shapes: S subsets, N images, D draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ensembles import metrics
from ensembles.fusion import softmax
from ensembles.methods import method
from ensembles.predictions import Bools, Floats, Ints, Predictions, Test, Validation
from ensembles.significance import SEED, bootstrap_means, percentile_interval
from ensembles.subsets import SubsetTable, SubsetTables, best_row, sampled_tables, subset_tables

Verdict: TypeAlias = Literal["supported", "contradicted", "open"]

POOL = 10
"""Members up to which every subset is bootstrapped (1,023 subsets)."""
DRAWS = 1_000
ALMOST_ALWAYS = 0.9
"""What 'almost always' is taken to mean: at least nine times in ten."""
_SAMPLED_ROWS = 1_000
_BATCH_NUMBERS = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """What the paper puts a number on, as shares of one. gain: of the average over the best single
    network, at least; close: how far a weighted average stays behind it, at most."""

    gain: float
    close: float


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number with its 95 % percentile interval over resampled images."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One observation of the paper and what it is here.

    figure: what decides. claimed_low, claimed_high: the range in which it would have to lie.
    supporting: further figures that the observation speaks of.
    """

    name: str
    claim: str
    figure: Figure
    claimed_low: float
    claimed_high: float
    supporting: tuple[Figure, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Supported or contradicted where the whole interval says so, else open."""
        if self.claimed_low <= self.figure.low and self.figure.high <= self.claimed_high:
            return "supported"
        if self.figure.high < self.claimed_low or self.figure.low > self.claimed_high:
            return "contradicted"
        return "open"


def _figure(name: str, value: float, draws: Floats) -> Figure:
    low, high = percentile_interval(draws)
    return Figure(name=name, value=float(value), low=float(low), high=float(high))


@dataclass(frozen=True, eq=False)
class _Rates:
    """Test accuracies of named methods, and of their bootstrap draws (D,), the same for all."""

    names: tuple[str, ...]
    values: Floats
    draws: Floats

    def gap(self, name: str, first: str, others: Sequence[str], nearest: bool = True) -> Figure:
        """Accuracy of `first` minus the highest (or lowest) of `others`."""
        one = self.names.index(first)
        rest = [self.names.index(other) for other in others]
        of = np.max if nearest else np.min
        value = self.values[one] - of(self.values[rest])
        return _figure(name, float(value), self.draws[one] - of(self.draws[rest], axis=0))


def _rates(validation: Validation, test: Test, draws: int, seed: int) -> _Rates:
    names = ("average", "accuracy", "exponential", "per_class", "single_best")
    combined = [method(name).fit(validation)(test.logits) for name in names]
    right = np.stack([metrics.predicted_classes(p) == test.labels for p in combined])
    return _Rates(names, right.mean(axis=1), bootstrap_means(right, draws, seed))


def _of_weightings(rates: _Rates, claimed: Claimed) -> tuple[Observation, ...]:
    weighted = ("accuracy", "exponential")
    return (
        Observation(
            name="average_ahead",
            claim="Simple averaging is best, ahead of the weighted averages by less than "
            f"{100 * claimed.close:g} points.",
            figure=rates.gap("average minus the better weighted one", "average", weighted),
            claimed_low=0.0,
            claimed_high=claimed.close,
            supporting=tuple(
                rates.gap(f"average minus {name}", "average", [name]) for name in weighted
            ),
        ),
        Observation(
            name="per_class_last",
            claim="Weights for each class do worse than all other averages.",
            figure=rates.gap(
                "per-class minus the worst other", "per_class", ("average", *weighted), False
            ),
            claimed_low=-1.0,
            claimed_high=0.0,
            supporting=(rates.gap("per-class minus average", "per_class", ["average"]),),
        ),
        Observation(
            name="gain_over_single",
            claim=f"The average gains at least {100 * claimed.gain:g} points over the best single "
            "network.",
            figure=rates.gap("average minus best single", "average", ["single_best"]),
            claimed_low=claimed.gain,
            claimed_high=1.0,
        ),
    )


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


def _shares(name: str, gains: Floats, draws: Floats) -> tuple[Figure, Figure]:
    """Mean gain of some additions (A,) and how many of them helped, with draws (A, D)."""
    share = float((gains > 0).mean())
    drawn = (draws > 0).mean(axis=0)
    # Resampling adds noise to each addition, which pulls every drawn share towards one half: the
    # draws tell how far the share varies, and their mean is put back to where it was.
    centred = np.clip(drawn - drawn.mean() + share, 0.0, 1.0)
    return (
        _figure(f"mean gain of {name}", float(gains.mean()), draws.mean(axis=0)),
        _figure(f"share of {name} that helps", share, centred),
    )


def _adding(tables: SubsetTables, alone: Floats, draws: Floats) -> Observation:
    """alone: validation accuracy of each member (M,); draws: test accuracies (S, D)."""
    before, after, joined = _joins(tables.test)
    mean = tables.validation.totals(alone) / tables.validation.sizes
    below = alone[joined] < mean[before]
    gains = tables.test.accuracies[after] - tables.test.accuracies[before]
    of_draws = draws[after] - draws[before]
    unknown = Figure(name="no such addition", value=np.nan, low=np.nan, high=np.nan)
    gain, share = (
        _shares("adding a member below the average", gains[below], of_draws[below])
        if below.any()
        else (unknown, unknown)
    )
    return Observation(
        name="adding_helps",
        claim="Adding a member almost always helps, even one below the average of the others.",
        figure=share,
        claimed_low=ALMOST_ALWAYS,
        claimed_high=1.0,
        supporting=(gain, *_shares("adding any member", gains, of_draws)),
    )


def _left_out(
    validation: Validation, tables: SubsetTables, validation_draws: Floats, test_draws: Floats
) -> Observation:
    members = len(tables.test.members)
    sizes = tables.validation.sizes
    smallest_first = np.argsort(sizes, kind="stable")
    best_rows = smallest_first[validation_draws[smallest_first].argmax(axis=0)]
    best = best_row(validation, tables.validation)
    everyone = tables.test.row(tuple(range(members)))
    gain = tables.test.accuracies[best] - tables.test.accuracies[everyone]
    return Observation(
        name="best_leaves_some_out",
        claim="The best ensemble is smaller than the whole.",
        figure=_figure(
            "members that the best subset on validation leaves out",
            members - int(sizes[best]),
            (members - sizes[best_rows]).astype(np.float64),
        ),
        claimed_low=1.0,
        claimed_high=float(members - 1),
        supporting=(
            _figure(
                "test accuracy of that subset minus that of all",
                float(gain),
                test_draws[best] - test_draws[everyone],
            ),
        ),
    )


def observations(
    validation: Validation,
    test: Test,
    claimed: Claimed,
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> tuple[Observation, ...]:
    """The paper's five observations on these predictions; everything is chosen on validation.

    Raises PredictionsError where there are fewer than two members or the splits differ in members,
    TypeError where `validation` is another split.
    """
    rates = _rates(validation, test, draws, seed)
    tables = (
        subset_tables(validation, test)
        if len(validation.members) <= POOL
        else sampled_tables(validation, test, rows=_SAMPLED_ROWS)
    )
    on_validation = bootstrap_means(correctness(validation, tables.validation), draws, seed)
    on_test = bootstrap_means(correctness(test, tables.test), draws, seed)
    alone = (metrics.predicted_classes(validation.logits) == validation.labels).mean(axis=1)
    return (
        *_of_weightings(rates, claimed),
        _adding(tables, np.asarray(alone), on_test),
        _left_out(validation, tables, on_validation, on_test),
    )
