"""PCA plus corrections that start at zero: on the validation images it never ends above PCA."""

from __future__ import annotations

from repviz.engines.task import Coder, Task, trained
from repviz.training.autoencoder_recipe import fit_autoencoder


def fit(task: Task, k: int) -> Coder:
    """One training with a code of ``k`` numbers."""
    model, _ = fit_autoencoder(
        task.material, bottleneck=k, form="linear-start", effort=task.effort, seed=task.seed
    )
    return trained(model)
