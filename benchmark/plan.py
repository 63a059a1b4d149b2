"""What is run: decided here, once, from what the command line was told. Nothing edits a plan."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.errors import RequestError
from zoo.catalogue import load_catalogue
from zoo.costs import costs
from zoo.member import Member, Recipe, ZooError
from zoo.profiles import Profile, profile

DATASETS = ("faces", "fer2013", "expw")
DEVICES = ("auto", "cpu", "cuda")
DEFAULT_MEMBERS = "nine"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line was told: plain values, which another process can make a plan of."""

    dataset: str = "faces"
    data: Path | None = None
    profile: str | None = None
    members: str = DEFAULT_MEMBERS
    seeds: int = 1
    device: str = "auto"
    results: Path = Path("results")
    zoo: tuple[Path, ...] = ()
    pretrained: bool = True
    """Whether recipes that start from ImageNet weights may load them."""
    exact: bool = False
    jobs: int = 0
    """Trainings at the same time; 0 is one per CPU core, and one on a GPU."""
    checkpoint_every: float = 15.0
    """Seconds after which a training keeps a checkpoint, even where that costs much of its time."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One dataset, the members to be trained on it, how often and how."""

    request: Request
    profile: Profile
    members: tuple[Member, ...]

    @property
    def root(self) -> Path:
        """The folder of this dataset and profile."""
        return results_folder(self.request.results, self.request.dataset, self.profile.name)

    @property
    def runs(self) -> tuple[tuple[Member, int], ...]:
        """Every (member, seed), all members of the first seed before the second."""
        seeds = range(self.request.seeds)
        return tuple((member, seed) for seed in seeds for member in self.members)

    def recipe(self, member: Member) -> Recipe:
        """The recipe this plan trains `member` with."""
        recipe = self.profile.recipe(member)
        return replace(recipe, pretrained=recipe.pretrained and self.request.pretrained)

    def work(self, member: Member) -> int:
        """Epochs times multiply-adds: what a training takes, beside the others. One for a network
        that cannot be built, which its training will report."""
        recipe = self.recipe(member)
        try:
            return max(1, recipe.epochs * costs(member, self.profile.width, recipe).macs)
        except ZooError:
            return 1

    def jobs(self, device: str) -> int:
        """Trainings at the same time on `device`. One per CPU core: small networks use one core
        better than they share two. It depends on the plan alone, not on what is already done,
        because the number of threads decides the last bits of a sum."""
        if self.request.jobs:
            return self.request.jobs
        return 1 if device == "cuda" else max(1, min(CORES, len(self.runs)))


def results_folder(results: Path, dataset: str, profile_name: str) -> Path:
    """`results/<dataset>`, and `results/<dataset>-quick` for the quick profile."""
    return results / (dataset if profile_name == "paper" else f"{dataset}-{profile_name}")


def default_profile(dataset: str) -> str:
    """Synthetic faces are for trying things out; real data is for the paper's recipes."""
    return "quick" if dataset == "faces" else "paper"


def make_plan(request: Request) -> Plan:
    """A plan of plain values. Raises `RequestError` or `ZooError` with the mend."""
    if request.dataset not in DATASETS:
        raise RequestError(
            f"there is no dataset {request.dataset!r}: accepted are {', '.join(DATASETS)}"
        )
    if request.device not in DEVICES:
        raise RequestError(
            f"there is no device {request.device!r}: accepted are {', '.join(DEVICES)}"
        )
    if request.seeds < 1:
        raise RequestError(f"--seeds is {request.seeds}: accepted are whole numbers from 1")
    if request.jobs < 0:
        raise RequestError(
            f"--jobs is {request.jobs}: accepted are whole numbers from 1, or 0 to choose"
        )
    catalogue = load_catalogue(request.zoo)
    selection = request.members
    if selection == DEFAULT_MEMBERS:  # whoever hands over networks of their own wants them trained
        selection = ",".join([selection, *catalogue.added])
    return Plan(
        request=request,
        profile=profile(request.profile or default_profile(request.dataset)),
        members=catalogue.select(selection),
    )
