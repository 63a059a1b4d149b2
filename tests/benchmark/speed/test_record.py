"""The record of training speed: read back, added to, and every changed byte of it found."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.cli import run
from benchmark.files import sealed_bytes
from benchmark.samples import facts_of, write_samples
from benchmark.speed.record import add_speed, merged, read_speed, speed_path, write_speed
from benchmark.stages import gather
from benchmark.store import DamagedError, SchemaError
from benchmark.verification import verify_roots
from reports.study import ColdStart, MemberSpeed, TrainingSpeed
from tests.benchmark import small


def member_speed(name: str, seconds: float = 2.0) -> MemberSpeed:
    return MemberSpeed(
        member=name,
        batch=128,
        images=28_672,
        flops=10**9,
        epoch_seconds=seconds,
        setup_seconds=3.0,
        step_seconds=0.001,
        called_step_seconds=0.004,
        exact_step_seconds=None,
        utilisation=0.2,
        bound="Bound by launches.",
        plain_epoch_seconds=20.0,
        plain_extrapolated=False,
    )


def training_speed(*members: MemberSpeed, device: str = "a card") -> TrainingSpeed:
    return TrainingSpeed(
        device=device, peak=1e15, workers=4, versions={"torch": "2.8"}, members=members
    )


def test_the_record_is_read_back_and_added_to(tmp_path: Path) -> None:
    assert read_speed(tmp_path) is None
    cold = ColdStart(members=("one",), seconds=9.5, epochs=(3,))
    first = replace(training_speed(member_speed("one"), member_speed("two")), cold=cold)
    write_speed(tmp_path, first)
    assert read_speed(tmp_path) == first
    again = training_speed(member_speed("two", seconds=1.0), member_speed("three"))
    both = merged(first, again)
    assert [m.member for m in both.members] == ["one", "two", "three"]
    assert both.members[1].epoch_seconds == 1.0
    assert both.cold == cold
    elsewhere = training_speed(member_speed("one"), device="another card")
    assert merged(first, elsewhere) == elsewhere


def test_what_several_add_at_once_is_all_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(old: TrainingSpeed | None, new: TrainingSpeed) -> TrainingSpeed:
        time.sleep(0.02)  # between reading and writing
        return merged(old, new)

    monkeypatch.setattr("benchmark.speed.record.merged", slowly)
    names = {f"member-{number}" for number in range(12)}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: add_speed(tmp_path, training_speed(member_speed(n))), names))
    record = read_speed(tmp_path)
    assert record is not None
    assert {member.member for member in record.members} == names


def test_every_changed_byte_of_the_record_is_found_and_measuring_again_sets_it_aside(
    tmp_path: Path,
) -> None:
    path = write_speed(tmp_path, training_speed(member_speed("one")))
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DamagedError) as caught:
            read_speed(tmp_path)
        assert str(caught.value) == (
            f"{path} is not what was written: measure again with `python -m benchmark speed "
            "training`"
        )
    broken = path.read_bytes()
    new = training_speed(member_speed("two"))
    add_speed(tmp_path, new)
    assert read_speed(tmp_path) == new
    assert (tmp_path / "damaged" / "speed.json-1").read_bytes() == broken


def test_a_record_of_another_version_is_refused_with_the_way_forward(tmp_path: Path) -> None:
    speed_path(tmp_path).write_bytes(sealed_bytes({"schema": 9, "pace": 3}))
    with pytest.raises(SchemaError) as caught:
        read_speed(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/speed.json was written with schema 9: accepted is schema 1; use the version "
        "that wrote it, or train into another folder with --results"
    )


def test_results_are_told_without_a_record_of_another_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "faces-quick"
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    small.commit(root, 1)
    path = speed_path(root)
    path.write_bytes(sealed_bytes({"schema": 9, "pace": 3}))
    (note,) = gather(root).notes
    assert note == (
        "The record of training speed is of another version of this program and was left out."
    )
    assert run(["score", "--results", str(tmp_path)]) == 0
    capsys.readouterr()
    assert run(["verify", "--results", str(tmp_path), "--repair"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"faces-quick/speed.json: {path} was written with schema 9: accepted is schema 1; use the "
        "version that wrote it, or train into another folder with --results",
        "1 entries checked, 1 with problems",
    ]
    assert path.exists()


def test_results_are_told_without_a_damaged_record(tmp_path: Path) -> None:
    write_samples(tmp_path, small.dataset(), facts_of(small.dataset()))
    small.commit(tmp_path, 1)
    write_speed(tmp_path, training_speed(member_speed("one")))
    assert gather(tmp_path).speed == training_speed(member_speed("one"))
    path = speed_path(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    study = gather(tmp_path)
    assert study.speed is None
    assert study.notes[-1] == "The record of training speed is damaged and was left out."
    assert [(p.kind, p.reason) for p in verify_roots([tmp_path])[0]] == [
        ("damaged", f"{path} is not what was written")
    ]
    verify_roots([tmp_path], repair=True)
    assert verify_roots([tmp_path])[0] == []
    assert gather(tmp_path).speed is None
