#!/usr/bin/env python
"""Our decode path against PIL with torchvision's v1 transforms: processor time and difference.

    scripts/bench/decode_speed.py [--rounds 5]

JPEG file to normalised float32 input of 227x227, on drawn pictures of 500x375 and of 4 megapixels.
Each arm works in a process of its own, in turns: ours keeps freed memory, which would also serve
the other. The difference is taken before normalising, in grey levels. JPEG decoding alone, with the
same library, says how much of ours is left to save.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import simplejpeg
import torch
from measuring import draw_jpegs, parser, seconds, verdict
from PIL import Image
from torchvision import transforms

import repviz
from repviz.activations.pipeline import decode_ahead
from repviz.memory import recycled
from repviz.models.model import Preprocessing

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MADE_FOR = Preprocessing((227, 227), 3, MEAN, STD)
TO_PIL = transforms.Compose([transforms.Resize(227), transforms.CenterCrop(227)])
TO_INPUT = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
SIZES = [(500, 375, 96, 2.5), (2309, 1732, 12, 3.8)]
WARM, TIMES = 1, 3  # passes before the clock runs, and with it


def ours(images: repviz.images.Images) -> None:
    """What an extraction does before the network."""
    for batch in decode_ahead(images, MADE_FOR, [range(len(images))], threads=1):
        MADE_FOR.normalise(batch.pixels)


def theirs(images: repviz.images.Images) -> None:
    """What a torchvision data set does."""
    x = torch.empty(len(images), 3, 227, 227)
    for row in range(len(images)):
        x[row] = TO_INPUT(TO_PIL(Image.open(images.where(row)).convert("RGB")))


def decoding(images: repviz.images.Images) -> None:
    """Bytes to pixels, and nothing else."""
    for row in range(len(images)):
        simplejpeg.decode_jpeg(images.stored_bytes(row), "RGB")


ARMS = {"ours": ours, "PIL": theirs, "decoding": decoding}


def milliseconds(arm: str, folder: Path) -> float:
    """Processor milliseconds an image, in a new process."""
    command = [sys.executable, __file__, "--arm", arm, "--folder", str(folder)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def work(arm: str, folder: Path) -> float:
    """The same, in this process."""
    torch.set_num_threads(1)
    images = repviz.open_images(f"folder:{folder}")
    keeping = recycled() if arm != "PIL" else torch.no_grad()
    with keeping:
        took = [seconds(lambda: ARMS[arm](images))[0] for _ in range(WARM + TIMES)]
    return median(took[WARM:]) / len(images) * 1e3


def difference(folder: Path) -> float:
    """The largest in the first twelve pictures, in grey levels."""
    images = repviz.open_images(f"folder:{folder}", limit=12)
    return max(
        np.abs(
            MADE_FOR.fit(torch.from_numpy(images.read(row))[None])[0].numpy().astype(int)
            - np.asarray(TO_PIL(Image.open(images.where(row)))).transpose(2, 0, 1)
        ).max()
        for row in range(len(images))
    )


def main() -> int:
    """Print the ratios; 1 if one is missed, else 0."""
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--arm", choices=ARMS, help="one arm alone, in this process")
    options.add_argument("--folder", type=Path, help="of the pictures of that arm")
    given = options.parse_args()
    if given.arm:
        print(work(given.arm, given.folder))
        return 0
    home, good = Path(tempfile.mkdtemp(prefix="repviz-bench-")), []
    try:
        for width, height, n, least in SIZES:
            folder = draw_jpegs(home / f"{width}", n, width, height)
            found = [{arm: milliseconds(arm, folder) for arm in ARMS} for _ in range(given.rounds)]
            middle = {arm: median(one[arm] for one in found) for arm in ARMS}
            print(
                f"{width}x{height}: {middle['ours']:.2f} ms of processor an image, of which "
                f"{middle['decoding']:.2f} for decoding; PIL and v1 {middle['PIL']:.2f}"
            )
            ratio = median(one["PIL"] / one["ours"] for one in found)
            good.append(verdict("PIL and v1 to ours, processor", ratio, least, most=False))
            good.append(verdict("largest difference, grey levels", float(difference(folder)), 1))
    finally:
        shutil.rmtree(home)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
