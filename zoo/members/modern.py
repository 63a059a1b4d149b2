"""Networks from random weights at 48×48 with the recipe that trains best: a varied committee.

Source: what is known about training on FER2013 since 2016. Architectures after He et al. (2016),
Simonyan and Zisserman (2015), Zagoruyko and Komodakis (2016), Hu et al. (2018), Szegedy et al.
(2015) and Huang et al. (2017); their choice follows Pramerdorfer and Kampel (2016), whose committee
of VGG, Inception and ResNet reaches 75.2 %, and Khaireddin and Chen (2021).
Expected on FER2013 (estimates): each network 71.5 to 73 %, their average 74 to 75.5 %.
Train: python -m benchmark train modern --dataset fer2013 --data PATH --profile paper

What all share: SGD with Nesterov momentum, cosine schedule after 5 epochs of warm-up, batches of
256, weight decay 5e-4, label smoothing 0.1, flips, rotations, shifts, scales, random erasing,
exponentially averaged weights, the mean probability of flips or ten crops at test time. Images keep
their resolution in the first stage (the stem of CIFAR networks).
What differs, so that they err differently: architecture, side of the crop (40 to 48), mixup,
dropout, label smoothing, changes of light, and how strong the geometric changes are.

Time (estimate, from 6 × multiply-adds × 28,709 × epochs at 200 TFLOP/s, a quarter of an H100's
bf16 peak): 20 to 70 s a network, 8 minutes for all eleven; the narrow ones reach less than a
quarter, so expect 10 to 12.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from zoo.member import CLASSES, Augmentation, Member, Recipe, Schedule, scaled

if TYPE_CHECKING:
    from torch import nn

    from zoo import blocks
else:
    from zoo.lazy import blocks, nn

Filters = tuple[int, ...]
RESNET = (64, 128, 256, 512)


def resnet(
    width: float,
    *,
    filters: Filters = RESNET,
    depths: Filters = (2, 2, 2, 2),
    dropout: float = 0.0,
    squeeze: bool = False,
) -> nn.Module:
    """Residual network; a stage for each entry of `filters`."""
    stages = tuple(scaled(n, width) for n in filters)
    block = partial(blocks.BasicBlock, dropout=dropout, squeeze=squeeze)
    return blocks.he_(
        nn.Sequential(
            blocks.conv_norm_act(1, stages[0]),
            *blocks.residual_stages(block, stages[0], stages, depths),
            blocks.GlobalAverage(),
            nn.Linear(stages[-1], CLASSES),
        )
    )


def preactivation(
    width: float, *, stem: int, filters: Filters, depths: Filters, dropout: float = 0.0
) -> nn.Module:
    """Residual network with the normalisation before each convolution; WRN is the wide one."""
    first, *stages = (scaled(n, width) for n in (stem, *filters))
    block = partial(blocks.PreactivationBlock, dropout=dropout)
    return blocks.he_(
        nn.Sequential(
            nn.Conv2d(1, first, 3, padding=1, bias=False),
            *blocks.residual_stages(block, first, tuple(stages), depths),
            nn.BatchNorm2d(stages[-1]),
            nn.ReLU(),
            blocks.GlobalAverage(),
            nn.Linear(stages[-1], CLASSES),
        )
    )


def vgg(
    width: float,
    *,
    stages: tuple[Filters, ...],
    side: int = 0,
    units: Filters = (),
    dropout: float = 0.0,
) -> nn.Module:
    """3×3 convolutions with batch norm, each stage but the last followed by a 2×2 maximum.

    side: of the last maps, where hidden layers of `units` follow; 0 averages over the image.
    """
    layers: list[nn.Module] = []
    inputs = 1
    for i, stage in enumerate(stages):
        layers += [nn.MaxPool2d(2)] if i else []
        for outputs in (scaled(n, width) for n in stage):
            layers += blocks.conv_norm_act(inputs, outputs)
            inputs = outputs
    layers.append(nn.Flatten() if side else blocks.GlobalAverage())
    inputs *= side * side if side else 1
    for hidden in (scaled(n, width) for n in units):
        layers += [nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout)]
        inputs = hidden
    return blocks.he_(nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(inputs, CLASSES)))


def inception(width: float, *, stages: tuple[Filters, ...], dropout: float) -> nn.Module:
    """Two plain convolutions, then stages of inception blocks, each after a 2×2 maximum."""
    inputs = scaled(64, width, 8)
    layers = [*blocks.conv_norm_act(1, inputs), *blocks.conv_norm_act(inputs, inputs)]
    for stage in stages:
        layers.append(nn.MaxPool2d(2))
        for outputs in (scaled(n, width, 32) for n in stage):
            layers.append(blocks.InceptionBlock(inputs, outputs))
            inputs = outputs
    layers += [blocks.GlobalAverage(), nn.Dropout(dropout), nn.Linear(inputs, CLASSES)]
    return blocks.he_(nn.Sequential(*layers))


def densenet(width: float, *, growth: int, depths: Filters) -> nn.Module:
    """Stages in which every layer sees all earlier ones; between them the channels are halved."""
    added = scaled(growth, width)
    inputs = 2 * added
    layers: list[nn.Module] = [*blocks.conv_norm_act(1, inputs)]
    for i, depth in enumerate(depths):
        if i:
            layers += [*blocks.conv_norm_act(inputs, inputs // 2, 1), nn.AvgPool2d(2)]
            inputs //= 2
        for _ in range(depth):
            layers.append(blocks.DenseLayer(inputs, added))
            inputs += added
    layers += [nn.BatchNorm2d(inputs), nn.ReLU(), blocks.GlobalAverage()]
    return blocks.he_(nn.Sequential(*layers, nn.Linear(inputs, CLASSES)))


USUAL = Augmentation(flip=True, rotation=12.0, shift=0.08, scale=(0.85, 1.15), erasing=0.5)
STRONG = replace(USUAL, rotation=15.0, shift=0.1, scale=(0.8, 1.2))
LIGHT = replace(USUAL, brightness=0.2, contrast=0.3)
BASE = Recipe(
    optimizer="nesterov",
    learning_rate=0.1,
    weight_decay=5e-4,
    epochs=60,
    batch_size=256,
    schedule=Schedule(kind="cosine", warmup=5.0),
    label_smoothing=0.1,
    ema=0.998,
    augmentation=USUAL,
    test_time="flip",
)
CROPPED = replace(BASE, crop=44, test_time="ten_crop")
VGG8 = ((64, 64), (128, 128), (256, 256), (512, 512))
VGG19 = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)

MEMBERS = tuple(
    Member(
        name=name,
        build=build,
        recipe=recipe,
        source=source,
        groups=("modern",),
        family=family,
    )
    for name, family, build, recipe, source in (
        ("resnet18", "resnet", resnet, replace(CROPPED, mixup=0.2), "He et al. 2016, CIFAR stem"),
        (
            "resnet18-narrow",
            "resnet",
            partial(resnet, filters=(64, 128, 256, 256), dropout=0.2),
            replace(BASE, dropout=0.2, augmentation=LIGHT),
            "He et al. 2016, CIFAR stem, narrow last stage",
        ),
        (
            "resnet34",
            "resnet",
            partial(resnet, depths=(3, 4, 6, 3)),
            replace(CROPPED, crop=40, epochs=45, augmentation=STRONG),
            "He et al. 2016, CIFAR stem",
        ),
        (
            "resnet18-preact",
            "resnet",
            partial(preactivation, stem=64, filters=RESNET, depths=(2, 2, 2, 2)),
            replace(CROPPED, crop=40, mixup=0.4, augmentation=replace(LIGHT, erasing=0.0)),
            "He et al. 2016b, identity mappings",
        ),
        (
            "se-resnet18",
            "resnet",
            partial(resnet, filters=(48, 96, 192, 384), squeeze=True),
            replace(BASE, augmentation=STRONG, mixup=0.2, label_smoothing=0.0),
            "Hu et al. 2018",
        ),
        (
            "wrn-16-4",
            "wide-resnet",
            partial(preactivation, stem=16, filters=(64, 128, 256), depths=(2, 2, 2), dropout=0.2),
            replace(BASE, dropout=0.2),
            "Zagoruyko and Komodakis 2016",
        ),
        (
            "vgg8-gap",
            "vgg",
            partial(vgg, stages=VGG8, dropout=0.2),
            replace(BASE, dropout=0.2, epochs=80, mixup=0.2, augmentation=STRONG),
            "Simonyan and Zisserman 2015, global average pooling",
        ),
        (
            "vgg8-fc",
            "vgg",
            partial(vgg, stages=(*VGG8[:3], (256, 256)), side=5, units=(1024,), dropout=0.4),
            replace(CROPPED, dropout=0.4, epochs=80, learning_rate=0.05, label_smoothing=0.0),
            "Khaireddin and Chen 2021, narrower",
        ),
        (
            "vgg19-gap",
            "vgg",
            partial(vgg, stages=VGG19, dropout=0.2),
            replace(CROPPED, dropout=0.2, epochs=70, learning_rate=0.05, augmentation=LIGHT),
            "Simonyan and Zisserman 2015, batch norm, global average pooling",
        ),
        (
            "inception",
            "inception",
            partial(
                inception,
                stages=((128, 192, 256), (256, 320, 384, 384), (512, 512)),
                dropout=0.2,
            ),
            replace(BASE, dropout=0.2, epochs=80),
            "Szegedy et al. 2015, batch norm, after Pramerdorfer and Kampel 2016",
        ),
        (
            "densenet",
            "densenet",
            partial(densenet, growth=32, depths=(4, 6, 8, 6)),
            replace(CROPPED, augmentation=LIGHT, mixup=0.2),
            "Huang et al. 2017",
        ),
    )
)
