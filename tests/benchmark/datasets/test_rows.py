from __future__ import annotations

import numpy as np
import pytest

from benchmark.datasets import SPLITS, DataError
from benchmark.datasets.rows import Rows, assemble


def rows(declared: list[str], named: list[str]) -> Rows:
    count = len(declared)
    return Rows(
        images=np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((48, 48), np.uint8),
        labels=np.arange(count) % 7,
        declared=np.array(declared, dtype=np.str_),
        named=np.array(named, dtype=np.str_),
    )


def test_names_divide_the_merged_test_folder_without_a_word() -> None:
    data = assemble(
        rows(["train", "test", "test", "test"], ["train", "test", "validation", "test"]), "o", "X"
    )
    assert [len(data.split(name)) for name in SPLITS] == [1, 1, 2]
    assert data.test.images[:, 0, 0].tolist() == [1, 3]
    assert data.test.sample_ids.tolist() == ["test/000000", "test/000001"]
    assert len(data.warnings) == 1  # not the official counts


def test_a_re_split_edition_with_official_names_is_put_right() -> None:
    data = assemble(rows(["train", "train", "test"], ["train", "validation", "test"]), "o", "X")
    assert [len(data.split(name)) for name in SPLITS] == [1, 1, 1]
    assert data.warnings[0] == (
        "1 images lay under another split than their file names tell (a re-split edition): the "
        "names decided, so the official splits are restored"
    )


def test_a_re_split_edition_without_names_is_taken_with_a_warning() -> None:
    data = assemble(rows(["train", "validation", "test"], ["", "", ""]), "o", "X")
    assert data.warnings == (
        "the splits hold 1/1/1 images (train/validation/test) and their class counts are not "
        "FER2013's official ones (28,709/3,589/3,589): figures are not comparable with published "
        "ones",
    )


def test_nothing_is_split_silently() -> None:
    with pytest.raises(DataError) as error:
        assemble(rows(["train", "test", "test"], ["train", "test", ""]), "o", "X")
    assert str(error.value) == (
        "X has only train and test, and not every file name begins with Training_, PublicTest_ or "
        "PrivateTest_, so the official validation and test splits cannot be told apart and "
        "nothing was split: accepted are file names with these prefixes, or a validation folder"
    )


def test_a_split_that_is_missing() -> None:
    with pytest.raises(DataError) as error:
        assemble(rows(["train"], [""]), "o", "X")
    assert str(error.value) == (
        "X holds no images of the validation split: accepted is FER2013 with train, validation "
        "(PublicTest) and test (PrivateTest)"
    )


def test_no_rows_at_all() -> None:
    with pytest.raises(DataError) as error:
        assemble(rows([], []), "o", "X")
    assert str(error.value) == "X holds no images: accepted is FER2013 with its three splits"
