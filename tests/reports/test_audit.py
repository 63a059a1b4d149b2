"""The audit finds what is wrong with published tables, and nothing in honest ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import classification_report

from reports.audit import (
    AuditResult,
    ReportAudit,
    audit_published,
    audit_table,
    audit_tables,
    published_table,
    read_table,
)
from reports.audit_checks import Finding, possible_counts
from reports.audit_splits import FER2013, Procedure
from reports.audit_table import CLASSES, ClassRow, ClassTable, Rounded, table_of
from reports.audit_text import recall_range
from reports.formatting import SUFFIXES, render

HEAD = "class,precision,recall,f1-score,support\n"


def by_key() -> dict[str, ReportAudit]:
    return {audit.report.key: audit for audit in audit_published()}


def finding(result: AuditResult, check: str) -> Finding:
    return next(found for found in result.findings if found.check == check)


def remark(audit: ReportAudit, check: str) -> list[Finding]:
    return [found for found in audit.remarks if found.check == check]


def failed(result: AuditResult) -> list[Finding]:
    return [found for found in result.findings if found.status == "inconsistent"]


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


def test_unrounded_scalars_show_that_the_twenty_evaluations_are_one() -> None:
    (found,) = remark(by_key()["lenet"], "evaluations counted repeatedly")
    assert "= 1929 of 3589" in found.numbers
    assert "200/467, 22/56, 169/496, 733/895, 247/653, 293/415, 265/607" in found.numbers
    # Independent of the search: the fractions give the published digits.
    parts = zip((200, 22, 169, 733, 247, 293, 265), FER2013["validation"], strict=True)
    assert sum(k / n for k, n in parts) / 7 == pytest.approx(0.5002420723467257, abs=1e-15)
    assert abs(1929 / 3589 - 0.5374756199498468) < 1e-15


def test_training_scalars_that_no_single_evaluation_gives() -> None:
    found = remark(by_key()["lenet"], "accuracy and macro recall")
    assert [f.numbers for f in found] == [
        "lenet train: accuracy 0.9934 allows a macro recall of 0.9381 to 0.9963, given is 0.9254",
        "lenet-balanced train: accuracy 0.9711 allows a macro recall of 0.9711 to 0.9711, given "
        "is 0.8426",
    ]


def test_sentences_against_tables() -> None:
    audits = by_key()
    assert [f.numbers for f in remark(audits["lenet"], "best and worst classes")] == [
        "lenet: lowest recall is said to be sad (0.38); it is fear (0.34)"
    ]
    assert [f.numbers for f in remark(audits["leaky"], "best and worst classes")] == [
        "leaky: highest precision is said to be surprise (0.90); it is happy (0.95)",
        "leaky: lowest precision is said to be sad (0.81); it is fear (0.72)",
    ]
    assert remark(audits["six"], "best and worst classes") == []
    assert [f.numbers for f in remark(audits["six"], "counts of the dataset")] == [
        "train disgust: 437 (Section 1), the dataset has 436",
        "train happy: 7216 (Section 1), the dataset has 7215",
    ]
    assert [f.numbers for f in remark(audits["leaky"], "text and relabelled table")] == [
        "0.9 (Section 3.2) against 0.83 (Figure 2), both on the train split"
    ]
    twice = [f.numbers for f in remark(audits["lenet"], "figures given twice")]
    assert "lenet-balanced train accuracy: 0.9711 (Table 4), 0.9865 (Discussion, text)" in twice


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


# Origins


def with_supports(supports: tuple[int, ...], labels: tuple[str, ...] = CLASSES) -> ClassTable:
    half = Rounded(0.5, 1.0)
    rows = (ClassRow(label, half, half, half, n) for label, n in zip(labels, supports, strict=True))
    return ClassTable("given", tuple(rows))


@pytest.mark.parametrize(
    ("supports", "origin"),
    [
        (FER2013["test"], "PrivateTest"),
        (
            tuple(np.add(FER2013["validation"], FER2013["test"]).tolist()),
            "PublicTest + PrivateTest",
        ),
        (
            tuple((3 * np.add(FER2013["validation"], FER2013["test"])).tolist()),
            "3 × (PublicTest + PrivateTest)",
        ),
        (
            tuple(np.sum(list(FER2013.values()), axis=0).tolist()),
            "Training + PublicTest + PrivateTest",
        ),
        (tuple(13 * n for n in FER2013["train"]), "13 × Training"),
        ((4360,) * 7, "10 × the smallest class of Training"),
    ],
)
def test_splits_sums_and_multiples(supports: tuple[int, ...], origin: str) -> None:
    assert str(audit_table(with_supports(supports)).origins[0]) == origin


def test_other_class_orders_are_recognised() -> None:
    alphabet = tuple(sorted(CLASSES))
    supports = tuple(FER2013["test"][CLASSES.index(name)] for name in alphabet)
    for labels in (alphabet, tuple("0123456")):
        assert str(audit_table(with_supports(supports, labels)).origins[0]) == "PrivateTest"


def test_unknown_supports_are_a_note_and_a_users_own_split_is_known() -> None:
    table = with_supports((10, 20), ("cat", "dog"))
    found = finding(audit_table(table), "origin of the supports")
    assert found.status == "note"
    assert found.meaning.startswith("They equal no known split, sum of splits or whole multiple")
    own = audit_table(table, splits={"train": (50, 60), "test": (5, 10)})
    assert str(own.origins[0]) == "2 × the test split"


def test_a_claim_that_holds_for_a_user() -> None:
    table = read_of(FER2013["validation"], claimed="validation")
    assert finding(audit_table(table), "origin of the supports").status == "consistent"
    table = read_of(FER2013["validation"], claimed="test")
    assert finding(audit_table(table), "origin of the supports").meaning == (
        "Claimed is the test split. These images are the validation split."
    )


def read_of(supports: tuple[int, ...], claimed: str) -> ClassTable:
    rows = [
        {"class": label, "precision": "1.00", "recall": "1.00", "f1": "1.00", "support": str(n)}
        for label, n in zip(CLASSES, supports, strict=True)
    ]
    return table_of(rows, name="given", claimed=claimed)


def test_a_procedure_tells_copies_from_epochs() -> None:
    table = with_supports((56 * 11,) * 7)
    result = audit_table(table, procedure=Procedure(epochs=20, copies=10))
    assert (
        "times 11 (each image and its 10 copies)"
        in finding(result, "origin of the supports").meaning
    )


def test_macro_recall_range_against_all_matrices() -> None:
    supports = (2, 3, 5)
    for errors in range(sum(supports) + 1):
        recalls = [
            sum((n - e) / n for n, e in zip(supports, wrong, strict=True)) / 3
            for wrong in np.ndindex(3, 4, 6)
            if sum(wrong) == errors
        ]
        low, high = recall_range(supports, 1 - errors / 10, 0.0)
        assert low == pytest.approx(min(recalls))
        assert high == pytest.approx(max(recalls))


@pytest.mark.real_data
def test_official_counts_are_those_of_the_files() -> None:
    root = Path(os.environ.get("FER2013_DATA", Path(__file__).parents[3] / "shared" / "fer2013"))
    found = sorted(root.rglob("*.parquet"))
    if not found:
        pytest.skip(f"FER2013 is not at {root}")
    from pyarrow import parquet

    for split, counts in FER2013.items():
        labels = [
            parquet.read_table(file, columns=["label"])["label"].to_numpy()
            for file in found
            if file.name.startswith(split)
        ]
        # Editions number the classes differently, so the counts are compared without an order.
        assert sorted(np.bincount(np.concatenate(labels))) == sorted(counts)


# Reading


def test_reads_many_spellings(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text(
        "\ufeffEmotion, Prec , RECALL,F1_Score,Images,note\n"
        "Anger,62%,53%,57.0,491,x\nHappiness,87,86,87,879,\nAccuracy,,,70,1370\n",
        encoding="utf-8",
    )
    table = read_table(file)
    assert table.labels == ("angry", "happy")
    assert table.supports == (491, 879)
    assert table.rows[0].precision == Rounded(0.62, 0.001)
    assert table.accuracy == Rounded(0.70, 0.01)


def test_reads_what_scikit_learn_writes_through_pandas(tmp_path: Path) -> None:
    import pandas as pd

    truth, predicted = [0, 0, 1, 1, 1], [0, 1, 1, 1, 0]
    frame = pd.DataFrame(classification_report(truth, predicted, output_dict=True)).T
    file = tmp_path / "report.csv"
    frame.to_csv(file)
    result = audit_table(read_table(file))
    assert failed(result) == []
    assert result.table.supports == (2, 3)
    assert finding(result, "accuracy from recalls").status == "consistent"


def test_a_table_without_supports(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("class,precision,recall,f1\nangry,0.6,0.5,0.9\nhappy,0.9,0.9,0.9\n")
    result = audit_table(read_table(file))
    assert finding(result, "origin of the supports").numbers == "no supports given"
    assert finding(result, "F1 from precision and recall").status == "inconsistent"
    table = audit_tables([result])
    assert list(table.frame["status"]).count("inconsistent") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "class,precision\n",
            "the table {file} has 0 rows below its header: accepted is one row for each class",
        ),
        (
            "class,precision,recall,support\nangry,1,1,3\n",
            "the table {file} has no column 'f1' (its header is class, precision, recall, "
            "support): accepted are class, precision, recall, f1 and, if known, support",
        ),
        (
            HEAD.replace("support", "recall") + "angry,1,1,1,1\n",
            "the table {file} has two columns for recall: accepted is one each of class, "
            "precision, recall, f1 and support",
        ),
        (
            HEAD + "angry,high,0.5,0.5,3\n",
            "the precision of 'angry' in the table table.csv is 'high': accepted is a number from "
            "0 to 1, or in percent",
        ),
        (
            HEAD + "angry,0.5,0.5,0.5,3.5\n",
            "the support of 'angry' in the table table.csv is 3.5: accepted is a whole number",
        ),
        (
            HEAD + "angry,0.5,0.5,0.5,-3\n",
            "the support of 'angry' in the table table.csv is '-3': accepted is a whole number",
        ),
        (
            HEAD + "angry,0.5,0.5,500,3\n",
            "the table table.csv has the value 500: accepted are numbers from 0 to 1, or from 0 "
            "to 100 in percent",
        ),
        (
            HEAD + "angry,0.5,0.5,0.5,3\nAnger,0.5,0.5,0.5,3\n",
            "the table table.csv has two rows for the class 'angry': accepted is one row for each "
            "class",
        ),
        (
            HEAD + "accuracy,,,0.5,3\nacc,,,0.5,3\nangry,0.5,0.5,0.5,3\n",
            "the table table.csv has two rows for accuracy: accepted is at most one of each",
        ),
        (
            HEAD + "accuracy,,,0.5,3\n",
            "the table table.csv has no row of a class: accepted is one row for each class",
        ),
        (
            HEAD + "angry,0.5,0.5,0.5,3,4\n",
            "the row 'angry' of the table {file} has 6 cells: accepted are as many as the header "
            "has, 5",
        ),
    ],
)
def test_errors_are_one_clear_sentence(tmp_path: Path, text: str, message: str) -> None:
    from reports.study import ReportError

    file = tmp_path / "table.csv"
    file.write_text(text)
    with pytest.raises(ReportError) as error:
        read_table(file)
    assert str(error.value) == message.format(file=file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    from reports.study import ReportError

    file = tmp_path / "none.csv"
    with pytest.raises(ReportError) as error:
        read_table(file)
    assert str(error.value) == (
        f"the table {file} cannot be read (No such file or directory): accepted is a CSV file with "
        "the columns class, precision, recall, f1 and support"
    )
