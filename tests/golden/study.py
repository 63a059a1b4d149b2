"""The golden study: how it is read, how its tables are made, and how both are written anew."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ensembles.methods import CORE
from ensembles.predictions import Predictions, Test, Validation
from reports.findings import Findings
from reports.formatting import SUFFIXES, render
from reports.report import make_table
from reports.study import Epoch, MemberRecord, Missing, Study
from tests.reports import factory

FOLDER = Path(__file__).parent
TABLES = FOLDER / "tables"
NAMES = (
    "members",
    "ensembles",
    "per_class",
    "seeds",
    "subsets",
    "contributions",
    "diversity",
    "significance",
    "pairs",
    "fitted_on_test",
)
"""Tables that depend on the study alone; those with published figures have tests of their own."""
STUDY, ARRAYS = FOLDER / "study.json", FOLDER / "predictions.npz"


def load() -> Study:
    """The study as it lies in this folder."""
    facts = json.loads(STUDY.read_text(encoding="utf-8"))
    with np.load(ARRAYS) as arrays:
        pairs = [
            (
                _split(Validation, f"validation{k}", arrays, facts),
                _split(Test, f"test{k}", arrays, facts),
            )
            for k in range(facts.pop("seeds"))
        ]
    del facts["classes"], facts["members"]
    return Study(
        validation=pairs[0][0],
        test=pairs[0][1],
        repeats=tuple(pairs[1:]),
        records=tuple(_record(record) for record in facts.pop("records")),
        missing=tuple(Missing(*one) for one in facts.pop("missing")),
        notes=tuple(facts.pop("notes")),
        class_counts={name: tuple(counts) for name, counts in facts.pop("class_counts").items()},
        **facts,
    )


def tables() -> dict[str, str]:
    """File name → content of every golden table; the methods are those that the papers compare."""
    findings = Findings.of(load(), CORE)
    return {
        f"{name}.{suffix}": render(make_table(findings, name), form)
        for name in NAMES
        for suffix, form in SUFFIXES.items()
    }


def _split(kind: type[Any], name: str, arrays: Any, facts: dict[str, Any]) -> Any:
    return kind.make(
        arrays[f"{name}_logits"],
        arrays[f"{name}_labels"],
        members=facts["members"],
        classes=facts["classes"],
        duplicate=arrays[f"{name}_duplicate"],
    )


def _record(facts: dict[str, Any]) -> MemberRecord:
    history = tuple(Epoch(**epoch) for epoch in facts.pop("history"))
    return MemberRecord(**{**facts, "groups": tuple(facts["groups"]), "history": history})


def _write_study() -> None:
    """Draw the study: some members stand for what tables must mark."""
    study = factory.study(3, images=130, repeats=1, seed=7)
    few = [dataclasses.replace(r, history=r.history[-2:]) for r in study.records]
    few[1] = dataclasses.replace(few[1], pretrained=False)
    few[2] = factory.imported(few[2].name)
    facts = {
        "dataset": study.dataset,
        "profile": study.profile,
        "synthetic": study.synthetic,
        "seeds": 2,
        "members": study.test.members,
        "classes": study.test.classes,
        "records": [dataclasses.asdict(record) for record in few],
        "class_counts": study.class_counts,
        "missing": [["fcn-a", "training stopped: the loss was not finite in epoch 3"]],
        "notes": [],
    }
    STUDY.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    arrays: dict[str, Any] = {}
    for k, pair in enumerate([(study.validation, study.test), *study.repeats]):
        splits: tuple[tuple[str, Predictions], ...] = (("validation", pair[0]), ("test", pair[1]))
        for name, split in splits:
            arrays[f"{name}{k}_logits"] = split.logits.astype(np.float32)
            arrays[f"{name}{k}_labels"] = split.labels.astype(np.uint8)
            arrays[f"{name}{k}_duplicate"] = split.duplicate
    np.savez_compressed(ARRAYS, **arrays)


def main() -> None:
    """Write the tables anew, after the study itself where `--new` is given."""
    if "--new" in sys.argv[1:]:
        _write_study()
    TABLES.mkdir(exist_ok=True)
    for name, content in tables().items():
        (TABLES / name).write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
