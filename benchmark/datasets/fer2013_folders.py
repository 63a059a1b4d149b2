"""Reads FER2013 from folders of pictures: {train,test}/{angry,…,surprise}/Training_3908.jpg.

Folders come in alphabetical order, which is not the order of the labels: they are mapped by name.
Rows are ordered by the number in the file name, so pictures written from a table under their row
numbers come back in the table's order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from benchmark.datasets import CLASS_NAMES, SIDE, DataError
from benchmark.datasets.official import label_of, number_in, split_of, split_of_file_name
from benchmark.datasets.pictures import SUFFIXES, decode_face, quiet_decoding
from benchmark.datasets.rows import MAX_ROWS, Rows, too_many_rows


@dataclass(frozen=True)
class _Picture:
    path: Path
    label: int
    declared: str

    @property
    def order(self) -> tuple[int, int, str]:
        return number_in(self.path.name), self.label, self.path.name


def is_picture_folders(path: Path) -> bool:
    """Whether some split's folder in `path` holds a folder named after a class."""
    return any(
        split_of(folder.name) is not None and any(label_of(f.name) is not None for f in sub(folder))
        for folder in sub(path)
    )


def sub(folder: Path) -> list[Path]:
    """The folders in a folder, sorted, without hidden ones."""
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))


def read_folders(path: Path) -> Rows:
    """Read every picture, ordered by split folder, then number, label and name."""
    try:
        files = list(islice(_files(path), MAX_ROWS + 1))
    except OSError as error:
        raise DataError(
            f"{error.filename} cannot be read ({error.strerror}): accepted are readable folders"
        ) from None
    if len(files) > MAX_ROWS:
        raise too_many_rows(str(path))
    pictures = [file for file in files if file.path.suffix.lower() in SUFFIXES]
    pictures.sort(key=lambda picture: picture.order)
    others = len(files) - len(pictures)
    images = np.empty((len(pictures), SIDE, SIDE), dtype=np.uint8)
    with quiet_decoding():
        for row, picture in enumerate(pictures):
            images[row] = decode_face(picture.path, str(picture.path))
    note = f"{others:,} files in {path} are no JPEG or PNG and were left out"
    return Rows(
        images=images,
        labels=np.array([picture.label for picture in pictures], dtype=np.int64),
        declared=np.array([picture.declared for picture in pictures], dtype=np.str_),
        named=np.array([split_of_file_name(p.path.name) or "" for p in pictures], dtype=np.str_),
        warnings=(note,) if others else (),
    )


def _files(path: Path) -> Iterator[_Picture]:
    """Everything in the class folders of each split's folder, pictures or not."""
    for split_folder in sub(path):
        split = split_of(split_folder.name)
        if split is None:
            continue
        for class_folder in sub(split_folder):
            label = label_of(class_folder.name)
            if label is None:
                raise DataError(
                    f"the folder {class_folder} is named after no class of FER2013: accepted are "
                    f"{', '.join(CLASS_NAMES)}"
                )
            for file in class_folder.iterdir():
                if file.is_file() and not file.name.startswith("."):
                    yield _Picture(file, label, split)
