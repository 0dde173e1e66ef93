"""How far below PCA the engines end, on image sets of one's own: CPU seconds beside every ratio.

python scripts/bench/bottleneck_bars.py faces DIR     # 12,000 faces in DIR: 8,000 / 2,000 / 2,000
python scripts/bench/bottleneck_bars.py curve DIR     # one training for every size from 1 to 256
python scripts/bench/bottleneck_bars.py conv DIR      # the plain convolutional autoencoder
python scripts/bench/bottleneck_bars.py light FILE    # people under many lights (.npz: subject)
python scripts/bench/bottleneck_bars.py patches       # the face patches of Hinton 2006, k = 30
python scripts/bench/bottleneck_bars.py digits FILE   # MNIST (.npz: images), k = 30
python scripts/bench/bottleneck_bars.py feeding DIR   # an epoch's data beside decoding it
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets it

import numpy as np
import torch
from torch.nn import functional

from repviz import intervals
from repviz.bottleneck.engines import ENGINES, FitContext
from repviz.bottleneck.engines.codec import codec_of
from repviz.distortion import squared_errors
from repviz.images import open_images, split
from repviz.memory import recycled
from repviz.training.data import TrainingData
from repviz.training.shifts import shift_and_mirror

cpu = time.process_time


def measured(
    data: TrainingData, test: np.ndarray, jobs: list[tuple[str, int, float]], groups: Any = None
) -> None:
    """One line a job: engine, size, CPU seconds, error, and its ratio to both PCAs."""
    X = data.rows(test)
    groups = np.arange(len(X)) if groups is None else groups
    start = cpu()
    context = FitContext(data)
    lines = {
        k: errors_of(ENGINES["pca"].fit(context, k), X) for k in sorted({k for _, k, _ in jobs})
    }
    augmented = {k: errors_of(ENGINES["pca-augmented"].fit(context, k), X) for k in lines}
    _ = data.copies
    print(f"PCA, PCA of the shifted images and their scores: {cpu() - start:.1f} CPU-s, shared")
    for name, k, effort in jobs:
        start = cpu()
        codec = ENGINES[name].fit(FitContext(data, effort), k)
        took = cpu() - start
        own = errors_of(codec, X)
        both = np.stack([own, lines[k]], axis=1)
        low, high = np.exp(
            intervals.jackknife(both, groups, lambda m: np.log(m[..., 0] / m[..., 1]))
        )
        print(
            f"{name} k={k} effort={effort:g}: {took:.1f} CPU-s, mse {own.mean():.6f}, "
            f"{own.mean() / lines[k].mean():.4f} [{low:.4f}, {high:.4f}] of PCA's, "
            f"{own.mean() / augmented[k].mean():.4f} of the augmented PCA's",
            flush=True,
        )


def errors_of(codec: Any, X: np.ndarray) -> np.ndarray:
    """Squared error of each row, the reconstruction clipped to the range of pixels."""
    return squared_errors(np.clip(codec.decode(codec.encode(X)), 0, 1), X)


def faces_of(folder: str, most: int) -> tuple[TrainingData, np.ndarray]:
    """8,000 faces to train on, 2,000 to choose with, 2,000 to test on."""
    images = open_images(f"folder:{folder}", size=64, grey=True)
    X = images.pixels()[np.random.default_rng(0).permutation(len(images))]
    return TrainingData(X[:8000], X[8000:10000], max_bottleneck=most), X[10000:12000]


def faces(folder: str, *sizes: str) -> None:
    """Bar 1: linear-start at every size, for 40 and for 160 CPU seconds."""
    chosen = [int(k) for k in sizes] or [2, 4, 8, 16, 32, 64, 128, 256]
    data, test = faces_of(folder, max(chosen))
    measured(data, test, [("linear-start", k, 1.0) for k in chosen])
    measured(data, test, [("linear-start", k, 4.0) for k in (8, 32) if k in chosen])


def curve(folder: str) -> None:
    """Bar 2: every size from 1 to 256 from one training, audited at some."""
    data, test = faces_of(folder, 256)
    X = data.rows(test)
    start = cpu()
    codec = ENGINES["prefix"].fit(FitContext(data), 256)
    print(f"prefix up to 256: {cpu() - start:.1f} CPU-s, PCA and its scores included")
    model, linear = codec.model, data.linear
    assert model is not None
    scores = linear.scores(X)
    start, ratios = cpu(), []
    for k in range(1, 257):
        own = errors_of(codec_of(model, k), X).mean()
        base = np.clip(linear.mean + scores[:, :k] @ linear.basis[:k], 0, 1)
        ratios.append(own / squared_errors(base, X).mean())
    worst = int(np.argmax(ratios))
    print(
        f"256 sizes judged in {cpu() - start:.1f} CPU-s; worst {ratios[worst]:.4f} at {worst + 1}"
    )
    gaps = []
    for k in (2, 3, 4, 8, 11, 16, 32, 45, 64, 128, 181, 256):  # also far from any power of two
        apart = errors_of(ENGINES["linear-start"].fit(FitContext(data), k), X).mean()
        own = errors_of(codec_of(model, k), X).mean()
        gaps.append(own / apart - 1)
        print(
            f"k={k}: {ratios[k - 1]:.4f} of PCA's, {100 * gaps[-1]:+.2f} % of separate", flush=True
        )
    print(f"on average {100 * np.mean(gaps):+.2f} %")


def conv(folder: str) -> None:
    """Bar 3: the plain convolutional autoencoder."""
    data, test = faces_of(folder, 32)
    measured(data, test, [("conv", 8, 1.0), ("conv", 32, 10.0)])


def light(file: str) -> None:
    """Bar 4: people under light that is new, known people and strangers."""
    images = open_images(f"array:{file}", size=64, grey=True, label="subject")
    for by in ("image", "label"):
        first, second, test = split(images, (0.7, 0.15, 0.15), by=by, seed=0)
        print({"image": "known people, new light", "label": "strangers"}[by], len(test), "images")
        data = TrainingData(images.pixels(first), images.pixels(second), max_bottleneck=8)
        assert images.labels is not None
        jobs = [("linear-start", 8, 1.0), ("linear-start", 8, 4.0)]
        measured(data, images.pixels(test), jobs, images.labels[test])


def patches() -> None:
    """Bar 5: 25x25 patches of turned and scaled faces, thirty people to train, ten to test."""
    images = open_images("orl", size=64, grey=True)
    assert images.labels is not None
    people = np.unique(images.labels)
    of = [np.isin(images.labels, part) for part in (people[:26], people[26:30], people[30:])]
    random = torch.Generator().manual_seed(0)
    first, second, test = (
        turned(images.pixels(np.flatnonzero(rows)), n, random)
        for rows, n in zip(of, (25_000, 3_000, 5_000), strict=True)
    )
    data = TrainingData(first, second, mirror=False, shift=0.0, max_bottleneck=30)
    measured(data, test, [("linear-start", 30, effort) for effort in (1.0, 4.0)])


def turned(pixels: np.ndarray, n: int, random: torch.Generator) -> np.ndarray:
    """N patches (n, 1, 25, 25): turned by -90 to 90 degrees, scaled by 1.4 to 1.8, cropped."""
    rows = torch.randint(len(pixels), (n,), generator=random)
    angle, scale, *move = torch.rand(4, n, generator=random)
    angle, scale = (angle - 0.5) * np.pi, 1.4 + 0.4 * scale
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    x, y = ((1 - 1 / scale) * (2 * m - 1) * 0.5 for m in move)
    theta = torch.stack([torch.stack([cos, -sin, x], 1), torch.stack([sin, cos, y], 1)], 1)
    grid = functional.affine_grid(theta, [n, 1, 25, 25], align_corners=False)
    shown = torch.from_numpy(pixels)[rows].float()
    out = functional.grid_sample(shown, grid, padding_mode="reflection", align_corners=False)
    return out.round().clamp(0, 255).to(torch.uint8).numpy()


def digits(file: str) -> None:
    """Bar 5: handwritten digits."""
    X = open_images(f"array:{file}").pixels()[np.random.default_rng(0).permutation(20_000)]
    data = TrainingData(X[:14000], X[14000:17000], mirror=False, max_bottleneck=30)
    measured(data, X[17000:], [("linear-start", 30, 1.0), ("linear-start", 30, 4.0)])


def feeding(folder: str) -> None:
    """Bar 8: what an epoch's images cost, drawn from memory, beside decoding them."""
    images = open_images(f"folder:{folder}", size=64, grey=True, limit=4000, seed=0)
    start = cpu()
    X = images.pixels()
    decoding = cpu() - start
    data = TrainingData(X[:3000], X[3000:], max_bottleneck=32)
    copies, random = data.copies, torch.Generator().manual_seed(0)
    times = {"pixels": 0.0, "scores": 0.0}
    with recycled():  # as in training
        for epoch in range(6):  # the first, which compiles, is not counted
            start = cpu()
            for rows in torch.randperm(len(X), generator=random).split(64):
                _ = shift_and_mirror(X, rows, generator=random)
            times["pixels"] += (cpu() - start) / 5 if epoch else 0.0
            start = cpu()
            for rows in torch.randperm(3000, generator=random).split(256):
                _ = copies[torch.randint(len(copies), (len(rows),), generator=random), rows]
            times["scores"] += (cpu() - start) / 5 * len(X) / 3000 if epoch else 0.0
    print(f"decoding {1e6 * decoding / len(X):.0f} us an image")
    for what, took in times.items():
        each = 1e6 * took / len(X)
        print(f"{what}: {each:.1f} us an image, {decoding / took:.0f} times below")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
