"""A training killed at random moments and started again; run as a program, prints JSON.

    python -m tests.benchmark.kill_runs KILLS SEED

Each round kills one or two attempts with SIGKILL and lets the last one finish, until that many
kills have hit a running training. Printed: the kills, the epochs that the last attempts found done,
and the logits' checksums of the undisturbed run and of all rounds.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmark.events import Listener
from benchmark.samples import facts_of
from benchmark.store import LogitsStore
from benchmark.task import Trainer, Work, training_data
from tests.benchmark import small

ZOO = Path(__file__).with_name("steady_zoo.py")


def train(root: Path, listen: Listener = lambda event: None) -> bool:
    """Train the one member into `root`, as a run with `--checkpoint-every 0` does."""
    data, plan = small.dataset(), small.plan(root, "steady", ZOO)
    work = Work(plan.request, training_data(data, None), facts_of(data), "cpu", 1)
    return Trainer(plan, work, listen).train(0)


def attempt(root: Path, life: float | None) -> bool:
    """Train in a child that is killed after `life` seconds (None: never); whether it was."""
    child = os.fork()
    if child == 0:
        os._exit(0 if train(root) else 1)
    if life is not None:
        time.sleep(life)
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), f"the training ended with {code}"
    return code != 0


def manifest(root: Path) -> Any:
    entry = LogitsStore(root / "faces-quick").read("steady", 0)
    assert entry is not None
    return entry.manifest


def main() -> None:
    wanted, seed = int(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(seed)
    # In this process, so that what is imported on the way is there for all children; the second
    # time it takes as long as it will take them.
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            assert train(Path(folder))
            length = time.monotonic() - start
            right = manifest(Path(folder))["sha256"]
    kills, resumed, found = 0, [], []
    while kills < wanted:
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(chance.randint(1, 2)):
                kills += attempt(Path(folder), chance.uniform(0.0, 0.9) * length)
            attempt(Path(folder), None)
            resumed.append(manifest(Path(folder))["resumed_from"])
            found.append(manifest(Path(folder))["sha256"])
    print(json.dumps({"kills": kills, "resumed": resumed, "right": right, "found": found}))


if __name__ == "__main__":
    main()
