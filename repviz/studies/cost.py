"""Estimating the disk, memory and time of a study of a network's layers, before it starts."""

from __future__ import annotations

import shutil
import time
from math import isqrt, prod
from pathlib import Path

from repviz import checks, memory
from repviz.activations.axes import Layer
from repviz.activations.capture import Capture
from repviz.activations.extraction import dry_run
from repviz.cost import Cost, written
from repviz.errors import InputError
from repviz.models.device import placed
from repviz.models.model import Model, evaluating

WIDTH = 4096  # numbers of a layer, from which on it is reduced unless told otherwise
BASE_MEMORY = 1.0e9  # bytes that Python, torch and the compiled search hold by themselves
COPIES = 6  # of the widest layer's rows, at once, in float64
PAIRS = 4e-7  # seconds per pair of rows, on two cores: graphs, components, map, probes
PASSED = 7  # artificial images in a dry run


def seen_layers(model: Model, names: list[str]) -> tuple[list[Layer], float]:
    """The layers that match ``names``, and the seconds of a forward pass per image."""
    with (
        placed("study layers", model.module),
        evaluating(model.module),
        Capture(model.module, names) as capture,
    ):
        layers = dry_run(model, capture, strict=True)
        start = time.perf_counter()
        dry_run(model, capture, strict=True)
        return layers, (time.perf_counter() - start) / PASSED


def default_reductions(layers: list[Layer]) -> dict[str, str]:
    """The reduction of each layer to at most 4,096 numbers: maps to means over a grid.

    What is neither maps nor features, such as tokens, is projected at random.
    """
    return {layer.name: _reduction(layer) for layer in layers}


def _reduction(layer: Layer) -> str:
    if prod(layer.shape) <= WIDTH:
        return "none"
    if layer.axes in ("chw", "hwc"):
        side = isqrt(WIDTH // layer.shape[layer.axes.index("c")])
        if side:
            return f"grid:{side}"
    return f"project:{WIDTH}"


def estimate(widths: list[int], *, n: int, networks: int, perturbed: int, seconds: float) -> Cost:
    """The estimated :class:`Cost` of a study.

    Parameters
    ----------
    widths : list of int
        Numbers of each layer, after reduction.
    n : int
        Images.
    networks : int
        How many networks are extracted.
    perturbed : int
        Images that are passed perturbed, over all perturbations.
    seconds : float
        One image's pass.
    """
    rows = n * sum(widths) * 4
    disk = networks * rows + perturbed * sum(widths) * 4
    memory = BASE_MEMORY + COPIES * 8 * n * max(n, *widths)
    passes = networks * (n + perturbed) * seconds
    return Cost(disk, memory, passes + (1 + networks * len(widths)) * n * n * PAIRS * 10)


def refuse_what_does_not_fit(who: str, cost: Cost, out: str | Path) -> None:
    """Raise if less disk or memory is free than estimated.

    Raises
    ------
    InputError
        With the estimate and what is free.
    """
    folder = checks.path("study", "out", out).absolute()
    while not folder.exists():
        folder = folder.parent
    disk, free = shutil.disk_usage(folder).free, memory.free_bytes()
    if cost.disk > disk or cost.memory > free:
        raise InputError(
            f"{who}: {cost} must be free, got {written(disk)} of disk at {folder} and "
            f"{written(free)} of memory. Use fewer images (sample=) or fewer layers."
        )
