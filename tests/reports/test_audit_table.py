"""Tables are read in many spellings; one that cannot be read is answered in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.metrics import classification_report

from reports.audit import audit_table, audit_tables, read_table
from reports.audit_table import Rounded
from tests.reports.audit_cases import HEAD, failed, finding


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
        (
            HEAD + "angry,0.5,0.5,0.5,1e9999\n",
            "the support of 'angry' in the table table.csv is '1e9999': accepted is a whole number",
        ),
        (
            HEAD + "angry,1e-999999999,0.5,0.5,3\n",
            "the precision of 'angry' in the table table.csv is '1e-999999999': accepted is a "
            "number from 0 to 1, or in percent",
        ),
        (
            HEAD + "x" * 200_000 + ",0.5,0.5,0.5,3\n",
            "the table {file} cannot be read (field larger than field limit (131072)): accepted is "
            "a CSV file with the columns class, precision, recall, f1 and support",
        ),
        (
            HEAD + "x" * (1 << 20),
            "the table {file} is longer than 1,048,576 characters: accepted is one row for each "
            "class",
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
