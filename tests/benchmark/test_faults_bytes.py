"""Files that rot: every flipped, cut off, added or zeroed byte of every kind of file is found."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmark.checkpoints import SLOTS, CheckpointFile, damaged_slots
from benchmark.files import digest
from benchmark.samples import facts_of, read_samples, write_samples
from benchmark.store import DamagedError, LogitsStore, weights_path
from benchmark.verification import Problem, verify_roots
from tests.benchmark import small

DAMAGES = 130
"""Of each kind of file."""


def store(root: Path) -> None:
    """Samples, an entry with its weights, and two checkpoints."""
    import torch

    dataset = small.dataset()
    write_samples(root, dataset, facts_of(dataset))
    weights = weights_path(root, "one", 0)
    weights.parent.mkdir(parents=True)
    weights.write_bytes(random.Random(0).randbytes(900))
    fields = {**small.fields(1), "weights": digest(weights.read_bytes())}
    LogitsStore(root).commit("one", 0, small.logits(1), fields)
    slots = CheckpointFile(root / "checkpoints" / "one" / "seed0", "key", 0)
    for epochs in (1, 2):
        slots.save({"history": [{}] * epochs, "network": torch.full((99,), float(epochs))})


def damaged_bytes(data: bytes, chance: random.Random) -> bytes:
    """`data` after one of the ways in which files change on their own."""
    place = chance.randrange(len(data))
    match chance.randrange(6):
        case 0 | 1:  # one bit
            return (
                data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]
            )
        case 2:  # one byte
            other = (data[place] + chance.randint(1, 255)) % 256
            return data[:place] + bytes([other]) + data[place + 1 :]
        case 3:  # the end is missing
            return data[:place]
        case 4:  # something follows
            return data + chance.randbytes(chance.randint(1, 64))
        case _:  # a block of zeros, as after a power cut
            end = min(len(data), place + 64)
            zeros = data[:place] + bytes(end - place) + data[end:]
            return zeros if zeros != data else data[:-1]


@dataclass(frozen=True)
class Kind:
    """A kind of file: where one lies, and a reader of it that raises `DamagedError`."""

    path: str
    read: Callable[[Path], object]


def read_checkpoint(root: Path) -> None:
    folder = root / "checkpoints" / "one" / "seed0"
    state = CheckpointFile(folder, "key", 0).load()
    assert state is not None and len(state["history"]) == 1  # the one before
    if damaged_slots(folder) == [folder / SLOTS[1]]:
        raise DamagedError("the newer checkpoint")


def read_entry(root: Path) -> None:
    LogitsStore(root).read("one", 0)


KINDS = {
    "samples": Kind("samples/test.safetensors", lambda root: read_samples(root, "test")),
    "logits": Kind(
        "logits/one/seed0/validation.safetensors", lambda root: LogitsStore(root).read("one", 0)
    ),
    "manifest": Kind(
        "logits/one/seed0/manifest.json", lambda root: LogitsStore(root).read("one", 0)
    ),
    "checkpoint": Kind(f"checkpoints/one/seed0/{SLOTS[1]}", read_checkpoint),
}


def verified(root: Path, *, repair: bool = False) -> list[Problem]:
    return verify_roots([root], repair=repair)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_damage_of_a_file_is_found_on_reading(kind: str, tmp_path: Path) -> None:
    store(tmp_path)
    path = tmp_path / KINDS[kind].path
    whole = path.read_bytes()
    chance = random.Random(kind)
    for _ in range(DAMAGES):
        path.write_bytes(damaged_bytes(whole, chance))
        with pytest.raises(DamagedError):
            KINDS[kind].read(tmp_path)
    path.unlink()
    path.mkdir()
    if kind != "checkpoint":
        with pytest.raises(DamagedError):
            KINDS[kind].read(tmp_path)


@pytest.mark.parametrize("kind", ["samples", "logits", "manifest"])
def test_every_single_byte_of_the_first_and_the_last_ones_counts(kind: str, tmp_path: Path) -> None:
    store(tmp_path)
    path = tmp_path / KINDS[kind].path
    whole = path.read_bytes()
    for place in [*range(300), *range(len(whole) - 60, len(whole))]:
        for flipped in {whole[place] ^ 1, whole[place] ^ 32, whole[place] ^ 255}:
            path.write_bytes(whole[:place] + bytes([flipped]) + whole[place + 1 :])
            with pytest.raises(DamagedError):
                KINDS[kind].read(tmp_path)


@pytest.mark.parametrize(
    "path", [*(kind.path for kind in KINDS.values()), "weights/one/seed0.safetensors"]
)
def test_verify_names_it_and_repair_sets_it_aside(path: str, tmp_path: Path) -> None:
    store(tmp_path)
    assert verified(tmp_path) == []
    chance = random.Random(path)
    whole = (tmp_path / path).read_bytes()
    for _ in range(20):
        (tmp_path / path).write_bytes(damaged_bytes(whole, chance))
        problems = verified(tmp_path)
        assert [problem.kind for problem in problems] == ["damaged"]
        assert problems[0].done == ""
    broken = (tmp_path / path).read_bytes()
    (mended,) = verified(tmp_path, repair=True)
    aside = Path(mended.done.removeprefix("; set aside as "))
    kept = aside / Path(path).name if aside.is_dir() else aside
    assert aside.parent == tmp_path / "damaged"
    assert kept.read_bytes() == broken
    remaining = [problem.reason for problem in verified(tmp_path)]
    missing = [f"{tmp_path / path} is missing"] if path.startswith("samples") else []
    assert [reason.split(";")[0] for reason in remaining] == missing


def test_the_work_of_a_damaged_entry_is_done_again(tmp_path: Path) -> None:
    from benchmark.events import Event
    from tests.benchmark.crash_points import trained, trainer

    events: list[Event] = []
    trainer(tmp_path, events.append).train(0)
    right = trained(tmp_path)
    entry = tmp_path / "faces-quick" / "logits" / "tiny-b" / "seed0"
    chance = random.Random(1)
    for number, name in enumerate(["manifest.json", "test.safetensors", "validation.safetensors"]):
        path = entry / name
        path.write_bytes(damaged_bytes(path.read_bytes(), chance))
        events.clear()
        trainer(tmp_path, events.append).train(0)
        assert events[-1].kind == "trained"
        assert trained(tmp_path) == right
        assert (tmp_path / "faces-quick" / "damaged" / f"tiny-b-seed0-{number + 1}" / name).exists()


def test_a_damaged_checkpoint_is_said_and_the_one_before_goes_on(tmp_path: Path) -> None:
    from benchmark.events import Event
    from tests.benchmark.crash_points import trained, trainer

    trainer(tmp_path / "right").train(0)
    right = trained(tmp_path / "right")

    class Killed(BaseException):
        pass

    def kill(event: Event) -> None:
        if event.kind == "epoch" and event.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        trainer(tmp_path, kill).train(0)
    slot = tmp_path / "faces-quick" / "checkpoints" / "tiny-b" / "seed0" / "b"
    slot.write_bytes(slot.read_bytes()[:-9])
    events: list[Event] = []
    trainer(tmp_path, events.append).train(0)
    assert events[0].message == f"the checkpoint {slot} is damaged, left out"
    assert [event.epoch for event in events if event.kind == "epoch"] == [2]
    assert trained(tmp_path) == right
