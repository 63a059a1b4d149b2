"""What the store knows of a dataset: labels, sample ids, which images leak, how many of a class.

With these two small files every table is made again without the images.

    <root>/samples/{validation,test}.safetensors    labels int64 (N,), duplicate uint8 (N,),
                                                    sample_ids uint8 (UTF-8, separated by newlines)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save as save_tensors

from benchmark.datasets import SPLITS, Dataset
from benchmark.datasets.duplicates import duplicate_mask
from benchmark.errors import RequestError
from benchmark.files import canonical_json, digest, is_sealed, sealed, set_aside, write_bytes
from benchmark.store import (
    EVALUATED,
    SCHEMA,
    DamagedError,
    check_schema,
    load_checked,
    tensor_digest,
)

REWRITTEN = (
    "`python -m benchmark train` with the same data writes it again, and no member is trained "
    "again for it"
)


@dataclass(frozen=True)
class DatasetFacts:
    """A dataset without its images."""

    name: str
    origin: str
    synthetic: bool
    classes: tuple[str, ...]
    class_counts: dict[str, tuple[int, ...]]
    fingerprints: dict[str, str]
    """Hash of the sample ids and labels of each split."""
    pixels: dict[str, str]
    """Hash of the images of each split."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Samples:
    """One evaluated split. labels (N,), sample_ids (N,), duplicate (N,): a copy is in training."""

    labels: npt.NDArray[np.int64]
    sample_ids: npt.NDArray[np.str_]
    duplicate: npt.NDArray[np.bool_]
    facts: DatasetFacts


def facts_of(dataset: Dataset) -> DatasetFacts:
    """Everything about `dataset` that the store remembers besides the samples themselves."""
    classes = len(dataset.class_names)
    splits = {name: dataset.split(name) for name in SPLITS}
    return DatasetFacts(
        name=dataset.name,
        origin=dataset.origin,
        synthetic=dataset.synthetic,
        classes=dataset.class_names,
        class_counts={
            name: tuple(int(n) for n in np.bincount(split.labels, minlength=classes))
            for name, split in splits.items()
        },
        fingerprints={
            name: digest("\n".join(split.sample_ids).encode() + split.labels.tobytes())
            for name, split in splits.items()
        },
        pixels={name: tensor_digest(split.images) for name, split in splits.items()},
        warnings=dataset.warnings,
    )


def write_samples(root: Path, dataset: Dataset, facts: DatasetFacts) -> tuple[Path, ...]:
    """Write both files, unless they already say the same; damaged ones are set aside.

    Returns where damaged ones lie now. Raises `RequestError` where the folder holds the results of
    other samples: logits of one edition must not be scored with the labels of another.
    """
    damaged = []
    for split in EVALUATED:
        path = samples_path(root, split)
        if path.exists():
            try:
                found = read_samples(root, split).facts.fingerprints
            except DamagedError:
                damaged.append(set_aside_samples(root, split))
            else:
                _refuse_others(root, split, found, facts)
        data = _content(dataset, split, facts)
        if not path.exists() or path.read_bytes() != data:
            write_bytes(path, data)
    return tuple(damaged)


def set_aside_samples(root: Path, split: str) -> Path:
    """Move a damaged file out of the way, keeping it; return where it lies now."""
    return set_aside(samples_path(root, split), root / "damaged", f"samples-{split}")


def _refuse_others(root: Path, split: str, found: dict[str, str], facts: DatasetFacts) -> None:
    if found[split] != facts.fingerprints[split]:
        raise RequestError(
            f"{root} holds results for other images or labels in the {split} split than "
            f"{facts.origin} has: give another folder with --results"
        )


def _content(dataset: Dataset, split: str, facts: DatasetFacts) -> bytes:
    part = dataset.split(split)
    tensors: dict[str, npt.NDArray[Any]] = {
        "labels": np.ascontiguousarray(part.labels, np.int64),
        "duplicate": duplicate_mask(dataset, split).astype(np.uint8),
        "sample_ids": np.frombuffer("\n".join(part.sample_ids).encode(), np.uint8),
    }
    fields = {"schema": SCHEMA, **_facts_fields(facts), "sha256": _digests(tensors)}
    return save_tensors(tensors, metadata={"dataset": canonical_json(sealed(fields)).decode()})


def read_samples(root: Path, split: str) -> Samples:
    """Read one evaluated split. Raises `RequestError` where there is none, `DamagedError` and
    `SchemaError`."""
    path = samples_path(root, split)
    if not path.exists():
        raise RequestError(
            f"there are no results in {root}: run `python -m benchmark run-all` first, or name the "
            "folder that holds them with --results"
        )
    try:
        tensors, fields = _checked(path)
    except DamagedError as error:
        raise DamagedError(f"{error}; {REWRITTEN}") from error
    check_schema(fields, path)
    try:
        return Samples(
            labels=tensors["labels"].astype(np.int64, casting="safe"),
            sample_ids=np.array(tensors["sample_ids"].tobytes().decode().split("\n")),
            duplicate=tensors["duplicate"].astype(bool),
            facts=_facts_from(fields),
        )
    # A seal says that it is whole, not that this program wrote it.
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedError(
            f"{path} holds no samples that this program wrote; {REWRITTEN}"
        ) from error


def _checked(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    tensors, metadata = load_checked(path)
    text = metadata.get("dataset", "")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path} cannot be read ({type(error).__name__})") from error
    whole = is_sealed(fields) and canonical_json(fields).decode() == text
    if not whole or fields["sha256"] != _digests(tensors):
        raise DamagedError(f"{path} is not what was written: its checksum is wrong")
    return tensors, fields


def samples_path(root: Path, split: str) -> Path:
    """Where the samples of `split` lie."""
    return root / "samples" / f"{split}.safetensors"


def _digests(tensors: dict[str, npt.NDArray[Any]]) -> dict[str, str]:
    return {name: tensor_digest(array) for name, array in sorted(tensors.items())}


def _facts_fields(facts: DatasetFacts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "origin": facts.origin,
        "synthetic": facts.synthetic,
        "classes": list(facts.classes),
        "class_counts": {name: list(counts) for name, counts in facts.class_counts.items()},
        "fingerprints": facts.fingerprints,
        "pixels": facts.pixels,
        "warnings": list(facts.warnings),
    }


def _facts_from(fields: dict[str, Any]) -> DatasetFacts:
    return DatasetFacts(
        name=fields["name"],
        origin=fields["origin"],
        synthetic=fields["synthetic"],
        classes=tuple(fields["classes"]),
        class_counts={name: tuple(fields["class_counts"][name]) for name in SPLITS},
        fingerprints=fields["fingerprints"],
        pixels=fields["pixels"],
        warnings=tuple(fields["warnings"]),
    )
