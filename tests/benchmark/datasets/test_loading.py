from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark.datasets import DataError, Dataset, faces
from benchmark.datasets.loading import load_dataset, load_path

from . import writers as w


def test_faces_need_no_path_and_follow_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"train": 20, "validation": 8, "test": 8}
    monkeypatch.setattr(faces.draw_dataset, "__kwdefaults__", {"sizes": sizes, "label_noise": 0.06})
    first, other = load_dataset("faces", None, seed=1), load_dataset("faces", None, seed=2)
    assert first.name == "faces"
    assert not np.array_equal(first.train.images, other.train.images)


def test_files_are_read_by_name_or_by_what_they_are(small: Dataset, tmp_path: Path) -> None:
    fer, expw = tmp_path / "fer", tmp_path / "expw"
    w.write_parquet(small, fer)
    w.write_expw(expw, w.write_photos(expw))
    assert load_dataset("fer2013", fer).name == load_path(fer).name == "fer2013"
    by_name, by_path = load_dataset("expw", expw, seed=4), load_path(expw, seed=4)
    assert by_name.test.labels.tolist() == by_path.test.labels.tolist()


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        (
            "fer2012",
            None,
            "there is no dataset 'fer2012' (nearest: fer2013): accepted are faces, fer2013, expw",
        ),
        ("mnist?", None, "there is no dataset 'mnist?': accepted are faces, fer2013, expw"),
        (
            "fer2013",
            None,
            "the dataset 'fer2013' needs the path of its files: accepted is --data PATH, or the "
            "dataset faces, which needs none",
        ),
        (
            "faces",
            Path("x"),
            "the dataset 'faces' is drawn and reads nothing, not x: accepted are no path, or the "
            "dataset fer2013 or expw",
        ),
    ],
)
def test_requests_that_make_no_sense(name: str, path: Path | None, message: str) -> None:
    with pytest.raises(DataError) as error:
        load_dataset(name, path)
    assert str(error.value) == message


def test_no_torch_is_imported() -> None:
    code = (
        "import sys, benchmark.datasets.check, benchmark.datasets.duplicates, "
        "benchmark.datasets.faces, benchmark.datasets.fer2013_parquet, benchmark.datasets.loading; "
        "print([m for m in ('torch', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
