"""A member that kills the process that trains it, between two that do not."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import Any

from tests.benchmark.faulty_zoo import member
from tests.zoo.tiny import build


def deadly(width: float) -> Any:
    """A `build` that kills a worker process and is harmless in any other."""
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return build(width)


MEMBERS = (member("first", build), member("killed", deadly), member("last", build))
