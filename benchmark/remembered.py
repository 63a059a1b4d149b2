"""What a report was made from: so that a repeated `run-all` with nothing new makes it only once.

<root>/report.json    the key of what went in, the sha256 of every file that came out, and the
                      short table as the terminal shows it
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ensembles
import reports
from benchmark.files import digest, file_digest, open_sealed, read_small, sealed_bytes, write_bytes
from benchmark.store import tensor_digest
from reports.study import Study

NAME = "report.json"


@dataclass(frozen=True)
class ShortTable:
    """The ensembles in short, ready to print. best: (row, column) of the best values."""

    title: str
    headers: tuple[str, ...]
    texts: tuple[bool, ...]
    """Whether a column holds words (and not figures)."""
    rows: tuple[tuple[str, ...], ...]
    best: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Remembered:
    """A report that still stands as it was written."""

    files: int
    short: ShortTable


def report_key(study: Study) -> str:
    """Hash of everything that a report says: logits, labels, records, and the code that writes."""
    facts = {
        "logits": [tensor_digest(split.logits) for split in (study.validation, study.test)],
        "labels": [tensor_digest(split.labels) for split in (study.validation, study.test)],
        "repeats": [tensor_digest(split.logits) for pair in study.repeats for split in pair],
        "records": [r.key for some in (study.records, *study.repeat_records) for r in some],
        "members": list(study.test.members),
        "missing": [asdict(one) for one in study.missing],
        "notes": list(study.notes),
        "speed": repr(study.speed),
        "code": _code(),
    }
    return digest(facts)


def _code() -> str:
    """Hash of every file that computes or writes a report."""
    folders = [Path(str(package.__file__)).parent for package in (ensembles, reports)]
    files = sorted(path for folder in folders for path in folder.rglob("*.*") if path.is_file())
    kept = [path for path in files if "__pycache__" not in path.parts]
    return digest(b"".join(path.name.encode() + path.read_bytes() for path in kept))


def remember(root: Path, key: str, files: Sequence[Path], short: ShortTable) -> None:
    """Write down what was made. The files lie under `root`."""
    fields = {
        "key": key,
        "files": {str(path.relative_to(root)): file_digest(path) for path in files},
        "short": asdict(short),
    }
    # As JSON, because what is read back has lists where a table has tuples.
    write_bytes(root / NAME, sealed_bytes(json.loads(json.dumps(fields))))


def recall(root: Path, key: str) -> Remembered | None:
    """The report of `key`, if it was made and every one of its files is as it was written."""
    try:
        fields = open_sealed(read_small(root / NAME))
    except OSError:
        return None
    if fields is None or fields.get("key") != key:
        return None
    if not all(_unchanged(root / name, wanted) for name, wanted in fields["files"].items()):
        return None
    return Remembered(len(fields["files"]), _short(fields["short"]))


def _unchanged(path: Path, wanted: str) -> bool:
    try:
        return file_digest(path) == wanted
    except OSError:
        return False


def _short(fields: Mapping[str, Any]) -> ShortTable:
    return ShortTable(
        title=fields["title"],
        headers=tuple(fields["headers"]),
        texts=tuple(fields["texts"]),
        rows=tuple(tuple(row) for row in fields["rows"]),
        best=tuple((row, column) for row, column in fields["best"]),
    )
