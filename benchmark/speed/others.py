"""The tasks of `benchmark.speed.ensembles` by other libraries and as plain numpy loops.

Every library is imported where it is called, so that none has to be installed.

Shapes: M members, N images, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import combinations

import numpy as np

from ensembles import fusion
from ensembles.metrics import SMALLEST_PROBABILITY
from ensembles.predictions import Bools, Floats, Ints, Validation
from ensembles.selection import Goal

AUTOGLUON_ROUNDING = 1e-6
"""AutoGluon compares scores rounded to six decimals."""


@dataclass(frozen=True)
class _Prefitted:
    """A scikit-learn classifier of one member: its cached probabilities, whatever it is shown."""

    probabilities: Floats

    def predict_proba(self, images: Ints) -> Floats:
        return self.probabilities[images[:, 0]]


def voting_classifier(validation: Validation) -> Floats:
    """Probabilities (N, C) of scikit-learn's soft VotingClassifier over prefitted members."""
    ensemble = import_module("sklearn.ensemble")
    probabilities = fusion.softmax(validation.logits)
    members = [_Prefitted(some) for some in probabilities]
    voting = ensemble.VotingClassifier(list(zip(validation.members, members, strict=True)))
    voting.voting, voting.estimators_ = "soft", members
    voting.classes_ = np.arange(len(validation.classes))
    images = np.arange(len(validation.labels))[:, None]
    return np.asarray(voting.predict_proba(images))


def average_loop(validation: Validation) -> Floats:
    """Mean probabilities (N, C), one member after the other."""
    total = np.zeros(validation.logits.shape[1:])
    for logits in validation.logits:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        total += powers / powers.sum(axis=1, keepdims=True)
    return np.asarray(total / len(validation.logits))


def autogluon(probabilities: Floats, labels: Ints, goal: Goal, rounds: int) -> tuple[int, ...]:
    """Members in the order in which AutoGluon's greedy ensemble selection takes them."""
    selection = import_module("autogluon.core.models.greedy_ensemble.ensemble_selection")
    metric = getattr(import_module("autogluon.core.metrics"), goal)
    fitted = selection.EnsembleSelection(
        ensemble_size=rounds, problem_type="multiclass", metric=metric
    ).fit(predictions=list(probabilities), labels=labels)
    return tuple(int(i) for i in fitted.indices_)


def _score(fused: Floats, labels: Ints, goal: Goal) -> tuple[float, float]:
    """What greedy selection minimises, and what decides between equals."""
    true = np.maximum(fused[np.arange(len(labels)), labels], SMALLEST_PROBABILITY)
    loss = -float(np.log(true).mean())
    wrong = float((fused.argmax(axis=1) != labels).mean())
    return (loss, 0.0) if goal == "log_loss" else (wrong, loss)


def always_takes_a_best(
    order: Sequence[int], probabilities: Floats, labels: Ints, goal: Goal
) -> bool:
    """Whether each member of a greedy order is, after those before it, one of the best to add."""
    total = np.zeros(probabilities.shape[1:])
    for size, taken in enumerate(order, 1):
        scores = [_score((total + some) / size, labels, goal)[0] for some in probabilities]
        if scores[taken] > min(scores) + AUTOGLUON_ROUNDING:
            return False
        total += probabilities[taken]
    return True


def greedy_loop(probabilities: Floats, labels: Ints, goal: Goal, rounds: int) -> Floats:
    """Caruana's selection as it is usually written, scoring all anew each round: weights (M,)."""
    total = np.zeros(probabilities.shape[1:])
    order, reached = [], []
    for size in range(1, rounds + 1):
        scores = [_score((total + some) / size, labels, goal) for some in probabilities]
        best = min(range(len(scores)), key=scores.__getitem__)
        order.append(best)
        reached.append(scores[best][0])
        total += probabilities[best]
    taken = order[: reached.index(min(reached)) + 1]
    return np.bincount(taken, minlength=len(probabilities)) / len(taken)


def deslib(predicted: Ints, labels: Ints) -> Floats:
    """DESlib's Q-statistic of each pair of members, from predicted classes (M, N)."""
    measures = import_module("deslib.util.diversity")
    pairs = combinations(predicted, 2)
    return np.array([measures.Q_statistic(labels, one, other) for one, other in pairs])


def mlxtend(predicted: Ints, labels: Ints) -> Floats:
    """mlxtend's exact McNemar p-value of each pair of members, from predicted classes (M, N)."""
    evaluate = import_module("mlxtend.evaluate")
    tables = (
        evaluate.mcnemar_table(labels, one, other) for one, other in combinations(predicted, 2)
    )
    return np.array([evaluate.mcnemar(table, exact=True)[1] for table in tables])


def scipy_bootstrap(correct: Bools, draws: int) -> Floats:
    """scipy's percentile interval of each member's accuracy (M, 2), from right answers (M, N)."""
    stats = import_module("scipy.stats")
    intervals = []
    for row in correct:
        found = stats.bootstrap((row,), np.mean, n_resamples=draws, method="percentile", batch=100)
        intervals.append(tuple(found.confidence_interval))
    return np.array(intervals)


def subsets_loop(validation: Validation) -> Ints:
    """Images right for the average of every subset, by bit mask from 1."""
    probabilities = fusion.softmax(validation.logits)
    members = np.arange(len(probabilities))
    return np.array(
        [
            (
                probabilities[(mask >> members) & 1 == 1].mean(axis=0).argmax(axis=1)
                == validation.labels
            ).sum()
            for mask in range(1, 1 << len(members))
        ]
    )
