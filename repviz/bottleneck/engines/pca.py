"""PCA: the best linear code there is, and so the baseline of every other engine."""

from __future__ import annotations

from repviz.bottleneck.engines.codec import Codec, FitContext


def fit(context: FitContext, k: int, *, images: str = "linear") -> Codec:
    """The ``k`` first principal components.

    ``images`` names the attribute of :class:`repviz.training.data.TrainingData` that holds them:
    ``"linear"`` of the training images, ``"linear_all"`` of those and the validation images,
    ``"linear_augmented"`` of the shifted training images.
    """
    linear = getattr(context.data, images)
    mean, basis = linear.mean, linear.basis[:k]  # fewer than k where no variance is left
    return Codec(lambda X: (X - mean) @ basis.T, lambda Z: mean + Z @ basis, basis.size + mean.size)
