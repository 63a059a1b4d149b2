"""What a profile makes of a published recipe: `paper` leaves it alone, `quick` shortens it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from zoo.member import Augmentation, Member, Recipe, Schedule, ZooError

QUICK_BATCH = 32
QUICK_SIDE = 64
QUICK_RATE = 0.002
QUICK_RECALIBRATE = 512


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
        return member.quick_recipe or shortened(member.recipe, self.epochs, self.width)


PROFILES = {
    "paper": Profile("paper", width=1.0, train_limit=None, epochs=None),
    "quick": Profile("quick", width=0.25, train_limit=3000, epochs=6),
}


def profile(name: str) -> Profile:
    """The profile called `name`; raises `ZooError`."""
    if name not in PROFILES:
        raise ZooError(f"there is no profile {name!r}: accepted are {', '.join(sorted(PROFILES))}")
    return PROFILES[name]


def shortened(recipe: Recipe, epochs: int, width: float = 1.0) -> Recipe:
    """`recipe` for few epochs on few images with a network of `width`.

    Small batches make up for the few steps. Rates of the SGD family shrink with the batch (Goyal et
    al. 2017), adaptive ones are at most 0.002, and both fall along a cosine: in a handful of epochs
    no plateau shows. A narrow network needs less dropout, in proportion; images are only mirrored,
    stronger transforms take more epochs than there are. Nothing stops early, a balanced set gets
    one copy, and the statistics of batch normalisation are estimated anew, dropout off.
    """
    batch = min(recipe.batch_size, QUICK_BATCH)
    rate = min(recipe.learning_rate, QUICK_RATE)
    if recipe.optimizer in ("sgd", "momentum", "nesterov"):
        rate = recipe.learning_rate * batch / recipe.batch_size
    elif recipe.optimizer == "adadelta":  # its rate is a factor, not a step size
        rate = recipe.learning_rate
    balance = recipe.balance
    return dataclasses.replace(
        recipe,
        epochs=min(recipe.epochs, epochs),
        batch_size=batch,
        learning_rate=rate,
        schedule=Schedule(kind="cosine", warmup=0.5),
        dropout=recipe.dropout * width,
        augmentation=Augmentation(flip=recipe.augmentation.flip),
        early_stopping=0,
        recalibrate=QUICK_RECALIBRATE,
        balance=dataclasses.replace(balance, copies=1) if balance else None,
        resize=min(recipe.resize, QUICK_SIDE),
    )
