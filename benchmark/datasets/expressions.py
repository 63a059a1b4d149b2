"""What a face does in each emotion: action units of the Facial Action Coding System.

Source: Ekman, Friesen and Hager 2002 (the action units) and their EMFACS prototypes (which units
make up anger, disgust, fear, happiness, sadness and surprise). An activation is 0 (absent) to 1
(maximal, FACS intensity E). Each emotion has several prototypes, as people show it in several ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark.datasets import CLASS_NAMES

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
"""float32, unless a function says otherwise."""

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 17, 20, 24, 25, 26, 43)
"""1 inner brow raiser, 2 outer brow raiser, 4 brow lowerer, 5 upper lid raiser, 6 cheek raiser,
7 lid tightener, 9 nose wrinkler, 10 upper lip raiser, 12 lip corner puller, 15 lip corner
depressor, 17 chin raiser, 20 lip stretcher, 24 lip pressor, 25 lips part, 26 jaw drop (27, mouth
stretch, is its far end), 43 upper lid droop."""


@dataclass(frozen=True)
class Prototype:
    """One way of showing an emotion: how often it is taken, and its action units."""

    share: float
    units: MappingProxyType[int, float]


def _prototype(share: float, **units: float) -> Prototype:
    return Prototype(share, MappingProxyType({int(k[2:]): v for k, v in units.items()}))


PROTOTYPES: MappingProxyType[str, tuple[Prototype, ...]] = MappingProxyType(
    {
        "angry": (
            _prototype(0.5, au4=1.0, au5=0.4, au7=0.7, au17=0.4, au24=0.9),
            _prototype(0.3, au4=1.0, au5=0.5, au7=0.5, au10=0.6, au20=0.3, au25=0.9, au26=0.5),
            _prototype(0.2, au4=0.9, au7=0.9, au10=0.4, au24=0.3, au15=0.4),
        ),
        "disgust": (
            _prototype(0.6, au4=0.5, au7=0.6, au9=1.0, au10=0.9, au17=0.4, au25=0.3),
            _prototype(0.4, au4=0.3, au6=0.4, au9=0.9, au10=0.7, au15=0.6, au17=0.7),
        ),
        "fear": (
            _prototype(0.6, au1=0.9, au2=0.5, au4=0.6, au5=0.9, au20=0.8, au25=0.8, au26=0.3),
            _prototype(0.4, au1=0.9, au2=0.4, au4=0.5, au5=0.8, au20=0.4, au25=0.8, au26=0.7),
        ),
        "happy": (
            _prototype(0.55, au6=0.8, au12=0.9, au25=0.8, au26=0.15),
            _prototype(0.3, au6=0.5, au12=0.8),
            _prototype(0.15, au6=0.9, au12=1.0, au25=1.0, au26=0.55),
        ),
        "sad": (
            _prototype(0.5, au1=0.9, au4=0.5, au15=0.8, au17=0.6, au43=0.4),
            _prototype(0.3, au1=0.6, au15=0.6, au43=0.6),
            _prototype(0.2, au1=0.8, au4=0.8, au6=0.5, au15=0.7, au20=0.3, au25=0.5),
        ),
        "surprise": (
            _prototype(0.7, au1=1.0, au2=1.0, au5=0.8, au25=1.0, au26=1.0),
            _prototype(0.3, au1=0.9, au2=1.0, au5=0.6, au25=0.7, au26=0.45),
        ),
        "neutral": (_prototype(0.8), _prototype(0.2, au43=0.4, au15=0.15)),
    }
)


def draw_units(emotions: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Action units of N faces that show the given emotions: (N, len(UNITS)) in [0, 1].

    Intensities run from hardly visible to maximal, single units stay away, other emotions mix in
    faintly, and every face has its own resting tone: the reasons why real expressions are hard.
    """
    count = len(emotions)
    units = np.zeros((count, len(UNITS)))
    for label, name in enumerate(CLASS_NAMES):
        rows = np.flatnonzero(emotions == label)
        shares = [prototype.share for prototype in PROTOTYPES[name]]
        chosen = rng.choice(len(shares), size=len(rows), p=shares)
        units[rows] = _as_rows(PROTOTYPES[name])[chosen]
    intensity = 0.22 + 0.78 * rng.beta(1.7, 1.25, size=(count, 1))
    personal = rng.normal(1.0, 0.22, size=units.shape) * (rng.random(units.shape) > 0.1)
    other = _as_rows(tuple(PROTOTYPES[name][0] for name in CLASS_NAMES))
    blend = other[rng.integers(len(CLASS_NAMES), size=count)]
    faint = rng.beta(1.0, 4.5, size=(count, 1)) * 0.6
    tone = rng.exponential(0.05, size=units.shape)
    return np.clip(units * intensity * personal + blend * faint + tone, 0.0, 1.0).astype(np.float32)


def _as_rows(prototypes: tuple[Prototype, ...]) -> npt.NDArray[np.float64]:
    return np.array([[p.units.get(unit, 0.0) for unit in UNITS] for p in prototypes])
