"""Reports of `data` and `audit` as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from benchmark.console import cell, say
from benchmark.datasets import SPLITS
from benchmark.datasets.check import DataReport
from benchmark.datasets.duplicates import DuplicateReport
from benchmark.errors import printable
from reports.audit import AuditResult, Finding, ReportAudit

if TYPE_CHECKING:
    from benchmark.predicting import Prediction

STATUS_STYLE = {"consistent": "green", "inconsistent": "bold red", "note": "yellow"}
LISTED_GROUPS = 10


def print_data_report(console: Console, report: DataReport) -> None:
    """What `data check` found."""
    say(console, report.origin)
    grid = RichTable("class", *SPLITS)
    for i, name in enumerate(report.class_names):
        grid.add_row(cell(name), *(_count(report, split, i) for split in SPLITS))
    grid.add_row("all", *(f"{sum(report.counts[split]):,}" for split in SPLITS), style="bold")
    console.print(grid)
    if report.official is not None:
        same = "the official ones" if report.comparable else "not the official ones (in brackets)"
        say(console, f"class counts: {same}")
    blank = {split: len(report.blank[split]) for split in SPLITS if report.blank[split]}
    found = ", ".join(f"{count} in {split}" for split, count in blank.items()) or "none"
    say(console, f"blank images: {found}")
    for warning in report.warnings:
        say(console, f"note: {warning}", "yellow")


def _count(report: DataReport, split: str, label: int) -> str:
    count = report.counts[split][label]
    if report.official is None or report.official[split][label] == count:
        return f"{count:,}"
    return f"{count:,} ({report.official[split][label]:,})"


def print_duplicates(console: Console, report: DuplicateReport) -> None:
    """What `data duplicates` found."""
    say(
        console,
        f"{len(report.groups):,} groups of exact copies cover {report.images:,} images; "
        f"{report.spanning:,} groups span two or more splits; {report.conflicting:,} carry "
        "conflicting labels",
    )
    for split, count in report.in_train.items():
        say(console, f"{count:,} images of the {split} split stand in train as well")
    conflicting = [group for group in report.groups if group.conflicting]
    for group in conflicting[:LISTED_GROUPS]:
        pairs = zip(group.sample_ids, group.labels, strict=True)
        say(console, "conflict: " + ", ".join(f"{name} = {label}" for name, label in pairs))
    if len(conflicting) > LISTED_GROUPS:
        say(console, f"... and {len(conflicting) - LISTED_GROUPS} more; --json lists every group")


def print_audits(console: Console, results: Sequence[AuditResult | ReportAudit]) -> None:
    """What `audit` found: for each table its verdict and every finding."""
    for result in results:
        if isinstance(result, ReportAudit):
            say(console, f"{result.report.key}: {result.verdict}", "bold")
            for member, table in result.tables:
                _print_audit(console, f"{result.report.key}, {member}", table)
            _print_findings(console, result.remarks)
        else:
            _print_audit(console, result.table.name, result)


def _print_audit(console: Console, name: str, result: AuditResult) -> None:
    say(console, f"  {name}: {result.verdict}")
    _print_findings(console, result.findings)


def _print_findings(console: Console, findings: Sequence[Finding]) -> None:
    for finding in findings:
        line = Text("    ")
        line.append(f"{finding.status:<12} ", style=STATUS_STYLE[finding.status])
        line.append(printable(f"{finding.check}: {finding.numbers}"))
        console.print(line, soft_wrap=True)
        if finding.meaning:
            say(console, f"                 {finding.meaning}", "italic")


def print_predictions(console: Console, predictions: Sequence[Prediction]) -> None:
    """For each picture the likeliest class, and the probabilities of ensemble and members."""
    for prediction in predictions:
        likeliest = int(prediction.ensemble.argmax())
        share = prediction.ensemble[likeliest]
        likeliest_name = f"{prediction.classes[likeliest]}, {100 * share:.1f} %"
        grid = RichTable(title=cell(f"{prediction.path}: {likeliest_name}"), title_style="bold")
        for header in ("class", "ensemble %", *(f"{name} %" for name in prediction.members)):
            grid.add_column(cell(header))
        columns = [prediction.ensemble, *prediction.members.values()]
        for i, name in enumerate(prediction.classes):
            style = "bold green" if i == likeliest else ""
            grid.add_row(cell(name), *(f"{100 * column[i]:.1f}" for column in columns), style=style)
        console.print(grid)
    say(console, "each picture is taken to be cut to the face; it was turned gray, 48x48 pixels")
