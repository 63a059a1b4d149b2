"""The groups of the catalogue, each as if it had been a study of its own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ensembles.methods import method
from ensembles.metrics import predicted_classes
from ensembles.predictions import PredictionsError
from ensembles.selection_cost import fitted_on_test
from ensembles.significance import paired_statistics
from reports.figure_content import figure_jobs
from reports.findings import GROUP_METHODS, Findings
from reports.study import Study
from reports.table_groups import EVERYONE, groups_table
from reports.tables import best_cells
from tests.reports import factory

METHODS = (*GROUP_METHODS, "geometric", "vote")


def mixed(images: int = 210, repeats: int = 0) -> Study:
    """The nine, three modern networks, and one that an import brought."""
    study = factory.study(13, images=images, repeats=repeats)
    records = list(study.records)
    for i in (9, 10, 11):
        records[i] = dataclasses.replace(records[i], groups=("modern",))
    records[12] = factory.imported(records[12].name)
    return dataclasses.replace(study, records=tuple(records))


@pytest.fixture(scope="module")
def findings() -> Findings:
    return Findings.of(mixed(), METHODS)


def test_each_group_is_compared_as_if_it_were_alone(findings: Findings) -> None:
    table = groups_table(findings)
    assert table is not None
    frame, study = table.frame, findings.study
    assert list(dict.fromkeys(frame["group"])) == ["nine", "modern", EVERYONE]
    for group, size in (("nine", 9), ("modern", 3)):
        alone = Findings.of(study.select(study.groups[group]), METHODS)
        rows = frame[frame["group"] == group]
        assert set(rows["group_members"]) == {size}
        assert set(rows["method"]) >= set(GROUP_METHODS)
        for row in rows.itertuples():
            score = alone.comparison.score(row.method)
            assert row.val_accuracy == score.val_accuracy
            assert (row.test_accuracy, row.test_low, row.test_high) == (
                score.test_accuracy,
                score.test_low,
                score.test_high,
            )
            assert row.test_accuracy_unique == score.test_accuracy_unique
            assert row.members == score.members
            gain = score.test_accuracy - alone.best_member.test_accuracy
            assert row.to_single == pytest.approx(gain)
            best = study.test.members.index(alone.best_member.method)
            answers = (alone.comparison.test_probabilities[row.method], study.test.logits[best])
            correct = np.stack([predicted_classes(a) for a in answers]) == study.test.labels
            paired = paired_statistics(correct, ("one", "single"))
            bounds = (paired.difference_low[0, 1], paired.difference_high[0, 1])
            assert (row.to_single_low, row.to_single_high) == pytest.approx(bounds)


def test_all_members_stand_last_by_the_same_methods(findings: Findings) -> None:
    table = groups_table(findings)
    assert table is not None
    rows = table.frame[table.frame["group"] == EVERYONE]
    assert set(rows["group_members"]) == {13}
    assert set(rows["method"]) == set(findings.group_methods)
    for row in rows.itertuples():
        assert row.test_accuracy == findings.comparison.score(row.method).test_accuracy


def test_what_validation_chooses_is_one_ensemble_of_each_group(findings: Findings) -> None:
    table = groups_table(findings)
    assert table is not None
    for _, rows in table.frame.groupby("group"):
        chosen = rows[rows["chosen"] == "yes"]
        assert len(chosen) == 1
        ensembles = rows[rows["method"] != "single_best"]
        assert chosen["val_accuracy"].item() == ensembles["val_accuracy"].max()
    assert findings.chosen is not None
    everyone = table.frame[table.frame["group"] == EVERYONE]
    assert everyone[everyone["chosen"] == "yes"]["method"].item() == findings.chosen.method


def test_the_best_is_marked_within_each_group(findings: Findings) -> None:
    table = groups_table(findings)
    assert table is not None
    marked = {table.frame["group"][i] for i, key in best_cells(table) if key == "test_accuracy"}
    assert marked == {"nine", "modern", EVERYONE}


def test_what_cannot_be_fitted_to_a_group_is_named() -> None:
    name = "committee_average_mean"
    table = groups_table(Findings.of(mixed(), ("single_best", name)))
    assert table is not None
    assert (
        "Not fitted to modern: Committee, average then mean (3 members are of 1 architecture "
        "family: accepted are at least two families, one of them with two members)."
    ) in table.caption
    assert name in set(table.frame[table.frame["group"] == "nine"]["method"])


def test_a_study_of_one_group_has_no_such_table() -> None:
    study = factory.study(3, images=140)
    assert groups_table(Findings.of(study, ("single_best", "average"))) is None
    bare = factory.from_logits(study.validation, study.test)
    assert groups_table(Findings.of(bare, ("single_best", "average"))) is None


def test_the_nine_keep_their_own_exact_curve(findings: Findings) -> None:
    jobs = dict(figure_jobs(findings))
    assert "growth_nine" in jobs
    drawn = jobs["growth_nine"]()
    everyone = jobs["growth"]()
    assert not isinstance(drawn, list)
    assert not isinstance(everyone, list)
    assert drawn.title == "Growth with the number of members of nine"
    assert "best with 8 of 9 members" in drawn.svg.decode()
    # Thirteen members are not the nine that the report speaks of.
    assert "best with 8 of 9 members" not in everyone.svg.decode()


def test_a_study_of_the_nine_has_one_curve_with_their_claim() -> None:
    jobs = dict(figure_jobs(Findings.of(factory.study(9, images=210), METHODS)))
    assert "growth_nine" not in jobs
    drawn = jobs["growth"]()
    assert not isinstance(drawn, list)
    assert "best with 8 of 9 members" in drawn.svg.decode()


def test_a_part_of_a_study_has_the_same_members_in_every_seed() -> None:
    study = mixed(images=140, repeats=1)
    names = ("fcn-a", "deep-a")
    part = study.select(names)
    assert tuple(record.name for record in part.records) == names
    splits = (part.validation, part.test, *part.repeats[0])
    assert all(split.members == names for split in splits)
    assert (part.repeats[0][1].logits == study.repeats[0][1].logits[[6, 0]]).all()
    with pytest.raises(PredictionsError) as caught:
        study.select(("deep-x",))
    assert str(caught.value) == (
        f"there is no member 'deep-x' here: accepted are {', '.join(study.test.members)}"
    )


def test_the_committee_goes_by_the_families_of_the_records() -> None:
    study = factory.study(4, images=210)
    families = ("resnet", "resnet", "vgg", "vgg")
    records = tuple(
        dataclasses.replace(record, family=family)
        for record, family in zip(study.records, families, strict=True)
    )
    told = dataclasses.replace(study, records=records, repeats=((study.validation, study.test),))
    name = "committee_average_mean"
    findings = Findings.of(told, ("single_best", name, "committee_exponential_mean"))
    by_hand = method(name).fit(
        study.validation, families=dict(zip(study.test.members, families, strict=True))
    )
    made = findings.comparison.test_probabilities[name]
    np.testing.assert_array_equal(made, by_hand(study.test.logits))
    np.testing.assert_array_equal(findings.repeats[1].test_probabilities[name], made)
    # By their names they are three of `deep` and one of `shallow`.
    plain = Findings.of(study, (name,)).comparison.test_probabilities[name]
    assert not np.array_equal(made, plain)
    searched = "committee_exponential_mean"
    assert "resnet q = " in findings.comparison.score(searched).detail
    (cost,) = [row for row in findings.selection_costs.rows if row.method == searched]
    assert cost.test_accuracy == findings.comparison.score(searched).test_accuracy
    (row,) = [row for row in findings.fitted_on_test if row.method == searched]
    (alone,) = fitted_on_test(study.validation, study.test, (searched,), families=told.families)
    assert row == alone


def test_a_family_that_is_not_told_is_read_from_the_name() -> None:
    study = factory.study(2, images=70)
    assert study.families == {"deep-a": "deep", "deep-b": "deep"}
    bare = factory.from_logits(study.validation, study.test)
    assert bare.families == {"deep-a": "deep-a", "deep-b": "deep-b"}
    given = dataclasses.replace(bare.records[0], family="deep")
    assert dataclasses.replace(bare, records=(given, bare.records[1])).families == {
        "deep-a": "deep",
        "deep-b": "deep-b",
    }
