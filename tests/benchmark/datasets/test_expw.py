from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.datasets import SPLITS, DataError
from benchmark.datasets import expw as reader
from benchmark.datasets.expw import load_expw

from . import writers as w

ROW = "image_name face_id top left right bottom confidence label"


@pytest.fixture(scope="module")
def expw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("expw")
    return w.write_expw(root, w.write_photos(root))


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as error:
        load_expw(path)
    return str(error.value)


def photo_of(image: np.ndarray, root: Path) -> str:
    """The photograph that an image was cut from, found by cutting all of them here."""
    for path in sorted((root / "image" / "origin").iterdir()):
        gray = Image.open(path).convert("L")
        for left, top, right, bottom in ((5, 10, 45, 50), (60, 20, 115, 75)):
            cut = gray.crop((left, top, right, bottom)).resize((48, 48), Image.Resampling.BILINEAR)
            if np.abs(np.asarray(cut).astype(int) - image).mean() < 3:
                return path.name
    raise AssertionError("the image was cut from none of the photographs")


def test_faces_are_cut_out_and_photographs_stay_together(expw: Path) -> None:
    data = load_expw(expw)
    assert [len(data.split(name)) for name in SPLITS] == [28, 4, 8]
    photos = [{photo_of(image, expw) for image in data.split(name).images} for name in SPLITS]
    assert [len(names) for names in photos] == [14, 2, 4]
    assert not photos[0] & photos[1]
    assert not photos[0] & photos[2]
    assert data.name == "expw"
    assert data.train.labels.dtype == np.int64
    assert data.train.sample_ids[:2].tolist() == ["train/000000", "train/000001"]
    assert data.warnings == (
        "ExpW has no official split: its photographs were split 70/10/20 with seed 0, so figures "
        "are comparable only with those of this split",
    )


def test_the_split_follows_the_seed(expw: Path) -> None:
    first, again, other = load_expw(expw), load_expw(expw), load_expw(expw, seed=1)
    assert np.array_equal(first.test.images, again.test.images)
    assert not np.array_equal(first.test.images, other.test.images)


def test_photographs_lie_beside_the_list_or_where_the_authors_put_them(tmp_path: Path) -> None:
    rows = w.write_photos(tmp_path / "a", folder=".")
    w.write_expw(tmp_path / "a", rows)
    w.write_photos(tmp_path / "b")
    w.write_expw(tmp_path / "b" / "label", rows)
    beside, apart = load_expw(tmp_path / "a"), load_expw(tmp_path / "b")
    alone = load_expw(tmp_path / "a" / "label.lst")
    assert np.array_equal(beside.train.images, apart.train.images)
    assert np.array_equal(beside.train.images, alone.train.images)


def test_repeated_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = w.write_photos(tmp_path)
    w.write_expw(tmp_path, [*rows, rows[0], rows[3][:-1] + "6"])
    data = load_expw(tmp_path)
    assert sum(len(data.split(name)) for name in SPLITS) == len(rows)
    assert data.warnings[1] == (
        "2 repeated rows of label.lst were left out, 1 of which gave the same face another label"
    )


def test_boxes_that_reach_over_the_edge_are_clipped(tmp_path: Path) -> None:
    rows = w.write_photos(tmp_path)
    w.write_expw(tmp_path, [*rows[1:], rows[0].replace("0 10 5 45 50", "0 -9 -9 45 50")])
    assert sum(len(load_expw(tmp_path).split(name)) for name in SPLITS) == len(rows)


MALFORMED = {
    "half a line": ("a.jpg 0 1 2", f"has 4 columns: accepted are the 8 of {ROW}"),
    "label 7": ("a.jpg 0 1 2 9 9 5.0 7", "has the label '7': accepted are 0 to 6"),
    "no number": (
        "a.jpg 0 1 x 9 9 5.0 1",
        "has the box '1 x 9 9': accepted are four whole numbers (top left right bottom)",
    ),
    "empty box": (
        "a.jpg 0 9 2 9 9 5.0 1",
        "has an empty box (top 9, left 2, right 9, bottom 9): accepted are boxes with top < "
        "bottom and left < right",
    ),
    "a name that leaves the folder": (
        "../x.jpg 0 1 2 9 9 5.0 1",
        "names the photograph '../x.jpg': accepted are plain file names, which cannot leave the "
        "folder of the photographs",
    ),
}


@pytest.mark.parametrize(("row", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_rows_get_one_sentence(row: str, message: str, tmp_path: Path) -> None:
    w.write_expw(tmp_path, ["a.jpg 0 1 2 9 9 5.0 1", row])
    assert refusal(tmp_path) == f"{tmp_path / 'label.lst'}, row 2 {message}"


def test_no_list_an_empty_one_and_one_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(tmp_path) == (
        f"there is no label.lst in {tmp_path}: accepted is the folder of ExpW, with label.lst (or "
        "label/label.lst) and the photographs (in image/origin, or beside it)"
    )
    w.write_expw(tmp_path, [])
    assert refusal(tmp_path) == (f"{tmp_path / 'label.lst'} is empty: accepted are rows of {ROW}")
    monkeypatch.setattr(reader, "MAX_ROWS", 1)
    w.write_expw(tmp_path, ["a.jpg 0 1 2 9 9 5.0 1"] * 2)
    assert refusal(tmp_path) == (
        f"{tmp_path / 'label.lst'} has more than 1 rows: accepted is ExpW's size"
    )


def test_too_few_photographs(tmp_path: Path) -> None:
    w.write_expw(tmp_path, w.write_photos(tmp_path, 9))
    assert refusal(tmp_path) == (
        f"{tmp_path / 'label.lst'} names fewer than 10 photographs: accepted are enough to split "
        "70/10/20"
    )


def test_photographs_that_are_missing(tmp_path: Path) -> None:
    w.write_expw(tmp_path, w.write_photos(tmp_path))
    folder = tmp_path / "image" / "origin"
    (folder / "happy_4.jpg").unlink()
    labels = tmp_path / "label.lst"
    assert refusal(tmp_path) == (
        f"{labels}, row 9 names the photograph 'happy_4.jpg', which is not in {folder}: accepted "
        "is a folder with all photographs"
    )
    (folder / "happy_0.jpg").unlink()
    assert refusal(tmp_path) == (
        f"{labels}, row 1 names the photograph 'happy_0.jpg', which is in none of image/origin, "
        f"origin, image, images below {tmp_path} nor in {tmp_path} itself: accepted are the "
        "photographs unpacked there"
    )


def test_a_photograph_that_is_none_and_a_box_outside(tmp_path: Path) -> None:
    rows = w.write_photos(tmp_path)
    bad = tmp_path / "image" / "origin" / "happy_2.jpg"
    w.write_expw(tmp_path, [*rows, "happy_2.jpg 9 10 500 600 50 1.0 1"])
    assert refusal(tmp_path) == (
        f"{tmp_path / 'label.lst'}, row 41 has a box outside its photograph of 120x90 pixels "
        "(left 500, top 10, right 600, bottom 50): accepted are boxes that overlap it"
    )
    bad.write_bytes(b"<html>")
    assert refusal(tmp_path) == (
        f"{bad} is not a picture that can be decoded: accepted are whole JPEG and PNG files"
    )


@given(
    text=st.binary(max_size=200)
    | st.lists(
        st.sampled_from(["a.jpg", "0", "-5", "9" * 30, "1.5", "6", "..", "\u0661", "\0"]),
        min_size=7,
        max_size=9,
    ).map(lambda cells: " ".join(cells).encode())
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "label.lst").write_bytes(text)
    assert str(tmp_path) in refusal(tmp_path)
