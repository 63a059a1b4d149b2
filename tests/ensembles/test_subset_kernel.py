"""The kernel's counts against exact rational arithmetic and float64 brute force."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ensembles import subset_kernel
from ensembles.fusion import log_softmax, softmax
from ensembles.predictions import Floats, Ints
from ensembles.subset_kernel import Margins, count_all
from tests.ensembles.factory import make_logits


def brute_force(values: Floats, labels: Ints, subset: int) -> int:
    """Images right for one subset by a float64 mean and argmax."""
    chosen = (subset >> np.arange(len(values))) & 1 == 1
    return int((values[chosen].mean(axis=0).argmax(axis=1) == labels).sum())


def exactly(values: Floats, labels: Ints, subset: int) -> int:
    """Images right for one subset in rational arithmetic; ties go to the lowest class."""
    right = 0
    for n, label in enumerate(labels):
        sums = [
            sum(Fraction(values[m, n, c]) for m in range(len(values)) if subset >> m & 1)
            for c in range(values.shape[2])
        ]
        right += sums.index(max(sums)) == label
    return right


def make_values(m: int, n: int, c: int, seed: int = 0) -> tuple[Floats, Ints]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, c, n)
    return softmax(make_logits(labels, m, c, 0.6, rng)), labels


@pytest.mark.parametrize(("m", "n", "c"), [(1, 5, 2), (2, 40, 3), (5, 300, 7), (9, 600, 10)])
def test_every_subset_equals_the_float64_brute_force(m: int, n: int, c: int) -> None:
    values, labels = make_values(m, n, c)
    counts = count_all(values, labels)
    assert counts[0] == 0
    assert counts[1:].tolist() == [brute_force(values, labels, s) for s in range(1, 1 << m)]


def test_a_million_subsets_of_a_real_split_equal_the_float64_brute_force_ties_included() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 7, 3_589)
    logits = make_logits(labels, 20, 7, 0.6, rng)
    values = softmax(logits)
    # Binary fractions, which float64 adds without rounding: many subsets share them out equally.
    shares = np.array([[1, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0], [0, 0, 0.5, 0.5, 0, 0, 0]])
    values[:, :300] = shares[rng.integers(0, 3, (20, 300))]
    counts = count_all(values, labels)
    assert len(counts) == 1 << 20
    subsets = rng.integers(1, 1 << 20, 1_000)
    assert counts[subsets].tolist() == [brute_force(values, labels, int(s)) for s in subsets]


@pytest.mark.parametrize("sharpness", [1.0, 8.0])
def test_the_32_bit_pass_equals_the_float64_brute_force(sharpness: float) -> None:
    # Sharp members are sure of different classes by almost the same amount: many near-ties.
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 7, 500)
    values = softmax(sharpness * make_logits(labels, 13, 7, 0.6, rng))
    counts = count_all(values, labels)
    subsets = rng.integers(1, 1 << 13, 300)
    expected = [brute_force(values, labels, int(s)) for s in subsets]
    assert counts[subsets].tolist() == expected


def test_ties_go_to_the_lowest_class_as_in_exact_arithmetic() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 4, 30)
    values = softmax(rng.integers(0, 2, (5, 30, 4)).astype(float))
    counts = count_all(values, labels)
    tied = (np.sort(values[0], axis=1)[:, -2:] == values[0].max(axis=1)[:, None]).all(axis=1)
    assert tied.any()
    assert counts[1:].tolist() == [exactly(values, labels, s) for s in range(1, 32)]


def test_too_many_ties_for_32_bits_are_counted_in_64() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 64)
    # One, two or four classes share all: binary fractions, which float64 adds without rounding.
    shares = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4, [0, 0.5, 0, 0.5]])
    values = shares[rng.integers(0, 4, (13, 64))]
    thirds = np.array([[1, 1, 1, 0], [0, 1, 1, 1]]) / 3.0
    values[:, 32:] = thirds[rng.integers(0, 2, (13, 32))]
    margins = Margins.of(values, labels)
    assert margins._count_narrow() is None
    counts = count_all(values, labels)
    subsets = rng.integers(1, 1 << 13, 40)
    assert counts[subsets].tolist() == [exactly(values, labels, int(s)) for s in subsets]


def test_doubtful_subsets_are_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels = make_values(13, 200, 5)
    # Two members that disagree by less than 32 bits can tell: their pair alone is in doubt.
    values[0, 0] = [0.6, 0.4, 0, 0, 0]
    values[1, 0] = [0.4 - 1e-12, 0.6 + 1e-12, 0, 0, 0]
    labels[0] = 1
    again: list[int] = []
    count = Margins.count

    def counted(self: Margins, sums: Ints) -> int:
        again.append(1)
        return count(self, sums)

    monkeypatch.setattr(Margins, "count", counted)
    counts = count_all(values, labels)
    assert again
    assert counts[3] == brute_force(values, labels, 3)


def test_extreme_log_probabilities_equal_the_float64_brute_force() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, 50)
    logits = rng.choice([-1e4, 0.0, 1.0, 1e4], (6, 50, 3))
    values = log_softmax(logits + rng.normal(size=logits.shape))
    counts = count_all(values, labels)
    assert counts[1:].tolist() == [brute_force(values, labels, s) for s in range(1, 64)]


def test_parts_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels = make_values(4, 700, 3)
    whole = count_all(values, labels)
    monkeypatch.setattr(subset_kernel, "_CHUNK_BYTES", 1)
    assert len(list(subset_kernel.margins_of(values, labels))) > 1
    assert count_all(values, labels).tolist() == whole.tolist()


def test_images_that_no_subset_changes_are_left_out() -> None:
    values = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.6, 0.4], [0.3, 0.7]]])
    margins = Margins.of(values, np.array([0, 0]))
    assert (margins.certain, margins.open_images, margins.margins.shape) == (1, 0, (2, 0))
    assert count_all(values, np.array([0, 0])).tolist() == [0, 1, 1, 1]
