"""A disk that is full, fails to save, or may only be read: a clear error and nothing torn."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.cli import run
from benchmark.events import Event
from benchmark.samples import facts_of, write_samples
from tests.benchmark import small
from tests.benchmark.crash_points import trained, trainer
from tests.benchmark.programs import WRITERS, check_states
from tests.benchmark.runner import ROOT, SMALL, benchmark, tiny

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for names")


@pytest.mark.parametrize("failure", ["full", "unsynced", "read-only"])
def test_a_disk_that_fails_from_any_operation_on_is_said_and_nothing_is_torn(failure: str) -> None:
    check_states(failure, WRITERS)


def stored(results: Path) -> Path:
    """A finished run of two members, made without training."""
    root = results / "faces-quick"
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    for member in ("one", "two"):
        small.commit(root, len(member), member)
    return root


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_command_whose_output_cannot_be_saved_says_so_and_exits_with_1(
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = stored(tmp_path)

    def failing(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", failing)
    assert run(["score", "--results", str(tmp_path)]) == 1
    note, told = capsys.readouterr().err.splitlines()
    assert note.startswith(f"note: the log {root / 'logs'}")
    assert told.startswith(f"error: [Errno {code}] {os.strerror(code)}: '{root / 'tables'}")
    assert not list(root.rglob("*.tmp"))


def test_a_store_that_may_only_be_read_is_verified_and_printed_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(tmp_path)
    before = sorted(path for path in tmp_path.rglob("*"))

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("mkdir", "replace", "rename", "unlink", "rmdir", "fsync"):
        monkeypatch.setattr(os, name, refused)
    assert run(["verify", "--results", str(tmp_path)]) == 0
    place = ["--results", str(tmp_path)]
    assert run(["report", *place, "--table", "ensembles", "--format", "csv"]) == 0
    assert "single_best" in capsys.readouterr().out
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_file_in_the_place_of_a_folder_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = stored(tmp_path) / "tables"
    tables.write_bytes(b"mine")
    assert run(["score", "--results", str(tmp_path)]) == 1
    told = capsys.readouterr().err.strip()
    assert told.startswith(f"error: [Errno {errno.ENOTDIR}] Not a directory: '{tables}/")
    assert tables.read_bytes() == b"mine"


def test_a_member_that_the_full_disk_stops_is_named_and_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer(tmp_path / "right").train(0)
    events: list[Event] = []
    real = os.fsync

    def filling(descriptor: int) -> None:  # from the second checkpoint on
        if Path(f"/proc/self/fd/{descriptor}").readlink().name.startswith("b."):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", filling)
    assert not trainer(tmp_path, events.append).train(0)
    slot = tmp_path / "faces-quick" / "checkpoints" / "tiny-b" / "seed0" / "b"
    assert events[-1].kind == "failed"
    assert events[-1].message == f"[Errno 28] No space left on device: '{slot}'"
    monkeypatch.undo()
    events.clear()
    assert trainer(tmp_path, events.append).train(0)
    assert [event.epoch for event in events if event.kind == "epoch"] == [2]
    assert trained(tmp_path) == trained(tmp_path / "right")


def test_a_run_with_too_little_room_exits_with_1_and_tears_nothing(tmp_path: Path) -> None:
    def limit() -> None:  # a file larger than this gets EFBIG, whatever the disk has
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    words = ["train", "tiny-a", *tiny(tmp_path)[:4], "--checkpoint-every", "0"]
    done = subprocess.run(
        [sys.executable, "-c", SMALL, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    root = tmp_path / "faces-quick"
    slot = root / "checkpoints" / "tiny-a" / "seed0" / "a"
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"FAILED tiny-a: [Errno 27] File too large: '{slot}'" in done.stdout
    assert "0 trained, 0 reused, 1 failed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(root.rglob("*.tmp"))
    assert run(["verify", "--results", str(tmp_path)]) == 0


def test_standard_output_on_a_full_disk_is_an_error(tmp_path: Path) -> None:
    stored(tmp_path)
    with Path("/dev/full").open("w") as full:
        done = benchmark("report", "--table", "members", "--results", tmp_path, stdout=full)
    assert done.returncode == 1
    assert done.stderr.strip() == "error: [Errno 28] No space left on device"
