"""Members that fail: each named with its reason and its log, the others finish, exit code 1."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.cli import run
from benchmark.events import Event
from benchmark.stages import Training, train_members, write_results
from benchmark.store import LogitsStore
from tests.benchmark import small
from zoo.job import ran_out_of_memory

ZOO = Path(__file__).with_name("faulty_zoo.py")
REASONS = {
    "divergent": "the loss is not finite in epoch 1: a smaller learning rate than 1e+30 is needed",
    "too-large": "out of memory with batches of 20 images, and again with halves of them (CUDA out "
    "of memory. Tried to allocate 20.00 MiB.): a smaller batch size is needed, or fewer trainings "
    "at once (--jobs 1)",
    "weightless": "the member 'weightless' starts from weights that could not be loaded",
    "misspelt": "NameError: name 'undefined_name' is not defined",
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training, list[Event]]:
    """A run of all of them in one process: its store, how it ended, and what it told."""
    plan = small.plan(tmp_path_factory.mktemp("results"), "faulty", ZOO)
    events: list[Event] = []
    return plan.root, train_members(plan, small.dataset(), events.append), events


def manifest(root: Path, member: str) -> Any:
    entry = LogitsStore(root).read(member, 0)
    assert entry is not None
    return entry.manifest


def test_each_that_fails_is_named_with_its_reason_and_the_others_finish(
    faulty: tuple[Path, Training, list[Event]],
) -> None:
    root, done, events = faulty
    assert {name for name, _ in done.trained} == {"large", "large-on-cpu", "untrained", "sound"}
    for failure in done.failed:
        assert (failure.seed, failure.reason) == (0, REASONS[failure.member])
    assert {failure.member for failure in done.failed} == set(REASONS)
    for event in events:
        if event.kind == "failed":
            assert event.log == str(root / "logs" / f"{event.member}-seed0.log")
            assert Path(event.log).read_text().startswith("Traceback")


def test_a_failure_tells_how_long_it_took(faulty: tuple[Path, Training, list[Event]]) -> None:
    assert all(event.seconds > 0 for event in faulty[2] if event.kind in ("failed", "trained"))


@pytest.mark.parametrize("name", ["large", "large-on-cpu"])
def test_out_of_memory_halves_the_batch_once_and_the_manifest_says_so(
    name: str, faulty: tuple[Path, Training, list[Event]]
) -> None:
    assert manifest(faulty[0], name)["accumulate"] == 2
    assert manifest(faulty[0], "sound")["accumulate"] == 1


def test_a_member_of_no_epochs_keeps_the_logits_it_was_born_with(
    faulty: tuple[Path, Training, list[Event]],
) -> None:
    assert manifest(faulty[0], "untrained")["history"] == []


def test_memory_is_what_an_error_is_about_also_behind_another() -> None:
    assert ran_out_of_memory(MemoryError())
    assert not ran_out_of_memory(RuntimeError("shapes do not match"))
    try:
        try:
            raise torch.OutOfMemoryError("CUDA out of memory")
        finally:
            raise RuntimeError("the capture was invalidated")
    except RuntimeError as error:
        assert ran_out_of_memory(error)


@pytest.fixture
def small_faces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command line trains on the small dataset."""
    monkeypatch.setattr("benchmark.datasets.loading.load_dataset", lambda *_: small.dataset())
    yield


@pytest.mark.usefixtures("small_faces")
def test_the_command_line_finishes_the_others_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    tables_only = functools.partial(write_results, only=("tables",))
    monkeypatch.setattr("benchmark.stages.write_results", tables_only)
    place = ["--results", str(tmp_path)]
    words = ["--zoo", str(ZOO), "--members", "faulty", "--jobs", "1", "--device", "cpu"]
    assert run(["run-all", *place, *words]) == 1
    told = capsys.readouterr().out
    for name, reason in REASONS.items():
        assert f"FAILED {name}: {reason} (log: " in told
    assert "4 trained, 0 reused, 4 failed" in told
    table = (tmp_path / "faces-quick" / "tables" / "members.md").read_text()
    assert all(name in table for name in (*REASONS, "sound", "large"))
    (log,) = (tmp_path / "faces-quick" / "logs").glob("*.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["kind"] for line in lines][::-1][:1] == ["end"]
    assert {line["member"] for line in lines if line["kind"] == "failed"} == set(REASONS)
    assert all(line["seconds"] > 0 for line in lines if line["kind"] in ("trained", "failed"))
    assert run(["verify", *place]) == 0


@pytest.mark.usefixtures("small_faces")
def test_a_syntax_error_in_a_users_file_is_a_senseless_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zoo = tmp_path / "mine.py"
    zoo.write_text("from zoo.member import Member\n\nMEMBERS = (Member(name='x'),\n")
    assert run(["train", "mine", "--zoo", str(zoo), "--results", str(tmp_path / "r")]) == 2
    assert (
        capsys.readouterr().err.strip()
        == f"error: {zoo}, line 3: SyntaxError: '(' was never closed"
    )
    assert not (tmp_path / "r").exists()


@pytest.mark.usefixtures("small_faces")
@pytest.mark.parametrize("name", ["../x", "a/b", "<script>", "x" * 300, "é", "=cmd"])
def test_a_hostile_name_in_a_users_file_is_a_senseless_request(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zoo = tmp_path / "mine.py"
    zoo.write_text(
        "from tests.benchmark.faulty_zoo import member, build\n"
        f"MEMBERS = (member({name!r}, build),)\n"
    )
    assert run(["train", "all", "--zoo", str(zoo), "--results", str(tmp_path / "r")]) == 2
    assert capsys.readouterr().err.strip() == (
        f"error: {zoo}, line 2: the member name {name!r} cannot be used: accepted are 1 to 100 "
        "letters, digits and '_', '.', '+', '-', beginning with a letter or digit and without '..'"
    )
    assert not (tmp_path / "r").exists()


def test_the_logits_of_an_accumulated_training_are_sound(
    faulty: tuple[Path, Training, list[Event]],
) -> None:
    entry = LogitsStore(faulty[0]).read("large", 0)
    assert entry is not None
    assert all(np.isfinite(values).all() for values in entry.logits.values())
