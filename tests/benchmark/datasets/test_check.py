from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmark.datasets import DataError, Dataset
from benchmark.datasets.check import blank_images, check_data
from benchmark.datasets.fer2013 import ACCEPTED
from benchmark.datasets.official import OFFICIAL_COUNTS, class_counts

from . import writers as w


def test_a_table_is_described(small: Dataset, tmp_path: Path) -> None:
    path = w.write_csv(small, tmp_path / "fer2013.csv")
    report = check_data(tmp_path)
    assert (report.dataset, report.format, report.path) == ("fer2013", "csv", str(path))
    assert report.counts["test"] == class_counts(small.test.labels)
    assert report.official == OFFICIAL_COUNTS
    assert not report.comparable
    assert report.blank == {"train": (), "validation": (), "test": ()}
    assert len(report.warnings) == 1


@pytest.mark.parametrize("write", [w.write_folders, w.write_parquet])
def test_the_other_formats_are_named(write: object, small: Dataset, tmp_path: Path) -> None:
    assert callable(write)
    write(small, tmp_path)
    assert check_data(tmp_path).format == write.__name__.removeprefix("write_")


def test_expw_is_described_without_official_counts(tmp_path: Path) -> None:
    w.write_expw(tmp_path, w.write_photos(tmp_path))
    report = check_data(tmp_path)
    assert (report.dataset, report.format) == ("expw", "label.lst")
    assert report.official is None
    assert not report.comparable
    assert report.as_dict()["splits"]["train"]["official"] is None


def test_the_report_is_plain_json(small: Dataset, tmp_path: Path) -> None:
    w.write_csv(small, tmp_path / "fer2013.csv")
    shown = json.loads(json.dumps(check_data(tmp_path).as_dict()))
    assert shown["splits"]["validation"]["images"] == 12
    assert sum(shown["splits"]["validation"]["counts"]) == 12
    assert shown["splits"]["validation"]["official"] == list(OFFICIAL_COUNTS["validation"])
    assert shown["class_names"][6] == "neutral"


def test_blank_images_are_those_of_one_value() -> None:
    images = np.zeros((3, 48, 48), np.uint8)
    images[1] = 255
    images[2, 4, 4] = 1
    assert blank_images(images).tolist() == [True, True, False]


def test_a_path_that_no_file_system_takes() -> None:
    path = Path("x" * 5000)
    with pytest.raises(DataError) as error:
        check_data(path)
    assert str(error.value) == f"{path} cannot be read (File name too long): {ACCEPTED}"


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        check_data(tmp_path / "none")
    assert str(error.value) == f"there is nothing at {tmp_path / 'none'}: {ACCEPTED}"
