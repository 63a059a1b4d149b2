"""Files that were made to take all memory, or merely grew: each command refuses them in a sentence
and stays below 1 GiB."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.samples import facts_of, write_samples
from benchmark.speed.record import speed_path
from tests.benchmark import small
from tests.benchmark.runner import ROOT
from tests.benchmark.test_folders import make

MEASURE = """
import re, sys
from pathlib import Path
from benchmark.cli import run
code = run(sys.argv[1:])
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10)
sys.exit(code)
"""
GIGANTIC = 6 << 30
"""Bytes of a file that holds nothing but zeros and takes no room on the disk."""


def gigantic(path: Path, start: bytes = b"") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(start)
    os.truncate(path, GIGANTIC)


def png(side: int) -> bytes:
    """A picture of side x side white pixels in full colour, a few hundred kB packed."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    packer = zlib.compressobj(1)
    row = b"\0" + b"\xff" * (4 * side)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def photographs(folder: Path) -> None:
    """ExpW whose photographs are as large as is accepted, all to be decoded at once."""
    large = png(8000)
    for i in range(10):
        (folder / f"{i}.png").write_bytes(large)
    rows = [f"{i}.png 0 0 0 8000 8000 1.0 {i % 7}\n" for i in range(10)]
    (folder / "label.lst").write_text("".join(rows))


def bomb(folder: Path) -> None:
    """Parquet of 200 MB of pictures that are packed into little."""
    values = pa.array([bytes(1 << 20)] * 200, pa.binary())
    table = pa.table({"image": values, "label": pa.array([0] * 200)})
    pq.write_table(table, folder / "train.parquet", compression="zstd", use_dictionary=False)


def columns(path: Path) -> None:
    """A table of a hundred thousand columns."""
    path.write_text(",".join(f"c{i}" for i in range(100_000)) + "\n" + "1," * 99_999 + "1\n")


def store(folder: Path) -> Path:
    root = folder / "faces-quick"
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    small.commit(root, 1)
    small.commit(root, 2, "two")
    return root


def many_classes(folder: Path) -> None:
    make(folder)
    for split in ("validation", "test"):
        for name in ("one", "two", "three"):
            np.save(folder / split / f"{name}.npy", np.zeros((20, 100_000), np.float32))


def grown(path: str, start: bytes = b"") -> Callable[[Path], None]:
    """A store one file of which has grown."""
    return lambda folder: gigantic(store(folder) / path, start)


CASES: dict[str, tuple[Callable[[Path], None], str, int]] = {
    "faces.csv": (lambda f: gigantic(f / "a.csv", b"emotion,"), "data check {}/a.csv", 2),
    "columns of faces": (lambda f: columns(f / "a.csv"), "data check {}/a.csv", 2),
    "label.lst": (lambda f: gigantic(f / "label.lst"), "data check {}", 2),
    "photographs": (photographs, "data check {}", 0),
    "parquet": (lambda f: gigantic(f / "train.parquet", b"PAR1"), "data check {}", 2),
    "packed parquet": (bomb, "data check {}", 2),
    "audited table": (lambda f: gigantic(f / "a.csv", b"class,"), "audit {}/a.csv", 2),
    "columns of an audited table": (lambda f: columns(f / "a.csv"), "audit {}/a.csv", 2),
    "class names": (
        lambda f: (make(f), gigantic(f / "classes.txt"))[-1],
        "score --predictions {}",
        2,
    ),
    "labels": (
        lambda f: (make(f), gigantic(f / "test" / "labels.npy", b"\x93NUMPY\1\0"))[-1],
        "score --predictions {}",
        2,
    ),
    "predictions": (
        lambda f: (make(f), gigantic(f / "test" / "one.npy"))[-1],
        "score --predictions {}",
        2,
    ),
    "many classes": (many_classes, "score --predictions {}", 2),
    "manifest": (grown("logits/one/seed0/manifest.json"), "verify --results {}", 1),
    "logits": (grown("logits/one/seed0/test.safetensors"), "verify --results {}", 1),
    "samples": (grown("samples/test.safetensors"), "score --results {}", 1),
    "speed": (grown(speed_path(Path()).name), "verify --results {}", 1),
    "failure": (grown("failed/one-seed0.json"), "verify --results {}", 1),
}


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the peak of memory")
@pytest.mark.parametrize("case", CASES)
def test_memory_stays_below_a_gibibyte(case: str, tmp_path: Path) -> None:
    prepare, command, expected = CASES[case]
    prepare(tmp_path)
    words = [word.replace("{}", str(tmp_path)) for word in command.split()]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expected, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == (expected == 2 or case == "samples"), done.stderr
    peak = int(done.stdout.splitlines()[-1])
    assert peak < 1024, f"{peak} MiB"
