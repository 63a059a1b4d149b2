"""Runs the command line as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SMALL = """
import signal
# A shell that starts the tests in the background has them ignore Ctrl-C, and their children too.
signal.signal(signal.SIGINT, signal.default_int_handler)
import benchmark.datasets.loading as loading
from benchmark import cli
from tests.benchmark import small
loading.load_dataset = lambda *_: small.dataset()
cli.main()
"""
"""The command line, but every dataset is the small one."""
TINY_ZOO = Path(__file__).with_name("tiny_zoo.py")


def benchmark(
    *arguments: str | Path, timeout: float = 240, **options: Any
) -> subprocess.CompletedProcess[str]:
    """`python -m benchmark` with these arguments; nothing is raised for its exit code.

    options: further ones of `subprocess.run`.
    """
    usual: dict[str, Any] = {
        "cwd": ROOT,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "timeout": timeout,
        "env": {**os.environ, "COLUMNS": "160", "OMP_NUM_THREADS": "1"},
    }
    command = [sys.executable, "-m", "benchmark", *map(str, arguments)]
    return subprocess.run(command, check=False, **{**usual, **options})


def tiny(results: Path, members: str = "tiny") -> list[str]:
    """Options for a run of the tiny networks into `results`."""
    return ["--zoo", str(TINY_ZOO), "--results", str(results), "--members", members]
