"""Loads a dataset by its name: the one entrance for everything that needs images."""

from __future__ import annotations

import difflib
from pathlib import Path

from benchmark.datasets import DataError, Dataset

NAMES = ("faces", "fer2013", "expw")


def load_dataset(name: str, path: Path | None, *, seed: int = 0) -> Dataset:
    """Load `faces` (drawn, no path), `fer2013` or `expw` (from `path`).

    seed: decides the faces that are drawn and ExpW's split by photograph; FER2013 has its own.
    Raises `DataError` with one sentence when the name, the path or the data cannot be used.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name.lower(), NAMES, n=1, cutoff=0.5)
        hint = f" (nearest: {near[0]})" if near else ""
        raise DataError(f"there is no dataset {name!r}{hint}: accepted are {', '.join(NAMES)}")
    if name == "faces":
        from benchmark.datasets.faces import draw_dataset

        if path is not None:
            raise DataError(
                f"the dataset 'faces' is drawn and reads nothing, not {path}: accepted are no "
                "path, or the dataset fer2013 or expw"
            )
        return draw_dataset(seed=seed)
    if path is None:
        raise DataError(
            f"the dataset {name!r} needs the path of its files: accepted is --data PATH, or the "
            "dataset faces, which needs none"
        )
    if name == "expw":
        from benchmark.datasets.expw import load_expw

        return load_expw(path, seed=seed)
    from benchmark.datasets.fer2013 import load_fer2013

    return load_fer2013(path)


def load_path(path: Path, *, seed: int = 0) -> Dataset:
    """Load whatever lies at `path`: ExpW where there is a `label.lst`, else FER2013."""
    from benchmark.datasets.expw import find_labels

    return load_dataset("fer2013" if find_labels(path) is None else "expw", path, seed=seed)
