"""Predictions made elsewhere: one array (N, C) per split, as logits or probabilities.

Read from .npy, .npz, .csv, .parquet and .safetensors; nothing is ever unpickled. A file may carry
sample ids (a column or array `sample_id`), and then its rows may come in any order; without them
they are taken to stand in the dataset's order.
"""

from __future__ import annotations

import csv
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.errors import RequestError

SUFFIXES = (".npy", ".npz", ".csv", ".safetensors", ".parquet")
MOST_BYTES = 1 << 29
MOST_COLUMNS = 20_000
ID_COLUMN = "sample_id"
SUM_TOLERANCE = 1e-3

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Raw:
    """What a file holds. values: float64 (N, K); columns: their names, None where unnamed."""

    values: npt.NDArray[np.float64]
    columns: tuple[str, ...] | None
    ids: tuple[str, ...] | None


def read_logits(
    path: Path, *, classes: Sequence[str], sample_ids: npt.NDArray[np.str_]
) -> npt.NDArray[np.float32]:
    """Logits float32 (N, C) in the order of `sample_ids` and `classes`.

    Probabilities (no value below 0, every row's sum within 1e-3 of 1) are stored as logarithms.
    Raises `RequestError` naming the file, the row and the column.
    """
    raw = read_array(path)
    values = _classes_in_order(raw, path, classes)
    values = _rows_in_order(values, raw.ids, path, sample_ids)
    if not np.isfinite(values).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise RequestError(
            f"{path}: row {row + 1}, column {classes[column]!r} is {values[row, column]}: accepted "
            "are finite numbers"
        )
    return _as_logits(values, path).astype(np.float32)


def _as_logits(values: npt.NDArray[np.float64], path: Path) -> npt.NDArray[np.float64]:
    sums = values.sum(1)
    near_one = np.abs(sums - 1.0) <= SUM_TOLERANCE
    if (values >= 0).all():
        if near_one.all():
            # The smallest float32 that is not subnormal stands for a probability of zero.
            return np.log(np.maximum(values, np.finfo(np.float32).tiny))
        if near_one.any():
            row = int(np.argmin(near_one))
            raise RequestError(
                f"{path}: row {row + 1} sums to {sums[row]:.4g} while others sum to 1: accepted "
                "are logits, or probabilities whose every row sums to 1 within 0.001"
            )
    return values


def _classes_in_order(raw: Raw, path: Path, classes: Sequence[str]) -> npt.NDArray[np.float64]:
    found = raw.values.shape[1]
    if found != len(classes):
        raise RequestError(
            f"{path}: there are {found} columns of numbers: accepted are {len(classes)}, one for "
            f"each of {', '.join(classes)}"
        )
    if raw.columns is None or all(name.strip().isdigit() for name in raw.columns):
        return raw.values
    names = [name.strip().lower() for name in raw.columns]
    wanted = [name.lower() for name in classes]
    for i, (name, expected) in enumerate(zip(names, wanted, strict=True)):
        if name != expected and set(names) == set(wanted):
            raise RequestError(
                f"{path}: the header, column {i + 1} is {raw.columns[i]!r}: accepted is the order "
                f"{', '.join(classes)}"
            )
        if name not in wanted:
            raise RequestError(
                f"{path}: the header, column {i + 1} is {raw.columns[i]!r}, which is no class: "
                f"accepted are {', '.join(classes)}"
            )
    return raw.values


def _rows_in_order(
    values: npt.NDArray[np.float64],
    ids: tuple[str, ...] | None,
    path: Path,
    sample_ids: npt.NDArray[np.str_],
) -> npt.NDArray[np.float64]:
    if len(values) != len(sample_ids):
        raise RequestError(
            f"{path}: there are {len(values):,} rows: accepted are {len(sample_ids):,}, one for "
            "each image of the split"
        )
    if ids is None:
        return values
    place = {name: i for i, name in enumerate(ids)}
    if len(place) != len(ids):
        twice = next(name for i, name in enumerate(ids) if place[name] != i)
        raise RequestError(f"{path}: the sample id {twice!r} stands there twice: accepted is once")
    known = set(sample_ids.tolist())
    for row, name in enumerate(ids):
        if name not in known:
            raise RequestError(
                f"{path}: row {row + 1} has the sample id {name!r}, which the split does not have: "
                f"accepted are ids like {str(sample_ids[0])!r}"
            )
    return values[[place[str(name)] for name in sample_ids]]


def read_array(path: Path) -> Raw:
    """Whatever array `path` holds, by its suffix. Raises `RequestError`."""
    if not path.is_file():
        raise RequestError(f"{path} is not a file: accepted are {', '.join(SUFFIXES)} files")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise RequestError(
            f"{path} has the suffix {path.suffix!r}: accepted are {', '.join(SUFFIXES)}"
        )
    if path.stat().st_size > MOST_BYTES:
        raise RequestError(f"{path} is larger than {MOST_BYTES >> 20} MiB: accepted is up to that")
    try:
        return reader(path)
    except (OSError, ValueError, EOFError, KeyError, struct.error, zipfile.BadZipFile) as error:
        detail = str(error).split("\n")[0][:120]
        raise RequestError(f"{path} cannot be read as {path.suffix}: {detail}") from error


def _checked(array: Array, path: Path, name: str = "the array") -> npt.NDArray[np.float64]:
    if array.dtype.kind not in "fiu" or array.ndim != 2:
        raise RequestError(
            f"{path}: {name} has shape {array.shape} and type {array.dtype}: accepted are numbers "
            "of shape (images, classes)"
        )
    return np.ascontiguousarray(array, dtype=np.float64)


def _read_npy(path: Path) -> Raw:
    # Memory-mapped: a header that claims more than the file holds is refused without allocating.
    return Raw(_checked(np.load(path, mmap_mode="r", allow_pickle=False), path), None, None)


def _read_npz(path: Path) -> Raw:
    with zipfile.ZipFile(path) as archive:
        expanded = sum(item.file_size for item in archive.infolist())
    if expanded > MOST_BYTES:
        raise RequestError(
            f"{path} expands to more than {MOST_BYTES >> 20} MiB: accepted is up to that"
        )
    with np.load(path, allow_pickle=False) as arrays:
        return _from_arrays({name: arrays[name] for name in arrays.files}, path)


def _read_safetensors(path: Path) -> Raw:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return _from_arrays(load_file(path), path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _from_arrays(arrays: Mapping[str, Array], path: Path) -> Raw:
    tables = {name: array for name, array in arrays.items() if name != ID_COLUMN}
    if "logits" in tables:
        tables = {"logits": tables["logits"]}
    if len(tables) != 1:
        raise RequestError(
            f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}: accepted is one, or "
            f"one called 'logits', and with it {ID_COLUMN!r}"
        )
    name, array = next(iter(tables.items()))
    values = _checked(array, path, f"the array {name!r}")
    ids = arrays.get(ID_COLUMN)
    if ids is None:
        return Raw(values, None, None)
    return Raw(values, None, _checked_ids([str(i) for i in np.ravel(ids)], values, path))


def _checked_ids(ids: Sequence[str], values: Array, path: Path) -> tuple[str, ...]:
    if len(ids) != len(values):
        raise RequestError(
            f"{path}: there are {len(ids):,} sample ids for {len(values):,} rows: accepted is one "
            "for each row"
        )
    return tuple(ids)


def _read_csv(path: Path) -> Raw:
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = file.readline(1 << 20)
        if not first.strip():
            raise RequestError(f"{path} is empty: accepted is one row of numbers for each image")
        header = next(csv.reader([first]))
        if len(header) > MOST_COLUMNS or not first.endswith("\n"):
            raise RequestError(
                f"{path}: the first line has more columns than {MOST_COLUMNS:,} or never ends: "
                "accepted is one column for each class"
            )
        named = not all(_is_number(cell) for cell in header)
        rows = [] if named else [header]
        try:
            rows += list(csv.reader(file))
        except csv.Error as error:
            raise ValueError(str(error)) from error
    names = [cell.strip() for cell in header] if named else None
    id_at = names.index(ID_COLUMN) if names and ID_COLUMN in names else None
    values = _csv_values(rows, len(header), id_at, path, 2 if named else 1)
    ids = None if id_at is None else tuple(row[id_at].strip() for row in rows)
    columns = None if names is None else tuple(n for i, n in enumerate(names) if i != id_at)
    return Raw(values, columns, ids)


def _csv_values(
    rows: list[list[str]], width: int, id_at: int | None, path: Path, first_line: int
) -> npt.NDArray[np.float64]:
    values = np.empty((len(rows), width - (id_at is not None)))
    for number, row in enumerate(rows):
        if len(row) != width:
            raise RequestError(
                f"{path}: line {number + first_line} has {len(row)} cells: accepted are {width}, "
                "as in the first line"
            )
        cells = [cell for i, cell in enumerate(row) if i != id_at]
        for column, cell in enumerate(cells):
            if not _is_number(cell):
                raise RequestError(
                    f"{path}: line {number + first_line}, column {column + 1} is {cell[:40]!r}: "
                    "accepted is a number"
                )
            values[number, column] = float(cell)
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_parquet(path: Path) -> Raw:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        meta = file.metadata
        if meta.num_columns > MOST_COLUMNS or meta.num_rows * meta.num_columns * 8 > MOST_BYTES:
            raise RequestError(
                f"{path} holds {meta.num_rows:,} rows of {meta.num_columns:,} columns: accepted is "
                f"up to {MOST_BYTES >> 20} MiB of numbers"
            )
        table = file.read()
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    names = [name for name in table.column_names if name != ID_COLUMN]
    for name in names:
        kind = table.schema.field(name).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise RequestError(f"{path}: the column {name!r} has type {kind}: accepted are numbers")
    columns = [table.column(name).to_numpy().astype(np.float64) for name in names]
    values = np.stack(columns, axis=1) if columns else np.empty((table.num_rows, 0))
    ids = None
    if ID_COLUMN in table.column_names:
        ids = tuple(str(name) for name in table.column(ID_COLUMN).to_pylist())
    return Raw(values, tuple(names), ids)


_READERS: dict[str, Callable[[Path], Raw]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".csv": _read_csv,
    ".safetensors": _read_safetensors,
    ".parquet": _read_parquet,
}
