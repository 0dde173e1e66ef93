#!/usr/bin/env python
"""JPEG on disk to committed store against the bare forward pass, AlexNet at 227, in one process.

    scripts/bench/extraction_speed.py [--images FOLDER] [--n 1000] [--batch 32] [--rounds 3]

The bare pass goes over tensors that were decoded and normalised beforehand, in the same memory
format, with the same batch and threads, to the last layer. Ours reads the files, hashes, decodes,
resizes, normalises, runs the network, reduces or copies the layers, hashes, writes, flushes and
renames. Without --images it draws 500x375 JPEG files. A hand-written hook loop stands beside us.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets it

import numpy as np
import torch
from measuring import draw_jpegs, parser, ratios, rounds, verdict
from PIL import Image
from torchvision import transforms

import repviz
from repviz.models.model import evaluating

REDUCED = {"conv*": "mean"}  # pool5, fc6, fc7 and fc8 stay whole


def main() -> int:
    """Print the ratios; 1 if one is missed, else 0."""
    options = parser(__doc__)
    options.add_argument("--images", type=Path)
    options.add_argument("--n", type=int, default=1000)
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    work = Path(tempfile.mkdtemp(prefix="repviz-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        folder = given.images or draw_jpegs(work / "jpegs", given.n, 500, 375)
        return measure(repviz.open_images(f"folder:{folder}", limit=given.n), work, given)
    finally:
        shutil.rmtree(work)


def measure(images: repviz.images.Images, work: Path, given: object) -> int:
    """All arms in turns, then the ratios."""
    model, batch = repviz.open_model("alexnet"), given.batch
    model.key  # noqa: B018  hashing 244 MB of weights is not part of the pass
    starts = range(0, len(images), batch)
    preloaded = [
        torch.cat(
            [
                model.preprocessing(torch.from_numpy(images.read(row))[None])
                for row in range(start, min(start + batch, len(images)))
            ]
        ).contiguous(memory_format=torch.channels_last)
        for start in starts
    ]
    stores = iter(range(10**6))

    def bare() -> None:
        with evaluating(model.module):
            for x in preloaded:
                model.module(x)

    def ours(reduce: object) -> None:
        out = work / f"acts{next(stores)}"
        repviz.extract(model, images, out=out, batch=batch, reduce=reduce)
        shutil.rmtree(out)

    def by_hand() -> None:
        """What people write: PIL, transforms, hooks, a list, one np.save a layer."""
        steps = transforms.Compose(
            [
                transforms.Resize(227),
                transforms.CenterCrop(227),
                transforms.ToTensor(),
                transforms.Normalize(model.preprocessing.mean, model.preprocessing.std),
            ]
        )
        kept: dict[str, list[np.ndarray]] = {name: [] for name in model.layers}
        hooks = [
            getattr(model.module, name).register_forward_hook(
                lambda _, __, y, name=name: kept[name].append(
                    (y.mean((2, 3)) if name.startswith("conv") else y.flatten(1)).numpy()
                )
            )
            for name in model.layers
        ]
        with evaluating(model.module):
            for start in starts:
                rows = range(start, min(start + batch, len(images)))
                x = [steps(Image.open(images.where(row)).convert("RGB")) for row in rows]
                model.module(torch.stack(x))
        for hook in hooks:
            hook.remove()
        for name, parts in kept.items():
            np.save(work / f"{name}.npy", np.concatenate(parts))

    arms = {
        "bare": bare,
        "reduced": lambda: ours(REDUCED),
        "whole": lambda: ours("none"),
        "by hand": by_hand,
    }
    rounds(arms, 1)  # imports, caches, the allocator
    found = rounds(arms, given.rounds)
    cpu, wall = (np.median([one[i] for one in found["bare"]]) / len(images) * 1e3 for i in (0, 1))
    print(
        f"{len(images)} images of {images.name}, batch {batch}, {torch.get_num_threads()} threads: "
        f"bare pass {cpu:.1f} ms of processor, {wall:.1f} ms of wall an image"
    )
    good = []
    limits = {"reduced": (1.08, 1.15), "whole": (1.25, 1.25)}
    for name, (most_cpu, most_wall) in limits.items():
        cpu, wall = ratios(found, name, "bare")
        good.append(verdict(f"{name}: processor to bare", cpu, most_cpu))
        good.append(verdict(f"{name}: wall to bare", wall, most_wall))
    cpu, wall = ratios(found, "by hand", "bare")
    print(f"  a hook loop by hand, reduced: processor {cpu:.3f}, wall {wall:.3f} to bare")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
