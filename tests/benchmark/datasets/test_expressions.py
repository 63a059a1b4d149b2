from __future__ import annotations

import numpy as np
import pytest

from benchmark.datasets import CLASS_NAMES
from benchmark.datasets.expressions import PROTOTYPES, UNITS, draw_units


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_every_emotion_has_prototypes_of_known_units(name: str) -> None:
    prototypes = PROTOTYPES[name]
    assert sum(prototype.share for prototype in prototypes) == pytest.approx(1.0)
    for prototype in prototypes:
        assert set(prototype.units) <= set(UNITS)
        assert all(0 < strength <= 1 for strength in prototype.units.values())


def test_units_are_strongest_in_their_own_emotion() -> None:
    emotions = np.repeat(np.arange(7), 400)
    units = draw_units(emotions, np.random.default_rng(0))
    assert units.shape == (2800, len(UNITS))
    assert units.dtype == np.float32
    assert units.min() >= 0
    assert units.max() <= 1
    mean = units.reshape(7, 400, -1).mean(axis=1)
    strongest = {12: "happy", 9: "disgust", 26: "surprise", 15: "sad", 4: "angry"}
    for unit, emotion in strongest.items():
        assert CLASS_NAMES[int(mean[:, UNITS.index(unit)].argmax())] == emotion


def test_intensities_overlap_between_emotions() -> None:
    """Some smiles are fainter than the smile that a neutral face happens to have."""
    emotions = np.repeat([3, 6], 500)
    smile = draw_units(emotions, np.random.default_rng(1))[:, UNITS.index(12)]
    assert np.quantile(smile[:500], 0.05) < np.quantile(smile[500:], 0.95)
