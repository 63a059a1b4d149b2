"""Studies that published figures are compared with, made once, and how a row is found."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np

from ensembles.fusion import softmax
from ensembles.predictions import Test, Validation
from ensembles.scoring import Comparison, compare
from reports.claims import ClaimRow, PaperRow, papers_rows
from reports.claims_ours import Bench
from reports.study import Study
from tests.reports import factory

METHODS = ("single_best", "average", "accuracy", "per_class", "exponential")

OTHERS = ("lenet", "lenet-balanced", "leaky", "leaky-4conv", "six-efficientnetb0", "vgg16")


def renamed(names: Sequence[str], *, images: int = 400, **changes: object) -> Study:
    """A study whose members bear the names of the catalogue."""
    study = factory.study(len(names), images=images)

    def split(kind: type, old: Validation | Test) -> object:
        return kind.make(
            old.logits,
            old.labels,
            members=names,
            classes=old.classes,
            sample_ids=old.sample_ids,
            duplicate=old.duplicate,
        )

    return dataclasses.replace(
        study,
        records=tuple(
            dataclasses.replace(r, name=n, groups=("nine",) if n in factory.NINE else ())
            for r, n in zip(study.records, names, strict=True)
        ),
        validation=split(Validation, study.validation),
        test=split(Test, study.test),
        **changes,
    )


@cache
def nine() -> tuple[Study, Comparison]:
    study = factory.study(images=1000)
    return study, compare(study.validation, study.test, METHODS)


@cache
def others() -> tuple[Study, Comparison]:
    six = tuple(f"six-m{i}" for i in range(1, 7))
    study = renamed((*OTHERS, *six))
    return study, compare(study.validation, study.test, METHODS)


@cache
def nine_rows() -> list[PaperRow]:
    return papers_rows(Bench(*nine()))


@cache
def others_rows() -> list[PaperRow]:
    return papers_rows(Bench(*others()))


def paper(rows: Sequence[PaperRow], **wanted: object) -> PaperRow:
    found = [r for r in rows if all(getattr(r, k) == v for k, v in wanted.items())]
    assert len(found) == 1
    return found[0]


def claim(rows: Sequence[ClaimRow], start: str) -> ClaimRow:
    (found,) = [row for row in rows if row.claim.startswith(start)]
    return found


def plain_averages(split: Validation | Test) -> dict[tuple[str, ...], float]:
    """Accuracy of the average of every subset, the plain way."""
    probabilities = softmax(split.logits)
    return {
        tuple(split.members[i] for i in subset): float(
            np.mean(probabilities[list(subset)].mean(axis=0).argmax(axis=1) == split.labels)
        )
        for size in range(1, len(split.members) + 1)
        for subset in combinations(range(len(split.members)), size)
    }
