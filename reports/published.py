"""The published figures of the five reports, as typed data read from `reports/papers/*.toml`.

A figure keeps its place in the source and the decimals with which it is printed: 0.70 is an
interval of width 0.01. Nothing here judges; `audit.py` and `claims.py` do.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias, cast, get_args

from reports.audit_table import MOST_DIGITS, Averages, ClassTable, Rounded, table_of
from reports.study import ReportError

Kind: TypeAlias = Literal["result", "ensemble", "collection", "cost", "recipe", "dataset", "quoted"]
"""result: a member's accuracy, loss and the like. ensemble, collection: of a method, of all members
of a report. quoted: somebody else's figure, repeated."""
Precision: TypeAlias = Literal["rounded", "about", "above", "below"]
KEYS = ("nine", "lenet", "six", "leaky", "vgg16")
"""The reports, the one on ensembles first."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One published number. Shares in [0, 1], losses in nats per image, the rest counts."""

    report: str
    place: str
    """Section, table or figure of the source."""
    kind: Kind
    subject: str
    """Member or method by its name in our catalogue; for other kinds what the figure is of."""
    metric: str
    value: float
    unit: float
    """Size of the last printed place."""
    split: str = ""
    """train, validation or test as the source claims; empty where no split is meant."""
    label: str = ""
    """Class; empty for figures of all classes."""
    precision: Precision = "rounded"
    threshold: float | None = None
    epoch: int | None = None
    """Epoch after which it was measured; None: at the end."""
    dataset: str = ""

    @property
    def margin(self) -> float:
        """How far from the printed value the true one may lie, in the source's own words.

        Half the last place; the whole last place, or a hundredth if that is more, for 'about'.
        """
        return max(self.unit, self.value / 100) if self.precision == "about" else self.unit / 2


@dataclass(frozen=True, kw_only=True)
class Extreme:
    """A sentence of a report that calls one class the highest or lowest in a metric."""

    place: str
    subject: str
    split: str
    metric: Literal["precision", "recall", "f1"]
    which: Literal["highest", "lowest"]
    label: str
    value: float | None = None


@dataclass(frozen=True)
class PublishedTable:
    """A per-class table with the member that it belongs to; `table.claimed` is its split."""

    place: str
    subject: str
    table: ClassTable


@dataclass(frozen=True)
class Report:
    """All that one report publishes; `figures` contains the cells of `tables` too."""

    key: str
    title: str
    dataset: str
    figures: tuple[Figure, ...]
    tables: tuple[PublishedTable, ...]
    extremes: tuple[Extreme, ...]

    def find(self, metric: str, subject: str | None = None, split: str = "") -> Figure | None:
        """The first figure of that metric (and subject, and split), or None."""
        return next(
            (
                f
                for f in self.figures
                if f.metric == metric
                and (subject is None or f.subject == subject)
                and (not split or f.split == split)
            ),
            None,
        )


@cache
def load() -> tuple[Report, ...]:
    """The five reports in the order of `KEYS`. Raises ReportError where their files are damaged."""
    folder = files("reports") / "papers"
    return tuple(
        parse((folder / f"{key}.toml").read_text(encoding="utf-8"), f"{key}.toml") for key in KEYS
    )


def figure_of(report: str, metric: str, subject: str | None = None, split: str = "") -> Figure:
    """The first figure of that kind of the report called `report`. ReportError where none is."""
    if report not in KEYS:
        raise ReportError(f"there is no report {report!r}: accepted are {', '.join(KEYS)}")
    found = load()[KEYS.index(report)].find(metric, subject, split)
    if found is None:
        of = "".join(f", {text}" for text in (subject, split) if text)
        raise ReportError(f"{report}.toml publishes no {metric!r}{of}: give it one")
    return found


def parse(text: str, name: str) -> Report:
    """A report from TOML; `name` is the file's, for messages. Raises ReportError.

    Numbers are read as decimals, so that 0.70 keeps its two places.
    """
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except ValueError as error:  # also for a number of thousands of digits
        raise ReportError(f"{name} is not valid TOML: {error}") from error
    except RecursionError as error:
        raise ReportError(f"{name} is not valid TOML: nested too deeply") from error
    _only(data, ("key", "title", "dataset", "group", "per_class", "extremes"), name)
    for key in ("key", "title", "dataset"):
        if not isinstance(data.get(key), str) or not data[key]:
            raise ReportError(f"{name} has no {key!r}: accepted is a text")
    report, dataset = data["key"], data["dataset"]
    figures = [
        _figure(entry, report, dataset, name) for entry in _merged(data.get("group", []), name)
    ]
    tables = tuple(_table(entry, name) for entry in _list(data.get("per_class", []), name))
    for table in tables:
        figures.extend(_cells(table, report, dataset))
    extremes = tuple(_extreme(entry, name) for entry in _merged(data.get("extremes", []), name))
    figures.extend(_extreme_figures(extremes, report, dataset))
    return Report(report, data["title"], dataset, tuple(figures), tables, extremes)


_FIGURE_KEYS = (
    "place",
    "kind",
    "subject",
    "metric",
    "value",
    "unit",
    "split",
    "label",
    "precision",
    "threshold",
    "epoch",
)
_TEXT_KEYS = ("place", "kind", "subject", "metric", "split", "label", "precision", "which")
_EXTREME_KEYS = ("place", "subject", "split", "metric", "which", "label", "value")
_TABLE_KEYS = ("place", "subject", "split", "rows", "accuracy", "macro", "weighted")
_SPLITS = ("", "train", "validation", "test", "all")
_CELLS = ("precision", "recall", "f1", "support")


def _list(value: object, name: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ReportError(f"{name} has a key where a list of tables is accepted")
    return value


def _merged(groups: object, name: str) -> Iterator[dict[str, Any]]:
    """Each entry of each group's `values` with the keys that the group sets for all."""
    for group in _list(groups, name):
        shared = {key: value for key, value in group.items() if key != "values"}
        for entry in _list(group.get("values", []), name):
            yield {**shared, **entry}


def _only(entry: Mapping[str, Any], accepted: Iterable[str], name: str) -> None:
    strange = sorted(set(entry) - set(accepted))
    if strange:
        raise ReportError(
            f"{name} has the unknown key {strange[0]!r}: accepted are {', '.join(accepted)}"
        )


def _need(entry: Mapping[str, Any], keys: Iterable[str], name: str) -> None:
    for key in keys:
        if not entry.get(key) and entry.get(key) != 0:
            where = ", ".join(f"{k} {v}" for k, v in entry.items() if k != "rows")
            raise ReportError(f"{name} has an entry without {key!r} ({where}): give it one")


def _types(entry: Mapping[str, Any], name: str) -> None:
    for key, kind, words in (
        *((key, str, "a text") for key in _TEXT_KEYS),
        ("epoch", int, "a whole number"),
        ("rows", list, "a list of rows"),
    ):
        if key in entry and (not isinstance(entry[key], kind) or isinstance(entry[key], bool)):
            raise ReportError(f"{name} has the {key} {str(entry[key])[:40]!r}: accepted is {words}")


def _choice(entry: Mapping[str, Any], key: str, accepted: Iterable[str], name: str) -> None:
    if key in entry and entry[key] not in accepted:
        raise ReportError(
            f"{name} has the {key} {entry[key]!r}: accepted are "
            f"{', '.join(text or 'nothing' for text in accepted)}"
        )


def _decimal(value: object, entry: Mapping[str, Any], name: str) -> Decimal:
    number = isinstance(value, Decimal | int) and not isinstance(value, bool)
    if not number or not _is_plain(Decimal(str(value))):
        raise ReportError(
            f"{name} has the value {value!r} for {entry.get('metric', entry.get('place'))}: "
            "accepted is a number"
        )
    return Decimal(str(value))


def _is_plain(value: Decimal) -> bool:
    """Whether it is finite and of a size that is printed in a report."""
    return value.is_finite() and abs(value.adjusted()) < MOST_DIGITS


def _figure(entry: dict[str, Any], report: str, dataset: str, name: str) -> Figure:
    _only(entry, _FIGURE_KEYS, name)
    _types(entry, name)
    _need(entry, ("place", "kind", "subject", "metric", "value"), name)
    _choice(entry, "kind", get_args(Kind), name)
    _choice(entry, "split", _SPLITS, name)
    _choice(entry, "precision", get_args(Precision), name)
    value = _decimal(entry["value"], entry, name)
    unit = entry.get("unit", Decimal(1).scaleb(int(value.as_tuple().exponent)))
    threshold = entry.get("threshold")
    return Figure(
        report=report,
        place=entry["place"],
        kind=entry["kind"],
        subject=entry["subject"],
        metric=entry["metric"],
        value=float(value),
        unit=float(_decimal(unit, entry, name)),
        split=entry.get("split", ""),
        label=entry.get("label", ""),
        precision=entry.get("precision", "rounded"),
        threshold=None if threshold is None else float(_decimal(threshold, entry, name)),
        epoch=entry.get("epoch"),
        dataset=dataset,
    )


def _table(entry: dict[str, Any], name: str) -> PublishedTable:
    _only(entry, _TABLE_KEYS, name)
    _types(entry, name)
    _need(entry, ("place", "subject", "split", "rows"), name)
    _choice(entry, "split", _SPLITS, name)
    place = f"{name}, {entry['place']}"
    rows = [_texts(row, 5, place) for row in entry["rows"]]
    if "accuracy" in entry:
        rows.append(["accuracy", "", "", *_texts(entry["accuracy"], 2, place)])
    for key in ("macro", "weighted"):
        if key in entry:
            rows.append([f"{key} avg", *_texts(entry[key], 4, place)])
    cells = [dict(zip(("class", *_CELLS), row, strict=True)) for row in rows]
    table = table_of(cells, name=place, claimed=entry["split"])
    return PublishedTable(entry["place"], entry["subject"], table)


def _texts(row: object, cells: int, place: str) -> list[str]:
    if not isinstance(row, list) or len(row) != cells:
        found = ", ".join(map(str, row)) if isinstance(row, list) else str(row)
        raise ReportError(f"{place} has the row '{found}': accepted are {cells} cells")
    return [str(cell) for cell in row]


def _extreme(entry: dict[str, Any], name: str) -> Extreme:
    _only(entry, _EXTREME_KEYS, name)
    _types(entry, name)
    _need(entry, ("place", "subject", "split", "metric", "which", "label"), name)
    _choice(entry, "which", ("highest", "lowest"), name)
    _choice(entry, "metric", ("precision", "recall", "f1"), name)
    value = entry.get("value")
    number = None if value is None else float(_decimal(value, entry, name))
    return Extreme(**{**entry, "value": number})


def _cells(published: PublishedTable, report: str, dataset: str) -> Iterator[Figure]:
    """Every number of a per-class table as a figure of its own."""
    table = published.table
    split = table.claimed or ""

    def figure(metric: str, number: Rounded | int | None, label: str = "") -> Iterator[Figure]:
        if number is not None:
            whole = isinstance(number, int)
            yield Figure(
                report=report,
                place=published.place,
                kind="result",
                subject=published.subject,
                metric=metric,
                value=float(number) if isinstance(number, int) else number.value,
                unit=1.0 if whole else cast(Rounded, number).unit,
                split=split,
                label=label,
                dataset=dataset,
            )

    for row in table.rows:
        for metric in _CELLS:
            yield from figure(metric, getattr(row, metric), row.label)
    yield from figure("accuracy", table.accuracy)
    yield from figure("support", table.accuracy_support)
    for prefix, averages in (("macro", table.macro), ("weighted", table.weighted)):
        yield from _average_figures(averages, prefix, figure)


def _average_figures(averages: Averages | None, prefix: str, figure: Any) -> Iterator[Figure]:
    if averages is not None:
        for metric in _CELLS:
            yield from figure(f"{prefix}_{metric}", getattr(averages, metric))


def _extreme_figures(extremes: Iterable[Extreme], report: str, dataset: str) -> Iterator[Figure]:
    """Numbers that a sentence repeats from its table."""
    for extreme in extremes:
        if extreme.value is not None:
            yield Figure(
                report=report,
                place=extreme.place,
                kind="result",
                subject=extreme.subject,
                metric=extreme.metric,
                value=extreme.value,
                unit=0.01,
                split=extreme.split,
                label=extreme.label,
                dataset=dataset,
            )
