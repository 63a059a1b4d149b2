"""The tables that the papers have: members, ensembles, classification reports, several seeds."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from ensembles import metrics
from ensembles.fusion import softmax
from ensembles.metrics import ClassReport
from ensembles.scoring import ORACLE, Comparison, Score
from reports.findings import Findings, method_row
from reports.study import MemberRecord, Study
from reports.tables import Row, Table, make_table

TESTED = ("test_accuracy", "test_low", "test_high", "test_accuracy_unique", "macro_f1")
MEASURES = ("balanced_accuracy", "log_loss", "brier", "ece", "top2")
UNIQUE = ("macro_f1_unique", *(f"{key}_unique" for key in MEASURES))
MEMBER_KEYS = (
    *("member", "train_accuracy", "train_loss", "val_accuracy", "val_loss"),
    *TESTED,
    *("parameters", "macs", "train_seconds", "latency_ms", "epochs", "seed"),
    *("weights", "width", "source", "device", "key"),
    *MEASURES,
    *UNIQUE,
)
ENSEMBLE_KEYS = (
    *("method", "members", "val_accuracy", "test_accuracy", "test_low", "test_high"),
    *("test_accuracy_unique", "macro_f1", "log_loss", "brier", "ece"),
    *("label", "gain", "tied", "balanced_accuracy", "top2", "detail", "family", "ranked"),
    *UNIQUE,
)
SUMMARY_KEYS = (
    *("method", "label", "members", "val_accuracy", "test_accuracy", "test_low", "test_high"),
    *("test_accuracy_unique", "macro_f1", "log_loss", "ece", "gain", "tied"),
)
PER_CLASS_KEYS = (
    *("kind", "method", "label", "split", "class", "precision", "recall", "f1", "support"),
)
SEED_KEYS = (
    *("kind", "method", "label", "seeds", "val_mean", "val_sd", "test_mean", "test_sd"),
    *("test_min", "test_max", "mean_rank"),
)


def members_table(findings: Findings) -> Table:
    """One row for each single network, in the order of the study."""
    study = findings.study
    rows = [
        _member_row(study, record, score, i)
        for i, (record, score) in enumerate(
            zip(study.records, findings.comparison.member_scores, strict=True)
        )
    ]
    missing = "".join(f" Missing: {one.name} ({one.reason})." for one in study.missing)
    return make_table(
        "members",
        rows,
        MEMBER_KEYS,
        title="Members",
        caption="Single networks. Training figures are those of the last epoch; validation and "
        "test figures are of the logits that the ensembles combine; ± is half of the 95 % "
        f"interval over test images.{missing}",
        hidden=MEASURES,
    )


def _member_row(study: Study, record: MemberRecord, score: Score, index: int) -> Row:
    last = record.history[-1] if record.history else None
    validation = study.validation
    probabilities = softmax(validation.logits[index])
    return {
        "member": record.name,
        "train_accuracy": last.train_accuracy if last else None,
        "train_loss": last.train_loss if last else None,
        "val_loss": metrics.log_loss(probabilities, validation.labels),
        **_fields(score, ("val_accuracy", *TESTED, *MEASURES, *UNIQUE)),
        "parameters": record.parameters,
        "macs": record.macs,
        "train_seconds": record.train_seconds,
        "latency_ms": record.latency_ms,
        "epochs": last.epoch if last else None,
        "seed": record.seed,
        "weights": _weights(record),
        "width": None if record.imported else ("full" if study.profile == "paper" else "narrowed"),
        "source": record.source,
        "device": record.device or None,
        "key": record.key[:12],
    }


def _weights(record: MemberRecord) -> str | None:
    """Where training started from; says so where ImageNet weights were asked for and not had."""
    if record.imported:
        return None
    return {None: "random", True: "ImageNet", False: "random (not ImageNet)"}[record.pretrained]


def ensembles_table(findings: Findings) -> Table:
    """One row for each method, best on the test split first; the oracle last and out of rank."""
    best = findings.best_member
    scores = findings.comparison.scores
    measured = [key for key in ENSEMBLE_KEYS if key not in ("gain", "tied", "ranked")]
    paired = findings.paired
    tied = {n: "yes" if t else "no" for n, t in zip(paired.names, paired.tied, strict=True)}
    rows = [
        {
            **_fields(score, measured),
            "gain": score.test_accuracy - best.test_accuracy if score.ranked else None,
            "tied": tied.get(score.member_names[0] if score.members == 1 else method_row(score)),
            "ranked": "yes" if score.ranked else "no",
        }
        for score in scores
    ]
    skipped = "".join(f" Not fitted: {s.label} ({s.reason})." for s in findings.comparison.skipped)
    return make_table(
        "ensembles",
        rows,
        ENSEMBLE_KEYS,
        title="Ensembles",
        caption="Every method is fitted on the validation split and scored on the test split. "
        f"Gain: points above the single network that is best on the test split ({best.label}, "
        f"{100 * best.test_accuracy:.2f} %). Unique: without test images that also stand in the "
        "training split. Tied: a paired test does not tell it from the best of those tested (of "
        "a method's variants, logits or calibrated, only the one that validation chooses). The "
        f"oracle is an upper bound and no rival.{skipped}",
        unranked=[i for i, score in enumerate(scores) if not score.ranked],
    )


def summary_table(findings: Findings) -> Table:
    """The ensembles for a terminal or a README: no variants of methods, fewer columns."""
    plain = {score.method for score in findings.plain_methods} | {"single_best", ORACLE}
    table = ensembles_table(findings)
    kept = [i for i, name in enumerate(table.frame["method"]) if name in plain]
    return dataclasses.replace(
        table,
        name="summary",
        columns=tuple(table.column(key) for key in SUMMARY_KEYS),
        frame=table.frame.iloc[kept].reset_index(drop=True)[list(SUMMARY_KEYS)],
        unranked=frozenset(kept.index(i) for i in table.unranked),
    )


def per_class_table(findings: Findings) -> Table:
    """A classification report, on the test split, of every member and of the main ensembles."""
    test, comparison = findings.study.test, findings.comparison
    classes = len(test.classes)
    rows: list[Row] = []
    for name, row in zip(test.members, metrics.predicted_classes(test.logits), strict=True):
        report = metrics.classification_report(row, test.labels, classes)
        rows.extend(_report_rows("member", name, name, report, test.classes))
    for score in findings.main_methods:
        predicted = metrics.predicted_classes(comparison.test_probabilities[score.method])
        report = metrics.classification_report(predicted, test.labels, classes)
        rows.extend(_report_rows("ensemble", score.method, score.label, report, test.classes))
    return make_table(
        "per_class",
        rows,
        PER_CLASS_KEYS,
        title="Classification reports",
        caption="Precision, recall and F1 of each class on the test split. The row 'accuracy' "
        "holds the accuracy in the column of F1, as classification reports are printed. Bold: the "
        "best F1 of the class.",
        best_within="class",
    )


def _report_rows(
    kind: str, method: str, label: str, report: ClassReport, classes: Sequence[str]
) -> Iterator[Row]:
    """The rows of one classification report, its averages last."""
    head = {"kind": kind, "method": method, "label": label, "split": "test"}
    for i, name in enumerate(classes):
        yield {
            **head,
            "class": name,
            "precision": report.precision[i],
            "recall": report.recall[i],
            "f1": report.f1[i],
            "support": report.support[i],
        }
    total = int(report.support.sum())
    yield {**head, "class": "accuracy", "f1": report.accuracy, "support": total}
    for name, average in (("macro avg", report.macro), ("weighted avg", report.weighted)):
        yield {**head, "class": name, **dataclasses.asdict(average)}


def seeds_table(findings: Findings) -> Table | None:
    """Mean and standard deviation over seeds of every member and method; None with one seed."""
    if len(findings.repeats) == 1:
        return None
    blocks = findings.blocks
    ranks = dict(zip(blocks.names, blocks.ranks, strict=True)) if blocks else {}
    rows: list[Row] = []
    for kind in ("member", "ensemble"):
        runs = [
            {score.method: score for score in _scores(comparison, kind)}
            for comparison in findings.repeats
        ]
        for method, score in runs[0].items():
            same = [run[method] for run in runs if method in run]
            rows.append(
                {
                    "kind": kind,
                    "method": method,
                    "label": score.label,
                    **_spread(same),
                    "mean_rank": ranks.get(method) if kind == "ensemble" else None,
                }
            )
    return make_table(
        "seeds",
        rows,
        SEED_KEYS,
        title="Several seeds",
        caption=f"Mean and standard deviation over {len(findings.repeats)} trainings of every "
        "network, each with another seed; methods are fitted anew for each."
        f"{_friedman_note(findings)}",
        best_within="kind",
        unranked=[i for i, row in enumerate(rows) if row["method"] == ORACLE],
    )


def _friedman_note(findings: Findings) -> str:
    """What Friedman's test says of the methods over seeds."""
    blocks = findings.blocks
    if blocks is None:
        return ""
    return (
        f" Friedman's test that the methods rank alike over seeds: p = {blocks.p_value:.4f}; two "
        f"mean ranks differ where they are more than {blocks.critical_difference:.1f} apart "
        "(Nemenyi)."
    )


def _scores(comparison: Comparison, kind: str) -> Sequence[Score]:
    return comparison.member_scores if kind == "member" else comparison.scores


def _spread(scores: Sequence[Score]) -> Row:
    """Mean, sample standard deviation and extremes of accuracies over seeds."""
    val = [score.val_accuracy for score in scores]
    test = [score.test_accuracy for score in scores]
    several = len(scores) > 1
    return {
        "seeds": len(scores),
        "val_mean": statistics.fmean(val),
        "val_sd": statistics.stdev(val) if several else None,
        "test_mean": statistics.fmean(test),
        "test_sd": statistics.stdev(test) if several else None,
        "test_min": min(test),
        "test_max": max(test),
    }


def _fields(score: Score, keys: Sequence[str]) -> dict[str, Any]:
    """The named fields of a score."""
    return {key: getattr(score, key) for key in keys}
