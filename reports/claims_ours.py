"""Our counterpart of each published figure, with a 95 % interval where images are sampled.

Every interval is over images, with the trained networks held fixed: it tells how far another draw
of as many images could have moved our figure, not what another seed would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ensembles import metrics
from ensembles.methods import method
from ensembles.observations import observations
from ensembles.predictions import Bools, Floats
from ensembles.scoring import Comparison, compare, interval
from ensembles.significance import bootstrap_means
from reports.audit_table import CLASSES
from reports.claims_numbers import BOOTSTRAP, RECENTRED, Absent, Answers, Gap, Ours
from reports.published import Figure
from reports.study import MemberRecord, Study

PAPER_METHODS = ("average", "accuracy", "per_class", "exponential")
"""The ensembles of that paper."""
IMAGE_SIDE = 48
"""Every dataset of this project holds faces of 48 by 48 pixels."""


@dataclass(frozen=True, eq=False)
class Bench:
    """A study and its comparison, with what several figures share computed once."""

    study: Study
    comparison: Comparison
    _answers: dict[tuple[str, str], Answers] = field(default_factory=dict, repr=False)

    def answers(self, member: str, split: str) -> Answers:
        """What a member answers on the validation or test split."""
        if (member, split) not in self._answers:
            predictions = self.study.validation if split == "validation" else self.study.test
            self._answers[member, split] = Answers.of(predictions, member)
        return self._answers[member, split]

    @cached_property
    def records(self) -> Mapping[str, MemberRecord]:
        """Records by member."""
        return {record.name: record for record in self.study.records}

    @cached_property
    def nine(self) -> tuple[str, ...]:
        """Members of the ensemble paper's group that are in the study."""
        return tuple(r.name for r in self.study.records if "nine" in r.groups)

    @cached_property
    def pool(self) -> tuple[str, ...]:
        """What the papers' ensembles are made of: the nine, or all members where there are none."""
        return self.nine if len(self.nine) > 1 else self.study.test.members

    @cached_property
    def ensembles(self) -> Comparison:
        """The papers' ensembles of the pool alone, whatever else the study holds."""
        if self.pool == self.study.test.members:
            return self.comparison
        validation = self.study.validation.select(self.pool)
        return compare(validation, self.study.test.select(self.pool), PAPER_METHODS)

    def absence(self, member: str) -> Absent:
        """Why a member is not there."""
        reason = {one.name: one.reason for one in self.study.missing}.get(member)
        detail = f" ({reason})" if reason else ""
        return Absent(f"The member {member} is not in this study{detail}.")

    def right(self, name: str) -> Bools:
        """(N,) test images that one of `PAPER_METHODS`, or else a member, gets right."""
        test = self.study.test
        if name in PAPER_METHODS:
            chosen = metrics.predicted_classes(self.ensembles.test_probabilities[name])
        else:
            chosen = metrics.predicted_classes(test.logits[test.members.index(name)])
        return np.asarray(chosen == test.labels)

    @cached_property
    def sampled(self) -> Mapping[str, Floats]:
        """Test accuracy of each method and member on the same resampled images (D,)."""
        methods = [name for name in PAPER_METHODS if name in self.ensembles.test_probabilities]
        names = dict.fromkeys([*methods, *self.study.test.members])
        draws = bootstrap_means(np.stack([self.right(name) for name in names]))
        return dict(zip(names, draws, strict=True))

    def gap(self, left: str, right: str) -> Gap | Absent:
        """Test accuracy of one method or member less another's, paired by image."""
        for name in (left, right):
            if name not in self.sampled:
                return Absent(f"{name} is not in this study.")
        value = float(self.right(left).mean() - self.right(right).mean())
        return Gap(value, self.sampled[left] - self.sampled[right])

    def against(self, left: str, right: str) -> Ours | Absent:
        """The same with its interval."""
        gap = self.gap(left, right)
        return gap if isinstance(gap, Absent) else Ours.drawn(gap.value, gap.draws)

    @cached_property
    def best_single(self) -> str:
        """The single network of the pool with the highest test accuracy: the hardest to beat."""
        return max(self.pool, key=lambda name: float(self.right(name).mean()))

    @cached_property
    def observed(self) -> Mapping[str, Ours]:
        """The figures of the ensemble paper's observations on the pool, by their names."""
        splits = self.study.validation.select(self.pool), self.study.test.select(self.pool)
        return {
            name: Ours(f.value, f.low, f.high, RECENTRED if f.recentred else BOOTSTRAP)
            for name, f in observations(*splits).items()
        }

    @cached_property
    def best_size(self) -> Ours:
        """Members of the subset of the pool whose average is best on validation."""
        left_out = self.observed["members that the best subset on validation leaves out"]
        size = len(self.pool)
        return Ours(size - left_out.value, size - left_out.high, size - left_out.low, BOOTSTRAP)

    @cached_property
    def best_subset(self) -> tuple[str, ...]:
        """The members of that subset."""
        combiner = method("best_subset").fit(self.study.validation.select(self.pool))
        return tuple(self.pool[i] for i in combiner.chosen)


def ours(bench: Bench, figure: Figure, split: str) -> Ours | Absent:
    """Our counterpart of `figure`, measured on `split`."""
    finders: dict[str, Callable[[Bench, Figure, str], Ours | Absent]] = {
        "result": _of_member,
        "ensemble": _of_ensemble,
        "collection": _of_nine,
        "cost": _of_cost,
        "recipe": _of_recipe,
        "dataset": _of_dataset,
    }
    if figure.kind not in finders:
        return Absent("It is quoted from another work.")
    return finders[figure.kind](bench, figure, split)


def _of_member(bench: Bench, figure: Figure, split: str) -> Ours | Absent:
    if figure.subject not in bench.records:
        return bench.absence(figure.subject)
    if split == "train":
        return _of_training(bench, figure)
    return bench.answers(figure.subject, split).measure(figure.metric, figure.label)


def _of_training(bench: Bench, figure: Figure) -> Ours | Absent:
    """From the recorded history: the running mean over the epoch, as Keras prints it too."""
    history = bench.records[figure.subject].history
    epochs = [e for e in history if figure.epoch is None or e.epoch == figure.epoch]
    if not epochs:
        return Absent("The training history of this member does not hold that epoch.")
    if figure.metric == "log_loss":
        return Ours.exact(epochs[-1].train_loss)
    images = sum(bench.study.class_counts.get("train", ()))
    if figure.metric != "accuracy" or not images:
        return Absent("Predictions on the training images are not kept.")
    accuracy = epochs[-1].train_accuracy
    low, high = interval(round(accuracy * images), images)
    return Ours(accuracy, low, high, BOOTSTRAP)


def _of_ensemble(bench: Bench, figure: Figure, split: str) -> Ours | Absent:
    del split  # ensembles are scored on test alone
    if figure.subject not in bench.ensembles.test_probabilities:
        return Absent(f"The method {figure.subject} was not fitted in this study.")
    if figure.metric == "accuracy":
        score = bench.ensembles.score(figure.subject)
        return Ours(score.test_accuracy, score.test_low, score.test_high, BOOTSTRAP)
    if figure.metric == "gain":
        return bench.against(figure.subject, bench.best_single)
    if figure.metric == "behind_average":
        return bench.against("average", figure.subject)
    return _of_best_subset(bench, figure)


def _of_best_subset(bench: Bench, figure: Figure) -> Ours | Absent:
    if len(bench.pool) < 2:
        return Absent("There are no two members to combine.")
    if figure.metric == "best_size":
        return bench.best_size
    return _counted(bench, bench.best_subset, lambda accuracy: accuracy <= (figure.threshold or 0))


def _counted(bench: Bench, names: Sequence[str], belongs: Callable[[Any], Any]) -> Ours:
    """How many of these members have a test accuracy that belongs; counted in every draw too."""
    count = sum(bool(belongs(bench.right(name).mean())) for name in names)
    draws = np.stack([belongs(bench.sampled[name]) for name in names]).sum(axis=0)
    return Ours.drawn(count, draws)


def _of_nine(bench: Bench, figure: Figure, split: str) -> Ours | Absent:
    del split  # the report speaks of its test split
    if not bench.nine:
        return Absent("None of the nine members is in this study.")
    n = len(bench.study.test.labels)
    right = sorted(int(bench.right(name).sum()) for name in bench.nine)
    if figure.metric == "members":
        return Ours.exact(len(bench.nine))
    if figure.metric == "members_above":
        return _counted(bench, bench.nine, lambda accuracy: accuracy > (figure.threshold or 0))
    chosen = right[-1] if figure.metric == "best_accuracy" else right[0]
    return Ours(chosen / n, *interval(chosen, n), BOOTSTRAP)


def _of_cost(bench: Bench, figure: Figure, split: str) -> Ours | Absent:
    del split
    record = bench.records.get(figure.subject)
    if record is None:
        return bench.absence(figure.subject)
    if record.parameters is None:
        return Absent("The parameters of this member are not known, for it was imported.")
    return Ours.exact(record.parameters)


def _of_recipe(bench: Bench, figure: Figure, split: str) -> Ours | Absent:
    del split
    record = bench.records.get(figure.subject)
    if record is None:
        return bench.absence(figure.subject)
    train = bench.study.class_counts.get("train", ())
    found = _entry(record.recipe, figure.metric)
    if figure.metric == "copies":
        found = _entry(record.recipe, "balance.copies")
    elif figure.metric == "images_per_class":
        copies = _entry(record.recipe, "balance.copies")
        found = min(train) * (copies + 1) if train and copies is not None else None
    elif figure.metric == "steps_per_epoch":
        batch = _entry(record.recipe, "batch_size")
        found = -(-sum(train) // int(batch)) if train and batch else None
    if found is None:
        return Absent("A recipe of this project does not record it.")
    return Ours.exact(found)


def _entry(recipe: Mapping[str, Any], path: str) -> float | None:
    """The number at a dotted path of a recipe, or None."""
    value: Any = recipe
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def _of_dataset(bench: Bench, figure: Figure, split: str) -> Ours | Absent:
    counts = bench.study.class_counts
    if figure.metric == "classes":
        return Ours.exact(len(bench.study.test.classes))
    if figure.metric == "image_side":
        return Ours.exact(IMAGE_SIDE)
    total = sum(sum(values) for values in counts.values())
    if not total or (split != "all" and split not in counts):
        return Absent("The class counts of this study are not known.")
    images: Sequence[int] = counts[split] if split != "all" else [total]
    if figure.label:
        return Ours.exact(images[CLASSES.index(figure.label)])
    return Ours.exact(sum(images) / total if figure.metric == "share" else sum(images))
