"""Maps of a neighbour graph: :data:`EMBEDDINGS`, UMAP first, and t-SNE, PaCMAP and PCA beside it.

UMAP is a part of every installation; t-SNE (openTSNE) and PaCMAP are optional packages.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from repviz import checks

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Embedding:
    """A way to draw the rows of a graph on a plane or in space.

    Attributes
    ----------
    summary : str
        One line on what it keeps.
    function : str
        "module:function", imported when it is first used.
    """

    summary: str
    function: str

    @property
    def draw(self) -> Callable[..., np.ndarray]:
        """The function itself: (graph, keyword options) -> (n, components)."""
        module, _, name = self.function.partition(":")
        drawn: Callable[..., np.ndarray] = getattr(import_module(module), name)
        return drawn


_HERE = "repviz.manifold.embedding"
EMBEDDINGS: dict[str, Embedding] = {
    "umap": Embedding("neighbourhoods, by attraction and repulsion", f"{_HERE}.umap_map:umap"),
    "tsne": Embedding("neighbourhoods, by probabilities (openTSNE)", f"{_HERE}.tsne_map:tsne"),
    "pacmap": Embedding("near, middling and far pairs (PaCMAP)", f"{_HERE}.pacmap_map:pacmap"),
    "pca": Embedding("the directions of most variance: linear", f"{_HERE}.pca_map:principal"),
}


def embed(graph: Any, *, method: str = "umap", **options: Any) -> np.ndarray:
    """A map of the rows of a graph or matrix, shape (n, components).

    Parameters
    ----------
    graph : Neighbors or array_like, shape (n, d)
        A graph serves every method.
    method : str
        A name in :data:`EMBEDDINGS`.
    **options
        The named options of that method's function; all know ``components`` and ``seed``.

    Raises
    ------
    UnknownName
        No such method, or an option that it does not have.
    Unavailable
        The method's package is not installed.
    InputError
        The graph or an option is not what it must be.
    """
    drawn = EMBEDDINGS[checks.one_of("embed", "method", method, EMBEDDINGS)].draw
    _, *allowed = inspect.signature(drawn).parameters
    for option in options:
        checks.one_of("embed", f"option of '{method}'", option, allowed)
    return drawn(graph, **options)
