"""Three convolutions and four dense layers with leaky ReLU, and what its author tried besides.

Source: the leaky-ReLU report on FER2013. Its 83.2 % "test" accuracy stands in a table whose
supports are those of the Training split: it is training accuracy. No result on a split that was
not trained on is given, so none is expected here; networks of this kind reach 55 to 62 %.
Train: python -m benchmark train leaky --dataset fer2013 --data PATH --profile paper

Architecture: three times [Conv-LeakyReLU-MaxPool-BN], flatten, four times
[Affine-BN-LeakyReLU-Dropout] with dropout 0.25, 0.25, 0.25, 0.4, affine. Slope 0.01. Weights from
a normal distribution, with He's variance, which suits this activation. The sizes are not reported.
Here: 64, 128 and 256 filters of 3×3, "same" padding, 2×2 pooling; 512, 256, 128 and 64 units.
Recipe: batches of 32, 13 epochs, Adam at its default rate of 0.001; pixels in [0, 1].

Variants, each one change: a fourth convolution of 512 filters (tried and removed, because the
classes became unequal); plain SGD and SGD with momentum 0.9, both at rate 0.01, Keras's default;
AdaDelta at rate 1.0, as it was published (Zeiler 2012).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from zoo.member import CLASSES, IMAGE_SIZE, Member, Recipe, scaled

if TYPE_CHECKING:
    from torch import nn

    from zoo import blocks
else:
    from zoo.lazy import blocks, nn

SLOPE = 0.01
FILTERS = (64, 128, 256)
UNITS_AND_DROPOUT = ((512, 0.25), (256, 0.25), (128, 0.25), (64, 0.4))


def leaky(width: float, filters: tuple[int, ...] = FILTERS) -> nn.Module:
    """As many convolutions as `filters` has entries, each halving the image."""
    layers: list[nn.Module] = []
    inputs = 1
    for outputs in (scaled(n, width) for n in filters):
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        layers += [convolution, nn.LeakyReLU(SLOPE), nn.MaxPool2d(2), nn.BatchNorm2d(outputs)]
        inputs = outputs
    layers.append(nn.Flatten())
    inputs *= (IMAGE_SIZE // 2 ** len(filters)) ** 2
    for full, dropout in UNITS_AND_DROPOUT:
        units = scaled(full, width)
        layers += [nn.Linear(inputs, units), nn.BatchNorm1d(units)]
        layers += [nn.LeakyReLU(SLOPE), nn.Dropout(dropout)]
        inputs = units
    return blocks.normal_(nn.Sequential(*layers, nn.Linear(inputs, CLASSES)), SLOPE)


ADAM = Recipe(
    optimizer="adam",
    learning_rate=0.001,
    epochs=13,
    batch_size=32,
    dropout=0.25,
    pixels="unit",
)
FOUR_CONVOLUTIONS = partial(leaky, filters=(*FILTERS, 512))
MEMBERS = tuple(
    Member(name=name, build=build, recipe=recipe, source=source, groups=("leaky",))
    for name, build, recipe, source in (
        ("leaky", leaky, ADAM, "leaky-ReLU report, Methods"),
        ("leaky-4conv", FOUR_CONVOLUTIONS, ADAM, "leaky-ReLU report, section 3.3"),
        (
            "leaky-sgd",
            leaky,
            replace(ADAM, optimizer="sgd", learning_rate=0.01),
            "leaky-ReLU report, Optimizer",
        ),
        (
            "leaky-momentum",
            leaky,
            replace(ADAM, optimizer="momentum", learning_rate=0.01),
            "leaky-ReLU report, Optimizer",
        ),
        (
            "leaky-adadelta",
            leaky,
            replace(ADAM, optimizer="adadelta", learning_rate=1.0),
            "leaky-ReLU report, Optimizer",
        ),
    )
)
