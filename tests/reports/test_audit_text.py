"""A report's sentences and scalars against its tables, against each other and against the data."""

from __future__ import annotations

import numpy as np
import pytest

from reports.audit_splits import FER2013
from reports.audit_text import recall_range
from tests.reports.audit_cases import by_key, remark


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
