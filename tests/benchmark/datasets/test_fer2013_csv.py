from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmark.datasets import DataError
from benchmark.datasets import fer2013_csv as reader
from benchmark.datasets.fer2013_csv import read_csv

WHOLE = " ".join(["7"] * 2304)
HEADER = "emotion,pixels,Usage\n"
COLUMNS = "accepted are the columns emotion, pixels, Usage in any order"
CONTEST = (
    "; the contest's train.csv has no Usage and its test.csv no emotion: take fer2013.csv or "
    "icml_face_data.csv instead"
)


def with_pixel(place: int, value: str) -> str:
    values = WHOLE.split()
    values[place] = value
    return " ".join(values)


MALFORMED = {
    "empty file": ("", " is empty: accepted is a header of emotion, pixels, Usage and rows"),
    "missing column": (
        "emotion,Usage\n0,Training\n",
        f" has no column 'pixels' (found: emotion, Usage): {COLUMNS}",
    ),
    "contest train.csv": (
        f"emotion,pixels\n0,{WHOLE}\n",
        f" has no column 'Usage' (found: emotion, pixels): {COLUMNS}{CONTEST}",
    ),
    "contest test.csv": (
        f"pixels\n{WHOLE}\n",
        f" has no column 'emotion' (found: pixels): {COLUMNS}{CONTEST}",
    ),
    "column twice": (
        "emotion,pixels,Usage,pixels\n",
        f" has more than one column 'pixels' (found: emotion, pixels, Usage, pixels): {COLUMNS}",
    ),
    "2,303 pixels": (
        f"{HEADER}0,{WHOLE},Training\n\n0,{WHOLE[2:]},Training\n",
        ", row 2 (line 4) has 2,303 pixels: accepted are 2,304 (48x48)",
    ),
    "no pixels": (
        f"{HEADER}0,,Training\n",
        ", row 1 (line 2) has 0 pixels: accepted are 2,304 (48x48)",
    ),
    "label 7": (
        f"{HEADER}7,{WHOLE},Training\n",
        ", row 1 (line 2) has the emotion '7': accepted are 0 to 6",
    ),
    "pixel 256": (
        f"{HEADER}0,{with_pixel(2, '256')},Training\n",
        ", row 1 (line 2) has the value 256 as pixel 3: accepted are 0 to 255",
    ),
    "pixel -1": (
        f"{HEADER}0,{with_pixel(0, '-1')},Training\n",
        ", row 1 (line 2) has the value -1 as pixel 1: accepted are 0 to 255",
    ),
    "pixel no number": (
        f"{HEADER}0,{with_pixel(5, 'x7')},Training\n",
        ", row 1 (line 2) has a pixel that is no number ('x7'): accepted are 2,304 whole numbers "
        "from 0 to 255",
    ),
    "half a line": (
        f"{HEADER}0,{WHOLE},Training\n3,{WHOLE[:800]}",
        ", row 2 (line 3) has 2 columns: accepted are the 3 of the header, in whole lines",
    ),
    "unknown usage": (
        f"{HEADER}0,{WHOLE},Practice\n",
        ", row 1 (line 2) has the Usage 'Practice': accepted are Training, PublicTest, PrivateTest",
    ),
    "open quote": (
        f'{HEADER}0,"{WHOLE},Training\n' + f"0,{WHOLE},Training\n" * 60,
        ", line 31 is not CSV: accepted are lines of emotion, pixels, Usage, with quotes closed "
        "on the same line",
    ),
    "a billion columns": (
        "emotion," * 20_000,
        ", line 1 is longer than 65,536 characters: accepted are lines of emotion, pixels, Usage, "
        "with 2,304 pixels",
    ),
}


@pytest.mark.parametrize(("text", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_files_get_one_sentence(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_csv(path)
    assert str(error.value) == f"{path}{message}"


def test_more_rows_than_memory_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_ROWS", 2)
    path = tmp_path / "fer2013.csv"
    path.write_text(HEADER + f"0,{WHOLE},Training\n" * 3)
    with pytest.raises(DataError) as error:
        read_csv(path)
    assert str(error.value) == (
        f"{path} holds more than 100,000 images: accepted is FER2013's size"
    )


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_csv(tmp_path)
    assert str(error.value) == (
        f"{tmp_path} cannot be read (Is a directory): accepted is a readable CSV file"
    )


def test_quotes_byte_order_mark_and_further_columns_are_read(tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(
        f'﻿"id","Usage"," pixels","emotion"\r\n1,"PrivateTest","{WHOLE}",6\r\n', encoding="utf-8"
    )
    rows = read_csv(path)
    assert rows.labels.tolist() == [6]
    assert rows.declared.tolist() == ["test"]
    assert (rows.images == 7).all()
    assert rows.images.shape == (1, 48, 48)


@given(data=st.binary(max_size=400))
@example(data=b"\x00\xff\xfe")
@example(data=HEADER.encode() + b"0,\xff\xff,Training\n")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_bytes(data)
    with pytest.raises(DataError):
        read_csv(path)


@given(
    place=st.integers(0, len(HEADER) + len(WHOLE) + 20),
    junk=st.binary(max_size=6),
    cut=st.booleans(),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_refused(
    place: int, junk: bytes, cut: bool, tmp_path: Path
) -> None:
    whole = (HEADER + f"0,{WHOLE},Training\n").encode()
    path = tmp_path / "fer2013.csv"
    path.write_bytes(whole[:place] + junk + (b"" if cut else whole[place + len(junk) :]))
    try:
        rows = read_csv(path)
    except DataError as error:
        assert str(path) in str(error)
        return
    assert rows.images.shape == (len(rows.labels), 48, 48)
    assert np.isin(rows.labels, range(7)).all()
