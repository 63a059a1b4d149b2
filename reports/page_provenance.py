"""Where every row of the page comes from: an entry for each member and each method, and the links
that lead there from the tables.

A link is a plain address within the page. A browser unfolds the block in which its target lies, so
links work where scripts do not run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ensembles.methods import method
from ensembles.scoring import ORACLE, Comparison, Score
from reports.study import MemberRecord, Study
from reports.tables import Row

OF_MEMBERS, OF_METHODS = ("member", "first", "second", "subject"), ("method", "subject")
"""Columns of tables whose cells name a member, and a method; `subject` may name either."""
JOINED = "subset"
"""The column whose cells name several members."""
PLUS = " + "
"""Stands between those."""
COMBINED = {"probability": "probabilities", "logit": "logits", "rank": "rankings"}


@dataclass(frozen=True)
class Links:
    """Addresses, within the page, of the entries of members and of methods, by name."""

    members: Mapping[str, str]
    methods: Mapping[str, str]

    @classmethod
    def of(cls, study: Study, comparison: Comparison) -> Links:
        """Members are numbered, for a name may hold anything; methods have plain names."""
        return cls(
            {record.name: f"member-{i}" for i, record in enumerate(study.records, start=1)},
            {score.method: f"method-{score.method}" for score in comparison.scores},
        )

    def __call__(self, key: str, row: Row) -> Sequence[tuple[str, str]]:
        """(name, address) of what a cell in the column `key` names; nothing where it names none."""
        value = row[key]
        if not isinstance(value, str):
            return ()
        if key == JOINED:
            names = value.split(PLUS)
            known = all(name in self.members for name in names)
            return tuple((name, self.members[name]) for name in names) if known else ()
        # Among methods a member says so in the column `kind`, for both may be called alike.
        alone = key == "method" and row.get("kind") == "member"
        for there, addresses in (
            (alone or key in OF_MEMBERS, self.members),
            (not alone and key in OF_METHODS, self.methods),
        ):
            if there and value in addresses:
                return ((value, addresses[value]),)
        return ()


def method_entries(study: Study, comparison: Comparison, links: Links) -> list[dict[str, Any]]:
    """Each row of the ensembles table: its members, what it combines, whose idea it is, what it
    chose. members: (name, address) of each, or nothing where all take part."""
    everyone = tuple(study.test.members)
    return [
        {
            "id": links.methods[score.method],
            "label": score.label,
            "members": ()
            if len(everyone) > 1 and score.member_names == everyone
            else tuple((name, links.members[name]) for name in score.member_names),
            **_fitting(score),
        }
        for score in comparison.scores
    ]


def _fitting(score: Score) -> dict[str, str]:
    if score.method == ORACLE:
        combined, source = "answers", "upper bound: right where any member is"
        return {"combined": combined, "source": source, "chosen": "nothing: it sees the true class"}
    known = method(score.method)
    return {
        "combined": COMBINED[known.space],
        "source": known.source,
        "chosen": score.detail or ("weights" if known.uses_validation else "nothing"),
    }


def member_entries(study: Study, links: Links) -> list[dict[str, Any]]:
    """What a reader needs to make each member again, as (what, value) pairs."""
    seeds = (study.records, *study.repeat_records)
    return [
        _member(links.members[record.name], [records[i] for records in seeds])
        for i, record in enumerate(study.records)
    ]


def _member(address: str, trained: Sequence[MemberRecord]) -> dict[str, Any]:
    """trained: the records of one member, of each seed."""
    record = trained[0]
    facts = {
        "Seed" if len(trained) == 1 else "Seeds": ", ".join(str(one.seed) for one in trained),
        "Source": record.source,
        "Groups": ", ".join(record.groups),
        "Device": record.device,
        "Parameters": _count(record.parameters),
        "Multiply-accumulates": _count(record.macs),
        "Training": None if record.train_seconds is None else f"{record.train_seconds:,.1f} s",
        "Epochs": len(record.history) or None,
        "ImageNet weights": {True: "loaded", False: "asked for, not loaded", None: None}[
            record.pretrained
        ],
        **{"Key" if len(trained) == 1 else f"Key, seed {one.seed}": one.key for one in trained},
    }
    return {
        "id": address,
        "name": record.name,
        "imported": record.imported,
        "facts": [(what, value) for what, value in facts.items() if value not in (None, "")],
        "recipe": [(name, _plain(value)) for name, value in record.recipe.items()],
    }


def _count(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
