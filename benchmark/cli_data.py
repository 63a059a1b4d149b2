"""The verbs about data: what a folder holds, which images are copies, foreign predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from benchmark.console import output, say
from benchmark.options import DatasetOption, JsonOption, ProfileOption, ResultsOption
from benchmark.plan import default_profile, results_folder

app = typer.Typer(
    help="Look at a dataset: what it holds, which images are copies.", no_args_is_help=True
)

PathArgument = Annotated[Path, typer.Argument(help="File or folder that holds the dataset.")]


@app.command("check")
def check(path: PathArgument, as_json: JsonOption = False) -> None:
    """Say what was found: format, splits, class counts against the official ones, blank images."""
    from benchmark.datasets.check import check_data

    report = check_data(path)
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=1))
        return
    from benchmark.printing import print_data_report

    print_data_report(output, report)


@app.command("duplicates")
def duplicates(path: PathArgument, as_json: JsonOption = False) -> None:
    """Find exact copies of images within and across splits, and those with conflicting labels."""
    from benchmark.datasets.duplicates import find_duplicates
    from benchmark.datasets.loading import load_path

    report = find_duplicates(load_path(path))
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=1))
        return
    from benchmark.printing import print_duplicates

    print_duplicates(output, report)


def import_logits(
    name: Annotated[str, typer.Argument(help="What the new member is to be called.")],
    *,
    validation: Annotated[Path, typer.Option(help="Predictions (N, C) on the validation split.")],
    test: Annotated[Path, typer.Option(help="Predictions (N, C) on the test split.")],
    dataset: DatasetOption = "faces",
    profile: ProfileOption = None,
    results: ResultsOption = Path("results"),
    source: Annotated[str, typer.Option(help="Where they come from, for the tables.")] = "",
    family: Annotated[
        str, typer.Option(help="Architecture family, for the committee; default: one of its own.")
    ] = "",
) -> None:
    """Make a member of predictions from any framework (.npy .npz .csv .safetensors .parquet)."""
    from benchmark.importing import import_member

    root = results_folder(results, dataset, profile or default_profile(dataset))
    images = import_member(root, name, validation, test, source=source, family=family)
    say(
        output,
        f"{name} is now a member ({images:,} test images); "
        f"`python -m benchmark score --dataset {dataset}` compares the ensembles again",
    )
