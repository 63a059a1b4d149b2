"""A network of your own: python -m benchmark run-all --zoo examples/my_member.py"""

from torch import nn

from zoo.member import Member, Recipe, scaled


def build(width: float) -> nn.Module:
    layers, inputs = [], 1
    for filters in (scaled(n, width) for n in (32, 64, 128)):
        layers += [nn.Conv2d(inputs, filters, 3, 2, 1), nn.BatchNorm2d(filters), nn.ReLU()]
        inputs = filters
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs * 6 * 6, 7))


RECIPE = Recipe(optimizer="adam", learning_rate=0.001, epochs=20, batch_size=64)
MEMBER = Member(name="my-member", build=build, recipe=RECIPE, source="examples/my_member.py")
