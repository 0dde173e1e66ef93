"""Response normalisation beside torch's: seconds, peak memory and differences, in one run.

python scripts/bench/lrn.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: others may use the processor

import torch
from torch.nn import functional

from repviz.models.normalisation import LocalResponseNorm

SHAPE = (32, 96, 55, 55)
# name: our options, then torch's alpha and k (torch divides alpha by n, the paper does not)
CONVENTIONS = {
    "paper": ({}, 5e-4, 2.0),
    "code2012": ({"divide": True}, 1e-4, 2.0),
    "caffe": ({"divide": True, "k": 1.0}, 1e-4, 1.0),
}


def passes(normalise, x, gradient):
    """Output and gradient of one pass forth and back."""
    x = x.detach().requires_grad_()
    y = normalise(x)
    y.backward(gradient)
    return y.detach(), x.grad


def theirs(alpha, k):
    """Torch's, with these constants."""
    return lambda x: functional.local_response_norm(x, 5, alpha, 0.75, k)


def inputs():
    """Values as large as the first layer's, and a gradient."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(SHAPE, generator=random).mul_(30).to(memory_format=torch.channels_last)
    return x, torch.randn(SHAPE, generator=random).to(memory_format=torch.channels_last)


def peak(which: str) -> None:
    """Print by how many MiB one pass forth and back raises this process's peak."""
    x, gradient = inputs()
    normalise = LocalResponseNorm() if which == "ours" else theirs(5e-4, 2.0)
    passes(normalise, x[:1], gradient[:1])  # what is loaded or compiled first is not of the pass
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts from what is used now
    before = high_water()
    passes(normalise, x, gradient)
    print(high_water() - before)


def high_water() -> float:
    """The most memory that this process has used, in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Print the comparison."""
    x, gradient = inputs()
    for name, (options, alpha, k) in CONVENTIONS.items():
        ours, other = (
            passes(normalise, x, gradient)
            for normalise in (LocalResponseNorm(**options), theirs(alpha, k))
        )
        worst = [
            float((a - b).abs().max() / b.abs().max()) for a, b in zip(ours, other, strict=True)
        ]
        print(
            f"{name}: values differ by {worst[0]:.1e}, gradients by {worst[1]:.1e} (of the largest)"
        )
    for layout in (torch.channels_last, torch.contiguous_format):
        pair = x.contiguous(memory_format=layout), gradient.contiguous(memory_format=layout)
        seconds = {"ours": [], "torch": []}
        for _ in range(9):
            for name, normalise in (("ours", LocalResponseNorm()), ("torch", theirs(5e-4, 2.0))):
                start = time.perf_counter()
                passes(normalise, *pair)
                seconds[name].append(time.perf_counter() - start)
        ours, other = (statistics.median(values[2:]) for values in seconds.values())
        print(f"{layout}: {ours:.3f} s, torch {other:.3f} s: {other / ours:.1f} times as fast")
    for name in ("ours", "torch"):
        made = subprocess.run(
            [sys.executable, __file__, name], capture_output=True, text=True, check=True
        )
        print(f"{name}: one pass raises the peak by {float(made.stdout):.0f} MiB")


if __name__ == "__main__":
    peak(sys.argv[1]) if len(sys.argv) > 1 else main()
