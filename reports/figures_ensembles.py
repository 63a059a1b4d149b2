"""Figures that compare: intervals of all methods, accuracy against cost, calibration, two classes.

Each function takes numbers and returns one `Drawing`, as in `figures.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ensembles.predictions import Floats
from reports.drawing import (
    FAINT,
    GRID,
    LINES,
    PALETTE,
    Drawing,
    canvas,
    finish,
    percent,
    percent_axis,
    right_labels,
    shorten,
    style,
)

FEW = 0.002
"""Share of the images below which a bin's accuracy is chance and is not drawn."""
MEMBER, ENSEMBLE, BOUND = PALETTE[0], PALETTE[1], FAINT


@dataclass(frozen=True)
class Interval:
    """One row of a forest plot. tied: cannot be told from the best row by a paired test."""

    label: str
    value: float
    low: float
    high: float
    ensemble: bool
    tied: bool = False


def forest(rows: Sequence[Interval], reference: Interval) -> Drawing:
    """Test accuracy of each row with its interval, best at the top; a line at the best network."""
    rows = sorted(rows, key=lambda row: -row.value)
    any_tied = any(row.tied for row in rows)
    with style():
        figure, (axis,) = canvas(8.0, 1.15 + 0.235 * len(rows))
        for ensemble, marker, colour in ((True, "D", ENSEMBLE), (False, "o", MEMBER)):
            kind = [(place, row) for place, row in enumerate(rows) if row.ensemble == ensemble]
            places = [place for place, _ in kind]
            lows, highs = [row.low for _, row in kind], [row.high for _, row in kind]
            axis.hlines(places, lows, highs, color=colour, linewidth=1.6)
            values = [row.value for _, row in kind]
            axis.plot(values, places, marker, color=colour, markersize=5)
        for place, row in enumerate(rows):
            if row.tied:
                axis.axhspan(place - 0.5, place + 0.5, color="#F3F3F3", zorder=0)
        right_labels(axis, [f"{100 * row.value:.2f}" for row in rows])
        axis.axvline(reference.value, color=MEMBER, linewidth=0.9, linestyle="--")
        axis.set_yticks(range(len(rows)), [shorten(row.label, 34) for row in rows], fontsize=8.5)
        axis.set_ylim(len(rows) - 0.5, -0.5)
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", length=0)
        percent_axis(axis, "x")
        axis.set_xlabel("test accuracy with 95 % interval")
        _forest_legend(axis, any_tied)
        return finish(
            figure,
            "forest",
            "Methods and members with intervals",
            f"Best: {rows[0].label} with {percent(rows[0].value)}, 95 % interval "
            f"{percent(rows[0].low)} to {percent(rows[0].high)}; best single network: "
            f"{reference.label} with {percent(reference.value)}.",
        )


def _forest_legend(axis: Axes, tied: bool) -> None:
    axis.plot([], [], "D-", color=ENSEMBLE, markersize=5, label="ensemble")
    axis.plot([], [], "o-", color=MEMBER, markersize=5, label="single network")
    axis.plot([], [], "--", color=MEMBER, linewidth=0.9, label="best single network")
    if tied:
        axis.fill_between([], [], color=GRID, label="tied with the best")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, fontsize=8, borderaxespad=0.2)


@dataclass(frozen=True)
class CostPoint:
    """A member or an ensemble with its cost (any unit, above zero) and its test accuracy."""

    label: str
    cost: float
    accuracy: float
    ensemble: bool


@dataclass(frozen=True)
class CostPanel:
    """One kind of cost. front: subsets worth their cost by validation, cheapest first, each with
    its number of members as label."""

    axis: str
    points: Sequence[CostPoint]
    front: Sequence[CostPoint]


def accuracy_against_cost(panels: Sequence[CostPanel]) -> Drawing:
    """One panel for each kind of cost: networks, methods, and the subsets worth their cost."""
    with style():
        width = 4.8 if len(panels) < 3 else 3.9
        figure, axes = canvas(width * len(panels), 4.1, columns=len(panels), sharey=True)
        for axis, panel in zip(axes, panels, strict=True):
            _cost_panel(axis, panel)
        axes[0].set_ylabel("test accuracy")
        percent_axis(axes[0], "y")
        handles = [
            *axes[0].plot([], [], "o", color=MEMBER, markersize=5),
            *axes[0].plot([], [], "D", color=ENSEMBLE, markersize=5),
            *axes[0].plot([], [], "-s", color=PALETTE[2], linewidth=1.2, markersize=4),
        ]
        figure.legend(
            handles,
            ["single network", "method", "average of the members worth their cost, how many"],
            loc="outside lower center",
            ncols=3,
        )
        best = [max(panel.points, key=lambda point: point.accuracy) for panel in panels]
        return finish(
            figure,
            "accuracy_cost",
            "Accuracy against cost",
            f"Most accurate: {best[0].label} with {percent(best[0].accuracy)}. "
            f"Costs: {' and '.join(panel.axis for panel in panels)}.",
        )


def _cost_panel(axis: Axes, panel: CostPanel) -> None:
    for ensemble, marker, colour in ((False, "o", MEMBER), (True, "D", ENSEMBLE)):
        kind = [point for point in panel.points if point.ensemble == ensemble]
        costs = [point.cost for point in kind]
        accuracies = [point.accuracy for point in kind]
        axis.plot(costs, accuracies, marker, color=colour, markersize=5, alpha=0.8)
    axis.plot(
        [point.cost for point in panel.front],
        [point.accuracy for point in panel.front],
        "-s",
        color=PALETTE[2],
        linewidth=1.2,
        markersize=4,
    )
    best = max(panel.points, key=lambda point: point.accuracy)
    for point in [*_apart(panel.front, best), best]:
        axis.annotate(
            shorten(point.label, 30),
            (point.cost, point.accuracy),
            xytext=(0, 8) if point is best else (-4, 4),
            textcoords="offset points",
            ha="center" if point is best else "right",
            fontsize=7.5,
        )
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.margins(x=0.12, y=0.1)
    axis.set_xlabel(panel.axis)


def _apart(front: Sequence[CostPoint], best: CostPoint) -> list[CostPoint]:
    """The points of the front far enough from one another, and from the best, to be labelled."""
    reach = math.log(max(point.cost for point in front) / min(point.cost for point in front))
    kept: list[CostPoint] = []
    for point in front:
        clear = abs(math.log(point.cost / best.cost)) > 0.15 * reach
        if clear and (not kept or math.log(point.cost / kept[-1].cost) > 0.06 * reach):
            kept.append(point)
    return kept


def reliability(curves: Mapping[str, tuple[Floats, Floats, Floats]]) -> Drawing:
    """Calibration of each named method: (confidence, accuracy, share of images) of each bin."""
    with style():
        figure, (axis, below) = canvas(5.6, 5.4, rows=2, height_ratios=(3, 1), sharex=True)
        axis.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9, linestyle=":")
        width = 1.0
        for i, (name, (confidence, accuracy, share)) in enumerate(curves.items()):
            colour, line = PALETTE[i % len(PALETTE)], LINES[i % len(LINES)]
            some = share >= FEW
            axis.plot(
                confidence[some],
                accuracy[some],
                marker="o",
                markersize=3.5,
                color=colour,
                linestyle=line,
                label=shorten(name, 40),
            )
            width = 1.0 / len(share)
            edges = np.linspace(0, 1, len(share) + 1)
            below.stairs(share, edges, color=colour, linestyle=line, linewidth=1.2)
        axis.set_ylabel("accuracy")
        axis.legend(loc="upper left", fontsize=8)
        below.set_ylabel("share of images")
        below.set_xlabel(f"confidence (bins of {percent(width)})")
        for each in (axis, below):
            percent_axis(each, "y")
        percent_axis(below, "x")
        axis.set_ylim(0, 1)
        axis.set_xlim(0, 1)
        return finish(
            figure,
            "reliability",
            "Reliability",
            "Accuracy against confidence on the test split; below the diagonal a method is surer "
            "than it is right. " + ", ".join(curves) + ".",
        )


def two_classes(rows: Mapping[str, tuple[float, float]], images: int, left_out: str) -> Drawing:
    """Accuracy on all classes and on negative against positive, of each named row.

    images: how many test images the two-class figures are of; left_out: classes without a side.
    """
    names = sorted(rows, key=lambda name: -rows[name][1])
    with style():
        figure, (axis,) = canvas(7.2, 1.3 + 0.225 * len(names))
        many, two = zip(*(rows[name] for name in names), strict=True)
        places = range(len(names))
        axis.hlines(places, many, two, color=GRID, linewidth=3, zorder=1)
        axis.plot(many, places, "o", color=MEMBER, markersize=5.5)
        axis.plot(two, places, "s", color=PALETTE[2], markersize=5.5)
        right_labels(axis, [percent(value) for value in two])
        axis.plot([], [], "o", color=MEMBER, label="all classes")
        axis.plot([], [], "s", color=PALETTE[2], label="negative against positive")
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
        axis.set_yticks(range(len(names)), [shorten(name, 34) for name in names], fontsize=8.5)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", length=0)
        percent_axis(axis, "x")
        axis.set_xlabel(f"test accuracy; two classes on {images:,} images, without {left_out}")
        return finish(
            figure,
            "two_classes",
            "Negative against positive",
            f"Best on two classes: {names[0]} with {percent(rows[names[0]][1])}.",
        )
