"""Which images a table was measured on, read off its supports.

Seven class counts are a fingerprint: a table whose supports equal those of the training split was
measured on training images, whatever its caption says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from reports.audit_checks import Finding
from reports.audit_table import CLASSES, ClassTable

Splits = Mapping[str, tuple[int, ...]]

FER2013: Splits = {
    "train": (3995, 436, 4097, 7215, 4830, 3171, 4965),
    "validation": (467, 56, 496, 895, 653, 415, 607),
    "test": (491, 55, 528, 879, 594, 416, 626),
}
"""Images per class of FER2013's official splits (Training, PublicTest, PrivateTest)."""

OFFICIAL_NAMES = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}


@dataclass(frozen=True)
class Procedure:
    """What a report says of its procedure, which tells apart what supports alone leave open."""

    epochs: int | None = None
    """Epochs of training, over which evaluations may have been added up."""
    copies: int | None = None
    """Transformed copies added of each image where classes were balanced."""


@dataclass(frozen=True)
class Origin:
    """Where supports come from: `times` the sum of `splits`, or equal counts per class."""

    splits: tuple[str, ...]
    times: int = 1
    balanced: bool = False
    """Every class has `times` the smallest class of the one split named."""
    official: bool = False
    """The splits are FER2013's, which have names of their own."""

    @property
    def simple(self) -> str | None:
        """The one split that was measured as it is, or None."""
        return self.splits[0] if len(self.splits) == 1 and not self.balanced else None

    def __str__(self) -> str:
        named = OFFICIAL_NAMES if self.official else {}
        names = " + ".join(named.get(s, f"the {s} split") for s in self.splits)
        if self.balanced:
            return f"{self.times} × the smallest class of {names}"
        if len(self.splits) > 1 and self.times > 1:
            names = f"({names})"
        return names if self.times == 1 else f"{self.times} × {names}"


def trace(table: ClassTable, splits: Splits, procedure: Procedure) -> tuple[Origin, ...]:
    """Every origin that gives exactly the table's supports; simple ones first."""
    supports = table.supports
    if supports is None or not any(supports):
        return ()
    if len(set(supports)) == 1 and len(supports) > 1:
        return _balanced(supports[0], len(supports), splits, procedure)
    candidates = (supports, _reordered(table))
    found = [
        Origin(names, times, official=_official(splits))
        for size in range(1, len(splits) + 1)
        for names in combinations(splits, size)
        for counts in [tuple(map(sum, zip(*(splits[n] for n in names), strict=False)))]
        for times in [max((_times(c, counts) for c in candidates), default=0)]
        if times
    ]
    return tuple(sorted(found, key=lambda origin: (origin.times, len(origin.splits))))


def _official(splits: Splits) -> bool:
    return dict(splits) == dict(FER2013)


def _reordered(table: ClassTable) -> tuple[int, ...]:
    """Supports in the official order, where the table names the seven classes in another one."""
    supports = table.supports or ()
    if set(table.labels) == set(CLASSES):
        return tuple(supports[table.labels.index(name)] for name in CLASSES)
    if len(supports) == len(CLASSES) and all(label.isdigit() for label in table.labels):
        # Image folders number their classes by alphabet: neutral comes before sad and surprise.
        alphabet = sorted(CLASSES)
        return tuple(supports[alphabet.index(name)] for name in CLASSES)
    return supports


def _times(supports: tuple[int, ...], counts: tuple[int, ...]) -> int:
    """k where supports = k × counts, else 0."""
    if len(supports) != len(counts) or not all(counts):
        return 0
    k, rest = divmod(supports[0], counts[0])
    return k if rest == 0 and all(s == k * c for s, c in zip(supports, counts, strict=True)) else 0


def _balanced(
    support: int, classes: int, splits: Splits, procedure: Procedure
) -> tuple[Origin, ...]:
    """Origins of equal supports: a whole multiple of some split's smallest class.

    Where the procedure tells epochs or copies, only multiples made of these factors are kept, if
    there are any.
    """
    found = [
        Origin((name,), support // min(counts), balanced=True, official=_official(splits))
        for name, counts in splits.items()
        if len(counts) == classes and min(counts) > 0 and support % min(counts) == 0
    ]
    made = {1, procedure.epochs or 1}
    if procedure.copies is not None:
        made |= {k * (procedure.copies + 1) for k in made}
    return tuple(o for o in found if o.times in made and o.times > 1) or tuple(found)


def check_supports(
    table: ClassTable, splits: Splits, procedure: Procedure
) -> tuple[Finding, tuple[Origin, ...]]:
    """Compare the supports with every known split, and with the split that is claimed."""
    name = "origin of the supports"
    if table.supports is None:
        meaning = "Without supports nobody can tell which images were measured."
        return Finding(name, "note", "no supports given", meaning), ()
    origins = trace(table, splits, procedure)
    numbers = f"{table.images} images: {', '.join(map(str, table.supports))}"
    if not origins:
        meaning = (
            "They equal no known split, sum of splits or whole multiple: the images are of another "
            "dataset or a split of the authors' own, so figures on it compare with nothing."
        )
        return Finding(name, "note", numbers, meaning), ()
    told = " or ".join(str(origin) for origin in origins)
    numbers = f"{numbers} = {told}"
    if table.claimed is None:
        return Finding(name, "note", numbers, _meaning(origins, procedure)), origins
    first = origins[0]
    if first.times == 1 and first.simple == table.claimed:
        meaning = f"The table is measured on the {table.claimed} split, as it claims."
        return Finding(name, "consistent", numbers, meaning), origins
    claim = f"Claimed is the {table.claimed} split. "
    return Finding(name, "inconsistent", numbers, claim + _meaning(origins, procedure)), origins


def _meaning(origins: tuple[Origin, ...], procedure: Procedure) -> str:
    """What the origin says about the figures, in one or two sentences."""
    origin = origins[0]
    if origin.balanced:
        return _balanced_meaning(origins, procedure)
    meaning = f"These images are {' + '.join(f'the {s} split' for s in origin.splits)}"
    if origin.times > 1:
        epochs = ", once for each epoch" if origin.times == procedure.epochs else ""
        meaning += (
            f", counted {origin.times} times{epochs}: evaluations are added up, so the figures "
            "need not be those of one model"
        )
    if "train" in origin.splits:
        meaning += "; accuracy on images that were trained on says nothing about new ones"
    return meaning + "."


def _balanced_meaning(origins: tuple[Origin, ...], procedure: Procedure) -> str:
    origin = origins[0]
    if len(origins) > 1:
        return "Every class has as many images: a balanced set, which is not the official split."
    return (
        f"Every class has as many images: the smallest class of the {origin.splits[0]} split "
        f"times {_factors(origin.times, procedure)}; a set of its own, not the official split."
    )


def _factors(times: int, procedure: Procedure) -> str:
    """The multiple as copies and epochs, where the procedure explains it."""
    images = 1 if procedure.copies is None else procedure.copies + 1
    epochs = procedure.epochs or 1
    copied = f"{images} (each image and its {procedure.copies} copies)"
    repeated = f"{epochs} (epochs added up)"
    explained = {epochs: repeated, images: copied, images * epochs: f"{copied} times {repeated}"}
    if images == 1 or epochs == 1:
        explained.pop(1, None)
    return explained.get(times, str(times))
