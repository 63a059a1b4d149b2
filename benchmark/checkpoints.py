"""Checkpoints of an unfinished training: two slots, the newer whole one counts.

A slot is 32 bytes of sha256 and what `torch.save` wrote; it is loaded with `weights_only`, so
nothing in it can run.
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


class CheckpointFile:
    """The checkpoint of one (member, seed) in `folder`, for one key: another key's is ignored."""

    def __init__(self, folder: Path, key: str, every: float) -> None:
        self._folder, self._key, self._every = folder, key, every
        self._saved_at = time.monotonic()
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

        try:
            data = (self._folder / slot).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data[32:]).digest() != data[:32]:
            return None
        kept = torch.load(io.BytesIO(data[32:]), map_location="cpu", weights_only=True)
        state: dict[str, Any] | None = kept["state"] if kept["key"] == self._key else None
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Keep `state`, unless the last one was kept less than `every` seconds ago."""
        import torch

        if time.monotonic() - self._saved_at < self._every:
            return
        buffer = io.BytesIO()
        torch.save({"key": self._key, "state": state}, buffer)
        data = buffer.getvalue()
        write_bytes(self._folder / SLOTS[self._next], hashlib.sha256(data).digest() + data)
        self._next = 1 - self._next
        self._saved_at = time.monotonic()

    def clear(self) -> None:
        """Remove both slots: the training is finished and committed."""
        shutil.rmtree(self._folder, ignore_errors=True)
