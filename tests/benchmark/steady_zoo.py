"""A network with a long training whose every part has a state, for tests that kill it."""

from __future__ import annotations

from tests.zoo.tiny import EVERYTHING, build
from zoo.member import Member, Recipe, Schedule

RECIPE = Recipe(
    optimizer="adam",
    learning_rate=0.003,
    epochs=12,
    batch_size=20,
    schedule=Schedule(kind="plateau", factor=0.5, patience=1),
    augmentation=EVERYTHING.augmentation,
    label_smoothing=0.1,
    mixup=0.2,
    ema=0.9,
    dropout=0.2,
)

MEMBERS = (
    Member(name="steady", build=build, recipe=RECIPE, source="the tests", quick_recipe=RECIPE),
)
