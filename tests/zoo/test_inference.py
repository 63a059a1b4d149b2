"""Reading out logits: batches do not matter, and views are averaged as probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from tests.zoo import tiny
from zoo.augment import normalise, to_pixels, views
from zoo.inference import latency_ms, predict_logits


def test_one_view_gives_the_networks_own_logits_whatever_the_batch() -> None:
    torch.manual_seed(0)
    network, data = tiny.build(), tiny.images(33)
    logits = predict_logits(network, tiny.RECIPE, data.images, batch=10)
    with torch.inference_mode():
        expected = network(normalise(to_pixels(data.images), tiny.RECIPE))
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected.numpy(), rtol=1e-5, atol=1e-6)


def test_ten_crops_are_averaged_as_probabilities() -> None:
    torch.manual_seed(0)
    network, data = tiny.build(), tiny.images(5)
    recipe = replace(tiny.RECIPE, crop=44, test_time="ten_crop")
    logits = predict_logits(network, recipe, data.images)
    with torch.inference_mode():
        seen = views(to_pixels(data.images), recipe)
        each = [torch.softmax(network(normalise(view, recipe)), 1) for view in seen]
    expected = torch.stack(each).mean(0).numpy()
    np.testing.assert_allclose(np.exp(logits), expected, rtol=1e-4)


def test_latency_is_a_positive_number_of_milliseconds() -> None:
    measured = latency_ms(tiny.build(), tiny.RECIPE, torch.device("cpu"), repeats=3)
    assert 0 < measured < 10_000
