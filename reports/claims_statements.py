"""The conclusions of the reports, each with the number of ours that decides it.

A claim is turned into a number that is above a threshold where the claim holds; `claims.py` judges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ensembles import metrics
from ensembles.scoring import interval
from ensembles.significance import paired_statistics
from reports.claims_ours import BOOTSTRAP, PAIRED, Absent, Bench, Ours

WEIGHTED = ("accuracy", "per_class", "exponential")
ALMOST_ALWAYS = 0.9
"""What 'almost always' is taken to mean: at least nine times in ten."""
SIX = ("six-m1", "six-m2", "six-m3", "six-m4", "six-m5", "six-m6")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A claim, and how it becomes a number. needs: members without which it cannot be judged.

    threshold: the claim holds above it; `reached` says that it is a figure to be reached, not a
    difference to be proven. equal: the claim holds where ours is this count.
    """

    report: str
    place: str
    claim: str
    measured: str
    ours: Callable[[Bench], Ours | Absent]
    dataset: str = "fer2013"
    needs: tuple[str, ...] = ()
    threshold: float = 0.0
    reached: bool = False
    equal: int | None = None
    remark: str = ""
    """What must be known about the claim, whatever the verdict; one sentence."""


def _gain(bench: Bench) -> Ours | Absent:
    return bench.against("average", bench.best_single)


def _gaps(bench: Bench, pairs: Sequence[tuple[str, str]]) -> list[Ours] | Absent:
    """Differences in test accuracy, or why one of them is not known."""
    found = [bench.against(left, right) for left, right in pairs]
    absent = next((gap for gap in found if isinstance(gap, Absent)), None)
    return absent or [gap for gap in found if isinstance(gap, Ours)]


def _least(bench: Bench, pairs: Sequence[tuple[str, str]]) -> Ours | Absent:
    """The smallest of several differences: a claim about all of them stands or falls with it."""
    gaps = _gaps(bench, pairs)
    return gaps if isinstance(gaps, Absent) else min(gaps, key=lambda gap: gap.value)


def _average_wins(bench: Bench) -> Ours | Absent:
    return _least(bench, [("average", name) for name in WEIGHTED])


def _accuracy_wins(bench: Bench) -> Ours | Absent:
    return _least(bench, [("accuracy", name) for name in ("average", "per_class", "exponential")])


def _within_a_point(bench: Bench) -> Ours | Absent:
    """0.01 less the distance of the weighted average that is farthest from the simple one."""
    gaps = _gaps(bench, [("average", name) for name in WEIGHTED])
    return gaps if isinstance(gaps, Absent) else min(map(_room, gaps), key=lambda room: room.value)


def _room(gap: Ours) -> Ours:
    """What is left of one point."""
    ends = sorted((abs(gap.low), abs(gap.high)))
    nearest = 0.0 if gap.low <= 0 <= gap.high else ends[0]
    return Ours(0.01 - abs(gap.value), 0.01 - ends[1], 0.01 - nearest, gap.interval)


def _per_class_last(bench: Bench) -> Ours | Absent:
    others = ("average", "accuracy", "exponential")
    return _least(bench, [(name, "per_class") for name in others])


def _observed(name: str) -> Callable[[Bench], Ours | Absent]:
    def found(bench: Bench) -> Ours | Absent:
        if len(bench.pool) < 2:
            return Absent("There are no two members to combine.")
        figure = bench.observed.get(name)
        # No member may lie below the average of the others, as where two are equally accurate.
        if figure is None or np.isnan(figure.value):
            return Absent("No addition of this kind occurs among the members of this study.")
        return figure

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
    right = metrics.predicted_classes(validation.logits) == validation.labels
    found = paired_statistics(right, SIX)
    worst = 1 + int(found.difference[1:, 0].argmin())
    value, low, high = (
        float(table[worst, 0])
        for table in (found.difference, found.difference_low, found.difference_high)
    )
    return Ours(value, low, high, PAIRED)


STATEMENTS = (
    Statement(
        report="nine",
        place="Sections V and VI",
        claim="An ensemble is at least 2.5 points better than the best single network",
        measured="accuracy of simple averaging less that of the best single network on test",
        ours=_gain,
        threshold=0.025,
        reached=True,
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
        claim="Weighted averages stay within one point of simple averaging",
        measured="one point less the largest distance of a weighted average",
        ours=_within_a_point,
        reached=True,
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
        reached=True,
        remark="'Almost always' is taken as nine times in ten.",
    ),
    Statement(
        report="nine",
        place="Section V",
        claim="Adding a member helps even where it is below the average of those before",
        measured="share of such additions that raise test accuracy",
        ours=_observed("share of adding a member below the average that helps"),
        threshold=ALMOST_ALWAYS,
        reached=True,
        remark="'Almost always' is taken as nine times in ten.",
    ),
    Statement(
        report="nine",
        place="Section V",
        claim="The best average is of 8 of the 9 members",
        measured="members of the subset whose average is most accurate on validation",
        ours=_best_size,
        equal=8,
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
        measured="test accuracy of six-m3 less that of six-efficientnetb0",
        ours=_difference("six-m3", "six-efficientnetb0"),
        needs=("six-m3", "six-efficientnetb0"),
    ),
    Statement(
        report="leaky",
        place="Section 3.3",
        claim="The test accuracy is 83.2 %",
        measured="test accuracy of leaky",
        ours=_accuracy_of("leaky"),
        needs=("leaky",),
        threshold=0.8315,
        reached=True,
        remark="The supports of the published table are those of the training split.",
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
        claim="The test accuracy on ExpW is 91 %",
        measured="test accuracy of vgg16",
        ours=_accuracy_of("vgg16"),
        dataset="expw",
        needs=("vgg16",),
        threshold=0.905,
        reached=True,
        remark="No per-class table supports it, and other work on ExpW reaches 72 to 76 %.",
    ),
)
"""The conclusions, in the order of the reports. To add one, add a line here."""
