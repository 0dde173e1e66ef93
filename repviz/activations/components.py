"""Principal components of a layer over a whole set of images, in little memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repviz import durable, progress, provenance
from repviz.activations import layout
from repviz.activations.capture import Capture
from repviz.activations.pipeline import decode_ahead
from repviz.activations.reduction import Components, Reduction
from repviz.errors import Damaged, InputError
from repviz.images.collection import Images
from repviz.models.model import Model

OVERSAMPLING = 16  # extra components tracked beyond those requested, at least
LEAST_ROWS = 256  # rows per update, at least; more rows come closer to an exact PCA


def fit_components(
    path: Path,
    manifest: dict[str, Any],
    model: Model,
    images: Images,
    capture: Capture,
    reduced: dict[str, tuple[str, Reduction]],
) -> None:
    """Find the components of every layer that is reduced to its scores, or read those on disk.

    It takes one pass over the images, and of each layer a few hundred rows at a time are held. The
    components are those of scikit-learn's ``IncrementalPCA`` (Ross et al., "Incremental learning
    for robust visual tracking", IJCV 2008). Unreadable images are left out.

    Raises
    ------
    InputError
        Fewer readable images than components.
    """
    reductions = {name: r for name, (_, r) in reduced.items() if isinstance(r, Components)}
    if not reductions:
        return
    record = layout.commit_path(path, "components")
    if not record.is_file():
        found = _fit_all(manifest, model, images, capture, reductions)
        sums = {}
        for name, (basis, _) in found.items():
            file = layout.components_path(path, name)
            with durable.replacing(file) as temporary, open(temporary, "wb") as out:
                np.save(out, basis)
            sums[name] = provenance.file_checksum(file)
        shares = {name: share for name, (_, share) in found.items()}
        commit = {layout.SUMS: sums, "explained_variance_ratio": shares}
        layout.write_commit(path, "components", commit)
    for name, reduction in reductions.items():
        file = layout.components_path(path, name)
        try:
            basis = np.load(file, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise Damaged(
                f"{file}: the components are missing or damaged. Delete this folder of "
                "activations and extract them again."
            ) from error
        reduction.fitted(basis[0], basis[1:])


def _fit_all(
    manifest: dict[str, Any],
    model: Model,
    images: Images,
    capture: Capture,
    reductions: dict[str, Components],
) -> dict[str, tuple[np.ndarray, list[float]]]:
    """For each layer its mean above its components (1 + k, d), and their shares of variance."""
    solvers = {name: _Solver(r.shape[0]) for name, r in reductions.items()}
    n, size = len(images), manifest["batch"]
    spans = [range(start, min(start + size, n)) for start in range(0, n, size)]
    device = next((value.device for value in model.module.parameters()), torch.device("cpu"))
    capture.keep = _flatten(reductions)
    rows = 0
    with progress.task("fit components", n) as advance:
        for batch in decode_ahead(images, model.preprocessing, spans):
            outputs = capture(model.preprocessing.normalise(batch.pixels.to(device)))
            good = [i for i, row in enumerate(batch.rows) if row not in batch.unreadable]
            rows += len(good)
            for name, solver in solvers.items():
                solver.update(outputs[name][good])
            advance(len(batch.rows))
    for name, solver in solvers.items():
        if rows < solver.size:
            raise InputError(
                f"extract: {solver.size} components of layer '{name}' need at least as many "
                f"readable images, got {rows}. Use fewer components."
            )
    return {name: solver.components() for name, solver in solvers.items()}


class _Solver:
    """The first ``size`` components of rows that come a few at a time.

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
        """The mean above the components (1 + size, d), and their shares of the variance."""
        self._fit(np.concatenate(self.buffer))
        solver, size = self.solver, self.size
        basis = np.vstack([solver.mean_, solver.components_[:size]]).astype(np.float32)
        return basis, solver.explained_variance_ratio_[:size].tolist()

    def _fit(self, rows: np.ndarray) -> None:
        from sklearn.decomposition import IncrementalPCA

        if self.solver is None:
            self.solver = IncrementalPCA(min(self._tracked, *rows.shape))
        self.solver.partial_fit(rows)


def _flatten(reductions: dict[str, Components]) -> Any:
    def keep(name: str, y: Tensor) -> np.ndarray | None:
        return y.flatten(1).float().cpu().numpy().copy() if name in reductions else None

    return keep
