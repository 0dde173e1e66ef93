"""The plan of a sweep: which engines are fitted, at which sizes and seeds, on which rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from repviz import checks
from repviz.bottleneck.data import SweepData
from repviz.bottleneck.engines import ENGINES, Engine, FitContext
from repviz.errors import InputError
from repviz.images.partition import Partition
from repviz.training.data import TrainingData
from repviz.training.settings import ConvolutionalOptions

BOTTLENECKS = (2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Job:
    """One fit: an engine, the sizes that it is fitted for, and the seed of its training."""

    engine: Engine
    sizes: tuple[int, ...]
    seed: int


@dataclass(frozen=True, eq=False)
class Plan:
    """The fits of a sweep.

    Attributes
    ----------
    data : SweepData
        All rows.
    parts : Partition
        The rows to train on, to validate on and to test on.
    sizes : list of int
        Bottleneck sizes, ascending.
    engines : list of Engine
        "pca" and "pca-all" first; each has a colour role.
    seeds : list of int
        Seeds of the trainings.
    audit : list of int
        Sizes at which an engine that serves all sizes is compared with one training per size.
    further_parts : list of Partition
        Further splits, on which everything is fitted and tested again.
    longest : int
        The longest code of an engine that serves all sizes.
    mirror, shift, effort, convolutional
        As in :class:`repviz.training.data.TrainingData` and
        :class:`repviz.bottleneck.engines.codec.FitContext`.
    """

    data: SweepData
    parts: Partition
    sizes: list[int]
    engines: list[Engine]
    seeds: list[int]
    audit: list[int] = field(default_factory=list)
    further_parts: list[Partition] = field(default_factory=list)
    longest: int = 64
    mirror: bool = True
    shift: float = 0.0
    effort: float = 1.0
    convolutional: ConvolutionalOptions = field(default_factory=ConvolutionalOptions)

    @property
    def splits(self) -> int:
        """The number of splits, at least 1."""
        return 1 + len(self.further_parts)

    def training_data(self, split: int = 0) -> TrainingData:
        """The images to train and to validate on in a split, counted from 0."""
        X, parts = self.data.X, [self.parts, *self.further_parts][split]
        return TrainingData(
            X[parts.train],
            X[parts.validation],
            mirror=self.mirror,
            shift=self.shift,
            max_bottleneck=self.longest,
            who="sweep",
        )

    def context(self, data: TrainingData, seed: int) -> FitContext:
        """The context in which an engine is fitted to ``data``."""
        return FitContext(data, self.effort, seed, self.convolutional)

    @property
    def jobs(self) -> list[Job]:
        """Every fit, those of the audit last."""
        jobs: list[Job] = []
        for engine in self.engines:
            for seed in self.seeds if engine.is_random else self.seeds[:1]:
                if engine.serves_all_sizes:
                    jobs.append(Job(engine, tuple(self.sizes), seed))
                else:
                    jobs += [Job(engine, (k,), seed) for k in self.sizes]
        for engine in self.audit_engines:
            jobs += [Job(engine, (k,), seed) for seed in self.seeds for k in self.audit]
        return jobs

    def trained_sizes(self, engine: Engine, sizes: Iterable[int]) -> list[int]:
        """The code sizes that ``engine`` is trained with to serve ``sizes``."""
        return [self.longest] if engine.serves_all_sizes else list(sizes)

    def model_path(self, name: str, seed: int) -> str:
        """Where in the study's folder the network ``name`` of a seed's training is saved."""
        suffix = f"-seed{seed}" if seed != self.seeds[0] else ""
        return f"models/{name}{suffix}.safetensors"

    @property
    def audit_engines(self) -> list[Engine]:
        """The engines that are fitted for the audit alone."""
        swept = {engine.name for engine in self.engines}
        names = dict.fromkeys(e.per_size_engine for e in self.engines if e.per_size_engine)
        return [ENGINES[name] for name in names if name not in swept]

    @property
    def decoding_engines(self) -> list[Engine]:
        """The engines whose codes and reconstructions are reported, not their error alone."""
        return [engine for engine in self.engines if not engine.error_only]


@dataclass(frozen=True)
class SizeLimit:
    """The largest possible bottleneck, and the reason."""

    size: int
    reason: str


def size_limit(parts: Partition, n_values: int, *, mirror: bool) -> SizeLimit:
    """The largest bottleneck that the training rows, of ``n_values`` values each, allow."""
    # The mirror images are counted: k components need more than k rows once the mean is removed.
    n = len(parts.train)
    mirrored = ", mirrored" if mirror else ""
    return SizeLimit(
        min(n * (1 + mirror) - 1, n_values),
        f"{n} training images{mirrored}, {n_values} values each",
    )


def usable_sizes(
    bottlenecks: Iterable[int] | int | None, limit: SizeLimit, *, extra: Iterable[int] = ()
) -> list[int]:
    """``bottlenecks``, or the default sizes within ``limit``, with ``extra``: sorted, each once."""
    if bottlenecks is None:
        bottlenecks = [k for k in BOTTLENECKS if k <= limit.size]
    requested = [*checks.as_list(bottlenecks), *extra]
    sizes = sorted({checks.integer("sweep", "a bottleneck", k, low=1) for k in requested})
    if not sizes:
        raise InputError(
            "sweep: at least one bottleneck size must be given, got none. For example: 2,8,32."
        )
    if sizes[-1] > limit.size:
        raise InputError(
            f"sweep: a bottleneck must be at most {limit.size} here ({limit.reason}), got "
            f"{sizes[-1]}. Leave it out, or use more images."
        )
    return sizes
