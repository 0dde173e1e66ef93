"""The argument of an engine (:class:`FitContext`) and its result (:class:`Codec`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from repviz.models import autoencoder
from repviz.training.data import Shape, TrainingData
from repviz.training.settings import ConvolutionalOptions

if TYPE_CHECKING:
    import pandas as pd

    from repviz.models.autoencoder import Autoencoder
    from repviz.models.model import Model


@dataclass(frozen=True, eq=False)
class FitContext:
    """The data and settings that an engine is fitted with.

    Attributes
    ----------
    data : TrainingData
        The training and validation images, held once for all engines and sizes.
    effort : float
        Length of an autoencoder's training, as a multiple of the default.
    seed : int
        Seed of everything random, from 0 to :data:`repviz.streams.SEED_LIMIT`.
    convolutional : ConvolutionalOptions
        Depth, width and epochs of the convolutional engines.
    """

    data: TrainingData = field(repr=False)
    effort: float = 1.0
    seed: int = 0
    convolutional: ConvolutionalOptions = field(default_factory=ConvolutionalOptions)

    @property
    def train(self) -> np.ndarray:
        """The images to fit on, (n, d) float32; pixels in [0, 1]."""
        return self.data.rows(self.data.train)

    @property
    def validation(self) -> np.ndarray:
        """The images for model selection, (m, d) float32; pixels in [0, 1]."""
        return self.data.rows(self.data.validation)

    @property
    def shape(self) -> Shape:
        """Channels, height and width; d is their product."""
        return self.data.shape


@dataclass(frozen=True)
class Codec:
    """A fitted encoder and decoder.

    Attributes
    ----------
    encode, decode : callable
        (n, d) -> (n, k) and (n, k) -> (n, d).
    parameters : int or None
        The number of fitted parameters, where it is known.
    model : Model or None
        The autoencoder, where it is one of repviz: it is saved as a checkpoint.
    found_size : int or None
        The length of code that its training found to be enough; None where it looks for none.
    history : DataFrame or None
        Its learning curve, as :func:`repviz.training.autoencoder_recipe.fit_autoencoder` returns
        it; None where nothing was trained step by step.
    """

    encode: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray], np.ndarray]
    parameters: int | None = None
    model: Model | None = None
    found_size: int | None = None
    history: pd.DataFrame | None = None


def codec_of(model: Model, k: int | None = None) -> Codec:
    """The codec of a trained autoencoder, with ``k`` numbers where it serves every size."""
    module: Autoencoder = model.module  # type: ignore[assignment]
    return Codec(
        lambda X: autoencoder.encode(module, X, k=k),
        lambda Z: autoencoder.decode_unclipped(module, Z),
        sum(p.numel() for p in module.parameters()),
        model,
        module.found_size,
    )
