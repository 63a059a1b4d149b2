"""What stands under results/ is what the shipped logits give; no picture of a person is in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmark import stages
from benchmark.verification import verify_roots

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = sorted(path.parent for path in (ROOT / "results").glob("*/samples"))

pytestmark = pytest.mark.skipif(not SHIPPED, reason="no results are shipped")


@pytest.mark.parametrize("root", SHIPPED, ids=lambda path: path.name)
def test_every_checksum_is_right(root: Path) -> None:
    problems, checked = verify_roots([root])
    assert checked > 0
    assert problems == []


@pytest.mark.parametrize("root", SHIPPED, ids=lambda path: path.name)
def test_the_tables_are_made_again_byte_for_byte(root: Path, tmp_path: Path) -> None:
    written = stages.write_results(stages.gather(root), tmp_path, only=("tables",))
    changed = [
        path.name
        for path in written.files
        if path.read_bytes() != (root / "tables" / path.name).read_bytes()
    ]
    assert changed == []


@pytest.mark.parametrize("root", SHIPPED, ids=lambda path: path.name)
def test_trained_members_say_what_their_network_is(root: Path) -> None:
    records = stages.gather(root).records
    assert all(len(r.architecture) == 64 for r in records if not r.imported)


def test_results_are_small_enough_for_a_checkout() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "results"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert sum(path.stat().st_size for path in files if path.exists()) < 8 * 2**20
    assert not [
        path
        for path in files
        if path.stem in ("samples", "predictions", "transformed")
        and path.suffix in (".png", ".svg")
        and "faces" not in path.parts[-3]
    ]
