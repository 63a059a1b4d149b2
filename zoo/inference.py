"""Logits out: the views of an image, their mean, and how long one image takes.

Always float32, without autocast and without TF32: the few thousand test images cost next to
nothing, and cached logits should carry the rounding of neither.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from zoo.augment import normalise, to_pixels, views
from zoo.member import Recipe

BATCH = 512


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Products of float32 in float32 on a GPU, where convolutions take TF32 (10 bits) if not told.

    Algorithms are chosen by rule: trying them out pays only where a shape comes back many times.
    """
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark
    cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark = False, False, False
    try:
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark = before


def _batch_logits(network: nn.Module, recipe: Recipe, images: Tensor) -> Tensor:
    """uint8 (B, H, W) to logits (B, C). Several views are averaged as probabilities and returned
    as their logarithm, which softmax turns back into the same probabilities."""
    seen = views(to_pixels(images), recipe)
    outputs: list[Tensor] = [network(normalise(view, recipe)).float() for view in seen]
    if len(outputs) == 1:
        return outputs[0]
    logs = torch.stack([torch.log_softmax(output, 1) for output in outputs])  # (views, B, C)
    return torch.logsumexp(logs, 0) - float(np.log(len(outputs)))


@torch.inference_mode()
def predict_logits(
    network: nn.Module, recipe: Recipe, images: Tensor, batch: int = BATCH
) -> npt.NDArray[np.float32]:
    """Logits (N, C) float32 of uint8 images (N, H, W) that lie on the network's device."""
    network.eval()
    with full_float32():
        parts = [_batch_logits(network, recipe, part) for part in torch.split(images, batch)]
    logits: npt.NDArray[np.float32] = torch.cat(parts).cpu().numpy()
    return logits


@torch.inference_mode()
def latency_ms(
    network: nn.Module, recipe: Recipe, device: torch.device, repeats: int = 20
) -> float:
    """Median milliseconds for one image alone, all its views, from uint8 pixels to logits."""
    network.eval()
    image = torch.zeros(1, 48, 48, dtype=torch.uint8, device=device)
    times = []
    with full_float32():
        for repeat in range(repeats + 3):
            _synchronise(device)
            start = time.perf_counter()
            _batch_logits(network, recipe, image)
            _synchronise(device)
            if repeat >= 3:  # the first ones choose algorithms and allocate
                times.append((time.perf_counter() - start) * 1000.0)
    return statistics.median(times)


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
