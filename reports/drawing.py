"""What all figures share: one style, colours that colour-blind readers tell apart, fixed bytes.

The same numbers give the same bytes: ids in an SVG come from a fixed salt, no file carries a date,
and figures are drawn on bare canvases, so nothing depends on a screen or on what was drawn before.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, TypeAlias, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter

from reports.formatting import one_line

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
"""Okabe and Ito's colours, told apart with any colour vision; yellow, pale on white, left out."""
LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
INK, FAINT, GRID = "#222222", "#6B6B6B", "#E3E3E3"
DPI = 100
STYLE: dict[str, Any] = {
    # Text stays text: small files, searchable, read aloud.
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "text.color": INK,
    "text.parse_math": False,  # a member called a$b$ is no formula
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Drawing:
    """A finished figure. name: of its files, without ending. alt: what it shows, in a sentence."""

    name: str
    title: str
    alt: str
    svg: bytes
    png: bytes


Job: TypeAlias = Callable[[], Drawing | list[Drawing]]
"""Draws when it is called; whatever it draws from is computed before."""


def canvas(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, list[Axes]]:
    """A figure of `width` × `height` inches and its axes, row by row. Call within `style()`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.flat)


def style() -> Any:
    """The context in which every figure is built and written."""
    return mpl.rc_context(cast(Any, STYLE))


def finish(figure: Figure, name: str, title: str, alt: str) -> Drawing:
    """Write `figure` as SVG and PNG. Call within `style()`, and once for each figure."""
    png, svg = io.BytesIO(), io.BytesIO()
    if isinstance(engine := figure.get_layout_engine(), ConstrainedLayoutEngine):
        # Laid out once here; left to itself matplotlib would draw each file twice.
        engine.execute(figure)
    figure.set_layout_engine(None)
    figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
    # The name as salt keeps ids apart when several figures stand in one page.
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return Drawing(name, title, alt, _label(svg.getvalue().decode(), title, alt), png.getvalue())


def _label(svg: str, title: str, alt: str) -> bytes:
    """Give the SVG a name and a description, and drop the ids that nothing refers to."""
    svg = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", svg)
    head = f'<svg role="img" aria-label="{escape(one_line(f"{title}. {alt}"))}"'
    return svg.replace("<svg", head, 1).encode()


def looks(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour and line style of each name: a colour for each family, a line for each variant in it.

    The family is the part before the last '-', as in deep-a and deep-b. Where there is but one
    family, or one has more variants than there are lines, every name gets the next colour.
    """
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(name.rpartition("-")[0] or name, []).append(name)
    plain = len(families) == 1 or max(map(len, families.values())) > len(LINES)
    plain = plain or len(families) > len(PALETTE)
    if plain:
        pairs = {name: (i % len(PALETTE), i // len(PALETTE)) for i, name in enumerate(names)}
    else:
        pairs = {
            name: (i, j)
            for i, variants in enumerate(families.values())
            for j, name in enumerate(variants)
        }
    return {
        name: {"color": PALETTE[i], "linestyle": LINES[j % len(LINES)]}
        for name, (i, j) in pairs.items()
    }


def percent(value: float) -> str:
    """A share of one as figures label it."""
    return f"{100 * value:.1f} %"


def percent_axis(axis: Axes, which: Literal["x", "y"]) -> None:
    """Label the ticks of one axis as percent, written as `percent` writes them."""
    side = axis.xaxis if which == "x" else axis.yaxis
    side.set_major_formatter(PercentFormatter(1.0, symbol=" %"))


def right_labels(axis: Axes, labels: Sequence[str]) -> None:
    """Write one label for each row at the right of the axis; row i lies at height i."""
    for i, label in enumerate(labels):
        text = axis.annotate(
            label,
            (1.0, i),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
        # The longest makes room for all: measuring every one takes as long as drawing them.
        text.set_in_layout(label == max(labels, key=len))


def shorten(name: str, most: int = 28) -> str:
    """A name short enough for an axis: its middle is left out where it is longer than `most`."""
    name = one_line(name)
    keep = (most - 1) // 2
    return name if len(name) <= most else f"{name[:keep]}…{name[-keep:]}"
