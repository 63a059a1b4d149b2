"""What the store remembers of a dataset: read as written, refused when it is another's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from benchmark.datasets import Dataset
from benchmark.errors import RequestError
from benchmark.files import canonical_json, sealed
from benchmark.samples import facts_of, read_samples, write_samples
from benchmark.store import DamagedError, SchemaError
from tests.benchmark import small

AGAIN = (
    "; `python -m benchmark train` with the same data writes it again, and no member is trained "
    "again for it"
)


def written(root: Path, dataset: Dataset | None = None) -> Dataset:
    dataset = dataset or small.dataset()
    assert write_samples(root, dataset, facts_of(dataset)) == ()
    return dataset


def resealed(path: Path, **changed: object) -> None:
    """`path` written again by a program that knows how to seal."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        fields = json.loads(file.metadata()["dataset"])
    fields = {k: v for k, v in {**fields, **changed}.items() if k != "checksum"}
    metadata = {"dataset": canonical_json(sealed(fields)).decode()}
    save_file(load_file(path), path, metadata=metadata)


def test_samples_are_read_as_they_were_written(tmp_path: Path) -> None:
    dataset = small.dataset()
    leaking = dataset.test.images.copy()
    leaking[3] = dataset.train.images[5]
    test = type(dataset.test)(leaking, dataset.test.labels, dataset.test.sample_ids)
    dataset = written(tmp_path, Dataset(**{**dataset.__dict__, "test": test}))
    for split in ("validation", "test"):
        samples = read_samples(tmp_path, split)
        assert samples.labels.tolist() == dataset.split(split).labels.tolist()
        assert samples.sample_ids.tolist() == dataset.split(split).sample_ids.tolist()
        assert samples.facts == facts_of(dataset)
        assert np.flatnonzero(samples.duplicate).tolist() == ([3] if split == "test" else [])


def test_the_contract_of_the_file(tmp_path: Path) -> None:
    written(tmp_path)
    tensors = load_file(tmp_path / "samples" / "test.safetensors")
    assert {name: (str(t.dtype), t.shape) for name, t in tensors.items()} == {
        "labels": ("int64", (20,)),
        "duplicate": ("uint8", (20,)),
        "sample_ids": ("uint8", (20 * len("test/000000") + 19,)),
    }


def test_writing_the_same_again_touches_nothing(tmp_path: Path) -> None:
    written(tmp_path)
    paths = sorted((tmp_path / "samples").iterdir())
    before = [path.stat().st_mtime_ns for path in paths]
    written(tmp_path)
    assert [path.stat().st_mtime_ns for path in paths] == before


def test_other_samples_are_refused(tmp_path: Path) -> None:
    dataset = written(tmp_path)
    labels = dataset.test.labels[::-1].copy()
    test = type(dataset.test)(dataset.test.images, labels, dataset.test.sample_ids)
    other = Dataset(**{**dataset.__dict__, "test": test})
    with pytest.raises(RequestError) as caught:
        write_samples(tmp_path, other, facts_of(other))
    assert str(caught.value) == (
        f"{tmp_path} holds results for other images or labels in the test split than small stripes "
        "has: give another folder with --results"
    )


def test_no_samples_say_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        read_samples(tmp_path, "test")
    assert str(caught.value) == (
        f"there are no results in {tmp_path}: run `python -m benchmark run-all` first, or name the "
        "folder that holds them with --results"
    )


def test_damaged_samples_say_how_to_go_on_and_are_kept_when_written_again(tmp_path: Path) -> None:
    dataset = written(tmp_path)
    path = tmp_path / "samples" / "test.safetensors"
    data = path.read_bytes()
    flipped = data[:-1] + bytes([data[-1] ^ 1])
    path.write_bytes(flipped)
    with pytest.raises(DamagedError) as caught:
        read_samples(tmp_path, "test")
    assert str(caught.value) == f"{path} is not what was written: its checksum is wrong{AGAIN}"
    aside = tmp_path / "damaged" / "samples-test-1"
    assert write_samples(tmp_path, dataset, facts_of(dataset)) == (aside,)
    assert aside.read_bytes() == flipped
    assert path.read_bytes() == data


def test_another_schema_is_refused_with_the_way_forward(tmp_path: Path) -> None:
    dataset = written(tmp_path)
    path = tmp_path / "samples" / "validation.safetensors"
    resealed(path, schema=2)
    message = (
        f"{path} was written with schema 2: accepted is schema 1; use the version that wrote it, "
        "or train into another folder with --results"
    )
    with pytest.raises(SchemaError) as caught:
        read_samples(tmp_path, "validation")
    assert str(caught.value) == message
    with pytest.raises(SchemaError):  # and it is not overwritten either
        write_samples(tmp_path, dataset, facts_of(dataset))


def test_a_file_without_what_we_write_is_damage(tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / "samples" / "test.safetensors"
    save_file({"labels": np.zeros(20, np.int64)}, path)
    with pytest.raises(DamagedError) as caught:
        read_samples(tmp_path, "test")
    assert str(caught.value) == f"{path} cannot be read (JSONDecodeError){AGAIN}"
