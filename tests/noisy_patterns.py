"""Images of people for tests: a random block pattern each, under noise."""

from __future__ import annotations

import numpy as np


def noisy_patterns(
    people: int, each: int, *, side: int = 16, blocks: int = 8, noise: int = 25
) -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 (people * each, side, side), and labels "p0", "p1", ...; always the same."""
    rng = np.random.default_rng(0)
    edge = side // blocks
    levels = rng.integers(60, 190, size=(people, 1, blocks, blocks))
    patterns = np.kron(levels, np.ones((1, 1, edge, edge), int))
    images = patterns + rng.integers(-noise, noise, size=(people, each, side, side))
    labels = np.repeat([f"p{person}" for person in range(people)], each)
    return images.reshape(-1, side, side).astype(np.uint8), labels
