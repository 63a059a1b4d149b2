"""The one noun that the engine works on: cached logits of M members on N images of C classes.

A split is a type: `Validation` is what combiners are fitted on, `Test` is what is reported. A
fitter takes `Validation` and refuses anything else, so no weight can see the reported images.

Shapes: M members, N images, C classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

_P = TypeVar("_P", bound="Predictions")


class PredictionsError(Exception):
    """Predictions that cannot be used. The message is one sentence for the user."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Logits of every member on one split. Made as `Validation` or `Test`, never bare.

    logits: (M, N, C) float64, finite. labels: (N,) int64 in [0, C). sample_ids: (N,) str.
    duplicate: (N,) bool, an exact copy of the image stands in the training split.
    """

    logits: Floats
    labels: Ints
    members: tuple[str, ...]
    classes: tuple[str, ...]
    sample_ids: npt.NDArray[np.str_]
    duplicate: Bools

    def __post_init__(self) -> None:
        if type(self) is Predictions:
            raise TypeError("make Validation or Test predictions, not bare Predictions")
        m, n, c = self.logits.shape
        for what, found, wanted in (
            ("member names", len(self.members), m),
            ("labels", len(self.labels), n),
            ("sample ids", len(self.sample_ids), n),
            ("duplicate marks", len(self.duplicate), n),
            ("class names", len(self.classes), c),
        ):
            if found != wanted:
                raise PredictionsError(
                    f"the logits have shape ({m}, {n}, {c}) but there are {found} {what}: "
                    f"accepted are {wanted}"
                )
        if m == 0 or n == 0 or c < 2:
            raise PredictionsError(
                f"the logits have shape ({m}, {n}, {c}): accepted are at least one member, one "
                "image and two classes"
            )
        if len(set(self.members)) != m:
            raise PredictionsError("two members have the same name: accepted are distinct names")
        if not np.isfinite(self.logits).all():
            member, row, column = (int(i) for i in np.argwhere(~np.isfinite(self.logits))[0])
            raise PredictionsError(
                f"member {self.members[member]!r} has a logit that is not finite in row {row}, "
                f"column {column}: accepted are finite numbers"
            )
        if self.labels.min() < 0 or self.labels.max() >= c:
            row = int(np.flatnonzero((self.labels < 0) | (self.labels >= c))[0])
            raise PredictionsError(
                f"the label in row {row} is {int(self.labels[row])}: accepted are 0 to {c - 1}"
            )

    @classmethod
    def make(
        cls: type[_P],
        logits: npt.ArrayLike,
        labels: npt.ArrayLike,
        *,
        members: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        sample_ids: npt.ArrayLike | None = None,
        duplicate: npt.ArrayLike | None = None,
    ) -> _P:
        """Build from anything array-like, with names and marks filled in where none are given."""
        values = np.ascontiguousarray(logits, dtype=np.float64)
        if values.ndim != 3:
            raise PredictionsError(
                f"the logits have {values.ndim} axes: accepted are three (members, images, classes)"
            )
        m, n, c = values.shape
        ids = np.array([str(i) for i in range(n)]) if sample_ids is None else np.asarray(sample_ids)
        return cls(
            logits=values,
            labels=np.ascontiguousarray(labels, dtype=np.int64),
            members=tuple(members) if members is not None else tuple(f"m{i}" for i in range(m)),
            classes=tuple(classes) if classes is not None else tuple(str(i) for i in range(c)),
            sample_ids=ids.astype(np.str_),
            duplicate=(
                np.zeros(n, dtype=bool)
                if duplicate is None
                else np.ascontiguousarray(duplicate, dtype=bool)
            ),
        )

    def select(self: _P, members: Sequence[str]) -> _P:
        """The same split with only the named members, in the order given."""
        unknown = [name for name in members if name not in self.members]
        if unknown:
            raise PredictionsError(
                f"there is no member {unknown[0]!r} here: accepted are {', '.join(self.members)}"
            )
        index = [self.members.index(name) for name in members]
        return dataclasses.replace(self, logits=self.logits[index], members=tuple(members))

    def take(self: _P, rows: npt.NDArray[np.intp] | Bools) -> _P:
        """The same members on some of the images (indices or a mask)."""
        return dataclasses.replace(
            self,
            logits=np.ascontiguousarray(self.logits[:, rows]),
            labels=self.labels[rows],
            sample_ids=self.sample_ids[rows],
            duplicate=self.duplicate[rows],
        )


class Validation(Predictions):
    """The split on which weights, members and temperatures are chosen (FER2013: PublicTest)."""


class Test(Predictions):
    """The split that is reported (FER2013: PrivateTest). Nothing is ever fitted on it."""

    __test__ = False  # not a test case, whatever pytest makes of the name


def require_validation(predictions: object) -> Validation:
    """Return `predictions` if it is the validation split; raise `TypeError` otherwise."""
    if not isinstance(predictions, Validation):
        raise TypeError(
            f"combiners are fitted on Validation predictions, not on {type(predictions).__name__}: "
            "the split that is reported must not choose its own weights"
        )
    return predictions
