"""Every member of the catalogue through the same tests: a new one is tested by existing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from zoo import timm_networks
from zoo.catalogue import load_catalogue
from zoo.costs import costs, input_side, measure
from zoo.member import Member, ZooError, check_name
from zoo.members import nine, six, vgg16
from zoo.profiles import PROFILES

QUICK_WIDTH = PROFILES["quick"].width

MEMBERS = load_catalogue().members
DISTINCT = tuple({(str(m.build), m.recipe.crop): m for m in MEMBERS}.values())


def modules_of(member: Member, width: float) -> list[nn.Module]:
    with torch.device("meta"):
        return list(member.build(width).modules())


@pytest.mark.parametrize("member", DISTINCT, ids=lambda member: member.name)
def test_a_quick_network_turns_images_into_logits_and_has_gradients(member: Member) -> None:
    torch.manual_seed(0)
    network = member.build(QUICK_WIDTH).to(memory_format=torch.channels_last)
    side = input_side(member.quick_recipe or member.recipe)
    images = torch.randn(2, 1, side, side).contiguous(memory_format=torch.channels_last)
    logits = network.train()(images)
    assert logits.shape == (2, 7)
    assert torch.isfinite(logits).all()
    functional.cross_entropy(logits, torch.tensor([0, 3])).backward()
    gradients = [p.grad for p in network.parameters() if p.requires_grad]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
    assert sum(float(g.abs().sum()) for g in gradients if g is not None) > 0


@pytest.mark.parametrize("member", DISTINCT, ids=lambda member: member.name)
def test_one_image_alone_gets_the_logits_that_it_gets_in_a_batch(member: Member) -> None:
    torch.manual_seed(0)
    network = member.build(QUICK_WIDTH).eval()
    side = input_side(member.quick_recipe or member.recipe)
    images = torch.randn(2, 1, side, side)
    with torch.no_grad():
        together, alone = network(images), network(images[1:])
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_what_a_member_says_about_itself(member: Member) -> None:
    assert check_name(member.name) == member.name
    assert member.source.strip()
    assert member.groups
    assert 32 <= input_side(member.recipe) <= 48
    rates = {m.p for m in modules_of(member, QUICK_WIDTH) if isinstance(m, nn.Dropout)}
    assert not member.recipe.dropout or member.recipe.dropout in rates


def test_dropout_is_told_by_every_recipe_whose_network_has_one_rate() -> None:
    for member in MEMBERS:
        if member.groups != ("nine",):
            continue
        rates = {m.p for m in modules_of(member, QUICK_WIDTH) if isinstance(m, nn.Dropout)}
        assert rates == ({member.recipe.dropout} if member.recipe.dropout else set())


@pytest.mark.parametrize(
    ("name", "published", "tolerance"),
    [
        ("deep-a", 4_500_000, 0.03),
        ("shallow-a", 9_500_000, 0.03),
        ("fcn-a", 464_000, 0.01),
        # VGG-8 with 4.7 million, ResNet18 11.2, its narrow form 5.2, ResNet34 21, WRN-16-4 2.8,
        # VGG19 20: the figures of the literature.
        ("vgg8-gap", 4_700_000, 0.01),
        ("resnet18", 11_200_000, 0.01),
        ("resnet18-narrow", 5_200_000, 0.01),
        ("resnet34", 21_300_000, 0.01),
        ("wrn-16-4", 2_750_000, 0.01),
        ("vgg19-gap", 20_000_000, 0.01),
    ],
)
def test_trainable_parameters_at_full_width(name: str, published: int, tolerance: float) -> None:
    member = load_catalogue().member(name)
    counted = measure(member, 1.0, member.recipe.crop).parameters
    assert counted == pytest.approx(published, rel=tolerance)


def keras_parameters(filters: tuple[int, ...], kernel: int, last_side: int) -> int:
    """Trainable parameters of one of the six, counted as Keras's summary would."""
    total, inputs = 0, 1
    for outputs in filters:
        first = (kernel**2 * inputs + 1) * outputs
        second = (kernel**2 * outputs + 1) * outputs
        total += first + 2 * outputs + second
        inputs = outputs
    return total + (inputs * last_side**2 + 1) * 256 + (256 + 1) * 7


@pytest.mark.parametrize(
    ("name", "filters", "kernel", "last_side"),
    [
        ("six-m1", (32, 64, 128), 3, 6),
        ("six-m2", (32, 64, 128), 3, 6),
        ("six-m3", (64, 128, 256), 3, 6),
        ("six-m4", (32, 64, 128), 5, 6),
        ("six-m5", (32, 64, 128, 256), 3, 3),
        ("six-m6", (32, 64, 128), 3, 4),
    ],
)
def test_the_six_have_the_parameters_of_their_description(
    name: str, filters: tuple[int, ...], kernel: int, last_side: int
) -> None:
    member = load_catalogue().member(name)
    counted = measure(member, 1.0, 48).parameters
    assert counted == keras_parameters(filters, kernel, last_side)


def test_the_six_differ_by_what_the_report_says() -> None:
    pools = {
        name: [
            type(m) for m in modules_of(member, 1.0) if isinstance(m, nn.MaxPool2d | nn.AvgPool2d)
        ]
        for member in load_catalogue().select("six-m*")
        for name in [member.name]
    }
    assert pools["six-m1"] == [nn.MaxPool2d] * 3
    assert all(
        pools[f"six-m{i}"][:3] == [nn.MaxPool2d, nn.AvgPool2d, nn.AvgPool2d] for i in range(2, 7)
    )
    padding = [
        m.padding
        for m in modules_of(load_catalogue().member("six-m6"), 1.0)
        if isinstance(m, nn.Conv2d)
    ]
    assert padding == [(1, 1), (0, 0)] * 3


def test_the_nine_are_three_architectures_with_the_best_hyperparameters_and_two_others() -> None:
    members = load_catalogue().select("nine")
    assert [m.name for m in members] == [
        f"{architecture}-{letter}"
        for architecture in ("deep", "shallow", "fcn")
        for letter in "abc"
    ]
    best = load_catalogue().member("deep-a").recipe
    assert (best.optimizer, best.learning_rate, best.weight_decay) == ("adam", 0.01, 1e-7)
    assert (best.dropout, best.epochs, best.schedule.kind) == (0.3, 80, "plateau")
    assert best.early_stopping > best.schedule.patience > 0
    assert len({m.recipe for m in members if m.name.startswith("deep")}) == 3
    for member in members:
        assert 0.001 <= member.recipe.learning_rate <= 0.1
        assert 1e-8 <= member.recipe.weight_decay <= 1e-6


def test_every_filter_of_the_fully_convolutional_network_is_8_by_8() -> None:
    modules = modules_of(load_catalogue().member("fcn-a"), 1.0)
    kernels = [m.kernel_size for m in modules if isinstance(m, nn.Conv2d)]
    assert kernels == [(8, 8)] * 14 + [(1, 1)]
    assert not any(isinstance(m, nn.Linear | nn.Dropout) for m in modules)


def test_initialisations_are_the_published_ones() -> None:
    torch.manual_seed(0)
    dense = next(m for m in nine.shallow(1.0, 0.3).modules() if isinstance(m, nn.Linear))
    limit = (6 / (dense.in_features + dense.out_features)) ** 0.5
    assert limit * 0.99 < float(dense.weight.detach().abs().max()) <= limit
    assert not dense.bias.detach().any()
    leaky = load_catalogue().member("leaky").build(1.0)
    dense = next(m for m in leaky.modules() if isinstance(m, nn.Linear))
    assert float(dense.weight.detach().std()) == pytest.approx(
        (2 / 1.0001 / dense.in_features) ** 0.5, rel=0.01
    )


def test_recipes_of_the_reports() -> None:
    catalogue = load_catalogue()
    recipe = catalogue.member("six-m1").recipe
    assert (recipe.schedule.kind, recipe.schedule.factor, recipe.schedule.every) == (
        "exponential",
        0.98,
        1000,
    )
    assert (recipe.learning_rate, recipe.batch_size, recipe.epochs) == (0.001, 128, 50)
    recipe = catalogue.member("lenet").recipe
    assert (recipe.learning_rate, recipe.batch_size, recipe.epochs) == (1e-4, 128, 20)
    balance = catalogue.member("lenet-balanced").recipe.balance
    assert balance is not None
    assert balance.copies == 10
    optimizers = {m.name: m.recipe.optimizer for m in catalogue.select("leaky")}
    assert optimizers == {
        "leaky": "adam",
        "leaky-4conv": "adam",
        "leaky-sgd": "sgd",
        "leaky-momentum": "momentum",
        "leaky-adadelta": "adadelta",
    }
    assert {(m.recipe.batch_size, m.recipe.epochs) for m in catalogue.select("leaky")} == {(32, 13)}
    assert [m.name for m in catalogue.members if m.recipe.pretrained] == [
        "six-efficientnetb0",
        "vgg16",
    ]


@pytest.fixture(scope="module")
def efficientnet_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of timm's network for colour images, as the hub holds one."""
    import timm

    torch.manual_seed(1)
    whole = timm.create_model(six.EFFICIENTNET, pretrained=False)
    path = tmp_path_factory.mktemp("weights") / "efficientnet.pth"
    torch.save(whole.state_dict(), path)
    return path


def test_pretrained_weights_are_loaded_and_colours_summed(efficientnet_weights: Path) -> None:
    stored = torch.load(efficientnet_weights, weights_only=True)
    network = six.efficientnet_pretrained(QUICK_WIDTH, weights=efficientnet_weights)
    loaded = network.state_dict()
    summed = stored["conv_stem.weight"].sum(1, keepdim=True)
    torch.testing.assert_close(loaded["conv_stem.weight"], summed)
    torch.testing.assert_close(loaded["conv_head.weight"], stored["conv_head.weight"])
    assert loaded["classifier.weight"].shape == (7, 1280)


def test_weights_in_the_cache_are_used_without_asking_the_hub(
    efficientnet_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked = []
    monkeypatch.setattr(
        huggingface_hub, "try_to_load_from_cache", lambda *_: str(efficientnet_weights)
    )
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", asked.append)
    member = load_catalogue().member("six-efficientnetb0")
    assert member.build_pretrained is not None
    network = member.build_pretrained(1.0)
    stored = torch.load(efficientnet_weights, weights_only=True)
    torch.testing.assert_close(network.state_dict()["conv_head.weight"], stored["conv_head.weight"])
    assert not asked


def test_vgg16_keeps_its_first_four_blocks_as_they_were_pretrained(tmp_path: Path) -> None:
    from timm.models.vgg import VGG

    torch.manual_seed(1)
    plan = ["M" if filters == 0 else filters for filters in vgg16.PLAN]
    features = VGG(plan, mlp_ratio=1 / 4096).features.state_dict(prefix="features.")
    shapes = {
        "pre_logits.fc1": (4096, 512, 7, 7),
        "pre_logits.fc2": (4096, 4096, 1, 1),
        "head.fc": (1000, 4096),
    }
    # One number, repeated by a stride of zero: the file is 58 MB instead of 550.
    dense = {f"{name}.weight": torch.zeros(1).expand(shape) for name, shape in shapes.items()}
    dense |= {f"{name}.bias": torch.zeros(shape[0]) for name, shape in shapes.items()}
    torch.save({**features, **dense}, tmp_path / "vgg16.pth")
    network = vgg16.vgg16_pretrained(1.0, weights=tmp_path / "vgg16.pth")
    torch.testing.assert_close(network.state_dict()["0.28.weight"], features["features.28.weight"])
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert trained == {
        f"{layer}.{kind}"
        for layer in ("0.24", "0.26", "0.28", "1.1", "1.4")
        for kind in ("weight", "bias")
    }
    assert network(torch.zeros(2, 1, 48, 48)).shape == (2, 7)


def test_weights_that_cannot_be_fetched_are_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import huggingface_hub

    def unreachable(_: str) -> None:
        raise OSError("Name or service not known\nand many lines more")

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", unreachable)
    member = load_catalogue().member("vgg16")
    assert member.build_pretrained is not None
    with pytest.raises(ZooError) as caught:
        member.build_pretrained(1.0)
    assert str(caught.value) == (
        "the member 'vgg16' starts from the ImageNet weights of timm's 'vgg16', which could not be "
        "loaded (Name or service not known): connect to the internet once, or train it from random "
        "weights with --no-pretrained"
    )


def test_a_damaged_weight_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(ZooError, match=r"^the member 'x' starts from .* with --no-pretrained$"):
        timm_networks.create_pretrained(
            six.EFFICIENTNET, member="x", weights=tmp_path / "torn.pth", num_classes=7
        )


@pytest.mark.parametrize("name", [m.name for m in DISTINCT if m.name != "six-efficientnetb0"])
def test_a_quarter_of_the_width_costs_at_most_a_quarter(name: str) -> None:
    member = load_catalogue().member(name)
    quick = member.quick_recipe or member.recipe
    assert costs(member, QUICK_WIDTH, quick).macs <= costs(member).macs / 4
