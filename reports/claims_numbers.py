"""A number of ours with its interval, why there is none, and what one member's answers measure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ensembles import metrics
from ensembles.fusion import log_softmax, softmax
from ensembles.predictions import Floats, Ints, Predictions
from ensembles.scoring import interval
from ensembles.significance import LEVEL, percentile_interval

DRAWS = 2000
"""Bootstrap samples of confusion matrices."""
BOOTSTRAP = "bootstrap over images"
RECENTRED = f"re-centred {BOOTSTRAP}"
PAIRED = f"paired {BOOTSTRAP}"
PAIRS = f"{PAIRED}, pair by pair"
NORMAL = "normal approximation over images"
EXACT = "none: a count"


@dataclass(frozen=True)
class Ours:
    """Our value with its 95 % interval; `interval` says how that was computed."""

    value: float
    low: float
    high: float
    interval: str

    @classmethod
    def exact(cls, value: float) -> Ours:
        """A value that no sampling of images moves."""
        return cls(value, value, value, EXACT)

    @classmethod
    def drawn(cls, value: float, draws: Floats) -> Ours:
        """A value with the interval of its paired bootstrap draws (D,)."""
        low, high = percentile_interval(draws)
        return cls(value, float(low), float(high), PAIRED)

    @classmethod
    def lowest(cls, values: Floats, draws: Floats) -> Ours:
        """The smallest of several differences (P,), from their paired bootstrap draws (P, D).

        Taken anew in every draw, the smallest of several that are nearly equal lies too low in
        nearly all of them. So each pair has an interval of its own: the smallest true difference is
        below a bound only where its own pair's is too (intersection-union, Berger 1982), and above
        the lowest upper bound where any pair is, whence the upper error is shared out among them.
        """
        low, _ = percentile_interval(draws)
        _, high = percentile_interval(draws, 1.0 - (1.0 - LEVEL) / len(values))
        return cls(float(values.min()), float(low.min()), float(high.min()), PAIRS)

    def mirrored(self) -> Ours:
        """Of the same differences taken the other way round."""
        return Ours(-self.value, -self.high, -self.low, self.interval)


@dataclass(frozen=True, eq=False)
class Gap:
    """A difference of two accuracies, and of their bootstrap draws (D,) on the same images."""

    value: float
    draws: Floats


@dataclass(frozen=True)
class Absent:
    """Why there is no counterpart, in one sentence."""

    reason: str


@dataclass(frozen=True, eq=False)
class Answers:
    """What one member answers on one split, with bootstrap samples of its confusion matrix.

    Resampling N images draws the cells of the matrix from a multinomial distribution, so every
    metric of classes gets its interval from the same samples without touching an image.
    """

    logits: Floats
    """(N, C)"""
    labels: Ints
    classes: tuple[str, ...]

    @classmethod
    def of(cls, predictions: Predictions, member: str) -> Answers:
        """The answers of the member called `member`."""
        position = predictions.members.index(member)
        return cls(predictions.logits[position], predictions.labels, predictions.classes)

    @cached_property
    def counts(self) -> Ints:
        """Confusion matrix (C, C)."""
        predicted = metrics.predicted_classes(self.logits)
        return metrics.confusion_matrix(predicted, self.labels, len(self.classes))

    @cached_property
    def drawn(self) -> Ints:
        """Resampled confusion matrices (B, C, C)."""
        n, c = len(self.labels), len(self.classes)
        rng = np.random.default_rng(0)
        return rng.multinomial(n, self.counts.ravel() / n, size=DRAWS).reshape(-1, c, c)

    def measure(self, metric: str, label: str = "") -> Ours | Absent:
        """A metric by the name that the published figures use, of one class or of all."""
        if label and label not in self.classes:
            return Absent(f"This study has no class {label!r}.")
        n = len(self.labels)
        if metric == "accuracy":
            right = int(np.trace(self.counts))
            return Ours(right / n, *interval(right, n), BOOTSTRAP)
        if metric == "log_loss":
            return self._log_loss()
        position = self.classes.index(label) if label else None
        if metric.endswith("support"):
            return Ours.exact(n if position is None else int(self.counts[position].sum()))
        value = _measured(self.counts[None], metric, position)[0]
        low, high = np.quantile(_measured(self.drawn, metric, position), [0.025, 0.975])
        return Ours(float(value), float(low), float(high), BOOTSTRAP)

    def _log_loss(self) -> Ours:
        value = metrics.log_loss(softmax(self.logits), self.labels)
        losses = log_softmax(self.logits)[np.arange(len(self.labels)), self.labels]
        error = 1.96 * float(losses.std()) / len(self.labels) ** 0.5
        return Ours(value, value - error, value + error, NORMAL)


def _measured(counts: Ints, metric: str, position: int | None) -> Floats:
    """A metric of each of B confusion matrices (B, C, C): (B,). Undefined ratios are 0."""
    right = np.diagonal(counts, axis1=1, axis2=2)
    support, chosen = counts.sum(axis=2), counts.sum(axis=1)  # (B, C)
    per_class = {
        "precision": right / np.maximum(chosen, 1),
        "recall": right / np.maximum(support, 1),
        "f1": 2 * right / np.maximum(support + chosen, 1),
    }
    kind, _, name = metric.rpartition("_")
    values = per_class[name]
    if position is not None:
        return np.asarray(values[:, position])
    weights = {"macro": np.ones_like(support), "weighted": support}
    if kind in weights:
        return np.asarray((values * weights[kind]).sum(axis=1) / weights[kind].sum(axis=1))
    return np.asarray(values.min(axis=1) if kind == "lowest" else values.max(axis=1))
