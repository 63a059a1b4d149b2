"""Members are found because their file is there, and chosen by the words of a user."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import zoo.members
from ensembles.committee import family_of
from zoo.catalogue import Catalogue, load_catalogue
from zoo.member import Member, Recipe, ZooError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "my_member.py"
RECIPE = Recipe(optimizer="adam", learning_rate=0.001, epochs=1, batch_size=2)


def member(name: str, *groups: str) -> Member:
    return Member(
        name=name, build=lambda _: torch.nn.Flatten(), recipe=RECIPE, source="test", groups=groups
    )


SMALL = Catalogue(
    members=(member("deep-a", "nine"), member("deep-b", "nine"), member("leaky", "leaky"))
)


def names(catalogue: Catalogue, selection: str) -> list[str]:
    return [chosen.name for chosen in catalogue.select(selection)]


def test_listing_the_catalogue_does_not_import_torch() -> None:
    program = (
        "import sys; from zoo.catalogue import load_catalogue; from zoo.costs import costs;"
        "c = load_catalogue(); print(len(c.select('all')), sum(costs(m).macs for m in c.members));"
        "print(sorted({'torch', 'timm', 'zoo.blocks'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1] == "[]"


def test_groups_of_the_design() -> None:
    catalogue = load_catalogue()
    groups = {"nine", "recalibrated", "lenet", "six", "leaky", "vgg16", "modern", "all"}
    assert set(catalogue.groups) == groups
    assert len(catalogue.groups["nine"]) == 9
    assert len(catalogue.groups["six"]) == 7
    assert 8 <= len(catalogue.groups["modern"]) <= 12
    assert catalogue.groups["all"] == tuple(m.name for m in catalogue.members)
    assert catalogue.added == ()


def test_architecture_families_of_the_catalogue() -> None:
    found: dict[str, list[str]] = {}
    for member in load_catalogue().members:
        found.setdefault(member.family or family_of(member.name), []).append(member.name)
    resnets = ["resnet18", "resnet18-narrow", "resnet18-preact", "resnet34", "se-resnet18"]
    assert {family: sorted(names) for family, names in found.items()} == {
        "deep": ["deep-a", "deep-b", "deep-c", "deep-recalibrated"],
        "shallow": ["shallow-a", "shallow-b", "shallow-c", "shallow-recalibrated"],
        "fcn": ["fcn-a", "fcn-b", "fcn-c"],
        "lenet": ["lenet", "lenet-balanced"],
        "leaky": ["leaky", "leaky-4conv", "leaky-adadelta", "leaky-momentum", "leaky-sgd"],
        "six": [f"six-m{i}" for i in range(1, 7)],
        "efficientnet": ["six-efficientnetb0"],
        "resnet": resnets,
        "wide-resnet": ["wrn-16-4"],
        "vgg": ["vgg16", "vgg19-gap", "vgg8-fc", "vgg8-gap"],
        "inception": ["inception"],
        "densenet": ["densenet"],
    }


def test_members_come_in_the_same_order_every_time() -> None:
    assert load_catalogue().groups == load_catalogue().groups


def test_selection_keeps_the_order_of_the_request_and_no_duplicates() -> None:
    assert names(SMALL, "leaky, nine,deep-a,") == ["leaky", "deep-a", "deep-b"]
    assert names(SMALL, "*-b,deep-*") == ["deep-b", "deep-a"]
    assert names(SMALL, "all") == ["deep-a", "deep-b", "leaky"]


def test_a_member_that_is_called_like_its_group_can_be_had_alone() -> None:
    catalogue = load_catalogue()
    assert names(catalogue, "lenet") == ["lenet", "lenet-balanced"]
    assert names(catalogue, "name:lenet") == ["lenet"]


AVAILABLE = (
    "there are the groups all, leaky, nine, the members deep-a, deep-b, leaky, globs like "
    "'deep-*', and timm:NAME for any network of timm"
)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("", f"no members are selected: {AVAILABLE}"),
        (" , ", f"no members are selected: {AVAILABLE}"),
        ("nien", f"no member or group is called 'nien': did you mean 'nine'? {AVAILABLE}"),
        ("Deep-a", f"no member or group is called 'Deep-a': did you mean 'deep-a'? {AVAILABLE}"),
        ("qqqqqq", f"no member or group is called 'qqqqqq': {AVAILABLE}"),
        ("deep-a,x*", f"no member matches 'x*': {AVAILABLE}"),
        ("name:nine", f"no member is called 'nine': did you mean 'nine'? {AVAILABLE}"),
    ],
)
def test_words_that_name_nothing_are_answered_with_help(selection: str, message: str) -> None:
    with pytest.raises(ZooError) as caught:
        SMALL.select(selection)
    assert str(caught.value) == message


def test_any_network_of_timm_is_a_member() -> None:
    [chosen] = SMALL.select("timm:resnet18")
    assert chosen.name == "timm.resnet18"
    assert chosen.recipe.resize == 0
    assert not chosen.recipe.pretrained
    assert chosen.build(0.25).eval()(torch.zeros(2, 1, 48, 48)).shape == (2, 7)
    assert SMALL.member("timm.resnet18").name == "timm.resnet18"


def test_a_network_that_insists_on_a_size_gets_it() -> None:
    [chosen] = SMALL.select("timm:vit_tiny_patch16_224")
    assert chosen.recipe.resize == 224


def test_a_name_that_timm_does_not_know_is_answered_with_the_nearest() -> None:
    import timm

    with pytest.raises(ZooError) as caught:
        SMALL.select("nine,timm:resnett18")
    message = str(caught.value)
    assert message.startswith(
        f"timm {timm.__version__} has no network 'resnett18': did you mean resnet18, "
    )
    assert message.endswith("? timm.list_models() lists all of them")


def test_the_example_file_has_at_most_20_lines_and_adds_one_network() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 20
    catalogue = load_catalogue([EXAMPLE])
    assert catalogue.added == ("my-member",)
    [chosen] = catalogue.select("my-member")
    for width in (0.25, 1.0):
        assert chosen.build(width).eval()(torch.zeros(2, 1, 48, 48)).shape == (2, 7)
    assert len(catalogue.select("all")) == len(load_catalogue().members) + 1


HEAD = "from zoo.member import Member, Recipe\n"
ONE = (
    "Member(name={name!r}, build=None, source='test', "
    "recipe=Recipe(optimizer='adam', learning_rate=0.1, epochs=1, batch_size=1))\n"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (\n", "{path}, line 1: SyntaxError: '(' was never closed"),
        ("\n\nimport nothing_like_this\n",
         "{path}, line 3: ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("def f():\n    return 1 / 0\nf()\n",
         "{path}, line 2: ZeroDivisionError: division by zero"),
        (HEAD + "MEMBER = " + ONE.format(name="a/b"),
         "{path}, line 2: the member name 'a/b' cannot be used: accepted are 1 to 100 letters, "
         "digits and '_', '.', '+', '-', beginning with a letter or digit and without '..'"),
        ("x = 1\n",
         "{path} defines no members: accepted are MEMBERS = (Member(...), ...) or "
         "MEMBER = Member(...)"),
        ("MEMBERS = ['deep-a']\n",
         "{path} lists 'deep-a' among its members, which is a str: accepted are "
         "zoo.member.Member objects"),
        (HEAD + "MEMBER = " + ONE.format(name="deep-a"),
         "two members are called 'deep-a', one in zoo.members.nine and one in {path}: "
         "rename one of them"),
    ],
)  # fmt: skip
def test_a_users_file_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    modules = set(sys.modules)
    with pytest.raises(ZooError) as caught:
        load_catalogue([path])
    assert str(caught.value) == message.format(path=path)
    if "line" in message:
        assert set(sys.modules) == modules


def test_a_file_that_is_not_there_and_one_that_is_no_python(tmp_path: Path) -> None:
    with pytest.raises(ZooError) as caught:
        load_catalogue([tmp_path / "no.py"])
    assert str(caught.value) == (
        f"there is no file {tmp_path / 'no.py'}: --zoo takes a Python file that defines MEMBERS"
    )
    (tmp_path / "members.txt").write_text("")
    with pytest.raises(ZooError) as caught:
        load_catalogue([tmp_path / "members.txt"])
    assert str(caught.value) == (
        f"{tmp_path / 'members.txt'} is no Python file: --zoo takes a file that ends in .py"
    )


def test_two_files_of_one_name_are_two_modules(tmp_path: Path) -> None:
    paths = []
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "mine.py")
        text = HEAD + "MEMBERS = [" + ONE.format(name=folder).strip() + "]\n"
        paths[-1].write_text(text, encoding="utf-8")
    assert load_catalogue(paths).added == ("first", "second")


def test_a_broken_file_in_the_folder_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('broken')\n")
    monkeypatch.setattr(zoo.members, "__path__", [*zoo.members.__path__, str(tmp_path)])
    with pytest.raises(RuntimeError, match=r"^broken$"):
        load_catalogue()


def install(folder: Path, module_text: str) -> None:
    """A package as pip leaves it: a module, and metadata with an entry point."""
    (folder / "their_members.py").write_text(module_text, encoding="utf-8")
    metadata = folder / "theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[zoo.members]\ntheirs = their_members\n")


def test_members_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, HEAD + "MEMBERS = (" + ONE.format(name="theirs-a").strip() + ",)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "their_members", raising=False)
    catalogue = load_catalogue()
    assert names(catalogue, "theirs-a") == ["theirs-a"]
    assert catalogue.added == ()
    del sys.modules["their_members"]


def test_a_broken_installed_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ZooError) as caught:
        load_catalogue()
    assert str(caught.value) == (
        "the members 'theirs' of the installed package 'theirs' cannot be imported "
        "(ZeroDivisionError: division by zero): mend or uninstall the package"
    )
