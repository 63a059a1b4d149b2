"""The command line: verbs only. Each builds a plan or names a folder and calls the stages.

Exit codes: 0 done; 1 done as far as possible, but a member, a stored file or the disk failed, and
is named; 2 the request, or a file handed over with it, makes no sense; 130 interrupted.
"""

from __future__ import annotations

import json
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table as RichTable

from benchmark import cli_data, cli_speed, options, stages
from benchmark.console import cell, errors, output, say
from benchmark.datasets import SPLITS, DataError, Dataset
from benchmark.errors import RequestError
from benchmark.events import Event, RunLog
from benchmark.failures import Failure
from benchmark.folders import read_folder
from benchmark.options import DatasetOption, JsonOption, ProfileOption, ResultsOption, ZooOption
from benchmark.plan import Plan, default_profile, results_folder
from benchmark.remembered import recall, remember, report_key
from benchmark.screen import TrainingScreen, print_ensembles, short_table
from benchmark.store import DamagedError
from ensembles.predictions import PredictionsError
from reports.study import ReportError, Study
from zoo.member import ZooError

USER_ERRORS = (RequestError, DataError, ZooError, PredictionsError, ReportError)
INTERRUPTED = 130
# The base of "no such option" and its like; newer versions of typer bring a click of their own.
USAGE_ERROR: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

app = typer.Typer(
    help="Train a zoo of facial-expression networks once, cache their logits, and compare every "
    "way to combine them. Start with: python -m benchmark run-all",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_data.app, name="data")
app.add_typer(cli_speed.app, name="speed")
app.command("import-logits")(cli_data.import_logits)

SelectOption = Annotated[
    str | None,
    typer.Option("--members", help="Only these stored members, separated by commas; default all."),
]

PredictionsOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder of predictions on a problem of your own: validation/ and test/, each with "
        "labels.npy and one file (N, C) for every member. What is written goes there."
    ),
]


def _log(root: Path) -> RunLog:
    return RunLog(root, shlex.join(sys.argv[1:]), partial(say, errors, style="yellow"))


def _train(plan: Plan) -> tuple[Dataset, tuple[Failure, ...], RunLog]:
    """Train what is missing; return the dataset, what failed, and the log of this run."""
    from benchmark.datasets.loading import load_dataset

    request = plan.request
    dataset = load_dataset(request.dataset, request.data)
    log = _log(plan.root)
    say(output, f"{dataset.origin}: {len(dataset.train):,} training images")
    for warning in dataset.warnings:
        say(output, f"note: {warning}", "yellow")
    with TrainingScreen(plan, output) as screen, log.stage("training") as facts:

        def listen(event: Event) -> None:
            log(event)
            screen(event)

        done = stages.train_members(plan, dataset, listen)
        for name in ("trained", "reused", "failed"):
            facts[name] = len(getattr(done, name))
    for path in done.set_aside:
        say(output, f"damaged samples, set aside and written again: {path}", "yellow")
    counts = ", ".join(f"{count} {name}" for name, count in facts.items())
    say(output, f"{counts}; log: {log.path}" if log.path.exists() else counts)
    return dataset, done.failed, log


def _run_all(plan: Plan) -> None:
    """Train what is missing, compare the ensembles, write every table, figure and the page."""
    dataset, failed, log = _train(plan)
    try:
        with log.stage("reading") as facts:
            study = stages.gather(plan.root, failed=failed)
            facts["members"] = len(study.records)
    except RequestError as error:  # nobody is left to compare: the failures are why
        if not failed:
            raise
        say(errors, f"error: {error}", "bold red")
        raise typer.Exit(1) from None
    with log.stage("report") as facts:
        key = report_key(study)
        remembered = recall(plan.root, key)
        if remembered is not None:
            short, done = remembered.short, f"{remembered.files} files stand as they were written"
            facts["files"] = 0
        else:
            written = stages.write_results(study, plan.root, dataset=dataset)
            short, done = short_table(written.summary), f"{len(written.files)} files written"
            remember(plan.root, key, written.files, short)
            facts["files"] = len(written.files)
    print_ensembles(output, short, plan.root / "tables" / "ensembles.md")
    say(output, f"{done}; open {plan.root / 'report.html'}")
    _say_missing(study)
    if failed:
        raise typer.Exit(1)


def _train_only(plan: Plan) -> None:
    """Train the members SEL that have no logits yet, and keep their logits."""
    _, failed, _ = _train(plan)
    if failed:
        raise typer.Exit(1)


app.command("run-all")(options.planned(_run_all))
app.command("train")(options.planned(_train_only, members=options.MembersArgument))


def _say_missing(study: Study) -> None:
    """Name who is not in the tables, and why. Exit code 1 where it is for damage found now."""
    for one in study.missing:
        say(errors, f"missing {one.name}: {one.reason}", "yellow")
    if any(one.damaged for one in study.missing):
        raise typer.Exit(1)


def _root(results: Path, dataset: str, profile: str | None) -> Path:
    return results_folder(results, dataset, profile or default_profile(dataset))


def _selected(members: str | None, zoo: list[Path] | None = None) -> tuple[str, ...] | None:
    """Names and groups of the zoo as names; other words are taken for imported members."""
    if members is None:
        return None
    from zoo.catalogue import load_catalogue

    catalogue = load_catalogue(tuple(zoo or ()))
    chosen: dict[str, None] = {}
    for word in (word.strip() for word in members.split(",")):
        try:
            chosen.update(dict.fromkeys(member.name for member in catalogue.select(word)))
        except ZooError:
            chosen[word] = None
    return tuple(chosen)


@app.command("score")
def score(
    *,
    dataset: DatasetOption = "faces",
    profile: ProfileOption = None,
    members: SelectOption = None,
    results: ResultsOption = Path("results"),
    predictions: PredictionsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the ensembles of the stored logits: print the table and write it. No torch needed."""
    root = _root(results, dataset, profile) if predictions is None else predictions
    if predictions is None:
        study = stages.gather(root, members=_selected(members))
    else:
        study = stages.limited(read_folder(root), _selected(members))
    with _log(root).stage("score") as facts:
        written = stages.write_results(study, root, only=("tables",), tables=stages.SCORED)
        facts |= {"members": len(study.records), "files": len(written.files)}
    if as_json:
        typer.echo(written.tables["ensembles"].frame.to_json(orient="records"))
    else:
        print_ensembles(output, short_table(written.summary), root / "tables" / "ensembles.md")
        say(output, "The other tables, the figures and the page are made again by `report`.")
    _say_missing(study)


@app.command("report")
def report(
    *,
    dataset: DatasetOption = "faces",
    profile: ProfileOption = None,
    results: ResultsOption = Path("results"),
    predictions: PredictionsOption = None,
    table: Annotated[
        str | None, typer.Option(help="Print this one table to standard output, write nothing.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="csv, markdown, latex or html, with --table.")
    ] = "markdown",
) -> None:
    """Write every table, figure and the page from the stored logits. No torch, no images needed."""
    root = _root(results, dataset, profile) if predictions is None else predictions
    study = stages.gather(root) if predictions is None else read_folder(root)
    if table is not None:
        typer.echo(stages.rendered_table(study, table, form), nl=False)
        _say_missing(study)
        return
    with _log(root).stage("report") as facts:
        written = stages.write_results(study, root)
        facts |= {"members": len(study.records), "files": len(written.files)}
    say(output, f"{len(written.files)} files written under {root}")
    for path in written.stale:
        say(output, f"no longer made by this report: {path}", "yellow")
    _say_missing(study)


@app.command("members")
def members(zoo: ZooOption = None, as_json: JsonOption = False) -> None:
    """List the catalogue: every network, its size, its recipe, and where both come from."""
    from zoo.catalogue import load_catalogue
    from zoo.costs import costs

    rows: list[dict[str, Any]] = []
    for member in load_catalogue(tuple(zoo or ())).members:
        counted = costs(member)
        rows.append(
            {
                "name": member.name,
                "groups": list(member.groups),
                "parameters": counted.parameters,
                "macs": counted.macs,
                "source": member.source,
                "recipe": member.recipe.as_dict(),
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    grid = RichTable("member", "groups", "parameters", "million MACs", "source")
    for row in rows:
        grid.add_row(
            row["name"],
            cell(", ".join(row["groups"])),
            f"{row['parameters']:,}",
            f"{row['macs'] / 1e6:,.1f}",
            cell(row["source"]),
        )
    output.print(grid)


@app.command("verify")
def verify(
    *,
    dataset: Annotated[
        str | None, typer.Option(help="Only this dataset; default: everything under --results.")
    ] = None,
    profile: ProfileOption = None,
    results: ResultsOption = Path("results"),
    repair: Annotated[
        bool, typer.Option("--repair", help="Set damaged entries aside, so that they are redone.")
    ] = False,
    zoo: ZooOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every checksum and manifest; list what is damaged or stale. Exit code 1 if any is."""
    from benchmark.verification import verify_roots

    if dataset is None:
        roots = sorted(path.parent for path in results.glob("*/samples"))
    else:
        roots = [_root(results, dataset, profile)]
    problems, checked = verify_roots(roots, repair=repair, zoo=tuple(zoo or ()))
    if as_json:
        typer.echo(json.dumps([problem.as_dict() for problem in problems], indent=1))
    else:
        for problem in problems:
            say(output, f"{problem.place}: {problem.reason}{problem.done}", "red")
        say(output, f"{checked} entries checked, {len(problems)} with problems")
    if any(not problem.done for problem in problems):
        raise typer.Exit(1)


@app.command("audit")
def audit(
    table: Annotated[
        Path | None,
        typer.Argument(help="CSV with class, precision, recall, f1, support; none: the five."),
    ] = None,
    claimed: Annotated[
        str | None, typer.Option(help="The split that the table claims: train, validation or test.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Is a published per-class table consistent with itself and with the split it claims?"""
    from benchmark.printing import print_audits
    from reports.audit import audit_published, audit_table, read_table

    if claimed not in (None, *SPLITS):
        raise RequestError(f"--claimed is {claimed!r}: accepted are {', '.join(SPLITS)}")
    results = [audit_table(read_table(table, claimed))] if table else audit_published()
    if as_json:
        typer.echo(json.dumps([result.as_dict() for result in results], indent=1))
        return
    print_audits(output, results)


@app.command("predict")
def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="JPEG or PNG files.")],
    *,
    dataset: DatasetOption = "faces",
    profile: ProfileOption = None,
    members: SelectOption = None,
    method: Annotated[str, typer.Option(help="How the members are combined.")] = "average",
    results: ResultsOption = Path("results"),
    zoo: ZooOption = None,
    device: options.DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Class probabilities for pictures that are cut to the face, by the networks trained here."""
    from benchmark import predicting
    from benchmark.printing import print_predictions

    predictions = predicting.predict(
        _root(results, dataset, profile),
        images,
        members=_selected(members, zoo),
        method_name=method,
        zoo=tuple(zoo or ()),
        device=device,
    )
    if as_json:
        typer.echo(json.dumps([prediction.as_dict() for prediction in predictions], indent=1))
        return
    print_predictions(output, predictions)


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; return the exit code. Errors of the user are one sentence on stderr."""
    try:
        code = app(arguments, prog_name="python -m benchmark", standalone_mode=False)
    except USAGE_ERROR as error:
        error.show()
        return 2
    except USER_ERRORS as error:
        say(errors, f"error: {error}", "bold red")
        return 2
    except (OSError, DamagedError) as error:  # the disk or a file on it, not the request
        say(errors, f"error: {error}", "bold red")
        return 1
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:  # some versions of typer return it instead of raising
        say(errors, "interrupted: what is finished is kept; the same command goes on from there")
    return int(code or 0)
