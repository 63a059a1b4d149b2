"""Everything that a report derives from a study, computed once and shared by tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ensembles import metrics
from ensembles.contributions import Contribution, CostPoint, contributions, pareto_front
from ensembles.diversity import Diversity, Partners, diversity, partners
from ensembles.methods import CORE, method
from ensembles.predictions import Ints, PredictionsError
from ensembles.scoring import Comparison, Score, compare
from ensembles.selection_cost import (
    FittedOnTest,
    SelectionCosts,
    default_methods,
    fitted_on_test,
    selection_costs,
)
from ensembles.significance import (
    BlockStatistics,
    PairedStatistics,
    block_statistics,
    paired_statistics,
)
from ensembles.subsets import Size, SubsetTables, growth, subset_tables
from reports.claims_ours import Bench
from reports.study import Study

GROUP_METHODS = (
    *("single_best", "average", "accuracy", "per_class", "exponential"),
    *("best_subset", "greedy", "stacking"),
)
"""Methods that a group of members is compared by: the papers', and one of each way to choose."""


def chosen_score(comparison: Comparison) -> Score | None:
    """The ensemble with the highest validation accuracy, before anyone looks at the test split.

    Among equals the simple average, then the one fitted first: never the one better on test.
    None where nothing was combined.
    """
    fitted = [comparison.score(name) for name in comparison.combiners]
    rivals = [s for s in fitted if s.ranked and s.family != "reference"]
    return max(rivals, key=lambda s: (s.val_accuracy, s.method == "average"), default=None)


@dataclass(frozen=True, eq=False)
class Findings:
    """A study with its comparison of methods; whatever costs time is computed when first asked."""

    study: Study
    comparison: Comparison

    @classmethod
    def of(cls, study: Study, methods: Sequence[str] | None = None) -> Findings:
        """Fit every method (or those named) on validation and score it on test."""
        return cls(study, compare(study.validation, study.test, methods, families=study.families))

    @cached_property
    def groups(self) -> Mapping[str, Findings]:
        """Each group of two or more members by itself, unless it holds all; see `group_methods`."""
        everyone = len(self.study.test.members)
        return {
            name: Findings.of(
                self.study.select(names),
                [m for m in self.group_methods if len(names) not in method(m).slow_with],
            )
            for name, names in self.study.groups.items()
            if 1 < len(names) < everyone
        }

    @cached_property
    def group_methods(self) -> tuple[str, ...]:
        """What groups are compared by: `GROUP_METHODS`, and the one that validation chooses."""
        extra = () if self.chosen is None else (self.chosen.method,)
        return tuple(m for m in self.comparison.combiners if m in (*GROUP_METHODS, *extra))

    @cached_property
    def repeats(self) -> tuple[Comparison, ...]:
        """The same methods fitted and scored with every seed, the first one among them."""
        methods = tuple(self.comparison.combiners)
        families = self.study.families
        others = (
            compare(validation, test, methods, families=families)
            for validation, test in self.study.repeats
        )
        return (self.comparison, *others)

    @cached_property
    def best_member(self) -> Score:
        """The single network with the highest test accuracy: what an ensemble has to beat."""
        return max(self.comparison.member_scores, key=lambda score: score.test_accuracy)

    @cached_property
    def main_methods(self) -> tuple[Score, ...]:
        """The ensembles that get figures and reports of their own: the papers', and `chosen`."""
        first = () if self.chosen is None else (self.chosen,)
        rivals = [s for s in self.comparison.scores if s.ranked and s.members > 1]
        return (*first, *(s for s in rivals if s.method in CORE and s is not self.chosen))

    @cached_property
    def chosen(self) -> Score | None:
        """The ensemble that validation chooses; see `chosen_score`."""
        return chosen_score(self.comparison)

    @cached_property
    def plain_methods(self) -> tuple[Score, ...]:
        """One row for each idea, leaving out its variants (logits, calibrated) except the best."""
        rivals = [s for s in self.comparison.scores if s.ranked and s.members > 1]
        return tuple(s for s in rivals if s is self.chosen or not method(s.method).variant)

    @cached_property
    def subsets(self) -> SubsetTables:
        """The average of every subset of the members (above 20 members a sample), both splits."""
        return subset_tables(self.study.validation, self.study.test)

    @cached_property
    def growth(self) -> tuple[Size, ...]:
        """Best, mean and worst subset of each size."""
        return growth(self.subsets, self.study.validation)

    @cached_property
    def contributions(self) -> tuple[tuple[Contribution, Contribution], ...]:
        """What each member adds to the others, on (validation, test)."""
        return tuple(
            zip(
                contributions(self.subsets.validation),
                contributions(self.subsets.test),
                strict=True,
            )
        )

    @cached_property
    def diversity(self) -> Diversity:
        """How differently the members err on the validation split, where partners are chosen."""
        return diversity(self.study.validation)

    @cached_property
    def partners(self) -> tuple[Partners, ...]:
        """All pairs of members, the best partners by validation first."""
        return partners(self.study.validation, self.study.test)

    def worth_their_cost(self, field: str) -> tuple[CostPoint, ...]:
        """Subsets that are worth the cost in `field` of the records; none where one is unknown."""
        costs = [getattr(record, field) for record in self.study.records]
        return () if None in costs else pareto_front(self.subsets, costs)

    @cached_property
    def paired(self) -> PairedStatistics:
        """Paired comparisons, on the test split, of the plain methods and of all members.

        Members are called by their names and methods by `method_row`, for both may be called alike.
        """
        test = self.study.test
        names = [*map(method_row, self.plain_methods), *test.members]
        predicted = [
            *(self.comparison.test_probabilities[score.method] for score in self.plain_methods),
            *test.logits,
        ]
        return paired_statistics(
            np.stack([metrics.predicted_classes(p) for p in predicted]) == test.labels, names
        )

    @cached_property
    def blocks(self) -> BlockStatistics | None:
        """The plain methods over seeds; None with one seed or fewer than three methods."""
        runs = [{s.method: s.test_accuracy for s in c.scores} for c in self.repeats]
        methods = [s.method for s in self.plain_methods if all(s.method in run for run in runs)]
        if len(runs) < 2 or len(methods) < 3:
            return None
        seeds = [str(i + 1) for i in range(len(runs))]
        return block_statistics([[run[m] for m in methods] for run in runs], methods, seeds)

    @cached_property
    def costed_methods(self) -> tuple[str, ...]:
        """Methods whose cost of choosing is reported: those by default, and the chosen one."""
        fitted, members = self.comparison.combiners, len(self.study.test.members)
        names = [name for name in default_methods(members) if name in fitted]
        if self.chosen is not None:
            one = method(self.chosen.method)
            if one.uses_validation and members not in one.slow_with:
                names.append(one.name)
        return tuple(dict.fromkeys(names))

    @cached_property
    def uncosted_methods(self) -> tuple[Score, ...]:
        """Fitted methods whose cost of choosing would take long to compute."""
        return tuple(
            score
            for score in self.plain_methods
            if method(score.method).uses_validation and score.method not in self.costed_methods
        )

    @cached_property
    def selection_costs(self) -> SelectionCosts:
        """What fitting on validation costs; no rows where a class has too few images for it."""
        study = self.study
        try:
            return selection_costs(
                study.validation, study.test, self.costed_methods, families=study.families
            )
        except PredictionsError:
            return SelectionCosts(())

    @cached_property
    def fitted_on_test(self) -> tuple[FittedOnTest, ...]:
        """The same methods fitted on part of the test split: shown, labelled and never ranked."""
        study = self.study
        try:
            return fitted_on_test(
                study.validation, study.test, self.costed_methods, families=study.families
            )
        except PredictionsError:
            return ()

    @cached_property
    def bench(self) -> Bench:
        """What the published figures and conclusions are compared with."""
        return Bench(self.study, self.comparison)

    @cached_property
    def confusions(self) -> Mapping[str, Ints]:
        """Confusion matrix (C, C) on the test split of each member, by name."""
        test = self.study.test
        predicted = metrics.predicted_classes(test.logits)  # (M, N)
        return {
            name: metrics.confusion_matrix(row, test.labels, len(test.classes))
            for name, row in zip(test.members, predicted, strict=True)
        }

    def confusion(self, method: str) -> Ints:
        """Confusion matrix (C, C) of an ensemble on the test split."""
        test = self.study.test
        predicted = metrics.predicted_classes(self.comparison.test_probabilities[method])
        return metrics.confusion_matrix(predicted, test.labels, len(test.classes))


def method_row(score: Score) -> str:
    """What a method is called among members."""
    return f"method:{score.method}"
