"""Combiners that choose members on the validation split: single best, top-k, greedy, best subset.

Greedy selection with replacement and its bagged form: Caruana, Niculescu-Mizil, Crew & Ksikes,
"Ensemble selection from libraries of models", 2004.
"""

from __future__ import annotations

import dataclasses
import zlib
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ensembles import subsets
from ensembles.evidence import Evidence
from ensembles.fusion import Combiner, Space, linear, log_softmax
from ensembles.metrics import SMALLEST_PROBABILITY
from ensembles.predictions import Floats, Ints, PredictionsError

Goal: TypeAlias = Literal["accuracy", "log_loss"]
Indices: TypeAlias = npt.NDArray[np.intp]

ROUNDS = 100
"""Additions of greedy selection, as in AutoGluon; the best prefix is kept."""
BAGS = 20
BAG_SHARE = 0.5
"""Caruana et al. draw half of the library for each of 20 bags."""
BAG_ROUNDS = 25
"""Additions within a bag: the mean over bags refines the weights, so fewer are enough."""


def single_best(evidence: Evidence) -> Combiner:
    """The member of highest validation accuracy (then of lowest log loss), alone."""
    best = evidence.ranking[0]
    return chosen_average(evidence, (best,), detail=evidence.validation.members[best])


def chosen_average(
    evidence: Evidence, chosen: tuple[int, ...], space: Space = "probability", detail: str = ""
) -> Combiner:
    """Average of some members."""
    weights: Floats = np.zeros(evidence.size[0])
    weights[list(chosen)] = 1.0
    return linear(weights, evidence.size[1], space, detail)


def top_k(evidence: Evidence, space: Space = "probability", k: int | None = None) -> Combiner:
    """Average of the k members of highest validation accuracy.

    Without `k`, the smallest k of highest validation accuracy is taken. Raises PredictionsError
    where there are fewer than k members.
    """
    m = evidence.size[0]
    if k is not None and k > m:
        raise PredictionsError(f"the best {k} members were asked for: accepted are at most {m}")
    if k is None:
        nested = np.zeros((m, m))  # row k - 1 averages the best k
        nested[:, list(evidence.ranking)] = np.tri(m) / np.arange(1, m + 1)[:, None]
        k = int(evidence.contests(space).count(nested).argmax()) + 1
    return chosen_average(evidence, evidence.ranking[:k], space, detail=f"k = {k}")


def _sum_of_logs(values: Floats) -> Floats:
    """Σ log of each row of values (Q, N) between 2^-52 and 2^50, as logs of products of sixteen.

    Logarithms are what greedy selection by log loss spends its time on, and sixteen such factors
    stay within the range of float64.
    """
    q, n = values.shape
    paired = n - n % 16
    products: Floats = values[:, :paired].reshape(q, 16, -1).prod(axis=1)
    rest: Floats = np.log(values[:, paired:])
    return np.asarray(np.log(products).sum(axis=1) + rest.sum(axis=1))


def _true_probabilities(evidence: Evidence) -> Floats:
    """Probability of the true class (M, N), clipped as in the log loss."""
    true = evidence.outputs.probabilities[:, np.arange(len(evidence.labels)), evidence.labels]
    return np.maximum(true, SMALLEST_PROBABILITY)


def _losses_after(total: Floats, added: Floats, size: int, true: Ints | None) -> Floats:
    """Log loss (Q,) of the mean of `size` + 1 members, `total` being the sum of the first ones.

    Probability space (`true` None): total (N,) and added (Q, N) are `_true_probabilities`. Logit
    space: total (N, C) and added (Q, N, C) are log-probabilities, true (N,) the labels.
    """
    if true is None:
        sums = total + added
        return np.asarray(np.log(size + 1.0) - _sum_of_logs(sums) / sums.shape[1])
    fused = (total + added) / (size + 1)
    return np.asarray(-log_softmax(fused)[:, np.arange(len(true)), true].mean(axis=1))


def greedy_order(
    evidence: Evidence,
    space: Space = "probability",
    goal: Goal = "accuracy",
    rounds: int = ROUNDS,
    among: tuple[int, ...] | None = None,
) -> tuple[int, ...]:
    """Members in the order in which greedy selection with replacement takes them.

    Every round adds the member that most improves the mean on the validation split; of members
    that give equal accuracy the one of lowest log loss, then the first. The order is cut after the
    first round that reached the best value. `among`: the members that may be taken.
    """
    pool: Indices = np.arange(evidence.size[0]) if among is None else np.array(among)
    contests = evidence.contests(space)
    contests = dataclasses.replace(contests, margins=contests.margins[pool])
    if space == "probability":
        added, true = _true_probabilities(evidence)[pool], None
    else:
        added, true = evidence.outputs.log_probabilities[pool], evidence.labels
    sums, total = np.zeros(contests.margins.shape[1]), np.zeros(added.shape[1:])
    order: list[int] = []
    reached: list[float] = []
    for size in range(rounds):
        if goal == "accuracy":
            right = contests.after_adding(sums)
            candidates = np.flatnonzero(right == right.max())
            reached.append(float(right.max()))
        else:
            candidates = np.arange(len(pool))
        best = int(candidates[0])
        if len(candidates) > 1:
            losses = _losses_after(total, added[candidates], size, true)
            best = int(candidates[losses.argmin()])
        if goal == "log_loss":
            reached.append(-float(_losses_after(total, added[[best]], size, true)[0]))
        order.append(int(pool[best]))
        sums += contests.margins[best]
        total += added[best]
    return tuple(order[: int(np.argmax(reached)) + 1])


def greedy(evidence: Evidence, space: Space = "probability", goal: Goal = "accuracy") -> Combiner:
    """Greedy selection with replacement; a member's weight is how often it was taken."""
    m, classes = evidence.size
    order = greedy_order(evidence, space, goal)
    weights = np.bincount(order, minlength=m)
    taken, members = len(order), np.count_nonzero(weights)
    return linear(weights, classes, space, detail=f"{taken} taken, {members} different")


def bags(members: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """The members of each of `BAGS` bags, half of all (rounded up).

    A member's draws depend on its name alone, so that neither the order of the members nor a new
    one reshuffles the bags.
    """
    draws = np.stack(
        [np.random.default_rng(zlib.crc32(name.encode())).random(BAGS) for name in members]
    )
    size = int(np.ceil(len(members) * BAG_SHARE))
    return tuple(
        tuple(sorted(int(i) for i in column.argsort(kind="stable")[:size])) for column in draws.T
    )


def greedy_bagged(
    evidence: Evidence, space: Space = "probability", goal: Goal = "accuracy"
) -> Combiner:
    """Mean of the weights of greedy selections, each among half of the members."""
    m, classes = evidence.size
    weights = np.zeros(m)
    for bag in bags(evidence.validation.members):
        order = greedy_order(evidence, space, goal, BAG_ROUNDS, among=bag)
        weights += np.bincount(order, minlength=m) / len(order)
    return linear(weights, classes, space, detail=f"{BAGS} bags")


def best_subset(evidence: Evidence, space: Space = "probability") -> Combiner:
    """Average of the subset of members that gets most validation images right.

    All subsets of up to 20 members are counted; above that, or on very many images, it is a search,
    and the detail says so. Of equally good subsets the smallest is taken, then the one of lowest
    log loss. Exact copies of a member take no part.
    """
    m = evidence.size[0]
    logits = evidence.validation.logits
    copied = [any(np.array_equal(logits[i], logits[j]) for j in range(i)) for i in range(m)]
    distinct = np.flatnonzero(~np.array(copied))
    names = [evidence.validation.members[i] for i in distinct]
    validation = evidence.validation.select(names)
    if subsets.exactly_countable(validation):
        table = subsets.subset_accuracies(validation, space)
        row = subsets.best_row(validation, table, space=space)
        best, how = distinct[list(table.subset(row))], f"all {len(table):,} subsets"
    else:
        best, how = climb(evidence, space, distinct), "greedy search"
    detail = f"{len(best)} of {m} members, {how}"
    return chosen_average(evidence, tuple(int(i) for i in best), space, detail)


def climb(evidence: Evidence, space: Space, pool: Indices) -> Indices:
    """A subset of `pool` that no single addition, removal or exchange makes better.

    Steepest ascent from the best k members, k searched; better is more validation images right,
    then fewer members.
    """
    contests = evidence.contests(space)
    flips = np.eye(evidence.size[0], dtype=bool)[pool]  # one row for each member of the pool
    inside = np.isin(np.arange(evidence.size[0]), top_k(evidence, space).chosen) & flips.any(axis=0)
    reached = (-1, 0)
    while True:
        out, into = flips[inside[pool]], flips[~inside[pool]]
        swaps = (out[:, None] | into[None]).reshape(-1, len(inside))
        near = inside ^ np.vstack([np.zeros_like(flips[:1]), flips, swaps])
        near = near[near.any(axis=1)]
        right, sizes = contests.count(near.astype(np.float64)), near.sum(axis=1)
        best = int(np.lexsort((sizes, -right))[0])
        if (right[best], -sizes[best]) <= reached:
            return np.flatnonzero(inside)
        inside, reached = near[best], (int(right[best]), -int(sizes[best]))
