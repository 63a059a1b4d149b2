"""Predicting from pictures with the weights that training left behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark import stages
from benchmark.cli import run
from benchmark.predicting import predict, read_pictures
from benchmark.store import LogitsStore, weights_path
from ensembles.fusion import softmax
from tests.benchmark import small
from tests.benchmark.runner import TINY_ZOO


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with two networks; tests that change them take a copy."""
    results = tmp_path_factory.mktemp("results")
    plan = small.plan(results, members="tiny-a,tiny-b")
    done = stages.train_members(plan, small.dataset(), lambda event: None)
    assert len(done.trained) == 2
    return results


@pytest.fixture
def faces(tmp_path: Path) -> list[Path]:
    """The first images of the test split as files."""
    images = small.dataset().test.images[:3]
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return paths


def test_predictions_are_the_stored_logits_of_the_same_images(
    trained: Path, faces: list[Path]
) -> None:
    root = trained / "faces-quick"
    predictions = predict(root, faces, zoo=[TINY_ZOO], device="cpu")
    stored = np.stack(
        [
            softmax(LogitsStore(root).read(name, 0).logits["test"][:3])
            for name in ("tiny-a", "tiny-b")
        ]  # type: ignore[union-attr]
    )  # (M, N, C)
    for i, prediction in enumerate(predictions):
        assert list(prediction.members) == ["tiny-a", "tiny-b"]
        np.testing.assert_allclose(prediction.members["tiny-a"], stored[0, i], atol=1e-5)
        np.testing.assert_allclose(prediction.members["tiny-b"], stored[1, i], atol=1e-5)
        np.testing.assert_allclose(prediction.ensemble, stored[:, i].mean(0), atol=1e-5)


def test_one_member_speaks_for_itself_and_other_methods_are_fitted(
    trained: Path, faces: list[Path]
) -> None:
    root = trained / "faces-quick"
    (alone, *_) = predict(root, faces, members=["tiny-b"], zoo=[TINY_ZOO], device="cpu")
    assert np.array_equal(alone.ensemble, alone.members["tiny-b"])
    (voted, *_) = predict(root, faces, method_name="single_best", zoo=[TINY_ZOO], device="cpu")
    assert any(np.allclose(voted.ensemble, values) for values in voted.members.values())


def test_pictures_of_any_size_and_colour_become_gray_faces(tmp_path: Path) -> None:
    Image.new("RGB", (200, 100), (255, 0, 0)).save(tmp_path / "red.png")
    Image.new("L", (48, 48), 7).save(tmp_path / "gray.png")
    red, gray = read_pictures([tmp_path / "red.png", tmp_path / "gray.png"])
    assert red.shape == gray.shape == (48, 48)
    assert set(np.unique(red)) == {76}  # 0.299 of 255
    assert set(np.unique(gray)) == {7}


def words(results: Path, *more: str | Path) -> list[str]:
    return ["predict", *map(str, more), "--results", str(results), "--zoo", str(TINY_ZOO)]


def test_the_command_prints_a_table_or_json(
    trained: Path, faces: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words(trained, faces[0], "--device", "cpu")) == 0
    shown = capsys.readouterr().out
    assert "tiny-a %" in shown
    assert "taken to be cut to the face" in shown
    assert run(words(trained, faces[0], "--json", "--members", "tiny")) == 2
    assert "no weights of 'tiny-c'" in capsys.readouterr().err
    assert run(words(trained, faces[0], "--json", "--members", "tiny-a", "--device", "cpu")) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["image"] == str(faces[0])
    assert sum(found["ensemble"].values()) == pytest.approx(1.0)
    assert found["class"] == max(found["ensemble"], key=found["ensemble"].get)
    assert list(found["members"]) == ["tiny-a"]


def complaint(arguments: list[str], capsys: pytest.CaptureFixture[str], *, code: int = 2) -> str:
    assert run(arguments) == code
    return capsys.readouterr().err.strip()


def test_without_weights_it_says_where_they_are_made(
    trained: Path, faces: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = shutil.copytree(trained, tmp_path / "results")
    root = results / "faces-quick"
    weights_path(root, "tiny-b", 0).unlink()
    assert complaint(words(results, faces[0], "--members", "tiny-b"), capsys) == (
        f"error: there are no weights of 'tiny-b' in {root}/weights: they stay on the machine that "
        "trains; train it here with `python -m benchmark train tiny-b` first, or name others with "
        "--members"
    )
    shutil.rmtree(root / "weights")
    assert complaint(words(results, faces[0]), capsys) == (
        f"error: there are no weights in {root}/weights: they stay on the machine that trains; "
        "train here with `python -m benchmark train` first"
    )


def test_weights_that_are_not_those_of_the_logits_are_refused(
    trained: Path, faces: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = shutil.copytree(trained, tmp_path / "results")
    path = weights_path(results / "faces-quick", "tiny-a", 0)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert complaint(words(results, faces[0]), capsys, code=1) == (
        f"error: {path} does not hold the weights that gave the stored logits: train 'tiny-a' "
        "again, or leave it out with --members"
    )


def test_a_member_that_changed_or_went_is_named(
    trained: Path, faces: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zoo = tmp_path / "zoo.py"
    zoo.write_text(TINY_ZOO.read_text().replace("nn.ReLU()", "nn.GELU()"))
    arguments = ["predict", str(faces[0]), "--results", str(trained)]
    path = weights_path(trained / "faces-quick", "tiny-a", 0)
    assert complaint([*arguments, "--zoo", str(zoo)], capsys) == (
        f"error: the architecture of 'tiny-a' has changed since {path} was written: train it "
        "again, or leave it out with --members"
    )
    assert complaint(arguments, capsys) == (
        "error: the catalogue has no member 'tiny-a' any more: name the file that defines it with "
        "--zoo, or leave it out with --members"
    )


def test_what_is_no_picture_is_named(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a picture")
    assert complaint(words(trained, text), capsys) == (
        f"error: {text} is not a picture that can be decoded: accepted are whole JPEG and PNG files"
    )
    assert complaint(words(trained, tmp_path / "gone.png"), capsys) == (
        f"error: there is no picture {tmp_path}/gone.png: accepted are JPEG and PNG files"
    )


def test_a_method_that_does_not_exist_is_refused_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = complaint([*words(tmp_path, "gone.png"), "--method", "averge"], capsys)
    assert said.startswith("error: there is no method 'averge' (did you mean 'average'?)")
