"""Predictions made elsewhere: one array (N, C) per split, as logits or probabilities.

Brings what any framework wrote into the dataset's order of classes and images, as logits. A file
may carry sample ids (a column or array `sample_id`), and then its rows may come in any order;
without them they are taken to stand in the dataset's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmark.errors import RequestError
from benchmark.foreign_files import Raw, read_array

SUM_TOLERANCE = 1e-3

Values = npt.NDArray[np.float64]


def read_logits(
    path: Path, *, classes: Sequence[str], sample_ids: npt.NDArray[np.str_]
) -> npt.NDArray[np.float32]:
    """Logits float32 (N, C) in the order of `sample_ids` and `classes`.

    Probabilities (no value below 0, every row's sum within 1e-3 of 1) are stored as logarithms.
    Raises `RequestError` naming the file, the row (as it stands in the file) and the column.
    """
    raw = read_array(path)
    _check_classes(raw, path, classes)
    _check_finite(raw.values, path, classes)
    logits = _as_logits(raw.values, path, classes).astype(np.float32)
    return logits[_order(raw, path, sample_ids)]


def _check_classes(raw: Raw, path: Path, classes: Sequence[str]) -> None:
    found = raw.values.shape[1]
    if found != len(classes):
        raise RequestError(
            f"{path}: there are {found} columns of numbers: accepted are {len(classes)}, one for "
            f"each of {', '.join(classes)}"
        )
    if raw.columns is None or raw.columns == tuple(str(i) for i in range(len(classes))):
        return
    for i, (name, expected) in enumerate(zip(raw.columns, classes, strict=True)):
        if name.strip().lower() != expected.lower():
            raise RequestError(
                f"{path}: the header, column {i + 1} is {name[:40]!r}: accepted are the classes in "
                f"the order {', '.join(classes)}, or their numbers from 0"
            )


def _check_finite(values: Values, path: Path, classes: Sequence[str]) -> None:
    # What float32 cannot hold would become infinite in the store.
    bad = ~(np.abs(values) <= np.finfo(np.float32).max)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise RequestError(
            f"{path}: row {row + 1}, column {classes[column]!r} is {values[row, column]:g}: "
            "accepted are finite numbers of float32"
        )


def _as_logits(values: Values, path: Path, classes: Sequence[str]) -> Values:
    """Logarithms of probabilities, anything else as it is. Raises for what is neither."""
    sums = values.sum(1)
    near_one = np.abs(sums - 1.0) <= SUM_TOLERANCE
    negative = values < 0
    if not negative.any():
        if near_one.all():
            # The smallest float32 that is not subnormal stands for a probability of zero.
            return np.log(np.maximum(values, np.finfo(np.float32).tiny))
        if near_one.any():
            row = int(np.argmin(near_one))
            raise RequestError(
                f"{path}: row {row + 1} sums to {sums[row]:.4g} while others sum to 1: accepted "
                "are logits, or probabilities whose every row sums to 1 within 0.001"
            )
    elif near_one.all():
        row, column = (int(i) for i in np.argwhere(negative)[0])
        raise RequestError(
            f"{path}: row {row + 1}, column {classes[column]!r} is {values[row, column]:g} while "
            "every row sums to 1: accepted are logits, or probabilities, none of them below 0"
        )
    return values


def _order(raw: Raw, path: Path, sample_ids: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
    """The row in the file of each sample, (N,)."""
    if len(raw.values) != len(sample_ids):
        raise RequestError(
            f"{path}: there are {len(raw.values):,} rows: accepted are {len(sample_ids):,}, one "
            "for each image of the split"
        )
    if raw.ids is None:
        return np.arange(len(sample_ids))
    known = set(sample_ids.tolist())
    place: dict[str, int] = {}
    for row, name in enumerate(raw.ids):
        if name not in known:
            raise RequestError(
                f"{path}: row {row + 1} has the sample id {name[:40]!r}, which the split does not "
                f"have: accepted are ids like {str(sample_ids[0])!r}"
            )
        if name in place:
            raise RequestError(
                f"{path}: row {row + 1} has the sample id {name!r} of row {place[name] + 1} again: "
                "accepted is each id once"
            )
        place[name] = row
    return np.array([place[name] for name in sample_ids.tolist()])
