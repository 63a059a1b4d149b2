"""The tables on the cost of choosing: which rows, and that test images never rank anything."""

from __future__ import annotations

import numpy as np
import pytest

from ensembles.methods import CORE
from ensembles.selection_cost import FITTED_ON_TEST, default_methods
from reports.findings import Findings
from reports.table_choosing import fitted_on_test_table, learning_table, selection_cost_table
from reports.tables import Table, best_cells
from tests.reports import factory


@pytest.fixture(scope="module")
def findings() -> Findings:
    return Findings.of(factory.study(3, images=420), CORE)


def there(table: Table | None) -> Table:
    assert table is not None
    return table


def test_every_fitted_method_has_its_cost_of_choosing(findings: Findings) -> None:
    frame = there(selection_cost_table(findings)).frame.set_index("method")
    fitted = findings.comparison.combiners
    assert set(frame.index) == {name for name in default_methods(3) if name in fitted}
    assert frame["optimism"].to_numpy() == pytest.approx(
        (frame["val_accuracy"] - frame["nested_accuracy"]).to_numpy()
    )
    for method in ("accuracy", "exponential"):
        score = findings.comparison.score(method)
        row = frame.loc[method]
        assert (row["val_accuracy"], row["test_accuracy"]) == pytest.approx(
            (score.val_accuracy, score.test_accuracy)
        )


def test_learning_ends_with_all_validation_images(findings: Findings) -> None:
    frame = there(learning_table(findings)).frame
    for method, rows in frame.groupby("method"):
        assert rows["images"].is_monotonic_increasing
        last = rows.iloc[-1]
        assert last["images"] == len(findings.study.validation.labels)
        if method in CORE:
            score = findings.comparison.score(str(method))
            assert last["mean_fit"] == pytest.approx(score.test_accuracy)


def test_weights_from_test_images_are_labelled_and_never_best(findings: Findings) -> None:
    table = there(fitted_on_test_table(findings))
    assert set(table.frame["note"]) == {FITTED_ON_TEST}
    assert best_cells(table) == frozenset()
    total = table.frame["fitted_images"] + table.frame["scored_images"]
    assert set(total) == {len(findings.study.test.labels)}
    assert table.frame["advantage"].to_numpy() == pytest.approx(
        (table.frame["from_test"] - table.frame["from_validation"]).to_numpy()
    )


def test_too_few_images_of_a_class_leave_the_tables_out() -> None:
    study = factory.study(2, images=140)
    assert np.bincount(study.validation.labels).min() == 2
    findings = Findings.of(study, CORE)
    assert selection_cost_table(findings) is None
    assert learning_table(findings) is None
