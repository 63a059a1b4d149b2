"""The training loop that a user would write today, which `speed training` compares ours with.

A `Dataset` that turns one picture at a time into a tensor through torchvision's transforms, a
`DataLoader` with workers, float32, one kernel after the other, `loss.item()` in every step, torch's
defaults everywhere else. Network, batch size, optimizer, learning rates, loss and the kinds of
augmentation are the recipe's. Where a recipe fills the edge of a moved image with its border,
torchvision fills it with black.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode, v2  # type: ignore[import-untyped]

from zoo.augment import PIXEL_STATISTICS
from zoo.inference import BATCH
from zoo.member import Recipe
from zoo.optim import MOMENTUM, RateSchedule, set_learning_rate
from zoo.training import Images, balanced, class_weights


class Pictures(Dataset[tuple[Tensor, int]]):
    """images: uint8 (N, 48, 48). Gives (1, S, S) pixels and the label."""

    def __init__(self, images: Images, transform: Any) -> None:
        self._images: npt.NDArray[np.uint8] = images.images.cpu().numpy()
        self._labels: list[int] = images.labels.tolist()
        self._transform = transform

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._transform(Image.fromarray(self._images[index])), self._labels[index]


def _to_tensor(recipe: Recipe) -> list[Any]:
    mean, deviation = PIXEL_STATISTICS[recipe.pixels]
    resize = [v2.Resize((recipe.resize, recipe.resize))] if recipe.resize else []
    scaled = v2.ToDtype(torch.float32, scale=True)
    return [*resize, v2.ToImage(), scaled, v2.Normalize([mean], [deviation])]


def training_transform(recipe: Recipe, side: int = 48) -> Any:
    """The recipe's augmentation in torchvision's words."""
    how = recipe.augmentation
    steps: list[Any] = []
    if how.flip:
        steps.append(v2.RandomHorizontalFlip())
    if how.rotation or how.shift or how.scale != (1.0, 1.0):
        steps.append(
            v2.RandomAffine(
                how.rotation,
                translate=(how.shift, how.shift),
                scale=how.scale,
                interpolation=InterpolationMode.BILINEAR,
            )
        )
    if recipe.crop < side:
        steps.append(v2.RandomCrop(recipe.crop))
    if how.brightness or how.contrast:
        steps.append(v2.ColorJitter(brightness=how.brightness, contrast=how.contrast))
    steps += _to_tensor(recipe)
    if how.erasing:
        steps.append(v2.RandomErasing(p=how.erasing, value="random"))
    return v2.Compose(steps)


def test_transform(recipe: Recipe) -> Any:
    """The centre of the image."""
    return v2.Compose([v2.CenterCrop(recipe.crop), *_to_tensor(recipe)])


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer with every option at torch's default."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    rate, decay = recipe.learning_rate, recipe.weight_decay
    match recipe.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, rate, weight_decay=decay)
        case "adamw":
            return torch.optim.AdamW(parameters, rate, weight_decay=decay)
        case "adadelta":
            return torch.optim.Adadelta(parameters, rate, weight_decay=decay)
        case "sgd":
            return torch.optim.SGD(parameters, rate, weight_decay=decay)
        case "momentum" | "nesterov":
            nesterov = recipe.optimizer == "nesterov"
            return torch.optim.SGD(
                parameters, rate, MOMENTUM, weight_decay=decay, nesterov=nesterov
            )


@dataclass(frozen=True)
class PlainEpoch:
    """One epoch of the plain loop. steps_done is less than steps where it was cut short."""

    train_loss: float
    val_accuracy: float
    steps: int
    steps_done: int
    train_seconds: float
    val_seconds: float

    @property
    def seconds(self) -> float:
        """Of the whole epoch; of one cut short, its steps' time scaled up to all steps."""
        return self.train_seconds * self.steps / self.steps_done + self.val_seconds

    @property
    def extrapolated(self) -> bool:
        """Whether it was cut short."""
        return self.steps_done < self.steps


def train_plainly(
    network: nn.Module,
    recipe: Recipe,
    training: Images,
    validation: Images,
    *,
    device: torch.device,
    workers: int,
    seed: int = 0,
    most_seconds: float = float("inf"),
) -> Iterator[PlainEpoch]:
    """Train `network`, which lies on `device`, for the recipe's epochs; give each as it ends.

    training, validation: on the CPU, where a user's pictures are. An epoch's training that takes
    longer than `most_seconds` is cut short. Early stopping is left to the caller.
    """
    torch.manual_seed(seed)
    if recipe.balance is not None:
        training = balanced(training, recipe.balance, seed)
    loader, test_loader = _loaders(recipe, training, validation, device, workers)
    weights = class_weights(training.labels).to(device) if recipe.class_weights else None
    criterion = nn.CrossEntropyLoss(weights, label_smoothing=recipe.label_smoothing)
    optimizer = make_optimizer(network, recipe)
    schedule = RateSchedule(recipe, len(loader))
    average = _averaged(network, recipe)
    step = 0
    for _ in range(recipe.epochs):
        start, first, running_loss = time.perf_counter(), step, 0.0
        network.train()
        for images, labels in loader:
            set_learning_rate(optimizer, schedule.rate(step))
            optimizer.zero_grad()
            seen, wanted = images.to(device, non_blocking=True), labels.to(device)
            loss = _loss(network, criterion, seen, wanted, recipe.mixup)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if average is not None:
                average.update_parameters(network)
            running_loss += loss.item()
            step += 1
            if time.perf_counter() - start > most_seconds:
                break
        trained = time.perf_counter()
        accuracy, val_loss = _validate(average or network, test_loader, device)
        schedule.end_epoch(val_loss)
        yield PlainEpoch(
            train_loss=running_loss / (step - first),
            val_accuracy=accuracy,
            steps=len(loader),
            steps_done=step - first,
            train_seconds=trained - start,
            val_seconds=time.perf_counter() - trained,
        )


def _loaders(
    recipe: Recipe, training: Images, validation: Images, device: torch.device, workers: int
) -> tuple[DataLoader[tuple[Tensor, int]], DataLoader[tuple[Tensor, int]]]:
    """Of the training images, shuffled, and of the validation images."""
    options: dict[str, Any] = {
        "num_workers": workers,
        "pin_memory": device.type == "cuda",
        "persistent_workers": workers > 0,
    }
    return (
        DataLoader(
            Pictures(training, training_transform(recipe)),
            min(recipe.batch_size, len(training)),
            shuffle=True,
            drop_last=True,
            **options,
        ),
        DataLoader(Pictures(validation, test_transform(recipe)), BATCH, **options),
    )


def _averaged(network: nn.Module, recipe: Recipe) -> AveragedModel | None:
    if not recipe.ema:
        return None
    mean = get_ema_multi_avg_fn(recipe.ema)  # type: ignore[no-untyped-call]
    return AveragedModel(network, multi_avg_fn=mean, use_buffers=True)


def _loss(
    network: nn.Module, criterion: nn.Module, images: Tensor, labels: Tensor, mixup: float
) -> Tensor:
    if not mixup:
        plain: Tensor = criterion(network(images), labels)
        return plain
    share = np.random.default_rng().beta(mixup, mixup)
    partners = torch.randperm(len(images), device=images.device)
    outputs = network(share * images + (1 - share) * images[partners])
    mixed: Tensor = share * criterion(outputs, labels) + (1 - share) * criterion(
        outputs, labels[partners]
    )
    return mixed


def _validate(
    network: nn.Module, loader: DataLoader[tuple[Tensor, int]], device: torch.device
) -> tuple[float, float]:
    """Accuracy and loss per image."""
    network.eval()
    correct, loss, count = 0, 0.0, 0
    with torch.no_grad():
        for images, labels in loader:
            outputs, wanted = network(images.to(device)), labels.to(device)
            loss += nn.functional.cross_entropy(outputs, wanted, reduction="sum").item()
            correct += int((outputs.argmax(1) == wanted).sum().item())
            count += len(labels)
    return correct / count, loss / count
