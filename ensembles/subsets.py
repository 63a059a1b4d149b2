"""The average of every subset of members: exact up to 20 members, a labelled sample above.

One pass counts, for all 2^M − 1 subsets, how many images the average of their probabilities (or
log-probabilities) gets right; `subset_kernel` says how. Growth curve, best subset of each size and
everything in `contributions` are read off that table. Subsets are chosen on the validation split;
the test figures stand beside.

Above 20 members, or where the exact count would take minutes, the table holds a greedy chain
(Caruana et al. 2004, without replacement), every subset that lacks one member, and the prefixes of
random orders of the members. Each order comes with all its rotations, so that every member joins
first, second, ... equally often (stratified permutation sampling); `exact` is then False.

Shapes: M members, N images, C classes, S subsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ensembles.fusion import Outputs, Space, softmax
from ensembles.metrics import log_loss
from ensembles.predictions import (
    Floats,
    Ints,
    Predictions,
    PredictionsError,
    Test,
    Validation,
    require_validation,
)
from ensembles.subset_kernel import MOST_MEMBERS, Margins, count_all, margins_of

EXACT_WORK = 10**12
"""Most additions (2^M · N · (C − 1)) of an exact table: about a minute on two cores."""
SAMPLED_ROWS = 4_000
"""About as many subsets are drawn where not all can be counted."""
SEED = 20_160_301
MOST_TIES = 1_000
"""Equally good subsets of equal size whose log loss is compared; on real splits there are few."""
_BATCH_ROWS = 1 << 16


@dataclass(frozen=True, eq=False)
class SubsetTable:
    """Images that the average of each subset gets right, on one split.

    packed: (S, ⌈M/8⌉) uint8, member m is bit m % 8 of byte m // 8. correct: (S,) counts. images: N.
    exact: whether all non-empty subsets are there, in the order of their bit masks. Where they are
    not, the first `searched` rows were picked on the validation split (greedy chain, all but one)
    and the rest are prefixes of uniformly drawn orders, M rows for each order.
    """

    members: tuple[str, ...]
    packed: npt.NDArray[np.uint8]
    correct: Ints
    images: int
    exact: bool
    searched: int = 0

    def __len__(self) -> int:
        return len(self.correct)

    @cached_property
    def sizes(self) -> Ints:
        """Members of each subset (S,)."""
        return np.asarray(np.bitwise_count(self.packed).sum(axis=1, dtype=np.int64))

    @property
    def accuracies(self) -> Floats:
        """(S,) in [0, 1]."""
        return np.asarray(self.correct / self.images)

    def membership(self, rows: slice | Ints) -> npt.NDArray[np.uint8]:
        """(rows, M), 1 where a member belongs to the subset."""
        return np.unpackbits(self.packed[rows], axis=1, count=len(self.members), bitorder="little")

    def subset(self, row: int) -> tuple[int, ...]:
        """Indices of the members of one subset, ascending."""
        return tuple(int(i) for i in np.flatnonzero(self.membership(slice(row, row + 1))[0]))

    def names(self, row: int) -> tuple[str, ...]:
        """Names of the members of one subset."""
        return tuple(self.members[i] for i in self.subset(row))

    def row(self, subset: tuple[int, ...]) -> int:
        """Where a subset stands; PredictionsError where it was not counted."""
        if self.exact and subset:
            return sum(1 << i for i in set(subset)) - 1
        wanted = _packed(np.isin(np.arange(len(self.members)), subset)[None])[0]
        found = np.flatnonzero((self.packed == wanted).all(axis=1))
        if not len(found):
            names = ", ".join(self.members[i] for i in subset)
            raise PredictionsError(
                f"the subset ({names}) is not in the table: accepted are the {len(self)} subsets "
                "that were counted"
            )
        return int(found[0])

    def totals(self, values: Floats) -> Floats:
        """Sum of one value (M,) per member over each subset (S,)."""
        totals = np.empty(len(self))
        for first in range(0, len(self), _BATCH_ROWS):
            rows = slice(first, first + _BATCH_ROWS)
            totals[rows] = self.membership(rows) @ values
        return totals


@dataclass(frozen=True, eq=False)
class SubsetTables:
    """The same subsets in the same order on both splits."""

    validation: SubsetTable
    test: SubsetTable


@dataclass(frozen=True, kw_only=True)
class Size:
    """What the subsets of one size do. Accuracies in [0, 1].

    subsets: how many were counted. best: the subset chosen on validation (see `best_row`), with
    its accuracy on both splits. The rest summarises all subsets of the size: on the test
    split, `test_most` is found by looking, so it is a bound and no result. Where the table is a
    sample, the means are over its uniformly drawn subsets.
    """

    size: int
    subsets: int
    best: tuple[str, ...]
    best_validation: float
    best_test: float
    validation_mean: float
    validation_least: float
    test_most: float
    test_mean: float
    test_least: float


def _packed(membership: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return np.packbits(membership, axis=1, bitorder="little")


def exactly_countable(predictions: Predictions) -> bool:
    """Whether all subsets can be counted: at most 20 members, within `EXACT_WORK`."""
    members, n, c = predictions.logits.shape
    return bool(members <= MOST_MEMBERS and (1 << members) * n * (c - 1) <= EXACT_WORK)


def _exact_table(predictions: Predictions, space: Space) -> SubsetTable:
    members = len(predictions.members)
    counts = count_all(Outputs(predictions.logits).in_space(space), predictions.labels)
    masks = np.arange(1, 1 << members, dtype="<u4")  # its bytes are the packed form
    packed = masks.view(np.uint8).reshape(-1, 4)[:, : -(-members // 8)]
    return SubsetTable(
        predictions.members, packed.copy(), counts[1:], len(predictions.labels), True
    )


def _count_prefixes(parts: list[Margins], orders: Ints) -> Ints:
    """Images right for each prefix of each order of the members (P, M): counts (P, M)."""
    counts = np.zeros(orders.shape, dtype=np.int64)
    for part in parts:
        for order, out in zip(orders, counts, strict=True):
            sums = part.start.copy()
            for i, member in enumerate(order):
                sums += part.margins[member]
                out[i] += part.count(sums)
    return counts


def _greedy_order(parts: list[Margins], members: int) -> Ints:
    """All members, each time the one whose addition gets most images right (first of equals)."""
    order: list[int] = []
    sums = [part.start.copy() for part in parts]
    left = list(range(members))
    while left:
        counts = [
            sum(
                part.count(total + part.margins[i]) for part, total in zip(parts, sums, strict=True)
            )
            for i in left
        ]
        taken = left.pop(int(np.argmax(counts)))
        order.append(taken)
        for i, part in enumerate(parts):
            sums[i] += part.margins[taken]
    return np.array(order)


def _random_orders(members: int, rows: int, seed: int) -> Ints:
    """Uniform orders (P, M), each followed by its M − 1 rotations."""
    rng = np.random.default_rng(seed)
    drawn = max(1, rows // members**2)
    shifts = np.add.outer(np.arange(members), np.arange(members)) % members
    return np.concatenate([rng.permutation(members)[shifts] for _ in range(drawn)])


def _prefix_membership(orders: Ints) -> npt.NDArray[np.bool_]:
    """(P, M) orders to the (P · M, M) membership of their prefixes."""
    members = orders.shape[1]
    place = np.argsort(orders, axis=1)  # when each member joins
    joined = place[:, None, :] <= np.arange(members)[None, :, None]
    return np.asarray(joined.reshape(-1, members))


def _count_rest(parts: list[Margins], members: int) -> Ints:
    """Images right for each subset that lacks one member (M,)."""
    counts = np.zeros(members, dtype=np.int64)
    for part in parts:
        everyone = part.start + part.margins.sum(axis=0)
        counts += [part.count(everyone - margins) for margins in part.margins]
    return counts


def _sampled(
    validation: Validation, others: tuple[Predictions, ...], space: Space, rows: int, seed: int
) -> tuple[SubsetTable, ...]:
    """Tables of the same sampled subsets on the validation split and others."""
    members = len(validation.members)
    drawn = _random_orders(members, rows, seed)
    tables = []
    orders = drawn
    for predictions in (validation, *others):
        values = Outputs(predictions.logits).in_space(space)
        parts = list(margins_of(values, predictions.labels))
        if predictions is validation:
            orders = np.vstack([_greedy_order(parts, members), drawn])
        counts = _count_prefixes(parts, orders)
        rest = ~np.eye(members, dtype=bool)
        membership = _prefix_membership(orders)
        tables.append(
            SubsetTable(
                members=predictions.members,
                packed=_packed(np.vstack([membership[:members], rest, membership[members:]])),
                correct=np.concatenate(
                    [counts[0], _count_rest(parts, members), counts[1:].reshape(-1)]
                ),
                images=len(predictions.labels),
                exact=False,
                searched=2 * members,
            )
        )
    return tuple(tables)


def sampled_tables(
    validation: Validation,
    test: Test,
    space: Space = "probability",
    *,
    rows: int = SAMPLED_ROWS,
    seed: int = SEED,
) -> SubsetTables:
    """A sample of the subsets whatever the number of members, the same on both splits.

    rows: about how many; at least one order of the members with all its rotations is drawn.
    """
    mine, theirs = _sampled(require_validation(validation), (test,), space, rows, seed)
    return SubsetTables(mine, theirs)


def subset_accuracies(
    predictions: Predictions, space: Space = "probability", seed: int = SEED
) -> SubsetTable:
    """Images right for the average of every subset of the members on one split.

    Exact for up to `MOST_MEMBERS` members. Above, part of the sample is found by search, so only
    Validation predictions are taken and others raise TypeError.
    """
    if exactly_countable(predictions):
        return _exact_table(predictions, space)
    return _sampled(require_validation(predictions), (), space, SAMPLED_ROWS, seed)[0]


def subset_tables(
    validation: Validation, test: Test, space: Space = "probability", seed: int = SEED
) -> SubsetTables:
    """The same subsets counted on both splits; chosen, where they are a sample, on validation.

    Raises TypeError where `validation` is another split, PredictionsError where members differ.
    """
    require_validation(validation)
    if validation.members != test.members:
        raise PredictionsError(
            f"the validation split has the members {', '.join(validation.members)} but the test "
            f"split has {', '.join(test.members)}: accepted are the same members in the same order"
        )
    if exactly_countable(validation) and exactly_countable(test):
        return SubsetTables(_exact_table(validation, space), _exact_table(test, space))
    return sampled_tables(validation, test, space, seed=seed)


def best_row(
    validation: Predictions,
    table: SubsetTable,
    rows: Ints | None = None,
    space: Space = "probability",
) -> int:
    """The one of `rows` (all by default) that gets most images right: everybody's best subset.

    Of equals the one with fewest members, then the one whose average has the lowest log loss, then
    the first. validation: the predictions that were counted in `table`.
    """
    among = np.arange(len(table)) if rows is None else rows
    top = among[table.correct[among] == table.correct[among].max()]
    ties = top[table.sizes[top] == table.sizes[top].min()][:MOST_TIES]
    if len(ties) == 1:
        return int(ties[0])
    values = Outputs(validation.logits).in_space(space)
    means = (values[list(table.subset(int(row)))].mean(axis=0) for row in ties)
    losses = [
        log_loss(softmax(mean) if space == "logit" else mean, validation.labels) for mean in means
    ]
    return int(ties[int(np.argmin(losses))])


def growth(tables: SubsetTables, validation: Validation) -> tuple[Size, ...]:
    """Best, mean and worst subset of each size, from one member to all.

    validation: the predictions that `tables` were counted from.
    """
    sizes = tables.validation.sizes
    order = np.argsort(sizes, kind="stable")
    bounds = np.searchsorted(sizes[order], np.arange(1, len(validation.members) + 2))
    found = []
    for size, (first, last) in enumerate(pairwise(bounds), start=1):
        rows = order[first:last]
        best = best_row(validation, tables.validation, rows)
        found.append(_size(tables.validation, tables.test, rows, best, size))
    return tuple(found)


def _size(validation: SubsetTable, test: SubsetTable, rows: Ints, best: int, size: int) -> Size:
    of_validation, of_test = validation.correct[rows], test.correct[rows]
    uniform = rows >= validation.searched
    return Size(
        size=size,
        subsets=len(np.unique(validation.packed[rows], axis=0))
        if validation.searched
        else len(rows),
        best=validation.names(best),
        best_validation=float(validation.correct[best] / validation.images),
        best_test=float(test.correct[best] / test.images),
        validation_mean=float(of_validation[uniform].mean() / validation.images),
        validation_least=float(of_validation.min() / validation.images),
        test_most=float(of_test.max() / test.images),
        test_mean=float(of_test[uniform].mean() / test.images),
        test_least=float(of_test.min() / test.images),
    )
