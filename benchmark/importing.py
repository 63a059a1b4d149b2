"""`import-logits`: makes a member of predictions that any framework made."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import RequestError
from benchmark.failures import forget_failure
from benchmark.foreign import read_logits
from benchmark.samples import read_samples
from benchmark.store import DamagedError, LogitsStore, tensor_digest
from zoo.catalogue import load_catalogue
from zoo.member import check_name


def import_member(
    root: Path, name: str, validation: Path, test: Path, *, source: str = "", family: str = ""
) -> int:
    """Put the predictions in `validation` and `test` into the store as the member `name`.

    family: its architecture family, by default one of its own. Returns the number of test images.
    Raises `RequestError` for files that do not fit the samples of the store, and for the name of a
    member that was trained.
    """
    check_name(name)
    store = LogitsStore(root)
    catalogue = load_catalogue()
    if name in catalogue.groups:
        raise RequestError(
            f"{name!r} is a group of members: accepted is a name of your own for imported logits"
        )
    if any(member.name == name for member in catalogue.members):
        raise RequestError(
            f"{name!r} is a member of the zoo: accepted is a name of your own for imported logits"
        )
    logits = {}
    for split, path in (("validation", validation), ("test", test)):
        samples = read_samples(root, split)
        logits[split] = read_logits(
            path, classes=samples.facts.classes, sample_ids=samples.sample_ids
        )
    with store.lock(name, 0):
        try:
            before = store.read(name, 0)
        except DamagedError:
            store.set_aside(name, 0)
            before = None
        if before is not None and not before.manifest["imported"]:
            raise RequestError(
                f"{name!r} was trained here already: accepted is another name for imported logits"
            )
        store.commit(
            name,
            0,
            logits,
            {
                "decides": {split: tensor_digest(values) for split, values in logits.items()},
                "source": source or f"imported from {validation.name} and {test.name}",
                "groups": [],
                "family": family or name,
                "imported": True,
                "recipe": {},
                "width": None,
                "profile": None,
                "architecture": None,
                "pretrained": None,
                "parameters": None,
                "macs": None,
                "train_seconds": None,
                "latency_ms": None,
                "device": "",
                "dataset": {"name": samples.facts.name, "samples": samples.facts.fingerprints},
                "history": [],
            },
        )
        forget_failure(root, name, 0)
    return len(logits["test"])
