"""Principal components of a layer over a whole set of images, in little memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from repviz.activations.capture import Capture
from repviz.activations.fitted import input_batches, is_fitted, read_fitted, write_fitted
from repviz.activations.reduction import Components, LayerReduction
from repviz.errors import InputError
from repviz.images.collection import Images
from repviz.models.model import Model

COMPONENTS = "components"  # their kind among the fitted arrays
OVERSAMPLING = 16  # extra components tracked beyond those requested, at least
LEAST_ROWS = 256  # rows per update, at least; more rows come closer to an exact PCA


def fit_components(
    path: Path,
    manifest: dict[str, Any],
    model: Model,
    images: Images,
    capture: Capture,
    reduced: dict[str, LayerReduction],
) -> None:
    """Fit the components of each layer that is reduced to its scores, or read them from disk.

    It takes one pass over the images, and of each layer a few hundred rows at a time are held. The
    components are those of scikit-learn's ``IncrementalPCA`` (Ross et al., "Incremental learning
    for robust visual tracking", IJCV 2008). Unreadable images are left out.

    Raises
    ------
    InputError
        Fewer readable images than components.
    """
    reductions = {
        name: one.reduction
        for name, one in reduced.items()
        if isinstance(one.reduction, Components)
    }
    if not reductions:
        return
    layers = {name: reduced[name].layer.name for name in reductions}
    if not is_fitted(path, COMPONENTS):
        found = _fit_all(manifest, model, images, capture, reductions, layers)
        bases = {name: basis for name, (basis, _) in found.items()}
        shares = {name: share for name, (_, share) in found.items()}
        write_fitted(path, COMPONENTS, bases, explained_variance_ratio=shares)
    for name, reduction in reductions.items():
        basis = read_fitted(path, COMPONENTS, name)
        reduction.take(basis[0], basis[1:])


def _fit_all(
    manifest: dict[str, Any],
    model: Model,
    images: Images,
    capture: Capture,
    reductions: dict[str, Components],
    layers: dict[str, str],
) -> dict[str, tuple[np.ndarray, list[float]]]:
    """Layer to mean and components, stacked (1 + k, d), and each one's share of the variance."""
    solvers = {name: _Solver(r.shape[0]) for name, r in reductions.items()}
    capture.keep = _flatten(set(layers.values()))
    rows = 0
    for x, good in input_batches(images, model, manifest["batch"], task="fit components"):
        outputs = capture(x)
        rows += len(good)
        for name, solver in solvers.items():
            solver.update(outputs[layers[name]][good])
    for name, solver in solvers.items():
        if rows < solver.size:
            raise InputError(
                f"extract: {solver.size} components of layer '{name}' need at least as many "
                f"readable images, got {rows}. Use fewer components."
            )
    return {name: solver.components() for name, solver in solvers.items()}


class _Solver:
    """Incremental PCA: the first ``size`` components of rows that arrive in blocks.

    More components are tracked than requested: variance dropped in an update is lost.
    """

    def __init__(self, size: int) -> None:
        self.size, self.buffer = size, list[np.ndarray]()
        self.solver: Any = None
        self.min_rows = max(LEAST_ROWS, 2 * self._tracked)

    @property
    def _tracked(self) -> int:
        return self.size + max(self.size, OVERSAMPLING)

    def update(self, rows: np.ndarray) -> None:
        self.buffer.append(rows)
        if sum(map(len, self.buffer)) >= 2 * self.min_rows:
            joined = np.concatenate(self.buffer)
            self.buffer = [joined[-self.min_rows :]]  # the last update must have enough rows, too
            self._fit(joined[: -self.min_rows])

    def components(self) -> tuple[np.ndarray, list[float]]:
        """Mean and components, stacked (1 + size, d), and each one's share of the variance."""
        self._fit(np.concatenate(self.buffer))
        solver, size = self.solver, self.size
        basis = np.vstack([solver.mean_, solver.components_[:size]]).astype(np.float32)
        return basis, solver.explained_variance_ratio_[:size].tolist()

    def _fit(self, rows: np.ndarray) -> None:
        from sklearn.decomposition import IncrementalPCA

        if self.solver is None:
            self.solver = IncrementalPCA(min(self._tracked, *rows.shape))
        self.solver.partial_fit(rows)


def _flatten(layers: set[str]) -> Any:
    def keep(name: str, y: Tensor) -> np.ndarray | None:
        return y.flatten(1).float().cpu().numpy().copy() if name in layers else None

    return keep
