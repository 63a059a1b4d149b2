"""What the tables hold, against scikit-learn and by hand."""

from __future__ import annotations

import dataclasses
import statistics

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import classification_report, f1_score, log_loss

from ensembles.fusion import softmax
from ensembles.methods import CORE
from reports.findings import Findings
from reports.study import Missing
from reports.table_content import (
    ensembles_table,
    members_table,
    per_class_table,
    seeds_table,
    summary_table,
)
from tests.reports import factory

CONTRACT = (
    *("method", "members", "val_accuracy", "test_accuracy", "test_low", "test_high"),
    *("test_accuracy_unique", "macro_f1", "log_loss", "brier", "ece"),
)


@pytest.fixture(scope="module")
def findings() -> Findings:
    return Findings.of(factory.study(4, images=210, repeats=1), CORE)


def test_members_are_measured_on_their_logits(findings: Findings) -> None:
    study, frame = findings.study, members_table(findings).frame
    assert frame["member"].tolist() == list(study.test.members)
    for i, row in frame.iterrows():
        index = int(str(i))
        predicted = study.test.logits[index].argmax(-1)
        right = predicted == study.test.labels
        assert row["test_accuracy"] == pytest.approx(right.mean())
        assert row["test_accuracy_unique"] == pytest.approx(right[~study.test.duplicate].mean())
        assert row["test_low"] < row["test_accuracy"] < row["test_high"]
        assert row["macro_f1"] == pytest.approx(
            f1_score(study.test.labels, predicted, average="macro")
        )
        probabilities = softmax(study.validation.logits[index])
        assert row["val_loss"] == pytest.approx(log_loss(study.validation.labels, probabilities))
        last = study.records[index].history[-1]
        assert (row["train_accuracy"], row["train_loss"], row["epochs"]) == (
            last.train_accuracy,
            last.train_loss,
            last.epoch,
        )


def test_members_say_where_training_started_and_what_is_missing(findings: Findings) -> None:
    records = list(findings.study.records)
    records[0] = dataclasses.replace(records[0], pretrained=True)
    records[1] = dataclasses.replace(records[1], pretrained=False)
    records[3] = factory.imported(records[3].name)
    study = dataclasses.replace(
        findings.study,
        records=tuple(records),
        profile="quick",
        missing=(Missing("fcn-a", "no weights"),),
    )
    table = members_table(Findings(study, findings.comparison))
    weights, width = table.frame["weights"], table.frame["width"]
    assert weights.iloc[:3].tolist() == ["ImageNet", "random (not ImageNet)", "random"]
    assert width.iloc[:3].tolist() == ["narrowed"] * 3
    unknown = ["weights", "width", "parameters", "macs", "train_seconds", "epochs", "train_loss"]
    assert table.frame[unknown].iloc[3].isna().all()
    assert table.caption.endswith(" Missing: fcn-a (no weights).")


def test_ensembles_keep_the_contract_and_rank_the_oracle_last(findings: Findings) -> None:
    table = ensembles_table(findings)
    assert tuple(column.key for column in table.columns)[: len(CONTRACT)] == CONTRACT
    assert set(table.frame["method"]) == {*CORE, "oracle"}
    assert table.frame["method"].iloc[-1] == "oracle"
    assert table.unranked == {len(CORE)}
    ranked = table.frame["test_accuracy"].iloc[:-1].tolist()
    assert ranked == sorted(ranked, reverse=True)


def test_gain_is_taken_over_the_best_single_network_of_the_test_split(findings: Findings) -> None:
    table = ensembles_table(findings)
    best = members_table(findings).frame["test_accuracy"].max()
    for _, row in table.frame.iloc[:-1].iterrows():
        assert row["gain"] == pytest.approx(row["test_accuracy"] - best)
    assert f"{100 * best:.2f} %" in table.caption


def test_a_method_that_could_not_be_fitted_is_named() -> None:
    study = factory.study(3, images=70)
    kept = np.flatnonzero(study.validation.labels != 1)  # no disgust: no recall to weight by
    study = dataclasses.replace(study, validation=study.validation.take(kept))
    table = ensembles_table(Findings.of(study, CORE))
    assert "per_class" not in set(table.frame["method"])
    assert "Not fitted: Per-class weighted (the class 'disgust' has no validation image" in (
        table.caption
    )


def test_classification_reports_are_those_of_scikit_learn(findings: Findings) -> None:
    study, table = findings.study, per_class_table(findings)
    expected = {
        ("member", name): study.test.logits[i].argmax(-1)
        for i, name in enumerate(study.test.members)
    } | {
        ("ensemble", name): findings.comparison.test_probabilities[name].argmax(-1)
        for name in CORE
        if name != "single_best"
    }
    assert len(table.frame) == len(expected) * (len(study.test.classes) + 3)
    assert set(table.frame["split"]) == {"test"}
    for (kind, method), predicted in expected.items():
        oracle = classification_report(
            study.test.labels,
            predicted,
            target_names=list(study.test.classes),
            output_dict=True,
            zero_division=0,
        )
        rows = table.frame[(table.frame["kind"] == kind) & (table.frame["method"] == method)]
        for _, row in rows.iterrows():
            if row["class"] == "accuracy":
                assert row["f1"] == pytest.approx(oracle["accuracy"])
                continue
            wanted = oracle[row["class"]]
            assert [row["precision"], row["recall"], row["f1"], row["support"]] == pytest.approx(
                [wanted["precision"], wanted["recall"], wanted["f1-score"], wanted["support"]]
            )


def test_several_seeds_give_mean_and_standard_deviation(findings: Findings) -> None:
    table = seeds_table(findings)
    assert table is not None
    tests = (findings.study.test, findings.study.repeats[0][1])
    row = table.frame[table.frame["method"] == "deep-a"].iloc[0]
    runs = [float((t.logits[0].argmax(-1) == t.labels).mean()) for t in tests]
    assert row["seeds"] == 2
    assert row["test_mean"] == pytest.approx(statistics.fmean(runs))
    assert row["test_sd"] == pytest.approx(statistics.stdev(runs))
    assert (row["test_min"], row["test_max"]) == (min(runs), max(runs))


def test_one_seed_has_no_table_of_seeds() -> None:
    assert seeds_table(Findings.of(factory.study(2, images=70), CORE)) is None


def test_the_summary_leaves_out_variants_and_keeps_the_bold() -> None:
    methods = (*CORE, "average_calibrated", "accuracy_logit")
    findings = Findings.of(factory.study(3, images=140), methods)
    summary = summary_table(findings)
    assert set(summary.frame["method"]) <= {*CORE, "oracle", findings.plain_methods[0].method}
    assert len(summary.frame) < len(ensembles_table(findings).frame)
    assert summary.unranked == {len(summary.frame) - 1}
    assert summary.frame["method"].iloc[-1] == "oracle"


def test_seeds_are_blocks_of_friedmans_test() -> None:
    findings = Findings.of(factory.study(3, images=140, repeats=2), CORE)
    table = seeds_table(findings)
    assert table is not None
    frame = table.frame[table.frame["kind"] == "ensemble"].set_index("method")
    runs = [
        {s.method: s.test_accuracy for s in comparison.scores} for comparison in findings.repeats
    ]
    names = [name for name in CORE if name != "single_best"]
    ranks = np.mean([rankdata([-run[name] for name in names]) for run in runs], axis=0)
    assert frame.loc[names, "mean_rank"].tolist() == pytest.approx(ranks)
    assert frame["mean_rank"].isna()["oracle"]
    assert "Friedman's test" in table.caption
