"""A report is made once from the same logits, and again as soon as anything differs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmark.remembered import NAME, ShortTable, recall, remember, report_key
from reports.study import Missing
from tests.reports import factory

SHORT = ShortTable(
    title="Ensembles",
    headers=("method", "test %"),
    texts=(True, False),
    rows=(("Simple average", "48.00"), ("Best [single]", "46.00")),
    best=((0, 1),),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("tables/ensembles.csv", "report.html"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    files = [tmp_path / "tables" / "ensembles.csv", tmp_path / "report.html"]
    remember(tmp_path, "key", files, SHORT)
    return tmp_path


def test_what_was_written_is_recalled(root: Path) -> None:
    found = recall(root, "key")
    assert found is not None
    assert (found.files, found.short) == (2, SHORT)


def test_another_key_a_changed_file_and_a_missing_one_are_not(root: Path) -> None:
    assert recall(root, "other") is None
    (root / "report.html").write_text("edited")
    assert recall(root, "key") is None
    (root / "report.html").unlink()
    assert recall(root, "key") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"key": "key"}', b"\xff\xfe", b"[" * 9999])
def test_a_damaged_record_is_no_record(root: Path, content: bytes) -> None:
    (root / NAME).write_bytes(content)
    assert recall(root, "key") is None


def test_every_part_of_a_study_changes_the_key() -> None:
    study = factory.study(3, images=70)
    logits = study.test.logits.copy()
    logits[0, 0, 0] += 1
    changed = [
        dataclasses.replace(study, test=dataclasses.replace(study.test, logits=logits)),
        dataclasses.replace(study, missing=(Missing("deep-z", "it failed"),)),
        dataclasses.replace(study, notes=("Something else.",)),
        dataclasses.replace(study, repeats=((study.validation, study.test),)),
        dataclasses.replace(study, repeat_records=(study.records,)),
    ]
    keys = {report_key(one) for one in [study, *changed]}
    assert len(keys) == 6
    assert report_key(study) == report_key(factory.study(3, images=70))
