"""Fit on validation, report on test: the one place where that is decided.

`compare` fits every method on the validation split and scores it on the test split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, bdtrik
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ensembles import metrics
from ensembles.evidence import Evidence
from ensembles.fusion import Combiner, Outputs
from ensembles.methods import METHODS, Method, method
from ensembles.predictions import Floats, Ints, PredictionsError, Test, Validation

ORACLE = "oracle"
"""Name of the upper bound in a `Comparison`."""
ORACLE_LABEL = "Oracle (any member right)"


@dataclass(frozen=True, kw_only=True)
class Score:
    """One row of the comparison. Rates in [0, 1], log loss in nats, Brier in [0, 2].

    Everything but `val_accuracy` is of the test split; names ending in `_unique` leave out test
    images that also stand in training (NaN where none is left). test_low, test_high: 95 %
    percentile-bootstrap interval over images, in closed form (see `interval`). members: how many
    take part. ranked: False for what is no rival (the oracle).
    """

    method: str
    label: str
    family: str
    members: int
    member_names: tuple[str, ...]
    detail: str
    val_accuracy: float
    test_accuracy: float
    test_low: float
    test_high: float
    test_accuracy_unique: float
    balanced_accuracy: float
    balanced_accuracy_unique: float
    macro_f1: float
    macro_f1_unique: float
    log_loss: float
    log_loss_unique: float
    brier: float
    brier_unique: float
    ece: float
    ece_unique: float
    top2: float
    top2_unique: float
    ranked: bool = True


@dataclass(frozen=True)
class Skipped:
    """A method that could not be fitted, and why, in one sentence."""

    method: str
    label: str
    reason: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """Every method fitted on one validation split and scored on one test split.

    scores: by test accuracy, highest first; the oracle last. member_scores: in the order of the
    members. validation_probabilities, test_probabilities: (N, C) by method, the oracle among them.
    combiners: by method (the oracle, which is no combiner, has none).
    """

    scores: tuple[Score, ...]
    member_scores: tuple[Score, ...]
    validation_probabilities: Mapping[str, Floats]
    test_probabilities: Mapping[str, Floats]
    combiners: Mapping[str, Combiner]
    skipped: tuple[Skipped, ...] = ()

    def score(self, name: str) -> Score:
        """The score of the method called `name`; PredictionsError where it has none."""
        for found in self.scores:
            if found.method == name:
                return found
        accepted = ", ".join(score.method for score in self.scores)
        raise PredictionsError(f"there is no score of {name!r}: accepted are {accepted}")


def interval(right: int, images: int, level: float = 0.95) -> tuple[float, float]:
    """Percentile-bootstrap interval of an accuracy over images, without drawing.

    Resampling N images of which k were right draws Binomial(N, k/N) right answers, so the
    percentiles are that distribution's quantiles, exactly.
    """
    tail = (1.0 - level) / 2.0
    share = right / images
    if share in (0.0, 1.0):
        return share, share
    bounds = []
    for level_below in (tail, 1.0 - tail):
        count = np.ceil(bdtrik(level_below, images, share))
        # The inverse is continuous: one less may already reach the level.
        reached = count > 0 and bdtr(count - 1, images, share) >= level_below
        bounds.append(float(count - reached) / images)
    return bounds[0], bounds[1]


def _measures(probabilities: Floats, labels: Ints) -> dict[str, float]:
    if len(labels) == 0:
        names = ("test_accuracy", "balanced_accuracy", "macro_f1", "log_loss", "brier", "ece")
        return dict.fromkeys((*names, "top2"), float("nan"))
    classes = probabilities.shape[1]
    predicted = metrics.predicted_classes(probabilities)
    return {
        "test_accuracy": metrics.accuracy(predicted, labels),
        "balanced_accuracy": metrics.balanced_accuracy(predicted, labels, classes),
        "macro_f1": metrics.macro_f1(predicted, labels, classes),
        "log_loss": metrics.log_loss(probabilities, labels),
        "brier": metrics.brier(probabilities, labels),
        "ece": metrics.expected_calibration_error(probabilities, labels),
        "top2": metrics.top_k_accuracy(probabilities, labels, 2),
    }


def _test_measures(probabilities: Floats, test: Test) -> dict[str, float]:
    """Every measure of `Score` on the test split, with its twin on the unique images."""
    whole = _measures(probabilities, test.labels)
    unique = whole
    if test.duplicate.any():
        unique = _measures(probabilities[~test.duplicate], test.labels[~test.duplicate])
    n = len(test.labels)
    low, high = interval(round(whole["test_accuracy"] * n), n)
    twins = {f"{name}_unique": value for name, value in unique.items()}
    return {**whole, **twins, "test_low": low, "test_high": high}


def oracle_probabilities(outputs: Outputs, labels: Ints) -> Floats:
    """(N, C) of whoever knew, for each image, which member to trust: an upper bound, no method.

    Where members are right it is the one most sure of the true class, else the members' mean. It
    is right exactly where at least one member is.
    """
    probabilities, rows = outputs.probabilities, np.arange(len(labels))
    right = metrics.predicted_classes(probabilities) == labels  # (M, N)
    sure = np.where(right, probabilities[:, rows, labels], -1.0).argmax(axis=0)
    some = right.any(axis=0)[:, None]
    best: Floats = np.where(some, probabilities[sure, rows], probabilities.mean(axis=0))
    return best


@dataclass(frozen=True)
class _Row:
    """What a score says besides its numbers."""

    method: str
    label: str
    family: str
    member_names: tuple[str, ...]
    detail: str = ""
    ranked: bool = True

    def score(self, fitted: Floats, held_out: Floats, validation: Validation, test: Test) -> Score:
        return Score(
            method=self.method,
            label=self.label,
            family=self.family,
            members=len(self.member_names),
            member_names=self.member_names,
            detail=self.detail,
            val_accuracy=metrics.accuracy(metrics.predicted_classes(fitted), validation.labels),
            ranked=self.ranked,
            **_test_measures(held_out, test),
        )


def _member_scores(evidence: Evidence, tested: Outputs, test: Test) -> tuple[Score, ...]:
    """One score for each member by itself."""
    return tuple(
        _Row(name, name, "member", (name,)).score(
            evidence.outputs.probabilities[i], tested.probabilities[i], evidence.validation, test
        )
        for i, name in enumerate(evidence.validation.members)
    )


def _require_same(validation: Validation, test: Test) -> None:
    for what, left, right in (
        ("members", validation.members, test.members),
        ("classes", validation.classes, test.classes),
    ):
        if left != right:
            raise PredictionsError(
                f"the validation split has the {what} {', '.join(left)} but the test split has "
                f"{', '.join(right)}: accepted are the same {what} in the same order"
            )


def compare(
    validation: Validation,
    test: Test,
    methods: Sequence[str | Method] | None = None,
    *,
    families: Mapping[str, str] | None = None,
) -> Comparison:
    """Fit each method (all of the catalogue by default) on `validation`, score it on `test`.

    Raises PredictionsError where the splits differ in members or classes, or a method is unknown;
    TypeError where the splits are not of those types. A method that cannot be fitted is named
    with its reason in `Comparison.skipped`.
    """
    if not isinstance(test, Test):
        raise TypeError(f"methods are scored on Test predictions, not on {type(test).__name__}")
    evidence = Evidence(validation, families)
    _require_same(validation, test)
    chosen = METHODS.values() if methods is None else methods
    wanted = [method(one) if isinstance(one, str) else one for one in chosen]
    # One thread: the products are small, and threads that wait for each other cost tenfold as soon
    # as another program is running. It also gives the same bits on any machine.
    with threadpool_limits(limits=1, user_api="blas"):
        return _compare(evidence, test, wanted)


def _compare(evidence: Evidence, test: Test, methods: Sequence[Method]) -> Comparison:
    validation, tested = evidence.validation, Outputs(test.logits)
    combiners: dict[str, Combiner] = {}
    skipped: list[Skipped] = []
    scores: list[Score] = []
    fitted: dict[str, Floats] = {}
    held_out: dict[str, Floats] = {}
    for one in methods:
        try:
            combiner = one.fit_on(evidence)
        except PredictionsError as error:
            skipped.append(Skipped(one.name, one.label, str(error)))
            continue
        combiners[one.name] = combiner
        fitted[one.name] = combiner.combine(evidence.outputs)
        held_out[one.name] = combiner.combine(tested)
        names = tuple(validation.members[i] for i in combiner.chosen)
        row = _Row(one.name, one.label, one.family, names, combiner.detail)
        scores.append(row.score(fitted[one.name], held_out[one.name], validation, test))
    scores.sort(key=lambda score: -score.test_accuracy)
    row = _Row(ORACLE, ORACLE_LABEL, "reference", validation.members, "upper bound", ranked=False)
    fitted[ORACLE] = oracle_probabilities(evidence.outputs, validation.labels)
    held_out[ORACLE] = oracle_probabilities(tested, test.labels)
    scores.append(row.score(fitted[ORACLE], held_out[ORACLE], validation, test))
    return Comparison(
        scores=tuple(scores),
        member_scores=_member_scores(evidence, tested, test),
        validation_probabilities=fitted,
        test_probabilities=held_out,
        combiners=combiners,
        skipped=tuple(skipped),
    )
