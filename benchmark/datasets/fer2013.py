"""`fer2013`: finds out in which format FER2013 lies at a path, and reads it.

Goodfellow et al. 2013, "Challenges in representation learning": 35,887 faces from the web, labelled
by search words, about 65 % human accuracy. All formats give the same labels, splits and counts.
Rows keep the file's order in CSV and parquet, and follow the number in the file name in folders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmark.datasets import DataError, Dataset
from benchmark.datasets.fer2013_csv import COLUMNS, csv_header, read_csv
from benchmark.datasets.fer2013_folders import is_picture_folders, read_folders, sub
from benchmark.datasets.rows import Rows, assemble

CSV_NAMES = ("fer2013.csv", "icml_face_data.csv")
ACCEPTED = (
    "accepted are fer2013.csv, icml_face_data.csv, {train,test}/{angry,disgust,…} folders of "
    "pictures, or parquet files as on the Hugging Face hub"
)
MAX_FILES = 1000
"""Parquet files looked at; FER2013 comes in three to ten."""


@dataclass(frozen=True)
class Source:
    """FER2013 as found: format is 'csv', 'folders' or 'parquet'; read() returns its rows."""

    format: str
    origin: str
    path: Path
    read: Callable[[], Rows]


def load_fer2013(path: Path) -> Dataset:
    """Read FER2013 from whatever lies at `path`; `DataError` says what is wrong and where."""
    source = find_fer2013(path)
    return assemble(source.read(), source.origin, str(source.path))


def find_fer2013(path: Path) -> Source:
    """What lies at `path`, a file or a folder (one level of nesting is looked through)."""
    try:
        if not path.exists():
            raise DataError(f"there is nothing at {path}: {ACCEPTED}")
        source = _in_folder(path) if path.is_dir() else _file(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): {ACCEPTED}") from None
    if source is None:
        raise DataError(f"{path} holds no FER2013: {ACCEPTED}")
    return source


def _file(path: Path) -> Source | None:
    if path.suffix.lower() == ".parquet":
        return _parquet(path, [path])
    return _csv(path) if path.suffix.lower() == ".csv" else None


def _in_folder(path: Path) -> Source | None:
    for folder in (path, *islice(sub(path), MAX_FILES)):
        for name in CSV_NAMES:
            if (folder / name).is_file():
                return _csv(folder / name)
    files = _parquet_files(path)
    if files:
        return _parquet(path, files)
    for folder in (path, *islice(sub(path), MAX_FILES)):
        if is_picture_folders(folder):
            return _folders(folder)
    tables = sorted(file for file in path.glob("*.csv") if file.is_file())
    whole = [file for file in tables if set(COLUMNS) <= set(csv_header(file))]
    if len(whole) > 1:
        raise DataError(
            f"{path} holds several tables of faces ({whole[0].name}, {whole[1].name}): accepted is "
            "the path of one of them"
        )
    # Of the contest's incomplete tables, reading the first says what it lacks.
    return _csv((whole or tables)[0]) if tables else None


def _parquet_files(path: Path) -> list[Path]:
    """In the folder, or one or two below (`data/`, `default/train/`)."""
    for pattern in ("*.parquet", "*/*.parquet", "*/*/*.parquet"):
        files = sorted(islice(path.glob(pattern), MAX_FILES + 1))
        if len(files) > MAX_FILES:
            raise DataError(f"{path} holds more than {MAX_FILES:,} parquet files: {ACCEPTED}")
        if files:
            return files
    return []


def _csv(path: Path) -> Source:
    return Source("csv", f"FER2013 as CSV ({path.name})", path, lambda: read_csv(path))


def _folders(path: Path) -> Source:
    return Source("folders", "FER2013 as picture folders", path, lambda: read_folders(path))


def _parquet(path: Path, files: list[Path]) -> Source:
    def read() -> Rows:
        from benchmark.datasets.fer2013_parquet import read_parquet  # pyarrow only when needed

        return read_parquet(files)

    return Source("parquet", "FER2013 as Hugging Face parquet", path, read)
