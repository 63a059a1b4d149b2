"""How fast members train, beside a plain loop: the table and the figure `speed`."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.ticker import NullFormatter, StrMethodFormatter

from reports.drawing import GRID, PALETTE, Drawing, canvas, finish, right_labels, shorten, style
from reports.study import ColdStart, MemberSpeed, TrainingSpeed
from reports.tables import Row, Table, make_table

SPEED_KEYS = (
    *("member", "batch", "flops", "images_per_second", "epoch_seconds", "plain_epoch_seconds"),
    *("extrapolated", "speedup", "setup_seconds", "step_ms", "graph_gain", "exact_cost"),
    *("utilisation", "bound"),
)
ENSEMBLE_KEYS = (
    *("task", "tool", "members", "images", "classes", "milliseconds", "ratio", "agrees", "note"),
)
GROWTH_KEYS = ("task", "members", "images", "classes", "milliseconds", "times_first")
OURS, PLAIN = PALETTE[0], PALETTE[1]


def speed_table(speed: TrainingSpeed) -> Table:
    """One row for each member; the whole command from a cold start stands in the caption."""
    return make_table(
        "speed",
        [_row(member) for member in speed.members],
        SPEED_KEYS,
        title="Training speed",
        caption=" ".join([_how(speed), *_cold(speed)]),
    )


def _row(member: MemberSpeed) -> Row:
    called, exact = member.called_step_seconds, member.exact_step_seconds
    return {
        "member": member.member,
        "batch": member.batch,
        "flops": member.flops,
        "images_per_second": member.images_per_second,
        "epoch_seconds": member.epoch_seconds,
        "plain_epoch_seconds": member.plain_epoch_seconds,
        "extrapolated": "scaled up" if member.plain_extrapolated else "whole epochs",
        "speedup": member.speedup,
        "setup_seconds": member.setup_seconds,
        "step_ms": 1000.0 * member.step_seconds,
        "graph_gain": None if called is None else called / member.step_seconds,
        "exact_cost": None if exact is None else exact / member.step_seconds,
        "utilisation": member.utilisation,
        "bound": member.bound,
    }


def _how(speed: TrainingSpeed) -> str:
    workers = f"{speed.workers} workers" if speed.workers != 1 else "one worker"
    if speed.workers == 0:
        workers = "no workers"
    peak = "" if speed.peak is None else f", peak {speed.peak / 1e12:,.0f} TFLOP/s in dense bf16"
    versions = ", ".join(f"{name} {version}" for name, version in sorted(speed.versions.items()))
    return (
        f"On {speed.device}{peak} ({versions}). Plain: DataLoader with {workers}, torchvision "
        "transforms, float32 launched kernel by kernel, torch's defaults; same network, batch and "
        "images, measured in the same process."
    )


def _cold(speed: TrainingSpeed) -> list[str]:
    """What the whole command takes, where it was measured, and what it would take plainly."""
    cold = speed.cold
    if cold is None:
        return []
    told = (
        f"{len(cold.members)} members from the start of the process to logits on disk: "
        f"{cold.seconds:,.0f} s, measured"
    )
    plain = plain_total(speed, cold)
    if plain is None:
        return [f"{told}."]
    return [
        f"{told}; the plain loop would need {plain:,.0f} s for as many epochs, extrapolated from "
        f"its measured epochs: {plain / cold.seconds:.1f} times as long."
    ]


def plain_total(speed: TrainingSpeed, cold: ColdStart) -> float | None:
    """Seconds of the plain loop for the epochs of a cold start; None where it lacks a member."""
    seconds = {member.member: member.plain_epoch_seconds for member in speed.members}
    if not seconds.keys() >= set(cold.members):
        return None
    return sum(
        epochs * seconds[name] for name, epochs in zip(cold.members, cold.epochs, strict=True)
    )


def ensemble_speed_table(rows: Sequence[Row], place: str) -> Table:
    """One row for each tool on each task, with the keys of `ENSEMBLE_KEYS`. place: measured where,
    one sentence."""
    return make_table(
        "speed_ensembles",
        rows,
        ENSEMBLE_KEYS,
        title="Speed of combining",
        caption="Each task by our code, by other libraries and as a plain numpy loop, on the same "
        f"synthetic predictions in the same process. {place}",
    )


def growth_table(rows: Sequence[Row], place: str) -> Table:
    """One row for each task and size, with the keys of `GROWTH_KEYS`."""
    return make_table(
        "speed_growth",
        rows,
        GROWTH_KEYS,
        title="Speed of combining, growing",
        caption="Our own times: the largest tasks of a report, then more members, images and "
        f"classes, one at a time, as a ratio to the first size of the task. {place}",
    )


def speed_figure(speed: TrainingSpeed) -> Drawing:
    """Seconds of one epoch, ours and the plain loop's, on a logarithmic axis; most gained first."""
    members = sorted(speed.members, key=lambda member: -member.speedup)
    with style():
        figure, (axis,) = canvas(8.0, 1.15 + 0.26 * len(members))
        rows = range(len(members))
        ours = [member.epoch_seconds for member in members]
        plain = [member.plain_epoch_seconds for member in members]
        axis.hlines(rows, ours, plain, color=GRID, linewidth=2.5)
        axis.plot(ours, rows, "o", color=OURS, markersize=6, label="ours")
        axis.plot(plain, rows, "D", color=PLAIN, markersize=5, label="plain loop")
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_xlabel("seconds of one epoch with its validation")
        right_labels(axis, [f"{member.speedup:.1f} times" for member in members])
        axis.set_yticks(rows, [shorten(member.member) for member in members])
        axis.set_ylim(len(members) - 0.5, -0.5)
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", length=0)
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, fontsize=8)
        return finish(
            figure,
            "speed",
            "Seconds of one epoch",
            f"On {speed.device} ours takes {members[0].epoch_seconds:.3g} s and the plain loop "
            f"{members[0].plain_epoch_seconds:.3g} s for an epoch of {members[0].member}; the gain "
            f"is {members[-1].speedup:.1f} to {members[0].speedup:.1f} times.",
        )
