"""The catalogue of ways to combine members: name, source and how each is fitted.

To add one, write a function `Evidence -> Combiner` and add a line to the catalogue below; tables,
statistics and tests pick it up from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

from ensembles import fusion, selection, weighting
from ensembles.evidence import Evidence
from ensembles.fusion import Combiner
from ensembles.predictions import PredictionsError, Validation

Family: TypeAlias = Literal[
    "reference", "unweighted", "weighted", "selection", "learned", "committee"
]
MethodSpace: TypeAlias = Literal["probability", "logit", "rank"]
Fitter: TypeAlias = Callable[[Evidence], Combiner]


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way to combine members.

    name: slug, unique. label: for tables. source: citation. family and space: what kind it is.
    uses_validation: whether labels of the validation split decide anything. calibrated: whether
    each member's temperature is fitted first.
    """

    name: str
    label: str
    source: str
    family: Family
    fitter: Fitter
    space: MethodSpace = "probability"
    uses_validation: bool = True
    calibrated: bool = False

    def fit(self, validation: Validation, *, families: Mapping[str, str] | None = None) -> Combiner:
        """Fit on the validation split; `TypeError` for any other, `PredictionsError` if it cannot.

        families: member name → architecture family, used by the hierarchical committee.
        """
        return self.fit_on(Evidence(validation, families))

    def fit_on(self, evidence: Evidence) -> Combiner:
        """As `fit`, on evidence that several methods share (softmax, temperatures once for all)."""
        if evidence.size[0] < 2 and self.family != "reference":
            raise PredictionsError(f"{self.name} was given one member: accepted are at least two")
        if not self.calibrated:
            return self.fitter(evidence)
        return self.fitter(evidence.calibrated).with_temperatures(evidence.temperatures)


CORE = ("single_best", "average", "accuracy", "per_class", "exponential", "vote")
"""What the papers compare."""


def _catalogue() -> dict[str, Method]:
    methods = [
        Method(
            name="single_best",
            label="Best single member",
            source="member of highest validation accuracy",
            family="reference",
            fitter=selection.single_best,
        ),
        Method(
            name="average",
            label="Simple average",
            source="soft voting",
            family="unweighted",
            fitter=lambda evidence: fusion.average(*evidence.size),
            uses_validation=False,
        ),
        Method(
            name="accuracy",
            label="Accuracy-weighted",
            source="weights proportional to validation accuracy",
            family="weighted",
            fitter=weighting.accuracy,
        ),
        Method(
            name="per_class",
            label="Per-class weighted",
            source="weights proportional to validation recall",
            family="weighted",
            fitter=weighting.per_class,
        ),
        Method(
            name="exponential",
            label="Exponentially weighted",
            source="Kim, Roh, Dong & Lee 2016",
            family="weighted",
            fitter=weighting.exponential,
        ),
        Method(
            name="vote",
            label="Majority vote",
            source="Kim, Roh, Dong & Lee 2016",
            family="unweighted",
            fitter=lambda evidence: fusion.vote(*evidence.size),
            space="rank",
            uses_validation=False,
        ),
    ]
    return {method.name: method for method in methods}


METHODS: Mapping[str, Method] = _catalogue()


def method(name: str) -> Method:
    """The method called `name`; PredictionsError with the nearest match where there is none."""
    if name in METHODS:
        return METHODS[name]
    near = get_close_matches(name, METHODS, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise PredictionsError(f"there is no method {name!r}{hint}: accepted are {', '.join(METHODS)}")
