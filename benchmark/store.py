"""The logits store: what stands between training and everything that comes after it.

One entry per (member, seed): the logits of both evaluated splits and a manifest, which is written
last and makes the entry count. What is stale, torn or damaged is decided here and nowhere else.

    <root>/logits/<member>/seed<k>/{validation,test}.safetensors    logits float32 (N, C)
    <root>/logits/<member>/seed<k>/manifest.json                    the commit marker

A new entry is written beside the old one, as `seed<k>.next`. With its manifest it counts: readers
prefer it from then on, and moving it into the old one's place is tidying up, which the next writer
finishes where a crash cut it short. Reading changes nothing on the disk.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from benchmark.errors import RequestError
from benchmark.failures import remember_set_aside
from benchmark.files import (
    canonical_json,
    digest,
    is_sealed,
    make_folder,
    read_small,
    sealed,
    set_aside,
    sync_folder,
    write_bytes,
)
from benchmark.manifests import what_is_wrong
from zoo.member import ZooError, check_name

SCHEMA = 1
TRAINING = 1
"""Raised when the same recipe comes to mean other logits; every older entry is then stale."""
EVALUATED = ("validation", "test")
MANIFEST = "manifest.json"

Logits = npt.NDArray[np.float32]


class DamagedError(Exception):
    """An entry that is torn or whose bytes changed. Says what is wrong with it."""


class SchemaError(RequestError):
    """A whole file that another version of this program wrote."""


@dataclass(frozen=True)
class Entry:
    """One whole entry, every checksum verified. logits: split name to (N, C) float32."""

    member: str
    seed: int
    manifest: Mapping[str, Any]
    logits: Mapping[str, Logits]


@dataclass(frozen=True)
class State:
    """What the store holds for one (member, seed), and why it will or will not do."""

    kind: Literal["fresh", "missing", "stale", "damaged"]
    reason: str = ""


def tensor_digest(values: npt.NDArray[Any]) -> str:
    """sha256 over the bytes of an array in C order, its type and its shape."""
    array = np.ascontiguousarray(values)
    return digest(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())


def key_of(decides: Mapping[str, Any]) -> str:
    """Hash of everything that decides the logits."""
    return digest(dict(decides))


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Names of the fields that differ, nested ones as `recipe.epochs`, with both values."""
    names = []
    for field in sorted({*old, *new}):
        before, after = old.get(field), new.get(field)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            names += changed_fields(before, after, f"{prefix}{field}.")
        else:
            names.append(f"{prefix}{field} ({_short(before)} before, {_short(after)} now)")
    return names


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 24 else f"{text[:20]}..."


def weights_path(root: Path, member: str, seed: int) -> Path:
    """Where the weights of (member, seed) lie, on the machine that trained them."""
    return root / "weights" / check_name(member) / f"seed{int(seed)}.safetensors"


class LogitsStore:
    """The store under `root`, which is one dataset's folder of one profile."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _folder(self, member: str, seed: int) -> Path:
        return self.root / "logits" / check_name(member) / f"seed{int(seed)}"

    @contextmanager
    def lock(self, member: str, seed: int, timeout: float = -1) -> Iterator[None]:
        """Hold (member, seed) alone; waits while another process does. The lock of a process
        that died is free. Raises `filelock.Timeout` after `timeout` seconds (-1: never)."""
        path = self._lock_path(member, seed)
        make_folder(path.parent)
        with FileLock(path, timeout=timeout):
            yield

    def _lock_path(self, member: str, seed: int) -> Path:
        return self.root / "locks" / f"{check_name(member)}-seed{int(seed)}.lock"

    def in_work(self, member: str, seed: int) -> bool:
        """Whether some process holds (member, seed) now."""
        path = self._lock_path(member, seed)
        if not path.exists():
            return False
        try:
            with FileLock(path, timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # a store that may only be read: nobody writes to it
            return False

    def folders(self) -> list[tuple[str, int]]:
        """(member, seed) of every folder of an entry, whole or not, in alphabetical order."""
        places = [_entry_at(folder) for folder in self.root.glob("logits/*/*")]
        return sorted({place for place in places if place is not None})

    def strangers(self) -> list[Path]:
        """What lies among the entries and is none."""
        return sorted(path for path in self.root.glob("logits/*/*") if _entry_at(path) is None)

    def unfinished(self, member: str, seed: int) -> list[Path]:
        """Folders that a writer left beside the entry when it was killed; they do not count."""
        folder = self._folder(member, seed)
        beside = [_following(folder), _previous(folder)]
        current = _current(folder)
        return [p for p in beside if p.exists() and (current is None or p != current.path)]

    def tidy(self, member: str, seed: int) -> None:
        """Finish or remove what a killed writer left. To be called with the lock held."""
        folder = self._folder(member, seed)
        _settle(folder)
        shutil.rmtree(_following(folder), ignore_errors=True)

    def commit(
        self, member: str, seed: int, logits: Mapping[str, Logits], fields: Mapping[str, Any]
    ) -> None:
        """Write an entry. `fields` must hold `decides`; the key and the checksums are added.

        To be called with the lock held. Raises `OSError` when the disk refuses; the entry that was
        there before is then intact.
        """
        arrays = {split: np.ascontiguousarray(logits[split], np.float32) for split in EVALUATED}
        manifest = {
            **fields,
            "schema": SCHEMA,
            "member": member,
            "seed": int(seed),
            "key": key_of(fields["decides"]),
            "sha256": {split: tensor_digest(array) for split, array in arrays.items()},
        }
        data = _manifest_bytes(sealed(manifest))
        folder = self._folder(member, seed)
        following = _following(folder)
        self.tidy(member, seed)
        for split, array in arrays.items():
            write_bytes(following / f"{split}.safetensors", save_tensors({"logits": array}))
        write_bytes(following / MANIFEST, data)
        _settle(folder)

    def read(self, member: str, seed: int) -> Entry | None:
        """The entry, or None where there is none. Raises `DamagedError` and `SchemaError`."""
        folder = self._folder(member, seed)
        while True:
            place = _current(folder)
            try:
                entry = _read_entry(place.path, member, seed) if place else None
            except DamagedError:
                # A writer may have put a new entry in its place between two of the files.
                if _current(folder) == place:
                    raise
                continue
            if entry is not None or _current(folder) == place:
                return entry

    def state(self, member: str, seed: int, decides: Mapping[str, Any]) -> State:
        """Whether what is stored will do for what `decides` now asks for."""
        try:
            entry = self.read(member, seed)
        except DamagedError as error:
            return State("damaged", str(error))
        if entry is None:
            return State("missing")
        if entry.manifest["key"] == key_of(decides):
            return State("fresh")
        # Compared as JSON, because what was read back has lists where the plan has tuples.
        now = json.loads(canonical_json(dict(decides)))
        return State("stale", "; ".join(changed_fields(entry.manifest["decides"], now)))

    def set_aside(self, member: str, seed: int) -> Path:
        """Move a damaged entry out of the way, keeping it; return where it lies now.

        To be called with the lock held, after `read` raised `DamagedError`. Tables say that it is
        missing until it is done again.
        """
        remember_set_aside(self.root, member, seed)
        folder = self._folder(member, seed)
        place = _current(folder)
        source = place.path if place else folder
        return set_aside(source, self.root / "damaged", f"{member}-seed{seed}")


@dataclass(frozen=True)
class _Place:
    """Where an entry lies. inode: tells a folder from the one that takes its name later."""

    path: Path
    inode: int


def _following(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.next")


def _previous(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.old")


def _current(folder: Path) -> _Place | None:
    """The folder that counts as the entry whose home is `folder`."""
    following = _following(folder)
    path = following if (following / MANIFEST).exists() else folder
    try:
        return _Place(path, path.stat().st_ino)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _settle(folder: Path) -> None:
    """Put the new entry that lies whole beside `folder`, if one does, in its place."""
    previous = _previous(folder)
    shutil.rmtree(previous, ignore_errors=True)
    following = _following(folder)
    if not (following / MANIFEST).exists():
        return
    if folder.exists():
        folder.replace(previous)
    following.replace(folder)
    sync_folder(folder.parent)
    shutil.rmtree(previous, ignore_errors=True)


def _entry_at(folder: Path) -> tuple[str, int] | None:
    """The (member, seed) whose entry `folder` is, or a part of; None where the name is none."""
    match = re.fullmatch(r"seed(0|[1-9][0-9]{0,17})(\.next|\.old)?", folder.name)
    try:
        return (check_name(folder.parent.name), int(match[1])) if match else None
    except ZooError:
        return None


def _read_entry(folder: Path, member: str, seed: int) -> Entry | None:
    if not (folder / MANIFEST).exists():
        if folder.is_dir() and not any(folder.iterdir()):
            return None
        raise DamagedError("the manifest is missing")
    manifest = _read_manifest(folder / MANIFEST)
    if (manifest["member"], manifest["seed"]) != (member, seed):
        raise DamagedError(f"the manifest is of {manifest['member']!r}, seed {manifest['seed']}")
    logits = {}
    for split in EVALUATED:
        array = _read_logits(folder / f"{split}.safetensors")
        if tensor_digest(array) != manifest["sha256"].get(split):
            raise DamagedError(f"the logits of the {split} split are not the ones written")
        logits[split] = array
    return Entry(member, seed, manifest, logits)


def _manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """The one form a manifest is written in; anything else is not what was written."""
    return json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False).encode()


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        data = read_small(path)
        manifest = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedError(f"the manifest cannot be read ({type(error).__name__})") from error
    if not is_sealed(manifest) or _manifest_bytes(manifest) != data:
        raise DamagedError("the manifest is not what was written: its checksum is wrong")
    check_schema(manifest, path)
    wrong = what_is_wrong(manifest)
    if wrong:
        raise DamagedError(f"the manifest {wrong}")
    return dict(manifest)


def check_schema(fields: Mapping[str, Any], path: Path) -> None:
    """Raise `SchemaError` where the whole file `path` was written by another version."""
    if fields.get("schema") != SCHEMA:
        raise SchemaError(
            f"{path} was written with schema {fields.get('schema')}: accepted is schema {SCHEMA}; "
            "use the version that wrote it, or train into another folder with --results"
        )


def _read_logits(path: Path) -> Logits:
    tensors, _ = load_checked(path)
    if set(tensors) != {"logits"} or tensors["logits"].dtype != np.float32:
        raise DamagedError(f"{path.name} does not hold float32 logits")
    logits: Logits = tensors["logits"]
    return logits


def load_checked(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """The tensors and the metadata of a safetensors file. Raises `DamagedError`."""
    try:
        data = read_small(path)
        tensors = load_tensors(data)
        header = data[8 : 8 + int.from_bytes(data[:8], "little")]
        metadata: dict[str, str] = json.loads(header).get("__metadata__", {})
    # A flipped byte can turn a header into anything, types that numpy does not have included.
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path} cannot be read ({type(error).__name__})") from error
    if not header.rstrip(b" ").endswith(b"}"):
        raise DamagedError(f"{path} is not what was written: its header ends in other bytes")
    return tensors, metadata
