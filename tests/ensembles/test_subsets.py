"""Tables of subsets: exact and sampled, and what is read off them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensembles import subsets
from ensembles.fusion import Outputs, Space, average, softmax
from ensembles.predictions import Predictions, PredictionsError, Validation
from ensembles.subsets import (
    best_row,
    growth,
    sampled_tables,
    subset_accuracies,
    subset_tables,
)
from tests.ensembles.factory import make_predictions


def right(predictions: Predictions, subset: tuple[int, ...], space: Space = "probability") -> int:
    values = Outputs(predictions.logits).in_space(space)[list(subset)]
    return int((values.mean(axis=0).argmax(axis=1) == predictions.labels).sum())


@pytest.mark.parametrize("space", ["probability", "logit"])
def test_the_exact_table_holds_every_subset_in_mask_order(space: Space) -> None:
    validation, test = make_predictions(m=9, n=80)
    tables = subset_tables(validation, test, space)
    for table, predictions in ((tables.validation, validation), (tables.test, test)):
        assert len(table) == 511 and table.exact
        found = [(table.subset(row), int(table.correct[row])) for row in range(511)]
        expected = [tuple(i for i in range(9) if mask >> i & 1) for mask in range(1, 512)]
        assert found == [(subset, right(predictions, subset, space)) for subset in expected]
        assert table.sizes.tolist() == [len(subset) for subset in expected]


def test_the_whole_set_is_the_average_combiner() -> None:
    validation, _ = make_predictions(m=5, n=200)
    table = subset_accuracies(validation)
    combined = average(5, len(validation.classes))(validation.logits)
    assert table.accuracies[-1] == (combined.argmax(axis=1) == validation.labels).mean()
    assert table.names(len(table) - 1) == validation.members


def test_rows_are_found_by_subset() -> None:
    validation, _ = make_predictions(m=4, n=30)
    table = subset_accuracies(validation)
    assert [table.row(table.subset(row)) for row in range(15)] == list(range(15))


def test_totals_add_one_value_per_member(monkeypatch: pytest.MonkeyPatch) -> None:
    validation, _ = make_predictions(m=4, n=30)
    monkeypatch.setattr(subsets, "_BATCH_ROWS", 4)
    table = subset_accuracies(validation)
    values = np.array([1.0, 10.0, 100.0, 1000.0])
    expected = [values[list(table.subset(row))].sum() for row in range(15)]
    assert table.totals(values).tolist() == expected


def loss(predictions: Predictions, subset: tuple[int, ...]) -> float:
    mean = softmax(predictions.logits)[list(subset)].mean(axis=0)
    return float(-np.log(mean[np.arange(len(mean)), predictions.labels]).mean())


@pytest.mark.parametrize("seed", range(4))
def test_the_best_subset_is_the_best_then_smallest_then_of_lowest_loss(seed: int) -> None:
    validation, test = make_predictions(m=6, n=30, seed=seed)
    table = subset_accuracies(validation)

    def rating(subset: tuple[int, ...]) -> tuple[int, int, float]:
        return -right(validation, subset), len(subset), loss(validation, subset)

    every = [c for size in range(1, 7) for c in combinations(range(6), size)]
    assert table.subset(best_row(validation, table)) == min(every, key=rating)
    for size in growth(subset_tables(validation, test), validation):
        best = min((s for s in every if len(s) == size.size), key=rating)
        assert size.best == tuple(validation.members[i] for i in best)


def test_equally_good_members_leave_the_first_alone() -> None:
    validation, _ = make_predictions(m=1, n=50)
    copies = Validation.make(np.repeat(validation.logits, 3, axis=0), validation.labels)
    table = subset_accuracies(copies)
    assert table.subset(best_row(copies, table)) == (0,)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(5)))
def test_permuting_the_members_permutes_the_table(seed: int, order: list[int]) -> None:
    validation, _ = make_predictions(m=5, n=40, seed=seed)
    table = subset_accuracies(validation)
    other = subset_accuracies(validation.select([validation.members[i] for i in order]))
    for row in range(31):
        subset = tuple(sorted(order[i] for i in other.subset(row)))
        assert other.correct[row] == table.correct[table.row(subset)]


def test_growth_reports_the_choice_made_on_validation() -> None:
    validation, test = make_predictions(m=5, n=90)
    for size in growth(subset_tables(validation, test), validation):
        every = list(combinations(range(5), size.size))
        chosen = min(every, key=lambda s: (-right(validation, s), sum(1 << i for i in s)))
        on_test = [right(test, s) for s in every]
        assert size.subsets == len(every)
        assert size.best == tuple(validation.members[i] for i in chosen)
        assert size.best_validation == right(validation, chosen) / 90
        assert size.best_test == right(test, chosen) / 90
        assert size.test_mean == pytest.approx(np.mean(on_test) / 90)
        assert (size.test_most, size.test_least) == (max(on_test) / 90, min(on_test) / 90)
        assert size.validation_least == min(right(validation, s) for s in every) / 90


def test_a_sample_counts_its_subsets_exactly_on_both_splits() -> None:
    validation, test = make_predictions(m=6, n=60)
    tables = sampled_tables(validation, test)
    assert not tables.validation.exact
    assert (tables.validation.packed == tables.test.packed).all()
    rows = np.random.default_rng(0).integers(0, len(tables.test), 60)
    for table, predictions in ((tables.validation, validation), (tables.test, test)):
        assert [int(table.correct[r]) for r in rows] == [
            right(predictions, table.subset(int(r))) for r in rows
        ]


def test_a_sample_has_the_greedy_chain_and_every_subset_without_one() -> None:
    validation, test = make_predictions(m=5, n=60)
    table = sampled_tables(validation, test).validation
    chain: tuple[int, ...] = ()
    for row in range(5):
        left = [i for i in range(5) if i not in chain]
        best = max(left, key=lambda i: (right(validation, (*chain, i)), -i))
        chain = (*chain, best)
        assert table.subset(row) == tuple(sorted(chain))
    lacking = [tuple(j for j in range(5) if j != i) for i in range(5)]
    assert [table.subset(row) for row in range(5, 10)] == lacking
    assert table.searched == 10


def test_more_members_than_can_be_counted_give_a_labelled_sample() -> None:
    validation, test = make_predictions(m=22, n=40)
    tables = subset_tables(validation, test)
    again = subset_tables(validation, test)
    other = subset_tables(validation, test, seed=1)
    assert not tables.test.exact
    assert tables.test.correct.tolist() == again.test.correct.tolist()
    assert tables.test.packed.tolist() != other.test.packed.tolist()
    assert [size.size for size in growth(tables, validation)] == list(range(1, 23))
    best = best_row(validation, tables.validation)
    assert tables.validation.correct[best] == tables.validation.correct.max()


def test_too_much_work_gives_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    validation, _ = make_predictions(m=4, n=20)
    monkeypatch.setattr(subsets, "EXACT_WORK", 10)
    assert not subset_accuracies(validation).exact


def test_choosing_on_the_reported_split_is_refused() -> None:
    validation, test = make_predictions(m=21, n=20)
    message = (
        "combiners are fitted on Validation predictions, not on Test: the split that is reported "
        "must not choose its own weights"
    )
    for call in (
        lambda: subset_accuracies(test),
        lambda: subset_tables(test, test),  # type: ignore[arg-type]
        lambda: sampled_tables(test, test),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == message
    assert subset_accuracies(validation).images == 20


def test_different_members_are_refused() -> None:
    validation, test = make_predictions(m=2, n=20)
    with pytest.raises(PredictionsError) as caught:
        subset_tables(validation, test.select(test.members[::-1]))
    assert str(caught.value) == (
        "the validation split has the members net0-a, net0-b but the test split has net0-b, "
        "net0-a: accepted are the same members in the same order"
    )


def test_a_subset_that_was_not_counted_is_named() -> None:
    validation, _ = make_predictions(m=4, n=20)
    table = subset_accuracies(validation)
    with pytest.raises(PredictionsError) as caught:
        table.row(())
    assert str(caught.value) == (
        "the subset () is not in the table: accepted are the 15 subsets that were counted"
    )
