"""What a member of the zoo is: a network, the recipe that trains it, and where both come from.

Everything in this file is data. Nothing here imports torch, so the catalogue can be listed, hashed
and compared in milliseconds; `Member.build` imports it when a network is really made.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import nn

IMAGE_SIZE = 48
CLASSES = 7

Optimizer = Literal["adam", "adamw", "sgd", "momentum", "nesterov", "adadelta"]
ScheduleKind = Literal["constant", "plateau", "cosine", "exponential"]
PixelScale = Literal["unit", "standard", "imagenet"]
TestTime = Literal["none", "flip", "ten_crop"]


class ZooError(Exception):
    """A member or recipe that cannot be used. The message is one sentence for the user."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random transforms of a training image, drawn anew for every image and epoch."""

    flip: bool = False
    """Mirror left and right with probability one half."""
    rotation: float = 0.0
    """Largest angle in degrees, either way."""
    shift: float = 0.0
    """Largest shift as a fraction of the image's side, along each axis."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Smallest and largest factor of enlargement."""
    brightness: float = 0.0
    """Largest change of brightness as a fraction of the full range."""
    contrast: float = 0.0
    """Largest relative change of contrast about the image's mean."""
    erasing: float = 0.0
    """Probability of a random rectangle being filled with noise (Zhong et al. 2020)."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How the learning rate moves. Epochs may be fractions; a recipe's epochs end the cosine."""

    kind: ScheduleKind = "constant"
    warmup: float = 0.0
    """Epochs of linear warm-up from zero."""
    factor: float = 1.0
    """What the rate is multiplied by (plateau: when stuck; exponential: every `every` steps)."""
    patience: int = 0
    """plateau: epochs without a lower validation loss before the rate is cut."""
    every: int = 1
    """exponential: optimizer steps between two cuts."""


@dataclass(frozen=True, kw_only=True)
class Balance:
    """Training set with as many images in each class (Report `lenet`: 436, and 10 copies)."""

    copies: int
    """Transformed copies added of each kept image, drawn once, before training."""
    augmentation: Augmentation


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a member is trained and read out. Frozen, hashable, and all of it decides the logits."""

    optimizer: Optimizer
    learning_rate: float
    epochs: int
    batch_size: int
    schedule: Schedule = field(default_factory=Schedule)
    weight_decay: float = 0.0
    """L2 penalty added to the gradient (decoupled for adamw)."""
    dropout: float = 0.0
    """What the network was built with; recorded here so that tables can show it."""
    pixels: PixelScale = "standard"
    augmentation: Augmentation = field(default_factory=Augmentation)
    balance: Balance | None = None
    class_weights: bool = False
    """Weight the loss by inverse class frequency."""
    label_smoothing: float = 0.0
    mixup: float = 0.0
    """Parameter alpha of the Beta distribution (Zhang et al. 2018); 0 is off."""
    ema: float = 0.0
    """Decay per step of the exponentially averaged weights that are reported; 0 is off."""
    recalibrate: int = 0
    """Training images over which the statistics of batch normalisation are estimated anew, with
    dropout off, before the network is read out (Li et al. 2019, "variance shift"); 0 is off."""
    early_stopping: int = 0
    """Epochs without a lower validation loss before training ends; 0 is off. The last (or averaged)
    weights are reported all the same, never those of the best epoch."""
    crop: int = IMAGE_SIZE
    """Side of the square the network sees; below 48 it is a random crop in training and a centre
    crop (or ten crops) at test time."""
    resize: int = 0
    """Side that the network's input is resized to (pretrained networks); 0 keeps it."""
    test_time: TestTime = "none"
    """Views of a test image whose probabilities are averaged."""
    pretrained: bool = False
    """Start from ImageNet weights."""

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts, as written into a manifest."""
        return dataclasses.asdict(self)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+\-]{0,99}")


def check_name(name: str) -> str:
    """Return `name` if it can safely be a folder; raise `ZooError` otherwise."""
    if not _NAME.fullmatch(name) or name.endswith(".") or ".." in name:
        raise ZooError(
            f"the member name {name!r} cannot be used: accepted are 1 to 100 letters, digits and "
            "'_', '.', '+', '-', beginning with a letter or digit and without '..'"
        )
    return name


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of the zoo.

    `build(width)` makes the untrained network: (B, 1, S, S) float pixels in, (B, 7) logits out;
    `width` scales the number of filters and units (1.0 is the published network). A recipe with
    `pretrained=True` calls `build_pretrained(width)` instead, which loads ImageNet weights.
    """

    name: str
    build: Callable[[float], nn.Module]
    recipe: Recipe
    source: str
    """Which report and section, or which article."""
    groups: tuple[str, ...] = ()
    family: str = ""
    """Architecture family, inside which a hierarchical committee averages first; empty: the name
    up to its last '-', which suits variants of one network ('deep-a')."""
    build_pretrained: Callable[[float], nn.Module] | None = None
    quick_recipe: Recipe | None = None
    """Recipe of the `quick` profile where the general reduction does not suit; None: reduced."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.recipe.pretrained and self.build_pretrained is None:
            raise ZooError(
                f"the member {self.name!r} has a recipe with pretrained=True but no "
                "build_pretrained: give one, or set pretrained=False"
            )


def scaled(filters: int, width: float, multiple: int = 4) -> int:
    """`filters` times `width`, rounded to a multiple that the hardware likes, at least one such.

    Full width (1.0) returns `filters` untouched, so that published counts stay exact.
    """
    if width == 1.0:
        return filters
    return max(multiple, round(filters * width / multiple) * multiple)
