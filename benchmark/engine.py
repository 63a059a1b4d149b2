"""Runs the trainings of a plan: in this process, or in several that share the CPU.

A worker process gets the plan as plain values and the images once, and is then sent one
(member, seed) after the other. One that dies (killed for memory, say) is reported as the failure
of what it was training, and another takes its place.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
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


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the end of the block. Processes started inside never get one."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_with_parent() -> None:
    """End this process when the one that started it is gone, however it ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _worker(connection: Connection) -> None:
    """Train what the parent sends, tell what happens, send None when one is done."""
    # Ctrl-C reaches the whole process group; the parent decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _leave_with_parent()
    # An EOFError or OSError here means that the parent is gone, and there is nobody to tell.
    with contextlib.suppress(EOFError, OSError):
        work: Work = connection.recv()
        try:
            plan = make_plan(work.request)
        except Exception as error:  # a --zoo file that was changed meanwhile, say
            raise SystemExit(f"error: {error}") from None
        trainer = Trainer(plan, work, connection.send)
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
            # All are started before the first gets its images, so that they import side by side.
            for connection in [self._start() for _ in range(count)]:
                self._hand_over(connection, left, self._work)
            while self._busy:
                for ready in wait(list(self._busy)):
                    assert isinstance(ready, Connection)
                    self._receive(ready, left)
        finally:
            for process in self._processes.values():
                process.terminate()
            for process in self._processes.values():
                process.join()

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_worker, args=(theirs,), daemon=True)
        with _interrupts_held():
            process.start()
            self._processes[ours] = process
        theirs.close()  # so that the end of the process ends our side
        return ours

    def _hand_over(self, connection: Connection, left: deque[int], *before: Work) -> None:
        """Send a worker the next training, and what must come before it."""
        if not left:
            return
        self._busy[connection] = left.popleft()
        try:
            for value in (*before, self._busy[connection]):
                connection.send(value)
        except OSError:  # it died meanwhile
            self._replace(connection, left)

    def _receive(self, connection: Connection, left: deque[int]) -> None:
        try:
            event: Event | None = connection.recv()
        except (EOFError, OSError):
            self._replace(connection, left)
            return
        if event is not None:
            self._listen(event)
            return
        del self._busy[connection]
        self._hand_over(connection, left)

    def _replace(self, connection: Connection, left: deque[int]) -> None:
        """Report what a dead worker was training; another goes on with what is left."""
        self._bury(connection)
        if left:
            self._hand_over(self._start(), left, self._work)

    def _bury(self, connection: Connection) -> None:
        process = self._processes.pop(connection)
        process.join()
        member, seed = self._plan.runs[self._busy.pop(connection)]
        code = process.exitcode or 0
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        hint = "; out of memory? fewer at once with --jobs 1" if code == -signal.SIGKILL else ""
        self._listen(Event("failed", member.name, seed, f"its process ended ({how}{hint})"))
