"""What stands under results/ is what the shipped logits give; no picture of a person is in it."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmark import stages
from benchmark.verification import verify_roots

ROOT = Path(__file__).resolve().parents[1]


def tracked() -> list[Path]:
    """The files of results/ that git holds; what was trained here besides is not shipped."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "results"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


SHIPPED = sorted({path.parents[1] for path in tracked() if path.parent.name == "samples"})

LIMIT = 8 * 2**20
"""Bytes that results/ may hold in git."""


def too_large(sizes: Mapping[Path, int]) -> str:
    """What to do about files of `results/` (path → bytes) that are too many; '' if they fit."""
    if sum(sizes.values()) < LIMIT:
        return ""
    parts: Counter[str] = Counter()
    for path, size in sizes.items():
        _, dataset, part, *_ = path.parts
        parts[f"{dataset}/{part} {path.suffix}" if part == "figures" else f"{dataset}/{part}"] += (
            size
        )
    told = ", ".join(f"{part} {size / 2**20:.1f}" for part, size in parts.most_common())
    return (
        f"results/ holds {sum(sizes.values()) / 2**20:.1f} MiB in git and may hold less than "
        f"{LIMIT / 2**20:g}: leave out the page, the PNGs or members, as docs/gpu.md says under "
        f"'What to commit' (MiB: {told})"
    )


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


def label(path: Path) -> str:
    """What a figure says it shows, for those who cannot see it."""
    found = re.search(r'aria-label="([^"]*)"', path.read_text(encoding="utf-8"))
    return found[1] if found else ""


@pytest.mark.parametrize("root", SHIPPED, ids=lambda path: path.name)
def test_the_figures_are_those_that_are_drawn_again(root: Path, tmp_path: Path) -> None:
    stages.write_results(stages.gather(root), tmp_path, only=("figures",))
    drawn = {path.name: label(path) for path in (tmp_path / "figures").glob("*.svg")}
    shipped = {path.name: label(path) for path in (root / "figures").glob("*.svg")}
    assert shipped == drawn
    if (root / "report.html").exists():
        page = (root / "report.html").read_text(encoding="utf-8")
        assert [text for text in drawn.values() if text not in page] == []


@pytest.mark.parametrize("root", SHIPPED, ids=lambda path: path.name)
def test_trained_members_say_what_their_network_is(root: Path) -> None:
    records = stages.gather(root).records
    assert all(len(r.architecture) == 64 for r in records if not r.imported)


def test_too_many_results_are_answered_with_what_to_leave_out() -> None:
    folder = Path("results/fer2013")
    sizes = {
        folder / "logits/deep-a/seed0/test.safetensors": 5 * 2**20,
        folder / "logits/deep-b/seed0/test.safetensors": 2**20,
        folder / "figures/forest.png": 2**20,
        folder / "figures/forest.svg": 2**19,
        folder / "report.html": 2**20 // 4,
    }
    assert too_large(sizes) == ""
    assert too_large({**sizes, folder / "report.html": 2**20}) == (
        "results/ holds 8.5 MiB in git and may hold less than 8: leave out the page, the PNGs or "
        "members, as docs/gpu.md says under 'What to commit' (MiB: fer2013/logits 6.0, "
        "fer2013/figures .png 1.0, fer2013/report.html 1.0, fer2013/figures .svg 0.5)"
    )


def test_results_are_small_enough_for_a_checkout() -> None:
    files = tracked()
    sizes = {path.relative_to(ROOT): path.stat().st_size for path in files if path.exists()}
    assert not too_large(sizes), too_large(sizes)
    assert not [
        path
        for path in files
        if path.stem in ("samples", "predictions", "transformed")
        and path.suffix in (".png", ".svg")
        and "faces" not in path.parts[-3]
    ]
