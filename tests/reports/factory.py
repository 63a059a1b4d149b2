"""Studies made from random numbers that look like the real thing, for the tests of the reports.

`study()` resembles the nine networks of the ensemble paper on FER2013: three families whose members
err together, accuracies between 0.56 and 0.67, an ensemble a few points above the best of them.
`from_logits()` wraps any logits; `hostile()` carries names that no writer may let through as they
are. Everything is drawn from a seed: the same arguments give the same study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ensembles.predictions import Floats, Ints, Test, Validation
from reports.study import Epoch, MemberRecord, Study

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SUPPORTS = {
    "train": (3995, 436, 4097, 7215, 4830, 3171, 4965),
    "validation": (467, 56, 496, 895, 653, 415, 607),
    "test": (491, 55, 528, 879, 594, 416, 626),
}
NINE = (*(f"{family}-{v}" for family in ("deep", "shallow", "fcn") for v in "abc"),)
PARAMETERS = {"deep": 4_478_727, "shallow": 9_517_447, "fcn": 464_263}
MACS = {"deep": 214_000_000, "shallow": 62_000_000, "fcn": 331_000_000}
LATENCY = {"deep": 9.4, "shallow": 3.1, "fcn": 12.7}
SKILL = {"deep": 2.15, "shallow": 1.85, "fcn": 1.98}
# Which classes are taken for which: sad, fear, angry and neutral are the hard ones.
CONFUSION = np.array(
    [
        [0.0, 0.5, 0.8, 0.1, 0.9, 0.1, 0.6],
        [1.6, 0.0, 0.6, 0.1, 0.5, 0.0, 0.2],
        [0.8, 0.1, 0.0, 0.1, 1.1, 0.7, 0.6],
        [0.0, -0.6, -0.2, 0.0, 0.0, 0.2, 0.4],
        [0.8, 0.1, 0.9, 0.2, 0.0, 0.0, 1.1],
        [0.0, -0.3, 0.8, 0.3, 0.0, 0.0, 0.2],
        [0.4, -0.2, 0.5, 0.4, 0.9, 0.1, 0.0],
    ]
)
EASE = np.array([0.0, 0.3, -0.35, 1.3, -0.05, 0.9, 0.25])


def study(
    members: int = 9,
    *,
    images: int = 3589,
    repeats: int = 0,
    seed: int = 0,
    dataset: str = "fer2013",
    profile: str = "paper",
) -> Study:
    """A study of `members` networks with about `images` images in each split."""
    names = [NINE[i] if i < len(NINE) else f"{NINE[i % 9]}{i // 9 + 1}" for i in range(members)]
    rng = np.random.default_rng(seed)
    splits = [_splits(names, images, rng) for _ in range(repeats + 1)]
    return Study(
        dataset=dataset,
        profile=profile,
        synthetic=dataset == "faces",
        records=tuple(record(name, i, rng) for i, name in enumerate(names)),
        validation=splits[0][0],
        test=splits[0][1],
        class_counts=SUPPORTS,
        repeats=tuple(splits[1:]),
        notes=("The networks were trained at a quarter of their width.",)
        if profile == "quick"
        else (),
    )


def from_logits(
    validation: Validation, test: Test, *, dataset: str = "user", notes: Sequence[str] = ()
) -> Study:
    """A study of imported members: logits and labels, and nothing known about the networks."""
    return Study(
        dataset=dataset,
        profile="paper",
        synthetic=False,
        records=tuple(imported(name) for name in test.members),
        validation=validation,
        test=test,
        notes=tuple(notes),
    )


HOSTILE_MEMBERS = (
    "<img src=x onerror=alert(1)>",
    "50%_of_a&b",
    "a|b\nc",
    r"\input{x}$y$#~^",
    "=HYPERLINK(1)",
)
HOSTILE_CLASSES = ("=cmd()", "+one", "<b>bold</b>", "@at", "-minus", "under_score", "</script>")


def hostile(images: int = 140) -> Study:
    """A study whose members and classes carry names that would break every format."""
    plain = study(len(HOSTILE_MEMBERS), images=images)
    parts = {"members": HOSTILE_MEMBERS, "classes": HOSTILE_CLASSES}
    validation = Validation.make(plain.validation.logits, plain.validation.labels, **parts)
    test = Test.make(plain.test.logits, plain.test.labels, **parts)
    return from_logits(validation, test, dataset="<i>user_data</i>", notes=("a & b < c",))


def record(name: str, index: int, rng: np.random.Generator) -> MemberRecord:
    """A record as the store would have written it for one of the nine."""
    family = name.split("-", maxsplit=1)[0]
    epochs = {"deep": 60, "shallow": 40, "fcn": 80}[family] + 3 * (index % 3)
    return MemberRecord(
        name=name,
        seed=0,
        source="nine, section IV",
        groups=("nine",),
        recipe=_recipe(index, epochs),
        parameters=PARAMETERS[family],
        macs=MACS[family],
        train_seconds=float(epochs * (MACS[family] / 6e7) + rng.uniform(0, 9)),
        latency_ms=float(LATENCY[family] * rng.uniform(0.95, 1.05)),
        device="NVIDIA H100",
        history=_history(epochs, ceiling=SKILL[family] / 3.3, rng=rng),
        key=f"{index:02d}" * 32,
        pretrained=None,
    )


def imported(name: str) -> MemberRecord:
    """A record of a member of which nothing but its logits is known."""
    return MemberRecord(
        name=name,
        seed=0,
        source="imported",
        groups=(),
        recipe={},
        parameters=None,
        macs=None,
        train_seconds=None,
        latency_ms=None,
        device="",
        history=(),
        key="0" * 64,
        pretrained=None,
        imported=True,
    )


def _recipe(index: int, epochs: int) -> Mapping[str, object]:
    """The entries of a recipe that reports show."""
    return {
        "optimizer": "adam",
        "learning_rate": (0.001, 0.01, 0.01)[index % 3],
        "weight_decay": (1e-7, 1e-6, 1e-7)[index % 3],
        "dropout": 0.3,
        "epochs": epochs,
        "batch_size": 128,
    }


def _history(epochs: int, ceiling: float, rng: np.random.Generator) -> tuple[Epoch, ...]:
    """Curves that part after a while, as overfitting networks' do."""
    at = np.arange(1, epochs + 1) / epochs
    train = ceiling * (1 - np.exp(-4 * at)) + 0.30 * at + rng.normal(0, 0.004, epochs)
    val = ceiling * (1 - np.exp(-5 * at)) + rng.normal(0, 0.010, epochs)
    train_loss = 1.85 * np.exp(-2.2 * at) + 0.1 + rng.normal(0, 0.01, epochs)
    val_loss = 1.70 * np.exp(-2.4 * at) + 0.65 + 0.35 * at**2 + rng.normal(0, 0.03, epochs)
    return tuple(
        Epoch(
            epoch=i + 1,
            train_accuracy=float(np.clip(train[i], 0.15, 0.995)),
            train_loss=float(train_loss[i]),
            val_accuracy=float(np.clip(val[i], 0.15, 0.75)),
            val_loss=float(val_loss[i]),
            learning_rate=0.01 * 0.5 ** (i // 20),
            seconds=2.5,
        )
        for i in range(epochs)
    )


def _splits(names: Sequence[str], images: int, rng: np.random.Generator) -> tuple[Validation, Test]:
    """Both splits with the class proportions of FER2013."""
    parts = []
    for split in ("validation", "test"):
        share = images / sum(SUPPORTS[split])
        counts = [max(1, round(k * share)) for k in SUPPORTS[split]]
        labels = rng.permutation(np.repeat(np.arange(len(CLASSES)), counts))
        logits = _logits(names, labels, rng)
        duplicate = rng.random(len(labels)) < 0.08
        logits[:, duplicate, labels[duplicate]] += 0.8  # a network knows what it has seen
        ids = np.array([f"{split}-{i:05d}" for i in range(len(labels))])
        parts.append((logits, labels, ids, duplicate))
    (v, v_labels, v_ids, v_dup), (t, t_labels, t_ids, t_dup) = parts
    shared = {"members": tuple(names), "classes": CLASSES}
    return (
        Validation.make(v, v_labels, sample_ids=v_ids, duplicate=v_dup, **shared),
        Test.make(t, t_labels, sample_ids=t_ids, duplicate=t_dup, **shared),
    )


def _logits(names: Sequence[str], labels: Ints, rng: np.random.Generator) -> Floats:
    """Logits (M, N, C): difficulty shared by all, by a family, and a member's own noise."""
    n = len(labels)
    truth = np.eye(len(CLASSES))[labels]
    common = 1.0 * rng.normal(size=(n, 7)) + CONFUSION[labels]  # (N, C)
    families = sorted({name.split("-", maxsplit=1)[0] for name in names})
    by_family = {family: 0.6 * rng.normal(size=(n, 7)) for family in families}
    out = np.empty((len(names), n, 7))
    for i, name in enumerate(names):
        family = name.split("-", maxsplit=1)[0]
        skill = SKILL[family] + (0.08, 0.0, -0.12)[i % 3] + EASE[labels]
        own = 0.65 * rng.normal(size=(n, 7))
        out[i] = 1.3 * (truth * skill[:, None] + common + by_family[family] + own)
    return out
