"""The audit: is a published per-class table consistent with itself and with the split it claims?

`audit_table` judges any table; `audit_published` the five reports. All of it is arithmetic on the
printed numbers: no model, no image and no network connection is needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from reports.audit_checks import CHECKS, Finding
from reports.audit_splits import FER2013, Origin, Procedure, Splits, check_supports
from reports.audit_table import ClassTable, read_table
from reports.audit_text import remarks
from reports.published import Report, load
from reports.tables import Table, make_table

__all__ = [
    "AuditResult",
    "Finding",
    "ReportAudit",
    "audit_published",
    "audit_table",
    "audit_tables",
    "published_table",
    "read_table",
]

Verdict: TypeAlias = Literal["consistent", "inconsistent", "not supported"]


@dataclass(frozen=True)
class AuditResult:
    """All findings on one table. origins: where its supports come from, the likeliest first."""

    table: ClassTable
    findings: tuple[Finding, ...]
    origins: tuple[Origin, ...]

    @property
    def verdict(self) -> Verdict:
        """Inconsistent as soon as one check fails; notes do not count."""
        failed = any(finding.status == "inconsistent" for finding in self.findings)
        return "inconsistent" if failed else "consistent"

    def as_dict(self) -> dict[str, Any]:
        """Plain strings, numbers, lists and dicts, for JSON."""
        return {
            "table": self.table.name,
            "claimed": self.table.claimed,
            "images": self.table.images,
            "origins": [str(origin) for origin in self.origins],
            "verdict": self.verdict,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
        }


@dataclass(frozen=True)
class ReportAudit:
    """The tables of one report, each audited, and remarks on its text."""

    report: Report
    tables: tuple[tuple[str, AuditResult], ...]
    """(member, result) of each per-class table."""
    remarks: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Of the tables: slips in the text are remarks. Without any table: not supported."""
        if not self.tables:
            return "not supported"
        failed = any(result.verdict == "inconsistent" for _, result in self.tables)
        return "inconsistent" if failed else "consistent"

    def as_dict(self) -> dict[str, Any]:
        """Plain strings, numbers, lists and dicts, for JSON."""
        return {
            "report": self.report.key,
            "title": self.report.title,
            "verdict": self.verdict,
            "tables": [{"member": member, **result.as_dict()} for member, result in self.tables],
            "remarks": [dataclasses.asdict(remark) for remark in self.remarks],
        }


def audit_table(
    table: ClassTable, *, splits: Splits | None = None, procedure: Procedure | None = None
) -> AuditResult:
    """Every check on one table.

    splits: images per class of each split of the dataset that the table is about, in class order
    (None: FER2013's official ones). procedure: what is known of epochs and copies.
    """
    supports, origins = check_supports(
        table, FER2013 if splits is None else splits, procedure or Procedure()
    )
    return AuditResult(table, (supports, *(check(table) for check in CHECKS)), origins)


def audit_published(reports: Sequence[Report] | None = None) -> list[ReportAudit]:
    """The audit of the five reports (or of those given), in their order."""
    return [_audit_report(report) for report in (load() if reports is None else reports)]


def _audit_report(report: Report) -> ReportAudit:
    tables = tuple(
        (
            published.subject,
            audit_table(published.table, procedure=_procedure(report, published.subject)),
        )
        for published in report.tables
    )
    traced = {result.table.name: result.origins for _, result in tables}
    return ReportAudit(report, tables, remarks(report, traced))


def _procedure(report: Report, subject: str) -> Procedure:
    """Epochs and copies that the report tells of a member, or of its first one."""
    epochs = report.find("epochs", subject) or report.find("epochs")
    copies = report.find("copies", subject)
    return Procedure(
        epochs=None if epochs is None else int(epochs.value),
        copies=None if copies is None else int(copies.value),
    )


_KEYS = ("report", "member", "check", "status", "numbers", "meaning")


def audit_tables(results: Sequence[AuditResult]) -> Table:
    """The findings on a user's tables as a comparison table."""
    rows = [
        {"report": result.table.name, "member": "", **dataclasses.asdict(finding)}
        for result in results
        for finding in result.findings
    ]
    return _table(rows)


def published_table(audits: Sequence[ReportAudit] | None = None) -> Table:
    """The findings on the five reports as a comparison table."""
    rows: list[dict[str, Any]] = []
    for audit in audit_published() if audits is None else audits:
        key = audit.report.key
        for member, result in audit.tables:
            rows.extend(
                {"report": key, "member": member, **dataclasses.asdict(finding)}
                for finding in result.findings
            )
        rows.extend(
            {"report": key, "member": "", **dataclasses.asdict(remark)} for remark in audit.remarks
        )
    return _table(rows)


def _table(rows: list[dict[str, Any]]) -> Table:
    return make_table(
        "audit",
        rows,
        _KEYS,
        title="Audit of published tables",
        caption="What the printed numbers say about themselves and about the split they claim. "
        "Intervals are those of rounding.",
    )
