"""A right checksum over contents that this program never writes: told as damage, or harmless."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.files import sealed_bytes
from benchmark.samples import facts_of, write_samples
from benchmark.speed.record import write_speed
from benchmark.stages import gather
from benchmark.store import LogitsStore
from reports.findings import Findings
from reports.formatting import render
from reports.recipe_content import recipe_jobs
from reports.report import make_tables
from reports.speed import speed_figure
from reports.study import ColdStart, Epoch, Missing
from tests.benchmark import small
from tests.benchmark.speed.test_record import member_speed, training_speed
from tests.benchmark.test_faults_input import VALUES


def places(value: object, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where every value inside `value` stands."""
    inner = enumerate(value) if isinstance(value, list) else ()
    named = value.items() if isinstance(value, dict) else inner
    return [place, *(found for key, one in named for found in places(one, (*place, key)))]


def set_at(fields: Any, place: tuple[str | int, ...], value: object) -> None:
    for key in place[:-1]:
        fields = fields[key]
    fields[place[-1]] = value


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two members of one network whose recipes differ, and the speed of one."""
    root = tmp_path_factory.mktemp("told")
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    epoch = Epoch(1, 0.5, 1.0, 0.4, 1.2, 0.001, 2.0)
    for number, member in enumerate(("one", "two"), 1):
        fields = {**small.fields(number), "architecture": "a", "history": [asdict(epoch)]}
        LogitsStore(root).commit(member, 0, small.logits(number), fields)
    cold = ColdStart(members=("one",), seconds=9.5, epochs=(3,))
    write_speed(root, replace(training_speed(member_speed("one")), cold=cold))
    return root


def everything_told(root: Path) -> int:
    """Whatever a report tells of records, made; the number of members told of."""
    study = gather(root)
    findings = Findings.of(study, ("single_best", "average"))
    tables = make_tables(findings, ("members", "speed"))
    assert all(render(table, "csv") for table in tables.values())
    for job in recipe_jobs(findings).values():
        job()
    if study.speed and study.speed.members:
        speed_figure(study.speed)
    return len(study.records)


@pytest.mark.parametrize("name", ["logits/one/seed0/manifest.json", "speed.json"])
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_right_seal_over_other_contents_is_told_or_damaged(
    name: str, data: st.DataObject, told: Path
) -> None:
    path = told / name
    whole = path.read_bytes()
    fields = json.loads(whole)
    del fields["checksum"]
    place = data.draw(st.sampled_from([p for p in places(fields) if p and p != ("schema",)]))
    set_at(fields, place, data.draw(VALUES | st.just(10**400)))
    try:
        path.write_bytes(sealed_bytes(fields))
        assert everything_told(told) in (1, 2)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("logits/one/seed0/manifest.json", ("recipe", "epochs"), "x"),
        ("logits/one/seed0/manifest.json", ("recipe", "learning_rate"), [1]),
        ("logits/one/seed0/manifest.json", ("recipe", "balance"), {"copies": None}),
        ("logits/one/seed0/manifest.json", ("history", 0, "val_loss"), "low"),
        ("speed.json", ("members", 0, "epoch_seconds"), "2"),
        ("speed.json", ("members", 0, "step_seconds"), 0),
        ("speed.json", ("cold", "epochs"), []),
        ("speed.json", ("peak",), 10**400),
    ],
)
def test_sealed_contents_that_nobody_wrote_are_damage(
    name: str, place: tuple[str | int, ...], value: object, told: Path
) -> None:
    path = told / name
    whole = path.read_bytes()
    fields = json.loads(whole)
    del fields["checksum"]
    set_at(fields, place, value)
    try:
        path.write_bytes(sealed_bytes(fields))
        study = gather(told)
        everything_told(told)
    finally:
        path.write_bytes(whole)
    if name == "speed.json":
        assert study.notes == ("The record of training speed is damaged and was left out.",)
        return
    wrong = f"the manifest has no {place[0]} that this program could have written"
    assert study.missing == (Missing("one", f"damaged (seed 0): {wrong}", damaged=True),)
