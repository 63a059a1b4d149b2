"""Foreign predictions as a member: replaced by newer ones, refused under names that are taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import RequestError
from benchmark.importing import import_member
from benchmark.samples import facts_of, write_samples
from benchmark.stages import gather
from benchmark.store import LogitsStore
from tests.benchmark import small
from zoo.catalogue import load_catalogue
from zoo.member import ZooError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with samples and nothing else."""
    root = tmp_path / "faces-quick"
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    return root


def files(folder: Path, version: int) -> tuple[Path, Path]:
    """Predictions on both splits as two files."""
    paths = (folder / "validation.npy", folder / "test.npy")
    for path in paths:
        np.save(path, small.logits(version)[path.stem])
    return paths


def imported(root: Path, name: str, version: int, source: str = "") -> int:
    return import_member(root, name, *files(root.parent, version), source=source)


def test_imported_predictions_are_a_member_of_the_tables(root: Path) -> None:
    assert imported(root, "seer", 3) == small.ROWS
    entry = LogitsStore(root).read("seer", 0)
    assert entry is not None
    for split, values in small.logits(3).items():
        assert np.array_equal(entry.logits[split], values)
    (record,) = gather(root).records
    assert (record.name, record.imported, record.parameters) == ("seer", True, None)
    assert record.source == "imported from validation.npy and test.npy"


def test_an_imported_member_is_a_family_of_its_own_unless_one_is_given(root: Path) -> None:
    imported(root, "my-net", 3)
    import_member(root, "my-other", *files(root.parent, 4), family="resnet")
    assert gather(root).families == {"my-net": "my-net", "my-other": "resnet"}


def test_importing_again_replaces(root: Path) -> None:
    imported(root, "seer", 3, source="theirs, first")
    first = LogitsStore(root).read("seer", 0)
    imported(root, "seer", 4, source="theirs, second")
    entry = LogitsStore(root).read("seer", 0)
    assert entry is not None and first is not None
    assert entry.manifest["source"] == "theirs, second"
    assert entry.manifest["key"] != first.manifest["key"]
    assert np.array_equal(entry.logits["test"], small.logits(4)["test"])
    imported(root, "seer", 4, source="theirs, second")
    again = LogitsStore(root).read("seer", 0)
    assert again is not None and again.manifest == entry.manifest


def test_importing_over_a_damaged_member_keeps_the_damaged_one_aside(root: Path) -> None:
    imported(root, "seer", 3)
    path = root / "logits" / "seer" / "seed0" / "manifest.json"
    path.write_bytes(b"{")
    imported(root, "seer", 4)
    assert (root / "damaged" / "seer-seed0-1" / "manifest.json").read_bytes() == b"{"
    entry = LogitsStore(root).read("seer", 0)
    assert entry is not None and np.array_equal(entry.logits["test"], small.logits(4)["test"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deep-a", "is a member of the zoo: accepted is a name of your own for imported logits"),
        ("nine", "is a group of members: accepted is a name of your own for imported logits"),
        ("one", "was trained here already: accepted is another name for imported logits"),
    ],
)
def test_a_name_that_is_taken_is_refused(name: str, expected: str, root: Path) -> None:
    small.commit(root, 1)
    with pytest.raises(RequestError) as caught:
        imported(root, name, 3)
    assert str(caught.value) == f"{name!r} {expected}"
    assert LogitsStore(root).folders() == [("one", 0)]


def test_no_member_of_the_zoo_can_be_replaced(root: Path) -> None:
    for member in load_catalogue().members:
        with pytest.raises(RequestError, match=r"is a (member of the zoo|group of members): "):
            imported(root, member.name, 3)
    assert LogitsStore(root).folders() == []


@pytest.mark.parametrize("name", ["../x", "a/b", "<script>", "x" * 300, "é", "=1+1", ""])
def test_a_hostile_name_is_refused(name: str, root: Path) -> None:
    before = sorted(root.parent.rglob("*"))
    with pytest.raises(ZooError, match=r"^the member name .* cannot be used: accepted are "):
        import_member(root, name, root / "none.npy", root / "none.npy")
    assert sorted(root.parent.rglob("*")) == before


def test_a_mistake_in_one_file_imports_nothing(root: Path) -> None:
    validation, test = files(root.parent, 3)
    np.save(test, small.logits(3)["test"][:-1])
    with pytest.raises(RequestError) as caught:
        import_member(root, "seer", validation, test)
    assert str(caught.value) == (
        f"{test}: there are {small.ROWS - 1} rows: accepted are {small.ROWS}, one for each image "
        "of the split"
    )
    assert LogitsStore(root).folders() == []


def test_without_samples_there_is_nothing_to_import_for(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"^there are no results in .*: run `python -m"):
        import_member(tmp_path / "none", "seer", *files(tmp_path, 3))
