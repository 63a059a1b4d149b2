"""Images for the figures: samples of each class, transformed copies, predictions right and wrong.

Only a run that has the dataset can make them; a report from the store goes without.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.datasets import Dataset
from ensembles.fusion import softmax
from reports.figures_images import Panel, prediction_panel, sample_panel, transformed_panel
from reports.study import Study
from zoo.member import Augmentation

SHOWN = Augmentation(
    flip=True, rotation=15.0, shift=0.1, scale=(0.9, 1.1), brightness=0.1, contrast=0.2
)
"""Every transform that a report used, stronger than most, so that it can be seen."""
COPIES = 7


def image_panels(dataset: Dataset, study: Study) -> tuple[Panel, ...]:
    """The three panels; the predictions are those of the simple average of the study's members."""
    train, test = dataset.train, dataset.test
    classes = dataset.class_names
    rows = [int(np.flatnonzero(train.labels == c)[0]) for c in np.unique(train.labels)]
    originals = train.images[rows]
    probabilities = softmax(study.test.logits).mean(axis=0)  # (N, C)
    return (
        sample_panel(train.images, train.labels, classes),
        transformed_panel(originals, _transformed(originals)),
        prediction_panel(test.images, test.labels, probabilities, classes),
    )


def _transformed(originals: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Transformed copies (N, COPIES, H, W) of uint8 images (N, H, W), drawn with a fixed seed."""
    import torch

    from zoo.augment import augment, to_pixels

    side = originals.shape[-1]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        repeated = torch.from_numpy(np.repeat(originals, COPIES, axis=0))
        drawn = augment(to_pixels(repeated), SHOWN, side).squeeze(1)
    copies: npt.NDArray[np.uint8] = (drawn * 255.0).round().to(torch.uint8).numpy()
    return copies.reshape(len(originals), COPIES, side, side)
