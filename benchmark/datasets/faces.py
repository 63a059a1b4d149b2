"""`faces`: procedurally drawn 48x48 gray faces, the dataset that needs no files. Synthetic.

Emotions are shown through action units (`expressions.py`), drawn by `face_drawing.py`, and degraded
like pictures from the web: blur, noise, contrast, things in front of the face. Class proportions
are FER2013's; 6 % of the labels are wrong on purpose, and `DrawnSplit.emotions` records the truth.
One seed gives the same pictures every time; 6,000 faces take a few seconds on two cores.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from benchmark.datasets import CLASS_NAMES, SIDE, SPLITS, DataError, Dataset, Split
from benchmark.datasets.expressions import Floats, draw_units
from benchmark.datasets.face_drawing import draw_faces
from benchmark.datasets.official import OFFICIAL_COUNTS
from benchmark.datasets.people import People, draw_people

SIZES: Mapping[str, int] = MappingProxyType({"train": 2500, "validation": 1000, "test": 1000})
LABEL_NOISE = 0.06
BATCH = 64
"""Faces drawn at once: their layers (0.6 MB each) stay in a core's cache."""


@dataclass(frozen=True, eq=False)
class DrawnSplit:
    """A split and what its faces really show. emotions: int64 (N,), before labels went wrong."""

    split: Split
    emotions: npt.NDArray[np.int64]

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """bool (N,): the label is one of those made wrong on purpose."""
        return np.asarray(self.split.labels != self.emotions)


def draw_dataset(
    *, seed: int = 0, sizes: Mapping[str, int] = SIZES, label_noise: float = LABEL_NOISE
) -> Dataset:
    """Draw the three splits. `sizes` gives the number of faces of each split, 7 or more."""
    train, validation, test = (
        draw_split(name, sizes[name], seed=seed, label_noise=label_noise).split for name in SPLITS
    )
    return Dataset(
        name="faces",
        origin=f"procedurally drawn faces (seed {seed}, {label_noise:.0%} of labels made wrong)",
        train=train,
        validation=validation,
        test=test,
        synthetic=True,
    )


def draw_split(
    name: str, size: int, *, seed: int = 0, label_noise: float = LABEL_NOISE
) -> DrawnSplit:
    """Draw one split with FER2013's class proportions in that split, labels shuffled."""
    if size < len(CLASS_NAMES):
        raise DataError(
            f"the split {name!r} of faces cannot have {size} images: accepted are "
            f"{len(CLASS_NAMES)} or more"
        )
    rng = np.random.default_rng([seed, SPLITS.index(name)])
    emotions = rng.permutation(np.repeat(np.arange(len(CLASS_NAMES)), _class_sizes(name, size)))
    units, people = draw_units(emotions, rng), draw_people(size, rng)
    images = _draw_images(units, people, rng)
    labels = _spoil(emotions, label_noise, rng)
    ids = np.array([f"{name}/{i:06d}" for i in range(size)])
    return DrawnSplit(Split(images, labels, ids), emotions)


def _class_sizes(split: str, size: int) -> npt.NDArray[np.int64]:
    """FER2013's proportions by largest remainder, with at least one face of each class."""
    official = np.array(OFFICIAL_COUNTS[split], dtype=np.float64)
    exact = official / official.sum() * (size - len(CLASS_NAMES))
    sizes = np.floor(exact).astype(np.int64)
    short = size - len(CLASS_NAMES) - int(sizes.sum())
    sizes[np.argsort(-(exact - sizes), kind="stable")[:short]] += 1
    return np.asarray(sizes + 1)


def _spoil(
    emotions: npt.NDArray[np.int64], share: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    labels = emotions.copy()
    wrong = rng.choice(len(labels), size=round(share * len(labels)), replace=False)
    labels[wrong] += rng.integers(1, len(CLASS_NAMES), size=len(wrong))
    return np.asarray(labels % len(CLASS_NAMES))


def _draw_images(units: Floats, people: People, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    count = len(units)
    images = np.empty((count, SIDE, SIDE), dtype=np.uint8)
    starts = range(0, count, BATCH)

    def draw(job: tuple[int, np.random.Generator]) -> None:
        start, own = job
        rows = slice(start, min(start + BATCH, count))
        images[rows] = _photograph(draw_faces(units, people, rows), own)

    # Each batch has its own random stream, so the pictures do not depend on the number of threads.
    jobs: Iterator[tuple[int, np.random.Generator]] = zip(
        starts, rng.spawn(len(starts)), strict=True
    )
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(draw, jobs))
    return images


def _photograph(light: Floats, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Turn drawn light (B, 48, 48) into uint8 pictures as poor as those found on the web."""
    count = len(light)
    _cover(light, rng)
    sigma = rng.uniform(0.25, 1.0, (count, 1, 1)).astype(np.float32)
    light = _blur(light, sigma)
    gain = rng.uniform(0.75, 1.3, (count, 1, 1)).astype(np.float32)
    offset = rng.uniform(-0.08, 0.16, (count, 1, 1)).astype(np.float32)
    gamma = rng.uniform(0.7, 1.25, (count, 1, 1)).astype(np.float32)
    light = np.clip(light, 0, 1.3) ** gamma * gain + offset
    grain = rng.gamma(1.2, 0.012, (count, 1, 1)).astype(np.float32)
    light += grain * rng.standard_normal(light.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(light * 255), 0, 255), dtype=np.uint8)


def _blur(light: Floats, sigma: Floats) -> Floats:
    """Gaussian blur of each picture with its own width in pixels, by a five-tap kernel."""
    near, far = np.exp(-0.5 / sigma**2), np.exp(-2 / sigma**2)
    total = 1 + 2 * near + 2 * far
    for axis in (1, 2):
        pad = [(0, 0), (0, 0), (0, 0)]
        pad[axis] = (2, 2)
        wide = np.pad(light, pad, mode="edge")
        one, two, mid, four, five = (np.take(wide, range(i, i + SIDE), axis=axis) for i in range(5))
        light = (mid + near * (two + four) + far * (one + five)) / total
    return light


def _cover(light: Floats, rng: np.random.Generator) -> None:
    """In place, put something (a hand, a lock of hair, a caption) in front of one face in six."""
    rows = np.flatnonzero(rng.random(len(light)) < 1 / 6)
    x, y = np.meshgrid(np.linspace(-1, 1, SIDE), np.linspace(-1, 1, SIDE))
    angle = rng.uniform(0, 2 * np.pi, (len(rows), 1, 1))
    reach = rng.uniform(0.45, 1.0, (len(rows), 1, 1))
    depth = np.cos(angle) * x + np.sin(angle) * y + 0.1 * np.sin(7 * (x - y) + 9 * angle)
    covered = np.clip((depth - reach) * 12, 0, 1)
    shade = rng.uniform(0.05, 0.9, (len(rows), 1, 1))
    light[rows] += ((shade - light[rows]) * covered).astype(np.float32)
