"""Figures are drawn by other processes: when they begin, what they leave behind, in which order."""

from __future__ import annotations

import multiprocessing
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from reports.drawing import Drawing, Job
from reports.figure_content import draw_all
from reports.findings import Findings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="draws in one process elsewhere")

NO_FINDINGS = cast(Findings, None)


def draw(name: str, seconds: float = 0.0, mark: Path | None = None) -> Drawing:
    time.sleep(seconds)
    if mark is not None:
        mark.touch()
    return Drawing(name, name, name, b"", b"")


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterator[Job]], Iterator[Drawing]]:
    """What is drawn of other jobs than those of a study."""

    def draw_these(jobs: Iterator[Job]) -> Iterator[Drawing]:
        named = ((str(number), job) for number, job in enumerate(jobs))
        monkeypatch.setattr("reports.figure_content.figure_jobs", lambda findings: named)
        monkeypatch.setattr("os.cpu_count", lambda: 2)
        return draw_all(NO_FINDINGS)

    return draw_these


def nobody_is_left() -> bool:
    return not multiprocessing.active_children()


def test_drawing_begins_while_later_figures_are_computed_and_keeps_their_order(
    drawn: Any, tmp_path: Path
) -> None:
    def jobs() -> Iterator[Job]:
        yield partial(draw, "slow", 0.3, tmp_path / "drawn")
        wait_for((tmp_path / "drawn").exists)  # the second is not computed before
        yield partial(draw, "quick")

    assert [drawing.name for drawing in drawn(jobs())] == ["slow", "quick"]
    wait_for(nobody_is_left)


def test_a_warning_while_figures_are_computed_is_heard(drawn: Any) -> None:
    def jobs() -> Iterator[Job]:
        yield partial(draw, "one")
        warnings.warn("old numbers", DeprecationWarning, stacklevel=1)

    with pytest.raises(DeprecationWarning, match="old numbers"):
        drawn(jobs())
    wait_for(nobody_is_left)


def test_nothing_more_is_drawn_where_a_figure_cannot_be_computed(
    drawn: Any, tmp_path: Path
) -> None:
    def jobs() -> Iterator[Job]:
        for name in "abcdefgh":
            yield partial(draw, name, 0.2, tmp_path / name)
        raise ArithmeticError("no numbers")

    with pytest.raises(ArithmeticError, match="no numbers"):
        drawn(jobs())
    wait_for(nobody_is_left)
    assert len(list(tmp_path.iterdir())) < 8


def test_nothing_more_is_drawn_for_one_who_does_not_ask(drawn: Any, tmp_path: Path) -> None:
    figures = drawn(partial(draw, name, 0.2, tmp_path / name) for name in "abcdefgh")
    del figures
    wait_for(nobody_is_left)
    assert len(list(tmp_path.iterdir())) < 8
