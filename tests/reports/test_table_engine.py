"""The engine's tables: which rows, of which split, in which order."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from ensembles.fusion import softmax
from ensembles.methods import CORE
from ensembles.predictions import Predictions
from reports.findings import Findings
from reports.table_engine import (
    contributions_table,
    diversity_table,
    pairs_table,
    pareto_table,
    significance_table,
    subsets_table,
)
from reports.tables import Table
from tests.reports import factory


@pytest.fixture(scope="module")
def findings() -> Findings:
    return Findings.of(factory.study(4, images=210), CORE)


def there(table: Table | None) -> Table:
    assert table is not None
    return table


def accuracy(split: Predictions, members: tuple[str, ...]) -> float:
    """Accuracy of the simple average of some members, by hand."""
    mean = softmax(split.select(members).logits).mean(axis=0)
    return float((mean.argmax(-1) == split.labels).mean())


def test_subsets_show_the_choice_of_validation_on_test(findings: Findings) -> None:
    study, frame = findings.study, there(subsets_table(findings)).frame
    assert frame["size"].tolist() == [1, 2, 3, 4]
    assert frame["subsets"].tolist() == [4, 6, 4, 1]
    for _, row in frame.iterrows():
        every = list(combinations(study.test.members, row["size"]))
        chosen = tuple(row["subset"].split(" + "))
        assert row["val_accuracy"] == max(accuracy(study.validation, s) for s in every)
        assert row["val_accuracy"] == pytest.approx(accuracy(study.validation, chosen))
        assert row["test_accuracy"] == pytest.approx(accuracy(study.test, chosen))
        tests = [accuracy(study.test, s) for s in every]
        assert row["mean_test_accuracy"] == pytest.approx(np.mean(tests))
        assert (row["least_test_accuracy"], row["most_test_accuracy"]) == pytest.approx(
            (min(tests), max(tests))
        )
        assert row["test_low"] <= row["test_accuracy"] <= row["test_high"]


def test_a_sample_of_subsets_is_called_one() -> None:
    table = there(subsets_table(Findings.of(factory.study(21, images=35), ["single_best"])))
    assert set(table.frame["counted"]) == {"sample"}
    assert table.caption.endswith("these are of a sample.")


def test_shapley_values_add_up_on_both_splits(findings: Findings) -> None:
    study, frame = findings.study, there(contributions_table(findings)).frame
    assert frame["val_shapley"].sum() == pytest.approx(
        accuracy(study.validation, study.test.members)
    )
    assert frame["test_shapley"].sum() == pytest.approx(accuracy(study.test, study.test.members))
    others = study.test.members[1:]
    assert frame["test_leave_one_out"].iloc[0] == pytest.approx(
        accuracy(study.test, study.test.members) - accuracy(study.test, others)
    )


def test_the_front_gets_dearer_and_better_on_validation(findings: Findings) -> None:
    table = there(pareto_table(findings))
    assert set(table.frame["cost_of"]) == {
        "multiply-accumulates",
        "training seconds",
        "latency in ms",
    }
    for _, front in table.frame.groupby("cost_of"):
        assert front["cost"].is_monotonic_increasing
        assert front["val_accuracy"].is_monotonic_increasing
    macs = {record.name: record.macs for record in findings.study.records}
    row = table.frame[table.frame["cost_of"] == "multiply-accumulates"].iloc[-1]
    chosen = tuple(row["subset"].split(" + "))
    assert row["cost"] == sum(macs[name] for name in chosen)
    assert row["test_accuracy"] == pytest.approx(accuracy(findings.study.test, chosen))


def test_unknown_costs_have_no_front(findings: Findings) -> None:
    study = findings.study
    bare = factory.from_logits(study.validation, study.test)
    assert pareto_table(Findings(bare, findings.comparison)) is None
    some = (dataclasses.replace(study.records[0], macs=None), *study.records[1:])
    table = there(
        pareto_table(Findings(dataclasses.replace(study, records=some), findings.comparison))
    )
    assert set(table.frame["cost_of"]) == {"training seconds", "latency in ms"}


def test_pairs_of_members_are_sorted_by_their_gain_on_validation(findings: Findings) -> None:
    study, frame = findings.study, there(diversity_table(findings)).frame
    assert len(frame) == 6
    gains = frame["val_gain"].tolist()
    assert gains == sorted(gains, reverse=True)
    row = frame.iloc[0]
    pair = (row["first"], row["second"])
    right = study.validation.select(pair).logits.argmax(-1) == study.validation.labels
    assert row["disagreement"] == pytest.approx((right[0] != right[1]).mean())
    assert row["correlation"] == pytest.approx(np.corrcoef(right)[0, 1])
    assert row["test_gain"] == pytest.approx(
        accuracy(study.test, pair) - max(accuracy(study.test, (name,)) for name in pair)
    )


def test_significance_is_of_the_plain_methods_and_all_members(findings: Findings) -> None:
    frame = significance_table(findings).frame
    assert set(frame["method"]) == {*findings.study.test.members, *CORE} - {"single_best"}
    assert frame["test_accuracy"].is_monotonic_decreasing
    assert frame["tied"].iloc[0] == "yes"
    assert frame["to_best"].isna().sum() == 1
    single = frame[frame["method"] == findings.best_member.method].iloc[0]
    assert single[["to_single", "to_single_p"]].isna().all()
    assert (frame["to_best"].dropna() <= 0).all()


def test_a_member_may_be_called_like_a_method() -> None:
    plain = factory.study(2, images=70)
    names = ("average", "accuracy")
    study = factory.from_logits(
        dataclasses.replace(plain.validation, members=names),
        dataclasses.replace(plain.test, members=names),
    )
    frame = significance_table(Findings.of(study, ["single_best", "average"])).frame
    kinds = set(zip(frame["kind"], frame["method"], strict=True))
    assert kinds == {("member", "average"), ("member", "accuracy"), ("ensemble", "average")}


def test_pairs_are_tested_as_statsmodels_tests_them(findings: Findings) -> None:
    study, frame = findings.study, there(pairs_table(findings)).frame
    rows = len(study.test.members) + len(CORE) - 1
    assert len(frame) == rows * (rows - 1) / 2
    right = dict(
        zip(
            study.test.members,
            study.test.logits.argmax(-1) == study.test.labels,
            strict=True,
        )
    )
    pair = frame[frame["first"].isin(right) & frame["second"].isin(right)].iloc[-1]
    first, second = right[pair["first"]], right[pair["second"]]
    counts = [
        [(first & second).sum(), (first & ~second).sum()],
        [(~first & second).sum(), (~first & ~second).sum()],
    ]
    assert (pair["only_first"], pair["only_second"]) == (counts[0][1], counts[1][0])
    assert pair["paired_difference"] == pytest.approx(first.mean() - second.mean())
    assert pair["p_value"] == pytest.approx(mcnemar(counts, exact=True).pvalue)
    assert (frame["p_holm"] >= frame["p_value"]).all()


def test_one_member_has_none_of_these() -> None:
    alone = Findings.of(factory.study(1, images=70), ["single_best"])
    for make in (subsets_table, contributions_table, pareto_table, diversity_table, pairs_table):
        assert make(alone) is None
    assert len(significance_table(alone).frame) == 1
