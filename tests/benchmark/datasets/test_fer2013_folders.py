from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.datasets import DataError, Dataset
from benchmark.datasets import fer2013_folders as reader
from benchmark.datasets.fer2013_folders import read_folders

from . import writers as w


def test_labels_follow_names_not_the_order_of_folders(small: Dataset, tmp_path: Path) -> None:
    w.write_folders(small, tmp_path)
    expected = [label for _, _, _, _, label in w.table(small)]
    assert read_folders(tmp_path).labels.tolist() == expected


def test_an_unknown_class_folder(small: Dataset, tmp_path: Path) -> None:
    w.write_folders(small, tmp_path)
    (tmp_path / "train" / "contempt").mkdir()
    with pytest.raises(DataError) as error:
        read_folders(tmp_path)
    assert str(error.value) == (
        f"the folder {tmp_path / 'train' / 'contempt'} is named after no class of FER2013: "
        "accepted are angry, disgust, fear, happy, sad, surprise, neutral"
    )


def test_other_files_are_counted_and_hidden_ones_ignored(small: Dataset, tmp_path: Path) -> None:
    w.write_folders(small, tmp_path)
    (tmp_path / "train" / "happy" / "notes.txt").write_text("x")
    (tmp_path / "train" / "happy" / ".DS_Store").write_text("x")
    rows = read_folders(tmp_path)
    assert len(rows.labels) == 66
    assert rows.warnings == (f"1 files in {tmp_path} are no JPEG or PNG and were left out",)


def test_a_file_that_is_no_picture(small: Dataset, tmp_path: Path) -> None:
    w.write_folders(small, tmp_path)
    bad = tmp_path / "train" / "happy" / "Training_9.jpg"
    bad.write_bytes(b"GIF89a")
    with pytest.raises(DataError) as error:
        read_folders(tmp_path)
    assert str(error.value) == (
        f"{bad} is not a picture that can be decoded: accepted are whole JPEG and PNG files"
    )


def test_more_files_than_memory_allows(
    small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_ROWS", 65)
    w.write_folders(small, tmp_path)
    with pytest.raises(DataError) as error:
        read_folders(tmp_path)
    assert str(error.value) == (
        f"{tmp_path} holds more than 100,000 images: accepted is FER2013's size"
    )


def test_a_folder_that_cannot_be_read(
    small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    w.write_folders(small, tmp_path)
    closed = tmp_path / "train" / "happy"

    def refuse(folder: Path) -> list[Path]:
        if folder == closed:
            raise PermissionError(13, "Permission denied", str(folder))
        return list(folder.glob("*"))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError) as error:
        read_folders(tmp_path)
    assert str(error.value) == (
        f"{closed} cannot be read (Permission denied): accepted are readable folders"
    )
