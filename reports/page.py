"""The page: one HTML file that opens without a network and scores ensembles while one watches.

The file holds its tables, figures, style, scripts and the members' test logits. Its content
security policy allows exactly the scripts and the style written here, by their hashes, and nothing
from outside. Same study, same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ensembles.scoring import Comparison
from reports.formatting import to_html
from reports.page_answer import answer
from reports.page_data import Preferred, explorer_data, fitting, to_json
from reports.page_provenance import Links, member_entries, method_entries
from reports.page_svg import inline_svg
from reports.study import NEGATIVE, POSITIVE, Study
from reports.tables import Table

LIMIT = 3_000_000
"""Most bytes that the page may have."""
FIGURES_ROOM = 600_000
"""Bytes that figures may take even where members' logits are left out for them."""
SCRIPTS = ("explorer.js", "plot.js", "page.js")
LONG_TABLE = 30
"""Rows from which a table scrolls in a box and, unless it is the first, is folded away."""


@dataclass(frozen=True)
class _Figure:
    """A figure as the page holds it; svg is None where it did not fit."""

    title: str
    svg: Markup | None


def page_html(
    study: Study,
    comparison: Comparison,
    tables: Sequence[Table],
    figures: Sequence[tuple[str, str]],
) -> str:
    """The whole page. figures: (title, SVG text). At most `LIMIT` bytes in UTF-8.

    Where the members' logits do not all fit, the explorer takes the ensembles that validation chose
    first, where they fit whole, then the group `nine`, then the most accurate on validation, and
    the page names the others; figures that do not fit are named too. Raises `ReportError` where a
    figure is no SVG or the comparison lacks the best single member.
    """
    content = _content(study, comparison, tables)
    template = _environment().from_string(_asset("page.html.j2"))
    data = explorer_data(study, comparison)
    names = [member["name"] for member in data["members"]]

    def rest(drawings: Sequence[_Figure]) -> int:
        """Bytes left for the explorer's data; every member named as left out takes the most."""
        text = template.render(
            **content, figures=drawings, data=Markup(), left_out=names, embedded=len(names)
        )
        return LIMIT - len(text.encode())

    untouched = [_Figure(title, None) for title, _ in figures]
    drawings = _fitting_figures(figures, max(FIGURES_ROOM, rest(untouched) - len(to_json(data))))
    data, left_out = fitting(data, rest(drawings), Preferred.of(study, comparison))
    return template.render(
        **content,
        figures=drawings,
        data=Markup(to_json(data)),
        left_out=left_out,
        embedded=len(data["members"]),
    )


def _content(study: Study, comparison: Comparison, tables: Sequence[Table]) -> dict[str, Any]:
    """What the template shows besides figures and the explorer's data."""
    scripts = [_asset(name) for name in SCRIPTS]
    links = Links.of(study, comparison)
    style = _asset("page.css")
    return {
        "study": study,
        "answer": answer(study, comparison),
        "title": _title(study),
        "policy": _policy(scripts, style),
        "style": Markup(style),
        "scripts": [Markup(script) for script in scripts],
        "tables": [
            {
                "title": table.title,
                "rows": len(table.frame),
                "long": len(table.frame) > LONG_TABLE,
                "html": Markup(to_html(table, links)),
            }
            for table in tables
        ],
        "members": member_entries(study, links),
        "long": LONG_TABLE,
        "methods": method_entries(study, comparison, links),
    }


def _asset(name: str) -> str:
    return files("reports").joinpath(name).read_text(encoding="utf-8")


def _environment() -> Environment:
    return Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _policy(scripts: Sequence[str], style: str) -> str:
    """A content security policy that lets exactly these inline texts through."""
    allowed = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _title(study: Study) -> str:
    kind = "synthetic faces" if study.synthetic else study.dataset
    faces = {*NEGATIVE, *POSITIVE} <= set(study.test.classes)
    return f"Ensembles of {'facial-expression ' if faces else ''}networks on {kind}"


def _fitting_figures(figures: Sequence[tuple[str, str]], room: int) -> list[_Figure]:
    """Figures in order; where not all fit into `room` bytes, the largest lack their drawing."""
    drawings = [inline_svg(svg, f"f{i}") for i, (_, svg) in enumerate(figures)]
    fitting_ones = set()
    for i in sorted(range(len(drawings)), key=lambda i: len(drawings[i].encode())):
        room -= len(drawings[i].encode())
        if room >= 0:
            fitting_ones.add(i)
    return [
        _Figure(title, Markup(drawings[i]) if i in fitting_ones else None)
        for i, (title, _) in enumerate(figures)
    ]
