#!/usr/bin/env python
"""What reading more layers costs, and what an early end saves: torchvision's AlexNet.

    scripts/bench/layers_cost.py [--batch 32] [--rounds 9]

The layers are read while the network works, as the extraction reads them: mean over space of maps,
features whole, into buffers that are there already.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from measuring import parser, ratios, rounds, verdict

import repviz
from repviz.activations.capture import Capture
from repviz.activations.extraction import dry_run
from repviz.activations.reduction import Mean
from repviz.models.model import evaluating

EIGHT = [f"features.{i}" for i in (0, 3, 6, 8, 10)] + [f"classifier.{i}" for i in (1, 4, 6)]


def main() -> int:
    """Print the ratios; 1 if one is missed, else 0."""
    options = parser(__doc__)
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--rounds", type=int, default=9)
    given = options.parse_args()
    model = repviz.open_model("alexnet", variant="torchvision")
    x = torch.randn(given.batch, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    leaves = [name for name, part in model.module.named_modules() if not any(part.children())]
    with evaluating(model.module):

        def reading(layers: list[str]) -> Callable[[], None]:
            capture = Capture(model.module, layers)
            with capture:
                means = {layer.name: Mean(layer) for layer in dry_run(model, capture)}
            buffers = {n: torch.empty(given.batch, *mean.shape) for n, mean in means.items()}

            def keep(name: str, y: torch.Tensor) -> None:
                buffers[name].copy_(means[name](y))

            capture.keep = keep

            def work() -> None:
                with capture:
                    for _ in range(3):
                        capture(x)

            return work

        def bare() -> None:
            for _ in range(3):
                model.module(x)

        capture_one = reading(["classifier.6"])
        arms = {
            "bare": bare,
            "one layer": capture_one,
            "eight layers": reading(EIGHT),
            f"all {len(leaves)} modules": reading(leaves),
            "features.5 alone": reading(["features.5"]),
        }
        rounds(arms, 1)
        found = rounds(arms, given.rounds)
    limits = {
        "eight layers": ("one layer", 1.05),
        f"all {len(leaves)} modules": ("one layer", 1.12),
        "features.5 alone": ("bare", 0.45),
    }
    good = []
    for name, (base, most) in limits.items():
        for what, got in zip(("processor", "wall"), ratios(found, name, base), strict=True):
            good.append(verdict(f"{name} to {base}, {what}", got, most))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
