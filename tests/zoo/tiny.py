"""A network and images small enough that a training takes a second."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from zoo.member import Augmentation, Member, Recipe
from zoo.training import Images

RECIPE = Recipe(optimizer="adam", learning_rate=0.003, epochs=3, batch_size=16)
EVERYTHING = replace(
    RECIPE,
    augmentation=Augmentation(
        flip=True,
        rotation=10,
        shift=0.1,
        scale=(0.9, 1.1),
        brightness=0.1,
        contrast=0.1,
        erasing=0.5,
    ),
    label_smoothing=0.1,
    mixup=0.2,
    ema=0.9,
    dropout=0.2,
    crop=44,
    class_weights=True,
)


def build(width: float = 1.0, dropout: float = 0.2) -> nn.Module:
    """A network of a few hundred parameters with batch normalisation and dropout."""
    filters = max(2, round(4 * width))
    return nn.Sequential(
        nn.Conv2d(1, filters, 5, stride=4),
        nn.BatchNorm2d(filters),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(3),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(9 * filters, 7),
    )


def member(name: str = "tiny", recipe: Recipe = RECIPE) -> Member:
    """A member of that network."""
    return Member(name=name, build=build, recipe=recipe, source="the tests")


def images(count: int = 70, seed: int = 0) -> Images:
    """Images whose brightest row tells the label, so that there is something to learn."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 7
    pixels = torch.randint(0, 100, (count, 48, 48), dtype=torch.uint8, generator=generator)
    for i, label in enumerate(labels.tolist()):
        pixels[i, 6 * label : 6 * label + 6] += 120
    return Images(pixels, labels)
