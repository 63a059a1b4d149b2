"""Draws 48x48 gray faces from action units: a head of ellipsoid depth, features as soft shapes.

Everything is evaluated per pixel for a batch of faces at once; a shape is an implicit function
whose sign change is smeared over one pixel, so edges are anti-aliased without supersampling.
Face coordinates: u to the right, v down, the head about 1 wide and 1.3 high either way.
Shapes: B faces, 48x48 pixels; parameters are (B, 1, 1), layers (B, 48, 48), float32 throughout.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from benchmark.datasets import SIDE
from benchmark.datasets.expressions import UNITS, Floats
from benchmark.datasets.people import People

PIXEL = np.float32(2.5 / SIDE)
"""Side of a pixel in face units at scale 1: the picture shows 2.5 units."""


@dataclass(frozen=True, eq=False)
class _Place:
    """Where each pixel lies. x, y: in the head's own upright plane; u, v: on the turned face."""

    x: Floats
    y: Floats
    u: Floats
    v: Floats
    depth: Floats
    """Height of the head's surface towards the viewer, 0 at the outline to 1."""

    def take(self, band: slice) -> _Place:
        """Some rows of pixels of every picture."""
        return _Place(*(getattr(self, f.name)[:, band] for f in fields(self)))


class _Units:
    """Action units by number: `units[12]` is the lip corner puller, (B, 1, 1)."""

    def __init__(self, activations: Floats) -> None:
        self._columns = {unit: activations[:, i, None, None] for i, unit in enumerate(UNITS)}

    def __getitem__(self, unit: int) -> Floats:
        return self._columns[unit]


def draw_faces(units: Floats, people: People, rows: slice) -> Floats:
    """Draw the faces of `rows`: (B, 48, 48) light in about [0, 1], before noise and blur.

    units: (N, len(UNITS)) activations in [0, 1].
    """
    au, who = _Units(units[rows]), people.take(rows)
    place = _locate(who)
    image = _background(place, who)
    head = _head(place, who, au)
    _paint(image, who.hair * (0.9 + 0.3 * place.depth), _hair_behind(place, who))
    _paint(image, who.skin * 0.72, _neck(place, who))
    face = _skin(place, who, au)
    for draw, low, high in _FEATURES:
        band = _band(place, low, high)
        draw(face[:, band], place.take(band), who, au)
    _paint(face, who.hair * (0.85 + 0.5 * place.depth), _hair_in_front(place, who))
    _paint(image, face * _light(place, who), head)
    return image


def _inside(distance: Floats, softness: float = 1.0) -> Floats:
    """Coverage of the region where `distance` (face units) is negative, 0 to 1."""
    return np.asarray(np.clip(0.5 - distance / (PIXEL * np.float32(softness)), 0.0, 1.0))


def _paint(image: Floats, value: Floats | float, coverage: Floats) -> None:
    """Lay `value` over `image` in place."""
    image += (value - image) * coverage


def _bump(x: Floats, y: Floats, width: Floats | float, height: Floats | float) -> Floats:
    """A soft spot of height 1 around the origin."""
    return np.asarray(np.exp(-((x / width) ** 2) - (y / height) ** 2))


def _stroke(distance: Floats, width: Floats | float) -> Floats:
    """A soft line where `distance` is zero."""
    return np.asarray(np.exp(-((distance / width) ** 2)))


def _window(t: Floats, low: Floats | float, high: Floats | float, soft: float = 0.05) -> Floats:
    """1 where low < t < high, with soft ends."""
    return np.asarray(np.clip((t - low) / soft, 0, 1) * np.clip((high - t) / soft, 0, 1))


def _band(place: _Place, low: float, high: float) -> slice:
    """The rows of pixels in which any face of the batch has something between two heights."""
    rows = np.flatnonzero(((place.v > low) & (place.v < high)).any(axis=(0, 2)))
    return slice(int(rows[0]), int(rows[-1]) + 1)


def _locate(who: People) -> _Place:
    axis = ((np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE * 2 - 1) * np.float32(1.25)
    column, row = axis[None, None, :] - who.shift_x, axis[None, :, None] - who.shift_y
    cos, sin = np.cos(who.roll) / who.scale, np.sin(who.roll) / who.scale
    x, y = cos * column + sin * row, cos * row - sin * column
    y = y + np.float32(0.1)  # the crop sits a little below the middle of the head
    p, q = x / who.width, y / np.float32(1.3)
    depth = np.sqrt(np.maximum(1 - p * p - q * q, 0.02))
    turned = p * np.cos(who.yaw) - depth * np.sin(who.yaw)
    nodded = q * np.cos(who.pitch) - depth * np.sin(who.pitch)
    return _Place(x, y, turned * who.width, nodded * np.float32(1.3), depth)


def _background(place: _Place, who: People) -> Floats:
    shade = who.background + who.background_slope * place.x
    shade = shade + 0.12 * np.sin(2.3 * place.x + 9 * who.gaze * 10 + 1.7 * place.y)
    return np.clip(shade, 0, 1).astype(np.float32)


def _outline(y: Floats, who: People, jaw_drop: Floats) -> Floats:
    """Half-width of the head at height y: round above, tapering to the chin below."""
    chin = np.float32(1.12) + np.float32(0.2) * jaw_drop
    below = np.clip((y - 0.1) / (chin - 0.1), 0, 1)
    above = np.clip((0.1 - y) / 1.4, 0, 1)
    taper = 1 - (1 - who.jaw) * below**2
    bottom = np.sqrt(1 - below * np.square(np.square(below)))
    top = np.sqrt(1 - above * above)
    return np.asarray(who.width * taper * bottom * top)


def _head(place: _Place, who: People, au: _Units) -> Floats:
    half = _outline(place.y, who, au[26])
    coverage = _inside(np.abs(place.x) - half, 1.3)
    ears = _bump(np.abs(place.x) - who.width - 0.02, place.y - 0.02, 0.09, 0.2)
    return np.maximum(coverage, np.clip(3 * ears - 1, 0, 1) * (who.long_hair < 0.5))


def _hair_behind(place: _Place, who: People) -> Floats:
    radius = np.hypot(place.x / (who.width + 0.13), (place.y + 0.12) / 1.27)
    crown = _inside((radius - 1) * 0.9, 2) * (place.y < 0.25 + 0.1 * who.long_hair)
    side = np.abs(place.x) - who.width * (1.12 + 0.06 * np.sin(5 * place.y))
    return np.maximum(crown, _inside(side, 2) * who.long_hair * (place.y > -0.2))


def _neck(place: _Place, who: People) -> Floats:
    return _inside(np.abs(place.x) - 0.62 * who.width - np.maximum(place.y - 1.15, 0) * 2.2, 2) * (
        place.y > 0.7
    )


def _hair_in_front(place: _Place, who: People) -> Floats:
    line = who.hairline + 0.34 * place.u**2 + 0.3 * who.fringe * (1 - (place.u - 0.3) ** 2)
    line = line + 0.012 * np.sin(23 * place.u + 40 * who.brow_tilt)
    temple = _inside(0.9 * who.width - np.abs(place.u) + 0.15 * (place.v + 0.25), 2)
    return np.maximum(_inside(place.v - line, 1.6), temple * (place.v < 0.05 + 0.9 * who.long_hair))


def _skin(place: _Place, who: People, au: _Units) -> Floats:
    """Bare skin with its folds: forehead, glabella, cheeks, nasolabial folds, chin."""
    u, v, side = place.u, place.v, np.abs(place.u)
    lined = 0.4 + 0.6 * who.age
    shade = 1 - 0.22 * _bump(side - who.eye_gap, v + 0.2, 0.26, 0.2)  # sockets
    raised = np.maximum(au[1], au[2]) * lined
    forehead = _window(v, -0.85, -0.52, 0.1) * _window(side, -1.0, 0.5, 0.2)
    shade -= 0.16 * raised * forehead * (0.5 + 0.5 * np.sin(v * 42 + 6 * u * u))
    frown = _stroke(side - 0.09, 0.035) * _window(v, -0.55, -0.28, 0.08)
    shade -= 0.34 * au[4] * frown
    apple = _bump(side - 0.47, v - 0.2 + 0.08 * au[6], 0.2, 0.17)
    shade += (0.06 + 0.12 * np.maximum(au[6], au[12])) * apple
    shade -= 0.16 * au[6] * lined * _bump(side - 0.68, v + 0.15, 0.08, 0.12)  # crow's feet
    shade -= (
        (0.06 + 0.2 * au[6])
        * _stroke(v + 0.02 - 0.5 * (side - 0.37) ** 2, 0.035)
        * _window(side, 0.2, 0.55, 0.1)
    )
    pull = np.clip(au[12] + 0.8 * au[10] + 0.7 * au[9], 0, 1.2)
    fold = side - (0.2 + 0.28 * (v - 0.3) * (1 + 0.4 * au[12]) + 0.1 * pull)
    shade -= (0.04 + 0.05 * who.age + 0.24 * pull) * _stroke(fold, 0.05) * _window(v, 0.24, 0.72)
    dimple = _bump(u, v - 0.97, 0.16, 0.07)
    shade -= 0.26 * au[17] * dimple * (0.6 + 0.4 * np.sin(40 * u) * np.cos(37 * v))
    shade -= 0.1 * _bump(u, v - 0.89 - 0.15 * au[26], 0.22, 0.05)
    return (who.skin * shade).astype(np.float32)


def _draw_eyes(face: Floats, place: _Place, who: People, au: _Units) -> None:
    half = 0.2 * who.eye_size
    t = (np.abs(place.u) - who.eye_gap) / half  # -1 at the nose, 1 at the temple
    y = place.v + 0.17
    arch = np.maximum(1 - t * t, 0)
    lift = 1 + 0.85 * au[5] - 0.4 * au[7] - 0.5 * au[6] - 0.75 * au[43] - 0.3 * au[9]
    upper = 0.085 * who.eye_size * np.clip(lift, 0.05, 2.0)
    lower = 0.055 * who.eye_size * np.clip(1 + 0.2 * au[5] - 0.8 * au[7] - 0.9 * au[6], -0.4, 2)
    droop = 0.035 * (au[1] * (1 - au[2]) - 0.3) * t  # sorrow: the outer corner hangs
    top, bottom = y - droop + upper * arch, y - droop - lower * arch
    opening = _inside(-top) * _inside(bottom) * _window(np.abs(t), -1, 1.05, 0.1)
    _paint(face, 0.5 + 0.5 * who.skin, opening)
    pupil_x = np.sign(place.u) * (np.abs(place.u) - who.eye_gap) - who.gaze
    radius = np.hypot(pupil_x, y + 0.015)
    _paint(face, 0.18, _inside(radius - 0.085 * who.eye_size) * opening)
    _paint(face, 0.95, 0.7 * _bump(pupil_x + 0.03, y + 0.045, 0.03, 0.03) * opening)
    reach = _window(np.abs(t), -1, 1.1, 0.2)
    _paint(face, 0.1, 0.85 * _stroke(top, 0.033) * reach)
    _paint(face, 0.25 * who.skin, 0.4 * _stroke(bottom, 0.03) * reach)
    crease = y + upper * arch + 0.05 + 0.02 * au[43] - 0.03 * au[5]
    _paint(face, 0.5 * who.skin, 0.4 * _stroke(crease, 0.028) * reach)


def _draw_brows(face: Floats, place: _Place, who: People, au: _Units) -> None:
    side = np.abs(place.u)
    start = 0.15 - 0.06 * au[4] * (1 - 0.5 * au[1])
    end = who.eye_gap + 0.27
    t = (side - start) / (end - start)
    tilt = who.brow_tilt
    inner = who.brow_height + 0.02 - 0.17 * au[1] + 0.17 * au[4] + 0.06 * au[9] + tilt
    middle = who.brow_height - 0.05 - 0.1 * au[1] - 0.12 * au[2] + 0.11 * au[4] + 0.05 * au[9]
    outer = who.brow_height + 0.04 - 0.16 * au[2] + 0.04 * au[4] - tilt
    curve = inner * (1 - t) * (1 - 2 * t) + 4 * middle * t * (1 - t) + outer * t * (2 * t - 1)
    thickness = who.brow_thickness * (1.25 - 0.75 * np.clip(t, 0, 1))
    coverage = _inside(np.abs(place.v - curve) - thickness, 1.3) * _window(t, -0.03, 1.0, 0.08)
    _paint(face, np.minimum(who.hair, 0.45 * who.skin), 0.85 * coverage)


def _draw_nose(face: Floats, place: _Place, who: People, au: _Units) -> None:
    u, side = place.u, np.abs(place.u)
    tip = who.nose_length - 0.05 * au[9]
    v = place.v
    along = _window(v, -0.3, tip, 0.2)
    light = np.sign(who.light_x + 1e-3) * np.minimum(1, 0.4 + np.abs(who.light_x))
    bridge = _stroke(u + 0.09 * light, 0.07) - _stroke(u - 0.09 * light, 0.07)
    face -= 0.13 * who.skin * bridge * along
    face += 0.1 * who.skin * _bump(u, v - tip + 0.05, 0.08, 0.1)
    width = who.nose_width * (1 + 0.25 * au[9] + 0.1 * au[12])
    wing = _stroke(np.hypot(side - width, (v - tip) * 1.1) - 0.06, 0.03) * (side > width - 0.02)
    face -= 0.28 * who.skin * wing
    face -= 0.3 * who.skin * _bump(u, v - tip - 0.075, width * 0.9, 0.035)
    _paint(face, 0.12, 0.75 * _bump(side - 0.55 * width, v - tip - 0.045, 0.05, 0.03))
    wrinkles = 0.5 + 0.5 * np.cos((v + 0.1 - 0.8 * side * side) * 50)
    face -= 0.3 * who.skin * au[9] * wrinkles * _bump(u, v + 0.1, 0.14, 0.15)


def _draw_beard(face: Floats, place: _Place, who: People, au: _Units) -> None:
    side, v = np.abs(place.u), place.v
    cheek = _inside(0.52 + 0.9 * (0.62 - side) * (side < 0.62) - v, 4)
    _paint(face, np.minimum(who.hair, 0.5 * who.skin), 0.75 * who.beard * cheek)
    lip = _bump(place.u, v - 0.51 + 0.06 * au[10] + 0.03 * au[12], 0.3, 0.06)
    _paint(
        face, np.minimum(who.hair, 0.5 * who.skin), 0.85 * who.moustache * np.clip(1.5 * lip, 0, 1)
    )


@dataclass(frozen=True, eq=False)
class _Mouth:
    """The mouth's lines at each pixel's u. t: -1 to 1 from corner to corner; the rest are heights
    v of the closed seam and of the inner edges of both lips; snarl: how far they are drawn up."""

    half: Floats
    t: Floats
    arch: Floats
    seam: Floats
    top: Floats
    bottom: Floats
    snarl: Floats


def _mouth(place: _Place, who: People, au: _Units) -> _Mouth:
    stretch = 0.34 * au[12] + 0.3 * au[20] - 0.3 * au[26] * (1 - au[12]) - 0.14 * au[24]
    half = who.mouth_width * (1 + stretch)
    t = place.u / half
    arch = np.maximum(1 - t * t, 0)
    drop = au[26] * au[25]
    centre = 0.62 + 0.04 * au[12] - 0.045 * au[17] - 0.035 * au[10] + 0.06 * drop
    corner = -0.2 * au[12] + 0.19 * au[15] + 0.05 * au[20] + who.mouth_tilt - 0.02 * au[10]
    seam = centre + corner * t * t * np.sqrt(np.abs(t) + 0.05) - 0.03 * au[17] * arch
    snarl = 0.1 * au[10] * (0.6 + 0.4 * np.cos(3 * t))
    upper = arch * (0.035 * au[25] + 0.08 * drop + au[25] * snarl)
    lower = np.sqrt(arch) * (0.07 * au[25] + 0.36 * drop) + 0.04 * au[20] * au[25] * arch
    return _Mouth(half, t, arch, seam, seam - upper, seam + lower, snarl)


def _draw_mouth(face: Floats, place: _Place, who: People, au: _Units) -> None:
    mouth, v = _mouth(place, who, au), place.v
    t, arch = mouth.t, mouth.arch
    tight = 1 - 0.75 * au[24] - 0.15 * au[12] - 0.25 * au[20]
    full = who.lip_fullness * np.clip(tight, 0.15, 1.3)
    bow = 1 - 0.25 * np.exp(-((t / 0.2) ** 2))
    raised = 0.6 * mouth.snarl * arch * (1 - au[25])
    lip_top = mouth.top - 0.075 * full * np.sqrt(arch) * bow - raised
    pout = 1 + 0.3 * au[17] * (1 - au[24])
    lip_bottom = mouth.bottom + 0.095 * full * np.sqrt(arch) * pout
    reach = _window(np.abs(t), -1, 1.02, 0.08)
    _paint(face, 0.66 * who.skin, 0.9 * _inside(lip_top - v) * _inside(v - lip_bottom) * reach)
    gloss = _bump(place.u, v - lip_bottom + 0.045 * full, mouth.half * 0.4, 0.025)
    _paint(face, 0.85 * who.skin, 0.6 * gloss)
    _draw_inner_mouth(face, place, au, mouth)
    closed = (0.75 + 0.2 * au[24]) * (1 - np.clip(4 * au[25], 0, 0.9))
    _paint(face, 0.16, closed * _stroke(v - mouth.seam, 0.026) * reach)
    corners = _bump(np.abs(t) - 1.02, v - mouth.seam, 0.12, 0.05)
    _paint(face, 0.3 * who.skin, (0.35 + 0.3 * np.maximum(au[12], au[15])) * corners)
    face -= 0.16 * who.skin * _bump(place.u, v - lip_bottom - 0.045, mouth.half * 0.7, 0.04)


def _draw_inner_mouth(face: Floats, place: _Place, au: _Units, mouth: _Mouth) -> None:
    v, t, depth = place.v, mouth.t, mouth.bottom - mouth.top
    gap = _inside(mouth.top - v) * _inside(v - mouth.bottom) * np.clip(depth / (0.7 * PIXEL), 0, 1)
    gap = gap * _window(np.abs(t), -1, 1.0, 0.1)
    _paint(face, 0.07, gap)
    tongue = _bump(place.u, v - mouth.bottom + 0.02, 0.2, 0.09) * np.clip(3 * depth, 0, 1)
    _paint(face, 0.32, gap * tongue)
    bared = np.clip(au[12] + au[10] + 0.5 * au[20] - 0.6 * au[26] * (1 - au[12]), 0, 1)
    upper_teeth = _inside(v - mouth.top - 0.11 * bared - 0.02) * np.clip(2 * bared, 0, 1)
    snarling = np.clip(au[10] + 0.8 * au[20] - au[12], 0, 1)
    lower_teeth = _inside(mouth.bottom - v - 0.06) * snarling
    _paint(face, 0.9, gap * np.maximum(upper_teeth, 0.8 * lower_teeth) * (1 - 0.35 * t * t))


def _draw_glasses(face: Floats, place: _Place, who: People, au: _Units) -> None:
    x, y = np.abs(place.u) - who.eye_gap - 0.01, place.v + 0.14
    ring = np.sqrt(np.sqrt(np.square(np.square(x / 0.27)) + np.square(np.square(y / 0.2))))
    frame = _stroke((ring - 1) * 0.22, 0.03)
    bridge = _stroke(y + 0.05, 0.03) * (np.abs(place.u) < 0.12)
    arms = _stroke(y + 0.06, 0.03) * (np.abs(place.u) > who.eye_gap + 0.26)
    _paint(face, 0.08, 0.85 * who.glasses * np.maximum(frame, np.maximum(bridge, arms)))
    glare = _stroke(x - y - 0.06, 0.04) * (ring < 0.95)
    _paint(face, 0.9, 0.25 * who.glasses * glare)


_FEATURES = (
    (_draw_eyes, -0.5, 0.15),
    (_draw_brows, -0.9, 0.0),
    (_draw_nose, -0.45, 0.6),
    (_draw_beard, 0.3, 1.3),
    (_draw_mouth, 0.25, 1.3),
    (_draw_glasses, -0.45, 0.2),
)
"""What is drawn on the skin, in order, and between which heights: most pixels need only some."""


def _light(place: _Place, who: People) -> Floats:
    """Lambert's law on the head's ellipsoid, plus ambient light."""
    strength = np.sqrt(who.light_x**2 + who.light_y**2 + 1)
    facing = place.x / who.width * who.light_x + place.y / 1.3 * who.light_y + place.depth
    return who.ambient + (1.25 - who.ambient) * np.maximum(facing / strength, 0)
