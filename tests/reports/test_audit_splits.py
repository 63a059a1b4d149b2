"""Which split a table's supports are of, however often it was counted."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from reports.audit import audit_table
from reports.audit_splits import FER2013, Procedure
from reports.audit_table import CLASSES, ClassRow, ClassTable, Rounded, table_of
from tests.reports.audit_cases import finding


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
