"""One (member, seed) of a plan: what decides its logits, and training it into the store."""

from __future__ import annotations

import dataclasses
import subprocess
import time
import traceback
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import Timeout

from benchmark.checkpoints import CheckpointFile, damaged_slots
from benchmark.datasets import Dataset
from benchmark.errors import RequestError
from benchmark.events import Event, Kind, Listener
from benchmark.files import digest, write_bytes
from benchmark.plan import Plan, Request
from benchmark.samples import DatasetFacts
from benchmark.store import TRAINING, LogitsStore, key_of, weights_path
from zoo.job import Data, Job, Outcome, fingerprint, library_versions, run_job
from zoo.member import Member, ZooError
from zoo.run_state import EpochResult
from zoo.training import TrainingError


def training_data(dataset: Dataset, limit: int | None) -> Data:
    """The arrays a job needs; at most `limit` training images, a random but fixed choice."""
    rows = np.arange(len(dataset.train))
    if limit is not None and limit < len(rows):
        rows = np.sort(np.random.default_rng(0).choice(len(rows), limit, replace=False))
    return Data(
        train_images=np.ascontiguousarray(dataset.train.images[rows]),
        train_labels=dataset.train.labels[rows],
        validation_images=dataset.validation.images,
        validation_labels=dataset.validation.labels,
        test_images=dataset.test.images,
    )


def decides(plan: Plan, member: Member, seed: int, facts: DatasetFacts) -> dict[str, Any]:
    """Everything that decides the logits of (member, seed), as plain values."""
    return {
        "training": TRAINING,
        "seed": seed,
        "recipe": plan.recipe(member).as_dict(),
        "architecture": fingerprint(member, plan.profile.width),
        "width": plan.profile.width,
        "train_limit": plan.profile.train_limit,
        "dataset": {"samples": facts.fingerprints, "pixels": facts.pixels},
    }


@lru_cache(maxsize=1)
def git_revision() -> str | None:
    """The revision of this code, or None where it does not lie in a checkout."""
    command = ["git", "rev-parse", "HEAD"]
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@dataclass(frozen=True, eq=False)
class Work:
    """What is the same for every training of a plan, as plain values for another process."""

    request: Request
    data: Data
    facts: DatasetFacts
    device: str
    threads: int


class Trainer:
    """Trains any (member, seed) of a plan into its store."""

    def __init__(self, plan: Plan, work: Work, listen: Listener) -> None:
        self._plan, self._work, self._listen = plan, work, listen
        self._store = LogitsStore(plan.root)

    def train(self, index: int) -> bool:
        """Train `plan.runs[index]` unless it is in the store; return whether it now is.

        Whatever goes wrong with the member is told to the listener with its reason and written to
        a log of its own; the caller goes on with the others.
        """
        member, seed = self._plan.runs[index]
        start = time.monotonic()
        try:
            try:
                with self._store.lock(member.name, seed, timeout=0):
                    self._train(member, seed)
            except Timeout:
                self._listen(Event("waiting", member.name, seed, "another process trains it"))
                with self._store.lock(member.name, seed):
                    self._train(member, seed)
        # The boundary: one member must not take the others down, nor end the run by `sys.exit`.
        except (Exception, SystemExit) as error:
            log = self._keep_traceback(member.name, seed)
            seconds = time.monotonic() - start
            event = Event("failed", member.name, seed, _reason(error), seconds=seconds, log=log)
            self._listen(event)
            return False
        return True

    def _keep_traceback(self, member: str, seed: int) -> str:
        """Write the error being handled to the member's log; return where that is."""
        log = self._plan.root / "logs" / f"{member}-seed{seed}.log"
        try:
            write_bytes(log, traceback.format_exc().encode(errors="backslashreplace"))
        except OSError:  # the disk may be what failed; the reason is told all the same
            return ""
        return str(log)

    def _train(self, member: Member, seed: int) -> None:
        """Train, with the lock held."""
        plan = self._plan
        decided = decides(plan, member, seed, self._work.facts)
        state = self._store.state(member.name, seed, decided)
        if state.kind == "fresh":
            self._listen(Event("reused", member.name, seed))
            return
        if state.kind == "damaged":
            self._store.set_aside(member.name, seed)
        recipe = plan.recipe(member)
        folder = plan.root / "checkpoints" / member.name / f"seed{seed}"
        damaged = [f"the checkpoint {path} is damaged, left out" for path in damaged_slots(folder)]
        self._listen(Event("started", member.name, seed, "; ".join(damaged), epochs=recipe.epochs))
        start = time.monotonic()
        checkpoint = CheckpointFile(folder, key_of(decided), plan.request.checkpoint_every)
        job = Job(
            member=member,
            recipe=recipe,
            width=plan.profile.width,
            seed=seed,
            device=self._work.device,
            threads=self._work.threads,
            exact=plan.request.exact,
        )

        def told(kind: Kind, result: EpochResult | None, seconds: float) -> None:
            event = Event(kind, member.name, seed, epochs=recipe.epochs, seconds=seconds)
            self._listen(_with_result(event, result))

        outcome = run_job(
            job,
            self._work.data,
            on_epoch=lambda result: told("epoch", result, result.seconds),
            checkpoint=checkpoint,
        )
        weights = _save_weights(plan.root, member.name, seed, outcome)
        fields = manifest_fields(plan, member, outcome, self._work.facts, decided)
        self._store.commit(member.name, seed, outcome.logits, {**fields, "weights": weights})
        checkpoint.clear()
        last = outcome.trained.history[-1] if outcome.trained.history else None
        told("trained", last, time.monotonic() - start)


def _with_result(event: Event, result: EpochResult | None) -> Event:
    """`event` with the figures of an epoch, where there was one."""
    if result is None:
        return event
    return replace(event, epoch=result.epoch, val_accuracy=result.val_accuracy)


def _reason(error: Exception | SystemExit) -> str:
    """One line for people; an error that nobody wrote a sentence for is named by its type."""
    told = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, ZooError | TrainingError | RequestError | OSError):
        return told
    name = type(error).__name__
    return told if told == name else f"{name}: {told}"


def manifest_fields(
    plan: Plan, member: Member, outcome: Outcome, facts: DatasetFacts, decided: dict[str, Any]
) -> dict[str, Any]:
    """The manifest of a trained member, less what the store adds itself."""
    recipe = plan.recipe(member)
    return {
        "decides": decided,
        "source": member.source,
        "groups": list(member.groups),
        "family": member.family,
        "imported": False,
        "recipe": recipe.as_dict(),
        "width": plan.profile.width,
        "profile": plan.profile.name,
        "architecture": decided["architecture"],
        "pretrained": recipe.pretrained if plan.profile.recipe(member).pretrained else None,
        "parameters": outcome.parameters,
        "macs": outcome.macs,
        "train_seconds": outcome.trained.seconds,
        "latency_ms": outcome.latency_ms,
        "device": outcome.device,
        "exact": plan.request.exact,
        "accumulate": outcome.accumulate,
        "resumed_from": outcome.trained.resumed_from,
        "versions": library_versions(),
        "git": git_revision(),
        "dataset": {"name": facts.name, "samples": facts.fingerprints},
        "history": [dataclasses.asdict(result) for result in outcome.trained.history],
    }


def _save_weights(root: Path, member: str, seed: int, outcome: Outcome) -> str:
    """Keep the weights on this machine, for `predict`; they are too large to be shipped. Returns
    the sha256 of the file."""
    import torch
    from safetensors.torch import save

    # Copies, because two names of a network may share one tensor.
    plain = torch.contiguous_format
    data = save({n: tensor.clone(memory_format=plain) for n, tensor in outcome.weights.items()})
    write_bytes(weights_path(root, member, seed), data)
    return digest(data)
