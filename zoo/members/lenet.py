"""A network after LeNet-5, on the data as they are and on balanced, multiplied data.

Source: "Facial Expression Recognition", course report in LT2326.
Expected on FER2013: training accuracy near 99 %. The report's 53.7 % for testing is a mean over all
20 epochs on PublicTest (its supports are 20 times that split's), the balanced variant's 30.5 %
likewise; what the final networks reach on PrivateTest is for the tables to say.
Train: python -m benchmark train lenet --dataset fer2013 --data PATH --profile paper

Architecture: three times [Conv-ReLU-MaxPool-BN], three times [Affine-ReLU-Dropout], affine. The
report gives no sizes. Here: LeNet-5's 5×5 filters, 32, 64 and 128 of them, with 1024, 512 and 256
units, large enough to fit the training images as closely as reported; dropout 0.2.
Recipe: Adam, learning rate 1e-4, batches of 128, cross-entropy, 20 epochs, pixels in [0, 1].

Balanced variant: as many images of each class as the rarest one has (436), and 10 transformed
copies of each (4,796 images per class): rotated, flipped, scaled, brighter or darker, of more or
less contrast. The ranges are not reported.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zoo.member import CLASSES, IMAGE_SIZE, Augmentation, Balance, Member, Recipe, scaled

if TYPE_CHECKING:
    from torch import nn
else:
    from zoo.lazy import nn

DROPOUT = 0.2


def lenet(width: float) -> nn.Module:
    """Three convolutions and three hidden affine layers, initialised as PyTorch does."""
    layers: list[nn.Module] = []
    inputs = 1
    for filters in (scaled(n, width) for n in (32, 64, 128)):
        convolution = nn.Conv2d(inputs, filters, 5, padding=2)
        layers += [convolution, nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(filters)]
        inputs = filters
    layers.append(nn.Flatten())
    inputs *= (IMAGE_SIZE // 8) ** 2
    for units in (scaled(n, width) for n in (1024, 512, 256)):
        layers += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(DROPOUT)]
        inputs = units
    return nn.Sequential(*layers, nn.Linear(inputs, CLASSES))


PLAIN = Recipe(
    optimizer="adam",
    learning_rate=1e-4,
    epochs=20,
    batch_size=128,
    dropout=DROPOUT,
    pixels="unit",
)
COPIES = Augmentation(flip=True, rotation=15.0, scale=(0.9, 1.1), brightness=0.2, contrast=0.2)

MEMBERS = (
    Member(
        name="lenet",
        build=lenet,
        recipe=PLAIN,
        source="LT2326 report, Methods",
        groups=("lenet",),
    ),
    Member(
        name="lenet-balanced",
        build=lenet,
        recipe=replace(PLAIN, balance=Balance(copies=10, augmentation=COPIES)),
        source="LT2326 report, Discussion",
        groups=("lenet",),
    ),
)
