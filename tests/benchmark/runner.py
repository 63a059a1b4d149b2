"""Runs the command line as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TINY_ZOO = Path(__file__).with_name("tiny_zoo.py")


def benchmark(*arguments: str | Path, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """`python -m benchmark` with these arguments; nothing is raised for its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "benchmark", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, "COLUMNS": "160", "OMP_NUM_THREADS": "1"},
    )


def tiny(results: Path, members: str = "tiny") -> list[str]:
    """Options for a run of the tiny networks into `results`."""
    return ["--zoo", str(TINY_ZOO), "--results", str(results), "--members", members]
