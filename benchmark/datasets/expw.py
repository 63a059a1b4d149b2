"""`expw`: faces in photographs (Zhang et al. 2018, Expression in-the-Wild), cut out of `label.lst`.

A row of `label.lst` is `image_name face_id top left right bottom confidence label`, without header,
labels in FER2013's order. Several faces share a photograph and rows repeat, so a random split by
row leaks: repeated rows are dropped, and whole photographs go to one split.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmark.datasets import CLASS_NAMES, SIDE, SPLITS, DataError, Dataset, Split
from benchmark.datasets.pictures import in_threads, open_picture, quiet_decoding
from benchmark.datasets.rows import sample_ids

LABEL_FILES = ("label.lst", "label/label.lst")
PHOTO_FOLDERS = ("image/origin", "origin", "image", "images", ".")
SHARES = (0.7, 0.1, 0.2)
"""Train, validation, test, in photographs: the text of the VGG16 report."""
MAX_ROWS = 200_000
"""ExpW has 91,793."""
MAX_LINE = 4096
ROW = "image_name face_id top left right bottom confidence label"


@dataclass(frozen=True)
class _Face:
    """A row of `label.lst`. box: (left, top, right, bottom) in pixels of the photograph."""

    photo: str
    box: tuple[int, int, int, int]
    label: int
    row: int


def find_labels(path: Path) -> Path | None:
    """The `label.lst` at or in `path`; None: there is none."""
    try:
        if path.is_file():
            return path if path.suffix == ".lst" else None
        return next((path / name for name in LABEL_FILES if (path / name).is_file()), None)
    except OSError:  # a path that cannot be looked at holds no list
        return None


def load_expw(path: Path, *, seed: int = 0) -> Dataset:
    """Cut the faces out of their photographs, gray, 48x48, and split by photograph.

    path: the folder that holds `label.lst` (or `label/`) and the photographs (there, or in
    `image/origin`). seed: decides which photographs go to which split.
    """
    labels = find_labels(path)
    if labels is None:
        raise DataError(
            f"there is no label.lst in {path}: accepted is the folder of ExpW, with label.lst (or "
            "label/label.lst) and the photographs (in image/origin, or beside it)"
        )
    faces, repeated, contradicting = _without_repeats(_read_labels(labels))
    if len({face.photo for face in faces}) < 10:
        raise DataError(
            f"{labels} names fewer than 10 photographs: accepted are enough to split 70/10/20"
        )
    root = path.parent if path.is_file() else path
    images = _cut(faces, _photo_folder(root, faces[0], labels), labels)
    splits = _split_by_photo(faces, seed)
    classes = np.array([face.label for face in faces], dtype=np.int64)
    train, validation, test = (
        Split(images[splits == i], classes[splits == i], sample_ids(name, int((splits == i).sum())))
        for i, name in enumerate(SPLITS)
    )
    notes = [
        f"ExpW has no official split: its photographs were split 70/10/20 with seed {seed}, so "
        "figures are comparable only with those of this split"
    ]
    if repeated:
        notes.append(
            f"{repeated:,} repeated rows of label.lst were left out, {contradicting:,} of which "
            "gave the same face another label"
        )
    return Dataset("expw", "ExpW (label.lst)", train, validation, test, warnings=tuple(notes))


def _read_labels(path: Path) -> list[_Face]:
    faces = []
    for row, line in enumerate(_lines(path), start=1):
        if row > MAX_ROWS:
            raise DataError(f"{path} has more than {MAX_ROWS:,} rows: accepted is ExpW's size")
        if line.strip():
            faces.append(_face(line, row, f"{path}, row {row}"))
    if not faces:
        raise DataError(f"{path} is empty: accepted are rows of {ROW}")
    return faces


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            while line := file.readline(MAX_LINE):
                yield line
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): accepted is a readable label.lst"
        ) from None


def _face(line: str, row: int, where: str) -> _Face:
    cells = line.rsplit(maxsplit=7)  # from the right: a photograph's name may hold spaces
    if len(cells) != 8:
        raise DataError(f"{where} has {len(cells)} columns: accepted are the 8 of {ROW}")
    photo = cells[0].strip()
    if photo in (".", "..") or any(c in photo for c in "/\\\0") or len(photo) > 255:
        raise DataError(
            f"{where} names the photograph {photo[:60]!r}: accepted are plain file names, which "
            "cannot leave the folder of the photographs"
        )
    numbers = [_whole_number(cell) for cell in cells[2:6]]
    if None in numbers:
        raise DataError(
            f"{where} has the box {' '.join(cells[2:6])[:60]!r}: accepted are four whole numbers "
            "(top left right bottom)"
        )
    top, left, right, bottom = (n for n in numbers if n is not None)
    if top >= bottom or left >= right:
        raise DataError(
            f"{where} has an empty box (top {top}, left {left}, right {right}, bottom {bottom}): "
            "accepted are boxes with top < bottom and left < right"
        )
    if len(cells[7]) != 1 or cells[7] not in "0123456":
        raise DataError(
            f"{where} has the label {cells[7][:20]!r}: accepted are 0 to {len(CLASS_NAMES) - 1}"
        )
    return _Face(photo, (left, top, right, bottom), int(cells[7]), row)


def _whole_number(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else None


def _without_repeats(faces: Sequence[_Face]) -> tuple[list[_Face], int, int]:
    """The first row of each box in each photograph; how many were dropped, how many of these
    contradicted the first one's label."""
    first: dict[tuple[str, tuple[int, int, int, int]], _Face] = {}
    contradicting = 0
    for face in faces:
        kept = first.setdefault((face.photo, face.box), face)
        contradicting += kept.label != face.label
    return list(first.values()), len(faces) - len(first), contradicting


def _photo_folder(root: Path, face: _Face, labels: Path) -> Path:
    """The folder that holds the first photograph holds them all."""
    for base in (root, labels.parent):
        for name in PHOTO_FOLDERS:
            if (base / name / face.photo).is_file():
                return base / name
    raise DataError(
        f"{labels}, row {face.row} names the photograph {face.photo!r}, which is in none of "
        f"{', '.join(PHOTO_FOLDERS[:-1])} below {root} nor in {root} itself: accepted are the "
        "photographs unpacked there"
    )


def _cut(faces: Sequence[_Face], folder: Path, labels: Path) -> npt.NDArray[np.uint8]:
    """All faces, (N, 48, 48); each photograph is decoded once, however many faces it holds."""
    rows_of: dict[str, list[int]] = {}
    for i, face in enumerate(faces):
        rows_of.setdefault(face.photo, []).append(i)
    images = np.empty((len(faces), SIDE, SIDE), dtype=np.uint8)

    def cut(photo: str) -> None:
        rows = rows_of[photo]
        path = folder / photo
        if not path.is_file():
            raise DataError(
                f"{labels}, row {faces[rows[0]].row} names the photograph {photo!r}, which is not "
                f"in {folder}: accepted is a folder with all photographs"
            )
        picture = open_picture(path, str(path))
        for i in rows:
            images[i] = _crop(picture, faces[i], labels)

    with quiet_decoding():
        for _ in in_threads(cut, list(rows_of)):
            pass
    return images


def _crop(picture: Image.Image, face: _Face, labels: Path) -> npt.NDArray[np.uint8]:
    left, top, right, bottom = face.box
    width, height = picture.size
    box = (max(left, 0), max(top, 0), min(right, width), min(bottom, height))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise DataError(
            f"{labels}, row {face.row} has a box outside its photograph of {width}x{height} "
            f"pixels (left {left}, top {top}, right {right}, bottom {bottom}): accepted are boxes "
            "that overlap it"
        )
    resized = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box)
    return np.asarray(resized, dtype=np.uint8)


def _split_by_photo(faces: Sequence[_Face], seed: int) -> npt.NDArray[np.int64]:
    """0 train, 1 validation, 2 test for each face, (N,); the order of rows does not matter."""
    photos = sorted({face.photo for face in faces})
    order = np.random.default_rng(seed).permutation(len(photos))
    bounds = np.rint(np.cumsum(SHARES[:-1]) * len(photos))
    split_of = dict(zip(photos, np.searchsorted(bounds, order, side="right"), strict=True))
    return np.array([split_of[face.photo] for face in faces], dtype=np.int64)
