#!/usr/bin/env python
"""JPEG files to the inputs of a network: our decoding against PIL with torchvision's transforms.

    scripts/bench/decode_speed.py [--rounds 3] [--n 96]

To normalised float32 inputs of 227 x 227, with one thread, from drawn pictures of 500 x 375 and of
4 megapixels. Before they are normalised, inputs must agree within one grey level. JPEG decoding
alone, with the library that we use, says how much is left to save.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simplejpeg
import torch
from arms import Arm, Ready, Workload, main
from measuring import draw_jpegs
from PIL import Image
from torchvision import transforms

import repviz
from repviz.activations.pipeline import decode_ahead
from repviz.memory import recycled
from repviz.models.model import Preprocessing

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PREPROCESSING = Preprocessing((227, 227), 3, MEAN, STD)
TO_PIL = transforms.Compose([transforms.Resize(227), transforms.CenterCrop(227)])
TO_INPUT = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
SIZES = {"500 x 375": (500, 375), "2309 x 1732": (2309, 1732)}
COMPARED = 12  # pictures of each size


def folder_of(given: Namespace, size: str) -> Path:
    """Where the pictures of that size are."""
    return given.work / size.replace(" ", "")


def prepare(given: Namespace) -> None:
    """The pictures; both sides make the same of them, or it ends here."""
    for task, size in zip(TASKS, SIZES, strict=True):
        folder = draw_jpegs(folder_of(given, size), given.n or task.n, *SIZES[size])
        images = repviz.open_images(f"folder:{folder}", limit=COMPARED)
        for row in range(len(images)):
            ours = PREPROCESSING.fit(torch.from_numpy(images.read(row))[None])[0].numpy()
            theirs = np.asarray(TO_PIL(Image.open(images.where(row)))).transpose(2, 0, 1)
            if (worst := np.abs(ours.astype(int) - theirs).max()) > 1:
                raise SystemExit(f"decode_speed.py: {size}: inputs differ by {worst} grey levels")


def ours(size: str) -> Ready:
    """What an extraction does before the network."""

    def ready(given: Namespace, n: int) -> Callable[[], None]:
        torch.set_num_threads(1)
        images = repviz.open_images(f"folder:{folder_of(given, size)}", limit=n)

        def work() -> None:
            with recycled():
                for batch in decode_ahead(images, PREPROCESSING, [range(len(images))], threads=1):
                    PREPROCESSING.normalise(batch.pixels)

        return work

    return ready


def by_pil(size: str) -> Ready:
    """What a data set of torchvision does."""

    def ready(given: Namespace, n: int) -> Callable[[], None]:
        torch.set_num_threads(1)
        files = sorted(folder_of(given, size).iterdir())[:n]

        def work() -> None:
            x = torch.empty(len(files), 3, 227, 227)
            for row, file in enumerate(files):
                x[row] = TO_INPUT(TO_PIL(Image.open(file).convert("RGB")))

        return work

    return ready


def decoding(size: str) -> Ready:
    """Bytes to pixels, and nothing else."""

    def ready(given: Namespace, n: int) -> Callable[[], None]:
        files = [file.read_bytes() for file in sorted(folder_of(given, size).iterdir())[:n]]
        return lambda: [simplejpeg.decode_jpeg(file, "RGB") for file in files] and None

    return ready


def task(size: str, n: int) -> Workload:
    """All sides on the pictures of one size."""
    return Workload(
        f"JPEG files of {size} to inputs of 227 x 227, one thread",
        "images",
        n=n,
        few=n,
        arms=(
            Arm(ours(size), "repviz", "repviz-toolkit"),
            Arm(by_pil(size), "PIL and torchvision transforms", "torchvision"),
            Arm(
                decoding(size),
                "simplejpeg at full size",
                "simplejpeg",
                note="decoding alone; ours decodes large files at a fraction of their size",
            ),
        ),
    )


TASKS = (task("500 x 375", 192), task("2309 x 1732", 24))

if __name__ == "__main__":
    main(__doc__, "decoding", TASKS, prepare=prepare)
