"""Every column that a table may have: its name in the CSV, its header, rounding, and what is best.

A name means the same thing in every table. Names that begin with `val_` are measured on the
validation split, those that begin with `test_` (and the plain `macro_f1`, `log_loss`, `brier` and
`ece`) on the test split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "text",
    "percent",
    "points",
    "decimal",
    "signed",
    "integer",
    "millions",
    "short",
    "p_value",
    "figure",
]
"""percent: a share of one, shown times 100; points: a difference of two such, signed; figure: a
number of any size, in four digits."""
Best: TypeAlias = Literal["high", "low"]


@dataclass(frozen=True)
class Column:
    """One column. interval: the two columns that hold its bounds, shown as ± half their distance.
    shown: False where only the CSV carries it. wording: the column whose text people read in place
    of this one's (a method's label for its name). prose: sentences, which a page may break."""

    key: str
    header: str
    kind: Kind
    help: str
    best: Best | None = None
    interval: tuple[str, str] | None = None
    shown: bool = True
    wording: str | None = None
    prose: bool = False

    @property
    def dtype(self) -> str:
        """The pandas type of its values; all of them can be missing."""
        return {"text": "object", "integer": "Int64", "millions": "Int64"}.get(self.kind, "Float64")


def _bounds(key: str, what: str) -> tuple[Column, Column]:
    """The columns of an interval's bounds, for the CSV alone."""
    return (
        Column(f"{key}_low", f"{what}, low", "percent", "lower 95 % bound", shown=False),
        Column(f"{key}_high", f"{what}, high", "percent", "upper 95 % bound", shown=False),
    )


_NAMES = (
    Column("member", "Member", "text", "name of the network"),
    Column(
        "method", "Method", "text", "how predictions are combined, or a member", wording="label"
    ),
    Column("label", "Label", "text", "name of the method or member in words", shown=False),
    Column("family", "Family", "text", "kind of method", shown=False),
    Column("members", "Members", "integer", "how many members take part"),
    Column("kind", "Kind", "text", "member or ensemble", shown=False),
    Column("split", "Split", "text", "the split that the row is measured on", shown=False),
    Column("class", "Class", "text", "class, or the average that the row holds"),
    Column("detail", "Chosen", "text", "what the method chose on validation"),
    Column("ranked", "Ranked", "text", "no: an upper bound, not a rival", shown=False),
    Column("source", "Source", "text", "report and section, or article", shown=False),
    Column("device", "Device", "text", "what the network was trained on", shown=False),
    Column("weights", "Initial weights", "text", "where training started from"),
    Column("width", "Width", "text", "full as published, or narrowed for the quick profile"),
    Column("seed", "Seed", "integer", "seed of training", shown=False),
    Column("key", "Key", "text", "start of the hash that decides the logits", shown=False),
)
_MEASURES = (
    Column("train_accuracy", "Train acc. (%)", "percent", "accuracy of the last epoch, training"),
    Column("train_loss", "Train loss", "decimal", "loss of the last epoch, training"),
    Column("val_accuracy", "Val. acc. (%)", "percent", "validation accuracy", best="high"),
    Column("val_loss", "Val. loss", "decimal", "log loss on validation, nats", best="low"),
    Column(
        "test_accuracy",
        "Test acc. (%)",
        "percent",
        "test accuracy, ± half the 95 % interval",
        best="high",
        interval=("test_low", "test_high"),
    ),
    *_bounds("test", "Test acc."),
    Column(
        "test_accuracy_unique",
        "Unique (%)",
        "percent",
        "test accuracy without images that also stand in the training split",
        best="high",
    ),
    Column("balanced_accuracy", "Bal. acc. (%)", "percent", "mean recall of classes", best="high"),
    Column("macro_f1", "Macro F1", "decimal", "unweighted mean of the classes' F1", best="high"),
    Column("log_loss", "Log loss", "decimal", "negative log likelihood, nats", best="low"),
    Column("brier", "Brier", "decimal", "squared error of the probabilities, 0 to 2", best="low"),
    Column("ece", "ECE", "decimal", "expected calibration error, 15 bins", best="low"),
    Column("top2", "Top 2 (%)", "percent", "truth among the two likeliest", best="high"),
    Column("precision", "Precision", "decimal", "share of the class's predictions right"),
    Column("recall", "Recall", "decimal", "share of the class's images found"),
    Column("f1", "F1", "decimal", "harmonic mean of precision and recall", best="high"),
    Column("support", "Support", "integer", "images of the class"),
)
_COSTS = (
    Column("parameters", "Parameters", "integer", "trainable parameters"),
    Column("macs", "MACs (M)", "millions", "multiply-accumulates for one image"),
    Column("train_seconds", "Train (s)", "short", "seconds of training"),
    Column("latency_ms", "Latency (ms)", "short", "milliseconds for one image"),
    Column("epochs", "Epochs", "integer", "epochs trained"),
)
_COMPARED = (
    Column("gain", "Gain (points)", "points", "test accuracy above the best single network's"),
    Column("seeds", "Seeds", "integer", "trainings with different seeds"),
    Column("val_mean", "Val. acc. (%)", "percent", "mean validation accuracy over seeds"),
    Column("val_sd", "SD", "percent", "standard deviation of validation accuracy over seeds"),
    Column("test_mean", "Test acc. (%)", "percent", "mean test accuracy over seeds", best="high"),
    Column("test_sd", "SD", "percent", "standard deviation of test accuracy over seeds"),
    Column("test_min", "Lowest", "percent", "lowest test accuracy of a seed"),
    Column("test_max", "Highest", "percent", "highest test accuracy of a seed"),
)
_PUBLISHED = (
    Column("report", "Report", "text", "which of the five reports, or the user's table"),
    Column("place", "Place", "text", "section, table or figure of the source", prose=True),
    Column("subject", "Of", "text", "member or method"),
    Column("metric", "Figure", "text", "what is measured"),
    Column("claim", "Claim", "text", "what the report says, in our words", prose=True),
    Column("measured", "Measured", "text", "the number of ours that decides the claim", prose=True),
    Column("claimed_split", "Claimed split", "text", "the split that the source names"),
    Column("our_split", "Our split", "text", "the split that our figure is measured on"),
    Column("published", "Published", "figure", "the printed figure; shares in [0, 1]"),
    Column("margin", "Margin", "figure", "how far rounding leaves the figure open", shown=False),
    Column("ours", "Ours", "figure", "the same figure of this study"),
    Column("difference", "Difference", "figure", "ours less the published figure"),
    Column("difference_low", "Low", "figure", "lower 95 % bound of the difference"),
    Column("difference_high", "High", "figure", "upper 95 % bound of the difference"),
    Column("ours_low", "Low", "figure", "lower 95 % bound of our figure"),
    Column("ours_high", "High", "figure", "upper 95 % bound of our figure"),
    Column("interval", "Interval", "text", "how the interval was computed", prose=True),
    Column("verdict", "Verdict", "text", "reproduced, better, not reproduced or not comparable"),
    Column("reason", "Reason", "text", "why the verdict is so", prose=True),
    Column("check", "Check", "text", "what was computed"),
    Column("status", "Status", "text", "consistent, inconsistent or a note"),
    Column("numbers", "Numbers", "text", "the numbers that were compared", prose=True),
    Column("meaning", "Meaning", "text", "what the finding means for the claim", prose=True),
)
_SUBSETS = (
    Column("size", "Size", "integer", "members of the subset"),
    Column("subsets", "Subsets", "integer", "subsets of this size that were counted"),
    Column("counted", "Counted", "text", "all subsets, or a sample of them"),
    Column("subset", "Best by validation", "text", "the subset of this size chosen on validation"),
    Column("mean_val_accuracy", "Mean val. (%)", "percent", "mean validation accuracy of subsets"),
    Column("mean_test_accuracy", "Mean test (%)", "percent", "mean test accuracy of subsets"),
    Column("least_test_accuracy", "Worst test (%)", "percent", "lowest test accuracy of a subset"),
    Column(
        "most_test_accuracy",
        "Best test, in hindsight (%)",
        "percent",
        "highest test accuracy of a subset, found by looking: a bound, no result",
    ),
)
_CONTRIBUTIONS = (
    Column("val_shapley", "Shapley, val.", "points", "share of the validation accuracy of all"),
    Column("test_shapley", "Shapley, test", "points", "share of the test accuracy of all"),
    Column("val_leave_one_out", "Left out, val.", "points", "validation accuracy lost without it"),
    Column("test_leave_one_out", "Left out, test", "points", "test accuracy lost without it"),
    Column("val_mean_gain", "Joins, val.", "points", "mean gain of validation accuracy on joining"),
    Column("test_mean_gain", "Joins, test", "points", "mean gain of test accuracy on joining"),
    Column("test_helps", "Helps (%)", "percent", "subsets of others that it makes better on test"),
    Column("test_hurts", "Hurts (%)", "percent", "subsets of others that it makes worse on test"),
)
_PAIRS = (
    Column("first", "First", "text", "one of two"),
    Column("second", "Second", "text", "the other of two"),
    Column("val_gain", "Gain, val.", "points", "pair's average above the better one, validation"),
    Column("test_gain", "Gain, test", "points", "pair's average above the better one, test"),
    Column("disagreement", "Disagreement", "decimal", "share of images where one of both is right"),
    Column("double_fault", "Double fault", "decimal", "share of images where both are wrong"),
    Column("q_statistic", "Q", "signed", "Yule's Q of being right"),
    Column("kappa", "Kappa", "signed", "Cohen's kappa of the predicted classes"),
    Column("correlation", "Correlation", "signed", "correlation of being wrong"),
)
_STATISTICS = (
    Column("tied", "Tied", "text", "yes: no paired test tells it from the most accurate one"),
    Column("rank_low", "Best rank", "integer", "one more than how many beat it"),
    Column("rank_high", "Worst rank", "integer", "all less how many it beats"),
    Column(
        "to_best",
        "To the best",
        "points",
        "test accuracy less that of the most accurate one, ± half the paired 95 % interval",
        interval=("to_best_low", "to_best_high"),
    ),
    *_bounds("to_best", "To the best"),
    Column("to_best_p", "p (Holm)", "p_value", "exact McNemar, corrected for all pairs"),
    Column(
        "to_single",
        "To the best network",
        "points",
        "test accuracy less that of the best single network, ± half the paired 95 % interval",
        interval=("to_single_low", "to_single_high"),
    ),
    *_bounds("to_single", "To the best network"),
    Column("to_single_p", "p (Holm)", "p_value", "exact McNemar, corrected for all pairs"),
    Column("only_first", "Only first", "integer", "images that only the first gets right"),
    Column("only_second", "Only second", "integer", "images that only the second gets right"),
    Column(
        "paired_difference",
        "Difference",
        "points",
        "test accuracy of the first less that of the second",
        interval=("paired_difference_low", "paired_difference_high"),
    ),
    *_bounds("paired_difference", "Difference"),
    Column("p_value", "p", "p_value", "exact McNemar, two-sided, of this pair alone"),
    Column("p_holm", "p (Holm)", "p_value", "corrected for all pairs"),
    Column("mean_rank", "Mean rank", "short", "mean rank over seeds, 1 is the best"),
    Column("cost_of", "Cost", "text", "what is paid"),
    Column("cost", "Amount", "figure", "sum over the members of the subset"),
)
_CHOOSING = (
    Column("nested_accuracy", "Held out (%)", "percent", "on validation images kept from the fit"),
    Column("optimism", "Optimism", "points", "validation accuracy above that on held-out images"),
    Column("jaccard", "Same members", "decimal", "mean overlap of the members that two fits chose"),
    Column("weight_overlap", "Same weights", "decimal", "mean overlap of the weights of two fits"),
    Column("modal_share", "Same set", "decimal", "share of fits that chose the commonest set"),
    Column("images", "Images", "integer", "validation images that the method was fitted on"),
    Column("fits", "Fits", "integer", "random parts of that size"),
    Column("mean_fit", "Mean test (%)", "percent", "mean test accuracy of these fits"),
    Column("least_fit", "Lowest test (%)", "percent", "lowest test accuracy of these fits"),
    Column("most_fit", "Highest test (%)", "percent", "highest test accuracy of these fits"),
    Column("fitted_images", "Fitted on", "integer", "test images that chose the weights"),
    Column("scored_images", "Scored on", "integer", "other test images, which both are scored on"),
    Column("from_validation", "By validation (%)", "percent", "accuracy, weights from validation"),
    Column("from_test", "By test (%)", "percent", "accuracy, weights from test images: not fair"),
    Column("advantage", "Advantage", "points", "what fitting on test images seems to gain"),
    Column("note", "Note", "text", "what must be known about the row", shown=False, prose=True),
)
_SPEED = (
    Column("batch", "Batch", "integer", "images of one training step"),
    Column("flops", "Train MFLOP", "millions", "operations of training on one image, both passes"),
    Column("images_per_second", "Images/s", "figure", "training images a second"),
    Column("epoch_seconds", "Epoch (s)", "figure", "one epoch with its validation, median"),
    Column("plain_epoch_seconds", "Plain (s)", "figure", "the same epoch by the plain loop"),
    Column("extrapolated", "Plain measured", "text", "whole epochs, or scaled up", shown=False),
    Column("speedup", "Times faster", "short", "the plain loop's epoch over ours"),
    Column("setup_seconds", "Set-up (s)", "short", "choosing algorithms, capturing the step"),
    Column("step_ms", "Step (ms)", "figure", "milliseconds of one training step, median"),
    Column("graph_gain", "Graph gain", "short", "a step kernel by kernel over the captured one"),
    Column("exact_cost", "Exact costs", "short", "a step in exact mode over the captured one"),
    Column("utilisation", "Of peak (%)", "percent", "share of the dense bf16 peak"),
    Column("bound", "What bounds it", "text", "for steps below a quarter of the peak", prose=True),
    Column("task", "Task", "text", "what is computed"),
    Column("tool", "Tool", "text", "whose code computes it"),
    Column("images", "Images", "integer", "images of the predictions"),
    Column("classes", "Classes", "integer", "classes of the predictions"),
    Column("milliseconds", "Time (ms)", "figure", "best of several runs"),
    Column("ratio", "Times ours", "figure", "its time over ours"),
    Column("times_first", "Times the first", "figure", "its time over that of the first size"),
    Column("agrees", "Same answer", "text", "as ours; or another one that is as good"),
)
COLUMNS = {
    column.key: column
    for column in (
        *_PUBLISHED,
        *_NAMES,
        *_MEASURES,
        *_COSTS,
        *_COMPARED,
        *_SUBSETS,
        *_CONTRIBUTIONS,
        *_PAIRS,
        *_STATISTICS,
        *_CHOOSING,
        *_SPEED,
    )
}
