"""Runs the trainings of a plan: in this process, or in several that share the CPU.

A worker process gets the plan as plain values and the images once, and is then sent one
(member, seed) after the other. One that dies (killed for memory, say) is reported as the failure
of what it was training, and another takes its place.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from benchmark.events import Event, Listener
from benchmark.plan import CORES, Plan, make_plan
from benchmark.samples import DatasetFacts
from benchmark.task import Trainer, Work
from zoo.job import Data


def train_pending(
    plan: Plan,
    pending: list[int],
    data: Data,
    facts: DatasetFacts,
    *,
    device: str,
    listen: Listener,
) -> None:
    """Train `plan.runs[i]` for every i in `pending`; what happens is told to `listen`."""
    jobs = plan.jobs(device)
    threads = max(1, CORES // jobs) if device == "cpu" else 0
    work = Work(plan.request, data, facts, device, threads)
    count = min(jobs, len(pending))
    if count > 1:
        _Workers(plan, work, listen).run(pending, count)
        return
    trainer = Trainer(plan, work, listen)
    for index in pending:
        trainer.train(index)


def _leave_with_parent() -> None:
    """End this process when the one that started it is gone, however it ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _worker(work: Work, connection: Connection) -> None:
    """Train what the parent sends, tell what happens, send None when one is done."""
    # Ctrl-C reaches the whole process group; the parent decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _leave_with_parent()
    trainer = Trainer(make_plan(work.request), work, connection.send)
    while True:
        trainer.train(connection.recv())
        connection.send(None)


class _Workers:
    """The worker processes of one run, each on a connection of its own."""

    def __init__(self, plan: Plan, work: Work, listen: Listener) -> None:
        self._plan, self._work, self._listen = plan, work, listen
        self._processes: dict[Connection, SpawnProcess] = {}
        self._busy: dict[Connection, int] = {}  # index of what each one trains

    def run(self, pending: list[int], count: int) -> None:
        left = deque(pending)
        try:
            for _ in range(count):
                self._send(self._start(), left)
            while self._busy:
                for connection in wait(list(self._busy)):
                    assert isinstance(connection, Connection)
                    self._receive(connection, left)
        finally:
            for process in self._processes.values():
                process.terminate()
            for process in self._processes.values():
                process.join()

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_worker, args=(self._work, theirs), daemon=True)
        process.start()
        theirs.close()  # so that the end of the process ends our side
        self._processes[ours] = process
        return ours

    def _send(self, connection: Connection, left: deque[int]) -> None:
        if left:
            self._busy[connection] = left.popleft()
            connection.send(self._busy[connection])

    def _receive(self, connection: Connection, left: deque[int]) -> None:
        try:
            event: Event | None = connection.recv()
        except (EOFError, OSError):
            self._bury(connection)
            if left:
                self._send(self._start(), left)
            return
        if event is not None:
            self._listen(event)
            return
        del self._busy[connection]
        self._send(connection, left)

    def _bury(self, connection: Connection) -> None:
        """Report what a dead worker was training."""
        process = self._processes.pop(connection)
        process.join()
        member, seed = self._plan.runs[self._busy.pop(connection)]
        code = process.exitcode or 0
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        hint = "; out of memory? fewer at once with --jobs 1" if code == -signal.SIGKILL else ""
        self._listen(Event("failed", member.name, seed, f"its process ended ({how}{hint})"))
