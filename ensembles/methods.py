"""The catalogue of ways to combine members: name, source and how each is fitted.

To add one, write a function `Evidence -> Combiner` (with a `space` argument where both make sense)
and add an `_Idea` below; tables, statistics and tests pick it up from there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Literal, TypeAlias

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ensembles import committee, fusion, selection, stacking, weighting
from ensembles.evidence import Evidence
from ensembles.fusion import Combiner
from ensembles.predictions import PredictionsError, Validation
from ensembles.subset_kernel import MOST_MEMBERS

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
    each member's temperature is fitted first. variant: whether it is another method taken of
    logits or after calibration. slow_with: numbers of members with which fitting it a score of
    times takes longer than all other methods together.
    """

    name: str
    label: str
    source: str
    family: Family
    fitter: Fitter
    space: MethodSpace = "probability"
    uses_validation: bool = True
    calibrated: bool = False
    variant: bool = False
    slow_with: range = range(0)

    def fit(self, validation: Validation, *, families: Mapping[str, str] | None = None) -> Combiner:
        """Fit on the validation split; `TypeError` for any other, `PredictionsError` if it cannot.

        families: member name → architecture family, used by the hierarchical committee.
        """
        with threadpool_limits(limits=1, user_api="blas"):  # as in `scoring.compare`
            return self.fit_on(Evidence(validation, families))

    def fit_on(self, evidence: Evidence) -> Combiner:
        """As `fit`, on evidence that several methods share (softmax, temperatures once for all)."""
        if evidence.size[0] < 2 and self.family != "reference":
            raise PredictionsError(
                f"the method {self.name!r} was given one member: accepted are at least two"
            )
        if not self.calibrated:
            return self.fitter(evidence)
        return self.fitter(evidence.calibrated).with_temperatures(evidence.temperatures)


CORE = ("single_best", "average", "accuracy", "per_class", "exponential", "vote")
"""What the papers compare."""

FEW_MEMBERS = 12
"""Up to so many members every method is fitted in a fraction of a second."""
FIXED_EXPONENTS = (10.0, 50.0)
FIXED_SIZES = (3, 5)
"""Instances in the catalogue of methods that exist for any number: see `method`."""

_KIM = "Kim, Roh, Dong & Lee 2016"
_CARUANA = "Caruana, Niculescu-Mizil, Crew & Ksikes 2004"
_KITTLER = "Kittler, Hatef, Duin & Matas 1998"
_BOTH: tuple[MethodSpace, ...] = ("probability", "logit")


@dataclass(frozen=True, kw_only=True)
class _Idea:
    """A method before its variants. `fit` takes a `space` where `spaces` has two."""

    name: str
    label: str
    source: str
    family: Family
    fit: Callable[..., Combiner]
    spaces: tuple[MethodSpace, ...] = _BOTH
    calibrates: bool = True
    uses_validation: bool = True
    slow_with: range = range(0)

    def variants(self) -> Iterator[Method]:
        """One method for each space, with and without temperatures."""
        for calibrated in (False, True) if self.calibrates else (False,):
            for space in self.spaces:
                second = space == "logit" and len(self.spaces) > 1
                suffix = ("_logit" if second else "") + ("_calibrated" if calibrated else "")
                notes = ["logits"] * second + ["calibrated"] * calibrated
                fitter = self.fit if len(self.spaces) == 1 else partial(self.fit, space=space)
                yield Method(
                    name=self.name + suffix,
                    label=f"{self.label} ({', '.join(notes)})" if notes else self.label,
                    source=self.source + ("; temperatures: Guo et al. 2017" * calibrated),
                    family=self.family,
                    fitter=fitter,
                    space=space,
                    uses_validation=self.uses_validation or calibrated,
                    calibrated=calibrated,
                    variant=bool(notes),
                    slow_with=self.slow_with,
                )


def _unweighted(evidence: Evidence, rule: Callable[[int, int], Combiner]) -> Combiner:
    return rule(*evidence.size)


def _unweighted_idea(
    name: str, label: str, rule: Callable[[int, int], Combiner], space: MethodSpace, source: str
) -> _Idea:
    return _Idea(
        name=name,
        label=label,
        source=source,
        family="unweighted",
        fit=partial(_unweighted, rule=rule),
        spaces=(space,),
        calibrates=space != "rank",  # a temperature changes no member's ranking
        uses_validation=False,
    )


def _exponential_idea(q: float) -> _Idea:
    return _Idea(
        name=f"exponential_q{q:g}",
        label=f"Exponential, q = {q:g}",
        source=_KIM,
        family="weighted",
        fit=partial(weighting.exponential, q=q),
    )


def _top_idea(k: int) -> _Idea:
    return _Idea(
        name=f"top_{k}",
        label=f"Best {k} members",
        source="the k members of highest validation accuracy",
        family="selection",
        fit=partial(selection.top_k, k=k),
    )


def _weighted_ideas() -> Iterator[_Idea]:
    yield _Idea(
        name="accuracy",
        label="Accuracy-weighted",
        source=f"weights proportional to validation accuracy (VA-Simple-WA of {_KIM})",
        family="weighted",
        fit=weighting.accuracy,
    )
    yield _Idea(
        name="per_class",
        label="Per-class weighted",
        source="weights of each class proportional to validation recall",
        family="weighted",
        fit=weighting.per_class,
    )
    yield _Idea(
        name="exponential",
        label="Exponential, q searched",
        source=f"VA-Expo-WA of {_KIM}",
        family="weighted",
        fit=weighting.exponential,
    )
    yield from map(_exponential_idea, FIXED_EXPONENTS)


def _selection_ideas() -> Iterator[_Idea]:
    yield _Idea(
        name="top_k",
        label="Best k members, k searched",
        source="the k members of highest validation accuracy",
        family="selection",
        fit=selection.top_k,
    )
    yield from map(_top_idea, FIXED_SIZES)
    yield _Idea(
        name="greedy",
        label="Greedy selection",
        source=_CARUANA,
        family="selection",
        fit=selection.greedy,
    )
    yield _Idea(
        name="greedy_log_loss",
        label="Greedy selection by log loss",
        source=_CARUANA,
        family="selection",
        fit=partial(selection.greedy, goal="log_loss"),
        spaces=("probability",),
    )
    yield _Idea(
        name="greedy_bagged",
        label="Bagged greedy selection",
        source=_CARUANA,
        family="selection",
        fit=selection.greedy_bagged,
    )
    yield _Idea(
        name="best_subset",
        label="Best subset",
        source="every subset of up to 20 members counted, a greedy search above",
        family="selection",
        fit=selection.best_subset,
        slow_with=range(FEW_MEMBERS + 1, MOST_MEMBERS + 1),  # above, it is a quick search
    )


def _learned_ideas() -> Iterator[_Idea]:
    yield _Idea(
        name="convex",
        label="Convex weights by log loss",
        source="linear and logarithmic opinion pools",
        family="learned",
        fit=stacking.convex,
    )
    yield _Idea(
        name="stacking",
        label="Stacking (logistic regression)",
        source="Wolpert 1992",
        family="learned",
        fit=stacking.stacking,
        spaces=("logit",),
        calibrates=False,  # its coefficients already scale each member
        slow_with=range(FEW_MEMBERS + 1, sys.maxsize),
    )


def _committee_ideas() -> Iterator[_Idea]:
    insides: tuple[committee.Inside, ...] = ("exponential", "average")
    acrosses: tuple[committee.Across, ...] = ("mean", "median", "vote")
    for inside in insides:
        for across in acrosses:
            yield _Idea(
                name=f"committee_{inside}_{across}",
                label=f"Committee, {inside} then {across}",
                source=f"hierarchical committee of {_KIM}",
                family="committee",
                fit=partial(committee.committee, inside=inside, across=across),
                spaces=("probability",),
            )


def _ideas() -> Iterator[_Idea]:
    yield _Idea(
        name="single_best",
        label="Best single member",
        source="the member of highest validation accuracy",
        family="reference",
        fit=selection.single_best,
        spaces=("probability",),
    )
    yield _unweighted_idea("average", "Simple average", fusion.average, "probability", _KITTLER)
    yield _unweighted_idea("geometric", "Geometric mean", fusion.geometric, "logit", _KITTLER)
    yield _unweighted_idea("median", "Median", fusion.median, "probability", _KITTLER)
    yield _unweighted_idea("vote", "Majority vote", fusion.vote, "rank", f"ties as in {_KIM}")
    yield _unweighted_idea("borda", "Borda count", fusion.borda, "rank", "Ho, Hull & Srihari 1994")
    yield from _weighted_ideas()
    yield from _selection_ideas()
    yield from _learned_ideas()
    yield from _committee_ideas()


METHODS: Mapping[str, Method] = {one.name: one for idea in _ideas() for one in idea.variants()}
"""Every method by name, in the order of tables that are not sorted by score."""

_NUMBERED = re.compile(
    r"(?:exponential_q(?P<q>-?\d+(?:\.\d+)?)|top_(?P<k>[1-9]\d*))(?:_logit)?(?:_calibrated)?"
)


def method(name: str) -> Method:
    """The method called `name`: one of `METHODS`, `exponential_q<number>` or `top_<number>`.

    Raises PredictionsError, naming the nearest match, where there is none.
    """
    if name in METHODS:
        return METHODS[name]
    numbered = _NUMBERED.fullmatch(name)
    if numbered:
        q, k = numbered["q"], numbered["k"]
        idea = _exponential_idea(float(q)) if q else _top_idea(int(k))
        for one in idea.variants():
            if one.name == name:
                return one
    near = get_close_matches(name, METHODS, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise PredictionsError(
        f"there is no method {name!r}{hint}: accepted are exponential_q<number>, top_<number>, "
        f"{', '.join(METHODS)}"
    )
