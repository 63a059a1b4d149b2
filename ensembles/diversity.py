"""How differently members err: five pairwise measures, all pairs by matrix products.

Definitions after Kuncheva & Whitaker 2003, "Measures of diversity in classifier ensembles"; kappa
after Cohen 1960, of the predicted classes, as in Margineantu & Dietterich 1997.

Shapes: M members, N images, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensembles import metrics
from ensembles.fusion import softmax
from ensembles.predictions import (
    Bools,
    Floats,
    Ints,
    Predictions,
    Test,
    Validation,
    require_validation,
)


@dataclass(frozen=True, eq=False)
class Diversity:
    """Pairwise measures (M, M), symmetric, of members on one split.

    disagreement: share of images on which exactly one of both is right. double_fault: on which
    both are wrong. q_statistic: Yule's Q of being right, in [-1, 1]. kappa: Cohen's kappa of the
    predicted classes. correlation: Pearson correlation of being wrong. The last three are NaN where
    they are undefined (a member that is right on all images, or on none).
    """

    members: tuple[str, ...]
    disagreement: Floats
    double_fault: Floats
    q_statistic: Floats
    kappa: Floats
    correlation: Floats


@dataclass(frozen=True, kw_only=True)
class Partners:
    """Two members and their plain average. Accuracies in [0, 1].

    gain: accuracy of the average minus that of the better of both, on each split.
    """

    first: str
    second: str
    validation_accuracy: float
    validation_gain: float
    test_accuracy: float
    test_gain: float
    disagreement: float
    double_fault: float


def _ratio(above: Floats, below: Floats) -> Floats:
    defined = below != 0
    return np.asarray(np.where(defined, above / np.where(defined, below, 1.0), np.nan))


def of_correct(correct: Bools) -> tuple[Floats, Floats, Floats, Floats]:
    """Disagreement, double fault, Q-statistic, correlation (M, M) of right answers (M, N)."""
    images = correct.shape[1]
    right = correct.astype(np.float64)
    both = right @ right.T  # (M, M), as all the following
    alone = right.sum(axis=1)
    one = alone[:, None] - both  # the first right, the second wrong
    none = images - both - one - one.T
    q = _ratio(both * none - one * one.T, both * none + one * one.T)
    spread = alone * (images - alone)
    correlation = _ratio(images * both - np.outer(alone, alone), np.sqrt(np.outer(spread, spread)))
    return (one + one.T) / images, none / images, q, correlation


def kappa_of(predicted: Ints, classes: int) -> Floats:
    """Cohen's kappa (M, M) between members' predicted classes (M, N)."""
    members, images = predicted.shape
    chosen = (predicted[:, :, None] == np.arange(classes)).astype(np.float64)  # (M, N, C)
    flat = chosen.reshape(members, -1)
    agreed = flat @ flat.T / images
    shares = chosen.mean(axis=1)  # (M, C)
    chance = shares @ shares.T
    return _ratio(agreed - chance, 1.0 - chance)


def diversity(predictions: Predictions) -> Diversity:
    """All pairwise measures of the members on one split."""
    predicted = metrics.predicted_classes(predictions.logits)
    disagreement, double_fault, q, correlation = of_correct(predicted == predictions.labels)
    kappa = kappa_of(predicted, len(predictions.classes))
    return Diversity(predictions.members, disagreement, double_fault, q, kappa, correlation)


def _pair_accuracies(predictions: Predictions) -> Floats:
    """Accuracy of the plain average of each pair (M, M); of the member alone on the diagonal."""
    probabilities = softmax(predictions.logits)
    members = len(probabilities)
    accuracies: Floats = np.empty((members, members))
    for i in range(members):
        for j in range(i, members):
            predicted = metrics.predicted_classes(probabilities[i] + probabilities[j])
            accuracies[i, j] = accuracies[j, i] = metrics.accuracy(predicted, predictions.labels)
    return accuracies


def partners(validation: Validation, test: Test) -> tuple[Partners, ...]:
    """All pairs of members, those first whose average gains most on validation.

    Raises TypeError where `validation` is another split: which pair is best is a choice.
    """
    require_validation(validation)
    measures = diversity(validation)
    on_validation, on_test = _pair_accuracies(validation), _pair_accuracies(test)
    pairs = [
        Partners(
            first=validation.members[i],
            second=validation.members[j],
            validation_accuracy=float(on_validation[i, j]),
            validation_gain=float(
                on_validation[i, j] - max(on_validation[i, i], on_validation[j, j])
            ),
            test_accuracy=float(on_test[i, j]),
            test_gain=float(on_test[i, j] - max(on_test[i, i], on_test[j, j])),
            disagreement=float(measures.disagreement[i, j]),
            double_fault=float(measures.double_fault[i, j]),
        )
        for i in range(len(validation.members))
        for j in range(i + 1, len(validation.members))
    ]
    return tuple(sorted(pairs, key=lambda pair: -pair.validation_gain))
