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

SURPLUS = 16  # components, at least, that are followed besides those asked for
LEAST_ROWS = 256  # that are taken in at a time: the more, the nearer to an exact PCA


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
    for robust visual tracking", IJCV 2008). Unreadable images take no part.

    Raises
    ------
    InputError
        Fewer readable images than components.
    """
    wanted = {name: r for name, (_, r) in reduced.items() if isinstance(r, Components)}
    if not wanted:
        return
    record = layout.commit_path(path, "components")
    if not record.is_file():
        found = _found(manifest, model, images, capture, wanted)
        sums = {}
        for name, (basis, _) in found.items():
            file = layout.components_path(path, name)
            with durable.replacing(file) as temporary, open(temporary, "wb") as out:
                np.save(out, basis)
            sums[name] = provenance.file_checksum(file)
        shares = {name: share for name, (_, share) in found.items()}
        commit = {layout.SUMS: sums, "explained_variance_ratio": shares}
        layout.write_commit(path, "components", commit)
    for name, reduction in wanted.items():
        file = layout.components_path(path, name)
        try:
            basis = np.load(file, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise Damaged(
                f"{file}: the components are missing or damaged. Delete this folder of "
                "activations and extract them again."
            ) from error
        reduction.fitted(basis[0], basis[1:])


def _found(
    manifest: dict[str, Any],
    model: Model,
    images: Images,
    capture: Capture,
    wanted: dict[str, Components],
) -> dict[str, tuple[np.ndarray, list[float]]]:
    """For each layer its mean above its components (1 + k, d), and their shares of variance."""
    solvers = {name: _Solver(r.shape[0]) for name, r in wanted.items()}
    n, size = len(images), manifest["batch"]
    spans = [range(start, min(start + size, n)) for start in range(0, n, size)]
    device = next((value.device for value in model.module.parameters()), torch.device("cpu"))
    capture.keep = _flat(wanted)
    rows = 0
    with progress.task("fit components", n) as advance:
        for batch in decode_ahead(images, model.preprocessing, spans):
            outputs = capture(model.preprocessing.normalise(batch.pixels.to(device)))
            good = [i for i, row in enumerate(batch.rows) if row not in batch.unreadable]
            rows += len(good)
            for name, solver in solvers.items():
                solver.take(outputs[name][good])
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

    More are followed than are asked for, since what is dropped on the way is lost to them.
    """

    def __init__(self, size: int) -> None:
        self.size, self.waiting = size, list[np.ndarray]()
        self.solver: Any = None
        self.least = max(LEAST_ROWS, 2 * self._followed)

    @property
    def _followed(self) -> int:
        return self.size + max(self.size, SURPLUS)

    def take(self, rows: np.ndarray) -> None:
        self.waiting.append(rows)
        if sum(map(len, self.waiting)) >= 2 * self.least:
            joined = np.concatenate(self.waiting)
            self.waiting = [joined[-self.least :]]  # the last ones must be enough, too
            self._fit(joined[: -self.least])

    def components(self) -> tuple[np.ndarray, list[float]]:
        """The mean above the components (1 + size, d), and their shares of the variance."""
        self._fit(np.concatenate(self.waiting))
        found, size = self.solver, self.size
        basis = np.vstack([found.mean_, found.components_[:size]]).astype(np.float32)
        return basis, found.explained_variance_ratio_[:size].tolist()

    def _fit(self, rows: np.ndarray) -> None:
        from sklearn.decomposition import IncrementalPCA

        if self.solver is None:
            self.solver = IncrementalPCA(min(self._followed, *rows.shape))
        self.solver.partial_fit(rows)


def _flat(wanted: dict[str, Components]) -> Any:
    def keep(name: str, y: Tensor) -> np.ndarray | None:
        return y.flatten(1).float().cpu().numpy().copy() if name in wanted else None

    return keep
