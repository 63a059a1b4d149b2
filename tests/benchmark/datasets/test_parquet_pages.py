from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.datasets.parquet_pages import pages

TABLE = pa.table(
    {
        "words": [f"word {i % 50}" for i in range(5000)],
        "numbers": np.random.default_rng(0).integers(0, 1000, 5000),
    }
)


@pytest.mark.parametrize("compression", ["none", "zstd", "snappy"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_page_headers_add_up_to_what_an_honest_footer_tells(
    compression: str, version: str, dictionary: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    options: dict[str, Any] = {"compression": compression, "data_page_version": version}
    pq.write_table(TABLE, path, use_dictionary=dictionary, data_page_size=2000, **options)
    group = pq.ParquetFile(path).metadata.row_group(0)
    for i in range(2):
        column = group.column(i)
        start = column.dictionary_page_offset if dictionary else column.data_page_offset
        with path.open("rb") as file:
            found = list(pages(file, start, column.total_compressed_size))
        headers = column.total_uncompressed_size - sum(page.unpacked for page in found)
        assert len(found) > 1
        assert 0 < headers < 200 * len(found)  # the footer counts the headers themselves as well
        assert not any(page.shares_prefixes for page in found)


@given(data=st.binary(max_size=300))
def test_any_bytes_are_walked_or_refused(data: bytes) -> None:
    try:
        found = list(pages(io.BytesIO(data), 0, len(data)))
    except ValueError:
        return
    assert all(page.unpacked >= 0 for page in found)


def test_headers_that_never_end() -> None:
    with pytest.raises(ValueError, match="the bytes end within a header"):
        list(pages(io.BytesIO(b"\x15"), 0, 50))
    with pytest.raises(ValueError, match="a list longer than its file"):
        list(pages(io.BytesIO(b"\x19" * 50), 0, 50))
    with pytest.raises(ValueError, match="nested too deeply"):
        list(pages(io.BytesIO(b"\x1c" * 50), 0, 50))
    with pytest.raises(ValueError, match="without sizes"):
        list(pages(io.BytesIO(b"\x00" * 50), 0, 50))
    empty = b"\x25\x00\x15\x00\x00"  # both sizes 0
    with pytest.raises(ValueError, match="too many pages"):
        list(pages(io.BytesIO(empty * 100_001), 0, 10**9))
