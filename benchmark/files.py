"""Durable writes: a reader sees the old file or the new one, also after a crash.

Every file under `results/` is written through `write_bytes`; the log of a run alone is appended to.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
from itertools import count
from pathlib import Path
from typing import Any

MOST_BYTES = 1 << 28
"""Of a file that is read at once; logits of 50,000 images of 1,000 classes take 200 MB."""
_TEMPORARY = re.compile(r".+\.(\d+)-[0-9a-f]{8}\.tmp")


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has no such thing for folders
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make `folder` and its parents, durably. Raises `OSError`."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(exist_ok=True)
        sync_folder(place.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` in one step: temporary file, fsync, rename, fsync of the folder.

    Raises `OSError` naming `path` (full disk, read-only folder); the old file is then still there
    and no temporary file is left.
    """
    # The process's number and chance keep the writers of one path apart; the last rename wins.
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        make_folder(path.parent)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            # A write that fails does not say which file it was.
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


def read_small(path: Path) -> bytes:
    """What `path` holds. Raises `OSError`, also for a file larger than anything we write."""
    if path.stat().st_size > MOST_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return path.read_bytes()


def file_digest(path: Path) -> str:
    """sha256 of a file of any size, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def abandoned(path: Path) -> bool:
    """Whether `path` is a temporary file of `write_bytes` whose process is gone."""
    match = _TEMPORARY.fullmatch(path.name)
    if match is None:
        return False
    try:
        os.kill(int(match[1]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # alive, but someone else's
        return False
    return False


def free_place(home: Path, name: str) -> Path:
    """The first `home/<name>-<number>` where nothing lies."""
    return next(p for p in (home / f"{name}-{n}" for n in count(1)) if not p.exists())


def set_aside(path: Path, home: Path, name: str) -> Path:
    """Move `path` (a file or a folder) to `home/<name>-<number>`; return where it lies now."""
    make_folder(home)
    place = free_place(home, name)
    path.replace(place)
    sync_folder(home)
    sync_folder(path.parent)
    return place


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
    except (ValueError, RecursionError):  # NaN or infinity, which the canonical form does not have
        return False


def sealed_bytes(fields: dict[str, Any]) -> bytes:
    """`fields`, sealed, as the bytes of a JSON file: the same fields, the same bytes."""
    return json.dumps(sealed(fields), indent=1, sort_keys=True, allow_nan=False).encode()


def open_sealed(data: bytes) -> dict[str, Any] | None:
    """The fields in bytes that `sealed_bytes` made; None where any byte is not the one written."""
    try:
        fields = json.loads(data)
        if not is_sealed(fields):
            return None
        del fields["checksum"]
        return fields if sealed_bytes(fields) == data else None
    except (ValueError, RecursionError):
        return None
