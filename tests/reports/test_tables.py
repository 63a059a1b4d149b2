"""Tables as data: what is best, how it is rounded, and what cannot be a table."""

from __future__ import annotations

import pytest

from reports.columns import COLUMNS
from reports.study import ReportError
from reports.tables import MISSING, Table, best_cells, cell, make_table, rounded

KEYS = ("method", "label", "test_accuracy", "test_low", "test_high", "log_loss", "train_accuracy")


def table(*rows: tuple[str, float | None, float | None], **options: object) -> Table:
    """A table of (label, test accuracy, log loss)."""
    return make_table(
        "some",
        [
            {"method": name, "label": name.upper(), "test_accuracy": accuracy, "log_loss": loss}
            for name, accuracy, loss in rows
        ],
        KEYS,
        title="Some",
        caption="Some.",
        **options,  # type: ignore[arg-type]
    )


def test_best_is_the_highest_or_lowest_as_the_column_asks() -> None:
    made = table(("a", 0.61, 0.9), ("b", 0.62, 1.1), ("c", None, None))
    assert best_cells(made) == {(1, "test_accuracy"), (0, "log_loss")}


def test_values_that_print_alike_are_best_together() -> None:
    made = table(("a", 0.66664, 1.0), ("b", 0.66661, 2.0), ("c", 0.6659, 3.0))
    assert {i for i, key in best_cells(made) if key == "test_accuracy"} == {0, 1}


@pytest.mark.parametrize("accuracies", [(0.5,), (0.5, 0.5), (None, None), ()])
def test_without_a_difference_nothing_is_best(accuracies: tuple[float | None, ...]) -> None:
    made = table(*((str(i), value, None) for i, value in enumerate(accuracies)))
    assert best_cells(made) == frozenset()


def test_best_is_sought_within_groups_and_among_the_ranked_only() -> None:
    rows = [("a", 0.6, None), ("a", 0.7, None), ("b", 0.9, None), ("b", 0.8, None)]
    assert best_cells(table(*rows, best_within="method")) == {
        (1, "test_accuracy"),
        (2, "test_accuracy"),
    }
    assert best_cells(table(*rows, unranked=[2])) == {(3, "test_accuracy")}


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("test_accuracy", 0.66666, "66.67"),
        ("gain", 0.025, "+2.50"),
        ("gain", -0.0001, "-0.01"),
        ("log_loss", 1.23456, "1.2346"),
        ("parameters", 4_478_727, "4,478,727"),
        ("macs", 214_049_999, "214.0"),
        ("train_seconds", 1234.56, "1,234.6"),
        ("label", "a_b", "a_b"),
    ],
)
def test_rounding(key: str, value: float | str, text: str) -> None:
    assert rounded(COLUMNS[key], value) == text


def test_a_cell_shows_half_of_its_interval_and_the_label_of_its_method() -> None:
    made = table(("a", 0.66, None))
    row = {"method": "a", "label": "A", "test_accuracy": 0.66, "test_low": 0.64, "test_high": 0.67}
    assert cell(made.column("test_accuracy"), row) == "66.00 ± 1.50"
    assert cell(made.column("test_accuracy"), {**row, "test_low": None}) == "66.00"
    assert cell(made.column("test_accuracy"), {**row, "test_accuracy": None}) == MISSING
    assert cell(made.column("method"), row) == "A"


def test_values_keep_their_types() -> None:
    keys = ("member", "parameters", "val_accuracy")
    rows = [{"member": "a", "parameters": 3, "val_accuracy": 0.5}, {"member": "b"}]
    frame = make_table("t", rows, keys, title="T", caption="C.").frame
    assert [str(kind) for kind in frame.dtypes] == ["object", "Int64", "Float64"]
    assert frame["parameters"].iloc[0] == 3
    assert frame["val_accuracy"].isna().tolist() == [False, True]


def test_a_row_with_a_strange_key_is_refused() -> None:
    with pytest.raises(ReportError) as caught:
        make_table("t", [{"member": "a", "colour": 1}], ("member", "seed"), title="T", caption="C.")
    assert str(caught.value) == "the table 't' has no column 'colour': accepted are member, seed"


def test_a_header_can_be_reworded_for_one_table() -> None:
    made = make_table(
        "t", [], ("member", "seed"), title="T", caption="C.", headers={"member": "Network"}
    )
    assert [column.header for column in made.columns] == ["Network", "Seed"]
    assert COLUMNS["member"].header == "Member"


def test_every_column_has_one_meaning_and_its_bounds_exist() -> None:
    for key, column in COLUMNS.items():
        assert column.key == key
        assert column.help
        for other in (*(column.interval or ()), *([column.wording] if column.wording else [])):
            assert other in COLUMNS
