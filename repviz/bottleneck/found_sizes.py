"""The sizes that engines found in training, and the sizes that others need for the same error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from repviz.bottleneck.engines import ENGINES, Engine
from repviz.bottleneck.engines.codec import codec_of
from repviz.bottleneck.fitted import Fits
from repviz.bottleneck.pca_equivalent import PCACurve
from repviz.distortion import squared_errors
from repviz.models.checkpoints import open_checkpoint
from repviz.training.found_size import smallest_size

ErrorBySize = Callable[[int], float]
NAMED = ("engine", "engine_title", "engine_label", "colour_role")


def found_sizes(fits: Fits, curve: PCACurve, test: np.ndarray) -> pd.DataFrame:
    """One row per engine that found a size, seed, and method that serves all sizes by itself.

    Parameters
    ----------
    fits : Fits
        The finished fits.
    curve : PCACurve
        PCA's error on the test rows.
    test : ndarray, shape (n, d)
        The test rows.
    """
    jobs = [job for job in fits.plan.jobs if job.engine.serves_all_sizes]
    sizes = {
        (job.engine.name, job.seed): fits.found_size(job.engine.name, job.seed) for job in jobs
    }
    if all(size is None for size in sizes.values()):
        return pd.DataFrame()
    errors = {  # each network is opened once
        (job.engine.name, job.seed): _error_by_size(fits, job.engine, job.seed, test)
        for job in jobs
    }
    rows = []
    for job in jobs:
        engine, seed = job.engine, job.seed
        size = sizes[engine.name, seed]
        if size is None:
            continue
        mse = errors[engine.name, seed](size)
        needed: list[tuple[Engine, float | None]] = [(ENGINES["pca"], curve.needed(mse))]
        for other in (one.engine for one in jobs if one.seed == seed):
            if sizes[other.name, seed] is None:
                error = errors[other.name, seed]
                needed.append((other, smallest_size(error, fits.plan.longest, mse)))
        rows += [
            {
                **{name: engine.columns[name] for name in NAMED},
                "seed": seed,
                "size": size,
                "longest": fits.plan.longest,
                "rule": engine.size_rule,
                "mse": mse,
                "compared": other.name,
                "compared_title": other.title,
                "needed": np.nan if count is None else count,
                "n_train": len(fits.plan.parts.train),
                "n_validation": len(fits.plan.parts.validation),
                "n_test": len(test),
            }
            for other, count in needed
        ]
    return pd.DataFrame(rows)


def _error_by_size(fits: Fits, engine: Engine, seed: int, test: np.ndarray) -> ErrorBySize:
    """The mean squared error on the test rows by the length of the code."""
    model = open_checkpoint(fits.study.folder / fits.plan.model_path(engine.name, seed))

    def error(k: int) -> float:
        if k == 0:
            return float("inf")  # no network has a code of no numbers
        codec = codec_of(model, k)
        output = codec.decode(codec.encode(test))
        output = np.clip(output, 0, 1) if fits.plan.data.are_images else output
        return float(squared_errors(output, test).mean())

    return error
