"""Networks from timm: random weights or ImageNet weights, one input channel, and any by name.

ImageNet's first layer sees three colours; for gray images timm adds its weights up, which gives
what the same gray value in all three channels would.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib.metadata
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.member import (
    CLASSES,
    IMAGE_SIZE,
    Augmentation,
    Member,
    Recipe,
    Schedule,
    ZooError,
)

if TYPE_CHECKING:
    from torch import nn

PREFIX = "timm:"


def create(architecture: str, **options: Any) -> nn.Module:
    """timm's `architecture` with random weights and one input channel."""
    import timm

    network: nn.Module = timm.create_model(architecture, in_chans=1, **options)
    return network


def create_pretrained(
    architecture: str, *, member: str, weights: Path | None = None, **options: Any
) -> nn.Module:
    """timm's `architecture` with its ImageNet weights and one input channel.

    weights: a local checkpoint instead of the one on the Hugging Face hub.
    Raises `ZooError` naming `member` when the weights cannot be had.
    """
    try:
        path = weights or _cached(architecture)
        overlay = {"file": str(path)} if path else None
        return create(architecture, pretrained=True, pretrained_cfg_overlay=overlay, **options)
    # timm, the hub, its HTTP client and safetensors each raise their own kinds of error here.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ZooError(
            f"the member {member!r} starts from the ImageNet weights of timm's {architecture!r}, "
            f"which could not be loaded ({reason}): connect to the internet once, or train it "
            "from random weights with --no-pretrained"
        ) from error


def _cached(architecture: str) -> Path | None:
    """The weights in the hub's cache, or None where the hub holds them and can be reached.

    Asked for directly, the hub's client repeats a failed request for a minute.
    """
    import huggingface_hub
    import timm

    config = timm.get_pretrained_cfg(architecture)
    repository = config.hf_hub_id if config else None
    if not isinstance(repository, str):
        return None  # kept elsewhere than on the hub: timm fetches it
    for name in ("model.safetensors", "pytorch_model.bin"):
        found = huggingface_hub.try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
    url = huggingface_hub.hf_hub_url(repository, "model.safetensors")
    huggingface_hub.get_hf_file_metadata(url)
    return None


# What trains most convolutional networks and small transformers from random weights.
FROM_SCRATCH = Recipe(
    optimizer="adamw",
    learning_rate=1e-3,
    weight_decay=0.05,
    epochs=60,
    batch_size=128,
    schedule=Schedule(kind="cosine", warmup=5.0),
    label_smoothing=0.1,
    ema=0.998,
    augmentation=Augmentation(flip=True, rotation=10.0, shift=0.1, scale=(0.9, 1.1), erasing=0.25),
    test_time="flip",
)


def any_member(name: str) -> Member:
    """The member `timm.NAME`: timm's network `name` from random weights.

    It is of the same size in every profile. Networks that insist on an input size get it.
    Raises `ZooError` for a name that timm does not know, with the nearest ones.
    """
    import timm

    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0.5)
        meant = f"did you mean {', '.join(near)}? " if near else ""
        raise ZooError(
            f"timm {importlib.metadata.version('timm')} has no network {name!r}: {meant}"
            "timm.list_models() lists all of them"
        )
    config = timm.get_pretrained_cfg(name)
    side = config.input_size[-1] if config and config.fixed_input_size else IMAGE_SIZE
    recipe = FROM_SCRATCH
    if side != IMAGE_SIZE:
        recipe = dataclasses.replace(recipe, resize=side)
    return Member(
        name=f"timm.{name}",
        build=partial(_build_any, name),
        recipe=recipe,
        source=f"timm {name}",
        groups=("timm",),
    )


def _build_any(name: str, width: float) -> nn.Module:
    return create(name, num_classes=CLASSES)
