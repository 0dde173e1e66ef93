"""How often a size whose true loss is exactly the margin is accepted (at most 5 % nominally).

python scripts/bench/choice_errors.py [RUNS] [KIND ...]     # 2,000 simulated test sets per row
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from repviz.bottleneck.choice import LEVEL, MARGIN, choice_from_scores

Losses = Callable[[np.random.Generator, int, int], np.ndarray]  # (rng, people, images each)


def binary(rng: np.random.Generator, people: int, each: int, *, within: float) -> np.ndarray:
    """A loss of 1 with probability MARGIN; ``within`` is the correlation within a person."""
    if within == 1:
        return np.repeat(rng.random(people) < MARGIN, each).astype(float)
    if within == 0:
        return (rng.random(people * each) < MARGIN).astype(float)
    size = 1 / within - 1
    rate = rng.beta(MARGIN * size, (1 - MARGIN) * size, people)
    return (rng.random(people * each) < np.repeat(rate, each)).astype(float)


def normal(rng: np.random.Generator, people: int, each: int, *, within: float) -> np.ndarray:
    """Normal losses with mean MARGIN and standard deviation 0.1."""
    own = rng.normal(size=people * each)
    shared = np.repeat(rng.normal(size=people), each)
    return MARGIN + 0.1 * (np.sqrt(within) * shared + np.sqrt(1 - within) * own)


def skewed(rng: np.random.Generator, people: int, each: int, *, within: float) -> np.ndarray:
    """Exponential losses with mean MARGIN, the same for all images of a person where within = 1."""
    own = rng.exponential(MARGIN, people * each)
    shared = np.repeat(rng.exponential(MARGIN, people), each)
    return shared if within == 1 else own


def lognormal(rng: np.random.Generator, people: int, each: int, *, within: float) -> np.ndarray:
    """Losses exp(z) of normal z, scaled to mean MARGIN, with ``within`` the correlation of z."""
    own = rng.normal(size=people * each)
    shared = np.repeat(rng.normal(size=people), each)
    z = np.sqrt(within) * shared + np.sqrt(1 - within) * own
    return MARGIN * np.exp(z - 0.5)


def accepted(losses: np.ndarray, groups: np.ndarray, *, is_binary: bool) -> bool:
    """Whether the size is found non-inferior."""
    original = np.ones(len(losses)) if is_binary else np.linspace(0, 1, len(losses))
    choice = choice_from_scores(
        "simulated", "simulated", [1], original, (original - losses)[None], groups, draws=2
    )
    return choice.size is not None


def main(runs: int = 2000, *chosen: str) -> None:
    """Print one row per kind of score, design and correlation within a person."""
    designs = [(20, 1), (30, 1), (60, 1), (200, 1), (6, 10), (20, 3), (20, 10), (60, 1), (60, 5)]
    kinds = {"binary": binary, "normal": normal, "skewed": skewed, "lognormal": lognormal}
    print(f"margin {MARGIN}, level {LEVEL}, {runs} runs per row\n")
    print("scores   people images within accepted")
    worst: dict[str, float] = {}
    for name, draw in kinds.items():
        if chosen and name not in chosen:
            continue
        for people, each in dict.fromkeys(designs):
            for within in (0.0,) if each == 1 else (0.0, 0.3, 1.0):
                rng = np.random.default_rng(0)
                groups = np.repeat(np.arange(people), each)
                hits = [
                    accepted(
                        draw(rng, people, each, within=within), groups, is_binary=name == "binary"
                    )
                    for _ in range(runs)
                ]
                rate = float(np.mean(hits))
                worst[name] = max(worst.get(name, 0.0), rate)
                print(
                    f"{name:8} {people:6} {people * each:6} {within:6} {100 * rate:6.1f} %",
                    flush=True,
                )
    print("worst: " + ", ".join(f"{name} {100 * rate:.1f} %" for name, rate in worst.items()))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
