"""Runs the programs of this folder that need a process without threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.benchmark.runner import ROOT

WRITERS = {
    "new-file": 9,
    "replaced-file": 5,
    "new-entry": 23,
    "replaced-entry": 24,
    "samples": 12,
    "damaged-samples": 10,
    "checkpoint": 5,
    "repair": 8,
    "failure": 5,
    "repaired-failure": 10,
    "speed": 5,
    "import": 20,
}
"""Every writer and the operations on files that it has at least."""
REMOVING = {"mended-failure": 2}
"""What only takes files away, which no full disk prevents."""
TRAINING = {"training": 50}
"""All that a training writes, one after the other."""


def report_of(program: str, *arguments: str) -> Any:
    """What a program of this folder prints."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmark.{program}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def check_states(mode: str, writers: dict[str, int]) -> None:
    """At each of its operations every writer left the old state or the new one."""
    report = report_of("crash_points", mode, *writers)
    failed = {writer: found for writer, found in report.items() if isinstance(found, str)}
    assert not failed, "\n".join(f"{writer}: {error}" for writer, error in failed.items())
    for writer, found in report.items():
        assert set(found) <= {"old", "new"}
        assert sum(found.values()) >= writers[writer]
        # A power cut takes the new state away until the last operation is done.
        assert mode == "power-cut" or len(found) == 2
