"""Which word a published figure or conclusion gets beside ours, and why: the one rule for all.

*Not comparable* is what is no result but a setting (a batch size, a number of members), what was
not measured on what it claims, and what our study, which differs in dataset, profile, members or
weights, has no counterpart of. Everything else is judged by what is claimed; a conclusion that
repeats a published figure is judged as that figure is:

- A value: let d be ours less the published figure, and let its 95 % interval be that of ours over
  images, widened by what the published rounding leaves open. It is *reproduced* where that interval
  contains zero; else *better* where ours is the better value and *not reproduced* where it is the
  worse one. Figures of the training split and of costs have no better side.
- A bound ('more than x', 'at most x', 'nine times in ten') or a count ('the best has 8 members'):
  *reproduced* where our point estimate keeps it, else *not reproduced*. The reason says so where
  our interval contains the bound or the count, and thus leaves the question open.
- A comparison ('A is better than B'): *reproduced* where the whole interval of the difference is
  above zero, for a tie is no proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from reports.audit_splits import FER2013, OFFICIAL_NAMES, Origin
from reports.claims_numbers import EXACT, Absent, Ours
from reports.claims_ours import Bench
from reports.claims_statements import Statement
from reports.published import Figure, figure_of

Verdict: TypeAlias = Literal["reproduced", "better", "not reproduced", "not comparable"]

LOWER_IS_BETTER = ("log_loss", "behind_average")
HIGHER_IS_BETTER = (
    *("accuracy", "precision", "recall", "f1", "gain", "best_accuracy", "lowest_accuracy"),
    *("macro_precision", "macro_recall", "macro_f1", "lowest_recall", "highest_recall"),
    *("weighted_precision", "weighted_recall", "weighted_f1"),
)
SETTINGS = ("members", "classes", "image_side", "sample")
"""Metrics outside recipes that are chosen, not measured."""

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
    wanted = figure_of("nine", "members").value
    if nine and len(bench.nine) != wanted:
        yield (
            f"The report speaks of {wanted:g} members; this study has {len(bench.nine)} of that "
            "group."
        )
    records = [bench.records[name] for name in subjects if name in bench.records]
    if any(record.pretrained is False for record in records):
        yield "Ours was trained without the pretrained weights that the report started from."


def difference_bounds(figure: Figure, found: Ours) -> tuple[float, float]:
    """95 % interval of ours less published: ours over images, widened by the published margin."""
    margin = 0.0 if figure.precision in ("above", "below") else figure.margin
    return found.low - figure.value - margin, found.high - figure.value + margin


def judge(figure: Figure, found: Ours | Absent, obstacle: str | None) -> tuple[Verdict, str]:
    """The verdict on a published figure, with its reason in one sentence."""
    if is_setting(figure):
        return "not comparable", _setting(figure, found)
    if obstacle is not None:
        return "not comparable", obstacle
    if isinstance(found, Absent):
        return "not comparable", found.reason
    return _judge_figure(figure, found)


def _judge_figure(figure: Figure, found: Ours) -> tuple[Verdict, str]:
    """As a bound, a count or a value, whichever the report claims."""
    if figure.precision in ("above", "below"):
        return _told(found, figure.value, *_bound(found, figure.value, figure.precision == "above"))
    if figure.kind in ("ensemble", "collection") and figure.unit >= 1:
        return _told(found, figure.value, *_count(found, int(figure.value)))
    return _judge_value(figure, found)


def judge_claim(
    statement: Statement, found: Ours | Absent, obstacle: str | None
) -> tuple[Verdict, str]:
    """The verdict on a conclusion, with its reason in one sentence."""
    if obstacle is not None:
        return "not comparable", obstacle
    if isinstance(found, Absent):
        return "not comparable", found.reason
    if statement.cited is not None:
        return _judge_figure(statement.cited, found)
    line = statement.threshold
    if statement.rule == "comparison":
        return _told(found, line, *_beyond_chance(found, line))
    return _told(found, line, *_bound(found, line, statement.rule == "above"))


def is_setting(figure: Figure) -> bool:
    """Whether a figure says how something was set up, which cannot come out one way or another."""
    return figure.kind == "recipe" or figure.metric in SETTINGS


def _setting(figure: Figure, found: Ours | Absent) -> str:
    if isinstance(found, Absent):
        return f"It is a setting, not a result. {found.reason}"
    if abs(found.value - figure.value) <= TOLERANCE:
        return "It is a setting, not a result; ours is the same."
    return f"It is a setting, not a result; ours is {number(found.value)}."


def _judge_value(figure: Figure, found: Ours) -> tuple[Verdict, str]:
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


def _bound(found: Ours, line: float, above: bool) -> tuple[bool, str]:
    """Whether our point estimate keeps a bound, and how in words."""
    holds = found.value > line if above else found.value <= line
    words = ("not above", "above") if above else ("above", "at most")
    return holds, f"{words[holds]} {number(line)}"


def _count(found: Ours, claimed: int) -> tuple[bool, str]:
    return abs(found.value - claimed) <= TOLERANCE, f"claimed is {claimed}"


def _beyond_chance(found: Ours, line: float) -> tuple[bool, str]:
    if found.low > line:
        return True, f"above {number(line)} beyond chance"
    return False, "a tie within chance" if found.high > line else f"not above {number(line)}"


def _told(found: Ours, claimed: float, holds: bool, words: str) -> tuple[Verdict, str]:
    """The verdict, and ours with its interval, how it stands to what is claimed, what is open."""
    bounds = "" if found.interval == EXACT else f" ({found.low:.4f} to {found.high:.4f})"
    if found.low <= claimed <= found.high and found.low < found.high:
        words += "; the interval leaves it open"
    return (
        "reproduced" if holds else "not reproduced",
        f"Ours is {number(found.value)}{bounds}, {words}.",
    )


def _direction(figure: Figure) -> int:
    """1 where a higher value is better, -1 where a lower one is, 0 where neither is."""
    if figure.split == "train":
        return 0
    return (figure.metric in HIGHER_IS_BETTER) - (figure.metric in LOWER_IS_BETTER)


def number(value: float) -> str:
    """A number of any size for a sentence: four digits, or whole with separators."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
