"""What the explorer computes with: test logits, and what was fitted on validation.

Logits are embedded as little-endian float32 in base64, the precision in which they are stored, so
the page starts from the very numbers that Python starts from.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
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


def first_to_keep(study: Study, comparison: Comparison) -> tuple[tuple[str, ...], ...]:
    """Members by whom an ensemble is most likely looked up, in sets, the more important one first:
    the ensemble that validation chose, the best subset, the group `nine`.

    A set of all members prefers none of them.
    """
    chosen = chosen_score(comparison)
    best = next((s for s in comparison.scores if s.method == "best_subset"), None)
    nine = tuple(record.name for record in study.records if "nine" in record.groups)
    return (*(s.member_names for s in (chosen, best) if s is not None), nine)


def fitting(
    data: Mapping[str, Any], budget: int, preferred: Sequence[Collection[str]]
) -> tuple[dict[str, Any], list[str]]:
    """The data with as many members as fit into `budget` bytes, and the names of those left out.

    Room goes to the members of the first set in `preferred` first, then to those of the next, then
    to the others; within each to those of higher validation accuracy first. The members kept and
    those left out stay in the study's order.
    """
    members = data["members"]

    def rank(index: int) -> tuple[bool, ...]:
        return tuple(members[index]["name"] not in some for some in preferred)

    kept: list[int] = []
    used = len(to_json({**data, "members": []}))
    for index in sorted(data["ranking"], key=rank):
        used += len(to_json(members[index])) + 1
        if used > budget:
            break
        kept.append(index)
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
