from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.datasets import CLASS_NAMES, DataError, Dataset
from benchmark.datasets import fer2013_parquet as reader
from benchmark.datasets.fer2013 import load_fer2013
from benchmark.datasets.fer2013_parquet import read_parquet, split_of_parquet

from . import writers as w

FACE = w.encode(np.zeros((48, 48), np.uint8))
NAMED = w.features("label", CLASS_NAMES)
NOT_PARQUET = (
    " is damaged or no parquet file: accepted are whole parquet files as on the Hugging Face hub"
)
CLASSES = "accepted are angry, disgust, fear, happy, sad, surprise, neutral"


def one(columns: dict[str, Any], tmp_path: Path, metadata: dict[bytes, bytes] = NAMED) -> Path:
    return w.save(columns, tmp_path / "train.parquet", metadata)


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_parquet([path])
    return str(error.value)


def images(*values: bytes | None) -> pa.Array:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.array([{"bytes": value, "path": None} for value in values], kind)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00001.parquet", "train"),
        ("publicTest-00000-of-00001-f41bb.parquet", "validation"),
        ("default/test/0000.parquet", "test"),
        ("valid.parquet", "validation"),
        ("faces.parquet", None),
    ],
)
def test_files_tell_their_split(name: str, split: str | None) -> None:
    assert split_of_parquet(Path(name)) == split


COLUMNS: dict[str, tuple[dict[str, Any], dict[bytes, bytes], str]] = {
    "no image column": (
        {"picture": [FACE], "label": [0]},
        NAMED,
        " has no image column (found: picture, label): accepted are image, img_bytes, img, "
        "image_bytes",
    ),
    "no label column": (
        {"image": images(FACE)},
        NAMED,
        " has no label column (found: image): accepted are label, labels, emotion",
    ),
    "no picture": (
        {"image": images(FACE, None), "label": [0, 1]},
        NAMED,
        ", row 2 has no picture: accepted are JPEG and PNG bytes in each row",
    ),
    "no struct": (
        {"image": pa.array([None], images(FACE).type), "label": [0]},
        NAMED,
        ", row 1 has no picture: accepted are JPEG and PNG bytes in each row",
    ),
    "not a picture": (
        {"image": images(FACE, b"abc"), "label": [0, 1]},
        NAMED,
        ", row 2 is not a picture that can be decoded: accepted are whole JPEG and PNG files",
    ),
    "another size": (
        {"image": images(w.encode(np.zeros((96, 96), np.uint8))), "label": [0]},
        NAMED,
        ", row 1 has 96x96 pixels: accepted are 48x48",
    ),
    "label 7": (
        {"image": images(FACE), "label": [7]},
        NAMED,
        ", row 1 has the label '7': accepted are 0 to 6",
    ),
    "no label": (
        {"image": images(FACE), "label": pa.array([None], pa.int64())},
        NAMED,
        ", row 1 has the label 'None': accepted are 0 to 6",
    ),
    "unknown word": (
        {"image": images(FACE), "label": ["contempt"]},
        {},
        f", row 1 has the label 'contempt': {CLASSES}",
    ),
    "order unknown": (
        {"image": images(FACE), "label": [0]},
        {},
        " does not name its classes, and its class counts are not FER2013's, so the order of its "
        "labels is unknown: accepted are class names in the schema's huggingface metadata, or "
        "labels given as names",
    ),
    "digits as names": (
        {"image": images(FACE), "label": [0]},
        w.features("label", "0123456"),
        " does not name its classes, and its class counts are not FER2013's, so the order of its "
        "labels is unknown: accepted are class names in the schema's huggingface metadata, or "
        "labels given as names",
    ),
}


@pytest.mark.parametrize(("columns", "metadata", "message"), COLUMNS.values(), ids=COLUMNS)
def test_malformed_columns_get_one_sentence(
    columns: dict[str, Any], metadata: dict[bytes, bytes], message: str, tmp_path: Path
) -> None:
    path = one(columns, tmp_path, metadata)
    assert refusal(path) == f"{path}{message}"


def test_columns_of_another_type(tmp_path: Path) -> None:
    path = one({"image": ["a"], "label": [0]}, tmp_path)
    assert refusal(path) == (
        f"the column 'image' of {path} has the type string: accepted are encoded pictures, as "
        "bytes or as a struct of bytes and path"
    )
    path = one({"image": images(FACE), "label": [0.5]}, tmp_path)
    assert refusal(path) == (
        f"the column 'label' of {path} has the type double: accepted are whole numbers or class "
        "names"
    )


def test_class_names_that_are_not_fer2013s(tmp_path: Path) -> None:
    columns = {"image": images(FACE), "label": [0]}
    path = one(columns, tmp_path, w.features("label", (*CLASS_NAMES[:6], "contempt")))
    assert refusal(path) == (
        f"the huggingface metadata of {path} names a class 'contempt', which FER2013 does not "
        f"have: {CLASSES}, in any order"
    )
    path = one(columns, tmp_path, w.features("label", ("happy", "joy")))
    assert refusal(path) == (
        f"the huggingface metadata of {path} names one class twice (happy, joy): accepted is each "
        "of angry, disgust, fear, happy, sad, surprise, neutral once, in any order"
    )


@pytest.mark.parametrize(
    "stored", [b"{", b"[]", b'{"info": {"features": {}}}', b"\xff", b"[" * 9999]
)
def test_metadata_that_says_nothing_of_the_labels(stored: bytes, tmp_path: Path) -> None:
    path = one({"image": images(FACE), "label": [0]}, tmp_path, {b"huggingface": stored})
    assert refusal(path) == (
        f"the huggingface metadata of {path} does not describe the column 'label': accepted is "
        "metadata as the datasets library writes it"
    )


def test_numbers_without_names_are_accepted_when_the_counts_prove_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "OFFICIAL_COUNTS", {"train": (2, 1, 0, 0, 0, 0, 0)})
    path = one({"image": images(FACE, FACE, FACE), "label": [0, 1, 0]}, tmp_path, {})
    assert read_parquet([path]).labels.tolist() == [0, 1, 0]


def test_labels_of_other_whole_number_types_and_categories(tmp_path: Path) -> None:
    path = one({"image": images(FACE), "label": pa.array([2], pa.uint8())}, tmp_path)
    assert read_parquet([path]).labels.tolist() == [2]
    words = pa.array(["Fear", "fear"]).dictionary_encode()
    path = one({"image": images(FACE, FACE), "label": words}, tmp_path, {})
    assert read_parquet([path]).labels.tolist() == [2, 2]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 3, b"no parquet at all"])
def test_files_that_are_no_parquet(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    path.write_bytes(data)
    assert refusal(path) == f"{path}{NOT_PARQUET}"


def test_files_whose_names_tell_no_split(small: Dataset, tmp_path: Path) -> None:
    w.write_parquet(small, tmp_path, files={"train": "a", "validation": "b", "test": "c"})
    with pytest.raises(DataError) as error:
        load_fer2013(tmp_path)
    assert str(error.value) == (
        f"the name of {tmp_path / 'a-00000-of-00001.parquet'} tells no split: accepted are names "
        "that begin with train, validation or test (or publicTest, privateTest), such as "
        "train-00000-of-00001.parquet"
    )


def test_one_file_of_three_is_not_enough(small: Dataset, tmp_path: Path) -> None:
    path = w.write_parquet(small, tmp_path) / "train-00000-of-00001.parquet"
    with pytest.raises(DataError) as error:
        load_fer2013(path)
    assert str(error.value) == (
        f"{path} holds no images of the validation split: accepted is FER2013 with train, "
        "validation (PublicTest) and test (PrivateTest)"
    )


def test_more_rows_than_memory_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_ROWS", 1)
    path = one({"image": images(FACE, FACE), "label": [0, 1]}, tmp_path)
    assert refusal(path) == f"{path} holds more than 100,000 images: accepted is FER2013's size"


def bomb(path: Path, size: int, **options: Any) -> Path:
    """One value of `size` zeros, a few kB on disk."""
    table = pa.table({"image": images(bytes(size)), "label": [0]})
    pq.write_table(table.replace_schema_metadata(NAMED), path, compression="zstd", **options)
    assert path.stat().st_size < size / 50
    return path


def test_a_file_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_UNPACKED", 1_000_000)
    path = bomb(tmp_path / "train.parquet", 2_000_000, use_dictionary=False)
    assert refusal(path) == (
        f"{path} would unpack to 2,000,010 bytes or more: accepted are at most 1,000,000 in all "
        "files"
    )


def test_a_footer_that_lies_about_its_size_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_UNPACKED", 1_000_000)
    path = bomb(tmp_path / "train.parquet", 2_000_000, use_dictionary=False)
    told = pq.ParquetFile(path).metadata.row_group(0).column(0).total_uncompressed_size
    data = path.read_bytes()
    place = data.rindex(zigzag(told))
    path.write_bytes(data[:place] + zigzag(1000, len(zigzag(told))) + data[place + 4 :])
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).total_uncompressed_size == 1000
    assert "would unpack to 2,000,010 bytes or more" in refusal(path)


def zigzag(number: int, length: int = 0) -> bytes:
    """A positive number as Thrift writes it, padded to `length` bytes."""
    number, digits = 2 * number, []
    while number > 127 or len(digits) < length - 1:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def test_values_that_share_their_beginnings(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    table = pa.table({"img_bytes": [bytes(9), bytes(9)], "label": [0, 0]})
    pq.write_table(
        table.replace_schema_metadata(NAMED),
        path,
        use_dictionary=False,
        column_encoding={"img_bytes": "DELTA_BYTE_ARRAY", "label": "PLAIN"},
    )
    assert refusal(path) == (
        f"{path} packs its columns as DELTA_BYTE_ARRAY, which can unpack to any size: accepted are "
        "plain and dictionary encoding"
    )


def test_a_value_repeated_ten_thousand_times_is_held_once(tmp_path: Path) -> None:
    """Written as a dictionary, 1 MB times 10,000 rows takes little on disk: 10 GB when spread."""
    kind = pa.dictionary(pa.int32(), pa.binary())
    column = pa.DictionaryArray.from_arrays(np.zeros(10_000, np.int32), pa.array([bytes(2**20)]))
    path = tmp_path / "train.parquet"
    schema = pa.schema([("img_bytes", kind), ("label", pa.int64())], metadata=NAMED)
    pq.write_table(
        pa.table({"img_bytes": column, "label": np.zeros(10_000, np.int64)}, schema=schema),
        path,
        store_schema=False,
        dictionary_pagesize_limit=2**24,
    )
    assert refusal(path) == (
        f"{path}, row 1 is not a picture that can be decoded: accepted are whole JPEG and PNG files"
    )
    assert pa.default_memory_pool().max_memory() < 2**29  # one batch of it spread takes 2**30


@given(place=st.integers(0, 10**6), junk=st.binary(max_size=8), cut=st.booleans())
@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_files_are_read_or_refused(
    place: int, junk: bytes, cut: bool, tmp_path: Path
) -> None:
    path = tmp_path / "train.parquet"
    if not (tmp_path / "whole").exists():
        w.save({"image": images(FACE, FACE), "label": [0, 6]}, tmp_path / "whole", NAMED)
    whole = (tmp_path / "whole").read_bytes()
    place %= len(whole)
    path.write_bytes(whole[:place] + junk + (b"" if cut else whole[place + len(junk) :]))
    try:
        rows = read_parquet([path])
    except DataError as error:
        assert str(path) in str(error)
        return
    assert rows.images.shape == (len(rows.labels), 48, 48)
    assert np.isin(rows.labels, range(7)).all()


@given(names=st.recursive(st.none() | st.text(max_size=8), lambda s: st.lists(s, max_size=4)))
@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_class_names_are_mapped_or_refused(names: object, tmp_path: Path) -> None:
    info = {"info": {"features": {"label": {"names": names}}}}
    stored = {b"huggingface": json.dumps(info).encode()}
    path = one({"image": images(FACE), "label": [0]}, tmp_path, stored)
    assert str(path) in refusal(path)
