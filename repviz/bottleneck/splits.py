"""Further random splits of a sweep: everything is fitted and tested again on other images."""

from __future__ import annotations

from functools import cached_property, partial

import numpy as np

from repviz import distortion
from repviz.bottleneck.data import SweepData
from repviz.bottleneck.engines.codec import codec_of
from repviz.bottleneck.engines.output import checked
from repviz.bottleneck.fit_stages import FitStage, run_stages
from repviz.bottleneck.fitted import split_stem
from repviz.bottleneck.plan import Job, Plan
from repviz.images.partition import Partition, partition
from repviz.streams import SEED_LIMIT, stream_seed
from repviz.study_folder import Draft, Study
from repviz.training.data import TrainingData


def further_partitions(
    data: SweepData, splits: int, *, by: str | None, seed: int
) -> list[Partition]:
    """The partitions of the splits after the first, each with a seed of its own."""
    return [partition(data, by=by, seed=_seed(seed, split)) for split in range(1, splits)]


def split_stages(study: Study, plan: Plan) -> None:
    """Run a stage per further split and fit; each stores the squared errors of its test images."""
    stages = []
    for split in range(1, plan.splits):
        refit = _Refit(plan, split)
        for job in plan.jobs:
            engine = job.engine
            size = "" if engine.serves_all_sizes else f" {job.sizes[0]}"
            longest = plan.longest if engine.serves_all_sizes else job.sizes[0]
            stage = FitStage(
                f"{engine.name}{size}, seed {job.seed}, split {split}",
                partial(refit.fit, job=job, longest=longest),
                inputs={"engine": engine.identity, "sizes": list(job.sizes), "longest": longest},
                about={"engine": engine.name, "seed": job.seed, "split": split},
                independent=engine.is_random,  # the sizes of PCA share one decomposition
            )
            stages.append(stage)
    run_stages(study, stages)


class _Refit:
    """The fits of one further split; its training data are prepared once."""

    def __init__(self, plan: Plan, split: int) -> None:
        self.plan, self.split = plan, split

    @cached_property
    def data(self) -> TrainingData:
        return self.plan.training_data(self.split)

    def fit(self, draft: Draft, *, job: Job, longest: int) -> None:
        """Fit the engine of ``job`` and write the error of each test image at each of its sizes."""
        engine = job.engine
        context = self.plan.context(self.data, _seed(job.seed, self.split))
        codec = engine.fit(context, longest)
        X = self.data.rows(self.plan.data.X[self.plan.further_parts[self.split - 1].test])
        for k in job.sizes:
            own = codec_of(codec.model, k) if engine.serves_all_sizes and codec.model else codec
            codes = checked(engine, "encode", own.encode(X), len(X), max_columns=k)
            output = checked(engine, "decode", own.decode(codes), len(X), X.shape[1])
            output = np.clip(output, 0, 1) if self.plan.data.are_images else output
            name = f"{split_stem(engine.name, k, job.seed, self.split)}_errors"
            draft.array(name, distortion.squared_errors(output, X))


def _seed(seed: int, split: int) -> int:
    """The seed of a further split and of its trainings."""
    return stream_seed(seed, "split", split) % (SEED_LIMIT + 1)
