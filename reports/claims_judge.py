"""Which word a published figure gets beside ours, and why: the rule, decided here and nowhere else.

A figure is *not comparable* where it was not measured on what it claims, or our study differs in
dataset, profile, members or weights, or has no counterpart. Otherwise let d be ours less the
published figure, and let its 95 % interval be that of ours over images, widened by what the
published rounding leaves open. The figure is *reproduced* where that interval contains zero; else
*better* where ours is the better value, and *not reproduced* where it is the worse one. Figures of
the training split, of recipes and counts have no better side: they are reproduced or not. 'More
than x' is reproduced where our interval reaches above x, 'at most x' where it reaches down to x.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from reports.audit_splits import FER2013, OFFICIAL_NAMES, Origin
from reports.claims_ours import EXACT, NINE, Absent, Bench, Ours
from reports.published import Figure

Verdict: TypeAlias = Literal["reproduced", "better", "not reproduced", "not comparable"]

LOWER_IS_BETTER = ("log_loss", "behind_average")
HIGHER_IS_BETTER = (
    *("accuracy", "precision", "recall", "f1", "gain", "best_accuracy", "lowest_accuracy"),
    *("macro_precision", "macro_recall", "macro_f1", "lowest_recall", "highest_recall"),
    *("weighted_precision", "weighted_recall", "weighted_f1"),
)


TOLERANCE = 1e-12
"""What double precision leaves of an equality."""


def like_for_like(origin: Origin) -> bool:
    """Whether ours can be measured on the images that the published table really counts."""
    return not origin.balanced and origin.splits in (("validation",), ("test",))


def figure_obstacle(bench: Bench, figure: Figure, origin: Origin | None) -> str | None:
    """Why a figure cannot be compared whatever ours is, in one sentence; None: it can."""
    return next(_figure_obstacles(bench, figure, origin), None)


def _figure_obstacles(bench: Bench, figure: Figure, origin: Origin | None) -> Iterator[str]:
    study = bench.study
    if figure.kind == "quoted":
        yield "It is another work's figure, quoted."
    if study.dataset != figure.dataset:
        other = f"{study.dataset}, drawn faces" if study.synthetic else study.dataset
        yield f"Ours is measured on another dataset ({other} instead of {figure.dataset})."
    if origin is not None and figure.kind == "result" and not like_for_like(origin):
        names = " + ".join(OFFICIAL_NAMES[name] for name in origin.splits)
        yield (
            f"Its table counts a balanced set of copies ({origin}), which is not the official "
            f"{figure.split} split."
            if origin.balanced
            else f"It was evaluated on training images: the supports of its table are {names}'s."
        )
    if figure.kind not in ("dataset", "quoted"):
        of_nine = figure.kind in ("ensemble", "collection")
        yield from study_obstacles(bench, figure.subject, nine=of_nine)


def study_obstacles(bench: Bench, *subjects: str, nine: bool = False) -> Iterator[str]:
    """What keeps these members (or the nine together) from standing for the published ones."""
    if bench.study.profile != "paper":
        yield f"Ours comes from the {bench.study.profile} profile: narrowed networks, few epochs."
    if bench.study.dataset == "fer2013":
        counts = bench.study.class_counts
        if any(counts[split] != FER2013[split] for split in FER2013 if split in counts):
            yield "Ours is measured on other splits of FER2013 than the official ones."
    if nine and len(bench.nine) != NINE:
        yield f"The report speaks of nine members; this study has {len(bench.nine)} of that group."
    records = [bench.records[name] for name in subjects if name in bench.records]
    if any(record.pretrained is False for record in records):
        yield "Ours was trained without the pretrained weights that the report started from."


def difference_bounds(figure: Figure, found: Ours) -> tuple[float, float]:
    """95 % interval of ours less published: ours over images, widened by the published margin."""
    margin = 0.0 if figure.precision in ("above", "below") else figure.margin
    return found.low - figure.value - margin, found.high - figure.value + margin


def judge(figure: Figure, found: Ours | Absent, obstacle: str | None) -> tuple[Verdict, str]:
    """The verdict by the rule at the top of this file, with its reason in one sentence."""
    if obstacle is not None:
        return "not comparable", obstacle
    if isinstance(found, Absent):
        return "not comparable", found.reason
    if figure.precision in ("above", "below"):
        return _judge_bound(figure, found)
    low, high = difference_bounds(figure, found)
    better = _direction(figure)
    verdict: Verdict
    if low <= TOLERANCE and high >= -TOLERANCE:
        verdict = "reproduced"
    else:
        verdict = "better" if better * low > 0 and better * high > 0 else "not reproduced"
    if found.interval == EXACT:
        words = "within" if verdict == "reproduced" else "beyond"
        return verdict, f"Ours is {number(found.value)}, {words} rounding."
    words = {
        "reproduced": "no difference beyond chance and rounding",
        "better": "ours is better beyond chance and rounding",
        "not reproduced": ("ours is worse" if better else "ours differs")
        + " beyond chance and rounding",
    }[verdict]
    gap = found.value - figure.value
    return verdict, f"The difference is {gap:+.4f} ({low:+.4f} to {high:+.4f}): {words}."


def _judge_bound(figure: Figure, found: Ours) -> tuple[Verdict, str]:
    """'More than x' and 'at most x': does our interval reach what is claimed?"""
    above = figure.precision == "above"
    holds = found.high > figure.value if above else found.low <= figure.value
    claim = f"{'more than' if above else 'at most'} {number(figure.value)}"
    bounds = f" ({found.low:.4f} to {found.high:.4f})" if found.interval != EXACT else ""
    return (
        "reproduced" if holds else "not reproduced",
        f"Ours is {number(found.value)}{bounds}; claimed is {claim}"
        f"{'' if holds else ', which ours excludes'}.",
    )


def _direction(figure: Figure) -> int:
    """1 where a higher value is better, -1 where a lower one is, 0 where neither is."""
    if figure.split == "train":
        return 0
    return (figure.metric in HIGHER_IS_BETTER) - (figure.metric in LOWER_IS_BETTER)


def number(value: float) -> str:
    """A number of any size for a sentence: four digits, or whole with separators."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
