"""Which figures a report has, and where their numbers come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ensembles.fusion import softmax
from ensembles.metrics import ECE_BINS, predicted_classes
from ensembles.predictions import Floats, Ints
from ensembles.scoring import Score
from reports import figures, figures_ensembles
from reports.drawing import Drawing
from reports.figures import NEGATIVE, POSITIVE
from reports.figures_ensembles import CostPoint, Interval
from reports.findings import Findings

COSTS = {
    "macs": "multiply-accumulates for one image (millions)",
    "train_seconds": "training (seconds)",
}
"""Fields of a record that are added up for an ensemble, and the axis that shows them."""
UNITS = {"macs": 1e6, "train_seconds": 1.0}


def draw_all(findings: Findings) -> Iterator[Drawing]:
    """Every figure that the study has the numbers for, the ones to look at first first."""
    yield _forest(findings)
    yield from _costs(findings)
    yield from _confusions(findings)
    yield from _curves(findings)
    yield _reliability(findings)
    yield from _two_classes(findings)
    yield from _distribution(findings)


def _forest(findings: Findings) -> Drawing:
    scores = [s for s in findings.comparison.scores if s.ranked and s.members > 1]
    rows = [*map(_interval, scores), *map(_interval, findings.comparison.member_scores)]
    return figures_ensembles.forest(rows, _interval(findings.best_member))


def _interval(score: Score) -> Interval:
    return Interval(
        label=score.label,
        value=score.test_accuracy,
        low=score.test_low,
        high=score.test_high,
        ensemble=score.members > 1,
    )


def _costs(findings: Findings) -> Iterator[Drawing]:
    """Nothing where the cost of a member is not known."""
    comparison = findings.comparison
    scores = [
        *comparison.member_scores,
        *(s for s in comparison.scores if s.ranked and s.members > 1),
    ]
    panels = {}
    for field, axis in COSTS.items():
        known = {record.name: getattr(record, field) for record in findings.study.records}
        if all(known.values()):
            panels[axis] = [_cost_point(score, known, UNITS[field]) for score in scores]
    if panels:
        yield figures_ensembles.accuracy_against_cost(panels)


def _cost_point(score: Score, costs: Mapping[str, float], unit: float) -> CostPoint:
    cost = sum(costs[name] for name in score.member_names) / unit
    return CostPoint(score.label, cost, score.test_accuracy, score.members > 1)


def _confusions(findings: Findings) -> Iterator[Drawing]:
    classes = findings.study.test.classes
    for score in findings.main_methods:
        matrix = findings.confusion(score.method)
        yield figures.confusion(f"confusion_{score.method}", score.label, matrix, classes)
    yield from figures.member_confusions(findings.confusions, classes)


def _curves(findings: Findings) -> Iterator[Drawing]:
    """Nothing where no member's training was recorded."""
    records = findings.study.records
    if any(record.history for record in records):
        yield figures.learning_curves(records)
        yield from figures.member_curves(records)


def _reliability(findings: Findings) -> Drawing:
    """The best single network, the simple average and the best ensemble: more would overlap."""
    study, best = findings.study, findings.best_member
    index = study.test.members.index(best.method)
    curves = {f"{best.label} (single)": softmax(study.test.logits[index])}
    for i, score in enumerate(findings.main_methods):
        if i == 0 or score.method == "average":
            curves[score.label] = findings.comparison.test_probabilities[score.method]
    return figures_ensembles.reliability(
        {name: reliability_bins(p, study.test.labels) for name, p in curves.items()}
    )


def reliability_bins(
    probabilities: Floats, labels: Ints, bins: int = ECE_BINS
) -> tuple[Floats, Floats, Floats]:
    """Mean confidence, accuracy and share of images of each bin, those of the calibration error."""
    confidence = probabilities.max(axis=1)
    right = predicted_classes(probabilities) == labels
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(bin_of, minlength=bins)
    some = np.maximum(counts, 1)
    return (
        np.bincount(bin_of, weights=confidence, minlength=bins) / some,
        np.bincount(bin_of, weights=right, minlength=bins) / some,
        counts / len(labels),
    )


def _two_classes(findings: Findings) -> Iterator[Drawing]:
    """Nothing where the classes are not those of facial expression, or no image has a side."""
    test = findings.study.test
    if not {*NEGATIVE, *POSITIVE} <= set(test.classes):
        return
    probabilities = {name: softmax(test.logits[i]) for i, name in enumerate(test.members)} | {
        s.label: findings.comparison.test_probabilities[s.method] for s in findings.main_methods
    }
    rows = {
        name: (
            float(np.mean(predicted_classes(p) == test.labels)),
            *two_class_accuracy(p, test.labels, test.classes),
        )
        for name, p in probabilities.items()
    }
    images = next(iter(rows.values()))[2]
    others = [name for name in test.classes if name not in (*NEGATIVE, *POSITIVE)]
    if images:
        yield figures_ensembles.two_classes(
            {name: (many, two) for name, (many, two, _) in rows.items()},
            images,
            " and ".join(others),
        )


def two_class_accuracy(
    probabilities: Floats, labels: Ints, classes: Sequence[str]
) -> tuple[float, int]:
    """(accuracy, images) of negative against positive: the side with more probability is taken.

    Images of a class on neither side are left out, and so is its probability.
    """
    sides = [np.isin(classes, side) for side in (NEGATIVE, POSITIVE)]
    kept = (sides[0] | sides[1])[labels]
    sums = np.stack([probabilities[:, side].sum(axis=1) for side in sides], axis=1)[kept]
    truth = sides[1][labels][kept]
    if not len(truth):
        return 0.0, 0
    return float(np.mean((sums[:, 1] > sums[:, 0]) == truth)), len(truth)


def _distribution(findings: Findings) -> Iterator[Drawing]:
    counts = findings.study.class_counts
    if counts:
        yield figures.class_distribution(counts, findings.study.test.classes)
