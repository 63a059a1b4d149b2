"""The tables of the ensemble engine: subsets of members, contributions, diversity, statistics."""

from __future__ import annotations

import numpy as np

from ensembles.scoring import interval
from reports.findings import Findings, method_row
from reports.tables import Row, Table, make_table

SUBSET_KEYS = (
    *("size", "subsets", "counted", "val_accuracy"),
    *("test_accuracy", "test_low", "test_high"),
    *("mean_val_accuracy", "mean_test_accuracy", "least_test_accuracy", "most_test_accuracy"),
    "subset",
)
CONTRIBUTION_KEYS = (
    *("member", "val_accuracy", "test_accuracy", "val_shapley", "test_shapley"),
    *("val_leave_one_out", "test_leave_one_out", "val_mean_gain", "test_mean_gain"),
    *("test_helps", "test_hurts", "counted"),
)
PARETO_KEYS = (
    *("cost_of", "cost", "size", "val_accuracy", "test_accuracy", "test_low", "test_high"),
    *("counted", "subset"),
)
DIVERSITY_KEYS = (
    *("first", "second", "disagreement", "double_fault", "q_statistic", "kappa", "correlation"),
    *("val_accuracy", "val_gain", "test_accuracy", "test_gain"),
)
SIGNIFICANCE_KEYS = (
    *("kind", "method", "label", "test_accuracy", "test_low", "test_high", "tied"),
    *("rank_low", "rank_high", "to_best", "to_best_low", "to_best_high", "to_best_p"),
    *("to_single", "to_single_low", "to_single_high", "to_single_p"),
)
PAIR_KEYS = (
    *("first", "second", "paired_difference", "paired_difference_low", "paired_difference_high"),
    *("only_first", "only_second", "p_value", "p_holm"),
)
COSTS = {
    "macs": "multiply-accumulates",
    "train_seconds": "training seconds",
    "latency_ms": "latency in ms",
}
"""Fields of a record that add up over the members of an ensemble."""


def subsets_table(findings: Findings) -> Table | None:
    """One row for each size of subset: the best one by validation, and all of them together."""
    if _alone(findings):
        return None
    rows: list[Row] = [
        {
            "size": size.size,
            "subsets": size.subsets,
            "counted": _counted(findings),
            "val_accuracy": size.best_validation,
            **_tested(findings, size.best_test),
            "mean_val_accuracy": size.validation_mean,
            "mean_test_accuracy": size.test_mean,
            "least_test_accuracy": size.test_least,
            "most_test_accuracy": size.test_most,
            "subset": " + ".join(size.best),
        }
        for size in findings.growth
    ]
    return make_table(
        "subsets",
        rows,
        SUBSET_KEYS,
        title="Subsets of members",
        caption="Simple averages of subsets of the members. Val. and test accuracy are of the "
        "subset of that size with the highest validation accuracy; the best by test is known only "
        f"in hindsight.{_sample_note(findings)}",
    )


def contributions_table(findings: Findings) -> Table | None:
    """One row for each member: what it adds to the average of the others."""
    if _alone(findings):
        return None
    rows: list[Row] = [
        {
            "member": test.member,
            "val_accuracy": validation.alone,
            "test_accuracy": test.alone,
            "val_shapley": validation.shapley,
            "test_shapley": test.shapley,
            "val_leave_one_out": validation.leave_one_out,
            "test_leave_one_out": test.leave_one_out,
            "val_mean_gain": validation.mean_gain,
            "test_mean_gain": test.mean_gain,
            "test_helps": test.helps,
            "test_hurts": test.hurts,
            "counted": _counted(findings),
        }
        for validation, test in findings.contributions
    ]
    return make_table(
        "contributions",
        rows,
        CONTRIBUTION_KEYS,
        title="Contribution of each member",
        caption="In the simple average, in points of accuracy. Shapley values add up to the "
        "accuracy of all members together. Left out: what all members lose without it. Joins: "
        "what it adds on average to a subset of the others, and how often it helps or hurts."
        f"{_sample_note(findings)}",
    )


def pareto_table(findings: Findings) -> Table | None:
    """The subsets that are worth their cost; None where no cost is known of every member."""
    rows: list[Row] = [
        {
            "cost_of": words,
            "cost": point.cost,
            "size": len(point.members),
            "val_accuracy": point.validation_accuracy,
            **_tested(findings, point.test_accuracy),
            "counted": _counted(findings),
            "subset": " + ".join(point.members),
        }
        for field, words in COSTS.items()
        for point in findings.worth_their_cost(field)
    ]
    if _alone(findings) or not rows:
        return None
    return make_table(
        "pareto",
        rows,
        PARETO_KEYS,
        title="Subsets worth their cost",
        caption="Simple averages of subsets than which none is cheaper without a lower validation "
        f"accuracy. Costs add up over the members.{_sample_note(findings)}",
        best_within="cost_of",
    )


def diversity_table(findings: Findings) -> Table | None:
    """One row for each pair of members, the best partners by validation first."""
    if _alone(findings):
        return None
    measures = findings.diversity
    at = {name: i for i, name in enumerate(measures.members)}
    rows: list[Row] = []
    for pair in findings.partners:
        i, j = at[pair.first], at[pair.second]
        rows.append(
            {
                "first": pair.first,
                "second": pair.second,
                "disagreement": pair.disagreement,
                "double_fault": pair.double_fault,
                "q_statistic": _defined(measures.q_statistic[i, j]),
                "kappa": _defined(measures.kappa[i, j]),
                "correlation": _defined(measures.correlation[i, j]),
                "val_accuracy": pair.validation_accuracy,
                "val_gain": pair.validation_gain,
                "test_accuracy": pair.test_accuracy,
                "test_gain": pair.test_gain,
            }
        )
    return make_table(
        "diversity",
        rows,
        DIVERSITY_KEYS,
        title="Pairs of members",
        caption="How differently two members err on the validation split, and what their simple "
        "average gains over the better of the two. Sorted by the gain on validation.",
    )


def significance_table(findings: Findings) -> Table:
    """One row for each plain method and each member: tied for the top, its ranks, its distance."""
    paired = findings.paired
    best = int(paired.accuracies.argmax())
    single = paired.names.index(findings.best_member.method)
    names = _rows_of_paired(findings)
    rows: list[Row] = []
    for i in np.argsort(-paired.accuracies, kind="stable"):
        rows.append(
            {
                **names[i],
                "test_accuracy": paired.accuracies[i],
                "test_low": paired.low[i],
                "test_high": paired.high[i],
                "tied": "yes" if paired.tied[i] else "no",
                "rank_low": paired.rank_low[i],
                "rank_high": paired.rank_high[i],
                **_distance(findings, int(i), best, "to_best"),
                **_distance(findings, int(i), single, "to_single"),
            }
        )
    return make_table(
        "significance",
        rows,
        SIGNIFICANCE_KEYS,
        title="What is more than luck",
        caption="Intervals are paired bootstrap intervals over test images, p values exact McNemar "
        f"tests corrected by Holm's method for all pairs of the {len(paired.names)} rows. Tied: "
        "not told from the most accurate row. Best and worst rank: what the tests leave open. "
        "Variants of a method (logits, calibrated) have no row, except the one that validation "
        "chooses.",
    )


def _distance(findings: Findings, row: int, other: int, key: str) -> Row:
    """The difference of a row to another one; nothing for the row itself."""
    if row == other:
        return {}
    paired = findings.paired
    return {
        key: paired.difference[row, other],
        f"{key}_low": paired.difference_low[row, other],
        f"{key}_high": paired.difference_high[row, other],
        f"{key}_p": paired.holm[row, other],
    }


def pairs_table(findings: Findings) -> Table | None:
    """One row for each pair of plain methods and members."""
    paired = findings.paired
    names = [row["label"] for row in _rows_of_paired(findings)]
    order = np.argsort(-paired.accuracies, kind="stable")
    rows: list[Row] = [
        {
            "first": names[i],
            "second": names[j],
            "paired_difference": paired.difference[i, j],
            "paired_difference_low": paired.difference_low[i, j],
            "paired_difference_high": paired.difference_high[i, j],
            "only_first": paired.only[i, j],
            "only_second": paired.only[j, i],
            "p_value": paired.p_values[i, j],
            "p_holm": paired.holm[i, j],
        }
        for place, i in enumerate(order)
        for j in order[place + 1 :]
    ]
    if not rows:
        return None
    return make_table(
        "pairs",
        rows,
        PAIR_KEYS,
        title="All pairs",
        caption="Test accuracy of the first less that of the second, ± half the paired 95 % "
        "bootstrap interval; exact McNemar tests, alone and corrected by Holm's method.",
    )


def _rows_of_paired(findings: Findings) -> list[dict[str, str]]:
    """Kind, name and label of each row of the paired statistics, in their order."""
    methods = {method_row(score): score for score in findings.plain_methods}
    return [
        {"kind": "ensemble", "method": methods[name].method, "label": methods[name].label}
        if name in methods
        else {"kind": "member", "method": name, "label": name}
        for name in findings.paired.names
    ]


def _tested(findings: Findings, accuracy: float) -> Row:
    """An accuracy on the test split with its 95 % interval over images."""
    images = len(findings.study.test.labels)
    low, high = interval(round(accuracy * images), images)
    return {"test_accuracy": accuracy, "test_low": low, "test_high": high}


def _alone(findings: Findings) -> bool:
    return len(findings.study.test.members) < 2


def _counted(findings: Findings) -> str:
    return "all" if findings.subsets.test.exact else "sample"


def _sample_note(findings: Findings) -> str:
    if findings.subsets.test.exact:
        return ""
    return " With so many members not every subset could be counted: these are of a sample."


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
