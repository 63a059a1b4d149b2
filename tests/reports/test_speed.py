"""The table and the figure of training speed."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from reports.figure_content import figure_jobs
from reports.findings import Findings
from reports.formatting import render
from reports.report import make_table
from reports.speed import plain_total, speed_figure, speed_table
from reports.study import ColdStart, MemberSpeed, ReportError, TrainingSpeed
from tests.reports import factory


def member(name: str, seconds: float, **changes: object) -> MemberSpeed:
    values = {
        "member": name,
        "batch": 128,
        "images": 28_672,
        "flops": 1_500_000_000,
        "epoch_seconds": seconds,
        "setup_seconds": 3.0,
        "step_seconds": 0.001,
        "called_step_seconds": 0.004,
        "exact_step_seconds": 0.01,
        "utilisation": 0.194,
        "bound": "Bound by launches.",
        "plain_epoch_seconds": 10.0,
        "plain_extrapolated": False,
    }
    return MemberSpeed(**{**values, **changes})  # type: ignore[arg-type]


SPEED = TrainingSpeed(
    device="NVIDIA H100 80GB HBM3",
    peak=989e12,
    workers=16,
    versions={"torchvision": "0.26", "torch": "2.11"},
    members=(
        member("one", 0.5),
        member(
            "two",
            2.0,
            called_step_seconds=None,
            utilisation=None,
            bound="",
            plain_extrapolated=True,
        ),
    ),
    cold=ColdStart(members=("one", "two"), seconds=80.0, epochs=(60, 20)),
)


def test_the_table_holds_numbers_and_what_follows_from_them() -> None:
    frame = speed_table(SPEED).frame.set_index("member")
    assert frame.loc["one", "images_per_second"] == 57_344
    assert frame.loc["one", "speedup"] == 20
    assert frame.loc["one", "graph_gain"] == 4
    assert frame.loc["one", "exact_cost"] == 10
    assert frame.loc["one", "step_ms"] == 1
    assert pd.isna(frame.loc["two", "graph_gain"])
    assert pd.isna(frame.loc["two", "utilisation"])
    assert list(frame["extrapolated"]) == ["whole epochs", "scaled up"]


def test_the_caption_tells_what_was_measured_and_what_extrapolated() -> None:
    assert speed_table(SPEED).caption == (
        "On NVIDIA H100 80GB HBM3, peak 989 TFLOP/s in dense bf16 (torch 2.11, torchvision 0.26). "
        "Plain: DataLoader with 16 workers, torchvision transforms, float32 launched kernel by "
        "kernel, torch's defaults; same network, batch and images, measured in the same process. "
        "2 members from the start of the process to logits on disk: 80 s, measured; the plain loop "
        "would need 800 s for as many epochs, extrapolated from its measured epochs: 10.0 times as "
        "long."
    )


@pytest.mark.parametrize(("workers", "words"), [(0, "no workers"), (1, "one worker")])
def test_the_caption_counts_workers(workers: int, words: str) -> None:
    speed = TrainingSpeed(
        device="cpu", peak=None, workers=workers, versions={"torch": "2.11"}, members=()
    )
    caption = speed_table(speed).caption
    assert caption.startswith(f"On cpu (torch 2.11). Plain: DataLoader with {words}, torch")
    assert caption.endswith("measured in the same process.")


def test_a_cold_start_with_other_members_has_no_rival() -> None:
    cold = ColdStart(members=("one", "three"), seconds=80.0, epochs=(60, 20))
    assert plain_total(SPEED, cold) is None
    lone = TrainingSpeed(
        device="cpu", peak=None, workers=2, versions={}, members=SPEED.members, cold=cold
    )
    assert speed_table(lone).caption.endswith("to logits on disk: 80 s, measured.")


@pytest.mark.parametrize("form", ["csv", "markdown", "latex", "html"])
def test_every_format_can_write_it(form: str) -> None:
    assert "one" in render(speed_table(SPEED), form)


def test_the_figure_names_both_loops_and_is_the_same_every_time() -> None:
    drawing = speed_figure(SPEED)
    assert drawing.name == "speed"
    assert drawing.alt == (
        "On NVIDIA H100 80GB HBM3 ours takes 0.5 s and the plain loop 10 s for an epoch of one; "
        "the gain is 5.0 to 20.0 times."
    )
    assert "20.0 times" in drawing.svg.decode()
    assert speed_figure(SPEED).svg == drawing.svg


def test_a_study_that_knows_its_speed_has_the_table_and_the_figure() -> None:
    plain = factory.study(2, images=140)
    with pytest.raises(ReportError, match="no numbers for the table 'speed'"):
        make_table(Findings.of(plain, ["single_best", "average"]), "speed")
    findings = Findings.of(replace(plain, speed=SPEED), ["single_best", "average"])
    assert make_table(findings, "speed").caption == speed_table(SPEED).caption
    assert "speed" in dict(figure_jobs(findings))
