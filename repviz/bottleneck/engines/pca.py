"""PCA: the best linear code there is, and so the baseline of every other engine."""

from __future__ import annotations

from repviz.bottleneck.engines.codec import Codec, FitContext


def fit(context: FitContext, k: int, *, moved: bool = False) -> Codec:
    """The ``k`` first principal components; those of the shifted images, too, if ``moved``."""
    linear = context.data.linear_augmented if moved else context.data.linear
    mean, basis = linear.mean, linear.basis[:k]  # fewer than k where no variance is left
    return Codec(lambda X: (X - mean) @ basis.T, lambda Z: mean + Z @ basis, basis.size + mean.size)
