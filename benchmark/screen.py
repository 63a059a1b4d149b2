"""What people see in the terminal: progress with an estimate of what is left, and tables."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from benchmark.console import cell, say
from benchmark.events import Event
from benchmark.plan import Plan
from benchmark.remembered import ShortTable
from reports.formatting import terminal_rows
from reports.tables import Table


def plain(seconds: float) -> str:
    """A duration as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.0f} s"


class TrainingScreen:
    """Shows a plan's training: a bar over all of it, a line for every member under way.

    Time left is estimated from work, not from the number of members: epochs times multiply-adds.
    On a terminal the bars move; elsewhere (a log file) there is one line per event.
    """

    def __init__(self, plan: Plan, console: Console) -> None:
        self._work = {(member.name, seed): plan.work(member) for member, seed in plan.runs}
        self._done: dict[tuple[str, int], float] = {}
        self._reused = 0.0
        self._start = time.monotonic()
        self._bars: dict[tuple[str, int], TaskID] = {}
        self._finished = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._total = self._progress.add_task(
            "all members", total=sum(self._work.values()), note=""
        )

    def __enter__(self) -> TrainingScreen:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Show `event`."""
        key = (event.member, event.seed)
        name = event.member if event.seed == 0 else f"{event.member} (seed {event.seed})"
        match event.kind:
            case "epoch":
                self._epoch(event, key, name)
                return
            case "started":
                self._bars[key] = self._progress.add_task(name, total=event.epochs, note="")
                return
            case "trained":
                self._count(key)
                text = (
                    f"trained {name}: {event.epoch} epochs, validation accuracy "
                    f"{100 * event.val_accuracy:.1f} %, {plain(event.seconds)}"
                )
            case "reused":
                self._reused += self._work[key]
                self._count(key)
                text = f"reused {name}"
            case "failed":
                self._count(key)
                text = f"FAILED {name}: {event.message}"
                text += f" (log: {event.log})" if event.log else ""
            case "stale":
                text = f"stale {name}, trained again; changed: {event.message}"
            case "damaged":
                text = f"damaged {name}, set aside and trained again: {event.message}"
            case "waiting":
                text = f"waiting for {name}: {event.message}"
        self._print(text, "bold red" if event.kind == "failed" else "")

    def _print(self, text: str, style: str) -> None:
        say(self._progress.console, text, style)

    def _epoch(self, event: Event, key: tuple[str, int], name: str) -> None:
        self._done[key] = self._work[key] * event.epoch / event.epochs
        note = f"epoch {event.epoch}/{event.epochs}, validation {100 * event.val_accuracy:.1f} %"
        if key in self._bars:
            self._progress.update(self._bars[key], completed=event.epoch, note=note)
        self._show_total()

    def _count(self, key: tuple[str, int]) -> None:
        self._finished += 1
        self._done[key] = float(self._work[key])
        if key in self._bars:
            self._progress.remove_task(self._bars.pop(key))
        self._show_total()

    def _show_total(self) -> None:
        done = sum(self._done.values())
        fresh = done - self._reused
        note = f"{self._finished} of {len(self._work)} members"
        if fresh > 0:
            left = sum(self._work.values()) - done
            note += f", about {plain(left * (time.monotonic() - self._start) / fresh)} left"
        self._progress.update(self._total, completed=done, note=note)


HEADERS = {
    "val_accuracy": "val %",
    "test_accuracy": "test %",
    "test_accuracy_unique": "unique %",
}
"""Shorter than on paper, so that the table fits into 80 columns."""


SHOWN = ("method", *HEADERS, "gain", "tied")


def short_table(summary: Table) -> ShortTable:
    """What of the summary fits into a terminal."""
    _, rows, best = terminal_rows(summary)
    columns = [i for i, column in enumerate(summary.shown) if column.key in SHOWN]
    shown = [summary.shown[i] for i in columns]
    return ShortTable(
        title=summary.title,
        headers=tuple(HEADERS.get(column.key, column.header.lower()) for column in shown),
        texts=tuple(column.kind == "text" for column in shown),
        rows=tuple(tuple(row[i] for i in columns) for row in rows),
        best=tuple(sorted((row, columns.index(i)) for row, i in best if i in columns)),
    )


def print_ensembles(console: Console, short: ShortTable, place: Path) -> None:
    """Print the short ensembles table; `place` is where all methods and columns stand."""
    grid = RichTable(title=cell(short.title), title_style="bold", box=SIMPLE_HEAD, padding=(0, 1))
    for header, text in zip(short.headers, short.texts, strict=True):
        grid.add_column(
            cell(header), justify="left" if text else "right", no_wrap=not text, overflow="fold"
        )
    for number, row in enumerate(short.rows):
        best = [(number, i) in short.best for i in range(len(row))]
        styles = ["bold green" if one else "" for one in best]
        grid.add_row(*(cell(text, style) for text, style in zip(row, styles, strict=True)))
    console.print(grid)
    say(
        console,
        "Fitted on validation, scored on test (± half of the 95 % interval). Unique: without test "
        "images that also stand in training. Gain: points above the best single network. Tied: "
        f"with the best, by a paired test. All methods: {place}",
    )
