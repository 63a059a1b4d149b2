"""`verify`: every checksum and manifest of a store, without the images and without torch.

Damaged is what is not what was written. Stale is what the same command would train again today:
its recipe, or the meaning of recipes, has changed since. Another schema is what another version of
this program wrote. Left over is what a killed process did not tidy away; it harms nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import Timeout

from benchmark.checkpoints import damaged_slots
from benchmark.errors import RequestError
from benchmark.failures import damaged_failures, repair_failure
from benchmark.files import abandoned, canonical_json, file_digest, set_aside
from benchmark.samples import (
    REWRITTEN,
    DatasetFacts,
    read_samples,
    samples_path,
    set_aside_samples,
)
from benchmark.speed.record import read_speed, speed_path
from benchmark.store import (
    EVALUATED,
    TRAINING,
    DamagedError,
    Entry,
    LogitsStore,
    SchemaError,
    changed_fields,
    weights_path,
)
from zoo.catalogue import load_catalogue
from zoo.member import Member
from zoo.profiles import PROFILES


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. done: what was done about it, as an addition to the sentence."""

    place: str
    kind: str
    """damaged, stale, schema or leftover."""
    reason: str
    done: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain strings, for JSON."""
        return asdict(self)


def verify_roots(
    roots: Sequence[Path], *, repair: bool = False, zoo: Sequence[Path] = ()
) -> tuple[list[Problem], int]:
    """Check the stores under `roots`; return the problems and the number of entries checked.

    repair: what is damaged is moved to `damaged/`, so that the next run does it again, and what is
    left over is removed; without it nothing is changed. zoo: files that define members of the
    user's own, whose recipes are then compared as well. Raises `RequestError` where there is no
    store, and `ZooError`.
    """
    if not roots:
        raise RequestError(
            "there are no results here: name the folder that holds them with --results"
        )
    catalogue = {member.name: member for member in load_catalogue(zoo).members}
    problems: list[Problem] = []
    checked = 0
    for root in roots:
        facts = _samples(root, repair, problems)
        store = LogitsStore(root)
        for member, seed in store.folders():
            checked += 1
            check = _EntryCheck(store, member, seed, repair)
            problems += check.problems(facts, catalogue.get(member))
        problems += _strays(store, repair)
    return problems, checked


def _samples(root: Path, repair: bool, problems: list[Problem]) -> DatasetFacts | None:
    paths = {split: samples_path(root, split) for split in EVALUATED}
    facts = None
    for split, path in paths.items():
        where = f"{root.name}/samples/{split}"
        if not path.exists() and any(other.exists() for other in paths.values()):
            problems.append(Problem(where, "damaged", f"{path} is missing; {REWRITTEN}"))
            continue
        try:
            facts = read_samples(root, split).facts
        except DamagedError as error:
            done = f"; set aside as {set_aside_samples(root, split)}" if repair else ""
            problems.append(Problem(where, "damaged", str(error), done))
        except SchemaError as error:
            problems.append(Problem(where, "schema", str(error)))
    return facts


def _strays(store: LogitsStore, repair: bool) -> Iterator[Problem]:
    """Files that belong to no entry."""
    for path in store.strangers():
        reason = "no entry: its name is neither a member's nor a seed's"
        yield Problem(_place(store, path), "leftover", reason)
    for path in damaged_failures(store.root):
        reason = f"{path} is not what was written"
        aside = repair_failure(store.root, path) if repair else None
        done = f"; set aside as {aside}" if aside else ""
        yield Problem(_place(store, path), "damaged", reason, done)
    yield from _speed(store, repair)
    for path in sorted(store.root.rglob("*.tmp")):
        if abandoned(path):
            reason = "a temporary file whose process is gone"
            if repair:
                path.unlink(missing_ok=True)
            yield Problem(_place(store, path), "leftover", reason, "; removed" if repair else "")


def _speed(store: LogitsStore, repair: bool) -> Iterator[Problem]:
    """The record of measured speed."""
    path = speed_path(store.root)
    try:
        read_speed(store.root)
    except DamagedError:
        reason = f"{path} is not what was written"
        aside = set_aside(path, store.root / "damaged", path.name) if repair else None
        done = f"; set aside as {aside}" if aside else ""
        yield Problem(_place(store, path), "damaged", reason, done)
    except SchemaError as error:
        yield Problem(_place(store, path), "schema", str(error))


def _place(store: LogitsStore, path: Path) -> str:
    return f"{store.root.name}/{path.relative_to(store.root)}"


@dataclass(frozen=True)
class _EntryCheck:
    """One (member, seed): its logits, its weights, its checkpoints and what lies beside it."""

    store: LogitsStore
    member: str
    seed: int
    repair: bool

    def problems(self, facts: DatasetFacts | None, member: Member | None) -> list[Problem]:
        """member: what the catalogue knows under this name today."""
        if self.store.in_work(self.member, self.seed):
            return []  # another process trains it now: what is there is about to change
        if not self.repair:
            return list(self._found(facts, member))
        try:
            with self.store.lock(self.member, self.seed, timeout=0):
                return list(self._found(facts, member))
        except Timeout:
            return []

    def _found(self, facts: DatasetFacts | None, member: Member | None) -> Iterator[Problem]:
        where = f"{self.store.root.name}/{self.member}/seed{self.seed}"
        entry = None
        try:
            entry = self.store.read(self.member, self.seed)
        except DamagedError as error:
            aside = self.store.set_aside(self.member, self.seed) if self.repair else None
            done = f"; set aside as {aside}" if aside else ""
            yield Problem(where, "damaged", str(error), done)
        except SchemaError as error:
            yield Problem(where, "schema", str(error))
        for path in self._damaged_files(entry):
            reason = f"{path.name} of {path.parent} is not what was written"
            yield Problem(where, "damaged", reason, self._move(path))
        beside = self.store.unfinished(self.member, self.seed)
        if beside:
            if self.repair:
                self.store.tidy(self.member, self.seed)
            names = ", ".join(path.name for path in beside)
            reason = f"a killed process left {names} beside it"
            yield Problem(where, "leftover", reason, "; removed" if self.repair else "")
        reason = stale_reason(entry, facts, member) if entry else ""
        if reason:
            yield Problem(where, "stale", reason)

    def _damaged_files(self, entry: Entry | None) -> list[Path]:
        """Weights and checkpoints: not part of the entry, so it may be whole without them."""
        root = self.store.root
        found = damaged_slots(root / "checkpoints" / self.member / f"seed{self.seed}")
        path = weights_path(root, self.member, self.seed)
        kept = entry.manifest.get("weights") if entry else None
        if kept and path.exists() and file_digest(path) != kept:
            found.append(path)
        return found

    def _move(self, path: Path) -> str:
        if not self.repair:
            return ""
        name = f"{self.member}-seed{self.seed}-{path.name}"
        return f"; set aside as {set_aside(path, self.store.root / 'damaged', name)}"


def stale_reason(entry: Entry, facts: DatasetFacts | None, member: Member | None) -> str:
    """What the same command would train again for, as far as it can be known without torch and
    without the images; '' for nothing. The architecture is compared when it is trained."""
    manifest = entry.manifest
    if facts is not None and manifest["dataset"]["samples"] != facts.fingerprints:
        return "its logits belong to other images or labels"
    if manifest["imported"] or member is None or manifest["profile"] not in PROFILES:
        return ""
    changed = changed_fields(*_then_and_now(manifest, member))
    return f"changed: {'; '.join(changed)}" if changed else ""


def _then_and_now(
    manifest: Mapping[str, Any], member: Member
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What decided the logits, and what would decide them now under the same profile."""
    profile = PROFILES[manifest["profile"]]
    recipe = profile.recipe(member)
    if manifest["pretrained"] is False:  # it was trained with --no-pretrained
        recipe = replace(recipe, pretrained=False)
    now = {
        "training": TRAINING,
        "recipe": recipe.as_dict(),
        "width": profile.width,
        "train_limit": profile.train_limit,
    }
    then = {name: manifest["decides"].get(name) for name in now}
    # What was read back has lists where a recipe has tuples.
    return then, json.loads(canonical_json(now))
