"""A convolutional autoencoder from random weights, plain, denoising or variational."""

from __future__ import annotations

from repviz.engines.task import Coder, Task, trained
from repviz.training.autoencoder_recipe import fit_autoencoder


def fit(task: Task, k: int, *, noise: float = 0.0, variational: bool = False) -> Coder:
    """One training with a code of ``k`` numbers."""
    model, _ = fit_autoencoder(
        task.material,
        bottleneck=k,
        form="conv",
        effort=task.effort,
        noise=noise,
        variational=variational,
        seed=task.seed,
    )
    return trained(model)
