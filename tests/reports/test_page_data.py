"""Which members the explorer holds where the page has no room for all of them."""

from __future__ import annotations

import dataclasses

import pytest

from ensembles.scoring import compare
from reports import page
from reports.page import page_html
from reports.page_data import Preferred, fitting, to_json
from tests.reports import factory
from tests.reports.pages import embedded

NAMES = ("a", "b", "c", "d", "e")
RANKING = [4, 2, 0, 3, 1]
"""Members by validation accuracy, the best first."""
DATA = {"members": [{"name": name, "logits": "0" * 50} for name in NAMES], "ranking": RANKING}
EACH = len(to_json(DATA["members"][0])) + 1
EMPTY = len(to_json({**DATA, "members": []}))


@pytest.mark.parametrize(
    ("ensembles", "others", "room", "kept", "ranking"),
    [
        ((), "", 5, "abcde", [4, 2, 0, 3, 1]),
        ((), "", 3, "ace", [2, 1, 0]),
        ((), "", 1, "e", [0]),
        ((), "bd", 1, "d", [0]),  # of those preferred, the better one
        ((), "bd", 2, "bd", [1, 0]),
        ((), "bd", 4, "bcde", [3, 1, 2, 0]),
        (("bd",), "", 2, "bd", [1, 0]),
        (("bd",), "", 1, "e", [0]),  # not half an ensemble
        (("abcde", "bd"), "", 2, "bd", [1, 0]),
        (("bcd", "ab"), "", 2, "ab", [0, 1]),
        (("bd", "ab"), "", 3, "abd", [0, 2, 1]),
        (("bd", "abc"), "a", 3, "abd", [0, 2, 1]),
        (("b",), "d", 0, "", []),
    ],
)
def test_room_goes_to_whole_ensembles_then_to_those_preferred_and_then_to_the_best(
    ensembles: tuple[str, ...], others: str, room: int, kept: str, ranking: list[int]
) -> None:
    for spare in (0, EACH - 1):
        budget = EMPTY + room * EACH + spare
        data, left_out = fitting(DATA, budget, Preferred(ensembles, others))
        assert "".join(member["name"] for member in data["members"]) == kept
        assert data["ranking"] == ranking
        assert left_out == [name for name in NAMES if name not in kept]


def test_the_page_keeps_the_group_nine_first(monkeypatch: pytest.MonkeyPatch) -> None:
    study = factory.study(4, images=140)
    accuracies = (study.validation.logits.argmax(axis=2) == study.validation.labels).mean(axis=1)
    worst = int(accuracies.argmin())
    records = (
        dataclasses.replace(record, groups=("nine",) if i == worst else ("others",))
        for i, record in enumerate(study.records)
    )
    study = dataclasses.replace(study, records=tuple(records))
    comparison = compare(study.validation, study.test, ["single_best", "average"])
    whole = page_html(study, comparison, [], [])
    one = len(to_json(embedded(whole)["members"][0]))
    monkeypatch.setattr(page, "LIMIT", len(whole.encode()) - 2 * one)
    kept = [member["name"] for member in embedded(page_html(study, comparison, [], []))["members"]]
    assert len(kept) < len(study.records)
    assert study.records[worst].name in kept


def test_the_page_keeps_the_ensembles_that_validation_chose_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though the others belong to the group nine, or are more accurate."""
    study = factory.study(6, images=210)
    comparison = compare(study.validation, study.test, ["single_best", "average", "best_subset"])
    best = comparison.score("best_subset").member_names
    assert 1 < len(best) < 6
    records = tuple(
        dataclasses.replace(record, groups=() if record.name in best else ("nine",))
        for record in study.records
    )
    study = dataclasses.replace(study, records=records)
    nine = tuple(record.name for record in records if record.groups)
    assert Preferred.of(study, comparison) == Preferred((best, best), nine)
    whole = page_html(study, comparison, [], [])
    one = len(to_json(embedded(whole)["members"][0]))
    # Every member named as left out takes some bytes, whence half a member more.
    monkeypatch.setattr(page, "LIMIT", len(whole.encode()) - int((5.5 - len(best)) * one))
    kept = [member["name"] for member in embedded(page_html(study, comparison, [], []))["members"]]
    assert kept == [name for name in study.test.members if name in best]


def test_without_a_best_subset_only_the_chosen_one_and_the_nine_are_preferred() -> None:
    study = factory.study(1, images=140)
    comparison = compare(study.validation, study.test, ["single_best"])
    assert Preferred.of(study, comparison) == Preferred((), ("deep-a",))
