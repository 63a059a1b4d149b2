from __future__ import annotations

import hashlib

import numpy as np
import pytest

from benchmark.datasets import SPLITS, DataError
from benchmark.datasets.faces import LABEL_NOISE, SIZES, draw_dataset, draw_split
from benchmark.datasets.official import OFFICIAL_COUNTS, class_counts

SMALL = {"train": 150, "validation": 70, "test": 70}


def test_one_seed_draws_the_same_pictures_and_another_others() -> None:
    first, again, other = (draw_split("test", 100, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.split.images, again.split.images)
    assert first.split.labels.tolist() == again.split.labels.tolist()
    assert not np.array_equal(first.split.images, other.split.images)
    assert first.split.labels.tolist() != other.split.labels.tolist()


def test_the_dataset_is_typed_and_called_synthetic() -> None:
    data = draw_dataset(seed=5, sizes=SMALL)
    for name in SPLITS:
        split = data.split(name)
        assert split.images.shape == (SMALL[name], 48, 48)
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64
        assert split.sample_ids[-1] == f"{name}/{SMALL[name] - 1:06d}"
    assert data.synthetic
    assert data.origin == "procedurally drawn faces (seed 5, 6% of labels made wrong)"


def test_splits_share_no_picture() -> None:
    data = draw_dataset(sizes=SMALL)
    digests = [
        hashlib.sha256(image.tobytes()).digest()
        for name in SPLITS
        for image in data.split(name).images
    ]
    assert len(set(digests)) == sum(SMALL.values())


@pytest.mark.parametrize("split", SPLITS)
def test_class_proportions_are_fer2013s(split: str) -> None:
    drawn = draw_split(split, 200, label_noise=0.0)
    found = np.array(class_counts(drawn.emotions)) / 200
    official = np.array(OFFICIAL_COUNTS[split]) / sum(OFFICIAL_COUNTS[split])
    assert np.abs(found - official).max() < 0.02
    assert not drawn.wrong.any()


def test_the_stated_share_of_labels_is_wrong_and_recorded() -> None:
    drawn = draw_split("train", 100)
    assert drawn.wrong.sum() == round(LABEL_NOISE * 100)
    assert set(drawn.split.labels.tolist()) <= set(range(7))


def test_pictures_are_varied_and_use_the_range_of_gray() -> None:
    images = draw_split("train", 200).split.images.astype(float)
    means = images.mean(axis=(1, 2))
    assert 90 < means.mean() < 170
    assert means.std() > 20
    assert np.median(images.std(axis=(1, 2))) > 25


def test_expressions_can_be_told_from_clean_pictures() -> None:
    """The mean happy and the mean surprised mouth differ: corners up against a dark open mouth."""
    drawn = draw_split("train", 400, label_noise=0.0)
    mean = {k: drawn.split.images[drawn.emotions == k].mean(axis=0) for k in (3, 5, 6)}
    mouth = {k: image[32:42, 20:28].mean() for k, image in mean.items()}
    assert mouth[5] < mouth[6] - 8
    assert mouth[3] > mouth[5] + 8


def test_the_defaults_suit_a_laptop() -> None:
    assert SIZES["train"] == 2500
    assert SIZES["validation"] == SIZES["test"] == 1000


def test_a_split_too_small_for_seven_classes() -> None:
    with pytest.raises(DataError) as error:
        draw_split("test", 6)
    assert str(error.value) == (
        "the split 'test' of faces cannot have 6 images: accepted are 7 or more"
    )
