"""The autoencoders of repviz, from random weights or from PCA, for one size or for all.

A network whose code is cut at random sizes in training comes to hold most in its first numbers
(Rippel, Gelbart & Adams 2014, ICML, "nested dropout"); :mod:`repviz.models.prefix` says how one
that starts at PCA serves every size, and :mod:`repviz.training.found_size` how two of them find
one by themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from repviz.bottleneck.engines.codec import Codec, FitContext, codec_of
from repviz.training.autoencoder_recipe import fit_autoencoder
from repviz.training.settings import CONVOLUTIONAL


def fit(context: FitContext, k: int, *, form: str, **options: Any) -> Codec:
    """One training with a code of ``k`` numbers, or of up to ``k`` where it serves every size.

    ``form`` and ``options`` are those of
    :func:`repviz.training.autoencoder_recipe.fit_autoencoder`.
    """
    model, history = fit_autoencoder(
        context.data,
        bottleneck=k,
        form=form,
        effort=context.effort,
        convolutional=context.convolutional if form in CONVOLUTIONAL else None,
        seed=context.seed,
        **options,
    )
    return replace(codec_of(model), history=history)
