"""What FER2013 officially is: class counts per split, and the words that name its parts.

Counts: the contest's `fer2013.csv` (Goodfellow et al. 2013), in class order. Everything that turns
a word found in somebody's files into a label or a split stands here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from benchmark.datasets import CLASS_NAMES, SPLITS, DataError, Dataset

OFFICIAL_COUNTS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "train": (3995, 436, 4097, 7215, 4830, 3171, 4965),
        "validation": (467, 56, 496, 895, 653, 415, 607),
        "test": (491, 55, 528, 879, 594, 416, 626),
    }
)
USAGES: Mapping[str, str] = MappingProxyType(
    {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
)
"""The contest's names of the splits, in the `Usage` column and in file names."""

_SPLIT_WORDS = {
    **{usage.lower(): split for usage, split in USAGES.items()},
    **{split: split for split in SPLITS},
    "val": "validation",
    "valid": "validation",
    "public_test": "validation",
    "private_test": "test",
}
_CLASS_WORDS = {
    "angry": ("angry", "anger"),
    "disgust": ("disgust", "disgusted"),
    "fear": ("fear", "fearful", "afraid", "scared"),
    "happy": ("happy", "happiness", "joy"),
    "sad": ("sad", "sadness"),
    "surprise": ("surprise", "surprised"),
    "neutral": ("neutral", "neutrality"),
}
_LABELS = {word: CLASS_NAMES.index(name) for name, words in _CLASS_WORDS.items() for word in words}
_OFFICIAL_NAME = re.compile(rf"({'|'.join(USAGES)})_(\d{{1,18}})(?!\d)")
_NUMBER = re.compile(r"\d{1,18}")


def label_of(class_name: str) -> int | None:
    """The official label of a class called by any usual name, in any case; None: unknown."""
    return _LABELS.get(class_name.strip().lower())


def labels_of(class_names: list[str], where: str) -> npt.NDArray[np.int64]:
    """Official labels of classes listed in somebody's order: the table that maps theirs to ours."""
    labels = [label_of(name) for name in class_names]
    for name, label in zip(class_names, labels, strict=True):
        if label is None:
            raise DataError(
                f"{where} names a class {name!r}, which FER2013 does not have: accepted are "
                f"{', '.join(CLASS_NAMES)}, in any order"
            )
    if len(set(labels)) != len(labels):
        raise DataError(
            f"{where} names one class twice ({', '.join(class_names)}): accepted is each of "
            f"{', '.join(CLASS_NAMES)} once, in any order"
        )
    return np.array(labels, dtype=np.int64)


def split_of(word: str) -> str | None:
    """The split that a folder, a file or a `Usage` is about; None: no split's name."""
    return _SPLIT_WORDS.get(word.strip().lower())


def split_of_file_name(name: str) -> str | None:
    """The official split told by a name like 'PublicTest_18768.jpg'; None: it tells none."""
    match = _OFFICIAL_NAME.match(name)
    return USAGES[match[1]] if match else None


def number_in(name: str) -> int:
    """The first number in a file name (images are ordered by it); -1: none."""
    match = _NUMBER.search(name)
    return int(match[0]) if match else -1


def class_counts(labels: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """Images per class, in class order."""
    return tuple(int(n) for n in np.bincount(labels, minlength=len(CLASS_NAMES)))


def is_official(dataset: Dataset) -> bool:
    """Whether each split has exactly FER2013's class counts."""
    return all(class_counts(dataset.split(s).labels) == OFFICIAL_COUNTS[s] for s in SPLITS)
