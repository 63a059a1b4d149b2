"""Six Keras networks that differ by one idea each, and a pretrained EfficientNetB0.

Source: "Deep Learning based on CNNs: Facial Emotion Recognition".
Expected on FER2013, validation accuracy: M1 63.5, M2 65.1, M3 65.5, M4 64.8, M5 65.2, M6 65.1 %,
EfficientNetB0 56 %; test: M3 67 %, M6 66 %, EfficientNetB0 51 %.
Train: python -m benchmark train six --dataset fer2013 --data PATH --profile paper

Architecture of M1: three blocks [Conv3×3-ReLU, BN, Conv3×3-ReLU, MaxPool, Dropout 0.25] with 32, 64
and 128 filters; 256 units with ReLU and dropout 0.5; affine. Padding keeps the size.
- M2: average pooling in every block but the first. All that follow are M2 with one change more:
- M3: twice the filters.  - M4: 5×5 filters.  - M5: a fourth block, of 256 filters.
- M6: no padding in half of the convolutions: here the second of each block.
Initialisation is that of Keras. Trainable parameters: M1 and M2 1,468,583.
Recipe: Adam, learning rate 0.001 times 0.98 every 1,000 steps, batches of 128, 50 epochs,
cross-entropy, no augmentation, no class weights, pixels in [0, 1].

EfficientNetB0: 10 epochs from ImageNet weights, otherwise as above, at 48×48. timm's port of the
TensorFlow network is used, whose padding is that of Keras.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import timm_networks
from zoo.member import CLASSES, IMAGE_SIZE, Member, Recipe, Schedule, scaled

if TYPE_CHECKING:
    from torch import nn

    from zoo import blocks
else:
    from zoo.lazy import blocks, nn

EFFICIENTNET = "tf_efficientnet_b0.in1k"


@dataclass(frozen=True)
class Shape:
    """What distinguishes the six."""

    filters: tuple[int, ...] = (32, 64, 128)
    kernel: int = 3
    average_pooling: bool = True
    """In every block but the first."""
    valid: bool = False
    """The second convolution of each block does not pad."""


SHAPES = {
    "m1": Shape(average_pooling=False),
    "m2": Shape(),
    "m3": Shape(filters=(64, 128, 256)),
    "m4": Shape(kernel=5),
    "m5": Shape(filters=(32, 64, 128, 256)),
    "m6": Shape(valid=True),
}


def build(width: float, shape: Shape) -> nn.Module:
    """One of the six."""
    layers: list[nn.Module] = []
    inputs, side, padding = 1, IMAGE_SIZE, shape.kernel // 2
    for i, outputs in enumerate(scaled(n, width) for n in shape.filters):
        layers += [
            nn.Conv2d(inputs, outputs, shape.kernel, padding=padding),
            nn.ReLU(),
            nn.BatchNorm2d(outputs),
            nn.Conv2d(outputs, outputs, shape.kernel, padding=0 if shape.valid else padding),
            nn.ReLU(),
            nn.AvgPool2d(2) if i and shape.average_pooling else nn.MaxPool2d(2),
            nn.Dropout(0.25),
        ]
        inputs = outputs
        side = (side - 2 * padding if shape.valid else side) // 2
    units = scaled(256, width)
    layers += [nn.Flatten(), nn.Linear(inputs * side * side, units), nn.ReLU(), nn.Dropout(0.5)]
    return blocks.keras_(nn.Sequential(*layers, nn.Linear(units, CLASSES)))


def efficientnet(width: float) -> nn.Module:
    """EfficientNetB0 with random weights: one size, whatever the width."""
    return timm_networks.create(EFFICIENTNET, num_classes=CLASSES)


def efficientnet_pretrained(width: float, weights: Path | None = None) -> nn.Module:
    """EfficientNetB0 with ImageNet weights: one size, whatever the width."""
    return timm_networks.create_pretrained(
        EFFICIENTNET, member="six-efficientnetb0", weights=weights, num_classes=CLASSES
    )


SIX = Recipe(
    optimizer="adam",
    learning_rate=0.001,
    schedule=Schedule(kind="exponential", factor=0.98, every=1000),
    epochs=50,
    batch_size=128,
    dropout=0.25,
    pixels="unit",
)
TRANSFER = replace(SIX, epochs=10, dropout=0.0, pixels="imagenet", pretrained=True)

MEMBERS = (
    *(
        Member(
            name=f"six-{name}",
            build=partial(build, shape=shape),
            recipe=SIX,
            source=f"F-Riv, section 3, model {name[1]}",
            groups=("six",),
        )
        for name, shape in SHAPES.items()
    ),
    Member(
        name="six-efficientnetb0",
        build=efficientnet,
        build_pretrained=efficientnet_pretrained,
        recipe=TRANSFER,
        quick_recipe=replace(TRANSFER, epochs=3),
        source="F-Riv, section 6",
        groups=("six",),
        family="efficientnet",
    ),
)
