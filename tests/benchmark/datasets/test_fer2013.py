"""The same FER2013 through every format, and what is found at a path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmark.datasets import SPLITS, DataError, Dataset
from benchmark.datasets.fer2013 import ACCEPTED, find_fer2013, load_fer2013

from . import writers as w

Write = Callable[[Dataset, Path], Path]

EXACT: dict[str, Write] = {
    "csv": lambda d, p: w.write_csv(d, p / "fer2013.csv"),
    "csv in its folder": lambda d, p: w.write_csv(d, p / "fer2013.csv").parent,
    "csv under another name": lambda d, p: w.write_csv(d, p / "faces.csv").parent,
    "icml": lambda d, p: w.write_icml(d, p / "icml_face_data.csv"),
    "folders": lambda d, p: w.write_folders(d, p / "archive").parent,
    "folders with validation": lambda d, p: w.write_folders(d, p, prefixes=False, merged=False),
    "parquet": w.write_parquet,
    "parquet without paths": lambda d, p: w.write_parquet(d, p / "data", paths=False).parent,
    "parquet, alphabetical classes": lambda d, p: w.write_parquet(d, p, names=w.ALPHABETICAL),
    "parquet, publicTest": lambda d, p: w.write_parquet(d, p, files=w.FER2013_FILES),
    "parquet, img_bytes": w.write_plain_parquet,
    "parquet, names as labels": lambda d, p: w.write_plain_parquet(d, p, text_labels=True),
}
JPEG: dict[str, Write] = {
    "folders": lambda d, p: w.write_folders(d, p, kind="JPEG"),
    "parquet": lambda d, p: w.write_parquet(d, p, kind="JPEG"),
}


@pytest.mark.parametrize("write", EXACT.values(), ids=EXACT)
def test_every_format_gives_the_same_dataset(write: Write, small: Dataset, tmp_path: Path) -> None:
    loaded = load_fer2013(write(small, tmp_path))
    for split in SPLITS:
        expected, found = small.split(split), loaded.split(split)
        assert found.sample_ids.tolist() == expected.sample_ids.tolist()
        assert found.labels.tolist() == expected.labels.tolist()
        assert np.array_equal(found.images, expected.images)
        assert found.labels.dtype == np.int64
        assert found.images.dtype == np.uint8
    assert loaded.name == "fer2013"
    assert not loaded.synthetic


@pytest.mark.parametrize("write", JPEG.values(), ids=JPEG)
def test_jpeg_editions_differ_by_compression_only(
    write: Write, small: Dataset, tmp_path: Path
) -> None:
    loaded = load_fer2013(write(small, tmp_path))
    for split in SPLITS:
        expected, found = small.split(split), loaded.split(split)
        assert found.labels.tolist() == expected.labels.tolist()
        error = np.abs(found.images.astype(int) - expected.images.astype(int))
        assert error.mean() < 3


def test_counts_other_than_the_official_ones_are_said(small: Dataset, tmp_path: Path) -> None:
    loaded = load_fer2013(w.write_csv(small, tmp_path / "fer2013.csv"))
    assert loaded.warnings == (
        "the splits hold 40/12/14 images (train/validation/test) and their class counts are not "
        "FER2013's official ones (28,709/3,589/3,589): figures are not comparable with published "
        "ones",
    )


def test_a_csv_is_taken_before_the_other_formats(small: Dataset, tmp_path: Path) -> None:
    w.write_parquet(small, tmp_path)
    w.write_csv(small, tmp_path / "fer2013.csv")
    source = find_fer2013(tmp_path)
    assert (source.format, source.origin) == ("csv", "FER2013 as CSV (fer2013.csv)")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        load_fer2013(tmp_path / "none")
    assert str(error.value) == f"there is nothing at {tmp_path / 'none'}: {ACCEPTED}"


@pytest.mark.parametrize("name", ["notes.txt", "train/cats/1.jpg", "fer2013.tar.gz"])
def test_a_folder_with_nothing_known(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(DataError) as error:
        load_fer2013(tmp_path)
    assert str(error.value) == f"{tmp_path} holds no FER2013: {ACCEPTED}"


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "fer2013.zip"
    path.write_bytes(b"PK")
    with pytest.raises(DataError) as error:
        load_fer2013(path)
    assert str(error.value) == f"{path} holds no FER2013: {ACCEPTED}"


def test_the_contests_own_tables_are_refused(small: Dataset, tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text(f"pixels\n{w.pixels(small.train.images[0])}\n")
    (tmp_path / "train.csv").write_text(f"emotion,pixels\n0,{w.pixels(small.train.images[0])}\n")
    with pytest.raises(DataError) as error:
        load_fer2013(tmp_path)
    assert str(error.value) == (
        f"{tmp_path / 'test.csv'} has no column 'emotion' (found: pixels): accepted are the "
        "columns emotion, pixels, Usage in any order; the contest's train.csv has no Usage and "
        "its test.csv no emotion: take fer2013.csv or icml_face_data.csv instead"
    )


def test_two_whole_tables_in_a_folder(small: Dataset, tmp_path: Path) -> None:
    w.write_csv(small, tmp_path / "a.csv")
    w.write_csv(small, tmp_path / "b.csv")
    with pytest.raises(DataError) as error:
        load_fer2013(tmp_path)
    assert str(error.value) == (
        f"{tmp_path} holds several tables of faces (a.csv, b.csv): accepted is the path of one of "
        "them"
    )
