"""Figures of images: samples of each class, transformed copies, predictions right and wrong.

A study holds no images, so whoever has them passes arrays. Pictures of real people are for the eyes
of those who have the data: `report.py` keeps them out of the page and of what is shipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from ensembles.metrics import predicted_classes
from ensembles.predictions import Floats, Ints
from reports.drawing import (
    FAINT,
    GRID,
    INK,
    PALETTE,
    Drawing,
    canvas,
    finish,
    percent,
    shorten,
    style,
)
from reports.study import ReportError

Images = npt.NDArray[np.uint8]
TILE = 1.05
"""Inches of one image's side."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Images in a grid, row by row. images: uint8 (N, H, W) gray. captions: one for each.

    probabilities: (N, C) or None; with them `labels` (N,) and `classes` (C,) are given too, and
    the likeliest three are drawn under each image.
    """

    name: str
    title: str
    columns: int
    images: Images
    captions: tuple[str, ...]
    probabilities: Floats | None = None
    labels: Ints | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.images.ndim != 3 or self.images.dtype != np.uint8 or not len(self.images):
            raise ReportError(
                f"the images of {self.name!r} have shape {self.images.shape} and type "
                f"{self.images.dtype}: accepted is at least one gray image, uint8 (N, H, W)"
            )
        if len(self.captions) != len(self.images):
            raise ReportError(
                f"{self.name!r} has {len(self.images)} images and {len(self.captions)} captions: "
                "accepted is one caption for each image"
            )


def sample_panel(
    images: Images, labels: Ints, classes: Sequence[str], *, each: int = 8, seed: int = 0
) -> Panel:
    """`each` images of every class, drawn with `seed`; one row for a class."""
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    captions: list[str] = []
    for label, name in enumerate(classes):
        of_class = np.flatnonzero(labels == label)
        drawn = rng.choice(of_class, min(each, len(of_class)), replace=False)
        # A class with too few images leaves the rest of its row blank.
        chosen.extend([*(int(i) for i in drawn), *[-1] * (each - len(drawn))])
        captions.extend([name if i == 0 else "" for i in range(each)])
    blank = np.full((1, *images.shape[1:]), 255, dtype=np.uint8)
    tiles = np.concatenate([images, blank])[chosen]
    return Panel("samples", "Sample images", each, tiles, tuple(captions))


def transformed_panel(originals: Images, transformed: npt.NDArray[np.uint8]) -> Panel:
    """Each original (N, H, W) followed in its row by its K transformed copies (N, K, H, W)."""
    rows = np.concatenate([originals[:, None], transformed], axis=1)
    n, k = rows.shape[:2]
    captions = ["original", *(f"copy {i}" for i in range(1, k)), *[""] * (k * (n - 1))]
    return Panel(
        "transformed",
        "Images and transformed copies",
        k,
        rows.reshape(n * k, *originals.shape[1:]),
        tuple(captions),
    )


def prediction_panel(
    images: Images,
    labels: Ints,
    probabilities: Floats,
    classes: Sequence[str],
    *,
    each: int = 7,
    seed: int = 0,
) -> Panel:
    """`each` images predicted right and as many predicted wrong, drawn with `seed`."""
    rng = np.random.default_rng(seed)
    right = predicted_classes(probabilities) == labels
    chosen = np.concatenate(
        [
            rng.choice(found, min(each, len(found)), replace=False)
            for found in (np.flatnonzero(right), np.flatnonzero(~right))
        ]
    )
    return Panel(
        "predictions",
        "Predictions, right and wrong",
        each,
        images[chosen],
        tuple(f"true: {classes[labels[i]]}" for i in chosen),
        probabilities[chosen],
        labels[chosen],
        tuple(classes),
    )


def image_grid(panel: Panel) -> Drawing:
    """The panel as a figure."""
    rows = -(-len(panel.images) // panel.columns)
    bars = panel.probabilities is not None
    height = TILE * (1.85 if bars else 1.2)
    ratios = {"height_ratios": [2, 1] * rows} if bars else {}
    width = TILE * panel.columns + 0.2
    with style():
        figure, axes = canvas(
            width, height * rows + 0.1, rows * (2 if bars else 1), panel.columns, **ratios
        )
        for axis in axes:
            axis.set_axis_off()
        for i, (image, caption) in enumerate(zip(panel.images, panel.captions, strict=True)):
            row, column = divmod(i, panel.columns)
            axis = axes[(2 * row if bars else row) * panel.columns + column]
            axis.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axis.set_anchor("S")
            axis.set_title(shorten(caption, 20), fontsize=8, fontweight="normal")
            if bars:
                _bars(axes[(2 * row + 1) * panel.columns + column], panel, i)
        return finish(
            figure, panel.name, panel.title, f"{len(panel.images)} images, {panel.columns} a row."
        )


def _bars(axis: Axes, panel: Panel, index: int) -> None:
    """The three likeliest classes; the true one is named in bold, a wrong first one is orange."""
    assert panel.probabilities is not None and panel.labels is not None
    probabilities, truth = panel.probabilities[index], int(panel.labels[index])
    order = np.argsort(-probabilities, kind="stable")[:3]
    for place, label in enumerate(order):
        right = int(label) == truth
        first = PALETTE[2] if right else PALETTE[1]
        axis.barh(place, 1.0, color=GRID, height=0.86)
        axis.barh(
            place,
            probabilities[label],
            color=first if place == 0 else FAINT,
            height=0.86,
            alpha=0.5,
        )
        axis.text(
            0.03,
            place,
            f"{shorten(panel.classes[label], 10)} {percent(float(probabilities[label]))}",
            va="center",
            fontsize=6.5,
            color=INK,
            fontweight="bold" if right else "normal",
        )
    axis.set_xlim(0, 1)
    axis.set_ylim(2.5, -0.5)
