"""Weights learned by minimising the log loss on the validation split: convex weights, stacking.

Convex weights in probability space are a mixture of the members (linear opinion pool), in logit
space a product (logarithmic opinion pool); both problems are convex. Stacking: Wolpert 1992, as
multinomial logistic regression on the members' log-probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import minimize

from ensembles.evidence import Evidence
from ensembles.fusion import Combiner, Outputs, Space, linear, log_softmax, softmax
from ensembles.metrics import SMALLEST_PROBABILITY
from ensembles.predictions import Bools, Floats, Ints, PredictionsError

NEGLIGIBLE = 1e-5
"""Convex weights below it are zero: less than the solver's tolerance, and fewer members to run."""
PENALTIES: Floats = np.logspace(1, -4, 6)
"""L2 strengths tried by stacking, per image: mean log loss + strength / 2 · ‖W‖²."""
FOLDS = 5

Objective = Callable[[Floats], tuple[float, Floats]]


def _mixture_objective(evidence: Evidence) -> Objective:
    """Log loss of Σ_m w_m p_m and its gradient."""
    rows = np.arange(len(evidence.labels))
    true = evidence.outputs.probabilities[:, rows, evidence.labels]  # (M, N)
    true = np.maximum(true, SMALLEST_PROBABILITY)

    def objective(weights: Floats) -> tuple[float, Floats]:
        mixed = np.maximum(weights @ true, SMALLEST_PROBABILITY)
        return -float(np.log(mixed).mean()), -(true @ (1.0 / mixed)) / len(mixed)

    return objective


def _product_objective(evidence: Evidence) -> Objective:
    """Log loss of softmax(Σ_m w_m log p_m) and its gradient."""
    logs = evidence.outputs.log_probabilities
    m, n, classes = logs.shape
    rows, labels = np.arange(n), evidence.labels
    flat = logs.reshape(m, n * classes)

    def objective(weights: Floats) -> tuple[float, Floats]:
        fused = log_softmax((weights @ flat).reshape(n, classes))
        residual = np.exp(fused)
        residual[rows, labels] -= 1.0
        return -float(fused[rows, labels].mean()), flat @ residual.ravel() / n

    return objective


def convex(evidence: Evidence, space: Space = "probability") -> Combiner:
    """Non-negative weights summing to one of lowest validation log loss (SLSQP)."""
    m, classes = evidence.size
    make = _mixture_objective if space == "probability" else _product_objective
    found = minimize(
        make(evidence),
        np.full(m, 1.0 / m),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * m,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": lambda w: np.ones(m)},
        options={"ftol": 1e-10, "maxiter": 500},
    )
    weights = np.where(found.x < NEGLIGIBLE, 0.0, found.x)
    members = np.count_nonzero(weights)
    return linear(weights, classes, space, detail=f"{members} of {m} members")


@dataclass(frozen=True, eq=False)
class Regression:
    """Multinomial logistic regression: softmax(features (N, F) @ coefficients (F, C) + offsets)."""

    coefficients: Floats
    offsets: Floats

    def log_probabilities(self, features: Floats) -> Floats:
        """(N, C)"""
        return log_softmax(features @ self.coefficients + self.offsets)


@dataclass(frozen=True, eq=False)
class _Problem:
    """Features turned to their principal axes, (F, N), and labels as (C, N) ones and zeros.

    Classes come first because sums over seven neighbours are ten times slower than over rows.
    """

    rotated: Floats
    onehot: Floats
    mean: Floats
    axes: Floats
    curvature: Floats

    @classmethod
    def of(cls, features: Floats, labels: Ints, classes: int) -> _Problem:
        mean = features.mean(axis=0)
        centred = features - mean
        curvature, axes = np.linalg.eigh(centred.T @ centred / len(labels))
        rotated = np.ascontiguousarray((centred @ axes).T)
        onehot = np.ascontiguousarray(np.eye(classes)[labels].T)
        return cls(rotated, onehot, mean, axes, np.maximum(curvature, 0.0))

    def loss(self, flat: Floats, stretch: Floats, penalty: float) -> tuple[float, Floats]:
        """Mean log loss plus penalty, and its gradient, in stretched coordinates (C, F + 1)."""
        classes, n = self.onehot.shape
        step = flat.reshape(classes, -1)
        weights = step[:, :-1] * stretch
        logits = weights @ self.rotated + step[:, -1:]  # (C, N)
        logits -= logits.max(axis=0)
        powers = np.exp(logits)
        total = powers.sum(axis=0)
        loss = (np.log(total).sum() - (logits * self.onehot).sum()) / n
        residual = (powers / total - self.onehot) / n
        slope = stretch * (residual @ self.rotated.T + penalty * weights)
        gradient = np.hstack([slope, residual.sum(axis=1, keepdims=True)])
        return float(loss + 0.5 * penalty * (weights**2).sum()), gradient.ravel()

    def solve(self, penalty: float, start: Floats | None, tolerance: float) -> Floats:
        """Weights and offsets (C, F + 1) on the principal axes, from a solution nearby if given.

        L-BFGS in coordinates in which an upper bound of the Hessian (Böhning 1992) is the identity:
        members resemble each other so much that without this it needs hundreds of steps.
        """
        stretch = np.append(1.0 / np.sqrt(self.curvature / 4.0 + penalty), 1.0)
        if start is None:
            start = np.zeros((len(self.onehot), len(stretch)))
        found = minimize(
            self.loss,
            (start / stretch).ravel(),
            args=(stretch[:-1], penalty),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 500, "gtol": tolerance, "ftol": 1e-12},
        )
        return np.asarray(found.x.reshape(start.shape) * stretch)

    def regression(self, solution: Floats) -> Regression:
        """The solution in terms of the features as they were given."""
        coefficients = self.axes @ solution[:, :-1].T
        return Regression(coefficients, solution[:, -1] - self.mean @ coefficients)


def regress(features: Floats, labels: Ints, classes: int, penalty: float) -> Regression:
    """Features (N, F), labels (N,): least mean log loss + penalty / 2 · ‖coefficients‖².

    The offsets are not penalised.
    """
    problem = _Problem.of(features, labels, classes)
    return problem.regression(problem.solve(penalty, None, tolerance=1e-7))


def member_features(outputs: Outputs) -> Floats:
    """Log-probabilities of all members side by side (N, M · C), as in the log loss not below −36.

    Log-probabilities rather than logits, whose arbitrary offset per image would be noise.
    """
    clipped = np.maximum(outputs.log_probabilities, np.log(SMALLEST_PROBABILITY))
    return np.ascontiguousarray(clipped.transpose(1, 0, 2)).reshape(clipped.shape[1], -1)


def folds_of(labels: Ints, folds: int = FOLDS) -> Ints:
    """Fold (N,) of each image: the images of each class are dealt out in turn.

    Without a seed, and the same whatever the classes are called.
    """
    fold = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        fold[of_class] = np.arange(len(of_class)) % folds
    return fold


def choose_penalty(features: Floats, labels: Ints, classes: int) -> float:
    """The L2 strength of lowest cross-validated log loss.

    `PENALTIES` are tried from the strongest, each fold starting from its solution before, until
    the loss rises: weaker ones overfit more, and take longest to fit.
    """
    fold = folds_of(labels)
    held: list[Bools] = [fold == one for one in range(FOLDS)]
    problems = [_Problem.of(features[~out], labels[~out], classes) for out in held]
    solutions: list[Floats | None] = [None] * FOLDS
    best, lowest = float(PENALTIES[0]), np.inf
    for penalty in PENALTIES:
        loss = 0.0
        for i, (problem, out) in enumerate(zip(problems, held, strict=True)):
            solution = problem.solve(penalty, solutions[i], tolerance=1e-4)
            logs = problem.regression(solution).log_probabilities(features[out])
            loss -= logs[np.arange(len(logs)), labels[out]].sum()
            solutions[i] = solution
        if loss >= lowest:
            break
        best, lowest = float(penalty), loss
    return best


def _stacked(outputs: Outputs, regression: Regression) -> Floats:
    return softmax(member_features(outputs) @ regression.coefficients + regression.offsets)


def stacking(evidence: Evidence) -> Combiner:
    """Multinomial logistic regression on log-probabilities, L2 by cross-validation inside.

    Raises PredictionsError where a class has fewer than two validation images: it could not be
    both learned and held out.
    """
    m, classes = evidence.size
    counts = np.bincount(evidence.labels, minlength=classes)
    if counts.min() < 2:
        short = int(counts.argmin())
        images = "1 validation image" if counts[short] == 1 else "no validation image"
        raise PredictionsError(
            f"the class {evidence.validation.classes[short]!r} has {images}: accepted are at "
            "least two images of every class"
        )
    features = member_features(evidence.outputs)
    penalty = choose_penalty(features, evidence.labels, classes)
    fit = regress(features, evidence.labels, classes, penalty)
    return Combiner(
        rule=partial(_stacked, regression=fit),
        shape=(m, classes),
        chosen=tuple(range(m)),
        detail=f"L2 = {penalty:g}",
    )
