"""The logits store: what stands between training and everything that comes after it.

One entry per (member, seed): the logits of both evaluated splits and a manifest, which is written
last and makes the entry count. What is stale, torn or damaged is decided here and nowhere else.

    <root>/logits/<member>/seed<k>/{validation,test}.safetensors    logits float32 (N, C)
    <root>/logits/<member>/seed<k>/manifest.json                    the commit marker

A new entry is written beside the old one, as `seed<k>.next`, and takes its place when it is whole;
a reader that finds the old one gone or half gone takes the new one.
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
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from benchmark.errors import RequestError
from benchmark.files import canonical_json, digest, is_sealed, sealed, sync_folder, write_bytes
from zoo.member import ZooError, check_name

SCHEMA = 1
EVALUATED = ("validation", "test")

Logits = npt.NDArray[np.float32]


class DamagedError(Exception):
    """An entry that is torn or whose bytes changed. Says what is wrong with it."""


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
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{check_name(member)}-seed{int(seed)}.lock", timeout=timeout):
            yield

    def folders(self) -> list[tuple[str, int]]:
        """(member, seed) of every folder of an entry, whole or not, in alphabetical order."""
        found = set()
        for folder in self.root.glob("logits/*/seed*"):
            match = re.fullmatch(r"seed(\d+)(\.next)?", folder.name)
            if match and _is_name(folder.parent.name):
                found.add((folder.parent.name, int(match[1])))
        return sorted(found)

    def commit(
        self, member: str, seed: int, logits: Mapping[str, Logits], fields: Mapping[str, Any]
    ) -> None:
        """Write an entry. `fields` must hold `decides`; the key and the checksums are added.

        Raises `OSError` when the disk refuses; the entry that was there before is then intact.
        """
        folder = self._folder(member, seed)
        following = folder.with_name(f"{folder.name}.next")
        shutil.rmtree(following, ignore_errors=True)
        arrays = {split: np.ascontiguousarray(logits[split], np.float32) for split in EVALUATED}
        manifest = {
            **fields,
            "schema": SCHEMA,
            "member": member,
            "seed": int(seed),
            "key": key_of(fields["decides"]),
            "sha256": {split: tensor_digest(array) for split, array in arrays.items()},
        }
        for split, array in arrays.items():
            write_bytes(following / f"{split}.safetensors", save_tensors({"logits": array}))
        text = json.dumps(sealed(manifest), indent=1, sort_keys=True, allow_nan=False)
        write_bytes(following / "manifest.json", text.encode())
        self._promote(folder, following)

    @staticmethod
    def _promote(folder: Path, following: Path) -> None:
        """Put the whole new entry in the place of the old one."""
        # The old manifest goes first: from then on a reader takes the new entry.
        (folder / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        following.replace(folder)
        sync_folder(folder.parent)

    def read(self, member: str, seed: int) -> Entry | None:
        """The entry, or None where there is none. Raises `DamagedError`."""
        folder = self._folder(member, seed)
        following = folder.with_name(f"{folder.name}.next")
        if not (folder / "manifest.json").exists() and (following / "manifest.json").exists():
            entry = _read_entry(following, member, seed)
            self._promote(folder, following)
            return entry
        if not (folder / "manifest.json").exists():
            if folder.exists() and any(folder.iterdir()):
                raise DamagedError("the manifest is missing: it was torn while being written")
            return None
        return _read_entry(folder, member, seed)

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
        """Move a damaged entry out of the way, keeping it; return where it lies now."""
        folder = self._folder(member, seed)
        home = self.root / "damaged"
        home.mkdir(parents=True, exist_ok=True)
        number = 1
        while (home / f"{member}-seed{seed}-{number}").exists():
            number += 1
        place = home / f"{member}-seed{seed}-{number}"
        source = folder if folder.exists() else folder.with_name(f"{folder.name}.next")
        source.replace(place)
        return place


def _is_name(name: str) -> bool:
    try:
        return check_name(name) == name
    except ZooError:
        return False


def _read_entry(folder: Path, member: str, seed: int) -> Entry:
    manifest = _read_manifest(folder / "manifest.json")
    if (manifest.get("member"), manifest.get("seed")) != (member, seed):
        raise DamagedError(
            f"the manifest is of {manifest.get('member')!r}, seed {manifest.get('seed')}"
        )
    logits = {}
    for split in EVALUATED:
        array = _read_logits(folder / f"{split}.safetensors")
        if tensor_digest(array) != manifest["sha256"][split]:
            raise DamagedError(f"the logits of the {split} split are not the ones written")
        logits[split] = array
    return Entry(member, seed, manifest, logits)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedError(f"the manifest cannot be read ({type(error).__name__})") from error
    if not is_sealed(manifest):
        raise DamagedError("the manifest is not what was written: its checksum is wrong")
    if manifest.get("schema") != SCHEMA:
        raise RequestError(
            f"{path} was written with schema {manifest.get('schema')}: accepted is schema "
            f"{SCHEMA}; use the version that wrote it, or train into another folder with --results"
        )
    return dict(manifest)


def _read_logits(path: Path) -> Logits:
    try:
        tensors = load_tensors(path.read_bytes())
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise DamagedError(f"{path.name} cannot be read ({type(error).__name__})") from error
    if set(tensors) != {"logits"} or tensors["logits"].dtype != np.float32:
        raise DamagedError(f"{path.name} does not hold float32 logits")
    logits: Logits = tensors["logits"]
    return logits
