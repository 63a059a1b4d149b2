"""Figures of what a choice of recipe does: accuracy against epochs, optimizers, balancing.

Each function takes numbers and returns one `Drawing`, as in `figures.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.drawing import (
    FAINT,
    PALETTE,
    Drawing,
    canvas,
    finish,
    looks,
    percent,
    percent_axis,
    right_labels,
    shorten,
    style,
)
from reports.study import Epoch

COLOURS = {"train": PALETTE[1], "validation": PALETTE[0], "test": PALETTE[2]}
"""Of the splits; training and validation as in the learning curves."""
LAST, EACH = "training, mean over the last epoch", "training, mean over each epoch"
"""Training accuracy is kept as it is met in training (augmented, with dropout, balanced where the
recipe balances), so it is another thing than the accuracies of the trained network beside it."""
WORDS = {"validation": "validation", "test": "test, 95 % interval"}
PUBLISHED, ELSEWHERE = "published", "published, counts other images than it claims"
PANEL = 4.6
"""Width of a panel in inches."""


@dataclass(frozen=True, kw_only=True)
class PublishedPoint:
    """A published share of right answers. label: its class; empty: of all classes. epoch: after
    which it was measured; final: after training. elsewhere: the audit found other images in its
    table than it claims."""

    split: str
    label: str
    value: float
    epoch: int | None
    final: bool
    elsewhere: bool


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one member reached. variant: what tells it from the others of its group, in words.
    accuracies: by split, in [0, 1]; interval: of the test accuracy; recalls: by class, on test."""

    name: str
    variant: str
    accuracies: Mapping[str, float]
    interval: tuple[float, float]
    history: tuple[Epoch, ...]
    recalls: tuple[float, ...]
    published: tuple[PublishedPoint, ...]


@dataclass(frozen=True)
class Group:
    """Members that differ in one thing alone, and the names of the classes."""

    outcomes: Sequence[Outcome]
    classes: Sequence[str]


@dataclass(frozen=True)
class EpochPanel:
    """One member's training, the numbers of epochs that its report compares, what it publishes."""

    name: str
    history: tuple[Epoch, ...]
    compared: tuple[int, ...]
    published: tuple[PublishedPoint, ...]


def epochs(panels: Sequence[EpochPanel], groups: Sequence[Group]) -> Drawing:
    """Accuracy after each epoch of members whose reports compare numbers of epochs, beside what is
    published; and what members reach that differ in their number of epochs alone."""
    rows = max([2, *(len(group.outcomes) for group in groups)])
    count = len(panels) + len(groups)
    with style():
        figure, axes = canvas(PANEL * count + 0.6, 2.5 + 0.35 * rows, columns=count)
        for axis, panel in zip(axes, panels, strict=False):
            _epoch_panel(axis, panel)
        for axis, group in zip(axes[len(panels) :], groups, strict=True):
            _accuracies(axis, group.outcomes)
        points = [point for panel in panels for point in panel.published]
        points += [point for group in groups for o in group.outcomes for point in o.published]
        _legend(figure, points, ("train", "validation", *(["test"] if groups else [])), EACH)
        return finish(
            figure,
            "accuracy_epochs",
            "Accuracy against epochs",
            "Training and validation accuracy: "
            + "; ".join([*map(_told_epochs, panels), *map(_told, groups)])
            + ".",
        )


def _epoch_panel(axis: Axes, panel: EpochPanel) -> None:
    places = [epoch.epoch for epoch in panel.history]
    reached = [epoch for epoch in panel.compared if epoch <= places[-1]]
    for place in reached:
        axis.axvline(place, color=FAINT, linestyle=":", linewidth=1.0)
    for split, values in (
        ("train", [epoch.train_accuracy for epoch in panel.history]),
        ("validation", [epoch.val_accuracy for epoch in panel.history]),
    ):
        marked = [i for i, place in enumerate(places) if place in reached]
        axis.plot(places, values, "-o", color=COLOURS[split], markevery=marked, markersize=5)
    for epoch in panel.history:
        if epoch.epoch in reached:
            higher = epoch.train_accuracy >= epoch.val_accuracy
            _value(axis, epoch.epoch, epoch.train_accuracy, higher, COLOURS["train"])
            _value(axis, epoch.epoch, epoch.val_accuracy, not higher, COLOURS["validation"])
    for point in panel.published:
        if point.epoch is not None:
            _mark(axis, point.epoch, point.value, point)
            _value(axis, point.epoch, point.value, None, COLOURS[point.split])
    axis.set_title(shorten(panel.name))
    axis.set_xlabel("epoch")
    axis.set_ylabel("accuracy")
    axis.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axis.margins(x=0.14, y=0.14)
    percent_axis(axis, "y")


def _value(axis: Axes, x: float, y: float, above: bool | None, colour: str) -> None:
    """An accuracy in percent, above its place or below; None: at the right."""
    axis.annotate(
        percent(y),
        (x, y),
        xytext=(8, 0) if above is None else (0, 6 if above else -6),
        textcoords="offset points",
        ha="left" if above is None else "center",
        va={None: "center", True: "bottom", False: "top"}[above],
        fontsize=8,
        color=colour,
    )


def optimizers(groups: Sequence[Group]) -> Drawing:
    """A row for each group: validation accuracy after each epoch, and what its members reach."""
    with style():
        figure, axes = _rows_of_two(groups)
        for i, group in enumerate(groups):
            curves, reached = axes[2 * i : 2 * i + 2]
            for name, look in looks([o.name for o in group.outcomes]).items():
                (outcome,) = (o for o in group.outcomes if o.name == name)
                places = [epoch.epoch for epoch in outcome.history]
                values = [epoch.val_accuracy for epoch in outcome.history]
                curves.plot(places, values, **look, label=shorten(outcome.variant, 34))
            curves.set_title("validation accuracy after each epoch")
            curves.set_xlabel("epoch")
            curves.xaxis.set_major_locator(MaxNLocator(8, integer=True))
            percent_axis(curves, "y")
            _legend_below(curves, -0.2)  # below the axis' name too
            _accuracies(reached, sorted(group.outcomes, key=_by_test))
        _legend(figure, [p for g in groups for o in g.outcomes for p in o.published])
        return finish(
            figure,
            "accuracy_optimizers",
            "Accuracy against optimizers",
            "Test accuracy of the same network and recipe: " + "; ".join(map(_told, groups)) + ".",
        )


def balancing(groups: Sequence[Group]) -> Drawing:
    """A row for each group: what its members reach, and the recall of each class."""
    with style():
        figure, axes = _rows_of_two(groups)
        for i, group in enumerate(groups):
            _accuracies(axes[2 * i], group.outcomes)
            _recalls(axes[2 * i + 1], group)
        _legend(figure, [p for g in groups for o in g.outcomes for p in o.published])
        return finish(
            figure,
            "accuracy_balancing",
            "Accuracy with and without balanced classes",
            "Test accuracy of the same network: " + "; ".join(map(_told, groups)) + ".",
        )


def _rows_of_two(groups: Sequence[Group]) -> tuple[Figure, list[Axes]]:
    tall = [max(2.9, 1.2 + 0.5 * len(group.outcomes)) for group in groups]
    return canvas(2 * PANEL + 0.6, sum(tall) + 0.5, len(groups), 2, height_ratios=tall)


def _accuracies(axis: Axes, outcomes: Sequence[Outcome]) -> None:
    """A row for each member: its accuracy on each split, the published ones a little below."""
    for place, outcome in enumerate(outcomes):
        axis.hlines(place, *outcome.interval, color=COLOURS["test"], linewidth=2)
        for split, value in outcome.accuracies.items():
            axis.plot(value, place, "o", color=COLOURS[split], markersize=6)
        for point in outcome.published:
            if not point.label:
                _mark(axis, point.value, place + 0.25, point)
    right_labels(axis, [percent(outcome.accuracies["test"]) for outcome in outcomes])
    names = [f"{shorten(o.name, 24)}\n{shorten(o.variant, 30)}" for o in outcomes]
    axis.set_yticks(range(len(outcomes)), names, fontsize=8.5)
    axis.set_ylim(len(outcomes) - 0.4, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    axis.set_title("accuracy after training; test at the right")
    axis.margins(x=0.08)
    percent_axis(axis, "x")


def _recalls(axis: Axes, group: Group) -> None:
    """A row for each class: its recall on the test split by each member."""
    shapes = "osD^v<>"
    for k, outcome in enumerate(group.outcomes):
        shape, colour = shapes[k % len(shapes)], PALETTE[3 + k % (len(PALETTE) - 3)]
        places = range(len(group.classes))
        label = shorten(outcome.variant, 26)
        axis.plot(outcome.recalls, places, shape, color=colour, markersize=6, label=label)
        for point in outcome.published:
            if point.label in group.classes:
                _mark(axis, point.value, group.classes.index(point.label) + 0.25, point, colour)
    axis.set_yticks(range(len(group.classes)), [shorten(name, 16) for name in group.classes])
    axis.set_ylim(len(group.classes) - 0.4, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.set_title("recall of each class, test split")
    axis.margins(x=0.08)
    percent_axis(axis, "x")
    _legend_below(axis)


def _legend_below(axis: Axes, at: float = -0.13) -> None:
    """Which member is which, where no curve or dot can run into it."""
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, at), ncols=2, fontsize=8)


def _mark(axis: Axes, x: float, y: float, point: PublishedPoint, colour: str = "") -> None:
    axis.plot(
        x,
        y,
        "x" if point.elsewhere else "D",
        color=colour or COLOURS[point.split],
        markerfacecolor="none",
        markersize=5,
    )


def _legend(
    figure: Figure,
    points: Sequence[PublishedPoint],
    splits: Sequence[str] = tuple(COLOURS),
    training: str = LAST,
) -> None:
    """What each colour and mark is; training: of which epochs the training accuracy is."""
    axis = figure.axes[0]
    handles = [axis.plot([], [], "o", color=COLOURS[split])[0] for split in splits]
    labels = [{**WORDS, "train": training}[split] for split in splits]
    for elsewhere, mark, words in ((False, "D", PUBLISHED), (True, "x", ELSEWHERE)):
        if any(point.elsewhere == elsewhere for point in points):
            handles += axis.plot([], [], mark, color=FAINT, markerfacecolor="none", markersize=5)
            labels.append(words)
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8)


def _by_test(outcome: Outcome) -> float:
    return -outcome.accuracies["test"]


def _told(group: Group) -> str:
    return ", ".join(
        f"{o.name} ({o.variant}) {percent(o.accuracies['test'])}"
        for o in sorted(group.outcomes, key=_by_test)
    )


def _told_epochs(panel: EpochPanel) -> str:
    """The member at the numbers of epochs that its report compares, or at its end."""
    last = panel.history[-1]
    chosen = [epoch for epoch in panel.history if epoch.epoch in panel.compared]
    return f"{panel.name} " + ", ".join(
        f"{percent(e.train_accuracy)} and {percent(e.val_accuracy)} after epoch {e.epoch}"
        for e in (chosen or [last])
    )
