from __future__ import annotations

import pytest

from benchmark.datasets import CLASS_NAMES, DataError
from benchmark.datasets.official import (
    OFFICIAL_COUNTS,
    label_of,
    labels_of,
    number_in,
    split_of,
    split_of_file_name,
)


def test_the_counts_add_up_to_the_contests() -> None:
    totals = {name: sum(counts) for name, counts in OFFICIAL_COUNTS.items()}
    assert totals == {"train": 28709, "validation": 3589, "test": 3589}


def test_classes_are_known_by_their_usual_names() -> None:
    assert [label_of(name) for name in CLASS_NAMES] == list(range(7))
    assert [label_of(f" {n} ") for n in ("Anger", "HAPPINESS", "Sadness", "Surprised")] == [
        0,
        3,
        4,
        5,
    ]
    assert label_of("contempt") is None
    assert labels_of(sorted(CLASS_NAMES), "X").tolist() == [0, 1, 2, 3, 6, 4, 5]
    with pytest.raises(DataError) as error:
        labels_of(["unknown"], "X")
    assert str(error.value) == (
        "X names a class 'unknown', which FER2013 does not have: accepted are angry, disgust, "
        "fear, happy, sad, surprise, neutral, in any order"
    )


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Training_3908.jpg", "train"),
        ("PublicTest_18768.jpg", "validation"),
        ("PrivateTest_59059 (1).jpg", "test"),
        ("Training.jpg", None),
        ("im0.png", None),
        ("x_Training_1.jpg", None),
    ],
)
def test_file_names_tell_the_split(name: str, split: str | None) -> None:
    assert split_of_file_name(name) == split


def test_words_and_numbers() -> None:
    assert [split_of(w) for w in ("train", "Val", "publicTest", "PrivateTest", "fold0")] == [
        "train",
        "validation",
        "validation",
        "test",
        None,
    ]
    assert [number_in(n) for n in ("Training_12.jpg", "im7.png", "a.png")] == [12, 7, -1]
