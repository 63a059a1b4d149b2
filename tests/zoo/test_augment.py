"""Augmentation and views: shapes, ranges, and that the geometry is what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.zoo import tiny
from zoo.augment import augment, normalise, to_pixels, views
from zoo.member import Augmentation


def pixels(count: int = 8) -> torch.Tensor:
    torch.manual_seed(0)
    return to_pixels(torch.randint(0, 256, (count, 48, 48), dtype=torch.uint8))


@pytest.mark.parametrize("crop", [48, 44])
def test_everything_at_once_keeps_shape_range_and_finiteness(crop: int) -> None:
    made = augment(pixels(), tiny.EVERYTHING.augmentation, crop)
    assert made.shape == (8, 1, crop, crop)
    assert torch.isfinite(made).all()
    assert made.min() >= 0 and made.max() <= 1


def test_no_augmentation_changes_nothing() -> None:
    before = pixels()
    assert augment(before, Augmentation(), 48) is before


def test_a_flip_is_the_image_or_its_mirror_image() -> None:
    before = pixels(64)
    after = augment(before, Augmentation(flip=True), 48)
    mirrored = before.flip(3)
    kept = [torch.allclose(a, b, atol=1e-5) for a, b in zip(after, before, strict=True)]
    turned = [torch.allclose(a, b, atol=1e-5) for a, b in zip(after, mirrored, strict=True)]
    assert all(k != t for k, t in zip(kept, turned, strict=True))
    assert 15 < sum(turned) < 49


def test_a_crop_is_a_window_of_whole_pixels() -> None:
    before = pixels(40)
    after = augment(before, Augmentation(), 44)
    offsets = set()
    for i in range(40):
        found = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if torch.allclose(
                after[i, 0], before[i, 0, top : top + 44, left : left + 44], atol=1e-4
            )
        ]
        assert len(found) == 1
        offsets.add(found[0])
    assert len(offsets) > 10


def test_rotation_stays_within_its_largest_angle() -> None:
    """A bright bar through the centre turns by no more than 10 degrees."""
    bar = torch.zeros(200, 1, 48, 48)
    bar[:, :, 22:26] = 1.0
    after = augment(bar, Augmentation(rotation=10), 48)
    columns = torch.arange(48, dtype=torch.float32)
    weight = after[:, 0]  # (B, H, W)
    centre = (weight * columns.view(1, 48, 1)).sum(1) / weight.sum(1)  # height of the bar by column
    slope = (centre[:, 40] - centre[:, 7]) / 33
    degrees = torch.rad2deg(torch.atan(slope))
    assert degrees.abs().max() < 10.5
    assert degrees.min() < -7 and degrees.max() > 7


def test_erasing_replaces_a_rectangle_in_about_as_many_images_as_asked() -> None:
    before = torch.full((400, 1, 48, 48), 0.25)
    after = augment(before, Augmentation(erasing=0.5), 48)
    changed = (after != before).flatten(1).float().mean(1)
    assert 150 < int((changed > 0).sum()) < 250
    assert changed.max() < 0.40


def test_normalised_pixels_have_the_statistics_of_their_kind() -> None:
    grey = torch.full((1, 1, 48, 48), 0.5077)
    assert normalise(grey, tiny.RECIPE).abs().max() < 1e-6
    assert torch.equal(normalise(grey, replace(tiny.RECIPE, pixels="unit")), grey)
    assert normalise(grey, replace(tiny.RECIPE, resize=96)).shape == (1, 1, 96, 96)


@pytest.mark.parametrize(("test_time", "count"), [("none", 1), ("flip", 2), ("ten_crop", 10)])
def test_views_are_distinct_windows(test_time: str, count: int) -> None:
    recipe = replace(tiny.RECIPE, crop=44, test_time=test_time)  # type: ignore[arg-type]
    before = pixels(1)
    seen = views(before, recipe)
    assert len(seen) == count
    assert len({tuple(view.flatten().tolist()) for view in seen}) == count
    assert all(view.shape == (1, 1, 44, 44) for view in seen)
    assert torch.equal(seen[0], before[:, :, 2:46, 2:46])
