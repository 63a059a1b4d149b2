"""Reads FER2013 from `fer2013.csv` or `icml_face_data.csv`: columns found by stripped name.

One row is read at a time and no line longer than 64 KiB is accepted, so memory is bounded by the
images themselves (83 MB for FER2013); 35,887 rows take about three seconds.
"""

from __future__ import annotations

import csv
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from benchmark.datasets import CLASS_NAMES, SIDE, DataError
from benchmark.datasets.official import USAGES, split_of
from benchmark.datasets.rows import MAX_ROWS, Rows, too_many_rows

COLUMNS = ("emotion", "pixels", "Usage")
PIXELS = SIDE * SIDE
MAX_LINE = 65_536
"""Characters; a row of FER2013 has at most 9,240."""
_CONTEST_FILES = (
    "; the contest's train.csv has no Usage and its test.csv no emotion: take fer2013.csv or "
    "icml_face_data.csv instead"
)


@dataclass(frozen=True)
class _Columns:
    """Where each column stands, and how many there are."""

    emotion: int
    pixels: int
    usage: int
    count: int


def read_csv(path: Path) -> Rows:
    """Read all rows in the file's order; every malformed row raises `DataError` with its number."""
    images: list[npt.NDArray[np.uint8]] = []
    labels: list[int] = []
    splits: list[str] = []
    # An older NumPy only warns of text after the last number: make it say so.
    with _opened(path) as file, warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        table = _cells(file, path)
        columns = _header(next(table, (0, []))[1], path)
        for row, (line, cells) in enumerate(table, start=1):
            if row > MAX_ROWS:
                raise too_many_rows(str(path))
            where = f"{path}, row {row} (line {line})"
            if len(cells) != columns.count:
                raise DataError(
                    f"{where} has {len(cells)} columns: accepted are the {columns.count} of the "
                    "header, in whole lines"
                )
            labels.append(_label(cells[columns.emotion], where))
            splits.append(_split(cells[columns.usage], where))
            images.append(_pixels(cells[columns.pixels], where))
    count = len(images)
    return Rows(
        images=np.concatenate(images).reshape(count, SIDE, SIDE)
        if images
        else np.empty((0, SIDE, SIDE), np.uint8),
        labels=np.array(labels, dtype=np.int64),
        declared=np.array(splits, dtype=np.str_),
        named=np.full(count, "", dtype=np.str_),
    )


def csv_header(path: Path) -> list[str]:
    """The stripped column names of a CSV file; empty when the file is."""
    with _opened(path) as file:
        return [name.strip() for name in next(_cells(file, path), (0, []))[1]]


def _opened(path: Path) -> TextIO:
    try:
        # Bytes that are no UTF-8 become marks, which the checks of each cell then name.
        return path.open(encoding="utf-8-sig", errors="replace", newline="")
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} cannot be read ({error.strerror}): accepted is a readable CSV file")


def _cells(file: TextIO, path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of each line that is not blank."""
    reader = csv.reader(_lines(file, path))
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise DataError(
                f"{path}, line {reader.line_num + 1} is not CSV: accepted are lines of "
                f"{', '.join(COLUMNS)}, with quotes closed on the same line"
            ) from None
        if cells:
            yield reader.line_num, cells


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    for number in itertools.count(1):
        try:
            line = file.readline(MAX_LINE)
        except OSError as error:
            raise _unreadable(path, error) from None
        if not line:
            return
        if len(line) == MAX_LINE:
            raise DataError(
                f"{path}, line {number} is longer than {MAX_LINE:,} characters: accepted are lines "
                f"of {', '.join(COLUMNS)}, with {PIXELS:,} pixels"
            )
        yield line


def _header(cells: list[str], path: Path) -> _Columns:
    if not cells:
        raise DataError(f"{path} is empty: accepted is a header of {', '.join(COLUMNS)} and rows")
    names = [cell.strip() for cell in cells]
    for column in COLUMNS:
        if names.count(column) != 1:
            found = "no" if column not in names else "more than one"
            shown = ", ".join(names[:6])[:80]
            contest = _CONTEST_FILES if column in ("Usage", "emotion") and found == "no" else ""
            raise DataError(
                f"{path} has {found} column {column!r} (found: {shown}): accepted are the columns "
                f"{', '.join(COLUMNS)} in any order{contest}"
            )
    emotion, pixels, usage = (names.index(column) for column in COLUMNS)
    return _Columns(emotion, pixels, usage, len(names))


def _label(cell: str, where: str) -> int:
    text = cell.strip()
    if len(text) == 1 and text in "0123456":
        return int(text)
    raise DataError(
        f"{where} has the emotion {_shown(text)}: accepted are 0 to {len(CLASS_NAMES) - 1}"
    )


def _split(cell: str, where: str) -> str:
    split = split_of(cell)
    if split is None:
        raise DataError(f"{where} has the Usage {_shown(cell)}: accepted are {', '.join(USAGES)}")
    return split


def _pixels(cell: str, where: str) -> npt.NDArray[np.uint8]:
    try:
        values = np.fromstring(cell, dtype=np.int64, sep=" ")
    except (ValueError, DeprecationWarning):
        raise DataError(
            f"{where} has a pixel that is no number ({_first_non_number(cell)}): accepted are "
            f"{PIXELS:,} whole numbers from 0 to 255"
        ) from None
    if len(values) != PIXELS:
        raise DataError(
            f"{where} has {len(values):,} pixels: accepted are {PIXELS:,} ({SIDE}x{SIDE})"
        )
    if values.min() < 0 or values.max() > 255:
        place = int(np.flatnonzero((values < 0) | (values > 255))[0])
        raise DataError(
            f"{where} has the value {values[place]} as pixel {place + 1}: accepted are 0 to 255"
        )
    return values.astype(np.uint8)


def _first_non_number(cell: str) -> str:
    return next((_shown(word) for word in cell.split() if not word.isdecimal()), "none")


def _shown(text: str) -> str:
    """A cell in quotes, cut so that the message stays one line."""
    return repr(text if len(text) <= 20 else text[:20] + "…")
