"""The fits of a sweep, one stage each: fit, encode and decode the test rows, store the errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from repviz import distortion
from repviz.bottleneck.convergence import learning_curve_array
from repviz.bottleneck.engines import Codec, Engine, FitContext
from repviz.bottleneck.engines.codec import codec_of
from repviz.bottleneck.engines.output import checked
from repviz.bottleneck.fit_stages import FitStage, run_stages
from repviz.bottleneck.fitted import stem
from repviz.bottleneck.plan import Job, Plan
from repviz.bottleneck.splits import split_stages
from repviz.bottleneck.tables import write_tables
from repviz.errors import InputError
from repviz.models.checkpoints import open_checkpoint, save_checkpoint
from repviz.study_folder import Draft, Study

MAX_DECODED = 16  # sizes of an engine that serves all sizes whose codes and images are kept


def fit_stages(study: Study, plan: Plan) -> None:
    """Run a stage per fit (and per size, of a fit that serves all sizes), then write the tables."""
    data = plan.training_data()
    test = data.rows(plan.data.X[plan.parts.test])
    fits = [_Fit(study, plan, plan.context(data, job.seed), test, job.engine) for job in plan.jobs]
    stages = [
        stage for job, fit in zip(plan.jobs, fits, strict=True) for stage in _stages(job, fit)
    ]
    run_stages(study, stages)
    split_stages(study, plan)
    fitted = [[job.engine.name, list(job.sizes), job.seed] for job in plan.jobs]
    inputs = {"splits": plan.splits, "fits": fitted}
    write = partial(write_tables, study=study, plan=plan, data=data, test=test)
    study.stage("sweep", write, inputs=inputs)


def _stages(job: Job, fit: _Fit) -> list[FitStage]:
    """The stages of one job: one per size, after that of the training where it serves all sizes."""
    engine = job.engine
    about = {"engine": engine.name, "seed": job.seed}
    own = {"engine": engine.identity}
    sizes = {k: f"{engine.name} {k}, seed {job.seed}" for k in job.sizes}
    if not engine.serves_all_sizes:
        return [
            FitStage(
                name,
                partial(fit.fit_size, k=k),
                inputs=own,
                about={**about, "bottleneck": k, "fit": True},
                independent=engine.is_random,  # the sizes of PCA share one decomposition
            )
            for k, name in sizes.items()
        ]
    training = FitStage(
        f"{engine.name}, seed {job.seed}",
        fit.train,
        inputs={**own, "longest": fit.plan.longest},
        about={**about, "fit": True},
    )
    served = [
        FitStage(
            name,
            partial(fit.decode_trained, k=k),
            about={**about, "bottleneck": k, "fit": False},
            independent=False,
        )
        for k, name in sizes.items()
    ]
    return [training, *served]


@dataclass(frozen=True, eq=False)
class _Fit:
    study: Study
    plan: Plan
    context: FitContext
    test: np.ndarray
    engine: Engine

    def fit_size(self, draft: Draft, k: int) -> None:
        """Fit a code of ``k`` numbers."""
        codec = self.engine.fit(self.context, k)
        if codec.model is not None:
            self._save_model(draft, codec, f"{self.engine.name}-{k}", k)
        self._write_arrays(draft, codec, k, decoded=True)
        self._write_history(draft, codec, k)

    def train(self, draft: Draft) -> None:
        """Train once for all sizes."""
        codec = self.engine.fit(self.context, self.plan.longest)
        if codec.model is None:
            raise InputError(
                f"engine '{self.engine.name}': an engine that serves all sizes must return a "
                "Codec whose model is a repviz autoencoder, got none. Set serves_all_sizes=False "
                "to fit it for each size."
            )
        self._save_model(draft, codec, self.engine.name, self.plan.longest)
        self._write_history(draft, codec, self.plan.longest)
        if codec.found_size is not None:
            name = stem(self.engine.name, self.plan.longest, self.context.seed)
            draft.array(f"{name}_found_size", np.array(codec.found_size))

    def decode_trained(self, draft: Draft, k: int) -> None:
        """Encode and decode with codes of ``k`` numbers, by the network trained for all sizes."""
        path = self.study.folder / self.plan.model_path(self.engine.name, self.context.seed)
        codec = codec_of(open_checkpoint(path), k)
        self._write_arrays(draft, codec, k, decoded=k in log_spaced(self.plan.sizes, MAX_DECODED))

    def _save_model(self, draft: Draft, codec: Codec, name: str, k: int) -> None:
        assert codec.model is not None
        recipe = {"engine": self.engine.name, "bottleneck": k, "seed": self.context.seed}
        save_checkpoint(
            codec.model,
            draft.path(self.plan.model_path(name, self.context.seed)),
            recipe={**recipe, "effort": self.context.effort},
            images_key=self.plan.data.key,
        )

    def _write_history(self, draft: Draft, codec: Codec, k: int) -> None:
        if codec.history is not None:
            name = stem(self.engine.name, k, self.context.seed)
            draft.array(f"{name}_history", learning_curve_array(self.engine, codec.history))

    def _write_arrays(self, draft: Draft, codec: Codec, k: int, *, decoded: bool) -> None:
        """The error of each test row and, where ``decoded``, reconstructions and codes."""
        are_images = self.plan.data.are_images
        name = stem(self.engine.name, k, self.context.seed)
        rows = self.context.data.rows(self.plan.data.X)
        codes = checked(self.engine, "encode", codec.encode(rows), len(rows), max_columns=k)
        output = codec.decode(codes[self.plan.parts.test])
        output = checked(self.engine, "decode", output, len(self.test), self.test.shape[1])
        output = np.clip(output, 0, 1) if are_images else output
        draft.array(f"{name}_errors", distortion.squared_errors(output, self.test))
        draft.array(f"{name}_parameters", np.array(codec.parameters or 0))
        if not decoded:
            return
        if are_images:
            draft.array(f"{name}_ssim", distortion.ssim(output, self.test, self.context.shape))
        if self.context.seed == self.plan.seeds[0]:
            pixels = np.rint(output * 255).astype(np.uint8) if are_images else output
            draft.array(f"{name}_images", pixels.reshape(len(output), *self.context.shape))
            draft.array(f"{name}_codes", codes.astype(np.float32))


def log_spaced(sizes: list[int], most: int) -> set[int]:
    """All of ``sizes``, or ``most`` of them, evenly spaced on a logarithmic scale."""
    if len(sizes) <= most:
        return set(sizes)
    places = np.unique(np.rint(np.geomspace(1, len(sizes), most)).astype(int))
    return {sizes[place - 1] for place in places}
