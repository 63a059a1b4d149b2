"""The options that several verbs share, and the plan that they make."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from benchmark.plan import DATASETS, DEFAULT_MEMBERS, Plan, Request, make_plan

DatasetOption = Annotated[
    str,
    typer.Option(help=f"What the networks see: {', '.join(DATASETS)}. faces are drawn, not real."),
]
DataOption = Annotated[
    Path | None,
    typer.Option(help="File or folder that holds the dataset (CSV, folders or parquet)."),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        help="paper: the published recipes on all images. quick: a quarter of the width, few "
        "epochs, at most 3,000 training images. Default: quick for faces, paper otherwise."
    ),
]
MembersOption = Annotated[
    str,
    typer.Option(
        help="Names, groups (nine, recalibrated, lenet, six, leaky, vgg16, modern, all), globs "
        "like 'deep-*', or timm:NAME, separated by commas."
    ),
]
MembersArgument = Annotated[str, typer.Argument(metavar="SEL", help="Like --members of run-all.")]
SeedsOption = Annotated[int, typer.Option(help="Train every member with this many seeds.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
ResultsOption = Annotated[Path, typer.Option(help="Folder that holds the results of all datasets.")]
ZooOption = Annotated[
    list[Path] | None,
    typer.Option(help="Python file that defines MEMBER or MEMBERS of your own; may be repeated."),
]
PretrainedOption = Annotated[
    bool,
    typer.Option(help="Whether members whose report used ImageNet weights may load them."),
]
ExactOption = Annotated[
    bool, typer.Option("--exact", help="Bit-equal repeats on a GPU, several times slower.")
]
JobsOption = Annotated[
    int, typer.Option(help="Trainings at the same time; 0: one per CPU core, one on a GPU.")
]
CheckpointOption = Annotated[
    float,
    typer.Option(
        help="Seconds after which a training keeps a checkpoint; it does so after every epoch "
        "where that takes less than 2 % of the time."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]


def request(
    *,
    dataset: DatasetOption = "faces",
    data: DataOption = None,
    profile: ProfileOption = None,
    members: MembersOption = DEFAULT_MEMBERS,
    seeds: SeedsOption = 1,
    device: DeviceOption = "auto",
    results: ResultsOption = Path("results"),
    zoo: ZooOption = None,
    pretrained: PretrainedOption = True,
    exact: ExactOption = False,
    jobs: JobsOption = 0,
    checkpoint_every: CheckpointOption = 15.0,
) -> Request:
    """What the options ask for."""
    return Request(
        dataset=dataset,
        data=data,
        profile=profile,
        members=members,
        seeds=seeds,
        device=device,
        results=results,
        zoo=tuple(zoo or ()),
        pretrained=pretrained,
        exact=exact,
        jobs=jobs,
        checkpoint_every=checkpoint_every,
    )


def planned(verb: Callable[[Plan], None], **changed: Any) -> Callable[..., None]:
    """`verb` as a command that takes every option of `request` and is given the plan they make.

    changed: other annotations for some of the options (a selection that is an argument, say).
    """
    hints = {**get_type_hints(request, include_extras=True), **changed}
    parameters = inspect.signature(request).parameters.values()

    def command(**options: Any) -> None:
        verb(make_plan(request(**options)))

    command.__doc__ = verb.__doc__
    command.__annotations__ = {**hints, "return": None}
    signature = inspect.Signature(
        [
            p.replace(
                annotation=hints[p.name],
                kind=inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if p.name in changed else p.default,
            )
            for p in parameters
        ]
    )
    command.__signature__ = signature  # type: ignore[attr-defined]
    return command
