"""VGG16 with ImageNet weights and new dense layers.

Source: Ali, "Expression Classification from Facial Images", a report on ExpW.
Expected: the report claims training 98, validation 92 and test 91 % on 36,000 faces of ExpW,
without a table; published results there are near 72 to 76 %. On FER2013 nothing is claimed.
Train: python -m benchmark train vgg16 --dataset expw --data PATH --profile paper

Architecture: the 13 convolutions of VGG16 (Simonyan and Zisserman 2015) and custom dense layers,
whose sizes are not reported. Here: 512 features at 48×48, 256 units with ReLU, dropout 0.5, affine.
Of the ImageNet weights the last convolutional block is trained on with the dense layers; the
earlier ones stay as they are, the usual way to fine-tune at this learning rate. With
`--no-pretrained` all layers are trained, from random weights.
Recipe: Adam, learning rate 0.001, batches of 32, 10 epochs.

ImageNet weights fit the published width only: a pretrained network keeps it in the quick profile
too, where the images are reduced to 32×32 and two epochs are trained.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import timm_networks
from zoo.member import CLASSES, Member, Recipe, scaled

if TYPE_CHECKING:
    from torch import nn

    from zoo import blocks
else:
    from zoo.lazy import blocks, nn

PLAN = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)
"""Filters of the 3×3 convolutions, each with ReLU; 0 is a 2×2 maximum."""
LAST_BLOCK = 24
"""Index of the last block's first layer in timm's `features`."""


def head(features: int, width: float) -> nn.Module:
    """The custom dense layers: (B, features, S / 32, S / 32) to (B, 7)."""
    units = scaled(256, width)
    return nn.Sequential(
        blocks.GlobalAverage(),
        nn.Linear(features, units),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(units, CLASSES),
    )


def vgg16(width: float) -> nn.Module:
    """The network with random weights."""
    from timm.models.vgg import VGG

    plan = ["M" if filters == 0 else scaled(filters, width) for filters in PLAN]
    # The original dense layers, 100 million weights, are not wanted: made as small as can be.
    whole = VGG(plan, in_chans=1, num_classes=0, mlp_ratio=1 / 4096)
    return nn.Sequential(whole.features, head(scaled(512, width), width))


def vgg16_pretrained(width: float, weights: Path | None = None) -> nn.Module:
    """The network with ImageNet weights, at full width; the first four blocks are frozen."""
    whole = timm_networks.create_pretrained("vgg16", member="vgg16", weights=weights)
    features = whole.get_submodule("features")
    for name, parameter in features.named_parameters():
        parameter.requires_grad = int(name.split(".")[0]) >= LAST_BLOCK
    return nn.Sequential(features, head(512, 1.0))


RECIPE = Recipe(
    optimizer="adam",
    learning_rate=0.001,
    epochs=10,
    batch_size=32,
    dropout=0.5,
    pixels="imagenet",
    pretrained=True,
)

MEMBERS = (
    Member(
        name="vgg16",
        build=vgg16,
        build_pretrained=vgg16_pretrained,
        recipe=RECIPE,
        quick_recipe=replace(RECIPE, epochs=2, resize=32),
        source="Ali, Models used and Hyperparameter tuning",
        groups=("vgg16",),
        family="vgg",
    ),
)
