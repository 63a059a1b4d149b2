"""What a combiner is fitted on: the validation split, with everything derived from it shared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar, cast

import numpy as np

from ensembles import metrics
from ensembles.calibration import temperatures
from ensembles.fusion import Outputs, Space
from ensembles.margins import Contests
from ensembles.predictions import Floats, Ints, PredictionsError, Validation, require_validation

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class Evidence:
    """The validation split and what is computed from it once, however many methods ask.

    families: member name → architecture family, for the hierarchical committee; None takes the
    part of each name before its last '-'. Anything but `Validation` raises `TypeError`.
    """

    validation: Validation
    families: Mapping[str, str] | None = None
    _kept: dict[Hashable, object] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        require_validation(self.validation)

    @property
    def labels(self) -> Ints:
        """(N,)"""
        return self.validation.labels

    @property
    def size(self) -> tuple[int, int]:
        """(M, C)"""
        return len(self.validation.members), len(self.validation.classes)

    @cached_property
    def outputs(self) -> Outputs:
        """Logits, probabilities and log-probabilities of the members."""
        return Outputs(self.validation.logits)

    def contests(self, space: Space) -> Contests:
        """What the members disagree about, for counting right answers of many weightings."""
        return self.once(
            ("contests", space), lambda: Contests.of(self.outputs.in_space(space), self.labels)
        )

    def once(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """The result of `make`, kept under `key` for the next method that needs the same."""
        if key not in self._kept:
            self._kept[key] = make()
        return cast(_T, self._kept[key])

    @cached_property
    def accuracies(self) -> Floats:
        """Validation accuracy of each member (M,)."""
        right = self.validation.logits.argmax(axis=-1) == self.labels
        return np.asarray(right.mean(axis=1))

    @cached_property
    def recalls(self) -> Floats:
        """Validation accuracy of each member on each class (M, C).

        Raises PredictionsError where a class has no validation image.
        """
        missing = np.flatnonzero(np.bincount(self.labels, minlength=self.size[1]) == 0)
        if len(missing):
            raise PredictionsError(
                f"the class {self.validation.classes[int(missing[0])]!r} has no validation image: "
                "accepted are at least one image of every class"
            )
        choices = metrics.predicted_classes(self.validation.logits)
        return np.stack([metrics.recalls(row, self.labels, self.size[1]) for row in choices])

    @cached_property
    def ranking(self) -> tuple[int, ...]:
        """Members from the highest validation accuracy to the lowest.

        Equal accuracies are ordered by log loss, then by position, so that the order in which the
        members were given decides only between members that cannot be told apart.
        """
        rows = np.arange(len(self.labels))
        true = self.outputs.log_probabilities[:, rows, self.labels]  # (M, N)
        order = np.lexsort((-true.mean(axis=1), -self.accuracies))
        return tuple(int(i) for i in order)

    @cached_property
    def temperatures(self) -> Floats:
        """Temperature of each member (M,), fitted here."""
        return temperatures(self.validation.logits, self.labels)

    @cached_property
    def calibrated(self) -> Evidence:
        """The same split with each member's logits divided by its temperature."""
        scaled = self.outputs.scaled(self.temperatures)
        # The scaled outputs are handed on, so that their probabilities are computed once.
        evidence = Evidence(
            dataclasses.replace(self.validation, logits=scaled.logits), self.families
        )
        evidence.__dict__["outputs"] = scaled
        return evidence
