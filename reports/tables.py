"""Tables as data: typed values, and for every column its name, its rounding and what is best in it.

A `Table` holds numbers, never strings made of numbers. Names of columns, rounding and best-in-bold
are decided in this file and nowhere else; `formatting.py` writes tables in each format, and
`table_content.py` fills them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from reports.columns import COLUMNS, Column, Kind
from reports.study import ReportError

Row: TypeAlias = Mapping[str, Any]
MISSING = "–"
"""What people read where there is no value."""


@dataclass(frozen=True, eq=False)
class Table:
    """One comparison table.

    frame: one column per entry of `columns`, in that order; accuracies and other shares in [0, 1],
    counts as whole numbers, missing values as NA. best_within: the best value is sought among rows
    that agree in this column (None: among all). unranked: positions of rows that are shown but
    never best (an upper bound, a method fitted on the images that it is scored on).
    """

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    frame: pd.DataFrame
    best_within: str | None = None
    unranked: frozenset[int] = frozenset()

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that people see; the others are in the CSV alone."""
        return tuple(column for column in self.columns if column.shown)

    def column(self, key: str) -> Column:
        """The column called `key`."""
        return next(column for column in self.columns if column.key == key)


def make_table(
    name: str,
    rows: Sequence[Row],
    keys: Sequence[str],
    *,
    title: str,
    caption: str,
    best_within: str | None = None,
    unranked: Sequence[int] = (),
    headers: Mapping[str, str] | None = None,
    hidden: Collection[str] = (),
) -> Table:
    """A table of `rows` with the columns `keys`, each described in `reports/columns.py`.

    `headers` renames a column for people in this table alone; of `hidden` ones only the CSV of this
    table tells. A row that lacks a key has no value
    there; a row with a key that the table does not have is a mistake of the caller and raises.
    """
    columns = tuple(
        dataclasses.replace(
            COLUMNS[key],
            header=(headers or {}).get(key, COLUMNS[key].header),
            shown=COLUMNS[key].shown and key not in hidden,
        )
        for key in keys
    )
    strange = {key for row in rows for key in row} - set(keys)
    if strange:
        raise ReportError(
            f"the table {name!r} has no column {sorted(strange)[0]!r}: accepted are "
            f"{', '.join(keys)}"
        )
    series = {c.key: pd.Series([row.get(c.key) for row in rows], dtype=c.dtype) for c in columns}
    return Table(
        name=name,
        title=title,
        caption=caption,
        columns=columns,
        frame=pd.DataFrame(series),
        best_within=best_within,
        unranked=frozenset(unranked),
    )


def cell(column: Column, row: Mapping[str, Any]) -> str:
    """The value of `column` in `row` as people read it, with its interval where it has one."""
    value = row[column.wording or column.key]
    if _missing(value):
        return MISSING
    text = rounded(column, value)
    if column.interval is None:
        return text
    low, high = (row.get(key) for key in column.interval)
    if low is None or high is None or _missing(low) or _missing(high):
        return text
    return f"{text} ± {rounded(column, (high - low) / 2).lstrip('+')}"


def rounded(column: Column, value: Any) -> str:
    """One number or text of `column`, rounded as its kind asks."""
    return _ROUNDINGS[column.kind](value)


_ROUNDINGS: dict[Kind, Callable[[Any], str]] = {
    "text": str,
    "percent": lambda value: f"{100 * value:.2f}",
    "points": lambda value: f"{100 * value:+z.2f}",
    "decimal": lambda value: f"{value:.4f}",
    "signed": lambda value: f"{value:+z.4f}",
    "integer": lambda value: f"{int(value):,}",
    "millions": lambda value: f"{value / 1e6:,.1f}",
    "short": lambda value: f"{value:,.1f}",
    "figure": lambda value: f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}",
    "p_value": lambda value: "< 0.0001" if value < 0.0001 else f"{value:.4f}",
}


def best_cells(table: Table) -> frozenset[tuple[int, str]]:
    """(row position, column key) of every best value; values that print alike are best together.

    A column with fewer than two values to compare, or with all of them alike, has no best.
    """
    found: set[tuple[int, str]] = set()
    groups = _row_groups(table)
    for column in table.shown:
        if column.best is None:
            continue
        for positions in groups:
            values = {
                i: value
                for i in positions
                if i not in table.unranked
                and not _missing(value := table.frame[column.key].iloc[i])
            }
            found.update((i, column.key) for i in _best(column, values))
    return frozenset(found)


def _best(column: Column, values: Mapping[int, float]) -> list[int]:
    """Positions whose printed value is the best one."""
    if not values:
        return []
    best = max(values.values()) if column.best == "high" else min(values.values())
    printed = {i: rounded(column, value) for i, value in values.items()}
    ties = [i for i, text in printed.items() if text == rounded(column, best)]
    return ties if len(ties) < len(values) else []


def _row_groups(table: Table) -> list[list[int]]:
    """Row positions that are compared with one another."""
    if table.best_within is None:
        return [list(range(len(table.frame)))]
    groups: dict[Any, list[int]] = {}
    for i, value in enumerate(table.frame[table.best_within]):
        groups.setdefault(value, []).append(i)
    return list(groups.values())


def _missing(value: Any) -> bool:
    """Whether there is no value: None, NA or NaN."""
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
