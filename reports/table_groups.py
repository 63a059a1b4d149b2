"""The groups of the catalogue side by side: what each reaches alone, and what its members together.

A study of every member makes one comparison over all of them. What a group of them would have given
by itself (the nine of one report, the networks trained by modern recipes) stands here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from ensembles.metrics import predicted_classes
from ensembles.predictions import Bools
from ensembles.scoring import Score
from ensembles.significance import bootstrap_means, percentile_interval
from reports.findings import Findings
from reports.tables import Row, Table, make_table

GROUP_KEYS = (
    *("group", "group_members", "method", "label", "members", "chosen", "val_accuracy"),
    *("test_accuracy", "test_low", "test_high", "test_accuracy_unique"),
    *("to_single", "to_single_low", "to_single_high", "detail"),
)
Gain: TypeAlias = tuple[float, float, float]
"""A difference and its paired 95 % interval."""
EVERYONE = "all"
"""The last rows: every member of the study together, by the same methods."""


def groups_table(findings: Findings) -> Table | None:
    """One row for each group and method, and the whole study last; None where no group is a part
    of it."""
    if not findings.groups:
        return None
    methods = findings.group_methods
    groups = {**findings.groups, EVERYONE: findings}
    gains = _gains(groups, methods)
    rows = [
        _row(name, group, score, gains[name, score.method])
        for name, group in groups.items()
        for score in _fitted(group, methods)
    ]
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


def _gains(groups: Mapping[str, Findings], methods: Sequence[str]) -> dict[tuple[str, str], Gain]:
    """Test accuracy of each (group, method) less that of the group's best single network.

    All rows share one set of bootstrap draws, which take most of the time.
    """
    answers: list[Bools] = []
    places: dict[tuple[str, str], tuple[int, int]] = {}
    for name, group in groups.items():
        test, single = group.study.test, len(answers)
        best = test.members.index(group.best_member.method)
        answers.append(predicted_classes(test.logits[best]) == test.labels)
        for score in _fitted(group, methods):
            places[name, score.method] = (len(answers), single)
            combined = group.comparison.test_probabilities[score.method]
            answers.append(predicted_classes(combined) == test.labels)
    correct = np.stack(answers)  # (K, N)
    rows, singles = np.array(list(places.values())).T
    sampled = bootstrap_means(correct)  # (K, D)
    low, high = percentile_interval(sampled[rows] - sampled[singles])
    accuracies = correct.mean(axis=1)
    gains = accuracies[rows] - accuracies[singles]
    return {
        place: (float(gains[i]), float(low[i]), float(high[i])) for i, place in enumerate(places)
    }


def _fitted(group: Findings, methods: Sequence[str]) -> list[Score]:
    """The scores of `methods`, best on the test split first."""
    return [score for score in group.comparison.scores if score.method in methods]


def _row(name: str, group: Findings, score: Score, gain: Gain) -> Row:
    measured = ("method", "label", "members", "val_accuracy")
    tested = ("test_accuracy", "test_low", "test_high", "test_accuracy_unique")
    return {
        "group": name,
        "group_members": len(group.study.records),
        **{key: getattr(score, key) for key in (*measured, *tested)},
        "chosen": "yes" if score is group.chosen else "no",
        **dict(zip(("to_single", "to_single_low", "to_single_high"), gain, strict=True)),
        "detail": score.detail or None,
    }


def _skipped(findings: Findings) -> str:
    """What could not be fitted to a group, and why."""
    return "".join(
        f" Not fitted to {name}: {one.label} ({one.reason})."
        for name, group in findings.groups.items()
        for one in group.comparison.skipped
    )
