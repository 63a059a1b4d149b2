"""Three networks that train in about a second, for tests of whole runs."""

from __future__ import annotations

from torch import nn

from zoo.member import Augmentation, Member, Recipe


def build(width: float) -> nn.Module:
    filters = max(2, round(16 * width))
    return nn.Sequential(
        nn.Conv2d(1, filters, 8, stride=4),
        nn.BatchNorm2d(filters),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(filters * 121, 7),
    )


MEMBERS = tuple(
    Member(
        name=f"tiny-{letter}",
        build=build,
        recipe=Recipe(
            optimizer="adam",
            learning_rate=0.002,
            epochs=epochs,
            batch_size=64,
            dropout=0.1,
            augmentation=Augmentation(flip=True),
        ),
        source="the tests",
        groups=("tiny",),
    )
    for letter, epochs in (("a", 1), ("b", 2), ("c", 3))
)
