"""`predict`: pictures of faces in, class probabilities of the ensemble and of each member out.

Needs the weights, which stay on the machine that trained them, and the stored logits of the
validation split, on which the method is fitted as it is for the tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmark import stages
from benchmark.datasets import SIDE, DataError
from benchmark.datasets.pictures import open_picture, quiet_decoding
from benchmark.errors import RequestError
from benchmark.files import digest
from benchmark.store import DamagedError, Entry, LogitsStore, weights_path
from ensembles.fusion import softmax
from ensembles.methods import method
from zoo.catalogue import load_catalogue
from zoo.member import Member, Recipe

if TYPE_CHECKING:
    from torch import nn

    from reports.study import Study

SEEN_AS = ("pixels", "crop", "resize", "test_time")
"""What of a recipe decides how a trained network is shown an image."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Probabilities (C,) of one picture: of the ensemble, and of each member by name."""

    path: Path
    classes: tuple[str, ...]
    ensemble: npt.NDArray[np.float64]
    members: Mapping[str, npt.NDArray[np.float64]]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""

        def named(values: npt.NDArray[np.float64]) -> dict[str, float]:
            return dict(zip(self.classes, values.tolist(), strict=True))

        return {
            "image": str(self.path),
            "class": self.classes[int(self.ensemble.argmax())],
            "ensemble": named(self.ensemble),
            "members": {name: named(values) for name, values in self.members.items()},
        }


def predict(
    root: Path,
    paths: Sequence[Path],
    *,
    members: Sequence[str] | None = None,
    method_name: str = "average",
    zoo: Sequence[Path] = (),
    device: str = "auto",
) -> list[Prediction]:
    """Predictions for the pictures at `paths` by the members stored under `root`.

    members: names, or None for all whose weights lie here. Each picture is taken to be cut to the
    face; it is turned gray and resized to 48x48. Raises `DataError` for a picture,
    `RequestError`, `DamagedError` or `PredictionsError` for what is asked of the members.
    """
    chosen = method(method_name)
    pictures = np.stack(read_pictures(paths))  # (N, 48, 48)
    entries = _entries(root, members)
    study = stages.gather(root, members=[entry.member for entry in entries])
    _refuse_missing(entries, study)
    catalogue = {member.name: member for member in load_catalogue(tuple(zoo)).members}
    outputs = [
        _logits(root, entry, _member(entry, catalogue), pictures, device) for entry in entries
    ]
    logits = np.stack(outputs)  # (M, N, C)
    single = softmax(logits)
    combined = (
        chosen.fit(study.validation, families=study.families)(logits)
        if len(entries) > 1
        else single[0]
    )
    names = [entry.member for entry in entries]
    return [
        Prediction(
            path, study.validation.classes, combined[i], dict(zip(names, single[:, i], strict=True))
        )
        for i, path in enumerate(paths)
    ]


def read_pictures(paths: Sequence[Path]) -> list[npt.NDArray[np.uint8]]:
    """JPEG and PNG files of any size as gray faces, uint8 (48, 48) each. Raises `DataError`."""
    faces = []
    with quiet_decoding():
        for path in paths:
            if not path.is_file():
                raise DataError(f"there is no picture {path}: accepted are JPEG and PNG files")
            picture = open_picture(path, str(path))
            if picture.size != (SIDE, SIDE):
                picture = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            faces.append(np.asarray(picture, dtype=np.uint8))
    return faces


def _entries(root: Path, members: Sequence[str] | None) -> list[Entry]:
    """The stored entries, seed 0, of the members named, or of all that have weights here."""
    store = LogitsStore(root)
    names = members or [
        name for name, seed in store.folders() if seed == 0 and weights_path(root, name, 0).exists()
    ]
    if not names:
        raise RequestError(
            f"there are no weights in {root / 'weights'}: they stay on the machine that trains; "
            "train here with `python -m benchmark train` first"
        )
    found = []
    for name in names:
        entry = store.read(name, 0) if weights_path(root, name, 0).exists() else None
        if entry is None:
            raise RequestError(
                f"there are no weights of {name!r} in {root / 'weights'}: they stay on the machine "
                f"that trains; train it here with `python -m benchmark train {name}` first, or "
                "name others with --members"
            )
        found.append(entry)
    return found


def _refuse_missing(entries: Sequence[Entry], study: Study) -> None:
    """The method is fitted on the logits of the same members."""
    for one in study.missing:
        if any(entry.member == one.name for entry in entries):
            raise RequestError(
                f"{one.name!r} cannot be used ({one.reason}): name others with --members"
            )


def _member(entry: Entry, catalogue: Mapping[str, Member]) -> Member:
    member = catalogue.get(entry.member)
    if member is None and entry.member.startswith("timm."):
        from zoo.timm_networks import any_member

        member = any_member(entry.member.removeprefix("timm."))
    if member is None:
        raise RequestError(
            f"the catalogue has no member {entry.member!r} any more: name the file that defines "
            "it with --zoo, or leave it out with --members"
        )
    return member


def _logits(
    root: Path, entry: Entry, member: Member, pictures: npt.NDArray[np.uint8], device: str
) -> npt.NDArray[np.float32]:
    """Logits (N, C) of the network that `entry` tells of."""
    import torch

    from zoo.inference import predict_logits
    from zoo.job import resolve_device

    network = _network(weights_path(root, entry.member, 0), entry, member)
    seen = {name: entry.manifest["recipe"][name] for name in SEEN_AS}
    recipe: Recipe = replace(member.recipe, **seen)
    where = torch.device(resolve_device(device))
    return predict_logits(network.to(where), recipe, torch.from_numpy(pictures).to(where))


def _network(path: Path, entry: Entry, member: Member) -> nn.Module:
    """The network with its weights, both checked against the manifest."""
    from safetensors.torch import load

    from zoo.job import fingerprint

    width = entry.manifest["width"]
    if fingerprint(member, width) != entry.manifest["architecture"]:
        raise RequestError(
            f"the architecture of {entry.member!r} has changed since {path} was written: train it "
            "again, or leave it out with --members"
        )
    data = path.read_bytes()
    if digest(data) != entry.manifest.get("weights"):
        raise DamagedError(
            f"{path} does not hold the weights that gave the stored logits: train "
            f"{entry.member!r} again, or leave it out with --members"
        )
    # Networks that started from ImageNet weights have their full width in every profile.
    network = member.build(1.0 if entry.manifest["pretrained"] else width)
    network.load_state_dict(load(data))
    return network
