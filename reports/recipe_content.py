"""What a choice of recipe does to accuracy: members that differ only in epochs, optimizer, balance.

Two reports compare numbers of epochs, one compares optimizers, one balances the classes. Members
form a group where everything but the one thing, and a learning rate that goes with an optimizer, is
equal in their recipes and their networks are the same. Published figures stand beside ours where
the study has the report's dataset and recipes in full.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from reports import figures_recipes
from reports.claims import measured_on
from reports.drawing import Job
from reports.figures import row_shares
from reports.figures_recipes import EpochPanel, Group, Outcome, PublishedPoint
from reports.findings import Findings
from reports.published import Figure, Report, load
from reports.study import MemberRecord

EPOCHS, OPTIMIZER, BALANCE = ("epochs",), ("optimizer", "learning_rate"), ("balance",)
"""Entries of a recipe that may differ within a group; the first must."""


def recipe_jobs(findings: Findings) -> dict[str, Job]:
    """A figure for each kind of comparison that the study has the members for."""
    jobs: dict[str, Job] = {}
    panels, lengths = _epoch_panels(findings), _groups(findings, EPOCHS, _epochs, _length)
    if panels or lengths:
        jobs["accuracy_epochs"] = partial(figures_recipes.epochs, panels, lengths)
    for name, entries, words, draw in (
        ("accuracy_optimizers", OPTIMIZER, _optimizer, figures_recipes.optimizers),
        ("accuracy_balancing", BALANCE, _balance, figures_recipes.balancing),
    ):
        if groups := _groups(findings, entries, words):
            jobs[name] = partial(draw, groups)
    return jobs


def alike(records: Sequence[MemberRecord], entries: Sequence[str]) -> list[list[MemberRecord]]:
    """Groups of two or more members that differ in the first of `entries`, at most in all of them.

    Members of which the recipe or the network is not known belong to none.
    """
    found: dict[str, list[MemberRecord]] = {}
    for record in records:
        if record.recipe and record.architecture:
            rest = {key: value for key, value in record.recipe.items() if key not in entries}
            key = json.dumps([record.architecture, rest], sort_keys=True, default=str)
            found.setdefault(key, []).append(record)
    return [group for group in found.values() if len({_text(r, entries[0]) for r in group}) > 1]


def _text(record: MemberRecord, entry: str) -> str:
    return json.dumps(record.recipe.get(entry), sort_keys=True, default=str)


def _groups(
    findings: Findings,
    entries: Sequence[str],
    words: Callable[[Mapping[str, Any]], str],
    order: Callable[[MemberRecord], int] | None = None,
) -> list[Group]:
    """Groups by `alike`. words: what tells a recipe from the others of its group; order: by which
    a group's members are sorted, by default they stand as in the study."""
    groups = []
    for records in alike(findings.study.records, entries):
        if order is not None:
            records.sort(key=order)
        outcomes = [_outcome(findings, record, words(record.recipe)) for record in records]
        groups.append(Group(outcomes, findings.study.test.classes))
    return groups


def _length(record: MemberRecord) -> int:
    return int(record.recipe["epochs"])


def _epochs(recipe: Mapping[str, Any]) -> str:
    return f"{recipe['epochs']} epochs"


def _optimizer(recipe: Mapping[str, Any]) -> str:
    return f"{recipe['optimizer']}, rate {recipe['learning_rate']:g}"


def _balance(recipe: Mapping[str, Any]) -> str:
    balance = recipe["balance"]
    return "data as they are" if balance is None else f"balanced, {balance['copies']} copies"


def _outcome(findings: Findings, record: MemberRecord, variant: str) -> Outcome:
    (score,) = (s for s in findings.comparison.member_scores if s.method == record.name)
    accuracies = {"validation": score.val_accuracy, "test": score.test_accuracy}
    if record.history:
        accuracies["train"] = record.history[-1].train_accuracy
    recalls = np.diagonal(row_shares(findings.confusions[record.name]))
    return Outcome(
        name=record.name,
        variant=variant,
        accuracies=accuracies,
        interval=(score.test_low, score.test_high),
        history=record.history,
        recalls=tuple(float(recall) for recall in recalls),
        published=tuple(p for p in _published(findings, record.name) if p.final),
    )


def _published(findings: Findings, subject: str) -> tuple[PublishedPoint, ...]:
    """Accuracies and recalls that a report publishes of a member, each value once."""
    found: dict[object, PublishedPoint] = {}
    for report in _comparable(findings):
        for figure in report.figures:
            accuracy = figure.metric == "accuracy" and not figure.label
            recall = figure.metric == "recall" and bool(figure.label)
            if figure.subject == subject and (accuracy or recall):
                point = _point(report, figure)
                found.setdefault(
                    (point.split, point.epoch, point.label, f"{point.value:.2f}"), point
                )
    return tuple(found.values())


def _point(report: Report, figure: Figure) -> PublishedPoint:
    origin = measured_on().get((figure.subject, figure.split))
    return PublishedPoint(
        split=figure.split,
        label=figure.label,
        value=figure.value,
        epoch=figure.epoch or _published_epochs(report, figure.subject),
        final=figure.epoch is None,
        elsewhere=origin is not None and (origin.simple, origin.times) != (figure.split, 1),
    )


def _comparable(findings: Findings) -> list[Report]:
    study = findings.study
    return [r for r in load() if study.profile == "paper" and r.dataset == study.dataset]


def _published_epochs(report: Report, subject: str) -> int | None:
    figure = report.find("epochs", subject)
    return None if figure is None else int(figure.value)


def compared_epochs(report: Report) -> dict[str, tuple[int, ...]]:
    """The numbers of epochs that a report compares, by member: those of two or more."""
    found: dict[str, set[int]] = {}
    for figure in report.figures:
        if figure.metric.startswith("epochs"):
            found.setdefault(figure.subject, set()).add(int(figure.value))
        elif figure.epoch is not None:
            found.setdefault(figure.subject, set()).add(figure.epoch)
    return {name: tuple(sorted(epochs)) for name, epochs in found.items() if len(epochs) > 1}


def _epoch_panels(findings: Findings) -> list[EpochPanel]:
    """The members of which a report compares numbers of epochs, where their training is known."""
    records = {record.name: record for record in findings.study.records}
    return [
        EpochPanel(
            name,
            records[name].history,
            epochs,
            tuple(p for p in _published(findings, name) if p.split != "test" and not p.label),
        )
        for report in load()
        for name, epochs in compared_epochs(report).items()
        if name in records and records[name].history
    ]
