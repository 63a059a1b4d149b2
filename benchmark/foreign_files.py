"""Reads one array of numbers from .npy, .npz, .csv, .parquet or .safetensors of anybody's making.

Nothing is ever unpickled. What a file claims about its size is checked before memory is given to
it, so a hostile file costs at most a few hundred MiB and ends in one sentence.
"""

from __future__ import annotations

import csv
import zipfile
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from benchmark.datasets.parquet_pages import pages
from benchmark.errors import RequestError

SUFFIXES = (".npy", ".npz", ".csv", ".safetensors", ".parquet")
MOST_BYTES = 1 << 24
"""Of a file, and of what it unpacks to: 300,000 images of seven classes in float64."""
MOST_VALUES = MOST_BYTES // 8
LONGEST_LINE = 1 << 16
ID_COLUMN = "sample_id"

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Raw:
    """What a file holds. values: float64 (N, K); columns: their names, None where unnamed; ids:
    the sample id of each row, None where it has none."""

    values: npt.NDArray[np.float64]
    columns: tuple[str, ...] | None
    ids: tuple[str, ...] | None


def read_labels(path: Path) -> Array:
    """The array of any shape in the .npy file `path`. Raises `RequestError`."""
    try:
        with path.open("rb") as file:
            return _npy_array(file, path)
    except RequestError:
        raise
    except Exception as error:  # whatever numpy's parser raises about anybody's bytes
        raise _unreadable(path, error) from error


def read_array(path: Path) -> Raw:
    """Whatever array `path` holds, by its suffix. Raises `RequestError`."""
    accepted = ", ".join(SUFFIXES)
    if not path.is_file():
        raise RequestError(f"{path} is not a file: accepted are {accepted} files")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise RequestError(f"{path} has the suffix {path.suffix!r}: accepted are {accepted}")
    if path.stat().st_size > MOST_BYTES:
        raise RequestError(f"{path} is larger than {MOST_BYTES >> 20} MiB: accepted is up to that")
    try:
        raw = reader(path)
    except RequestError:
        raise
    # The bytes are anybody's, and five parsers raise what they like about them.
    except Exception as error:
        raise _unreadable(path, error) from error
    if len(raw.values) == 0:
        raise RequestError(f"{path} holds no rows: accepted is one row of numbers for each image")
    return raw


def _unreadable(path: Path, error: Exception) -> RequestError:
    detail = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
    return RequestError(f"{path} cannot be read as {path.suffix}: {detail}")


def _too_much(path: Path) -> RequestError:
    return RequestError(
        f"{path} unpacks to more than {MOST_BYTES >> 20} MiB: accepted is up to that"
    )


def _checked(values: Array, path: Path, name: str = "the array") -> npt.NDArray[np.float64]:
    if values.dtype.kind not in "fiu" or values.ndim != 2:
        raise RequestError(
            f"{path}: {name} has shape {values.shape} and type {values.dtype}: accepted are "
            "numbers of shape (images, classes)"
        )
    if values.size > MOST_VALUES:
        raise _too_much(path)
    return np.ascontiguousarray(values, dtype=np.float64)


def _npy_array(file: IO[bytes], path: Path) -> Array:
    """One array in numpy's format, whose header is believed only within bounds."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    size = dtype.itemsize
    for length in shape:
        size *= length
    if size > MOST_BYTES:
        raise _too_much(path)
    file.seek(0)
    values: Array = np.lib.format.read_array(file, allow_pickle=False)
    return values


def _read_npy(path: Path) -> Raw:
    with path.open("rb") as file:
        return Raw(_checked(_npy_array(file, path), path), None, None)


def _read_npz(path: Path) -> Raw:
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        items = archive.infolist()
        if sum(item.file_size for item in items) > MOST_BYTES:
            raise _too_much(path)
        for item in items:
            with archive.open(item) as file:
                arrays[item.filename.removesuffix(".npy")] = _npy_array(file, path)
    return _from_arrays(arrays, path)


def _read_safetensors(path: Path) -> Raw:
    from safetensors.numpy import load_file

    return _from_arrays(load_file(path), path)


def _from_arrays(arrays: Mapping[str, Array], path: Path) -> Raw:
    tables = {name: array for name, array in arrays.items() if name != ID_COLUMN}
    if "logits" in tables:
        tables = {"logits": tables["logits"]}
    if len(tables) != 1:
        names = ", ".join(sorted(arrays)[:10]) or "none"
        raise RequestError(
            f"{path} holds the arrays {names}: accepted is one, or one called 'logits', and with "
            f"it {ID_COLUMN!r}"
        )
    name, table = next(iter(tables.items()))
    values = _checked(table, path, f"the array {name!r}")
    if ID_COLUMN not in arrays:
        return Raw(values, None, None)
    ids = _id_words(arrays[ID_COLUMN])
    if len(ids) != len(values):
        raise RequestError(
            f"{path}: there are {len(ids):,} sample ids for {len(values):,} rows: accepted is one "
            "for each row"
        )
    return Raw(values, None, ids)


def _id_words(words: Array) -> tuple[str, ...]:
    """An array of words, or, as safetensors has none, bytes of UTF-8 separated by newlines."""
    if words.dtype == np.uint8:
        return tuple(words.tobytes().decode().split("\n"))
    if words.dtype.kind == "S":
        return tuple(word.decode() for word in words.ravel().tolist())
    return tuple(str(word) for word in words.ravel().tolist())


def _read_csv(path: Path) -> Raw:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = _csv_rows(file, path)
        line, first = next(rows, (0, []))
        if not first:
            raise RequestError(
                f"{path} holds no rows: accepted is one row of numbers for each image"
            )
        named = _is_header(first)
        names = [cell.strip() for cell in first] if named else []
        id_at = names.index(ID_COLUMN) if ID_COLUMN in names else None
        table = _Table(path, len(first), id_at)
        if not named:
            table.add(line, first)
        for line, row in rows:
            table.add(line, row)
    columns = tuple(name for i, name in enumerate(names) if i != id_at) if named else None
    return Raw(table.values(), columns, tuple(table.ids) if id_at is not None else None)


def _csv_rows(file: IO[str], path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line that is not blank; no cell reaches into the next."""
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise RequestError(
                f"{path}: line {number} is longer than {LONGEST_LINE:,} characters: accepted is "
                "one column for each class"
            )
        if line.strip():
            plain = '"' not in line
            yield number, line.rstrip("\r\n").split(",") if plain else next(csv.reader([line]))


def _is_header(cells: Sequence[str]) -> bool:
    """Names, or the numbers 0, 1, 2... that pandas writes where there are none."""
    counted = [str(i) for i in range(len(cells))]
    return list(cells) == counted or not all(_is_number(cell) for cell in cells)


class _Table:
    """Rows of a CSV as they come: numbers packed, ids apart."""

    def __init__(self, path: Path, width: int, id_at: int | None) -> None:
        self._path, self._width, self._id_at = path, width, id_at
        self._numbers = array("d")
        self._rows = 0
        self.ids: list[str] = []

    def add(self, line: int, cells: list[str]) -> None:
        """Take the cells of `line`. Raises `RequestError`."""
        if len(cells) != self._width:
            raise RequestError(
                f"{self._path}: line {line} has {len(cells)} cells: accepted are {self._width}, "
                "as in the first line"
            )
        for column, cell in enumerate(cells):
            if column == self._id_at:
                self.ids.append(cell.strip())
                continue
            if not _is_number(cell):
                raise RequestError(
                    f"{self._path}: line {line}, column {column + 1} is {cell[:40]!r}: accepted "
                    "is a number"
                )
            self._numbers.append(float(cell))
        self._rows += 1
        if max(self._rows, len(self._numbers)) > MOST_VALUES:
            raise _too_much(self._path)

    def values(self) -> npt.NDArray[np.float64]:
        """float64 (N, K)."""
        return np.array(self._numbers).reshape(self._rows, -1 if self._rows else 0)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # 1_000 is a number in Python only


def _read_parquet(path: Path) -> Raw:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        _check_parquet_size(path, file.metadata)
        schema = file.schema_arrow
    for field in schema:
        number = pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
        if field.name != ID_COLUMN and not number:
            raise RequestError(
                f"{path}: the column {field.name[:40]!r} has type {field.type}: accepted are "
                "numbers"
            )
    # As a dictionary, an id that is repeated a million times is held once.
    dictionaries = [ID_COLUMN] if ID_COLUMN in schema.names else None
    with pq.ParquetFile(path, read_dictionary=dictionaries) as file:
        table = file.read()
    names = tuple(name for name in table.column_names if name != ID_COLUMN)
    columns = [table.column(name).to_numpy().astype(np.float64) for name in names]
    values = np.stack(columns, axis=1) if columns else np.empty((table.num_rows, 0))
    if ID_COLUMN not in table.column_names:
        return Raw(values, names, None)
    ids = table.column(ID_COLUMN).combine_chunks().dictionary_encode()
    words = ids.dictionary.to_pylist()
    places = ids.indices.to_pylist()
    return Raw(values, names, tuple("" if i is None else str(words[i]) for i in places))


def _check_parquet_size(path: Path, metadata: Any) -> None:
    """Believe neither the footer's number of rows nor its sizes: pages tell their own."""
    rows = columns = unpacked = 0
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    with path.open("rb") as file:
        for group in groups:
            rows += group.num_rows
            columns = max(columns, group.num_columns)
            for i in range(group.num_columns):
                for page in pages(file, *_chunk(group.column(i))):
                    unpacked += page.unpacked
                    if page.shares_prefixes:
                        raise RequestError(
                            f"{path} packs its columns as DELTA_BYTE_ARRAY, which can unpack to "
                            "any size: accepted are plain and dictionary encoding"
                        )
    if max(rows, metadata.num_rows) * max(1, columns) > MOST_VALUES or unpacked > MOST_BYTES:
        raise _too_much(path)


def _chunk(column: Any) -> tuple[int, int]:
    """(start, length) of a column's pages in the file."""
    start = int(column.data_page_offset)
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < start:
        start = int(column.dictionary_page_offset)
    return start, int(column.total_compressed_size)


_READERS: dict[str, Callable[[Path], Raw]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".csv": _read_csv,
    ".safetensors": _read_safetensors,
    ".parquet": _read_parquet,
}
