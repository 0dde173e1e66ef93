"""Embeddings of a neighbour graph: UMAP, t-SNE, PaCMAP and PCA, in :data:`EMBEDDINGS`.

UMAP is part of every installation; t-SNE (openTSNE) and PaCMAP are optional packages.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repviz import checks
from repviz.references import resolve

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Embedding:
    """A method that embeds the rows of a graph in few dimensions: an entry of :data:`EMBEDDINGS`.

    Attributes
    ----------
    summary : str
        One line on what it preserves.
    reference : str
        ``"module:function"``, imported on first use.
    """

    summary: str
    reference: str

    @property
    def embed(self) -> Callable[..., np.ndarray]:
        """The function itself: (graph, keyword options) -> (n, components)."""
        function: Callable[..., np.ndarray] = resolve(self.reference)
        return function


_PACKAGE = "repviz.manifold.embedding"
EMBEDDINGS: dict[str, Embedding] = {
    "umap": Embedding("neighbourhoods, by attraction and repulsion", f"{_PACKAGE}.umap_map:umap"),
    "tsne": Embedding("neighbourhoods, by probabilities (openTSNE)", f"{_PACKAGE}.tsne_map:tsne"),
    "pacmap": Embedding("near, mid-near and far pairs (PaCMAP)", f"{_PACKAGE}.pacmap_map:pacmap"),
    "pca": Embedding("linear: the directions of largest variance", f"{_PACKAGE}.pca_map:principal"),
}


def embed(graph: Any, *, method: str = "umap", **options: Any) -> np.ndarray:
    """An embedding of the rows of a graph or matrix, shape (n, components).

    Parameters
    ----------
    graph : Neighbors or array_like, shape (n, d)
        A graph from :func:`repviz.neighbors` serves every method.
    method : str
        A name in :data:`EMBEDDINGS`.
    **options
        Options of that method's function; all have ``components`` and ``seed``.

    Raises
    ------
    UnknownName
        There is no such method, or it has no such option.
    Unavailable
        The method's package is not installed.
    InputError
        The graph or an option is invalid.
    """
    function = EMBEDDINGS[checks.one_of("embed", "method", method, EMBEDDINGS)].embed
    _, *allowed = inspect.signature(function).parameters
    for option in options:
        checks.one_of("embed", f"option of '{method}'", option, allowed)
    return function(graph, **options)
