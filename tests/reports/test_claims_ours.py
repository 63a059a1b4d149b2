"""The intervals of what this study found, against plain resampling."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from ensembles import metrics
from ensembles.fusion import softmax
from ensembles.predictions import Test
from ensembles.significance import bootstrap_means
from reports.claims_numbers import Answers, Gap, Ours
from reports.claims_ours import Bench, ours
from reports.findings import Findings
from reports.published import Figure
from tests.reports.claims_cases import nine


def test_paired_interval_is_that_of_the_bootstrap() -> None:
    study, comparison = nine()
    bench = Bench(study, comparison)
    left, right = bench.right("average"), bench.right("deep-a")
    found = bench.against("average", "deep-a")
    assert isinstance(found, Ours)
    oracle = bootstrap(
        (left.astype(float) - right,), np.mean, method="percentile", rng=1, n_resamples=4000
    ).confidence_interval
    assert found.value == pytest.approx(left.mean() - right.mean())
    assert found.low == pytest.approx(oracle.low, abs=0.004)
    assert found.high == pytest.approx(oracle.high, abs=0.004)


def test_differences_are_those_of_the_table_of_pairs() -> None:
    study, comparison = nine()
    paired = Findings(study, comparison).paired
    left, right = (paired.names.index(name) for name in ("deep-a", "fcn-c"))
    found = Bench(study, comparison).against("deep-a", "fcn-c")
    assert isinstance(found, Ours)
    assert (found.value, found.low, found.high) == pytest.approx(
        (
            paired.difference[left, right],
            paired.difference_low[left, right],
            paired.difference_high[left, right],
        )
    )


@pytest.mark.parametrize(
    ("metric", "label"),
    [("f1", "sad"), ("macro_f1", ""), ("recall", "happy"), ("log_loss", ""), ("accuracy", "")],
)
def test_intervals_are_those_of_resampled_images(metric: str, label: str) -> None:
    study, _ = nine()
    found = Answers.of(study.test, "deep-a").measure(metric, label)
    assert isinstance(found, Ours)
    rng = np.random.default_rng(7)
    values = []
    for _ in range(400):
        sample = study.test.take(rng.integers(0, len(study.test.labels), len(study.test.labels)))
        again = _plain(sample, metric, label)
        values.append(again)
    low, high = np.quantile(values, [0.025, 0.975])
    width = high - low
    assert found.value == pytest.approx(_plain(study.test, metric, label))
    assert found.low == pytest.approx(low, abs=0.2 * width)
    assert found.high == pytest.approx(high, abs=0.2 * width)


def _plain(test: Test, metric: str, label: str) -> float:
    logits = test.logits[test.members.index("deep-a")]
    if metric == "log_loss":
        return metrics.log_loss(softmax(logits), test.labels)
    report = metrics.classification_report(logits.argmax(axis=1), test.labels, 7)
    if metric == "accuracy":
        return report.accuracy
    if metric == "macro_f1":
        return report.macro.f1
    return float(getattr(report, metric)[test.classes.index(label)])


@pytest.mark.parametrize(
    "leads",
    [(0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.0), (0.0, 0.2, 0.3), (-0.05, 0.0, 0.0)],
)
def test_the_least_of_several_differences_is_covered_at_ties_too(leads: tuple[float, ...]) -> None:
    """Interval of the least lead of one method over others whose true leads are known."""
    rng = np.random.default_rng(3)
    studies, images, shared, own = 400, 300, 0.5, 0.6
    covered = contained = 0
    for _ in range(studies):
        # All share part of their answers, as networks on the same images do.
        common = rng.random(images)
        alone = rng.random((1 + len(leads), images))
        asked = rng.random((1 + len(leads), images)) < shared
        chances = own - np.array([0.0, *leads])[:, None]
        right = np.where(asked, common, alone) < chances
        draws = bootstrap_means(right, 400, seed=int(rng.integers(1 << 30)))
        values = right[0].mean() - right[1:].mean(axis=1)
        found = Ours.lowest(values, draws[0] - draws[1:])
        covered += found.low <= min(leads) <= found.high
        contained += found.low <= values.min() <= found.high
    assert covered / studies >= 0.93  # 0.95 less what 400 studies leave open
    assert contained == studies


def test_the_least_of_one_difference_is_that_difference() -> None:
    bench = Bench(*nine())
    gap = bench.gap("average", "deep-a")
    assert isinstance(gap, Gap)
    alone = Ours.lowest(np.array([gap.value]), gap.draws[None])
    pair = bench.against("average", "deep-a")
    assert isinstance(pair, Ours)
    assert (alone.value, alone.low, alone.high) == (pair.value, pair.low, pair.high)


def test_counts_of_members_by_test_accuracy_have_intervals() -> None:
    study, comparison = nine()
    bench = Bench(study, comparison)
    right = np.stack([bench.right(name) for name in bench.nine])
    # A line that the fifth member is on, so that other images put it on the other side.
    line = float(np.sort(right.mean(axis=1))[4])
    rng = np.random.default_rng(5)
    index = rng.integers(0, right.shape[1], (2000, right.shape[1]))
    drawn = right[:, index].mean(axis=2)  # (9, 2000)
    for metric, kind, names, test in (
        ("members_above", "collection", bench.nine, np.greater),
        ("weak_in_best", "ensemble", bench.best_subset, np.less_equal),
    ):
        figure = Figure(
            report="nine",
            place="p",
            kind=kind,
            subject="average",
            metric=metric,
            value=3,
            unit=1,
            threshold=line,
        )
        found = ours(bench, figure, "test")
        assert isinstance(found, Ours)
        rows = [bench.nine.index(name) for name in names]
        assert found.value == test(right[rows].mean(axis=1), line).sum()
        low, high = np.quantile(test(drawn[rows], line).sum(axis=0), [0.025, 0.975])
        assert low < high
        assert (found.low, found.high) == pytest.approx((low, high), abs=1)
        assert found.low <= found.value <= found.high
        assert found.interval == "paired bootstrap over images"
