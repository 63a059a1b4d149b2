"""The real FER2013 (JPEG edition as parquet): its official counts and its known copies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.datasets import SPLITS, Dataset
from benchmark.datasets.check import blank_images
from benchmark.datasets.duplicates import duplicate_mask, find_duplicates
from benchmark.datasets.fer2013 import load_fer2013
from benchmark.datasets.official import OFFICIAL_COUNTS, class_counts

from . import writers as w

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def real(real_path: Path) -> Dataset:
    return load_fer2013(real_path)


def test_splits_and_classes_are_the_official_ones(real: Dataset) -> None:
    for name in SPLITS:
        assert class_counts(real.split(name).labels) == OFFICIAL_COUNTS[name]
    assert real.warnings == ()
    assert real.origin == "FER2013 as Hugging Face parquet"


def test_copies_are_those_that_were_counted(real: Dataset) -> None:
    report = find_duplicates(real)
    assert (len(report.groups), report.images) == (1516, 3369)
    assert (report.spanning, report.conflicting) == (557, 57)
    assert report.in_train == {"validation": 280, "test": 288}
    assert duplicate_mask(real, "test").sum() == 288


def test_blank_images_are_those_that_were_counted(real: Dataset) -> None:
    assert [int(blank_images(real.split(name).images).sum()) for name in SPLITS] == [11, 1, 0]


def test_other_formats_give_the_same_real_faces(real: Dataset, tmp_path: Path) -> None:
    def first(name: str, count: int) -> slice:
        return slice(0, min(count, len(real.split(name))))

    parts = []
    for name in SPLITS:
        split, rows = real.split(name), first(name, 120)
        parts.append(type(split)(split.images[rows], split.labels[rows], split.sample_ids[rows]))
    part = Dataset("fer2013", "part", *parts)
    table = load_fer2013(w.write_csv(part, tmp_path / "fer2013.csv"))
    folders = load_fer2013(w.write_folders(part, tmp_path / "folders"))
    for name in SPLITS:
        for other in (table, folders):
            assert np.array_equal(other.split(name).images, part.split(name).images)
            assert other.split(name).labels.tolist() == part.split(name).labels.tolist()
            assert other.split(name).sample_ids.tolist() == part.split(name).sample_ids.tolist()
