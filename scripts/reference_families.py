"""Sets of known dimension: those that calibrate the interval for the truth, and unseen ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# From a generator, n and d: n rows of a set of dimension d.
Family = Callable[[np.random.Generator, int, int], np.ndarray]


def ball(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Uniform in the unit ball, (n, d)."""
    return sphere(rng, n, d - 1) * rng.random((n, 1)) ** (1 / d)


def sphere(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Uniform on the unit d-sphere, (n, d + 1)."""
    X = rng.standard_normal((n, d + 1))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def torus(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Uniform on the flat torus, (n, 2 d)."""
    angles = rng.uniform(0, 2 * np.pi, (n, d))
    return np.hstack([np.cos(angles), np.sin(angles)])


def spectrum(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Exponential coordinates whose scales fall by e^-1/2, or to e^-5/2 at most, (n, d)."""
    return rng.exponential(size=(n, d)) * np.exp(-np.arange(d) * min(0.5, 2.5 / max(d - 1, 1)))


def clusters(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Ten Gaussian clusters far apart, (n, d)."""
    centres = 8 * rng.standard_normal((10, d))
    return centres[rng.integers(0, 10, n)] + rng.standard_normal((n, d))


def bent(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """The graph of a sine and a parabola over a cube, (n, 3 d)."""
    cube = rng.uniform(-1, 1, (n, d))
    return np.hstack([cube, np.sin(np.pi * cube), cube**2 / 2])


def twisted(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Cube coordinates, each wound by the angle of the next, (n, 2 d): M8 of the benchmark."""
    cube = rng.random((n, d))
    angles = 2 * np.pi * np.roll(cube, -1, axis=1)
    return np.hstack([cube * np.cos(angles), cube * np.sin(angles)])


REFERENCE: dict[str, Family] = {
    "ball": ball,
    "cube": lambda rng, n, d: rng.random((n, d)),
    "gaussian": lambda rng, n, d: rng.standard_normal((n, d)),
    "torus": torus,
    "sphere": sphere,
    "exponential spectrum": spectrum,
    "student": lambda rng, n, d: rng.standard_t(3, (n, d)),
    "clusters": clusters,
    "bent": bent,
    "beta": lambda rng, n, d: rng.beta(0.5, 2, (n, d)),
    "lognormal": lambda rng, n, d: np.exp(0.7 * rng.standard_normal((n, d))),
    "twisted": twisted,
}


def paraboloid(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """The graph of a paraboloid over a Gaussian, (n, d + 1)."""
    X = rng.standard_normal((n, d))
    return np.column_stack([X, np.square(X).sum(axis=1) / 2])


def warped_sphere(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """A sphere beside its coordinates' squares, (n, 2 d + 2)."""
    X = sphere(rng, n, d)
    return np.hstack([X, X**2 / 2])


UNSEEN: dict[str, Family] = {
    "laplace": lambda rng, n, d: rng.laplace(size=(n, d)),
    "simplex": lambda rng, n, d: rng.dirichlet(np.ones(d + 1), n),
    "ellipsoid": lambda rng, n, d: ball(rng, n, d) * np.geomspace(1, 0.2, d),
    "warped sphere": warped_sphere,
    "paraboloid": paraboloid,
    "gamma": lambda rng, n, d: rng.gamma(2, size=(n, d)),
}
