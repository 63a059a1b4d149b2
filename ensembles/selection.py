"""Combiners that choose members on the validation split: single best, top-k, greedy."""

from __future__ import annotations

import numpy as np

from ensembles.evidence import Evidence
from ensembles.fusion import Combiner, linear
from ensembles.predictions import Floats


def single_best(evidence: Evidence) -> Combiner:
    """The member of highest validation accuracy (then of lowest log loss), alone."""
    weights: Floats = np.zeros(evidence.size[0])
    weights[evidence.ranking[0]] = 1.0
    name = evidence.validation.members[evidence.ranking[0]]
    return linear(weights, evidence.size[1], detail=name)
