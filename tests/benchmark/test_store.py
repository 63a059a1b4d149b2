"""The store: what is fresh, stale, damaged or of another version; what readers may rely on."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import Timeout
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.files import sealed
from benchmark.store import (
    MANIFEST,
    DamagedError,
    LogitsStore,
    SchemaError,
    State,
    changed_fields,
    key_of,
    tensor_digest,
)
from tests.benchmark import small
from zoo.member import ZooError


def rewritten(root: Path, **changed: Any) -> Path:
    """The manifest of entry `one`, sealed again after a change, as another program might."""
    path = root / "logits" / "one" / "seed0" / MANIFEST
    fields = {k: v for k, v in json.loads(path.read_bytes()).items() if k != "checksum"}
    fields = {k: v for k, v in {**fields, **changed}.items() if k not in changed or v is not None}
    path.write_bytes(json.dumps(sealed(fields), indent=1, sort_keys=True).encode())
    return path


def test_an_entry_is_read_as_it_was_written(tmp_path: Path) -> None:
    store = small.commit(tmp_path, 1)
    entry = store.read("one", 0)
    assert entry is not None
    assert (entry.member, entry.seed) == ("one", 0)
    for split, values in small.logits(1).items():
        assert entry.logits[split].dtype == np.float32
        assert np.array_equal(entry.logits[split], values)
    assert entry.manifest["key"] == key_of(small.fields(1)["decides"])
    assert {**entry.manifest, **small.fields(1)} == entry.manifest
    home = tmp_path / "logits" / "one" / "seed0"
    assert {path.name for path in home.iterdir()} == {
        "manifest.json",
        "test.safetensors",
        "validation.safetensors",
    }
    assert [path.name for path in home.parent.iterdir()] == ["seed0"]


def test_the_same_entry_has_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        small.commit(tmp_path / name, 1)
    for path in sorted((tmp_path / "a").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_the_state_says_why(tmp_path: Path) -> None:
    store = LogitsStore(tmp_path)
    decides = small.fields(1)["decides"]
    assert store.state("one", 0, decides) == State("missing")
    small.commit(tmp_path, 1)
    assert store.state("one", 0, decides) == State("fresh")
    assert store.state("one", 0, small.fields(2)["decides"]) == State(
        "stale", "recipe.epochs (1 before, 2 now)"
    )
    (tmp_path / "logits" / "one" / "seed0" / MANIFEST).unlink()
    assert store.state("one", 0, decides) == State("damaged", "the manifest is missing")
    assert store.state("one", 1, decides) == State("missing")


def test_changed_fields_are_named_with_both_values() -> None:
    old = {"recipe": {"epochs": 3, "crop": [1, 2]}, "width": 1.0, "gone": "x" * 99}
    new = {"recipe": {"epochs": 4, "crop": [1, 2]}, "width": 1.0, "new": None}
    assert changed_fields(old, new) == [
        'gone ("xxxxxxxxxxxxxxxxxxx... before, null now)',
        "recipe.epochs (3 before, 4 now)",
    ]


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=3), max_size=4))
def test_a_key_changes_with_every_field(decides: dict[str, Any]) -> None:
    assert key_of(decides) == key_of(dict(reversed(decides.items())))
    for name in decides:
        assert key_of({**decides, name: "another value"}) != key_of(decides)


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=6))
def test_a_tensors_digest_depends_on_values_shape_and_type(values: list[float]) -> None:
    array = np.array(values, np.float32)
    assert tensor_digest(array) == tensor_digest(np.repeat(array, 2)[::2])
    assert tensor_digest(array) != tensor_digest(array[None])
    assert tensor_digest(array) != tensor_digest(array.view(np.int32))
    assert tensor_digest(array) != tensor_digest(array[:-1])


def test_another_schema_is_refused_with_the_way_forward(tmp_path: Path) -> None:
    store = small.commit(tmp_path, 1)
    path = rewritten(tmp_path, schema=7)
    with pytest.raises(SchemaError) as caught:
        store.read("one", 0)
    assert str(caught.value) == (
        f"{path} was written with schema 7: accepted is schema 1; use the version that wrote it, "
        "or train into another folder with --results"
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"member": "two"}, "the manifest is of 'two', seed 0"),
        ({"seed": 1}, "the manifest is of 'one', seed 1"),
        ({"decides": None}, "the manifest lacks decides"),
        ({"family": 1}, "the manifest has no family that this program could have written"),
        ({"width": "wide"}, "the manifest has no width that this program could have written"),
        ({"history": [{}]}, "the manifest has no history that this program could have written"),
        (
            {"sha256": {"validation": "0"}},
            "the logits of the validation split are not the ones written",
        ),
    ],
)
def test_a_manifest_that_does_not_belong_there_is_damage(
    changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    store = small.commit(tmp_path, 1)
    rewritten(tmp_path, **changed)
    with pytest.raises(DamagedError) as caught:
        store.read("one", 0)
    assert str(caught.value) == message


def test_a_manifest_with_the_same_values_in_another_form_is_damage(tmp_path: Path) -> None:
    store = small.commit(tmp_path, 1)
    path = tmp_path / "logits" / "one" / "seed0" / MANIFEST
    path.write_bytes(json.dumps(json.loads(path.read_bytes()), indent=2).encode())
    with pytest.raises(DamagedError, match="its checksum is wrong"):
        store.read("one", 0)


def test_a_manifest_that_cannot_be_json_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    store = small.commit(tmp_path, 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.commit("one", 0, small.logits(2), {**small.fields(2), "latency_ms": float("nan")})
    assert small.version_of(tmp_path) == 1
    assert store.unfinished("one", 0) == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=60) | st.sampled_from([b"[" * 200_000, b'{"a":' * 99_999, b"9" * 9_999])
)
def test_any_other_bytes_in_the_place_of_a_manifest_are_damage(data: bytes, tmp_path: Path) -> None:
    store = small.commit(tmp_path, 1)
    (tmp_path / "logits" / "one" / "seed0" / MANIFEST).write_bytes(data)
    with pytest.raises(
        DamagedError, match=r"^the manifest (cannot be read|is not what was written)"
    ):
        store.read("one", 0)


@pytest.mark.parametrize(
    "name",
    ["../x", "a/b", "<script>", "x" * 300, "é", "", ".", "..", "a..b", "a\\b", "a\0", "-x", "=1+1"],
)
def test_a_hostile_name_is_refused_before_it_becomes_a_path(name: str, tmp_path: Path) -> None:
    store = LogitsStore(tmp_path / "store")
    message = re.escape(
        f"the member name {name!r} cannot be used: accepted are 1 to 100 letters, digits and "
        "'_', '.', '+', '-', beginning with a letter or digit and without '..'"
    )
    with pytest.raises(ZooError, match=message):
        store.commit(name, 0, small.logits(1), small.fields(1))
    with pytest.raises(ZooError, match=message):
        store.read(name, 0)
    with pytest.raises(ZooError, match=message), store.lock(name, 0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_only_folders_of_entries_are_entries(tmp_path: Path) -> None:
    store = small.commit(tmp_path, 1, "one", 3)
    small.commit(tmp_path, 1, "another", 0)
    for stranger in ("<b>/seed0", "one/seed03", "one/seed-1", "one/seedx", "one/seed٣"):
        (tmp_path / "logits" / stranger).mkdir(parents=True)
    assert store.folders() == [("another", 0), ("one", 3)]
    assert {path.name for path in store.strangers()} == {
        *("seed0", "seed03", "seed-1", "seedx", "seed٣")
    }


def test_what_a_killed_writer_left_does_not_count_and_is_tidied_by_the_next(
    tmp_path: Path,
) -> None:
    store = small.commit(tmp_path, 1)
    home = tmp_path / "logits" / "one" / "seed0"
    for name in ("seed0.next", "seed0.old"):
        (home.with_name(name)).mkdir()
        (home.with_name(name) / "test.safetensors").write_bytes(b"half")
    assert small.version_of(tmp_path) == 1
    assert store.unfinished("one", 0) == [home.with_name("seed0.next"), home.with_name("seed0.old")]
    small.commit(tmp_path, 2)
    assert small.version_of(tmp_path) == 2
    assert store.unfinished("one", 0) == []
    assert store.folders() == [("one", 0)]


def test_a_whole_entry_beside_the_old_one_counts_and_reading_moves_nothing(tmp_path: Path) -> None:
    small.commit(tmp_path, 1)
    small.commit(tmp_path / "other", 2)
    home = tmp_path / "logits" / "one" / "seed0"
    following = home.with_name("seed0.next")
    (tmp_path / "other" / "logits" / "one" / "seed0").replace(following)
    assert small.version_of(tmp_path) == 2
    assert following.exists() and home.exists()
    LogitsStore(tmp_path).tidy("one", 0)
    assert small.version_of(tmp_path) == 2
    assert not following.exists() and home.exists()


def test_a_damaged_entry_is_kept_aside_and_done_again(tmp_path: Path) -> None:
    store = small.commit(tmp_path, 1)
    path = tmp_path / "logits" / "one" / "seed0" / "test.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DamagedError, match=r"test\.safetensors cannot be read"):
        store.read("one", 0)
    aside = store.set_aside("one", 0)
    assert aside == tmp_path / "damaged" / "one-seed0-1"
    assert (aside / MANIFEST).exists()
    assert store.read("one", 0) is None
    small.commit(tmp_path, 1)
    assert small.version_of(tmp_path) == 1


def test_one_lock_for_each_member_and_seed(tmp_path: Path) -> None:
    store, other = LogitsStore(tmp_path), LogitsStore(tmp_path)
    assert not other.in_work("one", 0)
    with store.lock("one", 0):
        assert other.in_work("one", 0)
        assert not other.in_work("one", 1)
        with pytest.raises(Timeout), other.lock("one", 0, timeout=0):
            pass
        with other.lock("one", 1, timeout=0), other.lock("two", 0, timeout=0):
            pass
    assert not other.in_work("one", 0)


def test_readers_find_a_whole_entry_while_it_is_replaced_again_and_again(tmp_path: Path) -> None:
    small.commit(tmp_path, 0)
    ended = threading.Event()
    found: list[int | None] = []

    def read() -> None:
        while not ended.is_set():
            found.append(small.version_of(tmp_path))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for version in range(1, 16):
            small.commit(tmp_path, version)
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert None not in found
    assert len(set(found)) > 2
