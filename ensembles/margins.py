"""Counting right answers of many weightings at once, exactly, by looking only where it is open.

A non-negative combination is right on an image when Σ_m w_m (value of the true class − value of a
rival) is above zero for every rival (or zero, for rivals after the true class: ties go to the
lowest class). Where all members already agree on a pair, no weights can change it: only the
contested pairs, about a tenth of all on trained networks, have to be summed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensembles.compiling import compiled
from ensembles.predictions import Bools, Floats, Ints

Indices = npt.NDArray[np.intp]

_SMALLEST = np.nextafter(0.0, 1.0)
_BATCH_ELEMENTS = 1_000_000  # 8 MB of sums at a time stay near the cache


def _count_won(base: Floats, added: Floats, needed: Floats, slots: Indices) -> Ints:
    """Contested images won by each row of `base` (K,) + `added` (Q, K); compiled below.

    Slot by slot, every inner loop runs over neighbouring numbers without a branch, so that the
    compiler turns it into vector instructions.
    """
    won = np.zeros(len(added), dtype=np.int64)
    images = slots[1] if len(slots) > 1 else 0
    lost = np.zeros(images, dtype=np.int64)
    for query in range(len(added)):
        lost[:] = 0
        for slot in range(len(slots) - 1):
            here = slice(slots[slot], slots[slot + 1])
            sums, more, least = base[here], added[query, here], needed[here]
            for i in range(len(sums)):
                lost[i] |= sums[i] + more[i] < least[i]
        won[query] = images - lost.sum()
    return won


_compiled_count_won = compiled(_count_won)


@dataclass(frozen=True, eq=False)
class Contests:
    """The (image, rival class) pairs on which members disagree; K pairs over few images.

    margins: (M, K). needed: (K,), a sum below it loses the image. slots: pairs slots[r] to
    slots[r + 1] are the r-th rivals of those contested images that have so many, the images always
    in the same order, those with most rivals first. certain: images that every combination gets
    right.
    """

    margins: Floats
    needed: Floats
    slots: Indices
    certain: int

    @classmethod
    def of(cls, values: Floats, labels: Ints) -> Contests:
        """From probabilities or log-probabilities (M, N, C) and labels (N,)."""
        _, n, c = values.shape
        margins = values[:, np.arange(n), labels][:, :, None] - values  # (M, N, C)
        low, high = margins.min(axis=0), margins.max(axis=0)  # (N, C)
        rival = np.arange(c) != labels[:, None]
        before: Bools = np.arange(c) < labels[:, None]
        needed = np.where(before, _SMALLEST, 0.0)
        hopeless = (rival & (high < needed)).any(axis=1)
        contested = rival & (low < needed) & ~hopeless[:, None]
        images, rivals = np.nonzero(contested)
        rivals_of = contested.sum(axis=1)  # (N,)
        slot = (contested.cumsum(axis=1) - 1)[images, rivals]
        order = np.lexsort((images, -rivals_of[images], slot))
        images, rivals = images[order], rivals[order]
        return cls(
            margins=np.ascontiguousarray(margins[:, images, rivals]),
            needed=needed[images, rivals],
            slots=np.concatenate([[0], np.bincount(slot).cumsum()]).astype(np.intp),
            certain=int(n - hopeless.sum() - np.count_nonzero(rivals_of)),
        )

    def after_adding(self, sums: Floats) -> Ints:
        """Images (M,) right when one member's margins are added to the running `sums` (K,)."""
        won = _compiled_count_won(sums, self.margins, self.needed, self.slots)
        return np.asarray(self.certain + won)

    def count(self, weights: Floats) -> Ints:
        """Images (Q,) that each weighting (Q, M), non-negative and not all zero, gets right."""
        pairs = self.margins.shape[1]
        batch = max(1, _BATCH_ELEMENTS // max(1, pairs))
        counts = np.empty(len(weights), dtype=np.int64)
        sums, none = np.empty((min(batch, len(weights)), pairs)), np.zeros(pairs)
        for start in range(0, len(weights), batch):
            some = weights[start : start + batch]
            np.matmul(some, self.margins, out=sums[: len(some)])
            counts[start : start + batch] = _compiled_count_won(
                none, sums[: len(some)], self.needed, self.slots
            )
        return counts + self.certain
