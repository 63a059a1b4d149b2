"""`verify`: every checksum and manifest of a store, without the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import RequestError
from benchmark.samples import DatasetFacts, read_samples
from benchmark.store import DamagedError, LogitsStore


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. done: what was done about it, as an addition to the sentence."""

    place: str
    kind: str
    """damaged or stale."""
    reason: str
    done: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain strings, for JSON."""
        return asdict(self)


def verify_roots(roots: Sequence[Path], *, repair: bool = False) -> tuple[list[Problem], int]:
    """Check the stores under `roots`; return the problems and the number of entries checked.

    repair: damaged entries are moved to `damaged/`, so that the next run does them again. Raises
    `RequestError` where there is no store.
    """
    if not roots:
        raise RequestError(
            "there are no results here: name the folder that holds them with --results"
        )
    problems: list[Problem] = []
    checked = 0
    for root in roots:
        facts = _samples(root, problems)
        store = LogitsStore(root)
        for member, seed in store.folders():
            checked += 1
            problem = _entry(store, member, seed, facts, repair)
            if problem is not None:
                problems.append(problem)
    return problems, checked


def _samples(root: Path, problems: list[Problem]) -> DatasetFacts | None:
    facts = None
    for split in ("validation", "test"):
        try:
            facts = read_samples(root, split).facts
        except DamagedError as error:
            problems.append(Problem(str(root / "samples"), "damaged", str(error)))
    return facts


def _entry(
    store: LogitsStore, member: str, seed: int, facts: DatasetFacts | None, repair: bool
) -> Problem | None:
    place = f"{store.root.name}/{member}/seed{seed}"
    try:
        entry = store.read(member, seed)
    except DamagedError as error:
        done = f"; set aside as {store.set_aside(member, seed)}" if repair else ""
        return Problem(place, "damaged", str(error), done)
    if entry is None or facts is None:
        return None
    if entry.manifest["dataset"]["samples"] != facts.fingerprints:
        return Problem(place, "stale", "its logits belong to other images or labels")
    return None
