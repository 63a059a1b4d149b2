"""Figures of the ensemble engine: growth with the number of members, contributions, shared errors.

Each function takes numbers and returns one `Drawing`, as in `figures.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from ensembles.predictions import Floats
from ensembles.selection_cost import SelectionCost
from ensembles.subsets import Size
from reports.drawing import (
    FAINT,
    GRID,
    INK,
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


@dataclass(frozen=True)
class Claim:
    """A published best size of an ensemble: `size` of `of` members; accuracy where comparable."""

    text: str
    size: int
    accuracy: float | None


def growth(
    sizes: Sequence[Size], single: float, exact: bool, claim: Claim | None, group: str = ""
) -> Drawing:
    """Test accuracy against the number of members: chosen on validation, mean, and extremes.

    single: test accuracy of the best single network. exact: whether all subsets were counted.
    group: the group of the catalogue that the members are, where the study has others besides.
    """
    best = max(sizes, key=lambda size: (size.best_validation, -size.size))
    with style():
        figure, (axis,) = canvas(7.4, 4.6)
        _subset_curves(axis, sizes)
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
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
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
            f"growth_{group}" if group else "growth",
            f"Growth with the number of members{f' of {group}' if group else ''}",
            f"The best subset by validation has {best.size} of {sizes[-1].size} members and "
            f"{percent(best.best_test)} on the test split; all members have "
            f"{percent(sizes[-1].best_test)}.",
        )


def _subset_curves(axis: Axes, sizes: Sequence[Size]) -> None:
    """The subsets of each size on the test split: their extremes, mean, and validation's choice."""
    places = [size.size for size in sizes]
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


@dataclass(frozen=True)
class Share:
    """One member's Shapley values on both splits and its test accuracy by itself, all in [0, 1]."""

    name: str
    validation: float
    test: float
    alone: float


def contributions(shares: Sequence[Share], exact: bool) -> Drawing:
    """Shapley value of each member, largest on test first, against an equal share."""
    shares = sorted(shares, key=lambda share: -share.test)
    equal = sum(share.test for share in shares) / len(shares)
    equal_validation = sum(share.validation for share in shares) / len(shares)
    with style():
        figure, (axis,) = canvas(7.2, 1.35 + 0.25 * len(shares))
        for place, share in enumerate(shares):
            colour = PALETTE[0] if share.test >= equal else PALETTE[1]
            axis.barh(place, 100 * (share.test - equal), color=colour, height=0.62)
            axis.plot(
                100 * (share.validation - equal_validation),
                place,
                "D",
                color=INK,
                markersize=4,
                markerfacecolor="white",
            )
        right_labels(
            axis,
            [f"{100 * share.test:.2f} points, alone {percent(share.alone)}" for share in shares],
        )
        axis.plot([], [], "s", color=PALETTE[0], label="above an equal share")
        axis.plot([], [], "s", color=PALETTE[1], label="below")
        axis.plot([], [], "D", color=INK, markersize=4, markerfacecolor="white", label="validation")
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, fontsize=8)
        axis.axvline(0, color=FAINT, linewidth=0.8)
        axis.set_yticks(range(len(shares)), [shorten(s.name) for s in shares], fontsize=8.5)
        axis.set_ylim(len(shares) - 0.5, -0.5)
        axis.tick_params(axis="y", length=0)
        axis.grid(visible=False, axis="y")
        how = "" if exact else ", estimated from a sample"
        axis.set_xlabel(
            f"Shapley value on test less an equal share of {100 * equal:.2f} points{how}"
        )
        return finish(
            figure,
            "contributions",
            "Contribution of each member",
            f"Shapley values in points of test accuracy: most {shares[0].name} with "
            f"{100 * shares[0].test:.2f}, least {shares[-1].name} with "
            f"{100 * shares[-1].test:.2f}.",
        )


def error_correlation(names: Sequence[str], correlation: Floats) -> Drawing:
    """Correlation (M, M) of the members' errors on validation; low ones make good partners."""
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
        bar.set_label("correlation of errors (validation)", fontsize=8)
        bar.ax.tick_params(labelsize=8)
        return finish(
            figure,
            "error_correlation",
            "Correlation of errors",
            f"Between {low:.2f} and {high:.2f} for pairs of members on the validation split.",
        )


def learning(rows: Sequence[SelectionCost]) -> Drawing:
    """Test accuracy of methods against the number of validation images that they are fitted on."""
    with style():
        figure, (axis,) = canvas(7.4, 4.2)
        for i, row in enumerate(rows):
            images = [point.images for point in row.learning]
            colour = PALETTE[i % len(PALETTE)]
            axis.fill_between(
                images,
                [point.least for point in row.learning],
                [point.most for point in row.learning],
                color=colour,
                alpha=0.13,
                linewidth=0,
            )
            axis.plot(
                images,
                [point.mean for point in row.learning],
                color=colour,
                linestyle=LINES[i % len(LINES)],
                marker="o",
                markersize=4,
                label=shorten(row.label, 40),
            )
        axis.set_xscale("log")
        ticks = [point.images for point in rows[0].learning]
        axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_xlabel("validation images that the method is fitted on")
        axis.set_ylabel("test accuracy")
        percent_axis(axis, "y")
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
        last = {row.label: row.learning[0].mean - row.learning[-1].mean for row in rows}
        return finish(
            figure,
            "selection_learning",
            "Fitting on fewer validation images",
            f"Change of test accuracy from {ticks[-1]:,} images to {ticks[0]:,}, in points: "
            + ", ".join(f"{name} {100 * change:+.2f}" for name, change in last.items())
            + ".",
        )
