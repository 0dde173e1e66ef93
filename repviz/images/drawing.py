"""Rendering of synthetic faces: an ellipsoid with smooth hills, lit and drawn at 64x64 pixels.

Every step is smooth in every factor (Gaussians, sigmoids, rotations; edges are as soft as a
pixel), so the pictures that d factors make are a smooth d-dimensional manifold in pixel space.

Lengths are in half image widths: x to the right, y up, z to the viewer, each -1 to 1 in the
picture. On the head, u and v are x and y over the head's half axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

SIDE = 64  # pixels
PIXEL = 2 / SIDE
HEAD = (0.62, 0.80, 0.68)  # half axes of the head

Number = float | np.ndarray  # one number, or one a face: shape (m, 1, 1)


@dataclass(frozen=True)
class Hill:
    """A Gaussian hill on the head, centred at (u, v), bent upwards at its ends by ``bend``."""

    u: Number
    v: Number
    wide: Number
    high: Number
    amount: Number
    bend: Number = 0.0

    def over(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Its height at each (u, v)."""
        du, rise = self._away(u, v)
        return self.amount * np.exp(-0.5 * (du**2 + rise**2))

    def slopes(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Its height, and the derivatives of it by u and by v."""
        du, rise = self._away(u, v)
        height = self.amount * np.exp(-0.5 * (du**2 + rise**2))
        along = (2 * self.bend / self.high) * rise * du - du
        return height, height * along / self.wide, height * rise / -self.high

    def _away(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        du = (u - self.u) / self.wide
        return du, (v - self.v - self.bend * du**2) / self.high


def draw(factors: Mapping[str, np.ndarray]) -> np.ndarray:
    """The faces that these factors make, uint8 of shape (m, 64, 64), grey levels 0 to 255.

    Parameters
    ----------
    factors : dict of str to ndarray, shape (m,)
        Each of :data:`repviz.images.drawn_faces.FACTORS`, from -1 to 1.
    """
    f = {name: np.asarray(values, np.float32)[:, None, None] for name, values in factors.items()}
    centres = (np.arange(SIDE, dtype=np.float32) + 0.5) * PIXEL - 1
    x, y = centres[None, None, :], -centres[None, :, None]
    axes = HEAD[0] * (1 + 0.10 * f["width"]), HEAD[1], HEAD[2]
    turned = _rotation(0.26 * f["turn"], 0.13 * f["nod"], 0.14 * f["tilt"])
    side, height = 0.60 * f["light_side"], 0.35 + 0.45 * f["light_height"]
    light = _unit((np.sin(side) * np.cos(height), np.sin(height), np.cos(side) * np.cos(height)))

    picture = _behind(x, y, light, turned, axes)
    u, v, edge, normal = _surface(x, y, turned, axes, _hills(f))
    picture += edge * (_lit(u, v, normal, _into_head(turned, light), _stains(f)) - picture)
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def _features(f: Mapping[str, Number]) -> tuple[Number, Number, Number, Number, Number]:
    """Positions of eyes, nose tip and mouth, and how far the mouth is bent and open."""
    eyes = 0.36 + 0.05 * f["eyes"]
    tip = -0.13 - 0.07 * f["nose"]
    lips = -0.48 - 0.05 * f["nose"]
    return eyes, tip, lips, 0.02 + 0.045 * f["smile"], 0.5 + 0.5 * f["mouth_open"]


def _hills(f: Mapping[str, Number]) -> list[Hill]:
    """The face in relief, as shares of the head's radius."""
    eyes, tip, lips, bend, gape = _features(f)
    smile, jaw = f["smile"], f["jaw"]
    low = lips - 0.055 - 0.12 * gape
    both = [
        part
        for s in (-1, 1)
        for part in (
            Hill(s * 0.80, -0.62, 0.26, 0.34, -0.13 + 0.13 * jaw),  # jaw
            Hill(s * eyes, 0.13, 0.17, 0.10, -0.085),  # eye socket
            Hill(s * eyes, 0.12, 0.10, 0.055, 0.055),  # eyeball
            Hill(s * (eyes + 0.02), 0.30, 0.19, 0.06, 0.035, -0.03),  # brow
            Hill(s * 0.50, -0.15 + 0.06 * smile, 0.17, 0.14, 0.035 + 0.035 * smile),  # cheek
            Hill(s * 0.12, tip - 0.01, 0.055, 0.05, 0.055),  # wing of the nose
        )
    ]
    return [
        *both,
        Hill(0, 0.12 + 0.5 * tip, 0.10, 0.17, 0.085),  # bridge of the nose
        Hill(0, tip, 0.09, 0.085, 0.14),  # its tip
        Hill(0, lips + 0.055 + 0.02 * gape, 0.20 + 0.05 * smile, 0.038, 0.05, bend),
        Hill(0, low, 0.17 + 0.05 * smile, 0.045, 0.055, bend + 0.01),
        Hill(0, -0.88 - 0.05 * gape, 0.20 + 0.06 * jaw, 0.13, 0.05 + 0.04 * jaw),  # chin
        Hill(0, 0.95, 0.75, 0.32, 0.10),  # hair
    ]


def _stains(f: Mapping[str, Number]) -> list[Hill]:
    """The logarithm of the skin's reflectance: below 0 darker, above 0 lighter."""
    eyes, tip, lips, bend, gape = _features(f)
    smile, brows = f["smile"], 0.32 + 0.06 * f["brows"]
    both = [
        part
        for s in (-1, 1)
        for part in (
            Hill(s * (eyes + 0.01), brows, 0.15, 0.034, -0.70, -0.03),  # eyebrow
            Hill(s * eyes, 0.125, 0.115, 0.036 - 0.006 * smile, 0.30),  # white of the eye
            Hill(s * eyes, 0.13, 0.050, 0.048 - 0.006 * smile, -1.15),  # iris
            Hill(s * (eyes + 0.005), 0.175, 0.14, 0.022, -0.50, -0.03),  # upper lid
            Hill(s * 0.085, tip - 0.085, 0.04, 0.026, -0.45),  # nostril
        )
    ]
    return [
        *both,
        Hill(0, lips + 0.045 + 0.03 * gape, 0.19 + 0.05 * smile, 0.035, -0.22, bend),
        Hill(0, lips - 0.055 - 0.11 * gape, 0.16 + 0.05 * smile, 0.042, -0.28, bend + 0.01),
        Hill(0, lips - 0.04 * gape, 0.21 + 0.06 * smile, 0.020 + 0.06 * gape, -0.95, bend),
        Hill(0, lips + 0.005, 0.15 + 0.06 * smile, 0.022, 0.95 * gape, bend),  # upper teeth
    ]


def _surface(
    x: np.ndarray, y: np.ndarray, turned: np.ndarray, axes: tuple[Number, ...], hills: list[Hill]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """Where each pixel's ray meets the head: u, v, how much of the pixel it fills, the normal."""
    flat = _into_head(turned, (x, y, 0.0))
    ahead = _into_head(turned, (0.0, 0.0, 1.0))
    a = sum((d / axis) ** 2 for d, axis in zip(ahead, axes, strict=True))
    b = sum(p * d / axis**2 for p, d, axis in zip(flat, ahead, axes, strict=True))
    c = sum((p / axis) ** 2 for p, axis in zip(flat, axes, strict=True))

    def met(height: Number) -> tuple[np.ndarray, list[np.ndarray]]:
        within = b**2 / a - c + (1 + height) ** 2
        depth = (np.sqrt(a * _positive(within, 0.02)) - b) / a
        return within, [p + depth * d for p, d in zip(flat, ahead, strict=True)]

    # The hills push the surface out, which moves the point that a pixel sees: look again there.
    _, q = met(0.0)
    _, q = met(sum(hill.over(q[0] / axes[0], q[1] / axes[1]) for hill in hills))
    u, v = q[0] / axes[0], q[1] / axes[1]
    slopes = [hill.slopes(u, v) for hill in hills]
    height, rise_u, rise_v = (sum(parts) for parts in zip(*slopes, strict=True))
    within, _ = met(height)
    normal = [
        q[0] / axes[0] ** 2 - (1 + height) * rise_u / axes[0],
        q[1] / axes[1] ** 2 - (1 + height) * rise_v / axes[1],
        q[2] / axes[2] ** 2,
    ]
    edge = _step(within * 0.33, 0.35 * PIXEL)
    return u, v, edge, _unit(normal)


def _lit(
    u: np.ndarray,
    v: np.ndarray,
    normal: list[np.ndarray],
    light: list[np.ndarray],
    stains: list[Hill],
) -> np.ndarray:
    """The brightness of the head's surface, about 0 to 1."""
    hair = _step(v - 0.62 + 0.25 * u**2 + 0.9 * u**8, 0.035)
    skin = 0.80 * np.exp(sum(stain.over(u, v) for stain in stains))
    reflectance = skin + hair * (0.15 - skin)
    facing = sum(n * ray for n, ray in zip(normal, light, strict=True))
    diffuse = 0.20 + 0.75 * _positive(0.85 * facing + 0.15, 0.15)
    halfway = _unit([light[0], light[1], light[2] + 1])
    shine = _positive(sum(n * ray for n, ray in zip(normal, halfway, strict=True)), 0.05) ** 24
    return reflectance * (0.10 + 0.95 * diffuse) + 0.10 * shine


def _behind(
    x: np.ndarray,
    y: np.ndarray,
    light: list[np.ndarray],
    turned: np.ndarray,
    axes: tuple[Number, ...],
) -> np.ndarray:
    """The background: wall, shoulders, neck and ears."""
    picture = 0.50 + 0.10 * y + 0.05 * light[0] * x
    soft = 0.5 * PIXEL
    neck = _step(0.30 - np.abs(x), soft) * _step(-0.40 - y, 0.04)
    tone = (0.20 + 0.34 * _positive(light[2] * 0.7 + light[0] * x / 0.30, 0.3)) * (
        0.62 + 0.38 * _step(-0.86 - y, 0.05)  # the chin's shadow
    )
    picture = picture + neck * (tone - picture)
    shoulders = _step(
        0.42 - np.sqrt((x / 2.2) ** 2 + (y + 1.22 + 0.10 * np.exp(-8 * x**2)) ** 2), soft
    )
    cloth = 0.14 + 0.08 * _positive(light[0] * x + light[1] * 0.6, 0.2)
    picture = picture + shoulders * (cloth - picture)
    for side in (-1, 1):
        at = [side * axes[0] * 0.98, 0.04, -0.05]
        ear_x = sum(turned[..., 0, i] * at[i] for i in range(3))
        ear_y = sum(turned[..., 1, i] * at[i] for i in range(3))
        ear = _step(1 - np.sqrt(((x - ear_x) / 0.085) ** 2 + ((y - ear_y) / 0.16) ** 2), 0.15)
        tone = 0.30 + 0.28 * _positive(light[2] * 0.6 + side * light[0], 0.3)
        picture = picture + ear * (tone - picture)
    return picture


def _rotation(turn: np.ndarray, nod: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """Rotations of the head, (m, 1, 1, 3, 3), by angles in radians: nod first, then turn, tilt."""
    zero, one = np.zeros_like(turn), np.ones_like(turn)

    def matrix(rows: list[list[np.ndarray]]) -> np.ndarray:
        return np.stack([np.stack(row, -1) for row in rows], -2)

    def cs(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.cos(angle), np.sin(angle)

    (ct, st), (cn, sn), (ci, si) = cs(turn), cs(nod), cs(tilt)
    about_y = matrix([[ct, zero, st], [zero, one, zero], [-st, zero, ct]])
    about_x = matrix([[one, zero, zero], [zero, cn, -sn], [zero, sn, cn]])
    about_z = matrix([[ci, -si, zero], [si, ci, zero], [zero, zero, one]])
    return about_z @ about_y @ about_x


def _into_head(turned: np.ndarray, point: tuple[Number, ...] | list) -> list[np.ndarray]:
    """A direction or point of the picture in the head's own coordinates (the inverse rotation)."""
    i, j, k = point
    return [i * turned[..., 0, n] + j * turned[..., 1, n] + k * turned[..., 2, n] for n in range(3)]


def _unit(vector: tuple | list) -> list[np.ndarray]:
    length = np.sqrt(sum(part**2 for part in vector))
    return [part / length for part in vector]


def _step(value: np.ndarray, soft: float) -> np.ndarray:
    """0 well below 0, 1 well above it, with a smooth edge about four ``soft`` wide."""
    return 0.5 * (1 + np.tanh(0.5 * value / soft))


def _positive(value: np.ndarray, soft: float) -> np.ndarray:
    """The larger of ``value`` and 0, smooth where they meet."""
    return 0.5 * (value + np.sqrt(value**2 + soft**2))
