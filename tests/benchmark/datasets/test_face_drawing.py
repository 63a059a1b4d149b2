"""Single action units move single features: a face is drawn with and without each."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmark.datasets.expressions import UNITS
from benchmark.datasets.face_drawing import draw_faces
from benchmark.datasets.people import People, draw_people

BROWS, EYES = slice(8, 19), slice(16, 26)
CHEEKS_AND_MOUTH, CHIN = slice(24, 44), slice(30, 46)


@pytest.fixture(scope="module")
def people() -> People:
    """Twenty frontal, evenly lit people without glasses."""
    drawn = draw_people(20, np.random.default_rng(0))
    still = dict.fromkeys(("roll", "yaw", "pitch", "shift_x", "shift_y", "glasses", "fringe"), 0.0)
    zeros = {name: np.full(20, value, np.float32) for name, value in still.items()}
    return dataclasses.replace(drawn, **zeros, scale=np.ones(20, np.float32))


def draw(people: People, **active: float) -> np.ndarray:
    units = np.zeros((20, len(UNITS)), np.float32)
    for name, strength in active.items():
        units[:, UNITS.index(int(name[2:]))] = strength
    return draw_faces(units, people, slice(0, 20))


@pytest.mark.parametrize(
    ("unit", "rows"),
    [
        (1, BROWS),
        (2, BROWS),
        (4, BROWS),
        (5, EYES),
        (43, EYES),
        (12, CHEEKS_AND_MOUTH),
        (15, CHEEKS_AND_MOUTH),
        (17, CHIN),
    ],
)
def test_each_unit_moves_its_part_of_the_face(unit: int, rows: slice, people: People) -> None:
    change = np.abs(draw(people, **{f"au{unit}": 1.0}) - draw(people)).mean(axis=(0, 2))
    inside = change[rows].sum()
    assert inside > 0.6 * change.sum()
    assert inside > 0


def test_a_dropped_jaw_opens_a_dark_mouth(people: People) -> None:
    closed, opened = draw(people), draw(people, au25=1.0, au26=1.0)
    assert opened[:, 33:38, 22:26].mean() < 0.5 * closed[:, 33:38, 22:26].mean()


def test_a_broad_smile_bares_bright_teeth(people: People) -> None:
    smile, surprise = draw(people, au12=1.0, au25=1.0), draw(people, au25=1.0, au26=1.0)
    assert (
        smile[:, 30:42, 20:28].max(axis=(1, 2)).mean()
        > surprise[:, 30:42, 20:28].max(axis=(1, 2)).mean()
    )


def test_pictures_are_finite_and_drawn_alike_in_any_batch(people: People) -> None:
    rng = np.random.default_rng(2)
    units = rng.random((20, len(UNITS)), dtype=np.float32)
    whole = draw_faces(units, people, slice(0, 20))
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    assert np.allclose(whole[5:9], draw_faces(units, people, slice(5, 9)), atol=1e-4)


def test_people_differ() -> None:
    drawn = draw_people(200, np.random.default_rng(0))
    for field in dataclasses.fields(People):
        values = getattr(drawn, field.name)
        assert values.shape == (200,)
        assert values.dtype == np.float32
        assert values.std() > 0
