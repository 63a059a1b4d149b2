"""One small study gives exactly the tables that lie in `tests/golden/tables`."""

from __future__ import annotations

import pytest

from tests.golden.study import TABLES, tables


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return tables()


def test_the_same_tables_are_made(made: dict[str, str]) -> None:
    assert sorted(made) == sorted(path.name for path in TABLES.iterdir())


@pytest.mark.parametrize("name", sorted(path.name for path in TABLES.iterdir()))
def test_a_golden_table_is_made_character_by_character(name: str, made: dict[str, str]) -> None:
    assert made[name] == (TABLES / name).read_text(encoding="utf-8")
