"""Tables written out: CSV for machines; Markdown, LaTeX and HTML for people.

Names of members and classes come from anyone, so each format escapes every text it is given.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import pandas as pd

from reports.columns import Column
from reports.study import ReportError
from reports.tables import Row, Table, best_cells, cell

Format: TypeAlias = Literal["csv", "markdown", "latex", "html"]
Link: TypeAlias = Callable[[str, Row], Sequence[tuple[str, str]]]
"""(column, row) → what the cell names, as (name, address within the page); nothing: no link."""
SUFFIXES: dict[str, Format] = {"csv": "csv", "md": "markdown", "tex": "latex"}
"""Endings of the files that `report` writes for each table."""
LONG = 40
"""Rows from which LaTeX breaks a table over pages."""


def render(table: Table, form: str) -> str:
    """The whole table as text in the format called `form`; it ends with a newline."""
    writers: dict[str, Callable[[Table], str]] = {
        "csv": to_csv,
        "markdown": to_markdown,
        "latex": to_latex,
        "html": to_html,
    }
    if form not in writers:
        raise ReportError(
            f"there is no table format {form!r}: accepted are {', '.join(get_args(Format))}"
        )
    return writers[form](table)


def to_csv(table: Table) -> str:
    """Every column with its full values: shares in [0, 1], twelve digits, empty where missing.

    Twelve digits keep what is measured and drop the last bits, in which processors differ.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.key for column in table.columns])
    for row in table.frame.itertuples(index=False, name=None):
        writer.writerow([_machine(c, v) for c, v in zip(table.columns, row, strict=True)])
    return out.getvalue()


def to_markdown(table: Table) -> str:
    """A pipe table with its columns aligned, so that it reads well before it is rendered too."""
    head = [escape_markdown(column.header) for column in table.shown]
    body = _people(table, escape_markdown, lambda text: f"**{text}**")
    widths = [max(3, *(len(row[i]) for row in (head, *body))) for i in range(len(head))]
    right = [column.kind != "text" for column in table.shown]
    rule = ["-" * (w - 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True)]
    lines = [
        "| "
        + " | ".join(
            text.rjust(w) if r else text.ljust(w)
            for text, w, r in zip(row, widths, right, strict=True)
        )
        + " |"
        for row in (head, rule, *body)
    ]
    title = f"**{escape_markdown(table.title)}.** {escape_markdown(table.caption)}"
    return "\n".join([title, "", *lines]) + "\n"


def to_latex(table: Table) -> str:
    """A booktabs table (`\\usepackage{booktabs}`, and `longtable` for one of many rows)."""
    headers = [escape_latex(column.header) for column in table.shown]
    body = _people(table, escape_latex, lambda text: rf"\textbf{{{text}}}")
    # Columns may share a header; positions as labels keep them apart until they are printed.
    frame = pd.DataFrame(body, columns=range(len(headers)))
    styler = frame.style.hide(axis="index")
    styler.format_index(lambda position: headers[int(str(position))], axis=1)
    return str(
        styler.to_latex(
            hrules=True,
            column_format="".join("l" if c.kind == "text" else "r" for c in table.shown),
            caption=f"{escape_latex(table.title)}. {escape_latex(table.caption)}",
            label=f"tab:{table.name}",
            environment="longtable" if len(body) > LONG else None,
            position_float=None if len(body) > LONG else "centering",
        )
    )


def to_html(table: Table, link: Link | None = None) -> str:
    """A `<table>` element for the page; numbers carry `data-value`, by which it can be sorted."""
    lines = [
        f'<table class="data" id="table-{html.escape(table.name)}">',
        f"<caption><strong>{html.escape(table.title)}.</strong> {html.escape(table.caption)}"
        "</caption>",
        "<thead><tr>",
        *(_html_header(column) for column in table.shown),
        "</tr></thead>",
        "<tbody>",
    ]
    body = _people(table, html.escape, lambda text: f"<strong>{text}</strong>")
    for values, texts in zip(table.frame.to_dict("records"), body, strict=True):
        cells = [
            _html_cell(column, values, text, link)
            for column, text in zip(table.shown, texts, strict=True)
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</tbody>", "</table>"]) + "\n"


def terminal_rows(table: Table) -> tuple[list[str], list[list[str]], frozenset[tuple[int, int]]]:
    """(headers, rows, positions (row, column) of the best values) for a terminal to print.

    Control characters are gone from the texts; whatever markup the terminal's printer knows is
    the caller's to switch off.
    """
    keys = [column.key for column in table.shown]
    best = frozenset((row, keys.index(key)) for row, key in best_cells(table))
    return [c.header for c in table.shown], _people(table, one_line, str), best


_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~#$&])")
_MARKDOWN_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # after the end of a row a bare bracket would be an argument of that end
    "±": r"$\pm$",
    "–": "--",
    **{character: "\\" + character for character in "_%&$#{}"},
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def one_line(text: str) -> str:
    """`text` with every run of blanks and control characters replaced by one blank."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def escape_markdown(text: str) -> str:
    """`text` so that Markdown shows it as it is, in a table's cell too."""
    return _MARKDOWN.sub(
        lambda found: _MARKDOWN_ENTITIES.get(found[0], "\\" + found[0]), one_line(text)
    )


def escape_latex(text: str) -> str:
    """`text` so that LaTeX prints it as it is."""
    return "".join(_LATEX.get(character, character) for character in one_line(text))


def escape_csv(text: str) -> str:
    """`text` with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _machine(column: Column, value: Any) -> str:
    """A value as the CSV carries it."""
    if value is None or value is pd.NA:
        return ""
    if column.kind == "text":
        return escape_csv(str(value))
    return str(int(value)) if column.dtype == "Int64" else f"{float(value):.12g}"


def _people(
    table: Table, escape: Callable[[str], str], bold: Callable[[str], str]
) -> list[list[str]]:
    """The cells as people read them: rounded, escaped, the best ones in bold."""
    best = best_cells(table)
    return [
        [
            bold(text) if (i, column.key) in best else text
            for column in table.shown
            for text in (escape(cell(column, row)),)
        ]
        for i, row in enumerate(_records(table))
    ]


def _records(table: Table) -> Sequence[dict[str, Any]]:
    return [{str(key): value for key, value in r.items()} for r in table.frame.to_dict("records")]


def _html_header(column: Column) -> str:
    kind = "text" if column.kind == "text" else "number"
    return (
        f'<th scope="col" data-kind="{kind}" title="{html.escape(column.help)}">'
        f"{html.escape(column.header)}</th>"
    )


def _html_cell(column: Column, row: Mapping[Any, Any], text: str, link: Link | None) -> str:
    value = row[column.key]
    if column.kind == "text":
        found = () if link is None else link(column.key, row)
        words = [text] if len(found) == 1 else [html.escape(name) for name, _ in found]
        text = (
            " + ".join(
                f'<a href="#{html.escape(address)}">{word}</a>'
                for word, (_, address) in zip(words, found, strict=True)
            )
            or text
        )
        return f'<td class="wrap">{text}</td>' if column.prose else f"<td>{text}</td>"
    number = _machine(column, value)
    mark = f' data-value="{number}"' if number else ""
    return f'<td class="number"{mark}>{text}</td>'
