"""Who is drawn, and how the picture is taken: identity, pose and light of N synthetic faces."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from benchmark.datasets.expressions import Floats


@dataclass(frozen=True, eq=False)
class People:
    """Who is in the picture and how it was taken; every field (N,), float32."""

    width: Floats
    jaw: Floats
    eye_size: Floats
    eye_gap: Floats
    brow_height: Floats
    brow_thickness: Floats
    brow_tilt: Floats
    nose_length: Floats
    nose_width: Floats
    mouth_width: Floats
    mouth_tilt: Floats
    lip_fullness: Floats
    skin: Floats
    hair: Floats
    hairline: Floats
    fringe: Floats
    long_hair: Floats
    beard: Floats
    moustache: Floats
    glasses: Floats
    age: Floats
    gaze: Floats
    roll: Floats
    yaw: Floats
    pitch: Floats
    scale: Floats
    shift_x: Floats
    shift_y: Floats
    light_x: Floats
    light_y: Floats
    ambient: Floats
    background: Floats
    background_slope: Floats

    def take(self, rows: slice) -> People:
        """Some of the people, each field shaped (B, 1, 1) to be broadcast over pixels."""
        return People(**{f.name: getattr(self, f.name)[rows, None, None] for f in fields(self)})


def draw_people(count: int, rng: np.random.Generator) -> People:
    """Draw `count` identities, poses and lights."""

    def normal(mean: float, spread: float, limit: float = 2.5) -> Floats:
        values = np.clip(rng.normal(size=count), -limit, limit)
        return np.asarray(mean + spread * values, dtype=np.float32)

    def either(probability: float) -> Floats:
        return np.asarray(rng.random(count) < probability, dtype=np.float32)

    def between(low: float, high: float) -> Floats:
        return np.asarray(rng.uniform(low, high, count), dtype=np.float32)

    skin = np.asarray(0.36 + 0.42 * rng.beta(2.6, 1.4, count), dtype=np.float32)
    blond = either(0.25)
    male = either(0.5)
    return People(
        width=normal(0.86, 0.05),
        jaw=normal(0.62, 0.08) + 0.07 * male,
        eye_size=normal(1.0, 0.1),
        eye_gap=normal(0.37, 0.02),
        brow_height=normal(-0.44, 0.03),
        brow_thickness=normal(0.04, 0.008) + 0.014 * male,
        brow_tilt=normal(0.0, 0.035),
        nose_length=normal(0.29, 0.03),
        nose_width=normal(0.15, 0.02),
        mouth_width=normal(0.31, 0.03),
        mouth_tilt=normal(0.0, 0.018),
        lip_fullness=normal(1.0, 0.2) - 0.12 * male,
        skin=skin,
        hair=np.minimum(skin * 0.75, between(0.03, 0.25) + blond * between(0.1, 0.4)),
        hairline=normal(-0.86, 0.08),
        fringe=either(0.3) * between(0.2, 1.0),
        long_hair=np.where(male > 0, either(0.08), either(0.75)),
        beard=male * either(0.25) * between(0.25, 0.9),
        moustache=male * either(0.25) * between(0.3, 0.9),
        glasses=either(0.1),
        age=np.asarray(rng.beta(1.5, 2.0, count), dtype=np.float32),
        gaze=normal(0.0, 0.03),
        roll=normal(0.0, 0.11),
        yaw=normal(0.0, 0.22),
        pitch=normal(0.0, 0.1),
        scale=normal(1.1, 0.08),
        shift_x=normal(0.0, 0.05),
        shift_y=normal(0.0, 0.05),
        light_x=normal(0.0, 0.55),
        light_y=normal(-0.35, 0.3),
        ambient=between(0.4, 0.85),
        background=between(0.02, 0.95),
        background_slope=normal(0.0, 0.15),
    )
