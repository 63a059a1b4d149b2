"""What happens while members are trained, as one kind of value for the screen and for the log."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """`<root>/logs/<start>.jsonl`: one line per event that is not an epoch, as it happens, and for
    the beginning and the end of every stage.

    The only file that is appended to instead of replaced; a torn line loses nothing else. It never
    ends a run: what the disk refuses is told to `complain`, once, in one sentence.
    """

    def __init__(self, root: Path, command: str, complain: Callable[[str], None]) -> None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        self.path = root / "logs" / f"{stamp}-{os.getpid()}.jsonl"
        self._complain = complain
        self._start = time.monotonic()
        self._refused = False
        self._torn = False
        self.write(kind="begin", command=command)

    def write(self, **fields: object) -> None:
        """Append one line, if the disk lets us."""
        record = {"at": round(time.monotonic() - self._start, 3), **fields}
        # What was refused may have left half a line behind.
        line = ("\n" if self._torn else "") + json.dumps(record) + "\n"
        try:
            make_folder(self.path.parent)
            with self.path.open("a") as file:
                file.write(line)
            self._torn = False
        except OSError as error:
            self._torn = True
            self._say_once(error)

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, object]]:
        """Tell that the stage `name` begins, and how it ended: with what the block puts into the
        facts that it gets, or with the error that cut it short."""
        start = time.monotonic()
        self.write(kind="begin", stage=name)
        facts: dict[str, object] = {}
        ended: dict[str, object] = {"kind": "cut short"}
        try:
            yield facts
            ended = {"kind": "end", **facts}
        except BaseException as error:
            ended |= {"reason": type(error).__name__, "message": str(error)}
            raise
        finally:
            self.write(**ended, stage=name, seconds=round(time.monotonic() - start, 3))

    def _say_once(self, error: OSError) -> None:
        if self._refused:
            return
        self._refused = True
        reason = error.strerror or type(error).__name__
        self._complain(f"note: the log {self.path} cannot be written ({reason}): it lacks lines")

    def __call__(self, event: Event) -> None:
        if event.kind != "epoch":
            self.write(**{name: value for name, value in asdict(event).items() if value != ""})
