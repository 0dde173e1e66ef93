#!/usr/bin/env python3
"""What response normalisation changes: AlexNet trained with and without it, two input scales.

    python scripts/bench/lrn_effect.py OUT [--objects FOLDER] [--seeds 2] [--trainings 1]

Writes OUT/lrn.csv, one row per training, and adds those that it lacks, --trainings at most.
``standardised`` is the variant ``paper`` on pixels divided by their standard deviation, trained as
the recipe ``labels``; ``0 to 255`` is the variant ``code2012`` from its own first weights, with its
recipe's optimizer and a rate and batch that suit so few steps. ``normalisation`` is ``local``, as
published; ``constant``, a division by k^beta alone (1.68, which is what is left of it where the
activity is small); or ``none``, without the layers. Nothing else changes: same first weights, order
and dropout. FOLDER holds train/ and val/, a sub-folder per kind. The divisor is that of ``norm1``
over held-out images before training, relative to k^beta.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: others may use the processor

import numpy as np
import pandas as pd
import torch

import repviz
from repviz.images.concatenation import concatenate
from repviz.training.recipes import recipe_settings

EPOCHS, BATCH = 15, 8
PEOPLE, TRAINED, HELD_OUT = 10, 15, 10  # AT&T people; images of each kind of object
NAMES = ["images", "input", "normalisation", "seed"]
ARMS = ("local", "constant", "none")
SCALES = {
    "standardised": ("paper", recipe_settings("labels", epochs=EPOCHS, batch=BATCH)),
    "0 to 255": (
        "code2012",
        recipe_settings(
            "code2012", epochs=EPOCHS, batch=BATCH, learning_rate=2e-3, schedule="cosine",
            augment="shift", precision="fp32",
        ),
    ),
}  # fmt: skip
NORMS = ("norm1", "norm2", "mapnorm2")


def sets(objects):
    """Name to images, and the rows to train on and to hold out."""
    faces = repviz.open_images("orl")
    few = np.flatnonzero(faces.label_indices < PEOPLE)
    faces = faces.take(few)
    yield f"AT&T faces, {PEOPLE} people", faces, repviz.split(faces, (0.7, 0.3), seed=0)
    if objects:
        parts = [repviz.open_images(f"folder:{objects}/{part}") for part in ("train", "val")]
        images, (train, held_out) = concatenate(*parts)
        labels, rng = np.asarray(images.labels), np.random.default_rng(0)
        rows = [
            np.sort(
                np.concatenate(
                    [rng.permutation(part[labels[part] == kind])[:n] for kind in images.classes]
                )
            )
            for part, n in ((train, TRAINED), (held_out, HELD_OUT))
        ]
        few = np.concatenate(rows)
        sides = np.arange(len(rows[0])), np.arange(len(rows[0]), len(few))
        yield "ten kinds of objects", images.take(few), sides


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


class Divided(torch.nn.Module):
    """Its input divided by one number."""

    def __init__(self, divisor):
        super().__init__()
        self.divisor = divisor

    def forward(self, x):
        """``x``, divided."""
        return x / self.divisor


def replaced(model, arm):
    """The same network, its normalisations replaced by their constant part, or left out."""
    for name in NORMS:
        if hasattr(model.module, name):
            norm = getattr(model.module, name)
            constant = Divided(getattr(norm, "k", 1) ** norm.beta)  # 1 is that of mapnorm2
            setattr(model.module, name, constant if arm == "constant" else torch.nn.Identity())
    return model


def trained(data, images, parts, scale, arm, seed):
    """One row of the table."""
    variant, settings = SCALES[scale]
    model = repviz.open_model("alexnet", variant=variant, classes=len(images.classes), seed=seed)
    low, middle, high = divisors(model, images, parts[1])
    if arm != "local":
        model = replace(replaced(model, arm), options={})
    wide = images.at(size=model.preprocessing.size, grey=False)
    last = repviz.train(model, wide, held_out=parts, recipe=settings, seed=seed).table.iloc[-1]
    columns = ["epoch", "n_train", "n_held_out", "chance", "train_loss", "train_accuracy"]
    columns += ["held_out_accuracy", "held_out_low", "held_out_high"]
    return {
        **dict(zip(NAMES, (data, scale, arm, seed), strict=True)),
        **last[columns].astype(float),
        "divisor_low": low,
        "divisor_median": middle,
        "divisor_high": high,
    }


def main():
    """Train, and write the table after each training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--objects")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--trainings", type=int, default=1000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "lrn.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = [tuple(row[name] for name in NAMES) for row in rows]
    left = options.trainings
    for data, images, parts in sets(options.objects):
        for place in product([data], SCALES, ARMS, range(options.seeds)):
            if place in done or not left:
                continue
            rows.append(trained(data, images, parts, *place[1:]))
            print(rows[-1], flush=True)
            pd.DataFrame(rows).to_csv(path, index=False)
            left -= 1


if __name__ == "__main__":
    main()
