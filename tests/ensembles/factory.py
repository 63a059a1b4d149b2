"""Small deterministic predictions for the tests of the engine."""

from __future__ import annotations

import numpy as np

from ensembles.predictions import Floats, Ints, Test, Validation


def make_logits(labels: Ints, m: int, c: int, accuracy: float, rng: np.random.Generator) -> Floats:
    """Logits (M, N, C) of members whose accuracies spread by 0.1 about `accuracy`, errors shared.

    Each member sees the true class or, mistaken, another one; a third of its noise is common to all
    members, so that they err together as trained networks do.
    """
    n = len(labels)
    wanted = accuracy + np.linspace(-0.1, 0.1, m)
    hard = rng.random(n)
    seen = np.where(
        0.5 * hard + 0.5 * rng.random((m, n)) < wanted[:, None], labels, rng.integers(0, c, (m, n))
    )
    logits = rng.normal(size=(m, n, c)) + 0.5 * rng.normal(size=(n, c))
    logits += rng.uniform(2.0, 4.0, size=(m, n))[:, :, None] * np.eye(c)[seen]
    return np.asarray(logits, dtype=np.float64)


def make_predictions(
    m: int = 4,
    n: int = 120,
    c: int = 5,
    seed: int = 0,
    *,
    accuracy: float = 0.6,
    members: tuple[str, ...] | None = None,
    duplicates: float = 0.1,
) -> tuple[Validation, Test]:
    """Two splits of M members, N images and C classes; every class occurs when N is at least C."""
    rng = np.random.default_rng(seed)

    def split(kind: str) -> dict[str, object]:
        labels = np.concatenate([np.arange(min(n, c)), rng.integers(0, c, max(0, n - c))])
        return {
            "logits": make_logits(labels, m, c, accuracy, rng),
            "labels": labels,
            "sample_ids": np.array([f"{kind}-{i}" for i in range(n)]),
            "duplicate": rng.random(n) < duplicates,
        }

    names = (
        members if members is not None else tuple(f"net{i // 2}-{'ab'[i % 2]}" for i in range(m))
    )
    classes = tuple(f"class{i}" for i in range(c))
    return (
        Validation.make(**split("val"), members=names, classes=classes),
        Test.make(**split("test"), members=names, classes=classes),
    )
