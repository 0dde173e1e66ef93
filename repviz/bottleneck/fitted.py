"""Reading the stored results of a sweep's fits, by engine, size and seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repviz.bottleneck.engines import Engine
from repviz.bottleneck.plan import Plan
from repviz.study_folder import Study


def stem(engine: str, k: int, seed: int) -> str:
    """The prefix of the names of a fit's files in arrays/."""
    return f"sweep_{engine}_{k}_{seed}"


def split_stem(engine: str, k: int, seed: int, split: int) -> str:
    """The prefix for a fit in a further split, counted from 1; the first split is 0."""
    return stem(engine, k, seed) + (f"_split{split}" if split else "")


@dataclass(frozen=True, eq=False)
class Fits:
    """The finished fits of a sweep."""

    study: Study
    plan: Plan

    @property
    def all(self) -> list[tuple[Engine, int]]:
        """Engine and size of every fit, ordered by engine, then size."""
        pairs = {(job.engine.name, k): (job.engine, k) for job in self.plan.jobs for k in job.sizes}
        return list(pairs.values())

    def array(self, engine: str, k: int, seed: int, kind: str) -> np.ndarray | None:
        """One stored array of one fit, or None where it has none of that kind."""
        name = f"{stem(engine, k, seed)}_{kind}"
        exists = (self.study.folder / "arrays" / f"{name}.npy").exists()
        return self.study.array(name) if exists else None

    def errors(self, engine: str, k: int, split: int = 0) -> np.ndarray:
        """Squared errors, shape (seeds, n_test); no rows where there is no such fit."""
        suffix = f"split{split}_errors" if split else "errors"
        by_seed = [self.array(engine, k, seed, suffix) for seed in self.plan.seeds]
        finished = [errors for errors in by_seed if errors is not None]
        return np.stack(finished) if finished else np.empty((0, len(self.plan.parts.test)))

    def mean_errors(self, engine: str, k: int) -> np.ndarray:
        """The mean squared error of each split, shape (splits,); NaN where there is no such fit."""
        by_split = [self.errors(engine, k, split) for split in range(self.plan.splits)]
        return np.array([errors.mean() if len(errors) else np.nan for errors in by_split])

    def parameters(self, engine: str, k: int) -> int:
        """The number of fitted parameters; 0 where it is not known."""
        count = self.array(engine, k, self.plan.seeds[0], "parameters")
        return 0 if count is None else int(count)

    def found_size(self, engine: str, seed: int) -> int | None:
        """The length of code that the training of ``engine`` found; None where it found none."""
        size = self.array(engine, self.plan.longest, seed, "found_size")
        return None if size is None else int(size)

    def codes(self) -> list[tuple[Engine, int, np.ndarray]]:
        """Engine, size and codes (n, k) of all rows, for each fit that kept its codes."""
        seed = self.plan.seeds[0]
        names = {engine.name for engine in self.plan.decoding_engines}
        arrays = [(e, k, self.array(e.name, k, seed, "codes")) for e, k in self.all]
        return [(e, k, np.asarray(Z)) for e, k, Z in arrays if e.name in names and Z is not None]
