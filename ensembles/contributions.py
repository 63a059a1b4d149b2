"""What each member adds to the average of the others, and what accuracy costs.

Everything is read off the counts of `subsets`. The Shapley value of a member is its mean gain over
all orders in which the members could have been added (Shapley 1953; for ensembles of classifiers
Rozemberczki & Sarkar 2021); an ensemble of nobody counts as never right, so that the values add up
to the accuracy of all members together.
"""

from __future__ import annotations

from collections.abc import Sequence
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
        shares = np.where(self.sizes > 0, self.shares, 0.0)
        total = shares.sum()
        return float(shares @ np.asarray(happens) / total) if total else float("nan")


def _exact_gains(table: SubsetTable, member: int) -> _Gains:
    members = len(table.members)
    shape = (1 << (members - 1 - member), 2, 1 << member)  # (above, without or with, below)
    counts = np.concatenate([[0], table.correct]).reshape(shape)
    sizes = np.concatenate([[0], table.sizes]).reshape(shape)[:, 0].reshape(-1)
    orders = np.array([1.0 / (members * comb(members - 1, s)) for s in range(members)])
    return _Gains((counts[:, 1] - counts[:, 0]).reshape(-1), sizes, orders[sizes])


def _sampled_gains(table: SubsetTable, member: int) -> _Gains:
    members = len(table.members)
    drawn = slice(table.searched, None)
    has = table.membership(drawn)[:, member].reshape(-1, members)  # (P, M), from joining onward
    joins = members - has.sum(axis=1, dtype=np.int64)
    counts = np.pad(table.correct[drawn].reshape(-1, members), ((0, 0), (1, 0)))
    rows = np.arange(len(joins))
    images = counts[rows, joins + 1] - counts[rows, joins]
    return _Gains(images, joins, np.full(len(joins), 1.0 / len(joins)))


def contributions(table: SubsetTable) -> tuple[Contribution, ...]:
    """What each member contributes, in the order of the members."""
    members = len(table.members)
    everyone = tuple(range(members))
    together = int(table.correct[table.row(everyone)])
    found = []
    for member, name in enumerate(table.members):
        gains = _exact_gains(table, member) if table.exact else _sampled_gains(table, member)
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
