"""The log of a run: what it tells, and that no run depends on it."""

from __future__ import annotations

import errno
import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.cli import run
from benchmark.events import RunLog
from benchmark.samples import facts_of, write_samples
from benchmark.stages import write_results
from tests.benchmark import small
from tests.benchmark.runner import tiny

FULL = os.strerror(errno.ENOSPC)


@pytest.fixture(autouse=True)
def small_faces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command line trains on the small dataset."""
    monkeypatch.setattr("benchmark.datasets.loading.load_dataset", lambda *_: small.dataset())
    yield


@pytest.fixture
def full_at_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is appended to a log finds no room."""
    real = Path.open

    def refusing(path: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if path.suffix == ".jsonl":
            raise OSError(errno.ENOSPC, FULL)
        return real(path, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", refusing)


def training(results: Path, jobs: int = 1) -> list[str]:
    return ["train", *tiny(results)[:4], "tiny-a,tiny-b", "--device", "cpu", "--jobs", str(jobs)]


def is_note(line: str, root: Path) -> bool:
    start = f"note: the log {root / 'logs'}{os.sep}"
    return line.startswith(start) and line.endswith(
        f".jsonl cannot be written ({FULL}): it lacks lines"
    )


@pytest.mark.usefixtures("full_at_the_log")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_log_that_the_disk_refuses_ends_no_run(
    jobs: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(training(tmp_path, jobs)) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "2 trained, 0 reused, 0 failed"
    (note,) = told.err.splitlines()
    assert is_note(note, tmp_path / "faces-quick")
    assert run(["verify", "--results", str(tmp_path)]) == 0


@pytest.mark.usefixtures("full_at_the_log")
def test_a_run_that_is_interrupted_says_so_whatever_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmark.stages.train_members", interrupted)
    assert run(training(tmp_path)) == 130
    note, sentence = capsys.readouterr().err.splitlines()
    assert is_note(note, tmp_path / "faces-quick")
    assert sentence == "interrupted: what is finished is kept; the same command goes on from there"


def test_a_folder_that_cannot_be_made_is_no_error_either(tmp_path: Path) -> None:
    (tmp_path / "logs").write_bytes(b"mine")
    told: list[str] = []
    log = RunLog(tmp_path, "train", told.append)
    log.write(kind="end")
    assert told == [f"note: the log {log.path} cannot be written (Not a directory): it lacks lines"]


def test_lines_go_on_whole_after_one_that_was_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunLog(tmp_path, "train", lambda told: None)
    with log.path.open("a") as file:
        file.write('{"at": 1, "ki')  # what a full disk left of a line
    with monkeypatch.context() as patch:
        patch.setattr("benchmark.events.make_folder", _refused)
        log.write(kind="lost")
    log.write(kind="end")
    first, torn, last = log.path.read_text().splitlines()
    assert (json.loads(first)["kind"], torn, json.loads(last)["kind"]) == (
        "begin",
        '{"at": 1, "ki',
        "end",
    )


def _refused(*_: object) -> None:
    raise OSError(errno.ENOSPC, FULL)


def lines(root: Path) -> list[dict[str, Any]]:
    """What the only log under `root` tells, times left out."""
    (log,) = (root / "logs").glob("*.jsonl")
    told = [json.loads(line) for line in log.read_text().splitlines()]
    timed = [line for line in told if line["kind"] in ("end", "cut short")]
    assert all(line.pop("seconds") >= 0 for line in timed)
    return [{k: v for k, v in line.items() if k not in ("at", "command")} for line in told]


@pytest.fixture
def few_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    made = functools.partial(write_results, only=("tables",), tables=("ensembles",))
    monkeypatch.setattr(
        "benchmark.stages.write_results", lambda study, root, **_: made(study, root)
    )


@pytest.mark.usefixtures("few_tables")
def test_every_stage_of_a_run_is_told_with_its_end(tmp_path: Path) -> None:
    words = [*tiny(tmp_path)[:4], "--members", "tiny-a,tiny-b", "--device", "cpu", "--jobs", "1"]
    assert run(["run-all", *words]) == 0
    told = lines(tmp_path / "faces-quick")
    assert [line for line in told if line["kind"] in ("begin", "end")] == [
        {"kind": "begin"},
        {"kind": "begin", "stage": "training"},
        {"kind": "end", "stage": "training", "trained": 2, "reused": 0, "failed": 0},
        {"kind": "begin", "stage": "reading"},
        {"kind": "end", "stage": "reading", "members": 2},
        {"kind": "begin", "stage": "report"},
        {"kind": "end", "stage": "report", "files": 3},
    ]


def stored(results: Path) -> Path:
    root = results / "faces-quick"
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    for member in ("one", "two"):
        small.commit(root, len(member), member)
    return root


@pytest.mark.usefixtures("few_tables")
@pytest.mark.parametrize("command", ["score", "report"])
def test_tables_that_are_made_again_are_logged(command: str, tmp_path: Path) -> None:
    root = stored(tmp_path)
    assert run([command, "--results", str(tmp_path), *(["--json"] * (command == "score"))]) == 0
    assert lines(root) == [
        {"kind": "begin"},
        {"kind": "begin", "stage": command},
        {"kind": "end", "stage": command, "members": 2, "files": 3},
    ]


def test_a_stage_that_fails_is_logged_with_its_reason(tmp_path: Path) -> None:
    root = stored(tmp_path)
    (root / "tables").write_bytes(b"mine")
    assert run(["score", "--results", str(tmp_path)]) == 1
    last = lines(root)[-1]
    assert (last["kind"], last["stage"], last["reason"]) == (
        "cut short",
        "score",
        "NotADirectoryError",
    )
    assert last["message"].startswith(f"[Errno {errno.ENOTDIR}] Not a directory: '{root}/tables/")


def test_one_table_alone_and_a_senseless_request_write_nothing(tmp_path: Path) -> None:
    root = stored(tmp_path)
    assert run(["report", "--results", str(tmp_path), "--table", "members"]) == 0
    assert run(["score", "--results", str(tmp_path / "nowhere")]) == 2
    assert not (root / "logs").exists() and not (tmp_path / "nowhere").exists()
