"""What each member adds to the average of the others, and what accuracy costs.

Everything is read off the counts of `subsets`. The Shapley value of a member is its mean gain over
all orders in which the members could have been added (Shapley 1953; for ensembles of classifiers
Rozemberczki & Sarkar 2021); an ensemble of nobody counts as never right, so that the values add up
to the accuracy of all members together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

from ensembles.predictions import Floats, Ints, PredictionsError
from ensembles.subsets import SubsetTable, SubsetTables


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """One member within the averages of all members, on one split. Accuracies in [0, 1].

    alone: its own accuracy. shapley: its share of the accuracy of all. leave_one_out: accuracy of
    all minus that of all others. mean_gain, helps, hurts: when it joins a non-empty subset of the
    others (all sizes counting alike), the mean change of accuracy and how often it is better and
    worse; NaN for a lone member. All but `alone` and `leave_one_out` are estimates unless `exact`.
    """

    member: str
    alone: float
    shapley: float
    leave_one_out: float
    mean_gain: float
    helps: float
    hurts: float
    exact: bool


@dataclass(frozen=True, kw_only=True)
class CostPoint:
    """A subset than which none costs less without being less accurate on validation."""

    members: tuple[str, ...]
    cost: float
    validation_accuracy: float
    test_accuracy: float


@dataclass(frozen=True, eq=False)
class _Gains:
    """Images won by each addition (A,) of one member, to how many, in what share of orders."""

    images: Ints
    sizes: Ints
    shares: Floats

    def when_joining(self, happens: npt.ArrayLike) -> float:
        """Mean of something (A,) over the additions to at least one member; NaN without any."""
        shares = self.shares * (self.sizes > 0)
        total = shares.sum()
        return float(shares @ np.asarray(happens) / total) if total else float("nan")


def _exact_gains(table: SubsetTable) -> Iterator[_Gains]:
    members = len(table.members)
    counts = np.concatenate([[0], table.correct])  # by bit mask
    sizes = np.concatenate([[0], table.sizes])
    orders = np.array([1.0 / (members * comb(members - 1, s)) for s in range(members)])
    for member in range(members):
        shape = (-1, 2, 1 << member)  # (members above, without or with it, members below)
        without, having = np.moveaxis(counts.reshape(shape), 1, 0)
        joined = sizes.reshape(shape)[:, 0].reshape(-1)
        yield _Gains((having - without).reshape(-1), joined, orders[joined])


def _sampled_gains(table: SubsetTable) -> Iterator[_Gains]:
    members = len(table.members)
    drawn = slice(table.searched, None)
    has = table.membership(drawn).reshape(-1, members, members)  # (P, prefix, member)
    counts = np.pad(table.correct[drawn].reshape(-1, members), ((0, 0), (1, 0)))
    rows = np.arange(len(has))
    for member in range(members):
        joined = members - has[:, :, member].sum(axis=1, dtype=np.int64)
        images = counts[rows, joined + 1] - counts[rows, joined]
        yield _Gains(images, joined, np.full(len(rows), 1.0 / len(rows)))


def contributions(table: SubsetTable) -> tuple[Contribution, ...]:
    """What each member contributes, in the order of the members."""
    members = len(table.members)
    everyone = tuple(range(members))
    together = int(table.correct[table.row(everyone)])
    found = []
    every_gain = _exact_gains(table) if table.exact else _sampled_gains(table)
    for member, (name, gains) in enumerate(zip(table.members, every_gain, strict=True)):
        rest = tuple(i for i in everyone if i != member)
        without = int(table.correct[table.row(rest)]) if rest else 0
        found.append(
            Contribution(
                member=name,
                alone=float(table.correct[table.row((member,))] / table.images),
                shapley=float(gains.shares @ gains.images / table.images),
                leave_one_out=(together - without) / table.images,
                mean_gain=gains.when_joining(gains.images) / table.images,
                helps=gains.when_joining(gains.images > 0),
                hurts=gains.when_joining(gains.images < 0),
                exact=table.exact,
            )
        )
    return tuple(found)


def shapley_values(table: SubsetTable) -> Floats:
    """Shapley value of each member (M,), in accuracy; they sum to the accuracy of all."""
    return np.array([contribution.shapley for contribution in contributions(table)])


def pareto_front(tables: SubsetTables, costs: Sequence[float]) -> tuple[CostPoint, ...]:
    """Subsets worth their cost, from the cheapest to the most accurate on validation.

    costs: one number per member (training seconds, multiply-accumulates, milliseconds), which add
    up within a subset. Of equal cost and accuracy the smallest, then the first subset is kept.
    Raises PredictionsError where a cost is negative or not finite, or there are too few or many.
    """
    table = tables.validation
    values = np.asarray(costs, dtype=np.float64)
    if values.shape != (len(table.members),):
        raise PredictionsError(
            f"there are {len(costs)} costs for {len(table.members)} members: accepted is one each"
        )
    wrong = np.flatnonzero(~np.isfinite(values) | (values < 0))
    if len(wrong):
        first = int(wrong[0])
        raise PredictionsError(
            f"the cost of member {table.members[first]!r} is {values[first]:g}: accepted are "
            "finite numbers from 0 on"
        )
    totals = table.totals(values)
    order = np.lexsort((table.sizes, -table.correct, totals))
    reached = np.maximum.accumulate(table.correct[order])
    better = np.concatenate([[True], reached[1:] > reached[:-1]])
    return tuple(
        CostPoint(
            members=table.names(int(row)),
            cost=float(totals[row]),
            validation_accuracy=float(table.correct[row] / table.images),
            test_accuracy=float(tables.test.correct[row] / tables.test.images),
        )
        for row in order[better]
    )
