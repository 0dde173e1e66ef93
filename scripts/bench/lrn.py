#!/usr/bin/env python3
"""Response normalisation, forth and back, beside torch's: time, peak memory and differences.

    scripts/bench/lrn.py [--n 32] [--rounds 3]

On maps as large as those of AlexNet's first layer (96 x 55 x 55), in both memory layouts. Values
and gradients must agree for each of the three published conventions.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

import torch
from arms import TIMES, Arm, Workload, main
from torch.nn import functional

from repviz.models.normalisation import LocalResponseNorm

SHAPE = (96, 55, 55)
# name: our options, then torch's alpha and k (torch divides alpha by n, the paper does not)
CONVENTIONS = {
    "paper": ({}, 5e-4, 2.0),
    "code2012": ({"divide": True}, 1e-4, 2.0),
    "caffe": ({"divide": True, "k": 1.0}, 1e-4, 1.0),
}
LAYOUTS = {"channels last": torch.channels_last, "contiguous": torch.contiguous_format}
TOLERANCE = 1e-4  # of the largest value


def torch_norm(alpha: float, k: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Torch's, with these constants."""
    return lambda x: functional.local_response_norm(x, 5, alpha, 0.75, k)


def inputs(n: int, layout: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Values as large as the first layer's, and a gradient."""
    rng = torch.Generator().manual_seed(0)
    drawn = (torch.randn((n, *SHAPE), generator=rng) for _ in range(2))
    x, gradient = (one.contiguous(memory_format=LAYOUTS[layout]) for one in drawn)
    return x.mul_(30), gradient


def passes(
    normalise: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, gradient: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Output and gradient of one pass forth and back."""
    x = x.detach().requires_grad_()
    y = normalise(x)
    y.backward(gradient)
    assert x.grad is not None
    return y.detach(), x.grad


def prepare(given: Namespace) -> None:
    """Both compute the same, or it ends here."""
    x, gradient = inputs(2, "channels last")
    for name, (options, alpha, k) in CONVENTIONS.items():
        ours = passes(LocalResponseNorm(**options), x, gradient)
        theirs = passes(torch_norm(alpha, k), x, gradient)
        worst = max(
            float((a - b).abs().max() / b.abs().max()) for a, b in zip(ours, theirs, strict=True)
        )
        print(f"{name}: values and gradients differ by {worst:.1e} of the largest")
        if worst > TOLERANCE:
            raise SystemExit(f"lrn.py: the convention '{name}' differs by {worst:.1e} from torch's")


def arm(normalise: Callable[[torch.Tensor], torch.Tensor], layout: str):
    """Three passes over ``n`` maps."""

    def ready(given: Namespace, n: int) -> Callable[[], None]:
        pair = inputs(n, layout)

        def work() -> None:
            for _ in range(3):
                passes(normalise, *pair)

        return work

    return ready


def task(layout: str) -> Workload:
    """Ours and torch's in one memory layout."""
    return Workload(
        f"response normalisation forth and back, {layout}",
        "images",
        n=32,
        few=2,
        measures=(*TIMES, "added memory"),
        arms=(
            Arm(arm(LocalResponseNorm(), layout), "repviz", "repviz-toolkit"),
            Arm(arm(torch_norm(5e-4, 2.0), layout), "torch local_response_norm", "torch"),
        ),
    )


if __name__ == "__main__":
    main(__doc__, "lrn", [task(layout) for layout in LAYOUTS], times=3, prepare=prepare)
