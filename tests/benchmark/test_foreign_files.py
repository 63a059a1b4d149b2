"""Files that were made to do harm: refused in one sentence, within bounded memory."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.benchmark.runner import ROOT
from tests.benchmark.test_foreign import bytes_of


def header(fields: str, version: bytes = b"\x01\x00") -> bytes:
    """The beginning of an .npy file."""
    text = fields.encode().ljust(118) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text


def zipped(**members: bytes) -> bytes:
    def write(file: io.BytesIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(f"{name}.npy", data)

    return bytes_of(write)


def claim(shape: str, kind: str = "<f8") -> bytes:
    return header(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}")


def repeated_ids(rows: int) -> bytes:
    """Parquet whose ids would unpack to gigabytes, were they not held once."""
    one = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), ["x" * 30_000])
    table = pa.table({"sample_id": one, "angry": np.zeros(rows)})
    return bytes_of(lambda file: pq.write_table(table, file, store_schema=False))


def many_tensors() -> bytes:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    text = json.dumps({f"t{i}": empty for i in range(90_000)}).encode()
    return struct.pack("<Q", len(text)) + text


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "npy of 8 EiB": (".npy", lambda: claim(f"({2**30}, {2**30})")),
    "npy of overflowing size": (".npy", lambda: claim(f"({2**62}, {2**62}, 7)")),
    "npy of negative size": (".npy", lambda: claim("(-1, 7)") + bytes(56)),
    "npy of 15 MiB that are not there": (".npy", lambda: claim(f"({15 << 17}, 1)")),
    "npy of no bytes per value": (".npy", lambda: claim(f"({2**60}, 7)", "|V0")),
    "npy of deep brackets": (".npy", lambda: header("(" * 100)),
    "npz bomb": (".npz", lambda: zipped(logits=claim("(2500000, 1)") + bytes(20_000_000))),
    "npz that claims too much": (".npz", lambda: zipped(logits=claim("(4000000000, 7)"))),
    "npz of many members": (".npz", lambda: zipped(**{f"m{i}": b"" for i in range(30_000)})),
    "csv of one endless line": (".csv", lambda: b"1," * 6_000_000),
    "csv of an endless quote": (".csv", lambda: b'"' + b"1\n" * 6_000_000),
    "csv of ids alone": (".csv", lambda: b"sample_id\n" + b"a\n" * 6_000_000),
    "csv of NUL": (".csv", lambda: bytes(2_000_000)),
    "parquet of repeated ids": (".parquet", lambda: repeated_ids(200_000)),
    "parquet of many rows": (
        ".parquet",
        lambda: bytes_of(lambda f: pd.DataFrame({"a": np.zeros(3_000_000)}).to_parquet(f)),
    ),
    "safetensors of a huge header": (".safetensors", lambda: struct.pack("<Q", 2**62) + b"{}"),
    "safetensors of many tensors": (".safetensors", many_tensors),
    "a file of 17 MiB": (".npy", lambda: bytes(17 << 20)),
}

MEASURE = """
import re, sys
from pathlib import Path
from benchmark.errors import RequestError
from benchmark.foreign_files import read_array
import numpy, pyarrow.parquet, safetensors.numpy
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        read_array(path)
    except RequestError as error:
        how = "refused"
    else:
        how = "read"
    status = Path("/proc/self/status").read_text()
    print(path.stem, how, int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) >> 10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the peak of memory")
def test_hostile_files_are_refused_within_a_gibibyte(tmp_path: Path) -> None:
    for number, (suffix, make) in enumerate(HOSTILE.values()):
        (tmp_path / f"{number}{suffix}").write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = {int(line.split()[0]): line.split()[1:] for line in done.stdout.splitlines()}
    read_in = [name for i, name in enumerate(HOSTILE) if lines[i][0] == "read"]
    # Held once, a repeated id is no danger; none of them is one of the split's in the end.
    assert read_in == ["parquet of repeated ids"]
    assert max(int(peak) for _, peak in lines.values()) < 1024, lines
