"""The groups of the catalogue side by side: what each reaches alone, and what its members together.

A study of every member makes one comparison over all of them. What a group of them would have given
by itself (the nine of one report, the networks trained by modern recipes) stands here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from ensembles.metrics import predicted_classes
from ensembles.scoring import Score
from ensembles.significance import paired_statistics
from reports.findings import Findings
from reports.tables import Row, Table, make_table

GROUP_KEYS = (
    *("group", "group_members", "method", "label", "members", "chosen", "val_accuracy"),
    *("test_accuracy", "test_low", "test_high", "test_accuracy_unique"),
    *("to_single", "to_single_low", "to_single_high", "detail"),
)
EVERYONE = "all"
"""The last rows: every member of the study together, by the same methods."""


def groups_table(findings: Findings) -> Table | None:
    """One row for each group and method, and the whole study last; None where no group is a part
    of it."""
    if not findings.groups:
        return None
    methods = findings.group_methods
    groups = {**findings.groups, EVERYONE: findings}
    rows = [row for name, group in groups.items() for row in _rows(name, group, methods)]
    best = "; ".join(
        f"{name}: {group.best_member.label}, {100 * group.best_member.test_accuracy:.2f} %"
        for name, group in groups.items()
    )
    return make_table(
        "groups",
        rows,
        GROUP_KEYS,
        title="Groups of members",
        caption="Each group of the catalogue with at least two members here, fitted on the "
        "validation split and scored on the test split as if it had been alone, and all members "
        "together. Chosen on val.: of the group's ensembles in this table, the one with the "
        "highest validation accuracy. To the best network: above the group's single network that "
        f"is best on the test split ({best}). What takes long to fit is left out of large groups."
        f"{_skipped(findings)}",
        best_within="group",
    )


def _rows(name: str, findings: Findings, methods: Collection[str]) -> Iterator[Row]:
    """The rows of one group, best on the test split first."""
    scores = [score for score in findings.comparison.scores if score.method in methods]
    gains = _gains(findings, scores)
    for score, (gain, low, high) in zip(scores, gains, strict=True):
        yield {
            "group": name,
            "group_members": len(findings.study.records),
            "method": score.method,
            "label": score.label,
            "members": score.members,
            "chosen": "yes" if score is findings.chosen else "no",
            "val_accuracy": score.val_accuracy,
            "test_accuracy": score.test_accuracy,
            "test_low": score.test_low,
            "test_high": score.test_high,
            "test_accuracy_unique": score.test_accuracy_unique,
            "to_single": gain,
            "to_single_low": low,
            "to_single_high": high,
            "detail": score.detail or None,
        }


def _gains(findings: Findings, scores: list[Score]) -> list[tuple[float, float, float]]:
    """Test accuracy of each score less that of the best single network, and its paired interval."""
    test, probabilities = findings.study.test, findings.comparison.test_probabilities
    single = test.members.index(findings.best_member.method)
    answers = [predicted_classes(probabilities[score.method]) for score in scores]
    answers.append(predicted_classes(test.logits[single]))
    names = [*(score.method for score in scores), "single"]
    paired = paired_statistics(np.stack(answers) == test.labels, names)
    return [
        (
            float(paired.difference[i, -1]),
            float(paired.difference_low[i, -1]),
            float(paired.difference_high[i, -1]),
        )
        for i in range(len(scores))
    ]


def _skipped(findings: Findings) -> str:
    """What could not be fitted to a group, and why."""
    return "".join(
        f" Not fitted to {name}: {one.label} ({one.reason})."
        for name, group in findings.groups.items()
        for one in group.comparison.skipped
    )
