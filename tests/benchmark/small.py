"""A dataset of 100 images and the pieces of a run on it, small enough to be repeated often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmark.datasets import CLASS_NAMES, Dataset, Split
from benchmark.plan import Plan, Request, make_plan
from benchmark.samples import facts_of
from benchmark.store import LogitsStore
from tests.benchmark.runner import TINY_ZOO

ROWS = 20
"""Images of each evaluated split."""


def split(name: str, count: int, seed: int) -> Split:
    """Images whose brightest stripe tells the label."""
    labels = np.arange(count) % len(CLASS_NAMES)
    images = np.random.default_rng(seed).integers(0, 100, (count, 48, 48)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[6 * label : 6 * label + 6] += 120
    return Split(images, labels, np.array([f"{name}/{i:06d}" for i in range(count)]))


def dataset(seed: int = 0) -> Dataset:
    """60 training images and 20 in each evaluated split; `seed` decides the pixels."""
    return Dataset(
        name="faces",
        origin="small stripes",
        train=split("train", 60, seed),
        validation=split("validation", ROWS, seed + 1),
        test=split("test", ROWS, seed + 2),
        synthetic=True,
    )


def plan(results: Path, members: str = "tiny", zoo: Path = TINY_ZOO, **options: Any) -> Plan:
    """A plan for it, one training at a time, a checkpoint after every epoch."""
    request = Request(
        members=members, zoo=(zoo,), results=results, device="cpu", jobs=1, checkpoint_every=0
    )
    return make_plan(Request(**{**request.__dict__, **options}))


def logits(seed: int) -> dict[str, np.ndarray]:
    """Some logits of both evaluated splits."""
    random = np.random.default_rng(seed)
    shape = (ROWS, len(CLASS_NAMES))
    return {name: random.normal(size=shape).astype(np.float32) for name in ("validation", "test")}


def fields(version: int) -> dict[str, Any]:
    """The manifest of a member that was trained, less what the store adds; `version` decides the
    key."""
    facts = facts_of(dataset())
    return {
        "decides": {"recipe": {"epochs": version}},
        "source": "the tests",
        "groups": [],
        "imported": False,
        "recipe": {
            "epochs": version,
            "optimizer": "adam",
            "learning_rate": 0.001,
            "balance": None,
        },
        "width": 0.25,
        "profile": "quick",
        "pretrained": None,
        "architecture": None,
        "parameters": 1000,
        "macs": 2000,
        "train_seconds": 1.5,
        "latency_ms": 0.1 + 0.2,
        "device": "cpu",
        "dataset": {"name": facts.name, "samples": facts.fingerprints},
        "history": [],
    }


def commit(root: Path, version: int, member: str = "one", seed: int = 0) -> LogitsStore:
    """A store with an entry of that version."""
    store = LogitsStore(root)
    store.commit(member, seed, logits(version), fields(version))
    return store


def version_of(root: Path, member: str = "one", seed: int = 0) -> int | None:
    """The version of the entry, every byte of it checked, or None."""
    entry = LogitsStore(root).read(member, seed)
    if entry is None:
        return None
    version: int = entry.manifest["recipe"]["epochs"]
    for name, values in logits(version).items():
        assert np.array_equal(entry.logits[name], values)
    return version
