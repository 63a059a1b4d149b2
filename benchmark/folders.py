"""Predictions on any classification problem, in a folder: `score --predictions FOLDER`.

    FOLDER/validation/labels.npy (or .csv with one column)    whole numbers (N,), 0 to C - 1
    FOLDER/validation/<member>.npy .npz .csv .parquet .safetensors    logits or probabilities (N, C)
    FOLDER/test/...                                           the same members
    FOLDER/classes.txt                                        optional: C names, one a line

Weights are fitted on `validation`, figures are of `test`; the two may differ in N.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmark.errors import RequestError
from benchmark.foreign import read_logits
from benchmark.foreign_files import SUFFIXES, read_array, read_labels
from ensembles.predictions import Predictions, Test, Validation
from reports.study import MemberRecord, Study

LABELS = "labels"
MOST_CLASSES = 1000
"""A confusion matrix has the square of them."""
MOST_CHARACTERS = 1 << 20
"""Of all class names."""


def read_folder(folder: Path) -> Study:
    """The predictions in `folder` as a study. Raises `RequestError` naming file, row and column."""
    files = {split: _member_files(folder / split) for split in ("validation", "test")}
    names = sorted(files["validation"])
    if names != sorted(files["test"]):
        alone = sorted(set(names) ^ set(files["test"]))[0]
        raise RequestError(
            f"{folder}: the member {alone!r} has predictions in one split only: accepted are the "
            "same members in validation/ and test/"
        )
    classes = _class_names(folder, files["validation"][names[0]])
    validation, test = (
        _predictions(kind, folder / split, files[split], names, classes)
        for kind, split in ((Validation, "validation"), (Test, "test"))
    )
    assert isinstance(validation, Validation)
    assert isinstance(test, Test)
    return Study(
        dataset=folder.resolve().name,
        profile="imported",
        synthetic=False,
        records=tuple(_record(name, files["test"][name]) for name in names),
        validation=validation,
        test=test,
        class_counts={
            "validation": _counts(validation),
            "test": _counts(test),
        },
    )


def _member_files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise RequestError(
            f"{folder} is not a folder: accepted is a folder with validation/ and test/, each with "
            "labels and one file of predictions for every member"
        )
    found = {
        path.stem: path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and path.stem != LABELS
    }
    if not found:
        raise RequestError(
            f"{folder} has no predictions: accepted are {', '.join(SUFFIXES)} files named after "
            "their members"
        )
    return found


def _class_names(folder: Path, example: Path) -> tuple[str, ...]:
    path = folder / "classes.txt"
    if not path.is_file():
        columns = read_array(example).values.shape[1]
        if columns > MOST_CLASSES:
            raise RequestError(
                f"{example} has {columns:,} columns: accepted are at most {MOST_CLASSES:,} classes"
            )
        return tuple(str(i) for i in range(columns))
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except UnicodeDecodeError as error:
        raise RequestError(f"{path} is not text: accepted are class names, one a line") from error
    if len(text) > MOST_CHARACTERS:
        raise RequestError(
            f"{path} is longer than {MOST_CHARACTERS:,} characters: accepted are class names, one "
            "a line"
        )
    lines = text.splitlines()
    if len(lines) > MOST_CLASSES:
        raise RequestError(
            f"{path} has {len(lines):,} lines: accepted are at most {MOST_CLASSES:,} classes"
        )
    return tuple(line.strip() for line in lines if line.strip())


def _labels(folder: Path, classes: int) -> npt.NDArray[np.int64]:
    paths = [path for path in (folder / f"{LABELS}.npy", folder / f"{LABELS}.csv") if path.exists()]
    if not paths:
        raise RequestError(f"{folder} has no labels: accepted is labels.npy or labels.csv")
    path = paths[0]
    values = read_array(path).values if path.suffix == ".csv" else read_labels(path)
    flat = np.asarray(values).reshape(-1) if values.ndim == 1 or values.shape[1:] == (1,) else None
    if flat is None or flat.dtype.kind not in "iuf":
        raise RequestError(
            f"{path} has shape {values.shape} and type {values.dtype}: accepted are whole numbers, "
            "one for each image"
        )
    with np.errstate(invalid="ignore"):  # no number, or one out of range: refused below
        labels = flat.astype(np.int64)
    wrong = np.flatnonzero((labels != flat) | (labels < 0) | (labels >= classes))
    if len(wrong):
        raise RequestError(
            f"{path}: row {wrong[0] + 1} is {flat[wrong[0]]}: accepted are whole numbers from 0 to "
            f"{classes - 1}"
        )
    return labels


def _predictions(
    kind: type[Predictions],
    folder: Path,
    files: dict[str, Path],
    names: list[str],
    classes: tuple[str, ...],
) -> Predictions:
    labels = _labels(folder, len(classes))
    ids = np.array([str(i) for i in range(len(labels))])
    logits = [read_logits(files[name], classes=classes, sample_ids=ids) for name in names]
    return kind.make(np.stack(logits), labels, members=names, classes=classes, sample_ids=ids)


def _counts(predictions: Predictions) -> tuple[int, ...]:
    counts = np.bincount(predictions.labels, minlength=len(predictions.classes))
    return tuple(int(count) for count in counts)


def _record(name: str, path: Path) -> MemberRecord:
    return MemberRecord(
        name=name,
        seed=0,
        source=f"imported from {path.name}",
        groups=(),
        recipe={},
        parameters=None,
        macs=None,
        train_seconds=None,
        latency_ms=None,
        device="",
        history=(),
        key="",
        pretrained=None,
        imported=True,
    )
