"""The conclusions of the reports, each with the number of ours that decides it.

A claim is turned into a number, and into what is claimed of it; `claims_judge.py` judges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ensembles import metrics
from ensembles.predictions import Floats
from ensembles.scoring import interval
from ensembles.significance import bootstrap_means
from reports.claims_numbers import BOOTSTRAP, Absent, Gap, Ours
from reports.claims_ours import Bench
from reports.published import Figure, figure_of

WEIGHTED = ("accuracy", "per_class", "exponential")
SIX = ("six-m1", "six-m2", "six-m3", "six-m4", "six-m5", "six-m6")
ALMOST_ALWAYS = 0.9
SHARES_ARE_PULLED = (
    "'Almost always' is taken as nine times in ten. Chance in one test split turns small gains "
    "into losses and the other way round, so a share of it lies nearer to one half than among all "
    "images."
)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A claim, and how it becomes a number. needs: members without which it cannot be judged.

    rule: what is claimed of the number. comparison: a difference proven to be above `threshold`;
    above, at most: a bound that it keeps. cites: (metric, subject, split) of the report's own
    figure that the claim repeats, saying {points}, {percent} or {count} in its place; it is then
    judged as that figure is. remark: what must be known, whatever the verdict.
    """

    report: str
    place: str
    claim: str
    measured: str
    ours: Callable[[Bench], Ours | Absent]
    dataset: str = "fer2013"
    needs: tuple[str, ...] = ()
    rule: Literal["comparison", "above", "at most"] = "comparison"
    threshold: float = 0.0
    cites: tuple[str, ...] = ()
    remark: str = ""

    @property
    def cited(self) -> Figure | None:
        """The published figure that the claim repeats."""
        return figure_of(self.report, *self.cites) if self.cites else None

    @property
    def text(self) -> str:
        """The claim with the published figure in its place."""
        figure = self.cited
        if figure is None:
            return self.claim
        return self.claim.format(
            points=f"{100 * figure.value:g} point{'' if figure.value == 0.01 else 's'}",
            percent=f"{100 * figure.value:g} %",
            count=f"{figure.value:g}",
        )


def _gain(bench: Bench) -> Ours | Absent:
    return bench.against("average", bench.best_single)


def _gaps(bench: Bench, pairs: Sequence[tuple[str, str]]) -> tuple[Floats, Floats] | Absent:
    """Differences in test accuracy (P,) with draws (P, D), or why one of them is not known."""
    found = [bench.gap(left, right) for left, right in pairs]
    absent = next((gap for gap in found if isinstance(gap, Absent)), None)
    if absent is not None:
        return absent
    known = [gap for gap in found if isinstance(gap, Gap)]
    return np.array([gap.value for gap in known]), np.stack([gap.draws for gap in known])


def _least(bench: Bench, pairs: Sequence[tuple[str, str]]) -> Ours | Absent:
    """The smallest of several differences: a claim about all of them stands or falls with it."""
    gaps = _gaps(bench, pairs)
    return gaps if isinstance(gaps, Absent) else Ours.lowest(*gaps)


def _average_wins(bench: Bench) -> Ours | Absent:
    return _least(bench, [("average", name) for name in WEIGHTED])


def _accuracy_wins(bench: Bench) -> Ours | Absent:
    return _least(bench, [("accuracy", name) for name in ("average", "per_class", "exponential")])


def _farthest_behind(bench: Bench) -> Ours | Absent:
    """How far behind the simple average the last of the weighted ones is."""
    found = _least(bench, [(name, "average") for name in WEIGHTED])
    return found if isinstance(found, Absent) else found.mirrored()


def _per_class_last(bench: Bench) -> Ours | Absent:
    others = ("average", "accuracy", "exponential")
    return _least(bench, [(name, "per_class") for name in others])


def _observed(name: str) -> Callable[[Bench], Ours | Absent]:
    def found(bench: Bench) -> Ours | Absent:
        if len(bench.pool) < 2:
            return Absent("There are no two members to combine.")
        # No member may lie below the average of the others, as where two are equally accurate.
        missing = Absent("No addition of this kind occurs among the members of this study.")
        return bench.observed.get(name, missing)

    return found


def _best_size(bench: Bench) -> Ours | Absent:
    if len(bench.pool) < 2:
        return Absent("There are no two members to combine.")
    return bench.best_size


def _accuracy_of(member: str) -> Callable[[Bench], Ours | Absent]:
    def found(bench: Bench) -> Ours | Absent:
        right = bench.right(member)
        return Ours(float(right.mean()), *interval(int(right.sum()), len(right)), BOOTSTRAP)

    return found


def _difference(left: str, right: str) -> Callable[[Bench], Ours | Absent]:
    return lambda bench: bench.against(left, right)


def _overfits(bench: Bench) -> Ours | Absent:
    """Training accuracy at the end less test accuracy, of the LeNet-like network."""
    history = bench.records["lenet"].history
    if not history:
        return Absent("The training history of lenet is not known.")
    found = _accuracy_of("lenet")(bench)
    assert isinstance(found, Ours)
    train = history[-1].train_accuracy
    return Ours(train - found.value, train - found.high, train - found.low, BOOTSTRAP)


def _variations_help(bench: Bench) -> Ours | Absent:
    """The least gain in validation accuracy of models 2 to 6 over model 1."""
    validation = bench.study.validation.select(SIX)
    right = metrics.predicted_classes(validation.logits) == validation.labels  # (6, N)
    accuracies, draws = right.mean(axis=1), bootstrap_means(right)
    return Ours.lowest(accuracies[1:] - accuracies[0], draws[1:] - draws[0])


STATEMENTS = (
    Statement(
        report="nine",
        place="Sections V and VI",
        claim="An ensemble is more than {points} better than the best single network",
        measured="accuracy of simple averaging less that of the best single network on test",
        ours=_gain,
        cites=("gain", "average"),
    ),
    Statement(
        report="nine",
        place="Sections V and VI",
        claim="An ensemble is better than the best single network",
        measured="accuracy of simple averaging less that of the best single network on test",
        ours=_gain,
    ),
    Statement(
        report="nine",
        place="Sections V and VI",
        claim="Simple averaging is better than every weighted average",
        measured="least lead of simple averaging over the three weighted averages",
        ours=_average_wins,
        remark="The report's Impact Statement names accuracy weighting as the best instead.",
    ),
    Statement(
        report="nine",
        place="Impact Statement",
        claim="Accuracy-weighted averaging is the best",
        measured="least lead of accuracy weighting over the three others",
        ours=_accuracy_wins,
        remark="The report's own text names simple averaging as the best instead.",
    ),
    Statement(
        report="nine",
        place="Section V",
        claim="Every weighted average is less than {points} behind simple averaging",
        measured="most that a weighted average is behind simple averaging on test",
        ours=_farthest_behind,
        cites=("behind_average",),
    ),
    Statement(
        report="nine",
        place="Section V",
        claim="Per-class weighting is consistently below the other methods",
        measured="least lead of the other methods over per-class weighting",
        ours=_per_class_last,
    ),
    Statement(
        report="nine",
        place="Section V",
        claim="Adding a member almost always helps",
        measured="share of all additions to all subsets that raise test accuracy",
        ours=_observed("share of adding any member that helps"),
        threshold=ALMOST_ALWAYS,
        rule="above",
        remark=SHARES_ARE_PULLED,
    ),
    Statement(
        report="nine",
        place="Section V",
        claim="Adding a member helps even where it is below the average of those before",
        measured="share of such additions that raise test accuracy",
        ours=_observed("share of adding a member below the average that helps"),
        threshold=ALMOST_ALWAYS,
        rule="above",
        remark=SHARES_ARE_PULLED,
    ),
    Statement(
        report="nine",
        place="Section V",
        claim="The best average is of {count} members",
        measured="members of the subset whose average is most accurate on validation",
        ours=_best_size,
        cites=("best_size", "average"),
        remark="Ours is chosen on validation, among all subsets.",
    ),
    Statement(
        report="lenet",
        place="Discussion",
        claim="The network overfits",
        measured="training accuracy less test accuracy",
        ours=_overfits,
        needs=("lenet",),
    ),
    Statement(
        report="lenet",
        place="Discussion",
        claim="Balancing the classes by copies of few images lowers the accuracy",
        measured="test accuracy of lenet less that of lenet-balanced",
        ours=_difference("lenet", "lenet-balanced"),
        needs=("lenet", "lenet-balanced"),
    ),
    Statement(
        report="six",
        place="Section 4",
        claim="Every variation of model 1 is better on validation",
        measured="least gain in validation accuracy of models 2 to 6 over model 1",
        ours=_variations_help,
        needs=SIX,
    ),
    Statement(
        report="six",
        place="Section 5",
        claim="Model 3 is slightly better than model 6 on test",
        measured="test accuracy of six-m3 less that of six-m6",
        ours=_difference("six-m3", "six-m6"),
        needs=("six-m3", "six-m6"),
    ),
    Statement(
        report="six",
        place="Section 6",
        claim="The pretrained EfficientNetB0 is no better than the networks from scratch",
        measured="test accuracy of six-efficientnetb0 less that of six-m3",
        ours=_difference("six-efficientnetb0", "six-m3"),
        needs=("six-m3", "six-efficientnetb0"),
        rule="at most",
    ),
    Statement(
        report="leaky",
        place="Section 3.3",
        claim="The test accuracy is {percent}",
        measured="test accuracy of leaky",
        ours=_accuracy_of("leaky"),
        needs=("leaky",),
        cites=("accuracy", "leaky", "test"),
    ),
    Statement(
        report="leaky",
        place="Section 3.3",
        claim="Without the fourth convolution the network is better",
        measured="test accuracy of leaky less that of leaky-4conv",
        ours=_difference("leaky", "leaky-4conv"),
        needs=("leaky", "leaky-4conv"),
    ),
    Statement(
        report="vgg16",
        place="Results and Evaluations",
        claim="The test accuracy on ExpW is {percent}",
        measured="test accuracy of vgg16",
        ours=_accuracy_of("vgg16"),
        dataset="expw",
        needs=("vgg16",),
        cites=("accuracy", "vgg16", "test"),
        remark="No per-class table supports it, and other work on ExpW reaches 72 to 76 %.",
    ),
)
"""The conclusions, in the order of the reports. To add one, add a line here."""
