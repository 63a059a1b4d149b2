"""Pixels in: normalisation, and random transforms of whole batches on the device.

Normalisation is decided here and nowhere else. Flip, rotation, scale, shift and crop are one
affine map, so that an image is interpolated once. Nothing synchronises with the host or indexes
by a mask, so a captured training step can contain all of it. Random numbers come from the
device's default generator, which is the one that CUDA graphs keep advancing.

Shapes: B images of a batch, H = W = 48 pixels, S the side of the crop.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from zoo.member import Augmentation, PixelScale, Recipe

# Mean and standard deviation of gray values in [0, 1]. "standard" are FER2013's over its training
# split (measured: 0.5077 and 0.2550); "imagenet" the mean over the channels of the usual constants,
# because a first layer summed over the channels sees the three normalised channels as one.
PIXEL_STATISTICS: dict[PixelScale, tuple[float, float]] = {
    "unit": (0.0, 1.0),
    "standard": (0.5077, 0.2550),
    "imagenet": (0.449, 0.226),
}


def to_pixels(images: Tensor) -> Tensor:
    """uint8 (B, H, W) to float32 (B, 1, H, W) in [0, 1]."""
    return images.unsqueeze(1).float().div_(255.0)


def normalise(pixels: Tensor, recipe: Recipe) -> Tensor:
    """Pixels in [0, 1] as the network wants them: scaled, and resized if the recipe says so."""
    if recipe.resize:
        size = (recipe.resize, recipe.resize)
        pixels = functional.interpolate(pixels, size, mode="bilinear", antialias=False)
    mean, deviation = PIXEL_STATISTICS[recipe.pixels]
    return (pixels - mean) / deviation


def _uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    return torch.rand(count, device=device) * (high - low) + low


def _affine(batch: int, side: int, crop: int, how: Augmentation, device: torch.device) -> Tensor:
    """Matrices (B, 2, 3) from output to input coordinates in [-1, 1]."""
    angle = _uniform(batch, -how.rotation, how.rotation, device) * (math.pi / 180.0)
    # The grid of the crop spans crop/side of the image; enlarging an image narrows the span.
    span = (crop / side) / _uniform(batch, how.scale[0], how.scale[1], device)
    mirror = torch.ones(batch, device=device)
    if how.flip:
        mirror = 1.0 - 2.0 * (torch.rand(batch, device=device) < 0.5).float()
    cosine, sine = torch.cos(angle) * span, torch.sin(angle) * span
    shift = (torch.rand(batch, 2, device=device) * 2.0 - 1.0) * (2.0 * how.shift)
    # Crops lie on whole pixels: nothing is blurred where only cropping and mirroring is asked for.
    slack = side - crop
    if slack:
        offset = (torch.rand(batch, 2, device=device) * (slack + 1)).floor() - slack / 2
        shift = shift + offset * (2.0 / side)
    rows = torch.stack([cosine * mirror, -sine, shift[:, 0]], dim=1)
    columns = torch.stack([sine * mirror, cosine, shift[:, 1]], dim=1)
    return torch.stack([rows, columns], dim=1)


def _change_light(pixels: Tensor, how: Augmentation) -> Tensor:
    batch, device = len(pixels), pixels.device
    if how.contrast:
        factor = _uniform(batch, 1.0 - how.contrast, 1.0 + how.contrast, device)
        mean = pixels.mean((1, 2, 3), keepdim=True)
        pixels = (pixels - mean) * factor.view(-1, 1, 1, 1) + mean
    if how.brightness:
        change = _uniform(batch, -how.brightness, how.brightness, device)
        pixels = pixels + change.view(-1, 1, 1, 1)
    return pixels.clamp(0.0, 1.0)


def _erase(pixels: Tensor, probability: float) -> Tensor:
    """Fill a random rectangle (2 to 33 % of the area, aspect 0.3 to 3.3) with uniform noise."""
    batch, _, side, _ = pixels.shape
    device = pixels.device
    area = _uniform(batch, 0.02, 0.33, device) * side * side
    aspect = torch.exp(_uniform(batch, math.log(0.3), math.log(3.3), device))
    height = torch.sqrt(area * aspect).clamp(max=side)
    width = torch.sqrt(area / aspect).clamp(max=side)
    top = torch.rand(batch, device=device) * (side - height)
    left = torch.rand(batch, device=device) * (side - width)
    chosen = torch.rand(batch, device=device) < probability
    line = torch.arange(side, device=device, dtype=torch.float32).view(1, -1)
    inside_rows = (line >= top.view(-1, 1)) & (line < (top + height).view(-1, 1))
    inside_columns = (line >= left.view(-1, 1)) & (line < (left + width).view(-1, 1))
    box = inside_rows.unsqueeze(2) & inside_columns.unsqueeze(1) & chosen.view(-1, 1, 1)
    return torch.where(box.unsqueeze(1), torch.rand_like(pixels), pixels)


def augment(pixels: Tensor, how: Augmentation, crop: int) -> Tensor:
    """Draw one random version of every image.

    pixels: float (B, 1, H, H) in [0, 1]. Returns (B, 1, S, S) in [0, 1] with S = `crop`.
    What lies outside the image repeats its border, as Keras does by default.
    """
    batch, _, side, _ = pixels.shape
    moves = how.flip or how.rotation or how.shift or how.scale != (1.0, 1.0) or crop != side
    if moves:
        matrices = _affine(batch, side, crop, how, pixels.device)
        grid = functional.affine_grid(matrices, [batch, 1, crop, crop], align_corners=False)
        pixels = functional.grid_sample(
            pixels, grid, mode="bilinear", padding_mode="border", align_corners=False
        )
    if how.brightness or how.contrast:
        pixels = _change_light(pixels, how)
    if how.erasing:
        pixels = _erase(pixels, how.erasing)
    return pixels


def views(pixels: Tensor, recipe: Recipe) -> list[Tensor]:
    """The views of test images whose probabilities are averaged, each (B, 1, S, S).

    none: the centre. flip: the centre and its mirror image. ten_crop: four corners and the centre,
    and the mirror image of each (Krizhevsky et al. 2012).
    """
    side, crop = pixels.shape[-1], recipe.crop
    slack, middle = side - crop, (side - crop) // 2
    corners = [(middle, middle)]
    if recipe.test_time == "ten_crop":
        corners += [(0, 0), (0, slack), (slack, 0), (slack, slack)]
    crops = [pixels[:, :, top : top + crop, left : left + crop] for top, left in corners]
    if recipe.test_time == "none":
        return crops
    return crops + [view.flip(3) for view in crops]
