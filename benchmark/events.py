"""What happens while members are trained, as one kind of value for the screen and for the log."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from benchmark.files import make_folder

Kind = Literal["reused", "stale", "damaged", "waiting", "started", "epoch", "trained", "failed"]


@dataclass(frozen=True)
class Event:
    """One thing that happened to one (member, seed)."""

    kind: Kind
    member: str
    seed: int
    message: str = ""
    epoch: int = 0
    epochs: int = 0
    val_accuracy: float = 0.0
    seconds: float = 0.0
    log: str = ""
    """Where the whole error of a training that failed is told."""


Listener = Callable[[Event], None]


class RunLog:
    """`<root>/logs/<start>.jsonl`: one line per event that is not an epoch, as it happens.

    The only file that is appended to instead of replaced; a torn last line loses nothing else.
    """

    def __init__(self, root: Path, command: str) -> None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        self.path = root / "logs" / f"{stamp}-{os.getpid()}.jsonl"
        make_folder(self.path.parent)
        self._start = time.monotonic()
        self.write(kind="begin", command=command)

    def write(self, **fields: object) -> None:
        """Append one line."""
        record = {"at": round(time.monotonic() - self._start, 3), **fields}
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def __call__(self, event: Event) -> None:
        if event.kind != "epoch":
            self.write(**{name: value for name, value in asdict(event).items() if value != ""})
