"""Writers of tables: what each format looks like, and that no name breaks out of it."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest

from reports.formatting import (
    escape_csv,
    escape_latex,
    escape_markdown,
    one_line,
    render,
    terminal_rows,
)
from reports.study import ReportError
from reports.tables import Table, make_table
from tests.reports.factory import HOSTILE_CLASSES, HOSTILE_MEMBERS

FORMATS = ("csv", "markdown", "latex", "html")


def small() -> Table:
    rows = [
        {
            "method": "mean",
            "label": "50% a_b & c",
            "members": 9,
            "test_accuracy": 2 / 3,
            "test_low": 0.65,
            "test_high": 0.68,
        },
        {"method": "one", "label": "one", "members": 1, "test_accuracy": 0.5},
    ]
    keys = ("method", "members", "test_accuracy", "test_low", "test_high", "label")
    return make_table("small", rows, keys, title="Small", caption="A & B.")


def hostile() -> Table:
    rows = [
        {"member": member, "class": name, "f1": 0.5 + i / 100}
        for i, (member, name) in enumerate(zip(HOSTILE_MEMBERS, HOSTILE_CLASSES, strict=False))
    ]
    return make_table("bad", rows, ("member", "class", "f1"), title="<b>", caption="a|b_c & <i>")


def test_csv_holds_every_column_with_twelve_digits() -> None:
    assert render(small(), "csv") == (
        "method,members,test_accuracy,test_low,test_high,label\n"
        "mean,9,0.666666666667,0.65,0.68,50% a_b & c\n"
        "one,1,0.5,,,one\n"
    )


def test_markdown_is_aligned_and_bold_where_best() -> None:
    assert render(small(), "markdown") == (
        "**Small.** A &amp; B.\n"
        "\n"
        "| Method           | Members |    Test acc. (%) |\n"
        "| ---------------- | ------: | ---------------: |\n"
        "| 50% a\\_b &amp; c |       9 | **66.67 ± 1.50** |\n"
        "| one              |       1 |            50.00 |\n"
    )


def test_latex_is_a_booktabs_table() -> None:
    assert render(small(), "latex") == (
        "\\begin{table}\n"
        "\\centering\n"
        "\\caption{Small. A \\& B.}\n"
        "\\label{tab:small}\n"
        "\\begin{tabular}{lrr}\n"
        "\\toprule\n"
        "Method & Members & Test acc. (\\%) \\\\\n"
        "\\midrule\n"
        "50\\% a\\_b \\& c & 9 & \\textbf{66.67 $\\pm$ 1.50} \\\\\n"
        "one & 1 & 50.00 \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "\\end{table}\n"
    )


def test_html_is_a_fragment_whose_numbers_can_be_sorted() -> None:
    text = render(small(), "html")
    assert text.startswith('<table class="data" id="table-small">\n')
    assert (
        '<tr><td>50% a_b &amp; c</td><td class="number" data-value="9">9</td>'
        '<td class="number" data-value="0.666666666667"><strong>66.67 ± 1.50</strong></td></tr>'
    ) in text
    assert '<th scope="col" data-kind="number" title="how many members take part">' in text


def test_a_long_latex_table_breaks_over_pages() -> None:
    rows = [{"member": f"m{i}", "seed": i} for i in range(41)]
    long = make_table("long", rows, ("member", "seed"), title="Long", caption="Long.")
    assert render(long, "latex").startswith("\\begin{longtable}{l}\n")


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(ReportError) as caught:
        render(small(), "word")
    assert str(caught.value) == (
        "there is no table format 'word': accepted are csv, markdown, latex, html"
    )


class Tags(HTMLParser):
    """Collects the tags and the text of a fragment."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_hostile_names_are_text_in_html() -> None:
    tags = Tags()
    tags.feed(render(hostile(), "html"))
    assert tags.tags == {"table", "caption", "thead", "tbody", "tr", "th", "td", "strong"}
    assert set(HOSTILE_MEMBERS) <= set(tags.text)


def test_hostile_names_come_back_from_csv_and_are_no_formulas() -> None:
    rows = list(csv.reader(io.StringIO(render(hostile(), "csv"))))
    assert len(rows) == 1 + len(HOSTILE_MEMBERS)
    cells = [cell for row in rows[1:] for cell in row[:2]]
    assert not [cell for cell in cells if cell[0] in "=+-@\t\r"]
    assert {cell.removeprefix("'") for cell in cells} == {
        *HOSTILE_MEMBERS,
        *HOSTILE_CLASSES[: len(HOSTILE_MEMBERS)],
    }


def test_hostile_names_stay_in_their_markdown_cell() -> None:
    lines = render(hostile(), "markdown").splitlines()
    assert len(lines) == 4 + len(HOSTILE_MEMBERS)
    for line in lines[2:]:
        assert len(re.findall(r"(?<!\\)\|", line)) == 4
    assert "<" not in "".join(lines)
    assert "50%\\_of\\_a&amp;b" in lines[5]


def test_hostile_names_are_no_commands_in_latex() -> None:
    body = render(hostile(), "latex").split("\\midrule\n")[1].split("\\bottomrule")[0]
    lines = body.splitlines()
    assert len(lines) == len(HOSTILE_MEMBERS)
    for line in lines:
        assert line.endswith(" \\\\")
        assert len(re.findall(r"(?<!\\)&", line)) == 2
    assert r"\textbackslash{}input\{x\}\$y\$\#\textasciitilde{}\textasciicircum{}" in body
    assert r"50\%\_of\_a\&b" in body


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_a_formula_is_text_in_csv(text: str, escaped: str) -> None:
    assert escape_csv(text) == escaped


def test_numbers_below_zero_are_numbers_in_csv() -> None:
    made = make_table("t", [{"gain": -0.25}], ("gain",), title="T", caption="C.")
    assert render(made, "csv") == "gain\n-0.25\n"


def test_nothing_is_less_than_nothing() -> None:
    made = make_table("t", [{"gain": -0.00001}], ("gain",), title="T", caption="C.")
    assert "| +0.00 |" in " ".join(render(made, "markdown").split())


def test_sentences_may_be_broken_on_the_page() -> None:
    made = make_table(
        "t", [{"claim": "A", "member": "b"}], ("claim", "member"), title="T", caption=""
    )
    assert '<tr><td class="wrap">A</td><td>b</td></tr>' in render(made, "html")


def test_single_escapes() -> None:
    assert escape_markdown("a|b\nc*d_e`f[g]<h>&") == ("a\\|b c\\*d\\_e\\`f\\[g\\]&lt;h&gt;&amp;")
    assert escape_latex("_%&$#{}~^\\") == (
        r"\_\%\&\$\#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    assert escape_latex("[x] ± – |<>") == (r"{[}x] $\pm$ -- \textbar{}\textless{}\textgreater{}")
    assert one_line(" a\r\n\tb\x1b[31m\u202ec ") == "a b [31m c"


def test_terminal_rows_name_the_best_by_position() -> None:
    headers, rows, best = terminal_rows(small())
    assert headers == ["Method", "Members", "Test acc. (%)"]
    assert rows == [["50% a_b & c", "9", "66.67 ± 1.50"], ["one", "1", "50.00"]]
    assert best == {(0, 2)}


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_table_is_still_a_table(form: str) -> None:
    empty = make_table("none", [], ("member", "f1"), title="None", caption="None.")
    assert render(empty, form).endswith("\n")
