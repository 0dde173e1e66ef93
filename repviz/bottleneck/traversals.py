"""What lies along the directions of a code, and between two images in pixels and in codes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from repviz.bottleneck.engines.codec import codec_of
from repviz.bottleneck.fits import Fits
from repviz.bottleneck.plan import Plan
from repviz.manifold.neighbors import neighbors_between
from repviz.models.autoencoder import Autoencoder
from repviz.models.checkpoints import open_checkpoint
from repviz.principal import pca
from repviz.study_folder import Draft, Study

DIRECTIONS, REACH, STEPS = 6, 2.0, 7  # of a traversal; standard deviations to either side; pictures


def walking_stages(study: Study, plan: Plan) -> None:
    """One stage: traversals and an interpolation with the last engine that kept a model."""
    fits = Fits(study, plan)
    k = plan.sizes[len(plan.sizes) // 2]  # as in the findings: before any result is seen
    for engine in reversed(plan.engines):
        names = (f"{engine.name}-{k}", engine.name)
        paths = [study.folder / "models" / f"{name}.safetensors" for name in names]
        path = next((path for path in paths if path.is_file()), None)
        codes = fits.array(engine.name, k, plan.seeds[0], "codes")
        if plan.subject.pictures and path is not None and codes is not None:
            work = partial(
                _walked, plan=plan, engine=engine.name, codes=np.asarray(codes), path=path
            )
            study.stage("walks", work, inputs=[engine.name, k])
            return


def _walked(draft: Draft, *, plan: Plan, engine: str, codes: np.ndarray, path: Any) -> None:
    k = codes.shape[1]
    model = open_checkpoint(path)
    assert isinstance(model.module, Autoencoder)
    decode = codec_of(model, k).decode

    def drawn(Z: np.ndarray) -> np.ndarray:
        rows = np.rint(np.clip(decode(Z.astype(np.float32)), 0, 1) * 255).astype(np.uint8)
        return rows.reshape(-1, *plan.subject.X.shape[1:])

    _traversals(draft, plan, engine, codes, drawn)
    _interpolation(draft, plan, engine, codes, drawn)


def _traversals(draft: Draft, plan: Plan, engine: str, codes: np.ndarray, drawn: Any) -> None:
    """The principal directions of the training codes: the axes of a code mean nothing by itself."""
    train, test = plan.parts.train, plan.parts.test
    fitted = pca(codes[train], components=min(DIRECTIONS, codes.shape[1], len(train) - 1))
    mean, spread = codes[train].mean(axis=0), fitted.scores.std(axis=0)
    steps = np.linspace(-REACH, REACH, STEPS)
    offsets = steps[:, None, None] * (spread[:, None] * fitted.components)  # (steps, directions, k)
    pictures = drawn((mean + offsets.swapaxes(0, 1)).reshape(-1, codes.shape[1]))
    pictures = pictures.reshape(len(spread), STEPS, *pictures.shape[1:])
    draft.array("traversals", pictures[:, :, 0] if pictures.shape[2] == 1 else pictures)
    along, rows = fitted.transform(codes[test]), []
    shares = fitted.scores.var(axis=0) / codes[train].var(axis=0).sum()
    for direction, share in enumerate(shares):
        factor, r = _most_correlated_factor(along[:, direction], plan)
        rows.append(
            {
                "direction": direction + 1,
                "engine": engine,
                "bottleneck": codes.shape[1],
                "share": float(share),
                "reach": REACH,
                "factor": factor,
                "r": r,
                "n_test": len(test),
            }
        )
    draft.table("traversals", pd.DataFrame(rows))


def _most_correlated_factor(scores: np.ndarray, plan: Plan) -> tuple[str, float]:
    """The known factor that goes most with a direction on the test rows, and how far (r)."""
    best, most = "", float("nan")
    for name, values in plan.subject.factors.items():
        own = values[plan.parts.test]
        if own.std() == 0 or scores.std() == 0:
            continue
        r = float(np.corrcoef(scores, own)[0, 1])
        if not abs(r) <= abs(most):  # NaN at first
            best, most = name, r
    return best, most


def _interpolation(draft: Draft, plan: Plan, engine: str, codes: np.ndarray, drawn: Any) -> None:
    """From the test image nearest to the mean to one at the median distance from it."""
    subject, parts = plan.subject, plan.parts
    flat = subject.X.reshape(len(subject), -1).astype(np.float32) / np.float32(255)
    known, test = flat[parts.train], flat[parts.test]
    first = int(np.square(test - known.mean(axis=0)).sum(axis=1).argmin())
    far = np.square(test - test[first]).sum(axis=1)
    labels = None if subject.labels is None else subject.labels[parts.test]
    others = np.arange(len(test)) != first
    if labels is not None and (labels != labels[first]).any():
        others &= labels != labels[first]
    order = np.flatnonzero(others)[np.argsort(far[others], kind="stable")]
    second = int(order[len(order) // 2])
    shares = np.linspace(0, 1, STEPS)
    ends = [parts.test[first], parts.test[second]]
    pixels = (1 - shares[:, None]) * flat[ends[0]] + shares[:, None] * flat[ends[1]]
    path = (1 - shares[:, None]) * codes[ends[0]] + shares[:, None] * codes[ends[1]]
    mixed = np.rint(pixels * 255).astype(np.uint8).reshape(-1, *subject.X.shape[1:])
    both = np.stack([mixed, drawn(path)])
    draft.array("interpolation", both[:, :, 0] if both.shape[2] == 1 else both)
    rows = []
    for name, way in zip(("pixels", "codes"), both, strict=True):
        X = way.reshape(STEPS, -1).astype(np.float32) / np.float32(255)
        _, distances = neighbors_between(X, known)
        for share, distance in zip(shares, distances[:, 0] / np.sqrt(X.shape[1]), strict=True):
            rows.append(
                {
                    "path": name,
                    "engine": engine,
                    "bottleneck": codes.shape[1],
                    "share": float(share),
                    "nearest": float(distance),
                    "n_train": len(known),
                    "from": subject.ids[ends[0]],
                    "to": subject.ids[ends[1]],
                }
            )
    draft.table("interpolation", pd.DataFrame(rows))
