"""Datasets: uint8 faces of 48x48 pixels, labels in one class order, three named splits.

The class order and the names of the splits are decided here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CLASS_NAMES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""FER2013's official order: label 0 is angry, label 6 is neutral."""
SPLITS = ("train", "validation", "test")
"""FER2013 calls them Training, PublicTest and PrivateTest."""
SIDE = 48


class DataError(Exception):
    """Data that cannot be used. The message is one sentence: what, where, what is accepted."""


@dataclass(frozen=True, eq=False)
class Split:
    """images: uint8 (N, 48, 48), row-major gray. labels: int64 (N,). sample_ids: str (N,)."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    sample_ids: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits of one dataset, all labels in `class_names` order."""

    name: str
    """fer2013, expw or faces."""
    origin: str
    """The format it was read from, in words for the user ('FER2013 as Hugging Face parquet')."""
    train: Split
    validation: Split
    test: Split
    synthetic: bool = False
    class_names: tuple[str, ...] = CLASS_NAMES
    warnings: tuple[str, ...] = ()
    """What makes its figures not comparable (a re-split edition, ...), one sentence each."""

    def split(self, name: str) -> Split:
        """The split called `name`, one of `SPLITS`."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return splits[name]
