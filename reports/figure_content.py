"""Which figures a report has, and where their numbers come from."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial

import numpy as np

from ensembles.fusion import softmax
from ensembles.metrics import ECE_BINS, accuracy, predicted_classes
from ensembles.predictions import Floats, Ints
from ensembles.scoring import Score
from reports import figures, figures_engine, figures_ensembles
from reports.drawing import Drawing, Job
from reports.figures_engine import Claim, Share
from reports.figures_ensembles import CostPanel, CostPoint, Interval
from reports.findings import Findings, method_row
from reports.published import figure_of
from reports.recipe_content import recipe_jobs
from reports.speed import speed_figure
from reports.study import NEGATIVE, POSITIVE, Study

AVERAGE, NINE = "average", "nine"
COSTS = {
    "macs": ("multiply-accumulates for one image (millions)", 1e6),
    "train_seconds": ("training (seconds)", 1.0),
    "latency_ms": ("latency of one image (ms)", 1.0),
}
"""Fields of a record that add up over members: their axis, and the unit that it is labelled in."""
LEARNERS = ("single_best", "accuracy", "per_class", "exponential", "greedy", "convex")
"""Methods in the figure of fitting on few images: one of each kind, for more would overlap."""
MOST_MEMBERS = 15
"""Single networks among the methods, where the best are of interest."""


def figure_jobs(findings: Findings) -> Iterator[tuple[str, Job]]:
    """Every figure that the study has the numbers for, the ones to look at first first.

    The last takes longest to compute: the others can be drawn meanwhile.
    """
    yield "forest", _forest(findings)
    for more in (
        *(_growth, _costs, _contributions, _confusions, _curves, recipe_jobs),
        *(_diversity, _reliability, _two_classes, _distribution, _speed, _growth_of_nine),
        _choosing,
    ):
        yield from more(findings).items()


def draw_all(findings: Findings) -> Iterator[Drawing]:
    """The figures of `figure_jobs`; a job that spreads its members over several gives them all.

    Drawing is most of a report's time: two processes begin with it while the numbers of later
    figures are still being computed, and go on while the caller makes what comes before the first.
    Where processes cannot be forked, this one draws. What is not drawn when the iterator is given
    up, or at Ctrl-C, is not drawn any more.
    """
    jobs = (job for _, job in figure_jobs(findings))
    if sys.platform != "linux" or (os.cpu_count() or 1) < 2:
        return _flat(job() for job in jobs)
    drawn = _drawn_by_others(jobs)
    next(drawn)
    return _flat(drawn)


def _flat(drawn: Iterable[Drawing | list[Drawing]]) -> Iterator[Drawing]:
    for one in drawn:
        yield from one if isinstance(one, list) else [one]


def _drawn_by_others(jobs: Iterator[Job]) -> Iterator[Drawing | list[Drawing]]:
    """What two processes make of `jobs`, in order; the first value, empty, comes once they all are
    handed over."""
    fork = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(2, mp_context=fork, initializer=_end_at_interrupt)
    waiting: list[Future[Drawing | list[Drawing]]] = []
    try:
        first = next(jobs)
        with _quiet_fork():
            waiting.append(pool.submit(first))
        for job in jobs:  # drawing begins before the next is there
            waiting.append(pool.submit(job))
        yield []
        for drawn in waiting:
            yield drawn.result()
    finally:
        pool.shutdown(cancel_futures=True)  # it forgets to cancel where nobody waits for it


@contextlib.contextmanager
def _quiet_fork() -> Iterator[None]:
    """Processes forked inside get no Ctrl-C before they have decided what it does to them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with warnings.catch_warnings():
            # They only draw; they touch no lock that another thread of ours may hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_at_interrupt() -> None:
    """Ctrl-C reaches the whole process group: one that draws ends at once and says nothing."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _forest(findings: Findings) -> Job:
    """Every method without its variants, and the best single networks."""
    members = sorted(findings.comparison.member_scores, key=lambda s: -s.test_accuracy)
    rows = [*findings.plain_methods, *members[:MOST_MEMBERS]]
    tied = dict(zip(findings.paired.names, findings.paired.tied, strict=True))
    intervals = [
        _interval(score, bool(tied[score.method if score in members else method_row(score)]))
        for score in rows
    ]
    return partial(figures_ensembles.forest, intervals, _interval(findings.best_member))


def _interval(score: Score, tied: bool = False) -> Interval:
    return Interval(
        label=score.label,
        value=score.test_accuracy,
        low=score.test_low,
        high=score.test_high,
        ensemble=score.members > 1,
        tied=tied,
    )


def _growth(findings: Findings) -> dict[str, Job]:
    """Nothing for one member."""
    study = findings.study
    if len(study.test.members) < 2:
        return {}
    claim = _best_of_nine(study)
    single, exact = findings.best_member.test_accuracy, findings.subsets.test.exact
    return {"growth": partial(figures_engine.growth, findings.growth, single, exact, claim)}


def _growth_of_nine(findings: Findings) -> dict[str, Job]:
    """Where a study of the nine holds others besides: the nine by themselves, all subsets."""
    nine = findings.groups.get(NINE)
    claim = _best_of_nine(nine.study) if nine else None
    if nine is None or claim is None:
        return {}
    single, exact = nine.best_member.test_accuracy, nine.subsets.test.exact
    draw = partial(figures_engine.growth, nine.growth, single, exact, claim, NINE)
    return {f"growth_{NINE}": draw}


def _best_of_nine(study: Study) -> Claim | None:
    """What report `nine` says of its best ensemble, where the members are that report's own."""
    size, accuracy, of = (
        figure_of(NINE, *names)
        for names in (("best_size", AVERAGE), ("accuracy", AVERAGE), ("members",))
    )
    if not len(study.groups.get(NINE, ())) == len(study.records) == of.value:
        return None
    comparable = study.dataset == accuracy.dataset and study.profile == "paper"
    return Claim(
        f"report nine: best with {size.value:g} of {of.value:g} members, "
        f"about {100 * accuracy.value:g} %",
        int(size.value),
        accuracy.value if comparable else None,
    )


def _costs(findings: Findings) -> dict[str, Job]:
    """Nothing where the cost of a member is not known."""
    comparison = findings.comparison
    scores = [*comparison.member_scores, *findings.plain_methods]
    panels = []
    for field, (axis, unit) in COSTS.items():
        known = {record.name: getattr(record, field) for record in findings.study.records}
        if all(known.values()):
            points = [_cost_point(score, known, unit) for score in scores]
            front = [
                CostPoint(str(len(p.members)), p.cost / unit, p.test_accuracy, len(p.members) > 1)
                for p in findings.worth_their_cost(field)
            ]
            panels.append(CostPanel(axis, points, front))
    return (
        {"accuracy_cost": partial(figures_ensembles.accuracy_against_cost, panels)}
        if (panels)
        else {}
    )


def _cost_point(score: Score, costs: Mapping[str, float], unit: float) -> CostPoint:
    cost = sum(costs[name] for name in score.member_names) / unit
    return CostPoint(score.label, cost, score.test_accuracy, score.members > 1)


def _contributions(findings: Findings) -> dict[str, Job]:
    """Nothing for one member."""
    if len(findings.study.test.members) < 2:
        return {}
    shares = [
        Share(test.member, validation.shapley, test.shapley, test.alone)
        for validation, test in findings.contributions
    ]
    exact = findings.subsets.test.exact
    return {"contributions": partial(figures_engine.contributions, shares, exact)}


def _diversity(findings: Findings) -> dict[str, Job]:
    """Nothing for one member."""
    found = findings.diversity
    if len(found.members) < 2:
        return {}
    draw = partial(figures_engine.error_correlation, found.members, found.correlation)
    return {"error_correlation": draw}


def _choosing(findings: Findings) -> dict[str, Job]:
    """Nothing where a class has too few images, or nothing was fitted."""
    shown = [row for row in findings.selection_costs.rows if row.method in LEARNERS]
    if not shown:
        return {}
    return {"selection_learning": partial(figures_engine.learning, shown)}


def _confusions(findings: Findings) -> dict[str, Job]:
    """One figure each for the best ensemble and the simple average; the others share one."""
    classes, main = findings.study.test.classes, findings.main_methods
    matrices = {score.method: findings.confusion(score.method) for score in main}
    jobs: dict[str, Job] = {}
    for i, score in enumerate(main):
        if i == 0 or score.method == AVERAGE:
            name, matrix = f"confusion_{score.method}", matrices[score.method]
            jobs[name] = partial(figures.confusion, name, score.label, matrix, classes)
    labelled = {score.label: matrices[score.method] for score in main}
    for name, title, several in (
        ("confusion_ensembles", "Confusion matrices of ensembles", labelled),
        ("confusion_members", "Confusion matrices of the members", findings.confusions),
    ):
        if several:
            jobs[name] = partial(figures.confusions, name, title, several, classes)
    return jobs


def _curves(findings: Findings) -> dict[str, Job]:
    """Nothing where no member's training was recorded."""
    records = findings.study.records
    if not any(record.history for record in records):
        return {}
    return {
        "learning_curves": partial(figures.learning_curves, records),
        "learning_curves_members": partial(figures.member_curves, records),
    }


def _reliability(findings: Findings) -> dict[str, Job]:
    """The best single network, the simple average and the best ensemble: more would overlap."""
    study, best = findings.study, findings.best_member
    index = study.test.members.index(best.method)
    curves = {f"{best.label} (single)": softmax(study.test.logits[index])}
    for i, score in enumerate(findings.main_methods):
        if i == 0 or score.method == AVERAGE:
            curves[score.label] = findings.comparison.test_probabilities[score.method]
    bins = {name: reliability_bins(p, study.test.labels) for name, p in curves.items()}
    return {"reliability": partial(figures_ensembles.reliability, bins)}


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


def _two_classes(findings: Findings) -> dict[str, Job]:
    """Nothing where the classes are not those of facial expression, or no image has a side."""
    test = findings.study.test
    if not {*NEGATIVE, *POSITIVE} <= set(test.classes):
        return {}
    named = {name: softmax(test.logits[i]) for i, name in enumerate(test.members)}
    named |= {
        s.label: findings.comparison.test_probabilities[s.method] for s in findings.main_methods
    }
    rows, images = {}, 0
    for name, probabilities in named.items():
        two, images = two_class_accuracy(probabilities, test.labels, test.classes)
        rows[name] = (accuracy(predicted_classes(probabilities), test.labels), two)
    others = [name for name in test.classes if name not in (*NEGATIVE, *POSITIVE)]
    if not images:
        return {}
    draw = partial(figures_ensembles.two_classes, rows, images, " and ".join(others))
    return {"two_classes": draw}


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


def _distribution(findings: Findings) -> dict[str, Job]:
    counts = findings.study.class_counts
    if not counts:
        return {}
    classes = findings.study.test.classes
    return {"class_distribution": partial(figures.class_distribution, counts, classes)}


def _speed(findings: Findings) -> dict[str, Job]:
    """Nothing where it was not measured."""
    speed = findings.study.speed
    return {"speed": partial(speed_figure, speed)} if speed and speed.members else {}
