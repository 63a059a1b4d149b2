"""Killed at any moment: a reader finds the old state or the new one, and the same command goes on.

The work is done by two programs (`crash_points`, `kill_runs`), because it needs processes without
threads; here is what they must report.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.benchmark.runner import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and asks /proc for names")

WRITERS = {
    "new-file": 9,
    "replaced-file": 5,
    "new-entry": 23,
    "replaced-entry": 24,
    "samples": 12,
    "damaged-samples": 10,
    "checkpoint": 5,
    "repair": 8,
    "import": 20,
    "training": 50,
}
"""Every writer and the operations on files that it has at least."""


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


@pytest.mark.parametrize("writer", WRITERS)
def test_a_writer_that_ends_at_any_operation_leaves_the_old_state_or_the_new(writer: str) -> None:
    found = report_of("crash_points", writer, "plain")
    assert set(found) == {"old", "new"}
    assert found["old"] + found["new"] >= WRITERS[writer]


@pytest.mark.parametrize("writer", WRITERS)
def test_so_does_one_that_loses_what_was_never_synced(writer: str) -> None:
    found = report_of("crash_points", writer, "power")
    assert set(found) <= {"old", "new"}
    assert sum(found.values()) >= WRITERS[writer]


def test_twenty_killed_trainings_end_with_the_bits_of_an_undisturbed_one() -> None:
    report = report_of("kill_runs", "20", "1")
    assert report["kills"] >= 20
    assert all(logits == report["right"] for logits in report["found"])
    # The kills were spread over the training, so runs went on from several of its epochs.
    assert len(set(report["resumed"])) >= 4
