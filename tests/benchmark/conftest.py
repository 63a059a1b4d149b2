"""Marks `faults`: exactly the tests that docs/faults.md names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def named_faults() -> set[tuple[str, str]]:
    """(file, test) of every test that the guide names."""
    guide = (HERE.parents[1] / "docs" / "faults.md").read_text(encoding="utf-8")
    return set(re.findall(r"`((?:speed/)?test_\w+\.py)::(test_\w+)`", guide))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    named = named_faults()
    for item in items:
        if HERE in item.path.parents:
            place = (item.path.relative_to(HERE).as_posix(), item.name.partition("[")[0])
            if place in named:
                item.add_marker(pytest.mark.faults)
