"""Per-class tables as they are published: rounded numbers, read from CSV or built from data.

A published number is an interval: 0.45 stands for anything between 0.445 and 0.455. `Rounded`
keeps the number and the size of its last place, so that the audit can compute with intervals.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from reports.study import ReportError

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""FER2013's official order; tables that number their classes mean it, as a rule."""

_CLASS_ALIASES = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "neutrality": "neutral",
}
_COLUMN_ALIASES = {
    "": "class",
    "class": "class",
    "classes": "class",
    "label": "class",
    "emotion": "class",
    "expression": "class",
    "precision": "precision",
    "prec": "precision",
    "p": "precision",
    "recall": "recall",
    "sensitivity": "recall",
    "r": "recall",
    "f1": "f1",
    "f1 score": "f1",
    "f1score": "f1",
    "f score": "f1",
    "f measure": "f1",
    "support": "support",
    "images": "support",
    "n": "support",
    "count": "support",
}
_AVERAGE_ALIASES = {
    "accuracy": "accuracy",
    "acc": "accuracy",
    "micro avg": "accuracy",
    "macro avg": "macro",
    "macro average": "macro",
    "macro": "macro",
    "weighted avg": "weighted",
    "weighted average": "weighted",
    "weighted": "weighted",
}
_UNDEFINED = ("", "nan", "-", "–", "n/a", "na", "none")
MOST_CHARACTERS = 1 << 20
"""Of a table: ten thousand classes."""
MOST_DIGITS = 30
"""Before and after the point of a number: more than a float is ever printed with."""


@dataclass(frozen=True)
class Rounded:
    """A number as printed: `value` in [0, 1], `unit` the size of its last place."""

    value: float
    unit: float

    @property
    def low(self) -> float:
        """Smallest number that rounds to it."""
        return self.value - self.unit / 2

    @property
    def high(self) -> float:
        """Largest number that rounds to it."""
        return self.value + self.unit / 2

    def __str__(self) -> str:
        places = max(0, -Decimal(repr(self.unit)).adjusted())
        return f"{self.value:.{places}f}"


@dataclass(frozen=True)
class Averages:
    """One row of averages. None: the table does not give it."""

    precision: Rounded | None
    recall: Rounded | None
    f1: Rounded | None
    support: int | None = None


@dataclass(frozen=True)
class ClassRow:
    """One class. None: undefined (no prediction or no image of the class) or not given."""

    label: str
    precision: Rounded | None
    recall: Rounded | None
    f1: Rounded | None
    support: int | None


@dataclass(frozen=True)
class ClassTable:
    """A per-class table; `claimed` is the split that its authors say it is measured on."""

    name: str
    rows: tuple[ClassRow, ...]
    accuracy: Rounded | None = None
    accuracy_support: int | None = None
    macro: Averages | None = None
    weighted: Averages | None = None
    claimed: str | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the table."""
        return tuple(row.label for row in self.rows)

    @property
    def supports(self) -> tuple[int, ...] | None:
        """Images of each class, or None where the table does not give all of them."""
        found = tuple(row.support for row in self.rows if row.support is not None)
        return found if len(found) == len(self.rows) else None

    @property
    def images(self) -> int | None:
        """Sum of the supports."""
        return None if self.supports is None else sum(self.supports)


def class_name(text: str) -> str:
    """The project's name of a class ('Happiness' is happy); other names in lower case."""
    plain = text.strip().lower()
    return _CLASS_ALIASES.get(plain, plain)


def read_table(path: str | Path, claimed: str | None = None) -> ClassTable:
    """A per-class table from CSV with the columns class, precision, recall, f1 and support.

    Headers and class names may be in any case; `f1-score` and a nameless first column are
    understood, as scikit-learn writes them. Rows called accuracy, macro avg and weighted avg are
    taken as such. Values are in [0, 1] or in percent. Raises ReportError in one sentence.
    """
    file = Path(path)
    try:
        with file.open(encoding="utf-8-sig") as opened:
            text = opened.read(MOST_CHARACTERS + 1)
        if len(text) > MOST_CHARACTERS:
            raise ReportError(
                f"the table {file} is longer than {MOST_CHARACTERS:,} characters: accepted is one "
                "row for each class"
            )
        rows = list(csv.reader(text.splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReportError(
            f"the table {file} cannot be read ({_cause(error)}): accepted is a CSV file with the "
            "columns class, precision, recall, f1 and support"
        ) from error
    lines = [line for line in rows if any(cell.strip() for cell in line)]
    if len(lines) < 2:
        raise ReportError(
            f"the table {file} has {max(len(lines) - 1, 0)} rows below its header: accepted is one "
            "row for each class"
        )
    columns = _columns(lines[0], file)
    cells = [_named(line, columns, lines[0], file) for line in lines[1:]]
    return table_of(cells, name=file.name, claimed=claimed)


def table_of(
    rows: Sequence[Mapping[str, str]], *, name: str, claimed: str | None = None
) -> ClassTable:
    """A table from rows of texts keyed class, precision, recall, f1 and support.

    The precision of the class rows is that of their longest number: 0.5 among numbers like 0.45 is
    taken for 0.50, because many writers drop trailing zeros. Raises ReportError.
    """
    numbers = [
        {key: _number(row.get(key, ""), key, row["class"], name) for key in _KEYS} for row in rows
    ]
    kinds = [_AVERAGE_ALIASES.get(_plain(row["class"]), "class") for row in rows]
    shares = [v for number in numbers for k in _SHARES if (v := number[k]) is not None]
    percent = any(v > 1 for v in shares)
    _check_range(shares, percent, name)
    class_numbers = [n for n, kind in zip(numbers, kinds, strict=True) if kind == "class"]
    if not class_numbers:
        raise ReportError(
            f"the table {name} has no row of a class: accepted is one row for each class"
        )
    places = _places([number[key] for number in class_numbers for key in _SHARES])
    parsed: list[ClassRow] = []
    averages: dict[str, Averages] = {}
    for row, number, kind in zip(rows, numbers, kinds, strict=True):
        if kind != "class":
            if kind in averages:
                raise ReportError(
                    f"the table {name} has two rows for {kind}: accepted is at most one of each"
                )
            averages[kind] = _averages(number, kind, percent, row["class"], name)
            continue
        p, r, f = (_rounded(number[key], places, percent) for key in _SHARES)
        parsed.append(ClassRow(class_name(row["class"]), p, r, f, _support(number, row, name)))
    _check_labels(parsed, name)
    accuracy = averages.get("accuracy")
    return ClassTable(
        name=name,
        rows=tuple(parsed),
        accuracy=None if accuracy is None else accuracy.f1 or accuracy.recall or accuracy.precision,
        accuracy_support=None if accuracy is None else accuracy.support,
        macro=averages.get("macro"),
        weighted=averages.get("weighted"),
        claimed=claimed,
    )


_SHARES = ("precision", "recall", "f1")
_KEYS = (*_SHARES, "support")


def _plain(text: str) -> str:
    return " ".join(text.strip().lower().replace("_", " ").replace("-", " ").split())


def _cause(error: OSError | UnicodeDecodeError | csv.Error) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    return str(error.strerror) if isinstance(error, OSError) else str(error)


def _columns(header: Sequence[str], file: Path) -> dict[str, int]:
    """Position of each known column."""
    found: dict[str, int] = {}
    for position, text in enumerate(header):
        key = _COLUMN_ALIASES.get(_plain(text))
        if key == "class" and not _plain(text) and position > 0:
            continue
        if key in found:
            raise ReportError(
                f"the table {file} has two columns for {key}: accepted is one each of class, "
                "precision, recall, f1 and support"
            )
        if key is not None:
            found[key] = position
    missing = [key for key in ("class", *_SHARES) if key not in found]
    if missing:
        raise ReportError(
            f"the table {file} has no column {missing[0]!r} (its header is "
            f"{', '.join(text.strip() for text in header)[:100]}): accepted are class, precision, "
            "recall, f1 and, if known, support"
        )
    return found


def _named(
    line: Sequence[str], columns: Mapping[str, int], header: Sequence[str], file: Path
) -> dict[str, str]:
    if len(line) > len(header):
        raise ReportError(
            f"the row {line[0].strip()[:40]!r} of the table {file} has {len(line)} cells: accepted "
            f"are as many as the header has, {len(header)}"
        )
    return {key: line[at].strip() if at < len(line) else "" for key, at in columns.items()}


def _number(text: str, key: str, label: str, name: str) -> Decimal | None:
    plain = text.strip().removesuffix("%").strip().lower()
    if plain in _UNDEFINED:
        return None
    try:
        value = Decimal(plain)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0 or not _is_short(value):
        accepted = "a whole number" if key == "support" else "a number from 0 to 1, or in percent"
        raise ReportError(
            f"the {key} of {label[:40]!r} in the table {name} is {text.strip()[:40]!r}: accepted "
            f"is {accepted}"
        )
    return value


def _is_short(value: Decimal) -> bool:
    """Whether nobody would need an exponent to print it."""
    return value.adjusted() < MOST_DIGITS and int(value.as_tuple().exponent) >= -MOST_DIGITS


def _check_range(shares: Sequence[Decimal], percent: bool, name: str) -> None:
    wrong = [v for v in shares if v > 100]
    if percent and wrong:
        raise ReportError(
            f"the table {name} has the value {wrong[0]}: accepted are numbers from 0 to 1, or "
            "from 0 to 100 in percent"
        )


def _check_labels(rows: Sequence[ClassRow], name: str) -> None:
    labels = [row.label for row in rows]
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise ReportError(
            f"the table {name} has two rows for the class {twice[0][:40]!r}: accepted is one row "
            "for each class"
        )


def _support(number: Mapping[str, Decimal | None], row: Mapping[str, str], name: str) -> int | None:
    value = number["support"]
    if value is None:
        return None
    if value != value.to_integral_value():
        raise ReportError(
            f"the support of {row['class'][:40]!r} in the table {name} is {value}: accepted is a "
            "whole number"
        )
    return int(value)


def _places(values: Sequence[Decimal | None]) -> int:
    """Decimals of the longest number."""
    return max([0, *(-int(v.as_tuple().exponent) for v in values if v is not None)])


def _rounded(value: Decimal | None, places: int, percent: bool) -> Rounded | None:
    if value is None:
        return None
    shift = 2 if percent else 0
    return Rounded(float(value.scaleb(-shift)), 10.0 ** -(places + shift))


def _averages(
    number: Mapping[str, Decimal | None], kind: str, percent: bool, label: str, name: str
) -> Averages:
    places = _places([number[key] for key in _SHARES])
    p, r, f = (_rounded(number[key], places, percent) for key in _SHARES)
    # scikit-learn's `output_dict` repeats the accuracy in the support column.
    repeated = kind == "accuracy" and number["support"] in (number["f1"], number["recall"])
    support = None if repeated else _support(number, {"class": label}, name)
    return Averages(p, r, f, support)
