"""Writes small datasets of drawn faces in every format that users bring."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from benchmark.datasets import CLASS_NAMES, SPLITS, Dataset
from benchmark.datasets.official import USAGES

ALPHABETICAL = tuple(sorted(CLASS_NAMES))
PREFIX = {split: usage for usage, split in USAGES.items()}
FER2013_FILES = {"train": "train", "validation": "publicTest", "test": "privateTest"}


def table(dataset: Dataset) -> list[tuple[int, str, str, np.ndarray, int]]:
    """(row, split, usage, image, label) of all images, in the order of `fer2013.csv`."""
    rows = []
    for split in SPLITS:
        part = dataset.split(split)
        for image, label in zip(part.images, part.labels.tolist(), strict=True):
            rows.append((len(rows), split, PREFIX[split], image, label))
    return rows


def encode(image: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return buffer.getvalue()


def pixels(image: np.ndarray) -> str:
    return " ".join(map(str, image.ravel().tolist()))


def write_csv(dataset: Dataset, path: Path) -> Path:
    lines = [f"{label},{pixels(image)},{usage}" for _, _, usage, image, label in table(dataset)]
    path.write_text("\n".join(["emotion,pixels,Usage", *lines]) + "\n")
    return path


def write_icml(dataset: Dataset, path: Path) -> Path:
    lines = [f"{label},{usage},{pixels(image)}" for _, _, usage, image, label in table(dataset)]
    path.write_text("\r\n".join(["emotion, Usage, pixels", *lines]) + "\r\n")
    return path


def write_folders(
    dataset: Dataset, root: Path, *, kind: str = "PNG", prefixes: bool = True, merged: bool = True
) -> Path:
    """merged: validation and test lie together in 'test', as in the edition people download."""
    suffix = {"PNG": ".png", "JPEG": ".jpg"}[kind]
    for row, split, usage, image, label in table(dataset):
        top = "train" if split == "train" else "test" if merged else split
        folder = root / top / CLASS_NAMES[label]
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{usage}_{row}" if prefixes else f"{row}"
        (folder / f"{name}{suffix}").write_bytes(encode(image, kind))
    return root


def features(label: str, names: Sequence[str] | None) -> dict[bytes, bytes]:
    described = {"names": list(names), "_type": "ClassLabel"} if names else {"dtype": "int64"}
    info = {"info": {"features": {"image": {"_type": "Image"}, label: described}}}
    return {b"huggingface": json.dumps(info).encode()}


def write_parquet(
    dataset: Dataset,
    root: Path,
    *,
    kind: str = "PNG",
    names: Sequence[str] | None = CLASS_NAMES,
    files: dict[str, str] | None = None,
    paths: bool = True,
) -> Path:
    """As on the hub; labels are numbered in the order of `names`."""
    root.mkdir(parents=True, exist_ok=True)
    order = [(names or CLASS_NAMES).index(name) for name in CLASS_NAMES]
    for split in SPLITS:
        rows = [r for r in table(dataset) if r[1] == split]
        images = [
            {"bytes": encode(image, kind), "path": f"{usage}_{row}.png" if paths else None}
            for row, _, usage, image, _ in rows
        ]
        kind_of_image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        columns = {
            "image": pa.array(images, kind_of_image),
            "label": pa.array([order[r[4]] for r in rows], pa.int64()),
        }
        stem = (files or {}).get(split, split)
        save(columns, root / f"{stem}-00000-of-00001.parquet", features("label", names))
    return root


def write_plain_parquet(dataset: Dataset, root: Path, *, text_labels: bool = False) -> Path:
    """The variant with `img_bytes` and `labels`, named publicTest and privateTest."""
    root.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        part = dataset.split(split)
        labels = part.labels.tolist()
        columns = {
            "img_bytes": pa.array([encode(image) for image in part.images], pa.binary()),
            "labels": pa.array([CLASS_NAMES[n].title() for n in labels] if text_labels else labels),
        }
        named = {} if text_labels else features("labels", CLASS_NAMES)
        save(columns, root / f"{FER2013_FILES[split]}-00000-of-00001-4b8a.parquet", named)
    return root


def save(columns: dict[str, Any], path: Path, metadata: dict[bytes, bytes] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata or None), path)
    return path


def write_photos(root: Path, photos: int = 20, *, folder: str = "image/origin") -> list[str]:
    """Photographs of 120x90 pixels, two faces each; returns the rows of their `label.lst`."""
    rng = np.random.default_rng(0)
    (root / folder).mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(photos):
        name = f"angry actor_{i}.jpg" if i % 2 else f"happy_{i}.jpg"
        noise = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((120, 90)).save(root / folder / name, quality=95)
        rows.append(f"{name} 0 10 5 45 50 60.5 {i % 7}")
        rows.append(f"{name} 1 20 60 115 75 30.25 {(i + 1) % 7}")
    return rows


def write_expw(root: Path, rows: Sequence[str]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "label.lst").write_text("\n".join(rows) + "\n")
    return root
