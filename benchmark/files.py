"""Durable writes: a reader sees the old file or the new one, also after a crash.

Every file under `results/` is written through `write_bytes`.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` in one step: temporary file, fsync, rename, fsync of the folder.

    Raises `OSError` (full disk, read-only folder); the old file is then still there and no
    temporary file is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process's number keeps two writers of one path apart; the last rename wins.
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def canonical_json(value: Any) -> bytes:
    """The one way to write a value as JSON for hashing: sorted keys, no spaces, ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def digest(value: Any) -> str:
    """sha256 of bytes, or of a JSON value in its canonical form."""
    data = value if isinstance(value, bytes) else canonical_json(value)
    return hashlib.sha256(data).hexdigest()


def sealed(fields: dict[str, Any]) -> dict[str, Any]:
    """`fields` with a checksum over all of them, so that a flipped bit is noticed."""
    return {**fields, "checksum": digest(fields)}


def is_sealed(value: Any) -> bool:
    """Whether `value` is a dict whose checksum is right."""
    if not isinstance(value, dict) or "checksum" not in value:
        return False
    fields = {name: field for name, field in value.items() if name != "checksum"}
    try:
        return bool(digest(fields) == value["checksum"])
    except ValueError:  # NaN or infinity, which the canonical form does not have
        return False
