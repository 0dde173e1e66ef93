#!/usr/bin/env python3
"""What response normalisation changes: AlexNet trained with and without it, two input scales.

    python scripts/bench/lrn_effect.py OUT [OBJECTS]

Writes OUT/lrn.csv, one row per training. ``standardised`` is the variant ``paper`` on pixels
divided by their standard deviation, trained as the recipe ``labels``; ``0 to 255`` is the variant
``code2012`` from its own first weights, with its recipe's optimizer and a rate that suits so few
steps. Without normalisation the layers are left out and nothing else changes: same first weights,
order and dropout. OBJECTS holds train/ and val/, a sub-folder per kind; about 100 images of each
kind are used. The divisor is that of ``norm1`` over held-out images before training, k alone
being 1.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: others may use the processor

import numpy as np
import pandas as pd
import torch

import repviz
from repviz.images.concatenation import concatenate
from repviz.training.recipes import recipe_settings

EPOCHS, SEEDS, PER_KIND = 8, (0, 1), 100
SCALES = {
    "standardised": ("paper", recipe_settings("labels", epochs=EPOCHS)),
    "0 to 255": (
        "code2012",
        recipe_settings(
            "code2012", epochs=EPOCHS, batch=16, learning_rate=2e-3, schedule="cosine",
            augment="shift", precision="fp32",
        ),
    ),
}  # fmt: skip
NORMS = ("norm1", "norm2", "mapnorm2")


def sets(objects):
    """Name to images, and the rows to train on and to hold out."""
    faces = repviz.open_images("orl")
    yield "AT&T faces", faces, repviz.split(faces, (0.7, 0.3), seed=0)
    if objects:
        parts = [repviz.open_images(f"folder:{objects}/{part}") for part in ("train", "val")]
        images, (train, held_out) = concatenate(*parts)
        labels, rng = np.asarray(images.labels), np.random.default_rng(0)
        train = np.concatenate(
            [rng.permutation(train[labels[train] == kind])[:PER_KIND] for kind in images.classes]
        )
        yield "ten kinds of objects", images, (np.sort(train), held_out[::2])


def divisors(model, images, rows):
    """The smallest, median and largest divisor in norm1 on some images."""
    size = model.preprocessing.size
    pixels = torch.from_numpy(images.at(size=size, grey=False).pixels(rows[:16]))
    seen = []
    norm = model.module.norm1
    handle = norm.register_forward_hook(lambda _, x, y: seen.append((x[0], y)))
    with torch.no_grad():
        model.module(model.preprocessing(pixels))
    handle.remove()
    x, y = seen[0]
    ratio = (x / y)[x.abs() > 1e-4] / norm.k**norm.beta
    return ratio.min().item(), ratio.median().item(), ratio.max().item()


def without(model):
    """The same network, its normalisations left out."""
    for name in NORMS:
        if hasattr(model.module, name):
            setattr(model.module, name, torch.nn.Identity())
    return model


def main(out, objects=None):
    """Train, and write the table after each training."""
    Path(out).mkdir(parents=True, exist_ok=True)
    rows = []
    for data, images, parts in sets(objects):
        for scale, (variant, settings) in SCALES.items():
            for seed in SEEDS:
                for normalised in (True, False):
                    model = repviz.open_model(
                        "alexnet", variant=variant, classes=len(images.classes), seed=seed
                    )
                    low, middle, high = divisors(model, images, parts[1])
                    if not normalised:
                        model = replace(without(model), options={})
                    wide = images.at(size=model.preprocessing.size, grey=False)
                    made = repviz.train(model, wide, rows=parts, recipe=settings, seed=seed)
                    last = made.table.iloc[-1]
                    rows.append(
                        {
                            "images": data, "input": scale, "normalised": normalised, "seed": seed,
                            **last[["epoch", "n_train", "n_held_out", "chance"]].astype(float),
                            **last[["train_accuracy", "held_out_accuracy", "held_out_low",
                                    "held_out_high"]].astype(float),
                            "divisor_low": low, "divisor_median": middle, "divisor_high": high,
                        }
                    )  # fmt: skip
                    print(rows[-1], flush=True)
                    pd.DataFrame(rows).to_csv(Path(out) / "lrn.csv", index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
