"""What a report is made of: one frozen object, filled by the conductor from the store.

Nothing in `reports` reads the store or the images; whatever a table, a figure or the page shows
comes from a `Study`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ensembles.committee import family_of
from ensembles.predictions import Test, Validation

NEGATIVE, POSITIVE = ("angry", "fear", "sad"), ("happy", "neutral", "surprise")
"""The two classes that one report first thought of; disgust is in neither."""


class ReportError(Exception):
    """A report that cannot be made. The message is one sentence for the user."""


@dataclass(frozen=True)
class Epoch:
    """One epoch of training as recorded. Accuracies in [0, 1], losses in nats per image."""

    epoch: int
    train_accuracy: float
    train_loss: float
    val_accuracy: float
    val_loss: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class MemberRecord:
    """One trained (or imported) member as its manifest tells it. None: not known (imported)."""

    name: str
    seed: int
    source: str
    groups: tuple[str, ...]
    recipe: Mapping[str, Any]
    parameters: int | None
    macs: int | None
    """Multiply-accumulates for one image, full forward pass, one view."""
    train_seconds: float | None
    latency_ms: float | None
    """Milliseconds for one image in a batch of one on `device`, or None where not measured."""
    device: str
    history: tuple[Epoch, ...]
    key: str
    pretrained: bool | None
    """Whether ImageNet weights were really loaded; None where the recipe asks for none."""
    imported: bool = False
    architecture: str = ""
    """Hash of the network without its weights; empty where it is not known."""
    family: str = ""
    """Architecture family; empty: the name up to its last '-', or the name of an imported one."""


@dataclass(frozen=True)
class Missing:
    """A planned member that has no logits, or one of its further seeds, and why."""

    name: str
    reason: str
    damaged: bool = False
    """Whether its logits lie there and are not what was written."""


@dataclass(frozen=True, kw_only=True)
class MemberSpeed:
    """How fast one member trains here, beside a plain loop on the same device in the same run.

    None: not measured on this kind of device, or not known of it.
    """

    member: str
    batch: int
    images: int
    """Training images of one epoch, of both loops."""
    flops: int
    """Floating-point operations of training on one image, forward and backward."""
    epoch_seconds: float
    """One epoch with its validation, median."""
    setup_seconds: float
    """Before the first epoch: choosing algorithms, capturing the step."""
    step_seconds: float
    """One training step, median."""
    called_step_seconds: float | None
    """The same step launched kernel by kernel instead of as one graph."""
    exact_step_seconds: float | None
    """The same step in exact mode, whose repeats are bit-equal."""
    utilisation: float | None
    """Share of the device's peak in [0, 1] that a step reaches."""
    bound: str
    """What bounds a step that reaches less than a quarter of the peak, in one sentence."""
    plain_epoch_seconds: float
    plain_extrapolated: bool
    """Whether the plain loop's epoch was cut short and its time scaled up by its steps."""

    @property
    def images_per_second(self) -> float:
        """Of a whole epoch, validation included."""
        return self.images / self.epoch_seconds

    @property
    def speedup(self) -> float:
        """How many times as fast as the plain loop."""
        return self.plain_epoch_seconds / self.epoch_seconds


@dataclass(frozen=True, kw_only=True)
class ColdStart:
    """Training several members by one command, from the start of its process to logits on disk."""

    members: tuple[str, ...]
    seconds: float
    epochs: tuple[int, ...]
    """That each member trained before it stopped."""


@dataclass(frozen=True, kw_only=True)
class TrainingSpeed:
    """What `speed training` measured on one device."""

    device: str
    peak: float | None
    """Floating-point operations a second in dense bf16 by the device's data sheet."""
    workers: int
    """Processes that load the plain loop's images."""
    versions: Mapping[str, str]
    members: tuple[MemberSpeed, ...]
    cold: ColdStart | None = None


@dataclass(frozen=True)
class Study:
    """All of one dataset's results. `validation` and `test` hold the same members in the same
    order as `records`; `repeats` holds the further seeds, each with the same members."""

    dataset: str
    """fer2013, expw, faces or a user's name."""
    profile: str
    """paper, quick, or imported (predictions of one's own)."""
    synthetic: bool
    records: tuple[MemberRecord, ...]
    validation: Validation
    test: Test
    class_counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Images per class of each split ('train', 'validation', 'test'), in class order."""
    repeats: tuple[tuple[Validation, Test], ...] = ()
    repeat_records: tuple[tuple[MemberRecord, ...], ...] = ()
    """Records of each of `repeats`, in the order of `records`."""
    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know, one sentence each (networks narrowed, weights not pretrained...)."""
    speed: TrainingSpeed | None = None
    """How fast these members train, where `speed training` has measured it."""

    @property
    def families(self) -> dict[str, str]:
        """Member → architecture family, which the hierarchical committee goes by."""
        return {
            r.name: r.family or (r.name if r.imported else family_of(r.name)) for r in self.records
        }

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Group of the catalogue → its members in this study, both in the order of the study."""
        found: dict[str, tuple[str, ...]] = {}
        for record in self.records:
            for group in record.groups:
                found[group] = (*found.get(group, ()), record.name)
        return found

    def select(self, members: Sequence[str]) -> Study:
        """The same study with only the named members, in that order.

        Raises `PredictionsError` for a name that is not in it.
        """
        validation, test = self.validation.select(members), self.test.select(members)
        records = {record.name: record for record in self.records}
        return replace(
            self,
            records=tuple(records[name] for name in members),
            validation=validation,
            test=test,
            repeats=tuple((v.select(members), t.select(members)) for v, t in self.repeats),
        )
