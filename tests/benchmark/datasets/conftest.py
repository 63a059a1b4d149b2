from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmark.datasets import Dataset
from benchmark.datasets.faces import draw_dataset

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def small() -> Dataset:
    """Drawn faces that stand in for FER2013."""
    return draw_dataset(seed=3, sizes={"train": 40, "validation": 12, "test": 14})


@pytest.fixture(scope="session")
def real_path() -> Path:
    """The real FER2013, or a skipped test."""
    path = Path(os.environ.get("FER2013_DATA", REPOSITORY.parent / "shared" / "fer2013"))
    if not path.exists():
        pytest.skip(f"no FER2013 at {path}; set FER2013_DATA to its folder")
    return path
