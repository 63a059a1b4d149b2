"""The stages of a run: train what is missing, gather what is stored, write the reports.

Request -> Plan -> train_members -> results/ -> gather -> Study -> write_reports
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.errors import RequestError
from benchmark.events import Event, Listener
from benchmark.failures import Failure, forget_failure, read_failures, remember_failure
from benchmark.files import write_bytes
from benchmark.plan import Plan
from benchmark.samples import DatasetFacts, facts_of, read_samples, write_samples
from benchmark.speed.record import read_speed
from benchmark.store import DamagedError, Entry, LogitsStore, SchemaError, key_of
from ensembles.predictions import Predictions, Test, Validation
from reports.study import Epoch, MemberRecord, Missing, Study, TrainingSpeed

if TYPE_CHECKING:
    from benchmark.datasets import Dataset
    from reports.figures_images import Panel
    from reports.report import Part, Written


@dataclass(frozen=True)
class Training:
    """How the training of a plan ended. reused, trained: each is (member, seed)."""

    reused: tuple[tuple[str, int], ...]
    trained: tuple[tuple[str, int], ...]
    failed: tuple[Failure, ...]
    set_aside: tuple[Path, ...] = ()
    """Where damaged samples lie now; they were written again."""


def train_members(plan: Plan, dataset: Dataset, listen: Listener) -> Training:
    """Train every (member, seed) of `plan` that the store does not hold yet."""
    from benchmark.engine import train_pending
    from benchmark.task import decides, training_data
    from zoo.job import resolve_device

    facts = facts_of(dataset)
    set_aside = write_samples(plan.root, dataset, facts)
    store = LogitsStore(plan.root)
    events: list[Event] = []
    keys: dict[tuple[str, int], str] = {}

    def keep(event: Event) -> None:
        events.append(event)
        _note_ending(plan.root, event, keys)
        listen(event)

    pending = []
    for index, (member, seed) in enumerate(plan.runs):
        try:
            wanted = decides(plan, member, seed, facts)
        # A network that cannot be built, or that leaves: its training says so, and why.
        except (Exception, SystemExit):
            pending.append(index)
            continue
        keys[member.name, seed] = key_of(wanted)
        state = store.state(member.name, seed, wanted)
        if state.kind == "fresh":
            keep(Event("reused", member.name, seed))
            continue
        if state.kind in ("stale", "damaged"):
            keep(Event(state.kind, member.name, seed, state.reason))
        pending.append(index)
    # The longest first, so that no worker is left alone with one at the end.
    pending.sort(key=lambda index: -plan.work(plan.runs[index][0]))
    if pending:
        data = training_data(dataset, plan.profile.train_limit)
        device = resolve_device(plan.request.device)
        train_pending(plan, pending, data, facts, device=device, listen=keep)
    return Training(
        reused=tuple((e.member, e.seed) for e in events if e.kind == "reused"),
        trained=tuple((e.member, e.seed) for e in events if e.kind == "trained"),
        failed=tuple(_failure(event, keys) for event in events if event.kind == "failed"),
        set_aside=set_aside,
    )


def _failure(event: Event, keys: Mapping[tuple[str, int], str]) -> Failure:
    key = keys.get((event.member, event.seed), "")
    return Failure(event.member, event.seed, event.message, key)


def _note_ending(root: Path, event: Event, keys: Mapping[tuple[str, int], str]) -> None:
    """Write down that a member failed, or forget that it once did."""
    # The disk may be what failed; this run tells all the same.
    with contextlib.suppress(OSError):
        if event.kind == "failed":
            remember_failure(root, _failure(event, keys))
        elif event.kind in ("trained", "reused"):
            forget_failure(root, event.member, event.seed)


def gather(
    root: Path,
    *,
    members: Sequence[str] | None = None,
    failed: Sequence[Failure] = (),
) -> Study:
    """Everything the store under `root` holds, as one study; no images and no torch needed.

    members: names to be taken, in this order; None takes all. A member counts when its first seed
    is there; further seeds count when every member has them. Damaged entries, members whose last
    training failed, and named ones that are not there are listed in `Study.missing`. failed: what
    the disk may have been too full to remember. Where no member is left it raises `RequestError`,
    or `DamagedError` where one of them is there but damaged.
    """
    store = LogitsStore(root)
    samples = {split: read_samples(root, split) for split in ("validation", "test")}
    facts = samples["test"].facts
    failures = {(f.member, f.seed): f for f in (*read_failures(root), *failed)}
    entries, lacking = _read_entries(store, facts, members, failures)
    names = _ordered({name for name, seed in entries if seed == 0}, entries, members)
    if not names:
        told = "; ".join(f"{one.name} is missing: {one.reason}" for one in lacking)
        # Damage is not mended by asking differently.
        kind = DamagedError if any(one.damaged for one in lacking) else RequestError
        raise kind(f"no member has results in {root / 'logits'}{_way_out(told)}")
    seeds = _common_seeds(entries, names)
    pairs = [
        tuple(
            _predictions(
                kind,
                samples[split],
                _of_seed(entries, names, seed),
                split,
            )
            for kind, split in ((Validation, "validation"), (Test, "test"))
        )
        for seed in seeds
    ]
    validation, test = pairs[0]
    assert isinstance(validation, Validation)
    assert isinstance(test, Test)
    speed, damage = _speed(root)
    return Study(
        dataset=facts.name,
        profile=_profile_of(root, facts.name),
        synthetic=facts.synthetic,
        records=tuple(_record(entries[name, 0]) for name in names),
        validation=validation,
        test=test,
        class_counts=facts.class_counts,
        repeats=tuple(pairs[1:]),  # type: ignore[arg-type]
        repeat_records=tuple(
            tuple(_record(entries[name, seed]) for name in names) for seed in seeds[1:]
        ),
        missing=tuple(lacking),
        notes=(*_notes(facts, [entries[name, 0] for name in names]), *damage),
        speed=speed,
    )


def _way_out(told: str) -> str:
    """What to do where no member is left. told: who is missing and why."""
    if told:
        return f" ({told}): mend that, then train or import again"
    return ": run `python -m benchmark run-all` or `python -m benchmark import-logits` first"


def _speed(root: Path) -> tuple[TrainingSpeed | None, tuple[str, ...]]:
    """What was measured, and a note where it cannot be read: the rest does not need it."""
    try:
        return read_speed(root), ()
    except DamagedError:
        wrong = "is damaged"
    except SchemaError:
        wrong = "is of another version of this program"
    return None, (f"The record of training speed {wrong} and was left out.",)


def _read_entries(
    store: LogitsStore,
    facts: DatasetFacts,
    members: Sequence[str] | None,
    failures: Mapping[tuple[str, int], Failure],
) -> tuple[dict[tuple[str, int], Entry], list[Missing]]:
    """Whole entries by (member, seed), and what is lacking with its reason.

    An entry of another key than the one whose training failed is not what was asked for last.
    """
    entries: dict[tuple[str, int], Entry] = {}
    lacking: list[Missing] = []
    failures = {k: f for k, f in failures.items() if members is None or f.member in members}
    for name, seed in store.folders():
        if members is not None and name not in members:
            continue
        try:
            entry = store.read(name, seed)
        except DamagedError as error:
            lacking.append(Missing(name, f"damaged (seed {seed}): {error}", damaged=True))
            failures.pop((name, seed), None)
            continue
        if entry is None:
            continue
        failure = failures.get((name, seed))
        if failure is not None and not failure.mended_by(entry.manifest["key"]):
            continue
        failures.pop((name, seed), None)  # it failed before it succeeded
        if entry.manifest["dataset"]["samples"] != facts.fingerprints:
            reason = f"its logits (seed {seed}) belong to other images or labels"
            lacking.append(Missing(name, reason))
            continue
        entries[name, seed] = entry
    lacking = [*(Missing(f.member, f.told) for f in failures.values()), *lacking]
    present = {name for name, _ in entries} | {one.name for one in lacking}
    absent = [name for name in members or () if name not in present]
    lacking += [Missing(name, "it has no logits yet") for name in absent]
    return entries, lacking


def _ordered(
    names: set[str], entries: dict[tuple[str, int], Entry], members: Sequence[str] | None
) -> list[str]:
    """The order asked for, or by group and name, imported members last."""
    if members is not None:
        return [name for name in members if name in names]

    def place(name: str) -> tuple[bool, tuple[str, ...], str]:
        manifest = entries[name, 0].manifest
        return bool(manifest["imported"]), tuple(manifest["groups"]), name

    return sorted(names, key=place)


def _common_seeds(entries: dict[tuple[str, int], Entry], names: list[str]) -> list[int]:
    """Seed 0, and the further ones that every trained member has; an imported one has but one."""
    trained = [name for name in names if not entries[name, 0].manifest["imported"]]
    seeds = [{seed for name, seed in entries if name == wanted} for wanted in trained]
    return sorted(set.intersection(*seeds) | {0}) if seeds else [0]


def _of_seed(entries: dict[tuple[str, int], Entry], names: list[str], seed: int) -> list[Entry]:
    """The entries of one seed; an imported member stands in with its only one."""
    return [entries.get((name, seed), entries[name, 0]) for name in names]


def _predictions(
    kind: type[Predictions], samples: Any, entries: Sequence[Entry], split: str
) -> Predictions:
    return kind.make(
        np.stack([entry.logits[split] for entry in entries]),
        samples.labels,
        members=[entry.member for entry in entries],
        classes=samples.facts.classes,
        sample_ids=samples.sample_ids,
        duplicate=samples.duplicate,
    )


def _record(entry: Entry) -> MemberRecord:
    manifest = entry.manifest
    return MemberRecord(
        name=entry.member,
        seed=entry.seed,
        source=manifest["source"],
        groups=tuple(manifest["groups"]),
        recipe=manifest["recipe"],
        parameters=manifest["parameters"],
        macs=manifest["macs"],
        train_seconds=manifest["train_seconds"],
        latency_ms=manifest["latency_ms"],
        device=manifest["device"],
        history=tuple(Epoch(**epoch) for epoch in manifest["history"]),
        key=manifest["key"],
        pretrained=manifest["pretrained"],
        imported=manifest["imported"],
        architecture=manifest["architecture"] or "",
        family=manifest.get("family", ""),
    )


def _profile_of(root: Path, dataset: str) -> str:
    name = root.name
    return name.removeprefix(f"{dataset}-") if name.startswith(f"{dataset}-") else "paper"


def _notes(facts: DatasetFacts, entries: Sequence[Entry]) -> tuple[str, ...]:
    """What a reader must know before believing a figure, besides the profile and the dataset."""
    bare = [entry.member for entry in entries if entry.manifest["pretrained"] is False]
    if not bare:
        return facts.warnings
    names = ", ".join(bare)
    return (*facts.warnings, f"Without the ImageNet weights that the report used: {names}.")


SCORED = ("ensembles", "members", "per_class", "seeds")
"""The tables that `score` writes, in seconds; `report` writes them all."""


def limited(study: Study, members: Sequence[str] | None) -> Study:
    """`study` with only the named members, in that order; None is all of them."""
    return study if members is None else study.select(members)


def write_results(
    study: Study,
    root: Path,
    *,
    only: Sequence[Part] | None = None,
    dataset: Dataset | None = None,
    tables: Sequence[str] | None = None,
) -> Written:
    """Write tables, figures and the page of `study` under `root`, or only the parts named.

    With the dataset the figures of images are drawn too. tables: names of those made, or all.
    """
    from reports.report import TABLES, write_reports

    panels: tuple[Panel, ...] = ()
    if dataset is not None:
        from benchmark.panels import image_panels

        panels = image_panels(dataset, study)
    made = tuple(TABLES) if tables is None else tables
    return write_reports(study, root, panels=panels, only=only, tables=made, write=write_bytes)


def rendered_table(study: Study, name: str, form: str) -> str:
    """One table of `study` as text in `form` (csv, markdown, latex, html)."""
    from reports.findings import Findings
    from reports.formatting import render
    from reports.report import make_table

    return render(make_table(Findings.of(study), name), form)
