"""What every FER2013 reader returns, and how rows become the three official splits.

A row knows up to two things about its split: under which split it lay (`declared`), and which one
its file name tells (`named`: 'PublicTest_18768.jpg'). Names that are complete decide; nothing is
ever split at random.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmark.datasets import SPLITS, DataError, Dataset, Split
from benchmark.datasets.official import OFFICIAL_COUNTS, is_official

MAX_ROWS = 100_000
"""FER2013 has 35,887 images; above this, memory would not be bounded."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Images as read, in the file's order. declared, named: one of `SPLITS`, or '' (not told)."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    declared: npt.NDArray[np.str_]
    named: npt.NDArray[np.str_]
    warnings: tuple[str, ...] = ()


def too_many_rows(where: str) -> DataError:
    """The error for input that cannot be FER2013 by its mere size."""
    return DataError(f"{where} holds more than {MAX_ROWS:,} images: accepted is FER2013's size")


def assemble(rows: Rows, origin: str, where: str) -> Dataset:
    """Make the dataset; rows keep their order within each split, ids count from 0 in each."""
    if len(rows.labels) == 0:
        raise DataError(f"{where} holds no images: accepted is FER2013 with its three splits")
    splits, warnings = _settle(rows, where)
    train, validation, test = (_part(rows, splits == name, name, where) for name in SPLITS)
    dataset = Dataset(
        "fer2013", origin, train, validation, test, warnings=(*rows.warnings, *warnings)
    )
    if is_official(dataset):
        return dataset
    found = "/".join(f"{len(dataset.split(name)):,}" for name in SPLITS)
    official = "/".join(f"{sum(OFFICIAL_COUNTS[name]):,}" for name in SPLITS)
    note = (
        f"the splits hold {found} images (train/validation/test) and their class counts are not "
        f"FER2013's official ones ({official}): figures are not comparable with published ones"
    )
    return dataclasses.replace(dataset, warnings=(*dataset.warnings, note))


def _part(rows: Rows, mask: npt.NDArray[np.bool_], name: str, where: str) -> Split:
    if not mask.any():
        raise DataError(
            f"{where} holds no images of the {name} split: accepted is FER2013 with train, "
            "validation (PublicTest) and test (PrivateTest)"
        )
    count = int(mask.sum())
    return Split(rows.images[mask], rows.labels[mask], sample_ids(name, count))


def sample_ids(split: str, count: int) -> npt.NDArray[np.str_]:
    """'validation/000123' is the 124th image of the validation split, in every format."""
    return np.array([f"{split}/{i:06d}" for i in range(count)])


def _settle(rows: Rows, where: str) -> tuple[npt.NDArray[np.str_], Sequence[str]]:
    """The split of each row, (N,), and what the user should know about it."""
    if (rows.named != "").all():
        # The folder edition keeps both official test splits under "test": that is no surprise.
        merged = (rows.declared == "test") & (rows.named == "validation")
        moved = (rows.declared != "") & (rows.declared != rows.named) & ~merged
        if not moved.any():
            return rows.named, ()
        return rows.named, (
            f"{int(moved.sum()):,} images lay under another split than their file names tell (a "
            "re-split edition): the names decided, so the official splits are restored",
        )
    missing = [name for name in SPLITS if name not in set(rows.declared.tolist())]
    if missing == ["validation"]:
        raise DataError(
            f"{where} has only train and test, and not every file name begins with Training_, "
            "PublicTest_ or PrivateTest_, so the official validation and test splits cannot be "
            "told apart and nothing was split: accepted are file names with these prefixes, or a "
            "validation folder"
        )
    return rows.declared, ()
