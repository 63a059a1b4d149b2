"""How many images the average of every subset of up to 20 members gets right, exactly.

The average of a subset is right on an image when, for every rival class, the members' margins
(value of the true class − value of the rival) sum to more than zero, or to zero where the rival
comes after the true class: ties go to the lowest class. Three things make 2^20 subsets of
3,589 x 7 a matter of seconds on two cores:

- Margins are whole numbers, so adding one member and taking it away again leaves no error behind,
  and a Gray code visits every subset by adding or taking away one member. Running float32 sums
  are wrong on about one subset in a hundred.
- 32 bits are twice as fast as 64 but round. Each rounded sum comes with a bound on its error;
  subsets that have an image within that bound (about one in 5,000) are counted again in 64.
- Pairs of image and rival on which all members agree can be decided by no subset and are left out.

64-bit margins of 20 members keep 58 binary digits after the point of a probability, more than
float64 sums do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ensembles.compiling import compiled
from ensembles.predictions import Bools, Floats, Ints

MOST_MEMBERS = 20
"""Sums of 20 margins fit into 32 bits with 26 binary digits after the point of a probability."""

_BLOCK = 128  # images summed together: all of a task's working set stays in the L1 cache
_GROUP = 3  # rivals per inner loop; more would need more alias checks than LLVM is willing to make
_LOW_MEMBERS = 12  # members toggled within a task; the rest number the tasks
_WIDE_MEMBERS = 12  # up to here 64 bits throughout take milliseconds, and need one compilation
_CHUNK_BYTES = 64 * 1024**2


@compiled
def _four_subsets(
    sums: npt.NDArray[Any],
    first: npt.NDArray[Any],
    second: npt.NDArray[Any],
    least: npt.NDArray[Any],
) -> None:
    """Lower `least` to the sums of a subset, and of it with the first, the second and both members.

    sums, first, second: (_GROUP * _BLOCK,), least: (4 * _BLOCK,). Three subsets in four are never
    stored, which halves the time.
    """
    kind = sums.dtype.type  # numba adds in 64 bits unless told otherwise, at half the speed
    for i in range(_BLOCK):
        j, k = _BLOCK + i, 2 * _BLOCK + i
        a, b, c = sums[i], sums[j], sums[k]
        least[i] = min(least[i], a, b, c)
        d, e, f = kind(a + first[i]), kind(b + first[j]), kind(c + first[k])
        least[j] = min(least[j], d, e, f)
        a, b, c = kind(a + second[i]), kind(b + second[j]), kind(c + second[k])
        least[k] = min(least[k], a, b, c)
        d, e, f = kind(d + second[i]), kind(e + second[j]), kind(f + second[k])
        least[3 * _BLOCK + i] = min(least[3 * _BLOCK + i], d, e, f)


@compiled
def _toggle(sums: npt.NDArray[Any], row: npt.NDArray[Any], add: bool) -> None:
    """Add or take away one member's margins in place."""
    if add:
        for i in range(len(sums)):
            sums[i] += row[i]
    else:
        for i in range(len(sums)):
            sums[i] -= row[i]


@compiled
def _below(least: npt.NDArray[Any], bar: Any) -> Any:
    """How many of `least` (_BLOCK,) are below `bar`."""
    found = np.int32(0)
    for i in range(_BLOCK):
        found = np.int32(found + np.int32(least[i] < bar))
    return found


@compiled
def _walk(
    margins: npt.NDArray[Any],
    sums: npt.NDArray[Any],
    bar: Any,
    lost: npt.NDArray[np.int32],
    unsure: npt.NDArray[np.bool_],
) -> None:
    """Visit every subset of some members in Gray-code order, for one block of images.

    margins: (members, rivals * _BLOCK), sums: (rivals * _BLOCK,) what they are added to, lost and
    unsure: (2^members,) added to in place.
    """
    most = margins.dtype.type(np.iinfo(margins.dtype).max)
    zero = margins.dtype.type(0)
    least = np.empty(4 * _BLOCK, margins.dtype)
    subset = 0
    for step in range(len(lost) // 4):
        if step > 0:
            member = 2
            while (step >> (member - 2)) & 1 == 0:
                member += 1
            subset ^= 1 << member
            _toggle(sums, margins[member], (subset >> member) & 1 == 1)
        for i in range(4 * _BLOCK):
            least[i] = most
        for group in range(0, len(sums), _GROUP * _BLOCK):
            end = group + _GROUP * _BLOCK
            _four_subsets(sums[group:end], margins[0, group:end], margins[1, group:end], least)
        for part in range(4):
            of_part = least[part * _BLOCK : (part + 1) * _BLOCK]
            below = _below(of_part, zero)
            lost[subset + part] += below
            unsure[subset + part] |= below > _below(of_part, bar)


@compiled
def _count_lost(  # noqa: PLR0917 - compiled functions take positions only
    margins: npt.NDArray[Any],
    start: npt.NDArray[Any],
    offsets: Ints,
    task: int,
    bar: Any,
    lost: npt.NDArray[np.int32],
    unsure: npt.NDArray[np.bool_],
) -> None:
    """Images lost by each subset, and whether some lost image's sum reaches `bar`: (2^low,).

    margins: (M, P) with blocks of images offsets[b] to offsets[b + 1], each rivals x _BLOCK.
    start: (P,) what the sums begin with. task: which of the members above the low ones take part.
    """
    low_members = 0
    while 1 << low_members < len(lost):
        low_members += 1
    for block in range(len(offsets) - 1):
        first, last = offsets[block], offsets[block + 1]
        sums = start[first:last].copy()
        for member in range(low_members, len(margins)):
            if (task >> (member - low_members)) & 1:
                row = margins[member, first:last]
                for i in range(len(sums)):
                    sums[i] += row[i]
        _walk(margins[:low_members, first:last].copy(), sums, bar, lost, unsure)


@dataclass(frozen=True, eq=False)
class Margins:
    """Contested pairs of image and rival, as 64-bit whole numbers, ready for the kernel.

    margins: (M, P). start: (P,), −1 for rivals before the true class, which must be beaten.
    offsets: where blocks of images begin and end. open_images: images in the blocks. certain:
    images that every subset gets right.
    """

    margins: Ints
    start: Ints
    offsets: Ints
    open_images: int
    certain: int

    @classmethod
    def of(cls, values: Floats, labels: Ints) -> Margins:
        """From probabilities or log-probabilities (M, N, C) and labels (N,)."""
        fixed = _fixed_point(values)
        n, c = fixed.shape[1:]
        margins = fixed[:, np.arange(n), labels][:, :, None] - fixed
        needed = (np.arange(c) < labels[:, None]).astype(np.int64)  # (N, C)
        rival = np.arange(c) != labels[:, None]
        # Every member short of `needed` by itself cannot reach it together, and the reverse.
        hopeless = (rival & (margins.max(axis=0) < needed)).any(axis=1)
        contested = rival & (margins.min(axis=0) < needed) & ~hopeless[:, None]
        packed, start, offsets = _in_blocks(margins, -needed, contested)
        opened = int(contested.any(axis=1).sum())
        return cls(packed, start, offsets, opened, n - int(hopeless.sum()) - opened)

    def count(self, sums: Ints) -> int:
        """Images right where `start` plus the margins of some members makes `sums` (P,)."""
        lost = 0
        for first, last in pairwise(self.offsets.tolist()):
            least = sums[first:last].reshape(-1, _BLOCK).min(axis=0)
            lost += int(np.count_nonzero(least < 0))
        return self.certain + self.open_images - lost

    def count_all(self) -> Ints:
        """Images right for every subset (2^M,); bit m of an index stands for member m."""
        members = len(self.margins)
        if members > _WIDE_MEMBERS:
            counts = self._count_narrow()
            if counts is not None:
                return counts
        lost, _ = self._run(self.margins, self.start, 0)
        return self.certain + self.open_images - lost

    def _count_narrow(self) -> Ints | None:
        """As `count_all` in 32 bits; None where too many subsets would have to be counted again."""
        members = len(self.margins)
        narrow = (self.margins + (1 << 31)) >> 32
        rounding = np.abs(self.margins - (narrow << 32)).sum(axis=0)
        slack = -(-int(rounding.max(initial=0)) >> 32)
        lost, unsure = self._run(
            narrow.astype(np.int32), (self.start - slack).astype(np.int32), -2 * slack
        )
        counts = self.certain + self.open_images - lost
        again = np.flatnonzero(unsure)
        if len(again) * 2 * members > len(counts):
            return None
        for subset in again:
            chosen = (int(subset) >> np.arange(members)) & 1 == 1
            counts[subset] = self.count(self.start + self.margins[chosen].sum(axis=0))
        return counts

    def _run(self, margins: npt.NDArray[Any], start: npt.NDArray[Any], bar: int) -> _Counts:
        if len(margins) == 1:  # the kernel visits four subsets at a time
            lost, unsure = self._run(np.vstack([margins, np.zeros_like(margins)]), start, bar)
            return lost[:2], unsure[:2]
        members = len(margins)
        low = max(2, min(_LOW_MEMBERS, members - 3))  # at least eight tasks where possible
        tasks = 1 << (members - low)
        lost = np.zeros((tasks, 1 << low), dtype=np.int32)
        unsure = np.zeros((tasks, 1 << low), dtype=np.bool_)
        typed_bar = margins.dtype.type(bar)

        def run(task: int) -> None:
            _count_lost(margins, start, self.offsets, task, typed_bar, lost[task], unsure[task])

        # Threads suffice, for compiled code releases the GIL, and leave processes free to fork.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(run, range(tasks)))
        return lost.reshape(-1).astype(np.int64), unsure.reshape(-1)


_Counts = tuple[Ints, Bools]


def _fixed_point(values: Floats) -> Ints:
    """Values (M, N, C) times a power of two that differs by image, rounded to whole numbers.

    The power is the largest with which every value and every sum of margins fits into 64 bits,
    and the upper half of such a sum, with room for a bound on its error, into 32.
    """
    largest, smallest = values.max(axis=(0, 2)), values.min(axis=(0, 2))  # (N,)
    widest = np.maximum(len(values) * (largest - smallest), np.maximum(largest, -smallest))
    _, exponent = np.frexp(1.001 * widest)
    fixed: Ints = np.rint(np.ldexp(values, (63 - exponent)[:, None])).astype(np.int64)
    return fixed


def _in_blocks(margins: Ints, start: Ints, contested: Bools) -> tuple[Ints, Ints, Ints]:
    """Contested pairs (M, P) and their start (P,), images with most rivals first, and offsets.

    Places that no pair takes begin far above zero and stay there: they are never lost.
    """
    rivals_of = contested.sum(axis=1)  # (N,)
    order = np.argsort(-rivals_of, kind="stable")
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    images, rivals = np.nonzero(contested)
    slots = (contested.cumsum(axis=1) - 1)[images, rivals]
    blocks = -(-int(np.count_nonzero(rivals_of)) // _BLOCK)
    tallest = rivals_of[order[: blocks * _BLOCK : _BLOCK]]
    height = -(-tallest // _GROUP) * _GROUP  # rivals of each block, filled up to whole groups
    offsets = np.concatenate([[0], (height * _BLOCK).cumsum()]).astype(np.int64)
    place = position[images]
    index = offsets[place // _BLOCK] + slots * _BLOCK + place % _BLOCK
    packed = np.zeros((len(margins), int(offsets[-1])), dtype=np.int64)
    packed[:, index] = margins[:, images, rivals]
    begin = np.full(int(offsets[-1]), 1 << 30, dtype=np.int64)
    begin[index] = start[images, rivals]
    return packed, begin, offsets


def margins_of(values: Floats, labels: Ints) -> Iterator[Margins]:
    """Margins of all images, in as many parts as keep the memory bounded."""
    members, n, c = values.shape
    rows = max(_BLOCK, _CHUNK_BYTES // (members * c * 8 * 4))
    for first in range(0, n, rows):
        here = slice(first, first + rows)
        yield Margins.of(values[:, here], labels[here])


def count_all(values: Floats, labels: Ints) -> Ints:
    """Images right for the average of every subset: (2^M,), the empty subset's entry is 0.

    values: probabilities or log-probabilities (M, N, C) with M at most `MOST_MEMBERS`; labels (N,).
    """
    counts = np.zeros(1 << len(values), dtype=np.int64)
    for margins in margins_of(values, labels):
        counts += margins.count_all()
    counts[0] = 0
    return counts
