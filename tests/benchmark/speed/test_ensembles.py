"""The benchmark runs, its tools agree, and tools that are absent are named."""

from __future__ import annotations

import math
import subprocess
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from benchmark.speed import ensembles as speed
from benchmark.speed import others
from benchmark.speed.ensembles import LOOP, OURS, Timing, installed, installed_versions, measure
from benchmark.speed.growth import cold_seconds, full_size, growth
from ensembles.evidence import Evidence
from ensembles.fusion import softmax
from ensembles.selection import Goal, greedy_order


@pytest.fixture(scope="module")
def timings() -> list[Timing]:
    return measure(speed.make_validation(4, 300, 3), repeats=1)


def test_every_task_has_ours_first_and_others_relative_to_it(timings: list[Timing]) -> None:
    tasks = list(dict.fromkeys(timing.task for timing in timings))
    assert len(tasks) == 7
    for task in tasks:
        ours, *rest = [timing for timing in timings if timing.task == task]
        assert (ours.tool, ours.ratio, ours.agrees) == (OURS, 1.0, "")
        assert ours.seconds > 0
        assert rest
        for timing in rest:
            assert (timing.members, timing.images, timing.classes) == (4, 300, 3)
            if not math.isnan(timing.seconds):
                assert timing.ratio == timing.seconds / ours.seconds


def test_every_tool_gives_our_answer(timings: list[Timing]) -> None:
    run = [timing for timing in timings if timing.tool != OURS and timing.seconds > 0]
    assert {timing.tool for timing in run} >= {
        LOOP,
        "scikit-learn VotingClassifier",
        "scipy.stats.bootstrap",
    }
    assert [timing.tool for timing in run if timing.agrees == "no"] == []


def test_absent_tools_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "installed", lambda package: False)
    found = measure(speed.make_validation(3, 60, 3), repeats=1)
    absent = [timing for timing in found if math.isnan(timing.seconds)]
    assert sorted({timing.note for timing in absent}) == [
        "autogluon.core is not installed",
        "deslib is not installed",
        "mlxtend is not installed",
    ]
    assert all(timing.agrees == "" and math.isnan(timing.ratio) for timing in absent)


def test_installed_knows_packages_and_namespaces() -> None:
    assert installed("numpy")
    assert not installed("no_such_package")
    assert not installed("no_such_namespace.part")


def test_a_wrong_answer_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(others, "average_loop", lambda validation: np.zeros((60, 3)))
    found = measure(speed.make_validation(3, 60, 3), repeats=1)
    (loop,) = [t for t in found if (t.task, t.tool) == ("soft voting", LOOP)]
    assert loop.agrees == "no"


def test_autogluon_is_called_as_its_interface_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    class EnsembleSelection:
        def __init__(self, **options: Any) -> None:
            given.update(options)

        def fit(self, predictions: list[Any], labels: Any) -> EnsembleSelection:
            given.update(predictions=predictions, labels=labels)
            self.indices_ = [1, 0, 1, 1]
            return self

    root = "autogluon.core"
    for name in (
        "autogluon",
        root,
        f"{root}.metrics",
        f"{root}.models",
        f"{root}.models.greedy_ensemble",
        f"{root}.models.greedy_ensemble.ensemble_selection",
    ):
        module = ModuleType(name)
        module.__path__ = []
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules[f"{root}.metrics"].log_loss = "the metric"  # type: ignore[attr-defined]
    chosen = sys.modules[f"{root}.models.greedy_ensemble.ensemble_selection"]
    chosen.EnsembleSelection = EnsembleSelection  # type: ignore[attr-defined]
    validation = speed.make_validation(2, 10, 3)
    probabilities = softmax(validation.logits)
    order = others.autogluon(probabilities, validation.labels, "log_loss", 100)
    assert order == (1, 0, 1, 1)
    assert given["ensemble_size"] == 100
    assert given["problem_type"] == "multiclass"
    assert given["metric"] == "the metric"
    assert [some.tolist() for some in given["predictions"]] == probabilities.tolist()
    assert given["labels"] is validation.labels


def test_slow_tools_are_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_PATIENCE", 0.0)
    runs: list[int] = []
    speed.timed(lambda: runs.append(1), 5)
    assert len(runs) == 2


def test_growth_is_relative_to_the_first_size() -> None:
    found = growth(((2, 50, 2), (3, 50, 2)), repeats=1)
    assert len(found) == 6
    for first, second in zip(found[::2], found[1::2], strict=True):
        assert (first.task, first.members, second.members) == (second.task, 2, 3)
        assert (first.ratio, second.ratio) == (1.0, second.seconds / first.seconds)


def test_the_largest_tasks_are_timed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.speed.growth.DRAWS", 100)
    monkeypatch.setattr("benchmark.speed.growth.MOST_MEMBERS", 10)
    monkeypatch.setattr("benchmark.speed.growth.cold_seconds", lambda *_: 1.0)
    found = full_size(60, repeats=1)
    assert [timing.members for timing in found] == [10, 9, 30, 25, 25, 26, 9]
    assert all(timing.seconds > 0 and math.isnan(timing.ratio) for timing in found)


@pytest.mark.parametrize("goal", ["accuracy", "log_loss"])
def test_only_orders_that_take_a_best_member_are_greedy(goal: Goal) -> None:
    validation = speed.make_validation(4, 200, 3)
    probabilities, labels = softmax(validation.logits), validation.labels
    order = greedy_order(Evidence(validation), goal=goal, rounds=10)
    assert others.always_takes_a_best(order, probabilities, labels, goal)
    single = [others.always_takes_a_best((i,), probabilities, labels, goal) for i in range(4)]
    assert single.count(True) == 1 and single[order[0]]


def test_a_command_is_timed_from_its_start_to_files_on_disk() -> None:
    assert 0.3 < cold_seconds("score", 3, 60) < 300
    with pytest.raises(subprocess.CalledProcessError):
        cold_seconds("no-such-verb", 2, 60)


def test_versions_name_what_is_compared() -> None:
    assert f"numpy {np.__version__}" in installed_versions()
    assert "no_such" not in installed_versions()
