"""The audit finds what is wrong with published tables, and nothing in honest ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import classification_report

from reports.audit import audit_published, audit_table, published_table, read_table
from reports.audit_checks import possible_counts
from reports.audit_table import CLASSES, ClassTable, table_of
from reports.formatting import SUFFIXES, render
from tests.reports.audit_cases import HEAD, by_key, failed, finding, remark

# The five reports


def test_verdicts_of_the_five_reports() -> None:
    assert {key: audit.verdict for key, audit in by_key().items()} == {
        "nine": "not supported",
        "lenet": "inconsistent",
        "six": "consistent",
        "leaky": "inconsistent",
        "vgg16": "not supported",
    }


def test_finds_that_one_report_measures_its_training_images() -> None:
    ((member, result),) = by_key()["leaky"].tables
    assert member == "leaky"
    assert str(result.origins[0]) == "Training"
    (found,) = failed(result)
    assert found.check == "origin of the supports"
    assert found.numbers == ("28709 images: 3995, 436, 4097, 7215, 4830, 3171, 4965 = Training")
    assert found.meaning == (
        "Claimed is the test split. These images are the train split; accuracy on images that "
        "were trained on says nothing about new ones."
    )


def test_finds_that_one_table_is_twenty_times_public_test() -> None:
    _, result = by_key()["lenet"].tables[0]
    assert str(result.origins[0]) == "20 × PublicTest"
    (found,) = failed(result)
    assert found.meaning == (
        "Claimed is the test split. These images are the validation split, counted 20 times, once "
        "for each epoch: evaluations are added up, so the figures need not be those of one model."
    )


def test_finds_what_the_balanced_table_is_made_of() -> None:
    _, result = by_key()["lenet"].tables[1]
    assert str(result.origins[0]) == "220 × the smallest class of PublicTest"
    (found,) = failed(result)
    assert found.meaning == (
        "Claimed is the test split. Every class has as many images: the smallest class of the "
        "validation split times 11 (each image and its 10 copies) times 20 (epochs added up); a "
        "set of its own, not the official split."
    )


def test_the_consistent_report_is_what_it_says() -> None:
    tables = by_key()["six"].tables
    assert [member for member, _ in tables] == ["six-m6", "six-m3", "six-efficientnetb0"]
    for _, result in tables:
        assert {found.status for found in result.findings} == {"consistent"}
        assert str(result.origins[0]) == "PrivateTest"


@pytest.mark.parametrize("key", ["nine", "vgg16"])
def test_a_report_without_a_table_is_not_supported(key: str) -> None:
    audit = by_key()[key]
    assert audit.tables == ()
    (found,) = remark(audit, "per-class table")
    assert found.meaning.startswith("The claim is not supported by what is given")


def test_all_of_it_as_json_and_as_a_table() -> None:
    audits = audit_published()
    again = json.loads(json.dumps([audit.as_dict() for audit in audits]))
    assert [entry["verdict"] for entry in again] == [audit.verdict for audit in audits]
    table = published_table(audits)
    findings = sum(len(r.findings) for a in audits for _, r in a.tables)
    assert len(table.frame) == findings + sum(len(a.remarks) for a in audits)
    for form in SUFFIXES.values():
        assert "PublicTest" in render(table, form)


# Honest tables pass


def printed(matrix: np.ndarray, zero_division: float) -> dict[str, tuple[float, ...]]:
    """Precision, recall, F1 and support of each class, and the averages, as scikit-learn's."""
    right, support, chosen = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    cells = [
        np.where(below > 0, above / np.maximum(below, 1), zero_division)
        for above, below in ((right, chosen), (right, support), (2 * right, support + chosen))
    ]
    total = int(support.sum())
    rows: dict[str, tuple[float, ...]] = {
        str(c): (*(float(values[c]) for values in cells), int(support[c]))
        for c in range(len(matrix))
    }
    rows["accuracy"] = (float(right.sum() / total), total)
    rows["macro avg"] = (*(float(values.mean()) for values in cells), total)
    rows["weighted avg"] = (*(float(support @ values / total) for values in cells), total)
    return rows


def rounded_table(matrix: np.ndarray, digits: int = 2, zero_division: float = 0.0) -> ClassTable:
    """The rounded table of a confusion matrix (rows: truth)."""
    rows = []
    for label, (*values, support) in printed(matrix, zero_division).items():
        cells = ["", "", *(f"{v:.{digits}f}" for v in values)][-3:]
        names = ("class", "precision", "recall", "f1", "support")
        rows.append(dict(zip(names, (label, *cells, str(support)), strict=True)))
    return table_of(rows, name="random")


def test_the_tables_under_test_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    for zero_division in (0.0, 1.0):
        for _ in range(20):
            matrix = random_matrix(rng)
            truth, predicted = np.indices(matrix.shape).reshape(2, -1)
            report = classification_report(
                truth,
                predicted,
                sample_weight=matrix.ravel(),
                labels=np.arange(len(matrix)),
                output_dict=True,
                zero_division=zero_division,
            )
            for label, values in printed(matrix, zero_division).items():
                found = report[label]
                expected = tuple(found.values()) if isinstance(found, dict) else (found,)
                assert values[: len(expected)] == pytest.approx(expected)


def random_matrix(rng: np.random.Generator) -> np.ndarray:
    """Confusion matrices of every size, some with classes never predicted or without images."""
    classes = int(rng.integers(2, 9))
    images = int(rng.choice([3, 10, 50, 500, 3589, 40_000]))
    shares = rng.dirichlet(np.full(classes, rng.choice([0.2, 1.0, 10.0])))
    supports = rng.multinomial(images, shares)
    skill = rng.uniform(0, 1)
    rows = []
    for c, support in enumerate(supports):
        wrong = rng.dirichlet(np.full(classes, 0.5))
        p = skill * np.eye(classes)[c] + (1 - skill) * wrong
        rows.append(rng.multinomial(support, p / p.sum()))
    matrix = np.array(rows)
    if rng.random() < 0.3:  # a class that is never predicted
        gone, other = rng.choice(classes, 2, replace=False)
        matrix[:, other] += matrix[:, gone]
        matrix[:, gone] = 0
    if rng.random() < 0.2:  # a class without images
        matrix[int(rng.integers(classes))] = 0
    if matrix.sum() == 0:
        matrix[0, 0] = 1
    return matrix


def test_no_false_alarm_on_a_thousand_random_tables() -> None:
    rng = np.random.default_rng(20_13)
    alarms = [
        (matrix.tolist(), found)
        for _ in range(1000)
        for matrix in [random_matrix(rng)]
        for found in failed(
            audit_table(rounded_table(matrix, 2, zero_division=float(rng.integers(2))))
        )
    ]
    assert alarms == []


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 4).flatmap(
        lambda c: st.lists(
            st.lists(st.integers(0, 6), min_size=c, max_size=c), min_size=c, max_size=c
        )
    ),
    st.integers(1, 4),
)
def test_no_false_alarm_on_small_tables(matrix: list[list[int]], digits: int) -> None:
    counts = np.array(matrix)
    if counts.sum() == 0:
        counts[0, 0] = 1
    assert failed(audit_table(rounded_table(counts, digits))) == []


def test_no_false_alarm_on_values_as_pandas_writes_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for i in range(30):
        table = rounded_table(random_matrix(rng))
        lines = [
            f"{row.label},{row.precision and row.precision.value!r},"
            f"{row.recall and row.recall.value!r},{row.f1 and row.f1.value!r},{row.support}.0"
            for row in table.rows
        ]
        file = tmp_path / f"{i}.csv"
        file.write_text(HEAD + "\n".join(lines))
        assert failed(audit_table(read_table(file))) == []


def test_possible_counts_contain_the_true_ones() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        matrix = random_matrix(rng)
        for c, row in enumerate(rounded_table(matrix).rows):
            counts = possible_counts(row, int(matrix.sum()))
            assert counts is not None
            assert counts.found[0] <= matrix[c, c] <= counts.found[1]
            assert counts.predicted[0] <= matrix[:, c].sum() <= counts.predicted[1]


# Tampered tables do not


def six_rows(**changes: str) -> str:
    """A consistent report's table as CSV, with some cells exchanged ('angry.f1': '0.9')."""
    rows = {
        "angry": ["0.62", "0.53", "0.57", "491"],
        "disgust": ["0.70", "0.64", "0.67", "55"],
        "fear": ["0.59", "0.44", "0.51", "528"],
        "happy": ["0.87", "0.86", "0.87", "879"],
        "sad": ["0.48", "0.60", "0.53", "594"],
        "surprise": ["0.78", "0.77", "0.78", "416"],
        "neutral": ["0.59", "0.66", "0.62", "626"],
        "accuracy": ["", "", "0.66", "3589"],
        "macro avg": ["0.66", "0.64", "0.65", "3589"],
        "weighted avg": ["0.67", "0.66", "0.66", "3589"],
    }
    for key, value in changes.items():
        label, column = key.split(".")
        rows[label][("precision", "recall", "f1", "support").index(column)] = value
    return HEAD + "".join(f"{label},{','.join(cells)}\n" for label, cells in rows.items())


@pytest.mark.parametrize(
    ("cell", "value", "check", "numbers"),
    [
        (
            "angry.f1",
            "0.67",
            "F1 from precision and recall",
            "angry: 0.67 where 0.5664 to 0.5765 follows",
        ),
        (
            "accuracy.f1",
            "0.71",
            "accuracy from recalls",
            "accuracy 0.71, recalls give 0.6581 to 0.6654",
        ),
        (
            "macro avg.recall",
            "0.70",
            "macro averages",
            "recall 0.70 where 0.6379 to 0.6479 follows",
        ),
        (
            "weighted avg.f1",
            "0.61",
            "weighted averages",
            "F1 0.61 where 0.6576 to 0.6676 follows",
        ),
        (
            "accuracy.support",
            "3600",
            "total support",
            "accuracy 3600; the classes add up to 3589",
        ),
    ],
)
def test_each_tampered_cell_is_named(
    tmp_path: Path, cell: str, value: str, check: str, numbers: str
) -> None:
    file = tmp_path / "table.csv"
    file.write_text(six_rows(**{cell: value}))
    result = audit_table(read_table(file, claimed="test"))
    assert result.verdict == "inconsistent"
    assert finding(result, check).status == "inconsistent"
    assert finding(result, check).numbers == numbers


def test_predictions_must_add_up() -> None:
    # Every class with precision 0.9 and recall 0.5 leaves 44 % of the images unpredicted.
    rows = [
        {"class": name, "precision": "0.90", "recall": "0.50", "f1": "0.64", "support": "1000"}
        for name in CLASSES
    ]
    result = audit_table(table_of(rows, name="claim"))
    found = finding(result, "predictions add up")
    assert found.status == "inconsistent"
    assert found.numbers == "3829 to 3941 predictions for 7000 images"


def test_a_recall_that_no_whole_number_gives() -> None:
    rows = [
        {"class": "a", "precision": "0.50", "recall": "0.40", "f1": "0.44", "support": "3"},
        {"class": "b", "precision": "0.50", "recall": "0.50", "f1": "0.50", "support": "4"},
    ]
    result = audit_table(table_of(rows, name="claim"))
    assert finding(result, "whole numbers of images").numbers == "a: 0.50, 0.40, 0.44 of 3 images"
    assert finding(result, "predictions add up").status == "note"
