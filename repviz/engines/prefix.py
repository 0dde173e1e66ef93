"""PCA plus corrections: a single training gives the curve for every size, at none above PCA.

It starts at the longest code, which then shrinks; see :mod:`repviz.models.path`.
"""

from __future__ import annotations

from repviz.engines.task import Coder, Task, trained
from repviz.training.autoencoder_recipe import fit_autoencoder


def fit(task: Task, k: int) -> Coder:
    """One training that serves every size of code up to ``k``."""
    model, _ = fit_autoencoder(
        task.material, bottleneck=k, form="prefix", effort=task.effort, seed=task.seed
    )
    return trained(model)
