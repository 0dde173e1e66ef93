#!/usr/bin/env python
"""Our decode path against PIL with torchvision's v1 transforms: processor time and difference.

    scripts/bench/decode_speed.py [--rounds 7]

JPEG file to normalised float32 input of 227x227, on drawn pictures of 500x375 and of 4 megapixels.
Both arms end in one preallocated batch. The difference is taken before normalising, in grey levels.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from measuring import draw_jpegs, parser, ratios, rounds, verdict
from PIL import Image
from torchvision import transforms

import repviz
from repviz.activations.pipeline import decode_ahead
from repviz.models.model import Preprocessing

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZES = [(500, 375, 96, 2.5), (2309, 1732, 12, 3.8)]


def main() -> int:
    """Print the ratios; 1 if one is missed, else 0."""
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=7)
    times = options.parse_args().rounds
    torch.set_num_threads(1)
    made_for = Preprocessing((227, 227), 3, MEAN, STD)
    to_pil = transforms.Compose([transforms.Resize(227), transforms.CenterCrop(227)])
    to_input = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    work, good = Path(tempfile.mkdtemp(prefix="repviz-bench-")), []
    try:
        for width, height, n, least in SIZES:
            folder = draw_jpegs(work / f"{width}", n, width, height)
            images = repviz.open_images(f"folder:{folder}")

            def ours(images: repviz.images.Images = images, n: int = n) -> None:
                for batch in decode_ahead(images, made_for, [range(n)], threads=1):
                    made_for.normalise(batch.pixels)

            def theirs(images: repviz.images.Images = images, n: int = n) -> None:
                x = torch.empty(n, 3, 227, 227)
                for row in range(n):
                    x[row] = to_input(to_pil(Image.open(images.where(row)).convert("RGB")))

            found = rounds({"ours": ours, "PIL": theirs}, times)
            off = max(
                np.abs(
                    made_for.fit(torch.from_numpy(images.read(row))[None])[0].numpy().astype(int)
                    - np.asarray(to_pil(Image.open(images.where(row)))).transpose(2, 0, 1)
                ).max()
                for row in range(min(n, 12))
            )
            print(f"{width}x{height}: {found['ours'][0][0] / n * 1e3:.2f} ms of processor an image")
            good.append(
                verdict(
                    "PIL and v1 to ours, processor",
                    ratios(found, "PIL", "ours")[0],
                    least,
                    most=False,
                )
            )
            good.append(verdict("largest difference, grey levels", float(off), 1))
    finally:
        shutil.rmtree(work)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
