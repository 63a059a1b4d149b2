"""How the tests of the audit find what it says."""

from __future__ import annotations

from reports.audit import AuditResult, ReportAudit, audit_published
from reports.audit_checks import Finding

HEAD = "class,precision,recall,f1-score,support\n"


def by_key() -> dict[str, ReportAudit]:
    return {audit.report.key: audit for audit in audit_published()}


def finding(result: AuditResult, check: str) -> Finding:
    return next(found for found in result.findings if found.check == check)


def remark(audit: ReportAudit, check: str) -> list[Finding]:
    return [found for found in audit.remarks if found.check == check]


def failed(result: AuditResult) -> list[Finding]:
    return [found for found in result.findings if found.status == "inconsistent"]
