"""The engines of a sweep: each fits a pair of encoder and decoder with a code of k numbers.

:data:`ENGINES` is the family. An engine is a file with a function ``fit(context, k)`` that gives a
:class:`repviz.bottleneck.engines.codec.Codec`, or any ``(encode, decode)`` pair; a function of the
user's own does as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from repviz import checks, provenance
from repviz.bottleneck.engines.codec import Codec, FitContext
from repviz.errors import InputError

__all__ = ["ENGINES", "Codec", "Engine", "FitContext", "chosen"]


@dataclass(frozen=True)
class Engine:
    """One way to squeeze images.

    Attributes
    ----------
    name : str
        What a user writes, and what stands in the tables.
    title : str
        What a sentence calls it.
    summary : str
        One line on how it works.
    home : str
        ``file:function`` of this package.
    options : dict
        Handed to the function by name.
    once : bool
        Whether one training with the longest code serves every size.
    random : bool
        Whether its result depends on the seed.
    own : callable or None
        The user's own function, in place of ``home``.
    """

    name: str
    title: str
    summary: str
    home: str
    options: dict[str, Any] = field(default_factory=dict)
    serves_all_sizes: bool = False
    random: bool = True
    own: Callable[[FitContext, int], Any] | None = None

    def fit(self, context: FitContext, k: int) -> Codec:
        """The fitted pair with a code of ``k`` numbers.

        Raises
        ------
        InputError
            The function gave neither a Codec nor two callables.
        """
        made = self._function(context, k)
        if isinstance(made, Codec):
            return made
        if isinstance(made, tuple) and len(made) == 2 and all(map(callable, made)):
            return Codec(*made)
        raise InputError(
            f"engine '{self.name}': it must give two functions, encode and decode, got "
            f"{type(made).__name__}. Return (encode, decode)."
        )

    @property
    def identity(self) -> str:
        """What its results depend on besides the task: its name, or its source if it is a user's.

        Two functions of one name are not one engine, so that a sweep never mixes them.
        """
        if self.own is None:
            return self.name
        return f"{self.name} {provenance.source_key(self.own)}"

    @property
    def _function(self) -> Callable[[FitContext, int], Any]:
        if self.own is not None:
            return self.own
        file, _, function = self.home.partition(":")
        found = getattr(import_module(f"{__name__}.{file}"), function)
        return partial(found, **self.options)


_LINES = (
    Engine(
        "pca",
        "PCA",
        "principal components of the training images and their mirror images: the linear optimum",
        "pca:fit",
        random=False,
    ),
    Engine(
        "pca-augmented",
        "PCA on shifted images",
        "principal components of all the shifted and mirrored images that autoencoders see",
        "pca:fit",
        {"moved": True},
        random=False,
    ),
    Engine(
        "conv",
        "the plain convolutional autoencoder",
        "a convolutional autoencoder from random weights",
        "autoencoders:fit",
        {"form": "conv"},
    ),
    Engine(
        "denoising",
        "the denoising convolutional autoencoder",
        "the same, shown noisy images and asked for clean ones",
        "autoencoders:fit",
        {"form": "conv", "noise": 0.1},
    ),
    Engine(
        "variational",
        "the variational convolutional autoencoder",
        "the same, its codes drawn from a Gaussian a image while it is trained",
        "autoencoders:fit",
        {"form": "conv", "variational": True},
    ),
    Engine(
        "linear-start",
        "the autoencoder that starts at PCA",
        "PCA plus corrections that start at zero, a training a size",
        "autoencoders:fit",
        {"form": "linear-start"},
    ),
    Engine(
        "prefix",
        "the one autoencoder for every size",
        "PCA plus corrections, trained once while its code shrinks from the longest to one number",
        "autoencoders:fit",
        {"form": "prefix"},
        serves_all_sizes=True,
    ),
    Engine(
        "nested",
        "the one convolutional autoencoder for every size",
        "a convolutional autoencoder, trained once with its code cut at random sizes",
        "autoencoders:fit",
        {"form": "nested"},
        serves_all_sizes=True,
    ),
)
ENGINES: dict[str, Engine] = {engine.name: engine for engine in _LINES}


def chosen(given: str | Callable[[FitContext, int], Any]) -> Engine:
    """The engine that a user named, or that a function of the user's own is.

    Raises
    ------
    UnknownName
        No engine has this name.
    InputError
        It is neither a name nor a function, or a function without a name of its own.
    """
    if isinstance(given, str):
        return ENGINES[checks.one_of("sweep", "engine", given, ENGINES)]
    name = getattr(given, "__name__", "")
    if not callable(given) or not name.isidentifier():
        raise InputError(
            f"sweep: an engine must be a name or a function (context, k) with a name, got "
            f"{given!r}. "
            f"Known: {', '.join(ENGINES)}."
        )
    name = name.replace("_", "-")
    if name in ENGINES:
        raise InputError(f"sweep: '{name}' is an engine of repviz. Rename your function.")
    return Engine(
        name, f"the engine {name}", inspect.getdoc(given) or "a user's own", "", own=given
    )
