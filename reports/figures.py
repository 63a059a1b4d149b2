"""Figures of what members and ensembles do: classes, learning curves, confusion, two classes.

Each function takes numbers and returns one `Drawing`; nothing here knows where numbers come from.
`figures_engine.py` holds the figures of the ensemble engine, `figures_images.py` those of images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ensembles.predictions import Floats, Ints
from reports.drawing import (
    FAINT,
    INK,
    PALETTE,
    Drawing,
    canvas,
    finish,
    looks,
    percent,
    percent_axis,
    shorten,
    style,
)
from reports.study import Epoch, MemberRecord

PER_PAGE = 9
"""Members in one grid of small figures: three by three."""
LEGIBLE, BEST = 15, 6
"""Most curves that can be told apart in one figure, and how many are named where there are more."""
OTHERS = "#C9C9C9"
"""The two classes that report `lenet` started from; it leaves disgust out."""


def class_distribution(counts: Mapping[str, Sequence[int]], classes: Sequence[str]) -> Drawing:
    """Images per class of each split, as counts over bars that show shares of the split."""
    with style():
        figure, axes = canvas(9.0, 2.9, columns=len(counts), sharey=True)
        for axis, (split, values), colour in zip(axes, counts.items(), PALETTE, strict=False):
            total = max(1, sum(values))
            places = np.arange(len(values))
            axis.barh(places, [v / total for v in values], color=colour)
            for place, value in zip(places, values, strict=True):
                axis.text(value / total, float(place), f" {value:,}", va="center", fontsize=8)
            axis.set_title(f"{split} ({sum(values):,})")
            axis.set_yticks(places, [shorten(name, 16) for name in classes])
            percent_axis(axis, "x")
            axis.set_xlim(0, 1.28 * max(v / max(1, sum(k)) for k in counts.values() for v in k))
            axis.grid(visible=False, axis="y")
        axes[0].invert_yaxis()
        return finish(
            figure,
            "class_distribution",
            "Class distribution",
            "Images of each class in each split, as shares of the split and as counts.",
        )


def learning_curves(records: Sequence[MemberRecord]) -> Drawing:
    """All members overlaid: validation accuracy and validation loss against the epoch.

    Of more members than can be told apart, those that end best are named and the rest are gray.
    """
    known = [record for record in records if record.history]
    named = sorted(known, key=lambda record: -record.history[-1].val_accuracy)
    named = known if len(known) <= LEGIBLE else named[:BEST]
    with style():
        figure, (left, right) = canvas(9.6, 3.9, columns=2)
        styles = looks([record.name for record in named])
        for record in sorted(known, key=lambda record: record.name in styles):
            label = shorten(record.name, 22) if record.name in styles else ""
            look = styles.get(record.name, {"color": OTHERS, "zorder": 1})
            _overlaid(left, right, record.history, {**look, "linewidth": 1.3}, label)
        if len(named) < len(known):
            right.plot([], [], color=OTHERS, label=f"{len(known) - len(named)} others")
        _label_curves(left, right)
        figure.legend(loc="outside right center", fontsize=8)
        return finish(
            figure,
            "learning_curves",
            "Learning curves",
            f"Validation accuracy and loss of {len(known)} members after each epoch.",
        )


def _overlaid(
    left: Axes, right: Axes, history: Sequence[Epoch], look: dict[str, Any], label: str
) -> None:
    epochs = [epoch.epoch for epoch in history]
    marker = "o" if len(epochs) == 1 else ""
    left.plot(epochs, [e.val_accuracy for e in history], marker=marker, **look)
    losses = [e.val_loss for e in history]
    right.plot(epochs, losses, marker=marker, label=label or None, **look)


def member_curves(records: Sequence[MemberRecord]) -> list[Drawing]:
    """Training and validation accuracy and loss of every member, nine to a figure."""
    known = [record for record in records if record.history]
    pages = [known[i : i + PER_PAGE] for i in range(0, len(known), PER_PAGE)]
    return [
        _curves_page(page, _page_name("learning_curves_members", i, pages), i, len(pages))
        for i, page in enumerate(pages)
    ]


def _curves_page(page: Sequence[MemberRecord], name: str, number: int, of: int) -> Drawing:
    columns, rows = _grid(len(page))
    width, height = 3.2 * columns, 2.25 * rows + 0.5
    with style():
        figure, axes = canvas(width, height, rows, columns)
        # Margins in inches: all small figures are alike, and fitting them takes most of the time.
        figure.set_layout_engine(None)
        figure.subplots_adjust(
            left=0.55 / width,
            right=1 - 0.4 / width,
            top=1 - 0.3 / height,
            bottom=0.85 / height,
            wspace=0.95 / (3.2 - 0.95),
            hspace=0.55 / (2.25 - 0.55),
        )
        for axis, record in zip(axes, page, strict=False):
            _member_curve(axis, record.name, record.history)
        for axis in axes[len(page) - columns : len(page)]:
            axis.set_xlabel("epoch")
        for axis in axes[len(page) :]:
            axis.set_visible(False)
        handles = [
            *axes[0].get_lines(),
            *axes[0].child_axes[0].get_lines(),
        ]
        figure.legend(
            handles,
            [
                "training accuracy",
                "validation accuracy",
                "training loss (right, nats)",
                "validation loss (right, nats)",
            ],
            loc="lower center",
            ncols=4 if columns > 1 else 2,
        )
        return finish(
            figure,
            name,
            "Learning curves of each member" + _of(number, of),
            "Training and validation accuracy and loss after each epoch: "
            + ", ".join(record.name for record in page)
            + ".",
        )


def _member_curve(axis: Axes, name: str, history: Sequence[Epoch]) -> None:
    """Accuracy on the left axis in full lines, loss on the right one in dashes."""
    epochs = [epoch.epoch for epoch in history]
    marker = "o" if len(epochs) == 1 else ""
    axis.set_title(shorten(name))
    axis.plot(epochs, [e.train_accuracy for e in history], color=PALETTE[1], marker=marker)
    axis.plot(epochs, [e.val_accuracy for e in history], color=PALETTE[0], marker=marker)
    axis.set_ylim(0, 1)
    percent_axis(axis, "y")
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    # An inset that covers the axis is a second scale which the layout still reckons with.
    loss = axis.inset_axes((0, 0, 1, 1))
    loss.patch.set_visible(False)
    loss.grid(visible=False)
    loss.xaxis.set_visible(False)
    loss.yaxis.tick_right()
    loss.spines["right"].set_visible(True)
    loss.spines["left"].set_visible(False)
    loss.spines["bottom"].set_visible(False)
    for key, colour in (("train_loss", PALETTE[1]), ("val_loss", PALETTE[0])):
        values = [getattr(epoch, key) for epoch in history]
        loss.plot(epochs, values, color=colour, linestyle=":", linewidth=1.2, marker=marker)
    loss.set_ylim(0, None)


def _label_curves(left: Axes, right: Axes) -> None:
    left.set_title("validation accuracy")
    percent_axis(left, "y")
    right.set_title("validation loss (nats)")
    for axis in (left, right):
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def confusion(name: str, title: str, matrix: Ints, classes: Sequence[str]) -> Drawing:
    """One matrix (C, C), truth in rows: counts on the left, shares of each row on the right."""
    side = 1.5 + 0.48 * len(classes)
    shares = row_shares(matrix)
    with style():
        figure, (left, right) = canvas(2 * side, side, columns=2)
        _matrix(left, shares, [[f"{v:,}" for v in row] for row in matrix], classes)
        _matrix(right, shares, [[f"{100 * v:.0f}" for v in row] for row in shares], classes)
        left.set_title("images")
        right.set_title("% of the true class")
        right.set_yticklabels([])
        right.set_ylabel("")
        correct = int(np.trace(matrix))
        figure.suptitle(
            f"{shorten(title, 60)}: {percent(correct / max(1, int(matrix.sum())))} right",
            x=0.01,
            ha="left",
            fontsize=11,
        )
        return finish(
            figure,
            name,
            f"Confusion matrix: {title}",
            f"{correct} of {int(matrix.sum())} test images right; "
            + ", ".join(f"{c} {percent(shares[i, i])}" for i, c in enumerate(classes))
            + ".",
        )


def confusions(
    name: str, title: str, matrices: Mapping[str, Ints], classes: Sequence[str]
) -> list[Drawing]:
    """Several matrices by the name of their member or method, nine to a figure: percent of each
    true class, counts beneath."""
    names = list(matrices)
    pages = [names[i : i + PER_PAGE] for i in range(0, len(names), PER_PAGE)]
    return [
        _confusion_page(
            {n: matrices[n] for n in page},
            classes,
            _page_name(name, i, pages),
            f"{title}{_of(i, len(pages))}",
        )
        for i, page in enumerate(pages)
    ]


def _confusion_page(
    page: Mapping[str, Ints], classes: Sequence[str], name: str, title: str
) -> Drawing:
    columns, rows = _grid(len(page))
    side = 0.8 + 0.4 * len(classes)
    with style():
        figure, axes = canvas(side * columns, side * rows, rows, columns)
        for i, (axis, (member, matrix)) in enumerate(zip(axes, page.items(), strict=False)):
            shares = row_shares(matrix)
            texts = [
                [f"{100 * share:.0f}\n({count})" for share, count in zip(*pair, strict=True)]
                for pair in zip(shares, matrix, strict=True)
            ]
            _matrix(axis, shares, texts, classes, size=6.5)
            accuracy = np.trace(matrix) / max(1, matrix.sum())
            axis.set_title(f"{shorten(member, 30)}  {percent(accuracy)}", fontsize=9)
            if i % columns:
                axis.set_yticklabels([])
                axis.set_ylabel("")
            if i + columns < len(page):
                axis.set_xticklabels([])
                axis.set_xlabel("")
            if i // columns + 1 < rows:
                # Above a place left free the labels hang into it, instead of parting the rows.
                axis.xaxis.set_in_layout(False)
        for axis in axes[len(page) :]:
            axis.set_visible(False)
        figure.supxlabel("percent of the true class (images)", fontsize=8)
        return finish(
            figure,
            name,
            title,
            "Percent of each true class that is taken for each class, and images, on the test "
            "split: " + ", ".join(page) + ".",
        )


def _matrix(
    axis: Axes,
    shares: Floats,
    texts: Sequence[Sequence[str]],
    classes: Sequence[str],
    size: float = 8,
) -> None:
    """A matrix coloured by shares, a text in every cell."""
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            colour = "white" if shares[i, j] > 0.62 else INK  # whichever is read better
            cell = axis.text(j, i, text, ha="center", va="center", color=colour, fontsize=size)
            cell.set_in_layout(
                False
            )  # it lies within the axis; measuring it takes most of the time
    names = [shorten(name, 14) for name in classes]
    places = range(len(classes))
    axis.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
    axis.set_yticks(places, names, fontsize=size)
    axis.tick_params(length=0)
    axis.grid(visible=False)
    axis.set_xlabel("predicted", color=FAINT, fontsize=size)
    axis.set_ylabel("true", color=FAINT, fontsize=size)
    for spine in axis.spines.values():
        spine.set_visible(False)


def row_shares(matrix: Ints) -> Floats:
    """Each row of a confusion matrix (C, C) over its sum; a class without images gives zeros."""
    totals = matrix.sum(axis=1, keepdims=True)
    return np.asarray(matrix / np.maximum(totals, 1), dtype=np.float64)


def _grid(count: int) -> tuple[int, int]:
    """(columns, rows) for up to nine small figures."""
    columns = min(count, 3)
    return columns, -(-count // columns)


def _page_name(base: str, number: int, pages: Sequence[object]) -> str:
    return base if len(pages) == 1 else f"{base}_{number + 1}"


def _of(number: int, pages: int) -> str:
    return "" if pages == 1 else f" ({number + 1} of {pages})"
