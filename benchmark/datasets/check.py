"""What lies at a path: its format, its splits, and how far it is the official FER2013.

Computes only; the command line prints it. Whatever cannot be used raises `DataError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.datasets import SPLITS, Dataset
from benchmark.datasets.expw import find_labels, load_expw
from benchmark.datasets.fer2013 import find_fer2013
from benchmark.datasets.official import OFFICIAL_COUNTS, class_counts
from benchmark.datasets.rows import assemble


@dataclass(frozen=True)
class DataReport:
    """What `check_data` found. Counts are images per class, in `class_names` order."""

    dataset: str
    """fer2013 or expw."""
    format: str
    """csv, folders, parquet or label.lst."""
    origin: str
    path: str
    class_names: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    official: Mapping[str, tuple[int, ...]] | None
    """FER2013's own counts; None for a dataset that has no official split."""
    blank: Mapping[str, tuple[str, ...]]
    """Sample ids of the images whose pixels all have one value, per split."""
    warnings: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        """The class counts of every split are the official ones."""
        return self.official is not None and dict(self.counts) == dict(self.official)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "dataset": self.dataset,
            "format": self.format,
            "origin": self.origin,
            "path": self.path,
            "class_names": list(self.class_names),
            "splits": {
                name: {
                    "images": sum(self.counts[name]),
                    "counts": list(self.counts[name]),
                    "official": None if self.official is None else list(self.official[name]),
                    "blank": list(self.blank[name]),
                }
                for name in SPLITS
            },
            "comparable": self.comparable,
            "warnings": list(self.warnings),
        }


def check_data(path: Path) -> DataReport:
    """Read the FER2013 or ExpW at `path` and say what it is; `DataError` when it cannot be used."""
    if find_labels(path) is not None:
        return _report(load_expw(path), "label.lst", path)
    source = find_fer2013(path)
    return _report(
        assemble(source.read(), source.origin, str(source.path)), source.format, source.path
    )


def blank_images(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """bool (N,): all pixels of the image have one value."""
    flat = images.reshape(len(images), -1)
    return np.asarray(flat.min(axis=1) == flat.max(axis=1))


def _report(dataset: Dataset, kind: str, path: Path) -> DataReport:
    splits = {name: dataset.split(name) for name in SPLITS}
    return DataReport(
        dataset=dataset.name,
        format=kind,
        origin=dataset.origin,
        path=str(path),
        class_names=dataset.class_names,
        counts={name: class_counts(split.labels) for name, split in splits.items()},
        official=OFFICIAL_COUNTS if dataset.name == "fer2013" else None,
        blank={
            name: tuple(split.sample_ids[blank_images(split.images)].tolist())
            for name, split in splits.items()
        },
        warnings=dataset.warnings,
    )
