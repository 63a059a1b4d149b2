"""Ctrl-C while a report is computed, drawn and written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.samples import facts_of, write_samples
from tests.benchmark import small
from tests.benchmark.runner import ROOT
from tests.benchmark.test_engine import alive, wait_for

ATTENTIVE = """
import signal
# A shell that starts the tests in the background has them ignore Ctrl-C, and their children too.
signal.signal(signal.SIGINT, signal.default_int_handler)
from benchmark.cli import main
main()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for processes")


def has_children(process: int, root: Path) -> bool:
    """The figures are being drawn, the numbers of later ones computed."""
    return bool(Path(f"/proc/{process}/task/{process}/children").read_text().split())


def has_tables(process: int, root: Path) -> bool:
    """All is computed; what is left is drawing."""
    return (root / "tables" / "ensembles.csv").exists()


@pytest.mark.parametrize("moment", [has_children, has_tables])
def test_ctrl_c_ends_a_report_and_every_process_that_draws(
    moment: Callable[[int, Path], bool], tmp_path: Path
) -> None:
    root = tmp_path / "faces-quick"
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    for member in ("one", "three", "seven", "eleven"):
        small.commit(root, len(member), member)
    process = subprocess.Popen(
        [sys.executable, "-c", ATTENTIVE, "report", "--results", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        wait_for(lambda: moment(process.pid, root))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
        start = time.monotonic()
        out, err = process.communicate(timeout=60)
        took = time.monotonic() - start
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.strip() == (
        "interrupted: what is finished is kept; the same command goes on from there"
    )
    assert out == ""
    wait_for(lambda: not alive(process.pid), 5)
    assert took < 5, f"it went on for {took:.1f} s"
    assert not (root / "report.html").exists()
