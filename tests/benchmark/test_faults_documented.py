"""The table of faults names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.benchmark.runner import ROOT

HERE = Path(__file__).parent


def test_every_fault_names_a_test_that_exists() -> None:
    lines = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and " test |" not in line]
    rows = [row for row in rows if not row.startswith("| ---")]
    assert len(rows) >= 35
    for row in rows:
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row)
        assert named, row
        for file, test in named:
            assert f"def {test}(" in (HERE / file).read_text(encoding="utf-8"), f"{file}::{test}"
