"""The verbs that measure speed: training beside a plain loop, ensembles beside other libraries."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table as RichTable

from benchmark import options
from benchmark.console import cell, output, say
from benchmark.errors import RequestError
from benchmark.files import write_bytes
from benchmark.options import (
    DataOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    MembersOption,
    PretrainedOption,
    ProfileOption,
    ResultsOption,
    ZooOption,
)
from benchmark.plan import CORES, DEFAULT_MEMBERS, Plan, make_plan

if TYPE_CHECKING:
    from benchmark.speed.training import Effort
    from reports.study import TrainingSpeed
    from reports.tables import Table

app = typer.Typer(help="How fast we are, beside what others use.", no_args_is_help=True)


@app.command("training")
def training(
    *,
    dataset: DatasetOption = "faces",
    data: DataOption = None,
    profile: ProfileOption = None,
    members: MembersOption = DEFAULT_MEMBERS,
    device: DeviceOption = "auto",
    results: ResultsOption = Path("results"),
    zoo: ZooOption = None,
    pretrained: PretrainedOption = True,
    epochs: Annotated[int, typer.Option(help="Epochs of each loop that count.")] = 3,
    seconds: Annotated[
        float, typer.Option(help="Longest time for one member in one loop; plain epochs are cut.")
    ] = 30.0,
    plain_workers: Annotated[
        int, typer.Option(help="Processes that load the plain loop's images.")
    ] = CORES,
    loops: Annotated[bool, typer.Option(help="Time both loops, member by member.")] = True,
    cold: Annotated[
        bool, typer.Option(help="Time the whole command too, from its start to logits on disk.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Time training beside the loop that a user would write; add to the record of these results."""
    for name, value in (("--epochs", epochs), ("--seconds", seconds)):
        if value <= 0:
            raise RequestError(f"{name} is {value:g}: accepted are numbers above 0")
    if plain_workers < 0:
        raise RequestError(f"--plain-workers is {plain_workers}: accepted are whole numbers from 0")
    plan = make_plan(
        options.request(
            dataset=dataset,
            data=data,
            profile=profile,
            members=members,
            device=device,
            results=results,
            zoo=zoo,
            pretrained=pretrained,
        )
    )
    from benchmark.speed.training import Effort

    effort = Effort(epochs=epochs, seconds=seconds, workers=plain_workers)
    failed = _measure(plan, effort, loops=loops, cold=cold, quiet=as_json)
    _show(plan, as_json)
    if failed:
        raise typer.Exit(1)


def _measure(plan: Plan, effort: Effort, *, loops: bool, cold: bool, quiet: bool) -> int:
    """Measure, and keep what is measured after every member; return how many failed."""
    import torch

    from benchmark.datasets.loading import load_dataset
    from benchmark.speed.record import add_speed
    from benchmark.speed.training import cold_start, machine, measure_member, versions
    from benchmark.task import training_data
    from reports.study import TrainingSpeed
    from zoo.job import resolve_device
    from zoo.member import ZooError

    on = machine(torch.device(resolve_device(plan.request.device)))

    def keep(**new: Any) -> None:
        found = TrainingSpeed(
            device=on.name,
            peak=on.peak,
            workers=effort.workers,
            versions=versions(),
            **{"members": (), **new},
        )
        add_speed(plan.root, found)

    failed = 0
    if loops:
        dataset = load_dataset(plan.request.dataset, plan.request.data)
        data = training_data(dataset, plan.profile.train_limit)
        for count, member in enumerate(plan.members, 1):
            place = f"{count} of {len(plan.members)}: {member.name}"
            try:
                measured = measure_member(plan, member, data, on, effort)
            except (ZooError, RuntimeError) as error:
                failed += 1
                reason = str(error).splitlines()[0]
                say(output, f"{place} FAILED: {reason}", "bold red")
                continue
            keep(members=(measured,))
            if not quiet:
                say(
                    output,
                    f"{place}, an epoch in {measured.epoch_seconds:.3g} s, plainly in "
                    f"{measured.plain_epoch_seconds:.3g} s: {measured.speedup:.1f} times as fast",
                )
    if cold:
        keep(cold=cold_start(plan))
    return failed


def _show(plan: Plan, as_json: bool) -> None:
    """Print the record, and write the table and the figure that it makes."""
    from benchmark.speed.record import read_speed, speed_path
    from reports.speed import speed_figure, speed_table

    speed = read_speed(plan.root)
    if speed is None:
        raise RequestError("nothing was measured: neither --loops nor --cold gave a result")
    if as_json:
        typer.echo(json.dumps(asdict(speed), indent=1))
    table = speed_table(speed)
    _write_table(table, plan.root / "tables")
    if speed.members:
        drawing = speed_figure(speed)
        write_bytes(plan.root / "figures" / f"{drawing.name}.svg", drawing.svg)
        write_bytes(plan.root / "figures" / f"{drawing.name}.png", drawing.png)
    if not as_json:
        _print_speed(speed, table)
        say(output, f"kept in {speed_path(plan.root)}")


def _write_table(table: Table, folder: Path) -> None:
    from reports.formatting import SUFFIXES, render

    for suffix, form in SUFFIXES.items():
        write_bytes(folder / f"{table.name}.{suffix}", render(table, form).encode())


SHOWN = (
    *("member", "images_per_second", "epoch_seconds", "plain_epoch_seconds", "speedup"),
    *("graph_gain", "utilisation"),
)
ENSEMBLES_SHOWN = ("task", "tool", "milliseconds", "ratio", "agrees")
GROWTH_SHOWN = ("task", "members", "images", "classes", "milliseconds", "times_first")


def _print_speed(speed: TrainingSpeed, table: Table) -> None:
    _print_columns(table, SHOWN)
    for member in speed.members:
        if member.bound:
            say(output, f"{member.member}: {member.bound}")
    say(output, table.caption)


def _print_columns(table: Table, keys: Sequence[str]) -> None:
    from reports.formatting import terminal_rows

    _, rows, _ = terminal_rows(table)
    places = [[column.key for column in table.shown].index(key) for key in keys]
    grid = RichTable(title=cell(table.title), title_style="bold")
    for key in keys:
        column = table.column(key)
        grid.add_column(column.header, justify="left" if column.kind == "text" else "right")
    for row in rows:
        grid.add_row(*(cell(row[place]) for place in places))
    output.print(grid)


@app.command("ensembles")
def ensembles(
    repeats: Annotated[
        int, typer.Option(help="Runs of which the best counts; of ours alone at most two.")
    ] = 5,
    growth: Annotated[
        bool, typer.Option(help="Time ours alone too, for more members, images and classes.")
    ] = True,
    results: ResultsOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Time combining, choosing and comparing beside other libraries and plain numpy loops."""
    from benchmark.speed import growth as alone
    from benchmark.speed.ensembles import installed_versions, measure
    from reports.speed import ensemble_speed_table, growth_table

    if repeats < 1:
        raise RequestError(f"--repeats is {repeats}: accepted are whole numbers from 1")
    place = f"On {CORES} cores ({platform.machine()}; {installed_versions()})."
    beside = [_finite(asdict(timing)) for timing in measure(repeats=repeats)]
    tables = [ensemble_speed_table(list(map(_ensemble_row, beside)), place)]
    record: dict[str, Any] = {"place": place, "beside": beside}
    if growth:
        for name, measured in (("growth", alone.growth), ("full_size", alone.full_size)):
            found = measured(repeats=min(repeats, 2))  # more would take minutes
            record[name] = [_finite(asdict(timing)) for timing in found]
        rows = map(_growth_row, (*record["full_size"], *record["growth"]))
        tables.append(growth_table(list(rows), place))
    text = json.dumps(record, indent=1, allow_nan=False)
    folder = results / "speed"
    write_bytes(folder / "ensembles.json", f"{text}\n".encode())
    for table in tables:
        _write_table(table, folder)
    if as_json:
        typer.echo(text)
        return
    for table, keys in zip(tables, (ENSEMBLES_SHOWN, GROWTH_SHOWN), strict=False):
        _print_columns(table, keys)
        say(output, table.caption)
    say(output, f"kept in {folder}")


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """A tool that is not installed has no times; JSON has no NaN."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }


def _task_row(timing: Mapping[str, Any]) -> dict[str, Any]:
    seconds = timing["seconds"]
    return {
        **{key: timing[key] for key in ("task", "members", "images", "classes")},
        "milliseconds": None if seconds is None else 1000.0 * seconds,
    }


def _ensemble_row(timing: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_task_row(timing),
        **{key: timing[key] for key in ("tool", "ratio", "note")},
        "agrees": timing["agrees"] or None,
    }


def _growth_row(timing: Mapping[str, Any]) -> dict[str, Any]:
    return {**_task_row(timing), "times_first": timing["ratio"]}
