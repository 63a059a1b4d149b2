"""What the sentences of a report say against its own numbers and against the dataset.

Tables are the business of `audit_checks.py`; here stand the figures that a report gives twice,
the classes that it calls best and worst, and scalars that no single evaluation can give together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations, product
from math import inf

from reports.audit_checks import Finding
from reports.audit_splits import FER2013, Origin, Splits
from reports.audit_table import CLASSES, ClassTable
from reports.published import Figure, PublishedTable, Report

Traced = Mapping[str, tuple[Origin, ...]]
"""Origins of the supports of each table, by the table's name."""
_EXACT = 1e-9
"""A figure printed finer than this betrays the fraction that it was computed from."""
_MOST_COMBINATIONS = 1_000_000


def remarks(report: Report, traced: Traced) -> tuple[Finding, ...]:
    """Every remark on the report's text, in the order of the checks below."""
    splits = FER2013 if report.dataset == "fer2013" else {}
    return (
        *_restated(report),
        *_relabelled(report, traced),
        *_extremes(report),
        *_shares(report),
        *_dataset_counts(report, splits),
        *_accuracy_and_recall(report, splits),
        *_repeated_evaluation(report, traced, splits),
        *_unsupported(report),
    )


def _bounds(figure: Figure) -> tuple[float, float]:
    if figure.precision == "above":
        return figure.value, inf
    if figure.precision == "below":
        return -inf, figure.value
    return figure.value - figure.margin, figure.value + figure.margin


def _disagree(a: Figure, b: Figure) -> bool:
    (a_low, a_high), (b_low, b_high) = _bounds(a), _bounds(b)
    return a_low > b_high + 1e-12 or b_low > a_high + 1e-12


def _show(figure: Figure) -> str:
    words = {"rounded": "", "about": "about ", "above": "more than ", "below": "at most "}
    value = round(figure.value, 4)
    return (
        f"{words[figure.precision]}{value:g} ({figure.place})"
        if value < 1
        else (f"{words[figure.precision]}{figure.value:.0f} ({figure.place})")
    )


def _name(figure: Figure) -> str:
    parts = (figure.subject, figure.split, figure.label, figure.metric.replace("_", " "))
    return " ".join(part for part in parts if part)


def _restated(report: Report) -> Iterator[Finding]:
    """Does a figure that is given twice have one value?"""
    groups: dict[tuple[object, ...], list[Figure]] = defaultdict(list)
    for f in report.figures:
        if f.kind not in ("recipe", "quoted") and f.metric != "support":
            groups[f.subject, f.split, f.metric, f.label, f.epoch, f.threshold].append(f)
    for group in groups.values():
        for a, b in combinations(group, 2):
            if _disagree(a, b):
                yield Finding(
                    "figures given twice",
                    "inconsistent",
                    f"{_name(a)}: {_show(a)}, {_show(b)}",
                    "Both cannot be right, not even within rounding.",
                )


def _relabelled(report: Report, traced: Traced) -> Iterator[Finding]:
    """Where a table is of another split than it claims: does the text agree on that split?"""
    for published in report.tables:
        origins = traced.get(published.table.name, ())
        split = origins[0].simple if origins else None
        accuracy = published.table.accuracy
        if split is None or split == published.table.claimed or accuracy is None:
            continue
        for f in report.figures:
            same = (f.subject, f.split, f.metric) == (published.subject, split, "accuracy")
            apart = abs(f.value - accuracy.value) > f.margin + accuracy.unit / 2
            if same and f.epoch is None and apart:
                yield Finding(
                    "text and relabelled table",
                    "inconsistent",
                    f"{_show(f)} against {accuracy} ({published.place}), both on the {split} split",
                    "The table was made with other weights, or in another mode of the network, "
                    "than the sentence.",
                )


def _extremes(report: Report) -> Iterator[Finding]:
    """Is the class that a sentence calls highest or lowest really so in the table?"""
    tables = {(t.subject, t.table.claimed): t.table for t in report.tables}
    for extreme in report.extremes:
        table = tables[extreme.subject, extreme.split]
        values = {
            row.label: number.value
            for row in table.rows
            if (number := getattr(row, extreme.metric)) is not None
        }
        best = (max if extreme.which == "highest" else min)(values.values())
        if values[extreme.label] != best:
            rivals = [label for label, value in values.items() if value == best]
            yield Finding(
                "best and worst classes",
                "inconsistent",
                f"{extreme.subject}: {extreme.which} {extreme.metric} is said to be "
                f"{extreme.label} ({values[extreme.label]:.2f}); it is {' and '.join(rivals)} "
                f"({best:.2f})",
                "The sentence does not describe the table.",
            )


def _shares(report: Report) -> Iterator[Finding]:
    """Are the shares of the splits those of the counts?"""
    counts = {
        f.split: f.value
        for f in report.figures
        if f.kind == "dataset" and f.metric == "images" and not f.label and f.split != "all"
    }
    if len(counts) < 3:
        return
    for f in report.figures:
        if f.metric == "share" and f.split in counts:
            share = counts[f.split] / sum(counts.values())
            if abs(share - f.value) > f.margin:
                yield Finding(
                    "shares of the splits",
                    "inconsistent",
                    f"{f.split}: {_show(f)}, the counts give {share:.4f}",
                    "The shares do not describe the splits that are counted.",
                )


def _dataset_counts(report: Report, splits: Splits) -> Iterator[Finding]:
    """Are the counts of images those of the dataset?"""
    for f in report.figures:
        if f.kind != "dataset" or f.metric != "images" or f.split not in splits:
            continue
        counts = splits[f.split]
        known = counts[CLASSES.index(f.label)] if f.label else sum(counts)
        if f.value != known:
            yield Finding(
                "counts of the dataset",
                "inconsistent",
                f"{f.split} {f.label}: {_show(f)}, the dataset has {known}".replace("  ", " "),
                "The count is not the dataset's.",
            )


def _supports(report: Report, subject: str, split: str, splits: Splits) -> tuple[int, ...] | None:
    """Images per class on which a member's scalars were measured, as far as the report tells."""
    for published in report.tables:
        if (published.subject, published.table.claimed) == (subject, split):
            return published.table.supports
    balanced = report.find("images_per_class", subject)
    if balanced is not None and balanced.split == split:
        return (int(balanced.value),) * len(CLASSES)
    return splits.get(split)


def recall_range(supports: tuple[int, ...], accuracy: float, margin: float) -> tuple[float, float]:
    """Smallest and largest macro recall that a given accuracy leaves possible.

    Wrong answers hurt the macro recall most in the smallest classes and least in the largest.
    """
    total = sum(supports)

    def macro(errors: float, order: list[int]) -> float:
        lost = 0.0
        for support in order:
            wrong = min(errors, support)
            lost += wrong / support
            errors -= wrong
        return 1 - lost / len(supports)

    ascending = sorted(supports)
    most, fewest = (total * (1 - accuracy + sign * margin) for sign in (1, -1))
    return macro(most, ascending), macro(max(fewest, 0.0), ascending[::-1])


def _accuracy_and_recall(report: Report, splits: Splits) -> Iterator[Finding]:
    """Can the accuracy and the macro recall be those of one evaluation?"""
    for recall in report.figures:
        if recall.metric != "macro_recall":
            continue
        supports = _supports(report, recall.subject, recall.split, splits)
        accuracy = next(
            (
                f
                for f in report.figures
                if f.metric == "accuracy"
                and (f.subject, f.split, f.place) == (recall.subject, recall.split, recall.place)
            ),
            None,
        )
        if supports is None or accuracy is None:
            continue
        low, high = recall_range(supports, accuracy.value, accuracy.margin)
        if not low - recall.margin - _EXACT <= recall.value <= high + recall.margin + _EXACT:
            yield Finding(
                "accuracy and macro recall",
                "inconsistent",
                f"{recall.subject} {recall.split}: accuracy {accuracy.value:.4f} allows a macro "
                f"recall of {low:.4f} to {high:.4f}, given is {recall.value:.4f}",
                f"The two were not measured in one evaluation ({recall.place}): at least one is of "
                "another, or an average over several.",
            )


def _repeated_evaluation(report: Report, traced: Traced, splits: Splits) -> Iterator[Finding]:
    """Where a split is counted k times: do the unrounded scalars belong to a single count?

    The macro recall of one evaluation is a mean of fractions with the classes' own supports; with
    16 digits such a fraction is found again among all that the rounded table allows.
    """
    for published in report.tables:
        origins = traced.get(published.table.name, ())
        if not origins or origins[0].times == 1 or origins[0].balanced:
            continue
        supports = tuple(
            sum(parts) for parts in zip(*(splits[s] for s in origins[0].splits), strict=True)
        )
        exact = _exact(report, published, "macro_recall")
        accuracy = _exact(report, published, "accuracy")
        if exact is None or accuracy is None:
            continue
        right = accuracy.value * sum(supports)
        found = [
            k for k in _solutions(published.table, supports, exact) if abs(sum(k) - right) < 1e-6
        ]
        if len(found) == 1:
            yield Finding(
                "evaluations counted repeatedly",
                "note",
                f"{published.place}: accuracy {accuracy.value:.10f} = {sum(found[0])} of "
                f"{sum(supports)}, macro recall {exact.value:.10f} = mean of "
                + ", ".join(f"{k}/{n}" for k, n in zip(found[0], supports, strict=True)),
                "The unrounded scalars are those of one evaluation, and the table agrees with it "
                f"in every class, as if all {origins[0].times} evaluations had given the same "
                "answers: most likely the figures are one model's, not an average over training.",
            )


def _exact(report: Report, published: PublishedTable, metric: str) -> Figure | None:
    return next(
        (
            f
            for f in report.figures
            if (f.subject, f.split, f.metric)
            == (published.subject, published.table.claimed, metric)
            and f.unit < _EXACT
        ),
        None,
    )


def _solutions(
    table: ClassTable, supports: tuple[int, ...], exact: Figure
) -> Iterator[tuple[int, ...]]:
    """Right answers per class that round to the table's recalls and have the exact mean."""
    ranges = [
        [k for k in range(n + 1) if row.recall.low - _EXACT <= k / n <= row.recall.high + _EXACT]
        for row, n in zip(table.rows, supports, strict=True)
        if row.recall is not None
    ]
    size = 1
    for choices in ranges:
        size *= len(choices)
    if len(ranges) != len(supports) or size > _MOST_COMBINATIONS:
        return
    for counts in product(*ranges):
        mean = sum(k / n for k, n in zip(counts, supports, strict=True)) / len(supports)
        if abs(mean - exact.value) < 1e-13:
            yield counts


def _unsupported(report: Report) -> Iterator[Finding]:
    """Is there anything that lets a reader check the claim?"""
    if report.tables:
        return
    claims = [
        f
        for f in report.figures
        if f.kind in ("result", "ensemble") and f.metric == "accuracy" and f.split == "test"
    ]
    best = max(claims, key=lambda f: f.value)
    yield Finding(
        "per-class table",
        "note",
        f"none is given; claimed is a test accuracy of {_show(best)}",
        "The claim is not supported by what is given: without counts per class nobody can tell "
        "which images were measured, or whether the figures agree with one another.",
    )
