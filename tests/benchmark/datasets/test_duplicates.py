from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmark.datasets import SPLITS, Dataset, Split
from benchmark.datasets.duplicates import duplicate_mask, find_duplicates


def split(name: str, values: list[int], labels: list[int]) -> Split:
    images = np.zeros((len(values), 48, 48), np.uint8)
    images[:, 3, 5] = values
    ids = np.array([f"{name}/{i}" for i in range(len(values))])
    return Split(images, np.array(labels, dtype=np.int64), ids)


@pytest.fixture
def dataset() -> Dataset:
    return Dataset(
        "fer2013",
        "made here",
        split("train", [1, 2, 1, 3, 0], [0, 1, 2, 3, 4]),
        split("validation", [4, 2, 0], [0, 1, 4]),
        split("test", [5, 5, 1, 6], [3, 3, 0, 1]),
    )


def test_groups_counts_and_conflicts(dataset: Dataset) -> None:
    report = find_duplicates(dataset)
    assert [group.sample_ids for group in report.groups] == [
        ("train/0", "train/2", "test/2"),
        ("train/1", "validation/1"),
        ("train/4", "validation/2"),
        ("test/0", "test/1"),
    ]
    assert [group.conflicting for group in report.groups] == [True, False, False, False]
    assert [group.spanning for group in report.groups] == [True, True, True, False]
    assert [group.blank for group in report.groups] == [False, False, True, False]
    assert (report.images, report.spanning, report.conflicting) == (9, 3, 1)
    assert report.in_train == {"validation": 2, "test": 1}
    listed = report.as_dict()
    assert listed["groups"] == 4
    assert listed["listing"][1] == {
        "sample_ids": ["train/1", "validation/1"],
        "labels": [1, 1],
        "conflicting": False,
        "spanning": True,
        "blank": False,
    }


def test_masks_mark_what_stands_in_train(dataset: Dataset) -> None:
    assert duplicate_mask(dataset, "validation").tolist() == [False, True, True]
    assert duplicate_mask(dataset, "test").tolist() == [False, False, True, False]
    assert duplicate_mask(dataset, "train").tolist() == [True, False, True, False, False]


def test_agrees_with_comparing_every_pair() -> None:
    rng = np.random.default_rng(0)
    parts = [split(name, rng.integers(0, 30, 25).tolist(), [0] * 25) for name in SPLITS]
    dataset = Dataset("fer2013", "made here", *parts)
    images = np.concatenate([part.images for part in parts])
    ids = np.concatenate([part.sample_ids for part in parts]).tolist()
    pairs = {
        (ids[a], ids[b])
        for a, b in itertools.combinations(range(75), 2)
        if np.array_equal(images[a], images[b])
    }
    found = find_duplicates(dataset)
    assert pairs == {
        pair for group in found.groups for pair in itertools.combinations(group.sample_ids, 2)
    }


def test_a_dataset_without_copies(small: Dataset) -> None:
    report = find_duplicates(small)
    assert (len(report.groups), report.images, report.in_train) == (
        0,
        0,
        {"validation": 0, "test": 0},
    )
    assert not duplicate_mask(small, "test").any()
