"""Latent traversals along the principal directions of a code, and interpolations of two images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from repviz.bottleneck.engines import Engine
from repviz.bottleneck.engines.codec import codec_of
from repviz.bottleneck.fitted import Fits
from repviz.bottleneck.plan import Plan
from repviz.manifold.neighbors import neighbors_between
from repviz.models.autoencoder import Autoencoder
from repviz.models.checkpoints import open_checkpoint
from repviz.principal import pca
from repviz.study_folder import Draft, Study

# Of a traversal: directions; standard deviations to either side; images along each.
DIRECTIONS, REACH, STEPS = 6, 2.0, 7

Decode = Callable[[np.ndarray], np.ndarray]  # codes (n, k) -> uint8 images (n, c, h, w)


def traversal_stage(study: Study, plan: Plan) -> None:
    """Write traversals and an interpolation by the last engine whose model is stored."""
    if not plan.data.are_images:
        return
    fits = Fits(study, plan)
    k = plan.sizes[len(plan.sizes) // 2]  # as in the findings: fixed before any result is seen
    for engine in reversed(plan.engines):
        names = (f"{engine.name}-{k}", engine.name)
        paths = [study.folder / "models" / f"{name}.safetensors" for name in names]
        path = next((path for path in paths if path.is_file()), None)
        codes = fits.array(engine.name, k, plan.seeds[0], "codes")
        if path is not None and codes is not None:
            work = partial(_write, plan=plan, engine=engine, codes=np.asarray(codes), path=path)
            study.stage("traversals", work, inputs={"engine": engine.name, "size": k})
            return


def _write(draft: Draft, *, plan: Plan, engine: Engine, codes: np.ndarray, path: Path) -> None:
    model = open_checkpoint(path)
    assert isinstance(model.module, Autoencoder)
    codec = codec_of(model, codes.shape[1])

    def decode(Z: np.ndarray) -> np.ndarray:
        rows = np.rint(np.clip(codec.decode(Z.astype(np.float32)), 0, 1) * 255).astype(np.uint8)
        return rows.reshape(-1, *plan.data.X.shape[1:])

    _traversals(draft, plan, engine, codes, decode)
    _interpolation(draft, plan, engine, codes, decode)


def _traversals(
    draft: Draft, plan: Plan, engine: Engine, codes: np.ndarray, decode: Decode
) -> None:
    """Images along the principal directions of the training codes: a code's own axes are arbitrary.

    Each direction starts at the mean code.
    """
    train, test = plan.parts.train, plan.parts.test
    fitted = pca(codes[train], components=min(DIRECTIONS, codes.shape[1], len(train) - 1))
    mean, spread = codes[train].mean(axis=0), fitted.scores.std(axis=0)
    steps = np.linspace(-REACH, REACH, STEPS)
    offsets = steps[:, None, None] * (spread[:, None] * fitted.components)  # (steps, directions, k)
    images = decode((mean + offsets.swapaxes(0, 1)).reshape(-1, codes.shape[1]))
    images = images.reshape(len(spread), STEPS, *images.shape[1:])
    draft.array("traversals", images[:, :, 0] if images.shape[2] == 1 else images)
    test_scores, rows = fitted.transform(codes[test]), []
    shares = fitted.scores.var(axis=0) / codes[train].var(axis=0).sum()
    for direction, share in enumerate(shares):
        factor, r = _most_correlated_factor(test_scores[:, direction], plan)
        rows.append(
            {
                "direction": direction + 1,
                "engine": engine.name,
                "engine_title": engine.title,
                "bottleneck": codes.shape[1],
                "variance_share": float(share),
                "reach": REACH,
                "factor": factor,
                "r": r,
                "n_test": len(test),
            }
        )
    draft.table("traversals", pd.DataFrame(rows))


def _most_correlated_factor(scores: np.ndarray, plan: Plan) -> tuple[str, float]:
    """The known factor with the largest |r| to a direction's scores on the test rows, and its r."""
    best, largest = "", float("nan")
    for name, values in plan.data.factors.items():
        of_test = values[plan.parts.test]
        if of_test.std() == 0 or scores.std() == 0:
            continue
        r = float(np.corrcoef(scores, of_test)[0, 1])
        if not abs(r) <= abs(largest):  # NaN at first
            best, largest = name, r
    return best, largest


def _interpolation(
    draft: Draft, plan: Plan, engine: Engine, codes: np.ndarray, decode: Decode
) -> None:
    """From the test image nearest to the mean to one at the median distance from it."""
    data, parts = plan.data, plan.parts
    pixels = data.X.reshape(len(data), -1).astype(np.float32) / np.float32(255)
    train = pixels[parts.train]
    ends = [parts.test[position] for position in _ends(plan, pixels)]
    weights = np.linspace(0, 1, STEPS)
    mixed_pixels, mixed_codes = (
        (1 - weights[:, None]) * rows[ends[0]] + weights[:, None] * rows[ends[1]]
        for rows in (pixels, codes)
    )
    mixed = np.rint(mixed_pixels * 255).astype(np.uint8).reshape(-1, *data.X.shape[1:])
    paths = np.stack([mixed, decode(mixed_codes)])
    draft.array("interpolation", paths[:, :, 0] if paths.shape[2] == 1 else paths)
    rows = []
    for space, images in zip(("pixels", "codes"), paths, strict=True):
        X = images.reshape(STEPS, -1).astype(np.float32) / np.float32(255)
        _, distances = neighbors_between(X, train)
        rms = distances[:, 0] / np.sqrt(X.shape[1])
        for weight, distance in zip(weights, rms, strict=True):
            rows.append(
                {
                    "space": space,
                    "engine": engine.name,
                    "bottleneck": codes.shape[1],
                    "weight": float(weight),
                    "nearest_distance": float(distance),
                    "n_train": len(train),
                    "from": data.ids[ends[0]],
                    "to": data.ids[ends[1]],
                }
            )
    draft.table("interpolation", pd.DataFrame(rows))


def _ends(plan: Plan, pixels: np.ndarray) -> tuple[int, int]:
    """Positions in the test set: nearest to the training mean, and at the median from that one.

    The second has another label than the first, where there is one.
    """
    parts, test = plan.parts, pixels[plan.parts.test]
    first = int(np.square(test - pixels[parts.train].mean(axis=0)).sum(axis=1).argmin())
    distances = np.square(test - test[first]).sum(axis=1)
    labels = None if plan.data.labels is None else plan.data.labels[parts.test]
    others = np.arange(len(test)) != first
    if labels is not None and (labels != labels[first]).any():
        others &= labels != labels[first]
    order = np.flatnonzero(others)[np.argsort(distances[others], kind="stable")]
    return first, int(order[len(order) // 2])
