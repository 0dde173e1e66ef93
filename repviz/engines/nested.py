"""A convolutional autoencoder whose code is cut at random sizes while it is trained.

Its first numbers come to carry most (Rippel, Gelbart & Adams 2014, ICML, "nested dropout").
"""

from __future__ import annotations

from repviz.engines.task import Coder, Task, trained
from repviz.training.autoencoder_recipe import fit_autoencoder


def fit(task: Task, k: int) -> Coder:
    """One training that serves every size of code up to ``k``."""
    model, _ = fit_autoencoder(
        task.material, bottleneck=k, form="nested", effort=task.effort, seed=task.seed
    )
    return trained(model)
