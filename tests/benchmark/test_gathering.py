"""A study gathered from a store of several seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.samples import facts_of, write_samples
from benchmark.stages import gather
from tests.benchmark import small


def test_further_seeds_come_with_their_records(tmp_path: Path) -> None:
    write_samples(tmp_path, small.dataset(), facts_of(small.dataset()))
    stores = [small.commit(tmp_path, 1 + seed, seed=seed) for seed in (0, 1, 2)]
    study = gather(tmp_path)
    entries = [stores[-1].read("one", seed) for seed in (0, 1, 2)]
    found = (study.records, *study.repeat_records)
    assert [(r.name, r.seed) for records in found for r in records] == [
        ("one", 0),
        ("one", 1),
        ("one", 2),
    ]
    assert len(study.repeats) == len(study.repeat_records) == 2
    for entry, records in zip(entries, found, strict=True):
        assert entry is not None and records[0].key == entry.manifest["key"]
    for entry, (_, test) in zip(entries[1:], study.repeats, strict=True):
        assert entry is not None and np.array_equal(test.logits[0], entry.logits["test"])
