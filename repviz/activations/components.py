"""Principal components of a layer over a whole set of images, in little memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repviz import durable, progress, provenance
from repviz.activations import store
from repviz.activations.capture import Capture
from repviz.activations.pipeline import decode_ahead
from repviz.activations.reduction import Components, Reduction
from repviz.errors import Damaged, InputError
from repviz.images.collection import Images
from repviz.models.model import Model

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
    record = path / "commits" / "components.json"
    if not record.is_file():
        found = _found(manifest, model, images, capture, wanted)
        hashes = {}
        for name, (basis, _) in found.items():
            file = store.components_path(path, name)
            with durable.replacing(file) as temporary, open(temporary, "wb") as out:
                np.save(out, basis)
            hashes[name] = provenance.file_sha256(file)
        shares = {name: share for name, (_, share) in found.items()}
        durable.write_json(record, {"sha256": hashes, "explained_variance_ratio": shares})
    for name, reduction in wanted.items():
        file = store.components_path(path, name)
        try:
            basis = np.load(file, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise Damaged(
                f"{file}: the components are missing or damaged. Delete this folder of activations "
                "and make it anew."
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
    from sklearn.decomposition import IncrementalPCA

    solvers = {name: IncrementalPCA(r.shape[0]) for name, r in wanted.items()}
    kept: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
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
                kept[name].append(outputs[name][good])
                _take_in(solver, kept[name], whole=False)
            advance(len(batch.rows))
    for name, solver in solvers.items():
        if rows < solver.n_components:
            raise InputError(
                f"extract: {solver.n_components} components of layer '{name}' need as many "
                f"readable images, got {rows}. Ask for fewer components."
            )
        _take_in(solver, kept[name], whole=True)
    return {
        name: (
            np.vstack([s.mean_, s.components_]).astype(np.float32),
            s.explained_variance_ratio_.tolist(),
        )
        for name, s in solvers.items()
    }


def _flat(wanted: dict[str, Components]) -> Any:
    def keep(name: str, y: Tensor) -> np.ndarray | None:
        return y.flatten(1).float().cpu().numpy().copy() if name in wanted else None

    return keep


def _take_in(solver: Any, kept: list[np.ndarray], *, whole: bool) -> None:
    """Give the solver what was kept but for the last rows, which wait: they must be enough too."""
    least = max(LEAST_ROWS, solver.n_components)
    if not whole and sum(map(len, kept)) < 2 * least:
        return
    rows = np.concatenate(kept)
    kept[:] = [] if whole else [rows[-least:]]
    solver.partial_fit(rows if whole else rows[:-least])
