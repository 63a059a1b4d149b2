"""Checkpoints: the newest whole one of the same key, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.checkpoints import SLOTS, CheckpointFile, damaged_slots
from benchmark.files import write_bytes


def state(epochs: int) -> dict[str, Any]:
    return {"history": [{"epoch": i + 1} for i in range(epochs)], "w": torch.full((50,), epochs)}


def epochs_of(found: dict[str, Any] | None) -> int:
    if found is None:
        return 0
    assert (found["w"] == len(found["history"])).all()
    return len(found["history"])


def saved(folder: Path, *epochs: int, key: str = "key") -> CheckpointFile:
    file = CheckpointFile(folder, key, 0)
    for count in epochs:
        file.save(state(count))
    return file


def loaded(folder: Path, key: str = "key") -> int:
    return epochs_of(CheckpointFile(folder, key, 0).load())


def test_the_newest_of_two_is_loaded_and_the_older_one_overwritten(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(SLOTS)
    file = CheckpointFile(tmp_path, "key", 0)
    assert epochs_of(file.load()) == 3
    file.save(state(4))
    (tmp_path / "b").unlink()  # epoch 2 was there, and now 4
    assert loaded(tmp_path) == 3


def test_nothing_is_loaded_where_there_is_nothing_or_another_key(tmp_path: Path) -> None:
    assert loaded(tmp_path / "none") == 0
    saved(tmp_path, 5, key="another")
    assert loaded(tmp_path) == 0
    saved(tmp_path, 1)
    assert loaded(tmp_path) == 1


def test_a_damaged_one_falls_back_to_the_one_before(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    newest = tmp_path / "b"
    newest.write_bytes(newest.read_bytes()[:-1])
    assert loaded(tmp_path) == 1
    assert damaged_slots(tmp_path) == [newest]
    (tmp_path / "a").write_bytes(b"")
    assert loaded(tmp_path) == 0
    assert damaged_slots(tmp_path) == [tmp_path / "a", newest]


@pytest.mark.parametrize(
    "content",
    [{"key": "key", "state": state(3)}, {"schema": 2, "key": "key", "state": state(3)}, [1, 2]],
    ids=["no schema", "another schema", "no dict"],
)
def test_what_another_version_wrote_is_left_out(content: Any, tmp_path: Path) -> None:
    import hashlib
    import io

    buffer = io.BytesIO()
    torch.save(content, buffer)
    data = buffer.getvalue()
    (tmp_path / "a").write_bytes(hashlib.sha256(data).digest() + data)
    assert loaded(tmp_path) == 0
    assert damaged_slots(tmp_path) == []


class Trap:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("sprung",)


def test_nothing_in_a_checkpoint_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib
    import io
    import pickle

    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    torch.save({"schema": 1, "key": "key", "state": Trap()}, buffer)
    for slot, data in zip(SLOTS, (buffer.getvalue(), pickle.dumps(Trap())), strict=True):
        (tmp_path / slot).write_bytes(hashlib.sha256(data).digest() + data)
    assert loaded(tmp_path) == 0
    assert not (tmp_path / "sprung").exists()


ALL = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [
        ((15.0, 0.0, 0.1), ALL),
        ((15.0, 0.1, 5.5), ALL),  # less than 2 %
        ((15.0, 0.1, 2.0), [1, 4, 7, 10]),
        ((15.0, 1.0, 4.0), [1, 5, 9]),  # every 15 seconds, though it takes more than 2 %
        ((0.0, 1.0, 4.0), ALL),
    ],
)
def test_a_checkpoint_is_kept_after_every_epoch_unless_that_takes_much_of_the_time(
    seconds: tuple[float, float, float],
    kept: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    every, cost, epoch_seconds = seconds
    now = 0.0

    def write(path: Path, data: bytes) -> None:
        nonlocal now
        now += cost
        write_bytes(path, data)

    monkeypatch.setattr("benchmark.checkpoints.time.monotonic", lambda: now)
    monkeypatch.setattr("benchmark.checkpoints.write_bytes", write)
    file = CheckpointFile(tmp_path, "key", every)
    found = []
    for epoch in range(1, 11):
        now += epoch_seconds
        file.save(state(epoch))
        if loaded(tmp_path) == epoch:
            found.append(epoch)
    assert found == kept


def test_clearing_removes_both(tmp_path: Path) -> None:
    saved(tmp_path / "slots", 1, 2).clear()
    assert not (tmp_path / "slots").exists()
