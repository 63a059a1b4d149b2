"""The published figures and conclusions of the five reports beside ours, each with a verdict.

Which word a figure or a conclusion gets is decided by the one rule in `claims_judge.py`. A
conclusion is turned into a number that decides it (`claims_statements.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from reports.audit import audit_published
from reports.audit_splits import Origin
from reports.claims_judge import (
    Verdict,
    difference_bounds,
    figure_obstacle,
    judge,
    judge_claim,
    like_for_like,
    study_obstacles,
)
from reports.claims_numbers import Absent, Ours
from reports.claims_ours import Bench, ours
from reports.claims_statements import STATEMENTS, Statement
from reports.published import Figure, load
from reports.tables import Table, make_table


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """One published figure beside ours. Shares in [0, 1], losses in nats; None: no counterpart.

    difference: ours less published, None where the two are not comparable; difference_low,
    difference_high: its 95 % interval, with what rounding leaves open. our_split: where ours is
    measured, the published figure's own split as the audit found it. interval: how the interval was
    computed; empty without one.
    """

    report: str
    place: str
    subject: str
    metric: str
    label: str
    claimed_split: str
    our_split: str
    published: float
    margin: float
    precision: str
    ours: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    interval: str
    verdict: Verdict
    reason: str


def papers_rows(bench: Bench) -> list[PaperRow]:
    """Every published figure of the five reports beside the study's, in the reports' order."""
    origins = measured_on()
    return [
        _row(bench, figure, origins.get((figure.subject, figure.split)))
        for report in load()
        for figure in report.figures
    ]


@cache
def measured_on() -> Mapping[tuple[str, str], Origin]:
    """What the audit found for each (member, claimed split) that has a per-class table."""
    return {
        (member, result.table.claimed or ""): result.origins[0]
        for audit in audit_published()
        for member, result in audit.tables
        if result.origins
    }


def _row(bench: Bench, figure: Figure, origin: Origin | None) -> PaperRow:
    split = figure.split
    repeats = 1
    if figure.kind == "result" and origin is not None and like_for_like(origin):
        split, repeats = origin.splits[0], origin.times
    found = ours(bench, figure, split)
    if isinstance(found, Ours) and figure.metric.endswith("support"):
        found = Ours.exact(found.value * repeats)
    obstacle = figure_obstacle(bench, figure, origin)
    verdict, reason = judge(figure, found, obstacle)
    if split != figure.split and obstacle is None and isinstance(found, Ours):
        reason = f"{reason} {_moved(figure, origin, split)}"
    known = None if isinstance(found, Absent) else found
    # A difference from what is not comparable would be read as one that means something.
    compared = None if verdict == "not comparable" else known
    low, high = (None, None) if compared is None else difference_bounds(figure, compared)
    return PaperRow(
        report=figure.report,
        place=figure.place,
        subject=figure.subject,
        metric=_metric(figure),
        label=figure.label,
        claimed_split=figure.split,
        our_split=split,
        published=figure.value,
        margin=figure.margin,
        precision=figure.precision,
        ours=None if known is None else known.value,
        difference=None if compared is None else compared.value - figure.value,
        difference_low=low,
        difference_high=high,
        interval="" if compared is None else compared.interval,
        verdict=verdict,
        reason=reason,
    )


def _metric(figure: Figure) -> str:
    """The metric in words, with the threshold or epoch that belongs to it."""
    words = figure.metric.replace("_", " ")
    if figure.threshold is not None:
        words += f" {figure.threshold:g}"
    return words if figure.epoch is None else f"{words} after epoch {figure.epoch}"


def _moved(figure: Figure, origin: Origin | None, split: str) -> str:
    return (
        f"Published as {figure.split}, but the supports of its table are {origin}, so ours is "
        f"measured on the {split} split."
    )


@dataclass(frozen=True, kw_only=True)
class ClaimRow:
    """One conclusion of a report. ours: the number that decides it, with its 95 % interval.

    measured: what that number is. Values are shares of one (0.025 is 2.5 points) or counts.
    """

    report: str
    place: str
    claim: str
    measured: str
    ours: float | None
    ours_low: float | None
    ours_high: float | None
    interval: str
    verdict: Verdict
    reason: str


def claims_rows(bench: Bench) -> list[ClaimRow]:
    """Every conclusion of the reports with what this study says of it."""
    return [_claim_row(bench, statement) for statement in STATEMENTS]


def _claim_row(bench: Bench, statement: Statement) -> ClaimRow:
    missing = next((name for name in statement.needs if name not in bench.records), None)
    found = bench.absence(missing) if missing is not None else statement.ours(bench)
    verdict, reason = judge_claim(statement, found, _claim_obstacle(bench, statement))
    known = found if isinstance(found, Ours) else None
    return ClaimRow(
        report=statement.report,
        place=statement.place,
        claim=statement.text,
        measured=statement.measured,
        ours=None if known is None else known.value,
        ours_low=None if known is None else known.low,
        ours_high=None if known is None else known.high,
        interval="" if known is None else known.interval,
        verdict=verdict,
        reason=f"{reason} {statement.remark}".strip(),
    )


def _claim_obstacle(bench: Bench, statement: Statement) -> str | None:
    figure = statement.cited
    if figure is not None:
        return figure_obstacle(bench, figure, measured_on().get((figure.subject, figure.split)))
    if bench.study.dataset != statement.dataset:
        return (
            f"Ours is measured on another dataset ({bench.study.dataset} instead of "
            f"{statement.dataset})."
        )
    nine = statement.report == "nine"
    return next(study_obstacles(bench, *statement.needs, nine=nine), None)


_PAPER_KEYS = (
    *("report", "subject", "metric", "class", "claimed_split", "published", "margin"),
    *("ours", "our_split", "difference", "difference_low", "difference_high", "interval"),
    *("verdict", "reason", "place"),
)


def papers_table(bench: Bench) -> Table:
    """`papers_rows` as a comparison table."""
    rows = []
    for row in papers_rows(bench):
        values = dataclasses.asdict(row)
        values["class"] = values.pop("label")
        values.pop("precision")
        rows.append(values)
    return make_table(
        "papers",
        rows,
        _PAPER_KEYS,
        title="Published figures beside ours",
        caption="Every figure of the five reports with its place in the source. Differences are "
        "ours less published, with 95 % intervals over images and what rounding leaves open; what "
        "is not comparable has none. Where the audit found that a table counts other images than "
        "it claims, ours is measured on those. Settings are listed, not judged.",
    )


_CLAIM_KEYS = (
    *("report", "claim", "measured", "ours", "ours_low", "ours_high", "interval"),
    *("verdict", "reason", "place"),
)


def claims_table(bench: Bench) -> Table:
    """`claims_rows` as a comparison table."""
    return make_table(
        "claims",
        [dataclasses.asdict(row) for row in claims_rows(bench)],
        _CLAIM_KEYS,
        title="Conclusions of the reports, put to the test",
        caption="Each conclusion as one number of ours with its 95 % interval over test images; "
        "differences are shares of one (0.025 is 2.5 points). A bound or a count is reproduced "
        "where our figure keeps it; that one thing is better than another, where the whole "
        "interval is above zero. A published figure that a conclusion repeats is "
        "judged as in the table of published figures.",
    )
