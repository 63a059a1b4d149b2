"""The cost of choosing: how much of a method's validation gain is due to being fitted there.

Each method is fitted again and again: on all validation images, with stratified folds held out
(nested cross-validation), and on random parts of the split. That says how optimistic its validation
figure is, how far its choice depends on which images it saw, and how many images it needs.

The ensemble paper's dilemma stands beside: weights from the validation split, on which members were
also tuned, or from part of the test split, which then can no longer be reported. The second is
computed by `fitted_on_test`, the only place in the product where a test label decides a weight; its
rows say so and are never ranked.

Shapes: M members, N images, C classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ensembles import metrics
from ensembles.evidence import Evidence
from ensembles.fusion import Combiner, Outputs
from ensembles.methods import METHODS, Method, method
from ensembles.predictions import Floats, Ints, Predictions, PredictionsError, Test, Validation
from ensembles.scoring import Skipped
from ensembles.stacking import folds_of

FOLDS = 5
REPEATS = 4
SHARES = (0.125, 0.25, 0.5)
"""Parts of the validation split on which every method is fitted `REPEATS` times."""
SEED = 20_160_301

FITTED_ON_TEST = "fitted on test images"

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class LearningPoint:
    """Test accuracy of a method fitted on so many validation images, over several random parts."""

    images: int
    fits: int
    mean: float
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class SelectionCost:
    """What one method's figures are worth. Accuracies in [0, 1].

    validation_accuracy: on the images it was fitted on. nested_accuracy: on validation images held
    out of the fit. test_accuracy: on the test split. Stability is that of fits on random halves:
    jaccard, the mean overlap of the members chosen by two fits; weight_overlap, of their weights
    (Σ min(w, w'), NaN where the method has none); modal_share, how many fits chose the most
    frequent set of members. learning: from few images to all.
    """

    method: str
    label: str
    validation_accuracy: float
    nested_accuracy: float
    test_accuracy: float
    jaccard: float
    weight_overlap: float
    modal_share: float
    learning: tuple[LearningPoint, ...]

    @property
    def optimism(self) -> float:
        """Validation accuracy minus nested accuracy."""
        return self.validation_accuracy - self.nested_accuracy


@dataclass(frozen=True)
class SelectionCosts:
    """One row for each method, in the order asked for, and the methods that could not be fitted."""

    rows: tuple[SelectionCost, ...]
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FittedOnTest:
    """One method fitted on either split and scored on the same remaining test images.

    from_validation: accuracy when fitted on the validation split. from_test: when fitted on
    `fitted_images` images of the test split. Never ranked: the second is no fair figure.
    """

    method: str
    label: str
    fitted_images: int
    scored_images: int
    from_validation: float
    from_test: float
    note: str = FITTED_ON_TEST
    ranked: Literal[False] = field(default=False, init=False)


@dataclass(frozen=True, eq=False)
class _Fit:
    """One method fitted on some validation images."""

    combiner: Combiner
    test_accuracy: float


def default_methods(members: int) -> tuple[str, ...]:
    """Methods whose cost of choosing is computed unless others are named.

    Every one of the catalogue that validation labels decide, without its variants (of logits,
    calibrated) and, with many members, without those that take long to fit; by name they are
    accepted for any number.
    """
    return tuple(
        one.name
        for one in METHODS.values()
        if one.uses_validation and not one.variant and members not in one.slow_with
    )


def stratified_part(labels: Ints, share: float, rng: np.random.Generator) -> Indices:
    """Random images, the same share of each class and at least two (one where there is one)."""
    chosen = []
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        wanted = min(len(of_class), max(2, round(share * len(of_class))))
        chosen.append(rng.choice(of_class, wanted, replace=False))
    return np.sort(np.concatenate(chosen))


def _right(combiner: Combiner, outputs: Outputs, labels: Ints) -> int:
    predicted = metrics.predicted_classes(combiner.combine(outputs))
    return int(np.count_nonzero(predicted == labels))


@dataclass(frozen=True, eq=False)
class _Bench:
    """Fits methods on parts of the validation split and scores them on the test split."""

    validation: Validation
    test: Test
    families: Mapping[str, str] | None
    tested: Outputs

    def evidence(self, rows: Indices | npt.NDArray[np.bool_]) -> Evidence:
        return Evidence(self.validation.take(rows), self.families)

    def fit(self, one: Method, evidence: Evidence) -> _Fit:
        combiner = one.fit_on(evidence)
        right = _right(combiner, self.tested, self.test.labels)
        return _Fit(combiner, right / len(self.test.labels))


def _nested(bench: _Bench, methods: Sequence[Method], folds: int) -> Floats:
    """Accuracy of each method on held-out validation images."""
    right = np.zeros(len(methods))
    fold = folds_of(bench.validation.labels, folds)
    for held in range(folds):
        out = bench.validation.take(fold == held)
        evidence, outputs = bench.evidence(fold != held), Outputs(out.logits)
        for i, one in enumerate(methods):
            right[i] += _right(one.fit_on(evidence), outputs, out.labels)
    return np.asarray(right / len(fold))


def _parts(
    bench: _Bench, methods: Sequence[Method], share: float, repeats: int, seed: int
) -> tuple[int, list[list[_Fit]]]:
    """How many images a part has, and `repeats` fits of each method on random parts."""
    rng = np.random.default_rng([seed, round(share * 1_000_000)])
    fits: list[list[_Fit]] = [[] for _ in methods]
    images = 0
    for _ in range(repeats):
        rows = stratified_part(bench.validation.labels, share, rng)
        images, evidence = len(rows), bench.evidence(rows)
        for one, of_method in zip(methods, fits, strict=True):
            of_method.append(bench.fit(one, evidence))
    return images, fits


def _point(images: int, fits: Sequence[_Fit]) -> LearningPoint:
    found = [fit.test_accuracy for fit in fits]
    return LearningPoint(
        images=images,
        fits=len(found),
        mean=float(np.mean(found)),
        least=min(found),
        most=max(found),
    )


def _stability(fits: Sequence[_Fit]) -> dict[str, float]:
    """Jaccard index, overlap of weights and share of the most frequent choice."""
    chosen = [frozenset(fit.combiner.chosen) for fit in fits]
    weights = [fit.combiner.weights for fit in fits]
    jaccard, overlap = [], []
    for i, j in combinations(range(len(fits)), 2):
        jaccard.append(len(chosen[i] & chosen[j]) / len(chosen[i] | chosen[j]))
        one, other = weights[i], weights[j]
        if one is not None and other is not None:
            overlap.append(float(np.minimum(one, other).sum(axis=0).mean()))
    return {
        "jaccard": float(np.mean(jaccard)),
        "weight_overlap": float(np.mean(overlap)) if overlap else float("nan"),
        "modal_share": max(Counter(chosen).values()) / len(chosen),
    }


def _fittable(
    bench: _Bench, methods: Sequence[Method], smallest: float, seed: int
) -> tuple[list[Method], list[Skipped]]:
    """Methods that can be fitted on the smallest part, and why the others cannot."""
    rows = stratified_part(bench.validation.labels, smallest, np.random.default_rng(seed))
    evidence = bench.evidence(rows)
    fittable, skipped = [], []
    for one in methods:
        try:
            one.fit_on(evidence)
        except PredictionsError as error:
            skipped.append(Skipped(one.name, one.label, str(error)))
        else:
            fittable.append(one)
    return fittable, skipped


def selection_costs(
    validation: Validation,
    test: Test,
    methods: Sequence[str | Method] | None = None,
    *,
    families: Mapping[str, str] | None = None,
    folds: int = FOLDS,
    shares: Sequence[float] = SHARES,
    repeats: int = REPEATS,
    seed: int = SEED,
) -> SelectionCosts:
    """The cost of choosing of each method (by default `default_methods`).

    shares: parts of the validation split to learn from, ascending; the last one's fits give the
    stability. Raises PredictionsError where a method is unknown or there are too few
    folds, repeats or images of a class; TypeError where `validation` is another split. Methods that
    cannot be fitted are in `skipped`.
    """
    named = default_methods(len(validation.members)) if methods is None else methods
    if folds < 2 or repeats < 2 or not shares:
        raise PredictionsError(
            f"{folds} folds, {repeats} repeats and {len(shares)} shares were asked for: accepted "
            "are at least two folds, two repeats and one share"
        )
    least = int(np.bincount(validation.labels, minlength=len(validation.classes)).min())
    if least - -(-least // folds) < 2:
        raise PredictionsError(
            f"{folds} folds of the rarest class's {least} validation images were asked for: "
            "accepted are at least two images of every class to fit on besides those held out"
        )
    chosen = [method(one) if isinstance(one, str) else one for one in named]
    with threadpool_limits(limits=1, user_api="blas"):  # as in `scoring.compare`
        whole = Evidence(validation, families)
        bench = _Bench(validation, test, families, Outputs(test.logits))
        fitted, skipped = _fittable(bench, chosen, shares[0], seed)
        nested = _nested(bench, fitted, folds)
        parts = [_parts(bench, fitted, share, repeats, seed) for share in shares]
        rows = []
        for i, one in enumerate(fitted):
            full = bench.fit(one, whole)
            points = [_point(images, fits[i]) for images, fits in parts]
            n = len(validation.labels)
            rows.append(
                SelectionCost(
                    method=one.name,
                    label=one.label,
                    validation_accuracy=_right(full.combiner, whole.outputs, whole.labels) / n,
                    nested_accuracy=float(nested[i]),
                    test_accuracy=full.test_accuracy,
                    learning=(*points, _point(n, [full])),
                    **_stability(parts[-1][1][i]),
                )
            )
    return SelectionCosts(tuple(rows), tuple(skipped))


def _validation_from_test_images(test: Test, rows: Indices) -> Validation:
    """Test images dressed up as validation images: what the leakage guard exists to prevent.

    For `fitted_on_test` only, whose rows are labelled and never ranked.
    """
    some = test.take(rows)
    return Validation(**{name: getattr(some, name) for name in Predictions.__dataclass_fields__})


def fitted_on_test(
    validation: Validation,
    test: Test,
    methods: Sequence[str | Method] | None = None,
    *,
    families: Mapping[str, str] | None = None,
    share: float = 0.5,
    seed: int = SEED,
) -> tuple[FittedOnTest, ...]:
    """Fit each method on the validation split and on `share` of the test split; score on the rest.

    Methods that cannot be fitted on both are left out.
    """
    named = default_methods(len(validation.members)) if methods is None else methods
    chosen = [method(one) if isinstance(one, str) else one for one in named]
    rows = stratified_part(test.labels, share, np.random.default_rng(seed))
    if len(rows) == len(test.labels):
        raise PredictionsError("no test image is left to score: accepted is a smaller share")
    rest = test.take(np.setdiff1d(np.arange(len(test.labels)), rows))
    with threadpool_limits(limits=1, user_api="blas"):
        evidence = Evidence(validation, families)
        leaked = Evidence(_validation_from_test_images(test, rows), families)
        outputs = Outputs(rest.logits)
        found = []
        for one in chosen:
            try:
                honest, other = one.fit_on(evidence), one.fit_on(leaked)
            except PredictionsError:
                continue
            found.append(
                FittedOnTest(
                    method=one.name,
                    label=f"{one.label} ({FITTED_ON_TEST})",
                    fitted_images=len(rows),
                    scored_images=len(rest.labels),
                    from_validation=_right(honest, outputs, rest.labels) / len(rest.labels),
                    from_test=_right(other, outputs, rest.labels) / len(rest.labels),
                )
            )
    return tuple(found)
