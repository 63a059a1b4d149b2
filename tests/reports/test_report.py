"""The whole report: which files, the same bytes each time, no torch, pictures kept apart."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reports.figures_images import sample_panel
from reports.findings import Findings
from reports.report import TABLES, make_table, make_tables, write_reports
from reports.study import ReportError, Study
from tests.reports import factory

FEW = ("single_best", "average", "accuracy")


@pytest.fixture(scope="module")
def study() -> Study:
    return factory.study(2, images=140)


def read(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_study_gives_the_same_bytes(study: Study, tmp_path: Path) -> None:
    one = write_reports(study, tmp_path / "one", methods=FEW)
    write_reports(study, tmp_path / "other", methods=FEW)
    first = read(tmp_path / "one")
    assert first == read(tmp_path / "other")
    assert {str(p.relative_to(tmp_path / "one")) for p in one.files} == set(first)
    assert {"report.html", "tables/ensembles.csv", "tables/members.md", "figures/forest.svg"} <= (
        set(first)
    )
    for name in one.tables:
        assert {f"tables/{name}.{ending}" for ending in ("csv", "md", "tex")} <= set(first)


def test_only_what_is_asked_for_is_written(study: Study, tmp_path: Path) -> None:
    written = write_reports(study, tmp_path, only=("tables",), methods=FEW)
    assert {path.parent.name for path in written.files} == {"tables"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tables"]


def test_what_an_earlier_report_left_is_named_and_kept(study: Study, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "seeds.csv").write_text("old")
    (folder / "notes.txt").write_text("the user's own")
    written = write_reports(study, tmp_path, only=("tables",), methods=FEW)
    assert written.stale == (folder / "seeds.csv",)
    assert (folder / "seeds.csv").read_text() == "old"


def test_files_go_through_the_writer_that_is_given(study: Study, tmp_path: Path) -> None:
    kept: dict[Path, bytes] = {}
    written = write_reports(study, tmp_path, only=("tables",), methods=FEW, write=kept.__setitem__)
    assert tuple(kept) == written.files
    assert not list(tmp_path.iterdir())


def test_pictures_of_people_stay_local_and_out_of_the_page(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.figure_content.draw_all", lambda findings: iter(()))
    images = np.random.default_rng(0).integers(0, 256, (140, 48, 48), dtype=np.uint8)
    labels = np.arange(140) % 7
    panels = [sample_panel(images, labels, factory.CLASSES, each=2)]
    write_reports(study, tmp_path / "real", panels=panels, only=("figures", "page"), methods=FEW)
    assert (tmp_path / "real/local/samples.png").exists()
    assert not (tmp_path / "real/figures/samples.png").exists()
    assert "Sample images" not in (tmp_path / "real/report.html").read_text()
    drawn = dataclasses.replace(study, synthetic=True, dataset="faces")
    write_reports(drawn, tmp_path / "drawn", panels=panels, only=("figures", "page"), methods=FEW)
    assert (tmp_path / "drawn/figures/samples.png").exists()
    assert not (tmp_path / "drawn/local").exists()
    # The page is made from logits alone, so that a report without images has the same bytes.
    assert "Sample images" not in (tmp_path / "drawn/report.html").read_text()


def test_a_hostile_study_is_reported_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.figure_content.draw_all", lambda findings: iter(()))
    write_reports(factory.hostile(70), tmp_path, methods=FEW)
    page = (tmp_path / "report.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_a_table_is_made_by_its_name(study: Study) -> None:
    findings = Findings.of(study, FEW)
    made = make_tables(findings)
    assert set(made) <= set(TABLES)
    for name, table in made.items():
        assert table.name == name
        assert make_table(findings, name).frame.equals(table.frame)


def test_an_unknown_table_is_answered_with_help(study: Study) -> None:
    findings = Findings.of(study, FEW)
    with pytest.raises(ReportError) as caught:
        make_table(findings, "ensemble")
    assert str(caught.value) == (
        "there is no table 'ensemble' (did you mean 'ensembles'?): accepted are "
        + ", ".join(TABLES)
    )
    with pytest.raises(ReportError) as caught:
        make_table(findings, "seeds")
    assert str(caught.value) == "this study has no numbers for the table 'seeds'"


def test_reports_are_made_without_torch() -> None:
    code = "import sys, reports.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
