"""The cost of choosing: what other images leave of the gain seen where a method was fitted."""

from __future__ import annotations

import math

from reports.findings import Findings
from reports.tables import Row, Table, make_table

COST_KEYS = (
    *("method", "label", "val_accuracy", "nested_accuracy", "optimism", "test_accuracy"),
    *("jaccard", "weight_overlap", "modal_share"),
)
LEARNING_KEYS = ("method", "label", "images", "fits", "mean_fit", "least_fit", "most_fit")
DILEMMA_KEYS = (
    *("method", "label", "fitted_images", "scored_images", "from_validation", "from_test"),
    *("advantage", "note"),
)


def selection_cost_table(findings: Findings) -> Table | None:
    """One row for each fitted method; None where a class has too few images to hold any out."""
    costs = findings.selection_costs
    rows: list[Row] = [
        {
            "method": cost.method,
            "label": cost.label,
            "val_accuracy": cost.validation_accuracy,
            "nested_accuracy": cost.nested_accuracy,
            "optimism": cost.optimism,
            "test_accuracy": cost.test_accuracy,
            "jaccard": cost.jaccard,
            "weight_overlap": None if math.isnan(cost.weight_overlap) else cost.weight_overlap,
            "modal_share": cost.modal_share,
        }
        for cost in costs.rows
    ]
    if not rows:
        return None
    skipped = "".join(f" Not fitted: {s.label} ({s.reason})." for s in costs.skipped)
    if findings.uncosted_methods:
        left_out = ", ".join(score.label for score in findings.uncosted_methods)
        skipped += f" Left out, because so many fits would take long: {left_out}."
    return make_table(
        "selection_cost",
        rows,
        COST_KEYS,
        title="The cost of choosing",
        caption="Each method is fitted on all validation images, on parts with folds held out, and "
        "on random halves. Held out: nested cross-validation within validation. Same members, "
        "weights, set: how alike the fits on random halves choose. Variants of a method (logits, "
        "calibrated) have no row, except the one that validation chooses."
        f"{skipped}",
    )


def learning_table(findings: Findings) -> Table | None:
    """One row for each method and number of validation images that it was fitted on."""
    rows: list[Row] = [
        {
            "method": cost.method,
            "label": cost.label,
            "images": point.images,
            "fits": point.fits,
            "mean_fit": point.mean,
            "least_fit": point.least,
            "most_fit": point.most,
        }
        for cost in findings.selection_costs.rows
        for point in cost.learning
    ]
    if not rows:
        return None
    return make_table(
        "selection_learning",
        rows,
        LEARNING_KEYS,
        title="Fitting on fewer validation images",
        caption="Test accuracy of each method fitted on random parts of the validation split.",
    )


def fitted_on_test_table(findings: Findings) -> Table | None:
    """The ensemble paper's dilemma: weights from validation, or from part of the test split."""
    rows: list[Row] = [
        {
            "method": found.method,
            "label": found.label,
            "fitted_images": found.fitted_images,
            "scored_images": found.scored_images,
            "from_validation": found.from_validation,
            "from_test": found.from_test,
            "advantage": found.from_test - found.from_validation,
            "note": found.note,
        }
        for found in findings.fitted_on_test
    ]
    if not rows:
        return None
    return make_table(
        "fitted_on_test",
        rows,
        DILEMMA_KEYS,
        title="Weights from test images",
        caption="Each method fitted on the validation split, and on half of the test split, scored "
        "on the other half. The second is no fair figure: it is shown to say what the temptation "
        "is worth, and is ranked nowhere.",
    )
