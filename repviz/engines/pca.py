"""PCA: the best linear code there is, and so the baseline of every other engine."""

from __future__ import annotations

from repviz.engines.task import Coder, Task


def fit(task: Task, k: int, *, moved: bool = False) -> Coder:
    """The ``k`` first principal components, of the moved images too if ``moved``."""
    linear = task.material.linear_moved if moved else task.material.linear
    mean, basis = linear.mean, linear.basis[:k]  # fewer than k where no variance is left
    return Coder(lambda X: (X - mean) @ basis.T, lambda Z: mean + Z @ basis, basis.size + mean.size)
