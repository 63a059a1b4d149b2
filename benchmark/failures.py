"""Which members failed when they were last trained, and why: what a run says, later tables say too.

<root>/failed/<member>-seed<k>.json    written when a training fails or a damaged entry is set
                                       aside, removed when there are logits again
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from benchmark.files import (
    free_place,
    open_sealed,
    read_small,
    sealed_bytes,
    set_aside,
    sync_folder,
    write_bytes,
)
from zoo.member import ZooError, check_name

SCHEMA = 1
SET_ASIDE = "its logits were damaged and set aside; training or importing makes them again"
UNREADABLE = "it failed when it was last trained, and the record of why is damaged"


Kind = Literal["failed", "set aside"]


@dataclass(frozen=True)
class Failure:
    """The last training of (member, seed) failed, or its logits were set aside."""

    member: str
    seed: int
    reason: str
    key: str = ""
    """Of the logits that were asked for; '' where the network could not even be built."""
    kind: Kind = "failed"
    """What was set aside is made good by any whole entry, for that one came later; a training that
    failed only by the logits it was to give."""

    def mended_by(self, key: str) -> bool:
        """Whether a whole entry with this key means that the record has outlived its mend."""
        return self.kind == "set aside" or self.key == key

    @property
    def told(self) -> str:
        """The reason, for a table of members: a further seed alone is missing, not the member."""
        return self.reason if self.seed == 0 else f"seed {self.seed}: {self.reason}"


def failure_path(root: Path, member: str, seed: int) -> Path:
    """Where the record of (member, seed) lies."""
    return root / "failed" / f"{check_name(member)}-seed{int(seed)}.json"


def remember_failure(root: Path, failure: Failure) -> None:
    """Write the record, in the place of an earlier one. Raises `OSError`."""
    data = sealed_bytes({"schema": SCHEMA, **asdict(failure)})
    write_bytes(failure_path(root, failure.member, failure.seed), data)


def remember_set_aside(root: Path, member: str, seed: int) -> None:
    """Write that damaged logits were set aside, unless it is known that a training failed: that
    tells more, and the logits before must not stand in for it. Raises `OSError`."""
    if not failure_path(root, member, seed).exists():
        remember_failure(root, Failure(member, seed, SET_ASIDE, kind="set aside"))


def repair_failure(root: Path, path: Path) -> Path:
    """Keep a damaged record in `damaged/` and write what its name tells in its place, so that the
    member stays missing; return where the damaged one lies now. Raises `OSError`."""
    failure = _read(path)
    home = root / "damaged"
    try:
        data = read_small(path)
    except OSError:  # no file, or larger than any of ours
        data = None
    if failure is None or data is None:
        place = set_aside(path, home, path.name)
    else:  # copied before it is replaced: at no moment is there no record
        place = free_place(home, path.name)
        write_bytes(place, data)
    if failure is not None:
        remember_failure(root, failure)
    return place


def forget_failure(root: Path, member: str, seed: int) -> None:
    """Remove the record, if there is one. Raises `OSError`."""
    path = failure_path(root, member, seed)
    if path.exists():
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def read_failures(root: Path) -> tuple[Failure, ...]:
    """Every record, in alphabetical order; a damaged one tells as much as its name does."""
    found = [_read(path) for path in sorted((root / "failed").glob("*-seed*.json"))]
    return tuple(failure for failure in found if failure is not None)


def damaged_failures(root: Path) -> tuple[Path, ...]:
    """The records that are not what was written."""
    paths = sorted((root / "failed").glob("*.json"))
    return tuple(path for path in paths if _content(path) is None)


def _read(path: Path) -> Failure | None:
    failure = _content(path)
    if failure is not None:
        return failure
    match = re.fullmatch(r"(.+)-seed(0|[1-9][0-9]{0,17})\.json", path.name)
    try:
        return Failure(check_name(match[1]), int(match[2]), UNREADABLE) if match else None
    except ZooError:
        return None


def _content(path: Path) -> Failure | None:
    """The record that lies whole at the place that is its own, or None."""
    try:
        fields = open_sealed(read_small(path))
    except OSError:
        return None
    if fields is None or fields.pop("schema", None) != SCHEMA:
        return None
    try:
        failure = Failure(**fields)
        home = failure_path(path.parents[1], failure.member, failure.seed)
    except (TypeError, ValueError, ZooError):  # whole, but not written by this program
        return None
    right = isinstance(failure.reason, str) and isinstance(failure.key, str)
    return failure if path == home and right and failure.kind in get_args(Kind) else None
