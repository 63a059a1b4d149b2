"""The arithmetic of per-class tables, with intervals: what one set of predictions can print.

Every check is a necessary condition. A table that was computed from predictions and rounded passes
all of them, whatever the predictions; one that fails any was not computed from the predictions
that it claims. For a class with n images, t of them found and d predictions of the class:
recall = t/n, precision = t/d, F1 = 2t/(n + d), with whole numbers t <= n and t <= d <= t + N - n.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from reports.audit_table import Averages, ClassRow, ClassTable, Rounded

Status: TypeAlias = Literal["consistent", "inconsistent", "note"]
Interval: TypeAlias = tuple[float, float]
SLACK = 1e-9
"""Relative allowance for arithmetic in double precision and for ties in rounding."""


@dataclass(frozen=True)
class Finding:
    """What one check says: the numbers it compared, and what that means for the claim."""

    check: str
    status: Status
    numbers: str
    meaning: str


@dataclass(frozen=True)
class Counts:
    """What a row allows: images found (low, high) and predictions of the class (low, high)."""

    found: tuple[int, int]
    predicted: tuple[int, int]


def possible_counts(row: ClassRow, images: int) -> Counts | None:
    """The whole numbers that a class row allows among `images` images, or None for none.

    Undefined ratios may be printed as 0, as 1 or not at all, as the writers of such tables choose.
    """
    n = row.support
    assert n is not None
    recall = row.recall if n > 0 else None
    low, high = (0.0, 1.0) if recall is None else (recall.low, recall.high)
    found = np.arange(_up(low * n), _down(min(high, 1.0) * n) + 1, dtype=np.float64)
    found = found[(found >= 0) & (found <= n)]
    least, most = found.copy(), found + (images - n)
    positive = found > 0
    if row.precision is not None:
        _narrow(least, most, found / _floor(row.precision.high), positive, at_least=True)
        if row.precision.low > 0:
            _narrow(least, most, found / row.precision.low, positive, at_least=False)
            # Nothing found: the precision is 0, or 1 by convention when nothing was predicted.
            most[~positive] = 0.0 if row.precision.high >= 1 else -1.0
    if row.f1 is not None:
        _narrow(least, most, 2 * found / _floor(row.f1.high) - n, positive, at_least=True)
        if row.f1.low > 0:
            _narrow(least, most, 2 * found / row.f1.low - n, positive, at_least=False)
            most[~positive & ((n > 0) | (row.f1.high < 1))] = -1.0
    least = np.ceil(least - SLACK * (1 + np.abs(least)))
    most = np.floor(most + SLACK * (1 + np.abs(most)))
    ok = least <= most
    if not ok.any():
        return None
    return Counts(
        (int(found[ok].min()), int(found[ok].max())), (int(least[ok].min()), int(most[ok].max()))
    )


def _narrow(
    least: np.ndarray[tuple[int], np.dtype[np.float64]],
    most: np.ndarray[tuple[int], np.dtype[np.float64]],
    bound: np.ndarray[tuple[int], np.dtype[np.float64]],
    where: np.ndarray[tuple[int], np.dtype[np.bool_]],
    *,
    at_least: bool,
) -> None:
    if at_least:
        least[where] = np.maximum(least, bound)[where]
    else:
        most[where] = np.minimum(most, bound)[where]


def _floor(value: float) -> float:
    return max(value, 1e-300)


def _up(value: float) -> int:
    return math.ceil(value - SLACK * (1 + abs(value)))


def _down(value: float) -> int:
    return math.floor(value + SLACK * (1 + abs(value)))


def check_f1(table: ClassTable) -> Finding:
    """Does each F1 follow from its precision and recall, whatever they were before rounding?"""
    wrong = []
    checked = 0
    for row in table.rows:
        if row.precision is None or row.recall is None or row.f1 is None:
            continue
        checked += 1
        low = _harmonic(max(row.precision.low, 0.0), max(row.recall.low, 0.0))
        high = _harmonic(min(row.precision.high, 1.0), min(row.recall.high, 1.0))
        # With precision or recall near zero, F1 may be 0 by convention.
        if not _overlap((low, high), row.f1):
            wrong.append(f"{row.label}: {row.f1} where {_show((low, high))} follows")
    if wrong:
        return Finding(
            "F1 from precision and recall",
            "inconsistent",
            "; ".join(wrong),
            "These F1 values cannot come from the precision and recall beside them, so the row "
            "was not computed from one set of predictions.",
        )
    return Finding(
        "F1 from precision and recall",
        "consistent",
        f"{checked} classes",
        "Every F1 is the harmonic mean of its precision and recall within rounding.",
    )


def check_counts(table: ClassTable) -> Finding:
    """Is there, for each class, a whole number of images that gives all three of its values?"""
    images = table.images
    if images is None:
        return _no_supports("whole numbers of images")
    wrong = [
        f"{row.label}: {row.precision}, {row.recall}, {row.f1} of {row.support} images"
        for row in table.rows
        if possible_counts(row, images) is None
    ]
    if wrong:
        return Finding(
            "whole numbers of images",
            "inconsistent",
            "; ".join(wrong),
            "No whole number of images gives these values, so they belong to other images than "
            "the supports say.",
        )
    return Finding(
        "whole numbers of images",
        "consistent",
        f"{len(table.rows)} classes",
        "For every class some whole number of right answers gives its precision, recall and F1.",
    )


def check_accuracy(table: ClassTable) -> Finding:
    """Is the accuracy the mean of the recalls weighted by support?"""
    name = "accuracy from recalls"
    counts = _all_counts(table)
    if table.accuracy is None:
        return Finding(name, "note", "no accuracy given", "There is no accuracy to check.")
    if counts is None or table.images is None:
        return _no_supports(name) if table.supports is None else _no_counts(name)
    bounds = (
        sum(c.found[0] for c in counts) / table.images,
        sum(c.found[1] for c in counts) / table.images,
    )
    if not _overlap(bounds, table.accuracy):
        return Finding(
            name,
            "inconsistent",
            f"accuracy {table.accuracy}, recalls give {_show(bounds)}",
            "The accuracy is not that of the classes beside it: it was measured on other images "
            "or with another model.",
        )
    return Finding(
        name,
        "consistent",
        f"accuracy {table.accuracy}, recalls give {_show(bounds)}",
        "The accuracy is the mean of the recalls weighted by support.",
    )


def check_predicted(table: ClassTable) -> Finding:
    """Do the predictions of all classes add up to the number of images?"""
    name = "predictions add up"
    counts = _all_counts(table)
    if counts is None or table.images is None:
        return _no_supports(name) if table.supports is None else _no_counts(name)
    low, high = (sum(c.predicted[i] for c in counts) for i in (0, 1))
    numbers = f"{low} to {high} predictions for {table.images} images"
    if low <= table.images <= high:
        meaning = "True positives over precision add up to the number of images."
        return Finding(name, "consistent", numbers, meaning)
    return Finding(
        name,
        "inconsistent",
        numbers,
        "Each image is predicted once, so precision, recall and support do not belong to the same "
        "set of predictions.",
    )


def check_average(table: ClassTable, which: Literal["macro", "weighted"]) -> Finding:
    """Do the printed averages follow from the class rows?"""
    name = f"{which} averages"
    stated = table.macro if which == "macro" else table.weighted
    if stated is None:
        return Finding(name, "note", "not given", f"There are no {name} to check.")
    if which == "weighted" and not table.images:
        return _no_supports(name)
    compared = []
    wrong = []
    for label, value, cells in _average_cells(stated, table.rows):
        if value is None:
            continue
        bounds = _mean(cells, table if which == "weighted" else None)
        if bounds is None:
            continue
        compared.append(f"{label} {value}")
        if not _overlap(bounds, value):
            wrong.append(f"{label} {value} where {_show(bounds)} follows")
    if wrong:
        meaning = "The averages are not those of the class rows above them."
        return Finding(name, "inconsistent", "; ".join(wrong), meaning)
    meaning = f"The {name} follow from the class rows within rounding."
    return Finding(name, "consistent", ", ".join(compared), meaning)


def check_totals(table: ClassTable) -> Finding:
    """Do the printed totals of support equal the sum of the classes' supports?"""
    name = "total support"
    if table.images is None:
        return _no_supports(name)
    stated = {
        "accuracy": table.accuracy_support,
        "macro": None if table.macro is None else table.macro.support,
        "weighted": None if table.weighted is None else table.weighted.support,
    }
    wrong = {k: v for k, v in stated.items() if v is not None and v != table.images}
    if wrong:
        numbers = ", ".join(f"{k} {v}" for k, v in wrong.items())
        return Finding(
            name,
            "inconsistent",
            f"{numbers}; the classes add up to {table.images}",
            "The averages count other images than the class rows.",
        )
    return Finding(
        name,
        "consistent",
        f"{table.images} images",
        "The supports add up to the total." if any(stated.values()) else "No total is printed.",
    )


CHECKS: tuple[Callable[[ClassTable], Finding], ...] = (
    check_totals,
    check_f1,
    check_counts,
    check_accuracy,
    check_predicted,
    lambda table: check_average(table, "macro"),
    lambda table: check_average(table, "weighted"),
)
"""Every check of the table's own arithmetic, in the order of the printed result."""


def _all_counts(table: ClassTable) -> list[Counts] | None:
    if table.images is None:
        return None
    counts = [possible_counts(row, table.images) for row in table.rows]
    known = [c for c in counts if c is not None]
    return known if len(known) == len(counts) and table.images > 0 else None


def _average_cells(
    stated: Averages, rows: Iterable[ClassRow]
) -> list[tuple[str, Rounded | None, list[Rounded | None]]]:
    rows = list(rows)
    return [
        ("precision", stated.precision, [row.precision for row in rows]),
        ("recall", stated.recall, [row.recall for row in rows]),
        ("F1", stated.f1, [row.f1 for row in rows]),
    ]


def _mean(cells: list[Rounded | None], weighted: ClassTable | None) -> Interval | None:
    """Interval of the mean of rounded values; undefined cells stay out, as with nanmean."""
    weights = [1] * len(cells) if weighted is None else [row.support or 0 for row in weighted.rows]
    known = [(c, w) for c, w in zip(cells, weights, strict=True) if c is not None]
    total = sum(w for _, w in known)
    if total == 0:
        return None
    low = sum(max(c.low, 0.0) * w for c, w in known) / total
    high = sum(min(c.high, 1.0) * w for c, w in known) / total
    return low, high


def _harmonic(precision: float, recall: float) -> float:
    return 0.0 if precision + recall <= 0 else 2 * precision * recall / (precision + recall)


def _overlap(bounds: Interval, stated: Rounded) -> bool:
    return bounds[0] <= stated.high + SLACK and stated.low - SLACK <= bounds[1]


def _show(bounds: Interval) -> str:
    return f"{bounds[0]:.4f} to {bounds[1]:.4f}"


def _no_supports(name: str) -> Finding:
    return Finding(
        name, "note", "no supports given", "Without the supports of all classes it is unknown."
    )


def _no_counts(name: str) -> Finding:
    return Finding(
        name,
        "note",
        "some class allows no whole number of images",
        "It cannot be computed, for the class rows contradict themselves.",
    )
