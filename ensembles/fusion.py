"""From the logits of M members to one set of probabilities: the only place where that happens.

Shapes: M members, N images, C classes. A `Combiner` is what remains of a fitted method: give it
logits (M, N, C) of any images and it returns probabilities (N, C).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ensembles.predictions import Bools, Floats, PredictionsError

Space: TypeAlias = Literal["probability", "logit"]
"""Where a weighted sum is taken. `logit` sums log-probabilities, which equals summing logits
wherever a member has one weight, and does not depend on the arbitrary offset of its logits."""

TIE_BONUS = 1e-9
"""Points added to the winner of a tie, so that the highest probability names the winner."""


def _shifted_classes_first(logits: npt.ArrayLike) -> Floats:
    """Logits (..., C) as (C, ...), float64, the highest of each image at zero.

    Sums over a last axis of seven are ten times slower than over a first one.
    """
    values = np.asarray(logits, dtype=np.float64)
    first = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    return np.asarray(first - first.max(axis=0))


def log_softmax(logits: npt.ArrayLike) -> Floats:
    """Log-probabilities along the last axis, float64, finite for any finite logits."""
    shifted = _shifted_classes_first(logits)
    shifted -= np.log(np.exp(shifted).sum(axis=0))
    return np.ascontiguousarray(np.moveaxis(shifted, 0, -1))


def softmax(logits: npt.ArrayLike) -> Floats:
    """Probabilities along the last axis, float64, summing to one for any finite logits."""
    powers = np.exp(_shifted_classes_first(logits))
    powers /= powers.sum(axis=0)
    return np.ascontiguousarray(np.moveaxis(powers, 0, -1))


@dataclass(frozen=True, eq=False)
class Outputs:
    """Logits (M, N, C) and what follows from them, each computed at most once."""

    logits: Floats
    _scaled: dict[bytes, Outputs] = field(default_factory=dict, repr=False)

    @cached_property
    def probabilities(self) -> Floats:
        """(M, N, C), each row summing to one."""
        return softmax(self.logits)

    @cached_property
    def log_probabilities(self) -> Floats:
        """(M, N, C), finite."""
        return log_softmax(self.logits)

    def in_space(self, space: Space) -> Floats:
        """Probabilities or log-probabilities (M, N, C)."""
        return self.probabilities if space == "probability" else self.log_probabilities

    def scaled(self, temperatures: Floats) -> Outputs:
        """The same members with their logits divided by one temperature (M,) each."""
        key = temperatures.tobytes()
        if key not in self._scaled:
            self._scaled[key] = Outputs(self.logits / temperatures[:, None, None])
        return self._scaled[key]


Rule: TypeAlias = Callable[[Outputs], Floats]
"""Outputs of M members in, probabilities (N, C) out."""


@dataclass(frozen=True, eq=False)
class Combiner:
    """A fitted way to combine M members. Holds numbers only, never the images it was fitted on.

    shape: (M, C). weights: (M,) or (M, C) where the combination is linear in probabilities or
    log-probabilities, else None. chosen: indices of the members that take part. detail: what was
    chosen, for tables ('q = 12.4'). temperatures: (M,) that divide the logits first, or None.
    """

    rule: Rule
    shape: tuple[int, int]
    chosen: tuple[int, ...]
    weights: Floats | None = None
    detail: str = ""
    temperatures: Floats | None = None

    def __call__(self, logits: npt.ArrayLike) -> Floats:
        """Probabilities (N, C), rows summing to one, of logits (M, N, C)."""
        return self.combine(Outputs(np.asarray(logits, dtype=np.float64)))

    def combine(self, outputs: Outputs) -> Floats:
        """As calling it, on outputs whose probabilities may already be computed."""
        found = outputs.logits.shape
        if len(found) != 3 or (found[0], found[2]) != self.shape:
            raise PredictionsError(
                f"the combiner was fitted on {self.shape[0]} members and {self.shape[1]} classes "
                f"but the logits have shape {found}: accepted is "
                f"({self.shape[0]}, images, {self.shape[1]})"
            )
        if self.temperatures is not None:
            outputs = outputs.scaled(self.temperatures)
        return self.rule(outputs)

    def with_temperatures(self, temperatures: Floats) -> Combiner:
        """The same combination of members whose logits are first divided by `temperatures`."""
        span = f"T = {temperatures.min():.2f} to {temperatures.max():.2f}"
        detail = f"{self.detail}; {span}" if self.detail else span
        return dataclasses.replace(self, temperatures=temperatures, detail=detail)


def _normalised(values: Floats) -> Floats:
    return np.asarray(values / values.sum(axis=-1, keepdims=True))


def weighted_sum(outputs: Outputs, weights: Floats, space: Space) -> Floats:
    """Σ_m w_m p_m or Σ_m w_{m,c} p_{m,c}, renormalised; in logit space of log p, then softmax."""
    values = outputs.in_space(space)
    if weights.ndim == 1:
        fused = np.tensordot(weights, values, axes=1)
    else:
        fused = np.einsum("mc,mnc->nc", weights, values)
    return softmax(fused) if space == "logit" else _normalised(fused)


def linear(
    weights: npt.ArrayLike, classes: int, space: Space = "probability", detail: str = ""
) -> Combiner:
    """Combiner of fixed weights (M,) or (M, C), non-negative, scaled to sum to one over members."""
    values = np.asarray(weights, dtype=np.float64)
    values = values / values.sum(axis=0)
    used = values > 0 if values.ndim == 1 else (values > 0).any(axis=1)
    return Combiner(
        rule=partial(weighted_sum, weights=values, space=space),
        shape=(len(values), classes),
        chosen=tuple(int(i) for i in np.flatnonzero(used)),
        weights=values,
        detail=detail,
    )


def median_of(probabilities: Floats) -> Floats:
    """Median over members (M, N, C) of each class's probability, renormalised."""
    middle = np.median(probabilities, axis=0)
    total = middle.sum(axis=-1, keepdims=True)
    # All medians can be zero when confident members disagree: then every class is as likely.
    return np.where(total > 0, middle / np.where(total > 0, total, 1.0), 1.0 / middle.shape[-1])


def _points_to_probabilities(points: Floats, tie_scores: Floats) -> Floats:
    """Shares of points (N, C); a tie at the top goes to the higher tie score, then lower class."""
    tied: Bools = points == points.max(axis=1, keepdims=True)
    winner = np.where(tied, tie_scores, -np.inf).argmax(axis=1)
    decided = points.astype(np.float64)
    decided[np.arange(len(points)), winner] += TIE_BONUS
    return _normalised(decided)


def vote_of(probabilities: Floats) -> Floats:
    """Share of members (M, N, C) voting for each class.

    Ties go to the class whose voters give it the higher mean probability (Kim et al. 2016).
    """
    classes = probabilities.shape[-1]
    choice = probabilities.argmax(axis=-1)  # (M, N)
    voted = choice[:, :, None] == np.arange(classes)  # (M, N, C)
    votes = voted.sum(axis=0)
    of_voters = np.where(voted, probabilities, 0.0).sum(axis=0) / np.maximum(votes, 1)
    return _points_to_probabilities(votes, of_voters)


def borda_of(outputs: Outputs) -> Floats:
    """Share of Borda points: a class gets one from each member for each class it ranks below.

    Equal logits share the points. Ties at the top go to the higher mean probability.
    """
    logits = outputs.logits
    points = np.zeros(logits.shape[1:])
    for other in range(logits.shape[-1]):
        rival = logits[:, :, other : other + 1]
        points += (logits > rival).sum(axis=0) + 0.5 * (logits == rival).sum(axis=0)
    points -= 0.5 * len(logits)  # every class ties with itself
    return _points_to_probabilities(points, outputs.probabilities.mean(axis=0))


def _median_rule(outputs: Outputs) -> Floats:
    return median_of(outputs.probabilities)


def _vote_rule(outputs: Outputs) -> Floats:
    return vote_of(outputs.probabilities)


def _of_all(rule: Rule, members: int, classes: int) -> Combiner:
    return Combiner(rule=rule, shape=(members, classes), chosen=tuple(range(members)))


def average(members: int, classes: int) -> Combiner:
    """Mean of the members' probabilities (soft voting)."""
    return linear(np.ones(members), classes)


def geometric(members: int, classes: int) -> Combiner:
    """Mean of the members' logits: the renormalised geometric mean of their probabilities."""
    return linear(np.ones(members), classes, "logit")


def median(members: int, classes: int) -> Combiner:
    """Median of the members' probabilities of each class, renormalised."""
    return _of_all(_median_rule, members, classes)


def vote(members: int, classes: int) -> Combiner:
    """Majority vote."""
    return _of_all(_vote_rule, members, classes)


def borda(members: int, classes: int) -> Combiner:
    """Borda count over the members' rankings of the classes."""
    return _of_all(borda_of, members, classes)
