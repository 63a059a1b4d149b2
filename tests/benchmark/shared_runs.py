"""Several processes that train the same member at once; run as a program, prints JSON.

    python -m tests.benchmark.shared_runs PROCESSES [kill]

With `kill`, the one that trains is killed in the middle, once the others wait for it. Printed: the
kinds of events that each process told, and the logits' checksums.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmark.events import Event
from tests.benchmark.kill_runs import manifest, train


def follow(root: Path, number: int) -> int:
    """Train in a child that writes what it tells to a file of its own."""
    child = os.fork()
    if child:
        return child
    with (root / f"{number}.log").open("w", buffering=1) as log:

        def tell(event: Event) -> None:
            log.write(f"{event.kind} {event.epoch}\n")

        os._exit(0 if train(root, tell) else 1)


def told(root: Path, number: int) -> list[str]:
    path = root / f"{number}.log"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def kill_owner(root: Path, children: list[int]) -> int:
    """Kill the one that trains, once it has finished an epoch and the others wait."""
    while True:
        kinds = [told(root, number) for number in range(len(children))]
        waiting = [number for number, kind in enumerate(kinds) if kind == ["waiting"]]
        owners = [number for number, kind in enumerate(kinds) if "epoch" in kind]
        if owners and len(waiting) == len(children) - 1:
            os.kill(children[owners[0]], signal.SIGKILL)
            return owners[0]
        assert not any("trained" in kind for kind in kinds), "it ended before it was killed"
        time.sleep(0.002)


def main() -> None:
    count, kill = int(sys.argv[1]), sys.argv[2:] == ["kill"]
    with tempfile.TemporaryDirectory() as folder:  # so that all children find everything imported
        train(Path(folder))
        right: Any = manifest(Path(folder))["sha256"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        children = [follow(root, number) for number in range(count)]
        killed = kill_owner(root, children) if kill else None
        for number, child in enumerate(children):
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert code == (-signal.SIGKILL if number == killed else 0)
        kinds = [told(root, number) for number in range(count)]
        report = {"kinds": kinds, "right": right, "found": manifest(root)["sha256"]}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
