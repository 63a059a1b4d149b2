"""`<root>/speed.json`: what `speed training` measured, kept with the results that it belongs to.

Read without torch, so that `report` makes the table and the figure again from it. Sealed with a
checksum: a figure whose bits changed reaches no table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from benchmark.files import (
    make_folder,
    open_sealed,
    read_small,
    sealed_bytes,
    set_aside,
    write_bytes,
)
from benchmark.shapes import fits
from benchmark.store import DamagedError, check_schema
from reports.study import ColdStart, MemberSpeed, TrainingSpeed

SCHEMA = 1
MEASURED = ("epoch_seconds", "step_seconds", "plain_epoch_seconds")
"""Times of a member that nothing takes none of."""


def speed_path(root: Path) -> Path:
    """Where the record of the results under `root` lies."""
    return root / "speed.json"


def write_speed(root: Path, speed: TrainingSpeed) -> Path:
    """Write the record; return its path."""
    path = speed_path(root)
    write_bytes(path, sealed_bytes({"schema": SCHEMA, **asdict(speed)}))
    return path


def add_speed(root: Path, new: TrainingSpeed) -> Path:
    """Write `new`, merged with what is there; a damaged record is set aside. Returns its path.

    One process at a time: another one's measurements are not lost between reading and writing.
    """
    lock = root / "locks" / "speed.lock"
    make_folder(lock.parent)
    with FileLock(lock):
        try:
            old = read_speed(root)
        except DamagedError:
            set_aside(speed_path(root), root / "damaged", speed_path(root).name)
            old = None
        return write_speed(root, merged(old, new))


def read_speed(root: Path) -> TrainingSpeed | None:
    """The record, or None where there is none. Raises `DamagedError` and `SchemaError`."""
    path = speed_path(root)
    if not path.exists():
        return None
    try:
        values = open_sealed(read_small(path))
    except OSError as error:
        raise DamagedError(f"{path} cannot be read ({type(error).__name__})") from error
    if values is None:
        raise DamagedError(
            f"{path} is not what was written: measure again with `python -m benchmark speed "
            "training`"
        )
    check_schema(values, path)
    del values["schema"]
    if not (fits(values, TrainingSpeed) and _makes_sense(values)):
        raise DamagedError(f"{path} holds no record that this program wrote")
    members = tuple(MemberSpeed(**member) for member in values.pop("members"))
    return TrainingSpeed(**values | {"members": members, "cold": _cold(values.pop("cold"))})


def _makes_sense(values: Mapping[str, Any]) -> bool:
    """Whether the times that are divided by are above 0, and each member of a cold start has its
    epochs."""
    times = [member[name] for member in values["members"] for name in MEASURED]
    cold = values["cold"]
    if cold is not None:
        times.append(cold["seconds"])
    same = cold is None or len(cold["members"]) == len(cold["epochs"])
    return same and min(times, default=1) > 0


def _cold(values: Mapping[str, Any] | None) -> ColdStart | None:
    if values is None:
        return None
    return ColdStart(
        members=tuple(values["members"]),
        seconds=values["seconds"],
        epochs=tuple(values["epochs"]),
    )


def merged(old: TrainingSpeed | None, new: TrainingSpeed) -> TrainingSpeed:
    """`new`, and what `old` says of other members, where both were measured in the same way."""
    if old is None or _circumstances(old) != _circumstances(new):
        return new
    measured = {member.member: member for member in (*old.members, *new.members)}
    return replace(new, members=tuple(measured.values()), cold=new.cold or old.cold)


def _circumstances(speed: TrainingSpeed) -> dict[str, Any]:
    own = {field.name for field in fields(speed)} - {"members", "cold"}
    return {name: getattr(speed, name) for name in own}
