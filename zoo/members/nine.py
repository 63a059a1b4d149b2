"""Nine networks for an ensemble: three architectures of very different size, three times each.

Source: Bokányi and Mészégető, "Facial Emotion Recognition Using Deep Learning"; `deep` and
`shallow` after Alizadeh and Fazel (2017), `fcn` after Agrawal and Mittal (2020).
Expected on FER2013: deep 66 %, fcn 63 %, shallow 60 %, their simple average 69 %.
Train: python -m benchmark train nine --dataset fer2013 --data PATH --profile paper

Architectures (trainable parameters at full width)
- deep, 4.47 M (published: roughly 4.5 M): [Conv-BN-ReLU-Dropout-MaxPool] × 4 with 64 3×3, 128 5×5,
  512 3×3, 512 3×3; [Affine-BN-ReLU-Dropout] × 2 with 256 and 512 units; affine.
- shallow, 9.52 M (published: more than 9.5 M, mostly in the affine layer): 64 3×3 and 128 3×3 in
  the same blocks; [Affine-BN-ReLU-Dropout] with 512 units; affine.
- fcn, 465,063 (published: roughly 464,000): seven constituent layers, each of two convolutions with
  batch normalisation and ReLU; every filter is 8×8; neither dropout nor affine layers. The report
  leaves the arrangement open. Here the layers have 16 16 16 24 24 32 32 filters, and the second
  convolution of the first, third and fifth has a stride of 2 (62 million multiply-adds). An 8×8
  filter has no centre, so the two convolutions of a layer pad by 3 and by 4: their half-pixel
  shifts cancel. Seven maps from a 1×1 convolution are averaged into the logits.
Convolutions keep the size ("same"), as the published counts require; pooling is 2×2.
Initialisation is that of Keras, which the report used.

Hyperparameters: the report searched each over a base value, a tenth and ten times of it, and found
learning rate 0.01, weight decay 1e-7, dropout 0.3 best for deep and shallow: variant a. b and c are
other points of that range, chosen so that they err differently: b learns ten times more slowly; c
besides decays ten times more and almost leaves out dropout. For fcn no best values are given, and
with 8×8 filters Adam does not get going at 0.01: a takes 0.001, b 0.003, c 0.001 and more decay.
Adam, batches of 128, flips, rotations up to 10° and shifts up to a tenth (the report gives no
ranges), the rate halved after 4 epochs without a lower validation loss, training stopped after 12,
80 epochs at most: the report's typical number.
A maximum over values of which some are dropped and the rest enlarged is larger than the same
maximum without dropout, so statistics of batch normalisation learnt in training mislead a network
at test time (a quarter-wide deep one, after 8 epochs on 3,000 images: 26 % of 1,000 validation
images right, 36 % with their own batch statistics). The nine are left as published;
`deep-recalibrated` and `shallow-recalibrated` (group `recalibrated`) are the variants a with the
statistics estimated anew, dropout off, before they are read out. The quick profile does so for
every network.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from zoo.member import CLASSES, IMAGE_SIZE, Augmentation, Member, Recipe, Schedule, scaled

if TYPE_CHECKING:
    from torch import nn

    from zoo import blocks
else:
    from zoo.lazy import blocks, nn

FCN_FILTERS = (16, 16, 16, 24, 24, 32, 32)
FCN_HALVED_BY = (0, 2, 4)


def _stage(inputs: int, outputs: int, kernel: int, dropout: float) -> list[nn.Module]:
    """[Conv-BN-ReLU-Dropout-MaxPool]: (B, inputs, S, S) to (B, outputs, S / 2, S / 2)."""
    return [
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.MaxPool2d(2),
    ]


def _hidden(inputs: int, units: int, dropout: float) -> list[nn.Module]:
    """[Affine-BN-ReLU-Dropout]: (B, inputs) to (B, units)."""
    return [nn.Linear(inputs, units), nn.BatchNorm1d(units), nn.ReLU(), nn.Dropout(dropout)]


def deep(width: float, dropout: float) -> nn.Module:
    """Four convolutions and two hidden affine layers."""
    layers: list[nn.Module] = []
    inputs = 1
    for filters, kernel in ((64, 3), (128, 5), (512, 3), (512, 3)):
        layers += _stage(inputs, scaled(filters, width), kernel, dropout)
        inputs = scaled(filters, width)
    layers.append(nn.Flatten())
    inputs *= (IMAGE_SIZE // 16) ** 2
    for units in (scaled(256, width), scaled(512, width)):
        layers += _hidden(inputs, units, dropout)
        inputs = units
    return blocks.keras_(nn.Sequential(*layers, nn.Linear(inputs, CLASSES)))


def shallow(width: float, dropout: float) -> nn.Module:
    """Two convolutions and one hidden affine layer."""
    first, second, units = (scaled(n, width) for n in (64, 128, 512))
    return blocks.keras_(
        nn.Sequential(
            *_stage(1, first, 3, dropout),
            *_stage(first, second, 3, dropout),
            nn.Flatten(),
            *_hidden(second * (IMAGE_SIZE // 4) ** 2, units, dropout),
            nn.Linear(units, CLASSES),
        )
    )


def fully_convolutional(width: float) -> nn.Module:
    """Seven constituent layers of two 8×8 convolutions, and the mean of seven maps."""
    layers: list[nn.Module] = []
    inputs = 1
    for i, filters in enumerate(FCN_FILTERS):
        # Fewer than 8 channels save no time and lose most of the accuracy.
        outputs = scaled(filters, width, multiple=8)
        layers += [
            nn.Conv2d(inputs, outputs, 8, padding=3),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 8, stride=2 if i in FCN_HALVED_BY else 1, padding=4),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
        inputs = outputs
    layers += [nn.Conv2d(inputs, CLASSES, 1), blocks.GlobalAverage()]
    return blocks.keras_(nn.Sequential(*layers))


BEST = Recipe(
    optimizer="adam",
    learning_rate=0.01,
    weight_decay=1e-7,
    dropout=0.3,
    epochs=80,
    batch_size=128,
    schedule=Schedule(kind="plateau", factor=0.5, patience=4),
    early_stopping=12,
    augmentation=Augmentation(flip=True, rotation=10.0, shift=0.1),
)
DENSE_VARIANTS = {
    "a": BEST,
    "b": replace(BEST, learning_rate=0.001),
    "c": replace(BEST, learning_rate=0.001, weight_decay=1e-6, dropout=0.03),
}
FCN_BASE = replace(BEST, learning_rate=0.001, dropout=0.0)
FCN_VARIANTS = {
    "a": FCN_BASE,
    "b": replace(FCN_BASE, learning_rate=0.003),
    "c": replace(FCN_BASE, weight_decay=1e-6),
}
SOURCE = "Bokányi and Mészégető, section IV"

MEMBERS = (
    *(
        Member(
            name=f"{build.__name__}-{letter}",
            build=partial(build, dropout=recipe.dropout),
            recipe=recipe,
            source=f"{SOURCE}, after Alizadeh and Fazel 2017",
            groups=("nine",),
        )
        for build in (deep, shallow)
        for letter, recipe in DENSE_VARIANTS.items()
    ),
    *(
        Member(
            name=f"{build.__name__}-recalibrated",
            build=partial(build, dropout=BEST.dropout),
            recipe=replace(BEST, recalibrate=2048),
            source=f"{SOURCE}, statistics after Li et al. 2019",
            groups=("recalibrated",),
        )
        for build in (deep, shallow)
    ),
    *(
        Member(
            name=f"fcn-{letter}",
            build=fully_convolutional,
            recipe=recipe,
            source=f"{SOURCE}, after Agrawal and Mittal 2020",
            groups=("nine",),
        )
        for letter, recipe in FCN_VARIANTS.items()
    ),
)
