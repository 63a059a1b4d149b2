"""Every writer ended at every one of its operations on files; run as a program, prints JSON.

    python -m tests.benchmark.crash_points killed|power-cut|full|unsynced|read-only WRITER...

A program of its own, because it forks once per operation, which a process with threads must not.
For each operation: the writer is ended there (or the disk fails from there on, which it must say),
a reader must find the old state or the new one, and the writer run once more must end in the new
one. Printed for each writer: how often each state was found, or the error.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.checkpoints import CheckpointFile
from benchmark.datasets import CLASS_NAMES
from benchmark.events import Event
from benchmark.failures import (
    UNREADABLE,
    Failure,
    damaged_failures,
    failure_path,
    forget_failure,
    read_failures,
    remember_failure,
)
from benchmark.files import write_bytes
from benchmark.importing import import_member
from benchmark.samples import facts_of, read_samples, write_samples
from benchmark.speed.record import read_speed, write_speed
from benchmark.store import DamagedError, LogitsStore
from benchmark.verification import verify_roots
from reports.study import TrainingSpeed
from tests.benchmark import small
from tests.benchmark.crashing import FAILURES, Disk, crash, fail

BEFORE, AFTER = b"before " * 999, b"after " * 999


@dataclass(frozen=True)
class Writer:
    """prepare(root) makes the old state, write(root) the new one; look(root) says which one a
    reader finds ("old", "new"), and raises for anything else."""

    write: Callable[[Path], object]
    look: Callable[[Path], str]
    prepare: Callable[[Path], object] = lambda root: None


def one_of(found: Any, old: Any, new: Any) -> str:
    """Which of the two states was found."""
    if found == new:
        return "new"
    assert found == old, f"neither the old state nor the new one: {str(found)[:80]}"
    return "old"


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def damage(path: Path) -> None:
    """Flip one byte in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def samples_state(root: Path) -> str:
    """Each of the two files is either not there or whole."""
    facts = facts_of(small.dataset())
    paths = [root / "samples" / f"{name}.safetensors" for name in ("validation", "test")]
    whole = [path for path in paths if path.exists()]
    for path in whole:
        assert read_samples(root, path.stem).facts == facts
    return "new" if len(whole) == 2 else "old"


def damaged_samples(root: Path) -> None:
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    damage(root / "samples" / "test.safetensors")


def repaired_samples(root: Path) -> str:
    """The damaged file is kept whatever happens."""
    path, aside = root / "samples" / "test.safetensors", root / "damaged" / "samples-test-1"
    try:
        whole = path.exists() and read_samples(root, "test").facts.name == "faces"
    except DamagedError:
        return "old"
    assert aside.exists()
    return "new" if whole else "old"


def checkpoint(root: Path) -> CheckpointFile:
    return CheckpointFile(root / "checkpoint", "key", 0)


def save_epochs(*epochs: int) -> Callable[[Path], None]:
    """Save the states after these numbers of epochs."""
    import torch

    def save(root: Path) -> None:
        slots = checkpoint(root)
        slots.load()
        for count in epochs:
            slots.save({"history": [{}] * count, "network": torch.full((99,), float(count))})

    return save


def saved_epochs(root: Path) -> int:
    state = checkpoint(root).load()
    if state is None:
        return 0
    assert (state["network"] == len(state["history"])).all()
    return len(state["history"])


def damaged_entry(root: Path) -> None:
    small.commit(root, 1)
    damage(root / "logits" / "one" / "seed0" / "test.safetensors")


def set_aside(root: Path) -> str:
    """The damaged entry is where it was, or in `damaged/`."""
    kept = root / "damaged" / "one-seed0-1" / "test.safetensors"
    try:
        found = LogitsStore(root).read("one", 0)
    except DamagedError:
        assert not kept.exists()
        return "old"
    assert found is None and kept.exists()
    return "new"


def damaged_failure(root: Path) -> None:
    remember_failure(root, Failure("one", 0, "before"))
    damage(failure_path(root, "one", 0))


def repaired_failure(root: Path) -> str:
    """Whatever happens it is told that the member failed, and the damaged record is kept."""
    assert read_failures(root) == (Failure("one", 0, UNREADABLE),)
    if damaged_failures(root):
        return "old"
    assert (root / "damaged" / "one-seed0.json-1").exists()
    return "new"


def foreign(root: Path, value: float) -> None:
    """Import the logits `value` as the member `seer`."""
    import_member(root, "seer", root / f"{value}.npy", root / f"{value}.npy")


def imported(root: Path) -> float:
    entry = LogitsStore(root).read("seer", 0)
    return float(entry.logits["test"][0, 0]) if entry else 0.0


def prepare_import(root: Path) -> None:
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    for value in (-1.0, -2.0):
        np.save(root / f"{value}.npy", np.full((small.ROWS, len(CLASS_NAMES)), value))
    foreign(root, -1.0)


def trainer(root: Path, listen: Callable[[Event], None] = lambda event: None) -> Any:
    """The trainer of one small member that has two epochs."""
    from benchmark.task import Trainer, Work, training_data

    data, plan = small.dataset(), small.plan(root, "tiny-b")
    work = Work(plan.request, training_data(data, None), facts_of(data), "cpu", 1)
    return Trainer(plan, work, listen)


def train(root: Path) -> None:
    events: list[Event] = []
    assert trainer(root, events.append).train(0), events[-1].message


def trained(root: Path) -> str:
    """Logits of a finished training; there is only one right answer."""
    entry = LogitsStore(root / "faces-quick").read("tiny-b", 0)
    if entry is None:
        return "nothing"
    return str(sorted(entry.manifest["sha256"].items()))


def training() -> Writer:
    """A whole training: checkpoints, weights, logits, manifest, and what is removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        train(Path(folder))
        right = trained(Path(folder))
    return Writer(train, lambda root: one_of(trained(root), "nothing", right))


def writers() -> dict[str, Callable[[], Writer]]:
    """Every writer by name, made when it is needed."""
    return {
        "new-file": lambda: Writer(
            lambda root: write_bytes(root / "a" / "b" / "file", AFTER),
            lambda root: one_of(content(root / "a" / "b" / "file"), None, AFTER),
        ),
        "replaced-file": lambda: Writer(
            lambda root: write_bytes(root / "file", AFTER),
            lambda root: one_of(content(root / "file"), BEFORE, AFTER),
            lambda root: write_bytes(root / "file", BEFORE),
        ),
        "new-entry": lambda: Writer(
            lambda root: small.commit(root, 1),
            lambda root: one_of(small.version_of(root), None, 1),
        ),
        "replaced-entry": lambda: Writer(
            lambda root: small.commit(root, 2),
            lambda root: one_of(small.version_of(root), 1, 2),
            lambda root: small.commit(root, 1),
        ),
        "samples": lambda: Writer(
            lambda root: write_samples(root, small.dataset(), facts_of(small.dataset())),
            samples_state,
        ),
        "damaged-samples": lambda: Writer(
            lambda root: write_samples(root, small.dataset(), facts_of(small.dataset())),
            repaired_samples,
            damaged_samples,
        ),
        "checkpoint": lambda: Writer(
            save_epochs(3),
            lambda root: one_of(saved_epochs(root), 2, 3),
            save_epochs(1, 2),
        ),
        "repair": lambda: Writer(
            lambda root: verify_roots([root], repair=True),
            set_aside,
            lambda root: (prepare_import(root), damaged_entry(root)),
        ),
        "failure": lambda: Writer(
            lambda root: remember_failure(root, Failure("one", 0, "after")),
            lambda root: one_of(read_failures(root)[0].reason, "before", "after"),
            lambda root: remember_failure(root, Failure("one", 0, "before")),
        ),
        "repaired-failure": lambda: Writer(
            lambda root: verify_roots([root], repair=True),
            repaired_failure,
            lambda root: (prepare_import(root), damaged_failure(root)),
        ),
        "mended-failure": lambda: Writer(
            lambda root: forget_failure(root, "one", 0),
            lambda root: one_of(len(read_failures(root)), 1, 0),
            lambda root: remember_failure(root, Failure("one", 0, "before")),
        ),
        "speed": lambda: Writer(
            lambda root: write_speed(root, speed(2)),
            lambda root: one_of(read_speed(root), speed(1), speed(2)),
            lambda root: write_speed(root, speed(1)),
        ),
        "import": lambda: Writer(
            lambda root: foreign(root, -2.0),
            lambda root: one_of(imported(root), -1.0, -2.0),
            prepare_import,
        ),
        "training": training,
    }


def speed(workers: int) -> TrainingSpeed:
    """A record of speed."""
    return TrainingSpeed(device="a card", peak=None, workers=workers, versions={}, members=())


def operations(writer: Writer) -> list[str]:
    """What `write` does, one word per operation on a file."""
    with tempfile.TemporaryDirectory() as folder:
        writer.prepare(Path(folder))
        disk = Disk().install()
        try:
            writer.write(Path(folder))
        finally:
            disk.uninstall()
        return [name for name, _ in disk.operations]


def end(writer: Writer, root: Path, number: int, mode: str) -> None:
    """End `write` at operation `number`."""
    if mode not in FAILURES:
        assert crash(lambda: writer.write(root), number, power_cut=mode == "power-cut")
        return
    told = fail(lambda: writer.write(root), number, mode)
    assert os.strerror(FAILURES[mode][0]) in told or writer.look(root) == "new", told
    if "unlink" not in FAILURES[mode][1]:
        assert not list(root.rglob("*.tmp"))


def enumerate_points(writer: Writer, mode: str) -> dict[str, int]:
    """End `write` at each of its operations; how often a reader found which state."""
    found: Counter[str] = Counter()
    for number in range(1, len(operations(writer)) + 1):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            writer.prepare(root)
            try:
                end(writer, root, number, mode)
                found[writer.look(root)] += 1
                writer.write(root)
                assert writer.look(root) == "new"
            except Exception as error:
                error.add_note(f"at operation {number}")
                raise
    return dict(found)


def main() -> None:
    mode, *names = sys.argv[1:]
    report: dict[str, Any] = {}
    for name in names:
        try:
            report[name] = enumerate_points(writers()[name](), mode)
        except Exception:  # the other writers have their say all the same
            report[name] = traceback.format_exc()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
