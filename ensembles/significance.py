"""Which differences between methods are more than luck.

On one dataset the images are what was sampled: paired bootstrap intervals (the same resampled
images for every method), exact McNemar tests with Holm's correction, and what follows from them:
the group tied for the top and an interval for each rank. Friedman's and Nemenyi's tests (Demšar
2006) compare methods over *blocks*, which are seeds or datasets, never images.

Shapes: K methods, N images, D draws, B blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from ensembles.predictions import Bools, Floats, Ints, PredictionsError

DRAWS = 10_000
LEVEL = 0.95
SEED = 20_160_301
_CHUNK_NUMBERS = 2_000_000  # resampled indices held at a time: 24 MB with their counts


@dataclass(frozen=True, eq=False)
class PairedStatistics:
    """K methods on the same N images. Accuracies in [0, 1]; (K, K) compare row with column.

    low, high: percentile bootstrap interval of each accuracy. difference: row minus column, with
    its paired interval. only: images that the row gets right and the column wrong. p_values: exact
    McNemar, two-sided, each pair by itself; holm: corrected for all pairs. tied: methods that the
    most accurate one does not beat. rank_low, rank_high: 1 + how many beat the method, and K − how
    many it beats; all of these rank intervals hold together at `level` (Mogstad et al. 2024).
    """

    names: tuple[str, ...]
    images: int
    level: float
    accuracies: Floats
    low: Floats
    high: Floats
    difference: Floats
    difference_low: Floats
    difference_high: Floats
    only: Ints
    p_values: Floats
    holm: Floats
    tied: Bools
    rank_low: Ints
    rank_high: Ints

    @property
    def top(self) -> tuple[str, ...]:
        """Names of the methods tied for the top."""
        return tuple(name for name, tied in zip(self.names, self.tied, strict=True) if tied)


@dataclass(frozen=True, eq=False)
class BlockStatistics:
    """K methods over B blocks (seeds or datasets); higher values are better, rank 1 is the best.

    mean, deviation: (K,) over blocks, the standard deviation with B − 1. ranks: (K,) mean rank.
    statistic, p_value: Friedman's test. critical_difference: of mean ranks (Nemenyi). nemenyi:
    (K, K) p-values. groups: methods, best first, that cannot be told apart; none within another.
    """

    names: tuple[str, ...]
    blocks: tuple[str, ...]
    mean: Floats
    deviation: Floats
    ranks: Floats
    statistic: float
    p_value: float
    critical_difference: float
    nemenyi: Floats
    groups: tuple[tuple[str, ...], ...]


def resampled(images: int, draws: int, seed: int = SEED) -> Iterator[Ints]:
    """How often each image occurs in each bootstrap draw, (some draws, N) at a time.

    The draws depend on `seed`, `draws` and N alone, so whoever uses the same sees the same images.
    """
    rng = np.random.default_rng(seed)
    rows = max(1, _CHUNK_NUMBERS // images)
    for first in range(0, draws, rows):
        some = min(rows, draws - first)
        index = rng.integers(0, images, (some, images))
        index += np.arange(some)[:, None] * images
        yield np.bincount(index.reshape(-1), minlength=some * images).reshape(some, images)


def bootstrap_means(values: npt.ArrayLike, draws: int = DRAWS, seed: int = SEED) -> Floats:
    """Mean over resampled images of each row (K, N), the same images for all rows: (K, D)."""
    table = np.asarray(values)
    # Sums of 0 and 1 are exact in float32 below 2^24, and its matrix product twice as fast.
    small = table.dtype == np.bool_ and table.shape[1] < 1 << 24
    columns = table.T.astype(np.float32 if small else np.float64)  # (N, K)
    parts = [
        (weights.astype(columns.dtype) @ columns).T
        for weights in resampled(len(columns), draws, seed)
    ]
    return np.asarray(np.concatenate(parts, axis=1, dtype=np.float64) / len(columns))


def percentile_interval(draws: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Percentile interval over the last axis."""
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(draws, [tail, 1.0 - tail], axis=-1)
    return low, high


def only_right(correct: Bools) -> Ints:
    """Images that the row's method gets right and the column's wrong (K, K), of correct (K, N)."""
    right = correct.astype(np.float64)
    return np.asarray(np.rint(right @ (1.0 - right).T).astype(np.int64))


def mcnemar(only_first: npt.ArrayLike, only_second: npt.ArrayLike) -> Floats:
    """Exact two-sided p-values (McNemar 1947) of counts that only one of two gets right."""
    first, second = np.asarray(only_first), np.asarray(only_second)
    tail = bdtr(np.minimum(first, second).astype(np.float64), first + second, 0.5)
    return np.asarray(np.minimum(1.0, 2.0 * tail))


def holm(p_values: npt.ArrayLike) -> Floats:
    """Holm's step-down correction (1979) of p-values (T,)."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return corrected


def _mirrored(upper: Floats, members: int, diagonal: float) -> Floats:
    """(K, K) symmetric from its upper triangle's values in row order."""
    table: Floats = np.full((members, members), diagonal)
    rows, columns = np.triu_indices(members, 1)
    table[rows, columns] = table[columns, rows] = upper
    return table


def _difference_intervals(draws: Floats, level: float) -> tuple[Floats, Floats]:
    """Intervals (K, K) of row minus column from accuracies (K, D) of the same draws."""
    members = len(draws)
    low: Floats = np.zeros((members, members))
    high: Floats = np.zeros((members, members))
    for i in range(members - 1):
        below, above = percentile_interval(draws[i] - draws[i + 1 :], level)
        low[i, i + 1 :], high[i, i + 1 :] = below, above
        low[i + 1 :, i], high[i + 1 :, i] = -above, -below
    return low, high


def paired_statistics(
    correct: Bools,
    names: Sequence[str],
    *,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = SEED,
) -> PairedStatistics:
    """Everything about K methods whose answers on N images are right or wrong: correct (K, N).

    Raises PredictionsError where names and rows do not match or there is no image.
    """
    if correct.ndim != 2 or len(names) != len(correct) or correct.size == 0:
        raise PredictionsError(
            f"the answers have shape {correct.shape} and there are {len(names)} names: accepted is "
            "(methods, images) with one name for each method and at least one image"
        )
    members, images = correct.shape
    sampled = bootstrap_means(correct, draws, seed)
    low, high = percentile_interval(sampled, level)
    difference_low, difference_high = _difference_intervals(sampled, level)
    only = only_right(correct)
    upper = np.triu_indices(members, 1)
    p_values = mcnemar(only[upper], only.T[upper])
    accuracies = correct.mean(axis=1)
    corrected = _mirrored(holm(p_values), members, 1.0)
    difference = np.subtract.outer(accuracies, accuracies)
    beats = (corrected <= 1.0 - level) & (only > only.T)
    return PairedStatistics(
        names=tuple(names),
        images=images,
        level=level,
        accuracies=accuracies,
        low=low,
        high=high,
        difference=difference,
        difference_low=difference_low,
        difference_high=difference_high,
        only=only,
        p_values=_mirrored(p_values, members, 1.0),
        holm=corrected,
        tied=~beats[int(accuracies.argmax())],
        rank_low=1 + beats.sum(axis=0),
        rank_high=members - beats.sum(axis=1),
    )


def _groups(names: Sequence[str], ranks: Floats, reach: float) -> tuple[tuple[str, ...], ...]:
    order = np.argsort(ranks, kind="stable")
    ends = [int(np.flatnonzero(ranks[order] <= ranks[i] + reach)[-1]) for i in order]
    return tuple(
        tuple(names[i] for i in order[first : end + 1])
        for first, end in enumerate(ends)
        if first == 0 or end > ends[first - 1]
    )


def block_statistics(
    values: npt.ArrayLike, names: Sequence[str], blocks: Sequence[str], *, level: float = LEVEL
) -> BlockStatistics:
    """Friedman's test and Nemenyi's comparisons of values (B, K), higher being better.

    A block is a seed or a dataset, never an image. Raises PredictionsError where there are fewer
    than two blocks or three methods, or the names do not match.
    """
    from scipy import stats  # slow to import, and needed with several seeds only

    table = np.asarray(values, dtype=np.float64)
    if table.shape != (len(blocks), len(names)) or len(blocks) < 2 or len(names) < 3:
        raise PredictionsError(
            f"the values have shape {table.shape} for {len(blocks)} blocks and {len(names)} "
            "methods: accepted are (blocks, methods) with at least two blocks and three methods"
        )
    count, methods = table.shape
    each = stats.rankdata(-table, axis=1)
    ranks = each.mean(axis=0)
    statistic, p_value = 0.0, 1.0
    if np.ptp(each):  # else every method ties in every block and the test has nothing to divide by
        statistic, p_value = (float(x) for x in stats.friedmanchisquare(*table.T))
    error = np.sqrt(methods * (methods + 1) / (6.0 * count))
    distance = np.abs(np.subtract.outer(ranks, ranks)) / error
    reach = stats.studentized_range.ppf(level, methods, np.inf) / np.sqrt(2.0) * error
    upper = np.triu_indices(methods, 1)
    pairs = stats.studentized_range.sf(distance[upper] * np.sqrt(2.0), methods, np.inf)
    return BlockStatistics(
        names=tuple(names),
        blocks=tuple(blocks),
        mean=table.mean(axis=0),
        deviation=table.std(axis=0, ddof=1),
        ranks=ranks,
        statistic=statistic,
        p_value=p_value,
        critical_difference=float(reach),
        nemenyi=_mirrored(pairs, methods, 1.0),
        groups=_groups(names, ranks, float(reach)),
    )
