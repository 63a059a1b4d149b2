"""Killed at any moment: a reader finds the old state or the new one, and the same command goes on.

The work is done by two programs (`crash_points`, `kill_runs`), because it needs processes without
threads; here is what they must report.
"""

from __future__ import annotations

import sys

import pytest

from tests.benchmark.programs import REMOVING, TRAINING, WRITERS, check_states, report_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and asks /proc for names")


@pytest.mark.parametrize(
    "writers", [{**WRITERS, **REMOVING}, TRAINING], ids=["each writer", "a training"]
)
@pytest.mark.parametrize("mode", ["killed", "power-cut"])
def test_ended_at_any_operation_a_writer_leaves_the_old_state_or_the_new(
    mode: str, writers: dict[str, int]
) -> None:
    check_states(mode, writers)


def test_twenty_killed_trainings_end_with_the_bits_of_an_undisturbed_one() -> None:
    report = report_of("kill_runs", "20", "1")
    assert report["kills"] >= 20
    assert all(logits == report["right"] for logits in report["found"])
    # The kills were spread over the training, so runs went on from several of its epochs.
    assert len(set(report["resumed"])) >= 4
