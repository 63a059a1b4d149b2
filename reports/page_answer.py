"""The page's opening: does the ensemble help, by how much, at what cost, and which weighting?

Every sentence follows from the numbers. The ensemble that is spoken of is the one of highest
validation accuracy, so the test split has not chosen what is said about it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensembles.metrics import predicted_classes
from ensembles.predictions import Bools
from ensembles.scoring import Comparison, Score
from reports.findings import chosen_score
from reports.study import ReportError, Study

SINGLE, AVERAGE = "single_best", "average"
WEIGHTINGS = (AVERAGE, "accuracy", "per_class", "exponential", "vote")
"""The methods among which the question 'which weighting' is put."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Fact:
    """One figure of the opening with what it is and what must be known about it."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Answer:
    """headline: one sentence. points: (question, answer). caveats: what limits all of it."""

    headline: str
    points: tuple[tuple[str, str], ...]
    facts: tuple[Fact, ...]
    caveats: tuple[str, ...]


def answer(study: Study, comparison: Comparison) -> Answer:
    """The opening of the page. Raises `ReportError` where no single member was scored."""
    scores = {score.method: score for score in comparison.scores}
    if SINGLE not in scores:
        raise ReportError(
            f"the comparison has no score of {SINGLE!r}: accepted is one that holds the best "
            "single member, which ensembles are compared with"
        )
    single = scores[SINGLE]
    best = chosen_score(comparison)
    if best is None:
        return Answer(
            headline=f"One network reaches {percent(single.test_accuracy)}; nothing to combine yet",
            points=(("Does it help?", "One member was scored: an ensemble needs two."),),
            facts=(_accuracy_fact("Test accuracy", single),),
            caveats=_caveats(study),
        )
    gain = paired_difference(
        _right(study, comparison, best.method), _right(study, comparison, SINGLE)
    )
    points = (
        ("Does it help?", _gain_sentence(study, best, single, gain)),
        ("Which weighting?", _weighting_sentence(study, comparison, scores, best.method)),
        ("At what cost?", _cost_sentence(study, best, single)),
        ("What of leaked images?", _unique_sentence(study, best, single)),
    )
    return Answer(
        headline=_headline(study, best, single, gain),
        points=tuple((question, text) for question, text in points if text),
        facts=_facts(best, single, gain),
        caveats=_caveats(study),
    )


def paired_difference(right: Bools, other: Bools) -> tuple[float, float, float]:
    """Difference of two accuracies on the same images, with its 95 % interval.

    right, other: (N,). With b images right only in the first and c only in the second, the
    difference (b − c) / N has variance (b + c − (b − c)² / N) / N² (the paired-proportions
    interval in Agresti, Categorical Data Analysis, section 11.1).
    """
    n = len(right)
    only, lost = int((right & ~other).sum()), int((other & ~right).sum())
    half = NORMAL_95 * math.sqrt(only + lost - (only - lost) ** 2 / n) / n
    difference = (only - lost) / n
    return difference, difference - half, difference + half


def percent(value: float, digits: int = 1) -> str:
    """A share of one for people, with a blank that does not break."""
    return f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"


def duration(seconds: float) -> str:
    """Seconds for people: '48 s', '12 min', '3.4 h'."""
    if seconds < 120:
        return f"{seconds:.0f}\N{NO-BREAK SPACE}s"
    if seconds < 7200:
        return f"{seconds / 60:.0f}\N{NO-BREAK SPACE}min"
    return f"{seconds / 3600:.1f}\N{NO-BREAK SPACE}h"


def amount(count: float) -> str:
    """A large number for people: '214 million', '1.8 billion'."""
    for size, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if count >= size:
            value = count / size
            return f"{value:.{0 if value >= 100 else 1}f}\N{NO-BREAK SPACE}{name}"
    return f"{count:.0f}"


def _right(study: Study, comparison: Comparison, method: str) -> Bools:
    found = predicted_classes(comparison.test_probabilities[method])
    return np.asarray(found == study.test.labels)


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")


def _networks(count: int) -> str:
    word = NUMBERS[count] if count < len(NUMBERS) else str(count)
    return f"{word} network{'' if count == 1 else 's'}"


def _headline(study: Study, best: Score, single: Score, gain: tuple[float, float, float]) -> str:
    where = "On synthetic faces, c" if study.synthetic else "C"
    subject = f"{where}ombining {_networks(best.members)}"
    change = f"{percent(single.test_accuracy)} to {percent(best.test_accuracy)}"
    if gain[1] > 0:
        return f"{subject} helps: accuracy rises from {change}"
    if gain[2] < 0:
        return f"{subject} hurts: accuracy falls from {change}"
    return (
        f"{subject} makes no difference beyond chance: {percent(single.test_accuracy)} alone, "
        f"{percent(best.test_accuracy)} together"
    )


def _gain_sentence(
    study: Study, best: Score, single: Score, gain: tuple[float, float, float]
) -> str:
    verdict = (
        "more than chance explains"
        if gain[1] > 0 or gain[2] < 0
        else "zero lies within, so this test split cannot tell the two apart"
    )
    return (
        f"Of the ensembles, “{best.label}” has the highest validation accuracy. It is right on "
        f"{percent(best.test_accuracy)} of the test images (95\N{NO-BREAK SPACE}% interval "
        f"{percent(best.test_low)} to {percent(best.test_high)}); the single network with the "
        f"highest validation accuracy, {single.member_names[0]}, on "
        f"{percent(single.test_accuracy)}{_hindsight(study, single)}. On the same images the "
        f"difference is {_points(gain[0])} points (interval {_points(gain[1])} to "
        f"{_points(gain[2])}): {verdict}."
    )


def _hindsight(study: Study, single: Score) -> str:
    """The single network that is best on test, where validation did not choose it."""
    right = (predicted_classes(study.test.logits) == study.test.labels).mean(axis=1)
    best = int(right.argmax())
    if right[best] <= single.test_accuracy:
        return ""
    return f" (in hindsight {study.test.members[best]} was better: {percent(float(right[best]))})"


def _weighting_sentence(
    study: Study, comparison: Comparison, scores: dict[str, Score], chosen: str
) -> str:
    """Each weighting, and the chosen method, against the simple average on the same images."""
    if AVERAGE not in scores:
        return ""
    plain = _right(study, comparison, AVERAGE)
    better: list[str] = []
    worse: list[str] = []
    tied: list[str] = []
    for name in dict.fromkeys((*WEIGHTINGS[1:], chosen)):
        if name in scores and name != AVERAGE:
            _, low, high = paired_difference(_right(study, comparison, name), plain)
            group = better if low > 0 else worse if high < 0 else tied
            group.append(f"{scores[name].label.lower()} ({percent(scores[name].test_accuracy)})")
    if not (better or worse or tied):
        return ""
    start = f"Simple averaging reaches {percent(scores[AVERAGE].test_accuracy)}"
    parts = [
        f"{text} {_listed(group)}"
        for text, group in (
            ("better by more than chance:", better),
            ("worse by more than chance:", worse),
            ("no different beyond chance:", tied),
        )
        if group
    ]
    return f"{start}; {'; '.join(parts)}."


def _cost_sentence(study: Study, best: Score, single: Score) -> str:
    """What the ensemble takes more than the single network, where it is known."""
    known = []
    for field, show, what in (
        ("train_seconds", duration, "of training"),
        ("macs", amount, "multiply-accumulates for each image"),
    ):
        many = _total(study, field, best.member_names)
        one = _total(study, field, single.member_names)
        if many and one:
            known.append(
                f"{show(many)} {what} instead of {show(one)}, {many / one:.1f} times as much"
            )
    if not known:
        return "The cost is not known: these logits came without training times or network sizes."
    text = f"{'; '.join(known)}."
    return text[0].upper() + text[1:]


def _total(study: Study, field: str, names: Sequence[str]) -> float | None:
    """The sum over the named members; None where one of them is not known."""
    records = {record.name: record for record in study.records}
    values = [getattr(records[name], field) for name in names]
    return None if None in values else float(sum(values))


def _unique_sentence(study: Study, best: Score, single: Score) -> str:
    leaked = int(study.test.duplicate.sum())
    if not leaked or math.isnan(best.test_accuracy_unique):
        return ""
    return (
        f"{leaked:,} of the {len(study.test.labels):,} test images are exact copies of training "
        f"images. Without them the ensemble reaches {percent(best.test_accuracy_unique)} and the "
        f"single network {percent(single.test_accuracy_unique)}."
    )


def _facts(best: Score, single: Score, gain: tuple[float, float, float]) -> tuple[Fact, ...]:
    return (
        _accuracy_fact(best.label, best),
        _accuracy_fact("Best single network", single),
        Fact(
            "Difference",
            f"{_points(gain[0])} points",
            f"95\N{NO-BREAK SPACE}% interval {_points(gain[1])} to {_points(gain[2])}, paired",
        ),
    )


def _accuracy_fact(label: str, score: Score) -> Fact:
    return Fact(
        label,
        percent(score.test_accuracy),
        f"95\N{NO-BREAK SPACE}% interval {percent(score.test_low)} to {percent(score.test_high)}",
    )


def _caveats(study: Study) -> tuple[str, ...]:
    """What a reader must know before believing a figure, the gravest first."""
    found = []
    if study.synthetic:
        found.append(
            "The images are synthetic faces drawn by a program. These figures show that the "
            "comparison works; they say nothing about photographs of people."
        )
    if study.profile == "quick":
        found.append(
            "This is the quick profile: narrow networks, few epochs, few images. Networks trained "
            "in full reach other figures."
        )
    found.extend(study.notes)
    found.extend(f"{one.name} is missing: {one.reason}." for one in study.missing)
    return tuple(found)


def _listed(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
