"""The speed of training: what is counted, an honest rival, the record and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.cli import run
from benchmark.errors import RequestError
from benchmark.plan import Request, make_plan
from benchmark.speed import cards, plain_loop
from benchmark.speed.bounds import BusySeconds, busy_seconds, what_bounds
from benchmark.speed.cards import Ceilings
from benchmark.speed.counting import TrainingCost, training_cost
from benchmark.speed.plain_loop import PlainEpoch, train_plainly
from benchmark.speed.timing import seconds_per_call
from benchmark.speed.training import Effort, Machine, cold_start, measure_member
from benchmark.task import training_data
from tests.benchmark import small
from tests.benchmark.runner import TINY_ZOO, tiny
from tests.zoo import tiny as tiny_network
from zoo.augment import normalise, to_pixels
from zoo.catalogue import load_catalogue
from zoo.costs import input_side, network_costs
from zoo.member import Augmentation, Balance, Member
from zoo.optim import make_optimizer
from zoo.training import train

CPU = torch.device("cpu")
NO_CARD = Machine(CPU, "cpu", None, None)


def test_operations_and_bytes_are_those_counted_by_hand() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=4, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 121, 7)
    )
    cost = training_cost(network, 48)
    convolution = 4 * 25 * 121  # multiply-adds; its input needs no gradient: two passes of three
    linear = 4 * 121 * 7
    assert cost.flops == 2 * (2 * convolution + 3 * linear)
    assert cost.activations == (48 * 48 + 4 * 121) + (4 * 121 + 7)
    assert cost.weights == 4 * 25 + (4 * 121 * 7 + 7)
    moved = 3 * 2 * (10 * cost.activations + cost.weights)
    assert cost.intensity(10) == pytest.approx(10 * cost.flops / moved)
    assert next(network.parameters()).device == CPU


def test_grouped_convolutions_are_counted_by_group() -> None:
    network = nn.Sequential(nn.Conv2d(1, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8))
    assert training_cost(network, 10).flops == 2 * 100 * (2 * 8 + 3 * 8 * 9)


def test_counting_leaves_batch_statistics_and_random_numbers_alone() -> None:
    network = tiny_network.build()
    torch.manual_seed(1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    training_cost(network, 48)
    assert all(torch.equal(before[n], t) for n, t in network.state_dict().items())
    drawn = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(3))


def test_the_plain_loop_learns_what_ours_learns() -> None:
    recipe = replace(tiny_network.RECIPE, epochs=25, learning_rate=0.02)
    data, checked = tiny_network.images(140), tiny_network.images(70, 1)
    torch.manual_seed(5)
    ours = tiny_network.build()
    torch.manual_seed(5)
    plain = tiny_network.build()
    done = train(ours, recipe, data, checked, seed=0)
    *_, last = train_plainly(plain, recipe, data, checked, device=CPU, workers=0)
    assert done.history[-1].val_accuracy > 0.7
    assert last.val_accuracy == pytest.approx(done.history[-1].val_accuracy, abs=0.15)
    assert last.train_loss == pytest.approx(done.history[-1].train_loss, abs=0.3)


def test_without_augmentation_both_loops_see_the_same_pixels() -> None:
    recipe = replace(tiny_network.RECIPE, crop=44, resize=50)
    data = tiny_network.images(3)
    seen = plain_loop.Pictures(data, plain_loop.test_transform(recipe))[2][0]
    ours = normalise(to_pixels(data.images[2:3])[:, :, 2:46, 2:46], recipe)
    assert seen.shape == (1, 50, 50)
    # Pillow rounds to whole gray values along each axis when it resizes.
    torch.testing.assert_close(seen, ours[0], atol=1.05 / 255 / 0.2550, rtol=0)


def test_every_augmentation_of_a_recipe_is_in_the_plain_loop() -> None:
    how = tiny_network.EVERYTHING.augmentation
    changes: list[dict[str, Any]] = [
        {"flip": how.flip},
        {"rotation": how.rotation},
        {"shift": how.shift},
        {"scale": how.scale},
        {"brightness": how.brightness},
        {"contrast": how.contrast},
        {"erasing": 1.0},
    ]
    data = tiny_network.images(1)
    for change in changes:
        recipe = replace(tiny_network.RECIPE, augmentation=Augmentation(**change))
        pictures = plain_loop.Pictures(data, plain_loop.training_transform(recipe))
        drawn = torch.stack([pictures[0][0] for _ in range(12)])
        assert drawn.shape == (12, 1, 48, 48)
        assert len(torch.unique(drawn, dim=0)) > 1, change


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "momentum", "nesterov", "adadelta"])
def test_the_plain_optimizer_is_ours_with_the_same_numbers(name: Any) -> None:
    recipe = replace(tiny_network.RECIPE, optimizer=name, weight_decay=0.01)
    network = tiny_network.build()
    plain = plain_loop.make_optimizer(network, recipe)
    ours = make_optimizer(network.parameters(), recipe, captured=False)
    assert type(plain) is type(ours)
    for key in ("lr", "weight_decay", "momentum", "nesterov", "betas", "rho", "eps"):
        assert plain.param_groups[0].get(key) == ours.param_groups[0].get(key)


def test_the_plain_loop_knows_every_part_of_a_recipe() -> None:
    balance = Balance(copies=1, augmentation=Augmentation(flip=True))
    recipe = replace(tiny_network.EVERYTHING, epochs=2, balance=balance)
    data = tiny_network.images()
    epochs = list(train_plainly(tiny_network.build(), recipe, data, data, device=CPU, workers=0))
    assert [epoch.steps for epoch in epochs] == [140 // 16] * 2
    assert not any(epoch.extrapolated for epoch in epochs)
    assert np.isfinite([epoch.train_loss for epoch in epochs]).all()


def test_an_epoch_that_was_cut_short_is_scaled_up() -> None:
    data = tiny_network.images(200)
    run = train_plainly(
        *(tiny_network.build(), tiny_network.RECIPE, data, data),
        device=CPU,
        workers=0,
        most_seconds=0.0,
    )
    first = next(iter(run))
    assert (first.steps, first.steps_done, first.extrapolated) == (12, 1, True)
    whole = PlainEpoch(1.0, 0.5, steps=12, steps_done=3, train_seconds=2.0, val_seconds=0.5)
    assert whole.seconds == 8.5


def test_both_loops_are_measured_on_one_member(tmp_path: Path) -> None:
    plan = small.plan(tmp_path, members="tiny-b")
    data = training_data(small.dataset(), None)
    effort = Effort(epochs=2, seconds=10.0, workers=0)
    speed = measure_member(plan, plan.members[0], data, NO_CARD, effort)
    assert (speed.member, speed.batch, speed.images) == ("tiny-b", 32, 32)
    assert speed.flops == 2 * (2 * 4 * 64 * 121 + 3 * 4 * 121 * 7)
    assert speed.speedup == speed.plain_epoch_seconds / speed.epoch_seconds
    assert speed.images_per_second == 32 / speed.epoch_seconds
    assert min(speed.epoch_seconds, speed.step_seconds, speed.setup_seconds) > 0
    assert (speed.utilisation, speed.called_step_seconds, speed.bound) == (None, None, "")
    assert speed.exact_step_seconds is None
    assert not speed.plain_extrapolated


def test_seconds_are_per_call() -> None:
    calls = []
    seconds = seconds_per_call(lambda: calls.append(1), CPU, least=1e-4)
    assert 0 < seconds < 0.01
    assert len(calls) > 5


def test_cards_are_known_by_name() -> None:
    assert cards.peak_of("NVIDIA H100 80GB HBM3") == 989e12
    assert cards.peak_of("NVIDIA H100 PCIe") == 756e12
    assert cards.peak_of("NVIDIA L40S") == 362e12
    assert cards.peak_of("NVIDIA L4") == 121e12
    assert cards.peak_of("cpu") is None


def test_ceilings_are_measured() -> None:
    found = cards.measured_ceilings(CPU, side=64, copied=1 << 16)
    assert found.matmul > 0
    assert found.copy > 0


def test_the_profile_tells_products_from_the_rest() -> None:
    network = nn.Sequential(nn.Conv2d(4, 16, 7, padding=3), nn.ReLU(), nn.Dropout(0.5))
    images = torch.randn(4, 4, 48, 48)
    busy = busy_seconds(lambda: network(images).sum().backward(), CPU, calls=2)
    assert busy is not None
    assert busy.matrix > 0
    assert busy.other > 0


COST = TrainingCost(flops=1000, activations=10, weights=0)
COMMON = {"step": 1.0, "called": 3.0, "peak": 100_000.0, "ceilings": Ceilings(50_000.0, 1_000.0)}


@pytest.mark.parametrize(
    ("busy", "ceilings", "sentence"),
    [
        (
            BusySeconds(0.2, 0.2),
            COMMON["ceilings"],
            "Bound by launches: the device waits for 60% of the step, because its kernels are "
            "short; one graph is 3.0 times as fast as launching kernel by kernel.",
        ),
        (
            BusySeconds(0.3, 0.7),
            COMMON["ceilings"],
            "Bound by memory: 70% of the step goes to normalisation, activations, pooling, "
            "dropout, augmentation and the optimizer, which move numbers and multiply no matrices; "
            "one graph is 3.0 times as fast as launching kernel by kernel.",
        ),
        (
            BusySeconds(0.8, 0.2),
            COMMON["ceilings"],
            "Bound by memory: the matrix products take 8e+02 ms at 12% of the peak, with 17 "
            "operations for each byte that they must move where the card needs 50; one graph is "
            "3.0 times as fast as launching kernel by kernel.",
        ),
        (
            BusySeconds(0.8, 0.2),
            Ceilings(5_000.0, 1_000.0),
            "Bound by the kernels of its shapes: the matrix products take 8e+02 ms at 12% of the "
            "peak though they do 17 operations for each byte that they must move and the card "
            "needs 5; one graph is 3.0 times as fast as launching kernel by kernel.",
        ),
        (
            None,
            COMMON["ceilings"],
            "Not profiled on this machine; one graph is 3.0 times as fast as launching kernel by "
            "kernel.",
        ),
    ],
)
def test_the_largest_loss_is_what_bounds_a_step(
    busy: BusySeconds | None, ceilings: Ceilings, sentence: str
) -> None:
    said = what_bounds(COST, 10, busy=busy, **{**COMMON, "ceilings": ceilings})  # type: ignore[arg-type]
    assert said == sentence


def test_a_step_near_the_peak_needs_no_sentence() -> None:
    busy = BusySeconds(0.5, 0.5)
    assert what_bounds(COST, 25, busy=busy, **COMMON) == ""  # type: ignore[arg-type]


def test_a_cold_start_that_fails_says_why(tmp_path: Path) -> None:
    request = Request(
        dataset="fer2013", data=tmp_path / "nothing", members="tiny-a", zoo=(TINY_ZOO,)
    )
    with pytest.raises(RequestError) as caught:
        cold_start(make_plan(request))
    assert str(caught.value).startswith("the cold start ended with exit code 2: error: ")


@pytest.mark.slow
def test_the_command_measures_both_loops_and_a_cold_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*tiny(tmp_path, "tiny-a"), "--plain-workers", "0", "--epochs", "1", "--cold"]
    assert run(["speed", "training", *words]) == 0
    assert "1 of 1: tiny-a, an epoch in" in capsys.readouterr().out
    root = tmp_path / "faces-quick"
    record = json.loads((root / "speed.json").read_text())
    assert [member["member"] for member in record["members"]] == ["tiny-a"]
    assert record["cold"]["members"] == ["tiny-a"]
    assert record["cold"]["epochs"] == [1]
    assert "from the start of the process" in (root / "tables" / "speed.md").read_text()
    assert (root / "figures" / "speed.svg").stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "0"], "error: --epochs is 0: accepted are numbers above 0"),
        (["--seconds", "-1"], "error: --seconds is -1: accepted are numbers above 0"),
        (
            ["--plain-workers", "-2"],
            "error: --plain-workers is -2: accepted are whole numbers from 0",
        ),
        (
            ["--no-loops"],
            "error: nothing was measured: neither --loops nor --cold gave a result",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_senseless_request_gets_one_sentence(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["speed", "training", "--results", str(tmp_path), *words]) == 2
    assert capsys.readouterr().err.strip() == message


def test_the_speed_of_ensembles_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmark.speed import ensembles, growth

    small_input = ensembles.make_validation(3, 60, 3)
    monkeypatch.setattr(ensembles, "make_validation", lambda *_: small_input)
    alone = [growth.growth(((2, 50, 2), (3, 50, 2)), repeats=1), growth.growth(((2, 50, 2),))]
    monkeypatch.setattr(growth, "growth", lambda repeats: alone[0])
    monkeypatch.setattr(growth, "full_size", lambda repeats: alone[1])
    assert run(["speed", "ensembles", "--repeats", "1", "--results", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "Speed of combining" in printed and "Speed of combining, growing" in printed
    kept = json.loads((tmp_path / "speed" / "ensembles.json").read_text())
    assert {timing["tool"] for timing in kept["beside"]} >= {"ours", "numpy loop"}
    lines = (tmp_path / "speed" / "speed_ensembles.csv").read_text().splitlines()
    assert lines[0] == "task,tool,members,images,classes,milliseconds,ratio,agrees,note"
    assert len(lines) == len(kept["beside"]) + 1
    lines = (tmp_path / "speed" / "speed_growth.csv").read_text().splitlines()
    assert lines[0] == "task,members,images,classes,milliseconds,times_first"
    assert len(lines) == len(alone[0]) + len(alone[1]) + 1


@pytest.mark.parametrize("member", load_catalogue().members, ids=lambda member: member.name)
def test_every_member_can_be_counted_and_shown_plainly(member: Member) -> None:
    side = input_side(member.recipe)
    with torch.device("meta"):
        network = member.build(0.25)
    cost = training_cost(network, side)
    forward = network_costs(network, side).macs
    # Three passes of two operations each; the first layer's input needs no gradient.
    assert 4 * forward <= cost.flops <= 6 * forward
    pictures = plain_loop.Pictures(
        tiny_network.images(1), plain_loop.training_transform(member.recipe)
    )
    assert pictures[0][0].shape == (1, side, side)
