"""Hierarchical committee (Kim, Roh, Dong & Lee 2016): inside each architecture family, then across.

Level 1 averages the members of a family, equally or exponentially weighted by accuracy; level 2
combines the families by majority vote, median or mean.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, TypeAlias

import numpy as np

from ensembles.evidence import Evidence
from ensembles.fusion import Combiner, Outputs, linear, median_of, vote_of
from ensembles.margins import Contests
from ensembles.predictions import Floats, PredictionsError
from ensembles.weighting import EXPONENTS, power_weights

Inside: TypeAlias = Literal["average", "exponential"]
Across: TypeAlias = Literal["vote", "median", "mean"]

_LEVEL_2: dict[str, Callable[[Floats], Floats]] = {"vote": vote_of, "median": median_of}


def family_of(member: str) -> str:
    """Architecture family of a member of which nothing else is known: its name up to the last '-'
    ('deep-a' → 'deep')."""
    return member.rpartition("-")[0] or member


def families_of(evidence: Evidence) -> dict[str, tuple[int, ...]]:
    """Members of each family, families in order of their first member.

    Raises PredictionsError where a mapping was given that leaves a member out, where all members
    are of one family, or every member is its own: then there are no two levels.
    """
    members = evidence.validation.members
    given = evidence.families
    if given is not None:
        left_out = [name for name in members if name not in given]
        if left_out:
            raise PredictionsError(
                f"the member {left_out[0]!r} has no architecture family: accepted is one family "
                "for every member"
            )
    found: dict[str, tuple[int, ...]] = {}
    for index, name in enumerate(members):
        family = family_of(name) if given is None else given[name]
        found[family] = (*found.get(family, ()), index)
    if len(found) in (1, len(members)):
        raise PredictionsError(
            f"{len(members)} members are of {len(found)} architecture "
            f"{'family' if len(found) == 1 else 'families'}: accepted are at least two families, "
            "one of them with two members"
        )
    return found


def _exponential_inside(evidence: Evidence, family: tuple[int, ...]) -> tuple[Floats, float]:
    """Weights of one family's members and the exponent that gave the best family average."""
    rows = list(family)
    candidates = power_weights(evidence.accuracies[rows], len(evidence.labels), EXPONENTS)
    contests = Contests.of(evidence.outputs.probabilities[rows], evidence.labels)
    best = int(contests.count(candidates).argmax())
    return candidates[best], float(EXPONENTS[best])


def _combine_levels(outputs: Outputs, level_1: Floats, across: Across) -> Floats:
    """level_1: (F, M) weights of the members in each family's average."""
    m, n, classes = outputs.probabilities.shape
    by_family = (level_1 @ outputs.probabilities.reshape(m, -1)).reshape(-1, n, classes)
    return _LEVEL_2[across](by_family)


def committee(
    evidence: Evidence, inside: Inside = "exponential", across: Across = "mean"
) -> Combiner:
    """Two-level committee; families from `Evidence.families` or the members' names."""
    families = families_of(evidence)
    m, classes = evidence.size
    level_1 = np.zeros((len(families), m))
    told = []
    for row, (family, rows) in zip(level_1, families.items(), strict=True):
        if inside == "average" or len(rows) == 1:
            row[list(rows)] = 1.0 / len(rows)
        else:
            row[list(rows)], q = evidence.once(
                ("committee", rows), partial(_exponential_inside, evidence, rows)
            )
            told.append(f"{family} q = {q:g}")
    detail = f"{len(families)} families" + (f": {', '.join(told)}" if told else "")
    if across == "mean":
        return linear(level_1.mean(axis=0), classes, detail=detail)
    return Combiner(
        rule=partial(_combine_levels, level_1=level_1, across=across),
        shape=(m, classes),
        chosen=tuple(int(i) for i in np.flatnonzero(level_1.any(axis=0))),
        detail=detail,
    )
