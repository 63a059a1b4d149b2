"""Trainings in several processes: work shared, the dead reported, nobody left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.events import Event
from benchmark.stages import train_members
from benchmark.store import LogitsStore
from tests.benchmark import small
from tests.benchmark.programs import report_of
from tests.benchmark.runner import ROOT, SMALL

HERE = Path(__file__).parent


def test_four_processes_on_one_member_train_it_once() -> None:
    report = report_of("shared_runs", "4")
    kinds = report["kinds"]
    assert sorted(told[-1] for told in kinds) == ["reused", "reused", "reused", "trained"]
    assert sum("started" in told for told in kinds) == 1
    assert report["found"] == report["right"]


def test_the_lock_of_a_killed_process_is_taken_over_and_its_work_goes_on() -> None:
    report = report_of("shared_runs", "4", "kill")
    ended = [told for told in report["kinds"] if told[-1] in ("trained", "reused")]
    assert sorted(told[-1] for told in ended) == ["reused", "reused", "trained"]
    assert all(told[0] == "waiting" for told in ended)
    (heir,) = (told for told in ended if told[-1] == "trained")
    assert 0 < heir.count("epoch") < 12  # the killed one's epochs were not done again
    assert report["found"] == report["right"]


def test_a_worker_that_dies_fails_its_member_and_the_others_finish(tmp_path: Path) -> None:
    plan = small.plan(tmp_path, "first,killed,last", HERE / "dying_zoo.py", jobs=2)
    events: list[Event] = []
    done = train_members(plan, small.dataset(), events.append)
    assert sorted(done.trained) == [("first", 0), ("last", 0)]
    reason = "killed by signal 9; out of memory? fewer at once with --jobs 1"
    (failure,) = done.failed
    assert (failure.member, failure.seed) == ("killed", 0)
    assert failure.reason == f"its process ended ({reason})"
    assert LogitsStore(plan.root).folders() == [("first", 0), ("last", 0)]


def started(results: Path) -> subprocess.Popen[str]:
    """A run of two long members in two workers, in a process group of its own."""
    zoo = HERE / "endless_zoo.py"
    words = ["train", "endless-*", "--zoo", str(zoo), "--results", str(results), "--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", SMALL, *words, "--checkpoint-every", "0", "--device", "cpu"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    slots = results / "faces-quick" / "checkpoints"
    wait_for(lambda: len(list(slots.glob("*/seed0/b"))) == 2)
    return process


def wait_for(condition: object, seconds: float = 120.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def alive(group: int) -> bool:
    """Whether any process of the group still runs."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    states = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            states.append(fields[0])
    return any(state != "Z" for state in states)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for processes")
def test_ctrl_c_ends_every_process_cleanly_and_says_how_to_go_on(tmp_path: Path) -> None:
    process = started(tmp_path)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.strip() == (
        "interrupted: what is finished is kept; the same command goes on from there"
    )
    assert "Traceback" not in out + err
    wait_for(lambda: not alive(process.pid), 10)
    root = tmp_path / "faces-quick"
    (log,) = (root / "logs").glob("*.jsonl")
    last = json.loads(log.read_text().splitlines()[-1])
    assert (last["kind"], last["reason"]) == ("cut short", "KeyboardInterrupt")
    assert len(list((root / "checkpoints").glob("*/seed0/*"))) >= 4


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for processes")
def test_workers_leave_when_the_run_is_killed(tmp_path: Path) -> None:
    process = started(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: not alive(process.pid), 30)
