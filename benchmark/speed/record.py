"""`<root>/speed.json`: what `speed training` measured, kept with the results that it belongs to.

Read without torch, so that `report` makes the table and the figure again from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from benchmark.errors import RequestError
from benchmark.files import write_bytes
from reports.study import ColdStart, MemberSpeed, TrainingSpeed


def speed_path(root: Path) -> Path:
    """Where the record of the results under `root` lies."""
    return root / "speed.json"


def write_speed(root: Path, speed: TrainingSpeed) -> Path:
    """Write the record; return its path."""
    path = speed_path(root)
    write_bytes(path, (json.dumps(asdict(speed), indent=1, allow_nan=False) + "\n").encode())
    return path


def read_speed(root: Path) -> TrainingSpeed | None:
    """The record, or None where there is none. Raises `RequestError` for one that was damaged."""
    path = speed_path(root)
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_bytes())
        members = tuple(MemberSpeed(**member) for member in values.pop("members"))
        return TrainingSpeed(**values | {"members": members, "cold": _cold(values.pop("cold"))})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RequestError(
            f"{path} cannot be read ({type(error).__name__}): delete it, or measure again with "
            "`python -m benchmark speed training`"
        ) from error


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
