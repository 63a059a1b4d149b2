"""Temperature scaling: one number per member that makes its confidence fit its accuracy.

Guo et al. 2017. A temperature changes no member's predicted class, but members that are equally
right then speak equally loudly when their probabilities are averaged.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from ensembles.predictions import Floats, Ints

LOG_TEMPERATURES = (float(np.log(0.05)), float(np.log(50.0)))
"""Searched range: a member without a single error would otherwise get temperature zero."""


def temperature(logits: Floats, labels: Ints) -> float:
    """The T that minimises the log loss of softmax(logits / T); logits (N, C), labels (N,).

    The log loss is convex in 1/T, so the bounded search over log T finds its one minimum.
    """
    # Classes first, highest logit at zero: then no exponential overflows at any temperature.
    shifted = np.ascontiguousarray((logits - logits.max(axis=1, keepdims=True)).T)  # (C, N)
    true = shifted[labels, np.arange(len(labels))].mean()

    def loss(log_temperature: float) -> float:
        inverse = np.exp(-log_temperature)
        total = np.exp(shifted * inverse).sum(axis=0)
        return float(np.log(total).mean() - true * inverse)

    found = minimize_scalar(
        loss, bounds=LOG_TEMPERATURES, method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def temperatures(logits: Floats, labels: Ints) -> Floats:
    """One temperature (M,) for each member's logits (M, N, C)."""
    return np.array([temperature(of_member, labels) for of_member in logits])
