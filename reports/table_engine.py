"""The tables of the ensemble engine: subsets of members, contributions, diversity, statistics."""

from __future__ import annotations

from ensembles.scoring import interval
from reports.findings import Findings
from reports.tables import Table, make_table

SUBSET_KEYS = (
    *("size", "subsets", "counted", "val_accuracy"),
    *("test_accuracy", "test_low", "test_high"),
    *("mean_val_accuracy", "mean_test_accuracy", "least_test_accuracy", "most_test_accuracy"),
    "subset",
)


def subsets_table(findings: Findings) -> Table | None:
    """One row for each size of subset: the best one by validation, and all of them together."""
    if len(findings.study.test.members) < 2:
        return None
    exact = findings.subsets.test.exact
    rows = []
    for size in findings.growth:
        low, high = accuracy_interval(size.best_test, len(findings.study.test.labels))
        rows.append(
            {
                "size": size.size,
                "subsets": size.subsets,
                "counted": "all" if exact else "sample",
                "val_accuracy": size.best_validation,
                "test_accuracy": size.best_test,
                "test_low": low,
                "test_high": high,
                "mean_val_accuracy": size.validation_mean,
                "mean_test_accuracy": size.test_mean,
                "least_test_accuracy": size.test_least,
                "most_test_accuracy": size.test_most,
                "subset": " + ".join(size.best),
            }
        )
    how = "Every subset was counted." if exact else "The subsets are a sample: greedy and random."
    return make_table(
        "subsets",
        rows,
        SUBSET_KEYS,
        title="Subsets of members",
        caption=f"Simple averages of subsets of the members. {how} Val. and test accuracy are of "
        "the subset of that size with the highest validation accuracy; the best by test is known "
        "only in hindsight.",
    )


def accuracy_interval(accuracy: float, images: int) -> tuple[float, float]:
    """95 % interval over images of an accuracy that was measured on `images` images."""
    return interval(round(accuracy * images), images)
