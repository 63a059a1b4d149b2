"""Members that end the process that trains them, between two that do not."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import Any

from tests.benchmark.faulty_zoo import member
from tests.zoo.tiny import build


def deadly(end: Any) -> Any:
    """A `build` that calls `end` in a worker process and is harmless in any other."""

    def make(width: float) -> Any:
        if multiprocessing.parent_process() is not None:
            end()
        return build(width)

    return make


MEMBERS = (
    member("first", build),
    member("killed", deadly(lambda: os.kill(os.getpid(), signal.SIGKILL))),
    member("gone", deadly(lambda: os._exit(3))),
    member("last", build),
)
