"""Weights that follow from how well each member does on the validation split.

Sources: accuracy-weighted and per-class-weighted averaging as in the ensemble papers on FER2013;
exponential weighting after Kim, Roh, Dong & Lee 2016 (VA-Simple-WA, VA-Expo-WA).
"""

from __future__ import annotations

import numpy as np

from ensembles.evidence import Evidence
from ensembles.fusion import Combiner, Space, linear
from ensembles.predictions import Floats

EXPONENTS: Floats = np.arange(-500, 1501) / 10.0
"""The q that Kim et al. search: −50, −49.9, ..., 150."""


def accuracy(evidence: Evidence, space: Space = "probability") -> Combiner:
    """w_m proportional to the validation accuracy of member m; equal if no member is ever right."""
    found = evidence.accuracies
    weights = found if found.any() else np.ones_like(found)
    return linear(weights, evidence.size[1], space)


def per_class(evidence: Evidence, space: Space = "probability") -> Combiner:
    """w_{m,c} proportional to the validation recall of member m on class c, for channel c.

    A class that no member ever recognises gives equal weights. Raises PredictionsError where a
    class has no validation image.
    """
    found = evidence.recalls
    weights = np.where(found.any(axis=0), found, 1.0)
    return linear(weights, evidence.size[1], space)


def power_weights(accuracies: Floats, images: int, exponents: Floats) -> Floats:
    """acc_m^q / Σ_j acc_j^q for each q: (Q, M).

    An accuracy of zero counts as half an image of `images`, for zero has no negative powers.
    """
    logs = np.log(np.maximum(accuracies, 0.5 / images))
    powers = exponents[:, None] * logs
    powers = np.exp(powers - powers.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def exponential(
    evidence: Evidence, space: Space = "probability", q: float | None = None
) -> Combiner:
    """w_m proportional to acc_m^q (Kim et al. 2016).

    Without `q`, the first of `EXPONENTS` that maximises the validation accuracy of the combination
    is taken. The q in use is told in the combiner's detail.
    """
    if q is None:
        candidates = power_weights(evidence.accuracies, len(evidence.labels), EXPONENTS)
        best = int(evidence.contests(space).count(candidates).argmax())
        weights, q = candidates[best], float(EXPONENTS[best])
    else:
        weights = power_weights(evidence.accuracies, len(evidence.labels), np.array([q]))[0]
    return linear(weights, evidence.size[1], space, detail=f"q = {q:g}")
