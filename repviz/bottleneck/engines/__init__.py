"""The engines of a sweep: each fits an encoder and a decoder with a code of k numbers.

:data:`ENGINES` is the family. An engine is a file with a function ``fit(context, k)`` that returns
a :class:`repviz.bottleneck.engines.codec.Codec` or any ``(encode, decode)`` pair, and a line in
the table. A function of one's own can be given in place of a name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from repviz import checks, provenance
from repviz.bottleneck.engines.codec import Codec, FitContext
from repviz.errors import InputError
from repviz.number_format import percent
from repviz.references import resolve
from repviz.training.found_size import TOLERANCE
from repviz.training.settings import CONVOLUTIONAL

__all__ = ["ENGINES", "Codec", "Engine", "FitContext", "get_engine", "with_colours"]

FitFunction = Callable[[FitContext, int], Any]
# Colour roles of :data:`repviz.figures.theme.PALETTE`, in the order in which they are given to
# engines that have none of their own.
ROLES = ("tenth", "ninth", "eighth", "seventh", "sixth", "fifth", "fourth", "second", "first")


@dataclass(frozen=True)
class Engine:
    """One way to compress images. All that tables, figures and reports say of it stands here.

    Attributes
    ----------
    name : str
        What a user writes, and what stands in the tables.
    title : str
        What a sentence calls it.
    label : str
        Its label in a figure.
    summary : str
        One line on how it works.
    function : str or callable
        The fit function, or a reference ``"module:function"`` to it.
    options : dict
        Passed to the function by name.
    colour_role : str
        Its colour, a role of :data:`repviz.figures.theme.PALETTE`; assigned by the sweep where "".
    is_baseline : bool
        Whether the other engines' errors are compared with its error; the headline is with that
        baseline whose error is lowest at the same size.
    error_only : bool
        Whether only its error is reported: no codes, reconstructions or criteria.
    serves_all_sizes : bool
        Whether one training with the longest code serves every size.
    per_size_engine : str
        Where it serves all sizes: the engine that an audit trains for each size to compare with.
    size_rule : str
        Where its training finds a size by itself: the rule, as the end of a sentence.
    is_random : bool
        Whether its result depends on the seed.
    """

    name: str
    title: str
    label: str
    summary: str
    function: str | FitFunction
    options: dict[str, Any] = field(default_factory=dict)
    colour_role: str = ""
    is_baseline: bool = False
    error_only: bool = False
    serves_all_sizes: bool = False
    per_size_engine: str = ""
    size_rule: str = ""
    is_random: bool = True

    def fit(self, context: FitContext, k: int) -> Codec:
        """The fitted encoder and decoder with a code of ``k`` numbers.

        Raises
        ------
        InputError
            The function returned neither a Codec nor two callables.
        """
        function = resolve(self.function) if isinstance(self.function, str) else self.function
        fitted = partial(function, **self.options)(context, k)
        if isinstance(fitted, Codec):
            return fitted
        if isinstance(fitted, tuple) and len(fitted) == 2 and all(map(callable, fitted)):
            return Codec(*fitted)
        raise InputError(
            f"engine '{self.name}': it must return two functions, encode and decode, got "
            f"{type(fitted).__name__}. Return (encode, decode)."
        )

    @property
    def identity(self) -> str:
        """The name and, of a user's function, a hash of its source, as manifests record it.

        Two functions of one name are two engines, so that a sweep never mixes them.
        """
        if isinstance(self.function, str):
            return self.name
        return f"{self.name} {provenance.source_key(self.function)}"

    @property
    def is_convolutional(self) -> bool:
        """Whether it has a depth and a width in halvings of the image and feature maps."""
        return self.options.get("form") in CONVOLUTIONAL

    @property
    def columns(self) -> dict[str, Any]:
        """Its columns in the tables that figures and reports read."""
        return {
            "engine": self.name,
            "engine_title": self.title,
            "engine_label": self.label,
            "colour_role": self.colour_role,
            "is_baseline": self.is_baseline,
        }


_PCA = "repviz.bottleneck.engines.pca:fit"
_AUTOENCODER = "repviz.bottleneck.engines.autoencoders:fit"
_TOLERANCE = percent(TOLERANCE, 0)

_LINES = (
    Engine(
        "pca",
        "PCA",
        "PCA",
        "principal components of the training images and their mirror images: the linear optimum",
        _PCA,
        colour_role="third",
        is_baseline=True,
        is_random=False,
    ),
    Engine(
        "pca-all",
        "PCA fitted to training and validation images",
        "PCA, all",
        "principal components of the training and validation images: autoencoders use both",
        _PCA,
        {"images": "linear_all"},
        colour_role="eighth",
        is_baseline=True,
        error_only=True,
        is_random=False,
    ),
    Engine(
        "pca-augmented",
        "PCA fitted to shifted images",
        "PCA, shifted",
        "principal components of the shifted and mirrored images that the autoencoders see",
        _PCA,
        {"images": "linear_augmented"},
        colour_role="muted",
        is_baseline=True,
        error_only=True,
        is_random=False,
    ),
    Engine(
        "conv",
        "the plain convolutional autoencoder",
        "conv",
        "a convolutional autoencoder from random weights",
        _AUTOENCODER,
        {"form": "conv"},
        colour_role="second",
    ),
    Engine(
        "denoising",
        "the denoising convolutional autoencoder",
        "denoising",
        "a convolutional autoencoder that sees noisy images and reconstructs the clean ones",
        _AUTOENCODER,
        {"form": "conv", "noise": 0.1},
        colour_role="sixth",
    ),
    Engine(
        "variational",
        "the variational convolutional autoencoder",
        "variational",
        "a variational autoencoder, convolutional",
        _AUTOENCODER,
        {"form": "conv", "variational": True},
        colour_role="seventh",
    ),
    Engine(
        "linear-start",
        "the linear-start autoencoder",
        "linear-start",
        "PCA plus a correction that starts at zero, one training per size",
        _AUTOENCODER,
        {"form": "linear-start"},
        colour_role="first",
    ),
    Engine(
        "prefix",
        "the linear-start autoencoder trained once for all sizes",
        "prefix",
        "PCA plus corrections, trained once for all code sizes, from the largest down",
        _AUTOENCODER,
        {"form": "prefix"},
        colour_role="fourth",
        serves_all_sizes=True,
        per_size_engine="linear-start",
    ),
    Engine(
        "least-volume",
        "the least-volume autoencoder",
        "least-volume",
        "shrinks the deviations of its latent dimensions; those that matter are its size",
        _AUTOENCODER,
        {"form": "least-volume"},
        serves_all_sizes=True,
        per_size_engine="linear-start",
        size_rule="the fewest latent dimensions, in order of their standard deviation, with which "
        f"the error of the validation images exceeds that of all by at most {_TOLERANCE} of their "
        "variance",
    ),
    Engine(
        "rank-reduction",
        "the rank-reduction autoencoder",
        "rank-reduction",
        "truncates its latent matrix by SVD, at a rank that falls while it is trained",
        _AUTOENCODER,
        {"form": "rank-reduction"},
        serves_all_sizes=True,
        per_size_engine="linear-start",
        size_rule="the lowest rank reached in training at which the error of the validation images "
        f"exceeds that of the complete code at the start by at most {_TOLERANCE} of their variance",
    ),
    Engine(
        "nested",
        "the convolutional autoencoder trained once for all sizes",
        "nested",
        "a convolutional autoencoder, trained once for all sizes by random truncation of its code",
        _AUTOENCODER,
        {"form": "nested"},
        colour_role="fifth",
        serves_all_sizes=True,
        per_size_engine="conv",
    ),
)
ENGINES: dict[str, Engine] = {engine.name: engine for engine in _LINES}


def get_engine(engine: str | FitFunction | Engine) -> Engine:
    """The engine of that name, or one that wraps a user's own fit function.

    Raises
    ------
    UnknownName
        No engine has this name.
    InputError
        It is neither a name nor a function with a name of its own.
    """
    if isinstance(engine, Engine):
        return engine
    if isinstance(engine, str):
        return ENGINES[checks.one_of("sweep", "engine", engine, ENGINES)]
    name = getattr(engine, "__name__", "")
    if not callable(engine) or not name.isidentifier():
        raise InputError(
            f"sweep: an engine must be a name or a named function (context, k), got {engine!r}. "
            f"Known: {', '.join(ENGINES)}."
        )
    name = name.replace("_", "-")
    if name in ENGINES:
        raise InputError(f"sweep: '{name}' is an engine of repviz. Rename your function.")
    summary = inspect.getdoc(engine) or "a function of the user's own"
    return Engine(name, f"the engine {name}", name, summary, engine)


def with_colours(engines: Iterable[Engine]) -> list[Engine]:
    """``engines``, those without a colour role given one that no other of them has."""
    engines = list(engines)
    used = {engine.colour_role for engine in engines}
    free = iter([role for role in ROLES if role not in used])
    return [e if e.colour_role else replace(e, colour_role=next(free, "ink")) for e in engines]
