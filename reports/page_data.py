"""What the explorer computes with: test logits, and what was fitted on validation.

Logits are embedded as little-endian float32 in base64, the precision in which they are stored, so
the page starts from the very numbers that Python starts from.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensembles.evidence import Evidence
from ensembles.predictions import PredictionsError
from ensembles.scoring import Comparison
from ensembles.weighting import EXPONENTS, power_weights
from reports.findings import chosen_score
from reports.study import Study

WEIGHTINGS: Mapping[str, tuple[str, str]] = {
    "average": ("Simple average", "every member counts the same"),
    "accuracy": ("Accuracy-weighted", "members count by validation accuracy"),
    "per_class": ("Per-class weighted", "class by class, members count by validation recall"),
    "exponential": ("Exponentially weighted", "by validation accuracy to the power q"),
    "vote": ("Majority vote", "each member has one vote"),
    "geometric": ("Geometric mean", "logits are averaged instead of probabilities"),
}
"""The weightings that the page can compute, by their name in `ensembles`: (label, what it does)."""
COSTS: Mapping[str, tuple[str, str]] = {
    "macs": ("Multiply-accumulates for one image", "MACs"),
    "train_seconds": ("Seconds of training", "s"),
    "parameters": ("Parameters", "parameters"),
    "latency_ms": ("Milliseconds for one image", "ms"),
}
"""Fields of `MemberRecord` that add up to an ensemble's cost: (what it is, its unit)."""


def explorer_data(study: Study, comparison: Comparison) -> dict[str, Any]:
    """Everything that the explorer needs, ready for JSON; members in the study's order."""
    evidence = Evidence(study.validation)
    recalls = _recalls(evidence)
    members = [
        {
            "name": record.name,
            "logits": encode(study.test.logits[i]),
            "accuracy": float(evidence.accuracies[i]),
            "recalls": recalls[i] if recalls else None,
            "temperature": float(evidence.temperatures[i]),
            "cost": {name: getattr(record, name) for name in COSTS},
        }
        for i, record in enumerate(study.records)
    ]
    return {
        "classes": list(study.test.classes),
        "labels": study.test.labels.tolist(),
        "duplicates": np.flatnonzero(study.test.duplicate).tolist(),
        "validation_images": len(study.validation.labels),
        "members": members,
        "ranking": list(evidence.ranking),
        "exponent": _exponent(evidence, comparison),
        "exponents": [float(EXPONENTS[0]), float(EXPONENTS[-1])],
        "weightings": [
            {"name": name, "label": label, "help": text}
            for name, (label, text) in WEIGHTINGS.items()
            if recalls or name != "per_class"
        ],
        "costs": [
            {"name": name, "label": label, "unit": unit}
            for name, (label, unit) in COSTS.items()
            if all(getattr(record, name) for record in study.records)
        ],
    }


def encode(logits: np.typing.ArrayLike) -> str:
    """Logits (N, C) as base64 of their little-endian float32 bytes, row by row."""
    return base64.b64encode(np.asarray(logits, dtype="<f4").tobytes()).decode("ascii")


@dataclass(frozen=True)
class Preferred:
    """Which members an explorer without room for all keeps. ensembles: members of each ensemble
    that is kept whole or not at all, the more important first; others: whom to add then."""

    ensembles: Sequence[Collection[str]] = ()
    others: Collection[str] = ()

    @classmethod
    def of(cls, study: Study, comparison: Comparison) -> Preferred:
        """The ensemble that validation chose, the best subset, and the group `nine`."""
        chosen = chosen_score(comparison)
        best = next((s for s in comparison.scores if s.method == "best_subset"), None)
        return cls(
            ensembles=tuple(s.member_names for s in (chosen, best) if s is not None),
            others=tuple(record.name for record in study.records if "nine" in record.groups),
        )


def fitting(
    data: Mapping[str, Any], budget: int, preferred: Preferred
) -> tuple[dict[str, Any], list[str]]:
    """The data with as many members as fit into `budget` bytes, and the names of those left out.

    Room goes to the preferred ensembles that fit whole, for without one member an ensemble cannot
    be put together; then to the other preferred members; then to the rest, those of higher
    validation accuracy first. The members kept and those left out stay in the study's order.
    """
    members = data["members"]
    sizes = [len(to_json(member)) + 1 for member in members]
    room = budget - len(to_json({**data, "members": []}))
    kept: dict[int, None] = {}
    single = sorted(data["ranking"], key=lambda i: members[i]["name"] not in preferred.others)
    wanted = [[i for i in single if members[i]["name"] in some] for some in preferred.ensembles]
    for indices in (*wanted, *([index] for index in single)):
        missing = [index for index in indices if index not in kept]
        needed = sum(sizes[index] for index in missing)
        if needed <= room:
            room -= needed
            kept.update(dict.fromkeys(missing))
    place = {index: position for position, index in enumerate(sorted(kept))}
    chosen = {
        **data,
        "members": [members[index] for index in place],
        "ranking": [place[index] for index in data["ranking"] if index in place],
    }
    return chosen, [member["name"] for i, member in enumerate(members) if i not in place]


def to_json(value: object) -> str:
    """JSON that cannot end the script element that it stands in, in ASCII: one byte a letter."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _recalls(evidence: Evidence) -> list[list[float]] | None:
    """Validation recalls (M, C); None where a class has no validation image."""
    try:
        return [[float(value) for value in row] for row in evidence.recalls]
    except PredictionsError:
        return None


def _exponent(evidence: Evidence, comparison: Comparison) -> float:
    """The q that the comparison's exponential weighting chose on validation; 1 without one."""
    combiner = comparison.combiners.get("exponential")
    if combiner is None or combiner.weights is None:
        return 1.0
    candidates = power_weights(evidence.accuracies, len(evidence.labels), EXPONENTS)
    return float(EXPONENTS[np.abs(candidates - combiner.weights).sum(axis=1).argmin()])
