#!/usr/bin/env python3
"""Multilevel splitting against closed forms: error of log10 P, and how often intervals cover it.

    .venv/bin/python scripts/bench/splitting.py --repeats 200 --large 2

Balls in the unit cube and in the standard Gaussian, a shell, a half-space, the problem of
resistance and stress (R - S), and hyperplanes. ``--large`` is the number of repeats of those
that take long: 1,000 and 4,096 dimensions, and the ball in a cube of 200.

The error of log P relative to it is about sqrt(2 / (populations x particles x -ln P)): a population
has ``--effort`` / -ln P points, at least 100, so that it is alike for all problems; in more than
200 dimensions it has 20, since there the errors are small and points move slowly.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, ndtri
from scipy.stats import norm

from repviz.facespace.splitting import GAUSSIAN, UNIFORM, Prior, Score, rarity

LN10 = math.log(10)


@dataclass(frozen=True)
class Problem:
    """An event of known probability."""

    name: str
    d: int
    prior: Prior
    score: Score
    truth: float  # log10


def length(X: np.ndarray, centre: float = 0.0) -> np.ndarray:
    """The distance of each row from a point."""
    apart = X - np.float32(centre)
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", apart, apart, dtype=np.float64)))


def log_chi2_below(d: int, x: float) -> float:
    """The logarithm of the probability that d squared normals sum to at most x < d."""
    a, y = d / 2, x / 2
    term = total = 1.0
    for k in range(1, 100_000):
        term *= y / (a + k)
        total += term
        if term < 1e-17 * total:
            break
    return float(a * math.log(y) - y - gammaln(a + 1) + math.log(total))


def cube_ball(d: int) -> Problem:
    """The ball inscribed in the unit cube."""
    truth = d / 2 * math.log(math.pi) - gammaln(d / 2 + 1) + d * math.log(0.5)
    return Problem("ball in a cube", d, UNIFORM, lambda X: length(X, 0.5) - 0.5, truth / LN10)


def gaussian_ball(d: int, squares: float) -> Problem:
    """The ball of radius sqrt(squares d) about the centre of a Gaussian."""
    radius = math.sqrt(squares * d)
    truth = log_chi2_below(d, radius**2) / LN10
    return Problem("ball in a Gaussian", d, GAUSSIAN, lambda X: length(X) - radius, truth)


def shell(d: int, inner: float, outer: float) -> Problem:
    """Between the radii sqrt(inner d) and sqrt(outer d) of a Gaussian."""
    low, high = math.sqrt(inner * d), math.sqrt(outer * d)
    logs = log_chi2_below(d, inner * d), log_chi2_below(d, outer * d)
    truth = (logs[1] + math.log1p(-math.exp(logs[0] - logs[1]))) / LN10

    def score(X: np.ndarray) -> np.ndarray:
        r = length(X)
        return np.maximum(r - high, low - r)

    return Problem("shell in a Gaussian", d, GAUSSIAN, score, truth)


def half_space(d: int) -> Problem:
    """One coordinate of at least 4."""
    return Problem("half-space", d, GAUSSIAN, lambda X: 4 - X[:, 0], norm.logsf(4) / LN10)


def resistance_stress() -> Problem:
    """R - S of normals 5 apart with variance 1 each: 2.0348e-4."""
    score: Callable[[np.ndarray], np.ndarray] = lambda X: 5 + X[:, 0] - X[:, 1]  # noqa: E731
    return Problem("R - S", 2, GAUSSIAN, score, norm.logsf(5 / math.sqrt(2)) / LN10)


def hyperplane(d: int, exponent: int) -> Problem:
    """The sum of coordinates is so large that its probability is 10^exponent."""
    far = -float(ndtri(10.0**exponent)) * math.sqrt(d)
    name = f"hyperplane, 1e{exponent}"
    return Problem(name, d, GAUSSIAN, lambda X: far - X.sum(axis=1), float(exponent))


SMALL = (
    cube_ball(10),
    cube_ball(50),
    gaussian_ball(10, 0.1),
    gaussian_ball(50, 0.3),
    gaussian_ball(200, 0.4),
    shell(50, 0.3, 0.32),
    half_space(10),
    half_space(200),
    resistance_stress(),
    hyperplane(100, -6),
    hyperplane(100, -12),
)
LARGE = (
    cube_ball(200),
    gaussian_ball(1000, 0.4),
    cube_ball(1000),
    gaussian_ball(4096, 0.4),
    cube_ball(4096),
)


def main() -> None:
    """Print one line per problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--large", type=int, default=2)
    parser.add_argument("--effort", type=float, default=3000)
    parser.add_argument("--moves", type=int, default=3)
    parser.add_argument("--only", default="", help="of problems whose names hold this")
    parser.add_argument("--dimensions", type=int, default=0, help="of problems of so many")
    options = parser.parse_args()
    print(f"{'':22s}{'d':>6s}{'log10 P':>11s}{'mean':>11s}{'error':>8s}{'worst':>8s}", end="")
    print(f"{'width':>8s}{'covered':>12s}{'floors':>8s}{'CPU s':>8s}")
    covered = total = 0
    for problem in (*SMALL, *LARGE):
        repeats = options.large if problem in LARGE else options.repeats
        if options.only not in problem.name or not repeats:
            continue
        if options.dimensions not in (0, problem.d):
            continue
        particles = max(100, round(options.effort / -(problem.truth * LN10)))
        particles = particles if problem.d <= 200 else 20
        started, found = time.process_time(), []
        for seed in range(repeats):
            found.append(
                rarity(
                    problem.score, problem.d, prior=problem.prior, particles=particles,
                    moves=options.moves, seed=seed,
                )
            )  # fmt: skip
        seconds = (time.process_time() - started) / repeats
        values = np.array([one.log10 for one in found])
        errors = 100 * np.abs(values / problem.truth - 1)
        hits = sum(one.low <= problem.truth <= one.high for one in found)
        floors = sum(one.floor <= problem.truth for one in found)
        width = np.mean([one.high - one.low for one in found])
        print(
            f"{problem.name:22s}{problem.d:6d}{problem.truth:11.3f}{values.mean():11.3f}"
            f"{errors.mean():6.2f} %{errors.max():6.2f} %{width:8.3f}"
            f"{f'{hits} of {repeats}':>12s}{floors:8d}{seconds:8.2f}",
            flush=True,
        )
        if problem.d <= 200:
            covered, total = covered + hits, total + repeats
    if total:
        print(f"\nd of at most 200: {covered} of {total} intervals cover ({covered / total:.3f})")


if __name__ == "__main__":
    main()
