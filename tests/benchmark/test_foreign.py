"""Foreign predictions: every format gives the same logits, every mistake one clear sentence, and
damaged bytes nothing worse."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from benchmark.datasets import CLASS_NAMES
from benchmark.errors import RequestError
from benchmark.foreign import read_logits
from benchmark.foreign_files import SUFFIXES, read_array

N = 5
IDS = np.array([f"test/{i:06d}" for i in range(N)])
ORDER = [3, 0, 4, 1, 2]
LOGITS = np.random.default_rng(0).normal(size=(N, 7)).astype(np.float32)
NAMES = ", ".join(CLASS_NAMES)

Array = np.ndarray[Any, Any]


def bytes_of(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def frame(values: Array, ids: Array | None) -> pd.DataFrame:
    table = pd.DataFrame(values, columns=list(CLASS_NAMES))
    if ids is not None:
        table.insert(3, "sample_id", ids)  # its place must not matter
    return table


def content(suffix: str, values: Array, ids: Array | None = None) -> bytes:
    """A file of that kind, as other programs write it."""
    named: dict[str, Any] = {"logits": values}
    if suffix == ".npy":
        return bytes_of(lambda file: np.save(file, values))
    if suffix == ".npz":
        named |= {} if ids is None else {"sample_id": ids}
        return bytes_of(lambda file: np.savez_compressed(file, **named))
    if suffix == ".safetensors":
        packed = None if ids is None else np.frombuffer("\n".join(ids).encode(), np.uint8)
        return save(named if packed is None else {**named, "sample_id": packed})
    if suffix == ".csv":
        return frame(values, ids).to_csv(index=False).encode()
    return bytes_of(lambda file: frame(values, ids).to_parquet(file, index=False))


def read(folder: Path, suffix: str, data: bytes) -> Array:
    path = folder / f"theirs{suffix}"
    path.write_bytes(data)
    return read_logits(path, classes=CLASS_NAMES, sample_ids=IDS)


def message(folder: Path, suffix: str, data: bytes) -> str:
    with pytest.raises(RequestError) as caught:
        read(folder, suffix, data)
    return str(caught.value).removeprefix(str(folder / f"theirs{suffix}"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_same_logits(suffix: str, tmp_path: Path) -> None:
    found = read(tmp_path, suffix, content(suffix, LOGITS))
    assert found.dtype == np.float32
    assert np.array_equal(found, LOGITS)


@pytest.mark.parametrize("suffix", [s for s in SUFFIXES if s != ".npy"])
def test_sample_ids_bring_rows_into_order(suffix: str, tmp_path: Path) -> None:
    data = content(suffix, LOGITS[ORDER], IDS[ORDER])
    assert np.array_equal(read(tmp_path, suffix, data), LOGITS)


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int8, np.uint16, np.dtype(">f4")])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_any_type_of_number_is_taken(kind: Any, suffix: str, tmp_path: Path) -> None:
    values = (LOGITS * 10 + 50).astype(kind)
    assert np.array_equal(read(tmp_path, suffix, content(suffix, values)), values.astype("f4"))


def test_fortran_order_and_older_headers_are_read(tmp_path: Path) -> None:
    assert np.array_equal(
        read(tmp_path, ".npy", content(".npy", np.asfortranarray(LOGITS))), LOGITS
    )
    for version in ((2, 0), (3, 0)):
        data = bytes_of(lambda file, v=version: np.lib.format.write_array(file, LOGITS, version=v))
        assert np.array_equal(read(tmp_path, ".npy", data), LOGITS)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(",", " , "),
        lambda text: text.split("\n", 1)[1],
        lambda text: "0,1,2,3,4,5,6\n" + text.split("\n", 1)[1],
        lambda text: text.upper().replace("E-", "e-"),
        lambda text: text + "\n\n",
        lambda text: text.rstrip("\n"),
    ],
    ids=["plain", "BOM", "CRLF", "spaces", "no header", "numbered", "case", "blank", "no end"],
)
def test_csv_comes_in_many_forms(change: Callable[[str], str], tmp_path: Path) -> None:
    text = content(".csv", LOGITS).decode()
    assert np.array_equal(read(tmp_path, ".csv", change(text).encode()), LOGITS)


def test_integer_and_byte_ids_are_words(tmp_path: Path) -> None:
    path = tmp_path / "theirs.npz"
    for ids in (np.arange(N)[::-1], np.array([b"4", b"3", b"2", b"1", b"0"])):
        path.write_bytes(content(".npz", LOGITS[::-1], ids))
        words = np.array([str(i) for i in range(N)])
        found = read_logits(path, classes=CLASS_NAMES, sample_ids=words)
        assert np.array_equal(found, LOGITS)


def softmax(values: Array) -> Array:
    powers = np.exp(values.astype(np.float64))
    return powers / powers.sum(1, keepdims=True)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_probabilities_become_logarithms(suffix: str, tmp_path: Path) -> None:
    probabilities = softmax(LOGITS)
    found = read(tmp_path, suffix, content(suffix, probabilities))
    assert np.allclose(found, np.log(probabilities), rtol=1e-6)
    assert np.allclose(softmax(found), probabilities, atol=1e-6)


def test_a_probability_of_zero_stays_finite_and_sums_may_be_rounded(tmp_path: Path) -> None:
    rows = np.eye(7)[:N] * 0.9995
    found = read(tmp_path, ".npy", content(".npy", rows))
    assert np.isfinite(found).all()
    assert found.min() == pytest.approx(np.log(np.finfo(np.float32).tiny))
    assert found.argmax(1).tolist() == [0, 1, 2, 3, 4]


def test_logits_of_which_some_are_negative_stay_as_they_are(tmp_path: Path) -> None:
    rows = LOGITS - LOGITS.sum(1, keepdims=True) / 7  # sums of 0
    assert np.array_equal(read(tmp_path, ".npy", content(".npy", rows)), rows)
    rows = np.abs(LOGITS) + 3  # no sum near 1
    assert np.array_equal(read(tmp_path, ".npy", content(".npy", rows)), rows)


def changed(row: int, column: int, value: float, base: Array = LOGITS) -> Array:
    values = base.astype(np.float64)
    values[row, column] = value
    return values


NEITHER = (
    "accepted are logits, or probabilities whose every row sums to 1 within 0.001",
    "accepted are logits, or probabilities, none of them below 0",
)


@pytest.mark.parametrize(
    ("suffix", "data", "expected"),
    [
        (
            ".npy",
            content(".npy", changed(2, 1, np.nan)),
            ": row 3, column 'disgust' is nan: accepted are finite numbers of float32",
        ),
        (
            ".csv",
            content(".csv", changed(0, 6, np.inf)),
            ": row 1, column 'neutral' is inf: accepted are finite numbers of float32",
        ),
        (
            ".parquet",
            content(".parquet", changed(4, 0, -1e39)),
            ": row 5, column 'angry' is -1e+39: accepted are finite numbers of float32",
        ),
        (
            ".npz",
            content(".npz", changed(0, 3, np.nan), IDS[ORDER]),
            ": row 1, column 'happy' is nan: accepted are finite numbers of float32",
        ),
        (
            ".npy",
            content(".npy", LOGITS[:4]),
            ": there are 4 rows: accepted are 5, one for each image of the split",
        ),
        (
            ".npy",
            content(".npy", LOGITS[:, :6]),
            f": there are 6 columns of numbers: accepted are 7, one for each of {NAMES}",
        ),
        (
            ".npy",
            content(".npy", LOGITS[0]),
            ": the array has shape (7,) and type float32: accepted are numbers of shape (images, "
            "classes)",
        ),
        (
            ".npz",
            content(".npz", LOGITS.astype(str)),
            ": the array 'logits' has shape (5, 7) and type "
            f"{LOGITS.astype(str).dtype}: accepted are numbers of shape (images, classes)",
        ),
        (
            ".npy",
            content(".npy", changed(3, 2, 0.5, np.eye(7)[:N])),
            f": row 4 sums to 1.5 while others sum to 1: {NEITHER[0]}",
        ),
        (
            ".npy",
            content(".npy", np.tile([-0.1, 0.3, 0.2, 0.2, 0.2, 0.1, 0.1], (N, 1))),
            f": row 1, column 'angry' is -0.1 while every row sums to 1: {NEITHER[1]}",
        ),
        (
            ".csv",
            frame(LOGITS, None)[sorted(CLASS_NAMES)].to_csv(index=False).encode(),
            ": the header, column 5 is 'neutral': accepted are the classes in the order "
            f"{NAMES}, or their numbers from 0",
        ),
        (
            ".parquet",
            bytes_of(
                lambda file: frame(LOGITS, None).rename(columns={"sad": "bored"}).to_parquet(file)
            ),
            ": the header, column 5 is 'bored': accepted are the classes in the order "
            f"{NAMES}, or their numbers from 0",
        ),
        (
            ".csv",
            b"6,5,4,3,2,1,zero\n" + b"1,2,3,4,5,6,7\n" * N,
            f": the header, column 1 is '6': accepted are the classes in the order {NAMES}, or "
            "their numbers from 0",
        ),
        (
            ".csv",
            b"1,2,3,4,5,6,7\n1,2,3,4,5,6\n",
            ": line 2 has 6 cells: accepted are 7, as in the first line",
        ),
        (
            ".csv",
            b"1,2,3,4,5,6,7\n\n1,2,3,4,5,6,seven\n",
            ": line 3, column 7 is 'seven': accepted is a number",
        ),
        (
            ".csv",
            b"1,2,3,4,5,6,7\n1,2,3,4,5,6,7_0\n",
            ": line 2, column 7 is '7_0': accepted is a number",
        ),
        (".csv", b"", " holds no rows: accepted is one row of numbers for each image"),
        (
            ".csv",
            NAMES.encode() + b"\n",
            " holds no rows: accepted is one row of numbers for each image",
        ),
        (
            ".csv",
            content(".csv", LOGITS, np.array(["a", *IDS[1:]])),
            ": row 1 has the sample id 'a', which the split does not have: accepted are ids like "
            "'test/000000'",
        ),
        (
            ".npz",
            content(".npz", LOGITS, IDS[[0, 1, 2, 1, 4]]),
            ": row 4 has the sample id 'test/000001' of row 2 again: accepted is each id once",
        ),
        (
            ".npz",
            content(".npz", LOGITS, IDS[:3]),
            ": there are 3 sample ids for 5 rows: accepted is one for each row",
        ),
        (
            ".npz",
            bytes_of(lambda file: np.savez(file, a=LOGITS, b=LOGITS)),
            " holds the arrays a, b: accepted is one, or one called 'logits', and with it "
            "'sample_id'",
        ),
        (
            ".parquet",
            bytes_of(lambda file: pd.DataFrame({"angry": ["a"] * N}).to_parquet(file)),
            ": the column 'angry' has type large_string: accepted are numbers",
        ),
    ],
)
def test_a_mistake_is_one_clear_sentence(
    suffix: str, data: bytes, expected: str, tmp_path: Path
) -> None:
    assert message(tmp_path, suffix, data) == expected


def test_what_is_no_file_or_no_known_format_is_refused(tmp_path: Path) -> None:
    accepted = ".npy, .npz, .csv, .safetensors, .parquet"
    for path, expected in (
        (tmp_path / "none.npy", f"is not a file: accepted are {accepted} files"),
        (tmp_path, f"is not a file: accepted are {accepted} files"),
        (tmp_path / "theirs.pkl", f"has the suffix '.pkl': accepted are {accepted}"),
    ):
        (tmp_path / "theirs.pkl").write_bytes(b"")
        with pytest.raises(RequestError) as caught:
            read_array(path)
        assert str(caught.value) == f"{path} {expected}"


class Trap:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.mkdir, ("sprung",)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_nothing_is_unpickled(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = content(suffix, np.array([[Trap()]], dtype=object))
    assert message(tmp_path, suffix, data).startswith(f" cannot be read as {suffix}: ")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_refused_or_read_and_nothing_else(
    suffix: str, data: st.DataObject, tmp_path: Path
) -> None:
    whole = content(suffix, LOGITS, None if suffix == ".npy" else IDS)
    place = data.draw(st.integers(0, len(whole)), "place")
    junk = data.draw(st.binary(max_size=12), "junk")
    cut = data.draw(st.booleans(), "cut")
    damaged = whole[:place] + junk + (b"" if cut else whole[place + len(junk) :])
    try:
        found = read(tmp_path, suffix, damaged)
    except RequestError as error:
        assert "\n" not in str(error)
    else:
        assert found.shape == (N, 7)
        assert np.isfinite(found).all()


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_any_bytes_are_refused(suffix: str, data: bytes, tmp_path: Path) -> None:
    magic = {".npy": b"\x93NUMPY\x01\x00", ".npz": b"PK\x03\x04", ".parquet": b"PAR1"}
    for start in (b"", magic.get(suffix, b"")):
        assert message(tmp_path, suffix, start + data)
