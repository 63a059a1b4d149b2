"""What a prediction is worth: pure functions of probabilities (N, C) and labels (N,).

The predicted class is the one of highest probability, the lowest such class on a tie. Functions
named after a count of right answers take predicted classes (N,); those that judge probabilities
take probabilities. Definitions agree with scikit-learn's, which the tests use as oracle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensembles.predictions import Floats, Ints

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Probabilities below it count as it in the log loss (2.2e-16: at most 36 nats for one image)."""

ECE_BINS = 15
"""Equal-width bins of confidence (Guo et al. 2017)."""


@dataclass(frozen=True)
class Average:
    """Precision, recall and F1 averaged over the classes; support is the number of images."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, eq=False)
class ClassReport:
    """Precision, recall and F1 of each class, in class order; 0 where the ratio is undefined.

    precision, recall, f1: (C,) in [0, 1]. support: (C,) images of each class. `macro` averages over
    the classes that occur among labels or predictions, `weighted` by support.
    """

    precision: Floats
    recall: Floats
    f1: Floats
    support: Ints
    accuracy: float
    macro: Average
    weighted: Average


def predicted_classes(probabilities: Floats) -> Ints:
    """Class of highest probability along the last axis; ties go to the lowest class."""
    return np.asarray(probabilities.argmax(axis=-1), dtype=np.int64)


def confusion_matrix(predicted: Ints, labels: Ints, classes: int) -> Ints:
    """Counts (C, C): rows are true classes, columns predicted ones."""
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def accuracy(predicted: Ints, labels: Ints) -> float:
    """Share of images whose predicted class is the true one."""
    return float(np.mean(predicted == labels))


def recalls(predicted: Ints, labels: Ints, classes: int) -> Floats:
    """Accuracy on the images of each class (C,); NaN where a class has no image."""
    right = np.bincount(labels[predicted == labels], minlength=classes)
    support = np.bincount(labels, minlength=classes)
    return np.where(support > 0, right / np.maximum(support, 1), np.nan)


def balanced_accuracy(predicted: Ints, labels: Ints, classes: int) -> float:
    """Mean recall of the classes that have images."""
    return float(np.nanmean(recalls(predicted, labels, classes)))


def classification_report(predicted: Ints, labels: Ints, classes: int) -> ClassReport:
    """Per-class precision, recall and F1 with macro and weighted averages."""
    counts = confusion_matrix(predicted, labels, classes)
    right = np.diag(counts)
    support, chosen = counts.sum(axis=1), counts.sum(axis=0)
    precision = right / np.maximum(chosen, 1)
    recall = right / np.maximum(support, 1)
    f1 = 2 * right / np.maximum(support + chosen, 1)
    present = (support + chosen) > 0
    shares = support / support.sum()

    def averaged(weights: Floats) -> Average:
        return Average(
            precision=float(weights @ precision),
            recall=float(weights @ recall),
            f1=float(weights @ f1),
            support=int(support.sum()),
        )

    return ClassReport(
        precision=precision,
        recall=recall,
        f1=f1,
        support=support,
        accuracy=float(right.sum() / support.sum()),
        macro=averaged(present / present.sum()),
        weighted=averaged(shares),
    )


def macro_f1(predicted: Ints, labels: Ints, classes: int) -> float:
    """Mean F1 of the classes that occur among labels or predictions."""
    return classification_report(predicted, labels, classes).macro.f1


def log_loss(probabilities: Floats, labels: Ints) -> float:
    """Mean of −log p(true class), in nats.

    A probability of zero for the true class would make one image outweigh the whole split, so
    probabilities are clipped at `SMALLEST_PROBABILITY`, as scikit-learn does.
    """
    true = probabilities[np.arange(len(labels)), labels]
    return float(-np.mean(np.log(np.clip(true, SMALLEST_PROBABILITY, 1.0))))


def brier(probabilities: Floats, labels: Ints) -> float:
    """Mean over images of Σ_c (p_c − [c is true])², in [0, 2] (Brier 1950)."""
    true = probabilities[np.arange(len(labels)), labels]
    squares = np.einsum("nc,nc->n", probabilities, probabilities)
    return float(np.mean(squares - 2.0 * true + 1.0))


def expected_calibration_error(probabilities: Floats, labels: Ints, bins: int = ECE_BINS) -> float:
    """Mean gap between confidence and accuracy, weighted by images per bin (Guo et al. 2017).

    Confidence is the highest probability. Bins are (0, 1/b], (1/b, 2/b], ..., equally wide.
    """
    confidence = probabilities.max(axis=1)
    right = predicted_classes(probabilities) == labels
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def top_k_accuracy(probabilities: Floats, labels: Ints, k: int) -> float:
    """Share of images whose true class is among the k most probable, the lower class on a tie."""
    true = probabilities[np.arange(len(labels)), labels][:, None]
    lower = np.arange(probabilities.shape[1]) < labels[:, None]
    ahead = (probabilities > true) | ((probabilities == true) & lower)
    return float(np.mean(ahead.sum(axis=1) < k))
