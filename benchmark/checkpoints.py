"""Checkpoints of an unfinished training: two slots, the newer whole one counts.

A slot is 32 bytes of sha256 and what `torch.save` wrote; it is loaded with `weights_only`, so
nothing in it can run. A slot that is damaged, of another key or of another version is left out:
training goes on from the other one, or begins anew.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import time
from pathlib import Path
from typing import Any

from benchmark.files import write_bytes

SLOTS = ("a", "b")
SCHEMA = 1
SHARE = 0.02
"""Of a training's time that keeping a checkpoint after every epoch may take."""


def damaged_slots(folder: Path) -> list[Path]:
    """The slots in `folder` whose bytes are not the ones written."""
    paths = [folder / slot for slot in SLOTS]
    return [path for path in paths if path.exists() and not _is_whole(path)]


def _is_whole(path: Path) -> bool:
    """Whether the checksum is right; read piece by piece, as a large network's is large."""
    try:
        with path.open("rb") as file:
            wanted = file.read(32)
            return hashlib.file_digest(file, "sha256").digest() == wanted
    except OSError:
        return False


def _content(path: Path) -> bytes | None:
    """What a slot holds, without its checksum; None where it is damaged or not there."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data[32:] if hashlib.sha256(data[32:]).digest() == data[:32] else None


class CheckpointFile:
    """The checkpoint of one (member, seed) in `folder`, for one key: another key's is ignored.

    every: seconds after which a state is kept whatever that costs; earlier ones only where keeping
    them takes a small share of the time.
    """

    def __init__(self, folder: Path, key: str, every: float) -> None:
        self._folder, self._key, self._every = folder, key, every
        self._saved_at = time.monotonic()
        self._cost = 0.0
        self._next = 0

    def load(self) -> dict[str, Any] | None:
        """The newest whole state of this key, or None."""
        found = [(slot, self._read(slot)) for slot in SLOTS]
        whole = [(len(state["history"]), slot, state) for slot, state in found if state]
        if not whole:
            return None
        _, slot, state = max(whole, key=lambda item: item[0])
        self._next = 1 - SLOTS.index(slot)  # the older slot is overwritten first
        return state

    def _read(self, slot: str) -> dict[str, Any] | None:
        import torch

        data = _content(self._folder / slot)
        if data is None:
            return None
        try:
            kept = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        # The bytes are those written, so another version of torch wrote them: any error may come.
        except Exception:
            return None
        if not isinstance(kept, dict) or (kept.get("schema"), kept.get("key")) != (
            SCHEMA,
            self._key,
        ):
            return None
        state: dict[str, Any] = kept["state"]
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Keep `state`, unless the last one was kept so recently that it would cost too much.

        Raises `OSError` when the disk refuses; the states kept before are then intact.
        """
        import torch

        start = time.monotonic()
        if start - self._saved_at < min(self._every, self._cost / SHARE):
            return
        buffer = io.BytesIO()
        torch.save({"schema": SCHEMA, "key": self._key, "state": state}, buffer)
        data = buffer.getvalue()
        write_bytes(self._folder / SLOTS[self._next], hashlib.sha256(data).digest() + data)
        self._next = 1 - self._next
        self._saved_at = time.monotonic()
        self._cost = self._saved_at - start

    def clear(self) -> None:
        """Remove both slots: the training is finished and committed."""
        shutil.rmtree(self._folder, ignore_errors=True)
