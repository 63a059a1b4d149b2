"""The whole report of a study: tables, figures and the page, each computed once and written.

    write_reports(study, Path("results/fer2013"))

Nothing here measures, rounds or draws; it decides what is made and where it goes. The same study
gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from reports import table_choosing, table_content, table_engine, table_groups
from reports.claims import claims_table, papers_table
from reports.findings import Findings
from reports.formatting import SUFFIXES, render
from reports.study import NEGATIVE, POSITIVE, ReportError, Study
from reports.tables import Table

if TYPE_CHECKING:  # drawing libraries are imported when something is drawn
    from reports.drawing import Drawing
    from reports.figures_images import Panel

Part: TypeAlias = Literal["tables", "figures", "page"]
PARTS: tuple[Part, ...] = ("tables", "figures", "page")
Write: TypeAlias = Callable[[Path, bytes], None]


def _papers(findings: Findings) -> Table | None:
    """Nothing for classes that no report has."""
    return papers_table(findings.bench) if _published(findings) else None


def _claims(findings: Findings) -> Table | None:
    return claims_table(findings.bench) if _published(findings) else None


def _speed(findings: Findings) -> Table | None:
    """Nothing where it was not measured."""
    from reports.speed import speed_table

    speed = findings.study.speed
    return speed_table(speed) if speed and speed.members else None


def _published(findings: Findings) -> bool:
    return set(findings.study.test.classes) >= {*NEGATIVE, *POSITIVE}


TABLES: Mapping[str, Callable[[Findings], Table | None]] = {
    "ensembles": table_content.ensembles_table,
    "members": table_content.members_table,
    "groups": table_groups.groups_table,
    "per_class": table_content.per_class_table,
    "seeds": table_content.seeds_table,
    "significance": table_engine.significance_table,
    "pairs": table_engine.pairs_table,
    "subsets": table_engine.subsets_table,
    "contributions": table_engine.contributions_table,
    "pareto": table_engine.pareto_table,
    "diversity": table_engine.diversity_table,
    "selection_cost": table_choosing.selection_cost_table,
    "selection_learning": table_choosing.learning_table,
    "fitted_on_test": table_choosing.fitted_on_test_table,
    "papers": _papers,
    "claims": _claims,
    "speed": _speed,
}
"""Every table by name, in the order of the page; None where the study has no numbers for it."""


PANELS = ("samples", "transformed", "predictions")
"""Figures of images, which need the dataset: not missed where a report is made without."""
NOT_ON_PAGE = ("pairs", "selection_learning")
"""Tables too long to be read on the page, or drawn there as a figure."""


@dataclass(frozen=True)
class Written:
    """What a report wrote. summary: the ensembles in short, for a terminal. stale: files of its
    folders that an earlier report left and this one no longer makes."""

    tables: Mapping[str, Table]
    summary: Table
    files: tuple[Path, ...]
    stale: tuple[Path, ...]


def make_table(findings: Findings, name: str) -> Table:
    """The table called `name`; ReportError where there is none or the study has no numbers."""
    if name not in TABLES:
        near = get_close_matches(name, TABLES, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ReportError(f"there is no table {name!r}{hint}: accepted are {', '.join(TABLES)}")
    table = TABLES[name](findings)
    if table is None:
        raise ReportError(f"this study has no numbers for the table {name!r}")
    return table


def make_tables(findings: Findings, names: Collection[str] = tuple(TABLES)) -> dict[str, Table]:
    """Every table of `names` that the study has numbers for."""
    made = {name: make(findings) for name, make in TABLES.items() if name in names}
    return {name: table for name, table in made.items() if table is not None}


def write_reports(
    study: Study,
    folder: Path,
    *,
    panels: Sequence[Panel] = (),
    only: Collection[Part] | None = None,
    methods: Sequence[str] | None = None,
    tables: Collection[str] = tuple(TABLES),
    write: Write | None = None,
) -> Written:
    """Write `tables/`, `figures/` and `report.html` under `folder`, or only the parts named.

    panels: images to draw (a `Study` holds none). Those of synthetic faces stand among the figures,
    those of real people go to `local/`; the page, which is made from logits alone, shows neither.
    methods: names of those compared, by default every one of the catalogue; the page needs
    `single_best`. tables: names of those made. write: how bytes reach a file, (path, bytes); by
    default folders are made and the file is replaced.
    """
    parts = frozenset(PARTS if only is None else only)
    put = write_plainly if write is None else write
    findings = Findings.of(study, methods)
    drawn: Iterator[Drawing] = iter(())
    if parts & {"figures", "page"}:
        from reports.figure_content import draw_all

        drawn = draw_all(findings)  # other processes draw while this one makes the tables
    made = make_tables(findings, tables)
    files: list[Path] = []

    def keep(path: Path, content: bytes) -> None:
        put(path, content)
        files.append(path)

    if "tables" in parts:
        for path, content in _table_files(made, folder / "tables"):
            keep(path, content)
    if parts & {"figures", "page"}:
        from reports.figures_images import image_grid
        from reports.page import page_html

        drawings = list(drawn)
        pictures = [image_grid(panel) for panel in panels]
        if "figures" in parts:
            for path, content in _figure_files(drawings, folder / "figures"):
                keep(path, content)
            place = folder / ("figures" if study.synthetic else "local")
            for path, content in _figure_files(pictures, place):
                keep(path, content)
        if "page" in parts:
            figures = [(drawing.title, drawing.svg.decode()) for drawing in drawings]
            listed = [table for name, table in made.items() if name not in NOT_ON_PAGE]
            html = page_html(study, findings.comparison, listed, figures)
            keep(folder / "report.html", html.encode())
    summary = table_content.summary_table(findings)
    return Written(made, summary, tuple(files), _stale(folder, parts, files))


def write_plainly(path: Path, content: bytes) -> None:
    """Make the folder and replace the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _table_files(tables: Mapping[str, Table], folder: Path) -> Iterator[tuple[Path, bytes]]:
    for name, table in tables.items():
        for suffix, form in SUFFIXES.items():
            yield folder / f"{name}.{suffix}", render(table, form).encode()


def _figure_files(drawings: Sequence[Drawing], folder: Path) -> Iterator[tuple[Path, bytes]]:
    for drawing in drawings:
        yield folder / f"{drawing.name}.svg", drawing.svg
        yield folder / f"{drawing.name}.png", drawing.png


def _stale(folder: Path, parts: Collection[Part], files: Collection[Path]) -> tuple[Path, ...]:
    """Tables and figures on disk that were not written now, in folders that were."""
    endings = {"tables": SUFFIXES, "figures": ("svg", "png")}
    return tuple(
        path
        for part, suffixes in endings.items()
        if part in parts
        for path in sorted((folder / part).glob("*.*"))
        if path.suffix[1:] in suffixes and path not in set(files) and path.stem not in PANELS
    )
