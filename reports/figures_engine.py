"""Figures of the ensemble engine: growth with the number of members, contributions, shared errors.

Each function takes numbers and returns one `Drawing`, as in `figures.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from ensembles.predictions import Floats
from ensembles.subsets import Size
from reports.drawing import (
    FAINT,
    GRID,
    INK,
    PALETTE,
    Drawing,
    canvas,
    finish,
    percent,
    percent_axis,
    shorten,
    style,
)


@dataclass(frozen=True)
class Claim:
    """A published best size of an ensemble: `size` of `of` members; accuracy where comparable."""

    text: str
    size: int
    accuracy: float | None


def growth(sizes: Sequence[Size], single: float, exact: bool, claim: Claim | None) -> Drawing:
    """Test accuracy against the number of members: chosen on validation, mean, and extremes.

    single: test accuracy of the best single network. exact: whether all subsets were counted.
    """
    places = [size.size for size in sizes]
    best = max(sizes, key=lambda size: (size.best_validation, -size.size))
    with style():
        figure, (axis,) = canvas(7.4, 4.6)
        axis.fill_between(
            places,
            [size.test_least for size in sizes],
            [size.test_most for size in sizes],
            color=GRID,
            label="worst to best by test (hindsight)",
        )
        axis.plot(places, [size.test_mean for size in sizes], color=FAINT, label="mean of subsets")
        axis.plot(
            places,
            [size.best_test for size in sizes],
            color=PALETTE[1],
            marker="D",
            markersize=4.5,
            label="best subset by validation",
        )
        axis.axhline(single, color=PALETTE[0], linestyle="--", linewidth=0.9)
        axis.annotate(
            f"best single network {percent(single)}",
            (1.0, single),
            xycoords=("axes fraction", "data"),
            xytext=(-4, -4),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
            color=PALETTE[0],
        )
        axis.plot(
            best.size,
            best.best_test,
            "D",
            markersize=9,
            markerfacecolor="none",
            color=INK,
            label=f"the size that validation chooses: {best.size}",
        )
        if claim is not None:
            axis.axvline(claim.size, color=PALETTE[2], linestyle=":", linewidth=1.4)
            axis.plot([], [], ":", color=PALETTE[2], label=claim.text)
            if claim.accuracy is not None:
                axis.plot(claim.size, claim.accuracy, "*", markersize=11, color=PALETTE[2])
        axis.set_xlabel("members" if exact else "members (a sample of the subsets)")
        axis.set_ylabel("test accuracy")
        axis.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        percent_axis(axis, "y")
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
        return finish(
            figure,
            "growth",
            "Growth with the number of members",
            f"The best subset by validation has {best.size} of {places[-1]} members and "
            f"{percent(best.best_test)} on the test split; all members have "
            f"{percent(sizes[-1].best_test)}.",
        )


def contributions(
    values: Mapping[str, float], errors: Mapping[str, float] | None, accuracies: Mapping[str, float]
) -> Drawing:
    """Shapley value of each member in points of test accuracy, largest first.

    errors: standard error of each value where the values are estimates. accuracies: of the members
    by themselves, written beside the bars.
    """
    names = sorted(values, key=lambda name: -values[name])
    with style():
        figure, (axis,) = canvas(7.0, 1.0 + 0.26 * len(names))
        for place, name in enumerate(names):
            value = 100 * values[name]
            axis.barh(place, value, color=PALETTE[0] if value >= 0 else PALETTE[1], height=0.7)
            if errors is not None:
                reach = 100 * 1.96 * errors[name]
                axis.plot([value - reach, value + reach], [place, place], color=INK, linewidth=1)
            axis.annotate(
                f"{value:+.2f}   alone {percent(accuracies[name])}",
                (1.0, place),
                xycoords=("axes fraction", "data"),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axis.axvline(0, color=FAINT, linewidth=0.8)
        axis.set_yticks(range(len(names)), [shorten(name) for name in names], fontsize=8.5)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.tick_params(axis="y", length=0)
        axis.grid(visible=False, axis="y")
        axis.set_xlabel("Shapley value (points of test accuracy)")
        return finish(
            figure,
            "contributions",
            "Contribution of each member",
            f"Most: {names[0]} with {100 * values[names[0]]:+.2f} points; least: {names[-1]} with "
            f"{100 * values[names[-1]]:+.2f}.",
        )


def error_correlation(names: Sequence[str], correlation: Floats) -> Drawing:
    """Correlation (M, M) of the members' errors on the test split; low ones make good partners."""
    count = len(names)
    small = count > 12
    side = 1.6 + (0.30 if small else 0.52) * count
    off = correlation[~np.eye(count, dtype=bool)]
    low = float(np.nanmin(off)) if count > 1 else 0.0
    high = float(np.nanmax(off)) if count > 1 else 1.0
    with style():
        figure, (axis,) = canvas(side + 0.6, side)
        shown = np.where(np.eye(count, dtype=bool), np.nan, correlation)
        image = axis.imshow(shown, cmap="cividis_r", vmin=low, vmax=max(high, low + 1e-9))
        middle = (low + high) / 2
        for i in range(count):
            for j in range(count):
                if i != j and not small:
                    colour = "white" if correlation[i, j] > middle else INK
                    text = axis.text(
                        j,
                        i,
                        f"{correlation[i, j]:.2f}",
                        ha="center",
                        va="center",
                        color=colour,
                        fontsize=7.5,
                    )
                    text.set_in_layout(False)
        labels = [shorten(name, 20) for name in names]
        axis.set_xticks(
            range(count), labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=8
        )
        axis.set_yticks(range(count), labels, fontsize=8)
        axis.grid(visible=False)
        axis.tick_params(length=0)
        bar = figure.colorbar(image, ax=axis, shrink=0.7, aspect=24)
        bar.set_label("correlation of errors", fontsize=8)
        bar.ax.tick_params(labelsize=8)
        return finish(
            figure,
            "error_correlation",
            "Correlation of errors",
            f"Between {low:.2f} and {high:.2f} for pairs of members on the test split.",
        )
