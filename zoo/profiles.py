"""What a profile makes of a published recipe: `paper` leaves it alone, `quick` shortens it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from zoo.member import Member, Recipe, ZooError

QUICK_BATCH = 64
QUICK_SIDE = 64


@dataclass(frozen=True)
class Profile:
    """How much of the published work is done."""

    name: str
    width: float
    """Share of the published filters and units."""
    train_limit: int | None
    """Most training images that are used, or None for all."""
    epochs: int | None
    """Most epochs, or None for the recipe's."""

    def recipe(self, member: Member) -> Recipe:
        """The recipe that `member` is trained with under this profile."""
        if self.epochs is None:
            return member.recipe
        return member.quick_recipe or shortened(member.recipe, self.epochs)


PROFILES = {
    "paper": Profile("paper", width=1.0, train_limit=None, epochs=None),
    "quick": Profile("quick", width=0.25, train_limit=3000, epochs=8),
}


def profile(name: str) -> Profile:
    """The profile called `name`; raises `ZooError`."""
    if name not in PROFILES:
        raise ZooError(f"there is no profile {name!r}: accepted are {', '.join(sorted(PROFILES))}")
    return PROFILES[name]


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    """`recipe` for few epochs on few images.

    Small batches make up for the few steps. Rates of the SGD family shrink with the batch (Goyal et
    al. 2017); adaptive ones are kept. Nothing stops early, and a balanced set gets one copy.
    """
    batch = min(recipe.batch_size, QUICK_BATCH)
    rate = recipe.learning_rate
    if recipe.optimizer in ("sgd", "momentum", "nesterov"):
        rate *= batch / recipe.batch_size
    balance = recipe.balance
    return dataclasses.replace(
        recipe,
        epochs=min(recipe.epochs, epochs),
        batch_size=batch,
        learning_rate=rate,
        schedule=dataclasses.replace(recipe.schedule, warmup=min(recipe.schedule.warmup, 1.0)),
        early_stopping=0,
        balance=dataclasses.replace(balance, copies=1) if balance else None,
        resize=min(recipe.resize, QUICK_SIDE),
    )
