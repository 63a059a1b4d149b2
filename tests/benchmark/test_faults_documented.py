"""What is told of faults is so: tests that exist, exit codes, what git leaves out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmark.conftest import named_faults
from tests.benchmark.runner import ROOT

HERE = Path(__file__).parent


def test_every_fault_names_a_test_that_exists() -> None:
    lines = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and " test |" not in line]
    rows = [row for row in rows if not row.startswith("| ---")]
    rows = [row for row in rows if not re.match(r"\| (exit code|\d+) \|", row)]
    assert len(rows) >= 50
    for row in rows:
        named = re.findall(r"`((?:speed/)?test_\w+\.py)::(test_\w+)`", row.rsplit(" | ", 1)[1])
        assert named, row
        assert row.count(" | ") == 3, row
        for file, test in named:
            assert f"def {test}(" in (HERE / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_the_marker_is_on_exactly_the_tests_that_are_named() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only"]
    done = subprocess.run(
        [*command, "-m", "faults", str(HERE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    marked = set(re.findall(r"^tests/benchmark/(\S+\.py)::(test_\w+)", done.stdout, re.MULTILINE))
    assert marked == named_faults()
    assert {file for file, _ in marked} >= {
        f"test_faults_{group}.py"
        for group in ("bytes", "disk", "input", "killed", "members", "memory", "sealed")
    }


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_every_exit_code_is_told_to_users(code: int) -> None:
    guide = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"\n| {code} | " in guide
    assert re.search(rf"exits with [^.]*\b{code}\s\(", readme)


LEFT = (
    "logits/deep-a/seed0.next/test.safetensors",
    "logits/deep-a/seed0.old/manifest.json",
    "logits/deep-a/seed0.next/manifest.json.17-00c0ffee.tmp",
    "tables/members.csv.17-00c0ffee.tmp",
    "locks/deep-a-seed0.lock",
    "checkpoints/deep-a/seed0/a",
    "weights/deep-a/seed0.safetensors",
    "damaged/deep-a-seed0-1/manifest.json",
    "logs/deep-a-seed0.log",
    "report.json",
)


@pytest.mark.skipif(
    not (ROOT / ".git").exists() or shutil.which("git") is None, reason="asks git of a checkout"
)
def test_what_a_killed_run_leaves_is_not_offered_to_git() -> None:
    paths = [f"results/faces-quick/{path}" for path in LEFT]
    kept = ["results/faces-quick/logits/deep-a/seed0/manifest.json", "results/faces-quick/failed/a"]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *paths, *kept],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == paths
