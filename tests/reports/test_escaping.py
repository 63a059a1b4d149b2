"""Names from anyone stay text in every table and every format: the study's, the audit's, speed's.

Among the members are an HTML element that runs a script, one with `_`, `%` and `&`, and formulas;
among the classes some that begin with `=`, `+`, `-` and `@`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from rich.console import Console

from benchmark.printing import print_audits
from reports.audit import audit_table, audit_tables, read_table
from reports.findings import Findings
from reports.formatting import one_line, render
from reports.report import make_tables
from reports.speed import speed_table
from reports.study import Missing, TrainingSpeed
from reports.tables import Table
from tests.reports.claims_cases import renamed
from tests.reports.factory import HOSTILE_CLASSES, HOSTILE_MEMBERS, hostile
from tests.reports.test_speed import SPEED

FEW = ("single_best", "average", "accuracy", "greedy")
TAGS = {"table", "caption", "thead", "tbody", "tr", "th", "td", "strong"}
REASON = "=<img src=x onerror=alert(1)> left 50%_of & more"


def hostile_speed() -> TrainingSpeed:
    """A measurement of members and of a device with hostile names."""
    member = SPEED.members[0]
    return replace(
        SPEED,
        device=HOSTILE_MEMBERS[0],
        members=tuple(replace(member, member=name, bound=name) for name in HOSTILE_MEMBERS),
    )


def hostile_audit() -> Table:
    """The audit of a table whose name and classes are hostile, and whose numbers do not fit."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "=<b>50%_of_a&b.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("class", "precision", "recall", "f1", "support"))
            writer.writerows((name, "0.50", "0.50", "0.90", "10") for name in HOSTILE_CLASSES)
            writer.writerow(("accuracy", "", "", "0.90", "70"))
        return audit_tables([audit_table(read_table(path))])


@cache
def tables() -> Mapping[str, Table]:
    study = replace(hostile(500), speed=hostile_speed())
    found = dict(make_tables(Findings.of(study, FEW)))
    # The reports' tables need their classes; a reason may come from anywhere.
    known = renamed(HOSTILE_MEMBERS, images=140, missing=(Missing("lenet", REASON),))
    found |= make_tables(Findings.of(known, FEW), ("papers", "claims"))
    return {**found, "audit": hostile_audit()}


NAMES = (
    *("ensembles", "members", "per_class", "significance", "pairs", "subsets", "contributions"),
    *("diversity", "selection_cost", "selection_learning", "fitted_on_test"),
    *("papers", "claims", "speed", "audit"),
)


def test_every_table_that_such_a_study_has_is_looked_at() -> None:
    assert set(NAMES) == set(tables())


class Tags(HTMLParser):
    """The elements of a fragment with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("name", NAMES)
def test_html_holds_no_element_but_the_tables(name: str) -> None:
    tags = Tags()
    tags.feed(render(tables()[name], "html"))
    assert tags.tags <= TAGS
    assert tags.attributes <= {"class", "id", "scope", "data-kind", "data-value", "title"}


@pytest.mark.parametrize("name", NAMES)
def test_csv_holds_no_formula(name: str) -> None:
    table = tables()[name]
    header, *rows = csv.reader(io.StringIO(render(table, "csv")))
    assert len(rows) == len(table.frame)
    texts = [i for i, key in enumerate(header) if table.column(key).kind == "text"]
    assert not [row[i] for row in rows for i in texts if row[i].startswith(tuple("=+-@\t\r"))]
    assert {len(row) for row in rows} <= {len(header)}


@pytest.mark.parametrize("name", NAMES)
def test_markdown_keeps_its_cells_and_holds_no_element(name: str) -> None:
    table = tables()[name]
    text = render(table, "markdown")
    assert "<" not in text.replace("&lt;", "")
    lines = text.splitlines()[2:]
    assert len(lines) == 2 + len(table.frame)
    bars = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
    assert bars == {len(table.shown) + 1}


@pytest.mark.parametrize("name", NAMES)
def test_latex_keeps_its_cells_and_holds_no_command(name: str) -> None:
    table = tables()[name]
    text = render(table, "latex")
    assert r"\input" not in text
    assert text.isprintable() or {c for c in text if not c.isprintable()} == {"\n"}
    start, end = ("\\endlastfoot", "\\end{") if "longtable" in text else ("\\midrule", "\\bottom")
    body = text.split(start)[1].split(end)[0].replace(r"$\pm$", "")
    rows = [line for line in body.splitlines() if line.endswith(r" \\")]
    assert len(rows) == len(table.frame)
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == len(table.shown) - 1
        assert not re.search(r"(?<!\\)[%#_^~$]", row)


@pytest.mark.parametrize("name", ["members", "per_class", "speed"])
def test_the_names_are_there_and_can_be_read_back(name: str) -> None:
    table = tables()[name]
    cells = [cell for row in csv.reader(io.StringIO(render(table, "csv"))) for cell in row]
    read = {cell.removeprefix("'") for cell in cells}
    assert set(HOSTILE_MEMBERS) <= read
    assert name != "per_class" or set(HOSTILE_CLASSES) <= read
    assert r"50\%\_of\_a\&b" in render(table, "latex")
    assert "&lt;img src=x onerror=alert(1)&gt;" in render(table, "html")


def test_a_reason_from_anywhere_is_text() -> None:
    for name in ("papers", "claims"):
        text = render(tables()[name], "latex")
        assert r"\textless{}img src=x onerror=alert(1)\textgreater{} left 50\%\_of \& more" in text


def test_the_speed_tables_caption_names_the_device_as_text() -> None:
    assert one_line(HOSTILE_MEMBERS[0]) in speed_table(hostile_speed()).caption
    assert "<caption><strong>Training speed.</strong> On &lt;img" in render(
        tables()["speed"], "html"
    )


def test_an_audit_sends_neither_markup_nor_control_characters_to_the_terminal(
    tmp_path: Path,
) -> None:
    path = tmp_path / "[red]\x1b]0;x\x07.csv"
    path.write_text(
        "class,precision,recall,f1,support\n"
        "[bold]\x1b[31m=a,0.50,0.50,0.90,10\nb,0.50,0.50,0.50,10\naccuracy,,,0.90,20\n",
        encoding="utf-8",
    )
    written = io.StringIO()
    print_audits(Console(file=written, width=200), [audit_table(read_table(path))])
    text = written.getvalue()
    assert "\x1b" not in text and "\x07" not in text
    assert "[red]" in text and "[bold]" in text and "inconsistent" in text
