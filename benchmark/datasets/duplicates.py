"""Finds exact copies of images, within and across splits, by their decoded pixels.

FER2013 was collected by web search and holds about 1,500 groups of copies; some stand both in
training and in test, some carry different labels. Nothing is removed: `duplicate_mask` marks the
images, so that a table can show the accuracy without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.datasets import SPLITS, Dataset


@dataclass(frozen=True)
class CopyGroup:
    """Images with equal pixels, in the order train, validation, test; two at least."""

    sample_ids: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[int, ...]
    blank: bool
    """All pixels of the image have one value."""

    @property
    def conflicting(self) -> bool:
        """The copies carry different labels."""
        return len(set(self.labels)) > 1

    @property
    def spanning(self) -> bool:
        """The copies stand in different splits."""
        return len(set(self.splits)) > 1


@dataclass(frozen=True)
class DuplicateReport:
    """All groups of copies of one dataset, and their counts."""

    groups: tuple[CopyGroup, ...]
    in_train: Mapping[str, int]
    """Images of the validation and the test split that stand in train as well."""

    @property
    def images(self) -> int:
        """Images that have a copy, all splits together."""
        return sum(len(group.labels) for group in self.groups)

    @property
    def spanning(self) -> int:
        """Groups that span two or more splits."""
        return sum(group.spanning for group in self.groups)

    @property
    def conflicting(self) -> int:
        """Groups whose copies carry different labels."""
        return sum(group.conflicting for group in self.groups)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the counts, then every group."""
        return {
            "groups": len(self.groups),
            "images": self.images,
            "spanning": self.spanning,
            "conflicting": self.conflicting,
            "in_train": dict(self.in_train),
            "listing": [
                {
                    "sample_ids": list(group.sample_ids),
                    "labels": list(group.labels),
                    "conflicting": group.conflicting,
                    "spanning": group.spanning,
                    "blank": group.blank,
                }
                for group in self.groups
            ],
        }


def find_duplicates(dataset: Dataset) -> DuplicateReport:
    """Group all images of the dataset by their pixels; groups in the order of their first image."""
    splits = [dataset.split(name) for name in SPLITS]
    images = np.concatenate([split.images for split in splits])
    labels = np.concatenate([split.labels for split in splits]).tolist()
    ids = np.concatenate([split.sample_ids for split in splits]).tolist()
    where = np.repeat(SPLITS, [len(split) for split in splits]).tolist()
    groups = tuple(
        CopyGroup(
            sample_ids=tuple(ids[i] for i in rows),
            splits=tuple(where[i] for i in rows),
            labels=tuple(labels[i] for i in rows),
            blank=bool(images[rows[0]].min() == images[rows[0]].max()),
        )
        for rows in _copies(images)
    )
    in_train = {name: int(duplicate_mask(dataset, name).sum()) for name in SPLITS[1:]}
    return DuplicateReport(groups, in_train)


def duplicate_mask(dataset: Dataset, split: str) -> npt.NDArray[np.bool_]:
    """bool (N,): an exact copy of the image stands in train (for train: a further one)."""
    if split == "train":
        mask = np.zeros(len(dataset.train), dtype=bool)
        mask[[i for rows in _copies(dataset.train.images) for i in rows]] = True
        return mask
    known = {image.tobytes() for image in dataset.train.images}
    return np.array([image.tobytes() in known for image in dataset.split(split).images], dtype=bool)


def _copies(images: npt.NDArray[np.uint8]) -> list[list[int]]:
    """Rows of equal images, each list ascending and two long at least."""
    groups: dict[bytes, list[int]] = {}
    for i, image in enumerate(images):
        groups.setdefault(image.tobytes(), []).append(i)
    return [rows for rows in groups.values() if len(rows) > 1]
