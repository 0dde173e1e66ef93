"""What a sweep fits: which sizes, which engines, which seeds, on which rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from repviz import checks
from repviz.bottleneck.data import Subject
from repviz.bottleneck.engines import ENGINES, Engine
from repviz.errors import InputError
from repviz.images.partition import Partition
from repviz.training.data import TrainingData

BOTTLENECKS = (2, 4, 8, 16, 32, 64)
SEPARATE = {"prefix": "linear-start", "nested": "conv"}  # what an audit trains for each size


@dataclass(frozen=True, eq=False)
class Plan:
    """What is swept, and how.

    Attributes
    ----------
    subject : Subject
        All rows.
    parts : Partition
        Which rows are for what.
    sizes : list of int
        Ascending.
    engines : list of Engine
        "pca" first.
    seeds : list of int
        Of the trainings.
    audit : list of int
        Sizes at which an engine that serves every size is held against separate trainings.
    most : int
        The longest code of an engine that serves every size.
    mirror, shift, effort
        As in :class:`repviz.training.data.TrainingData` and
        :class:`repviz.bottleneck.engines.codec.FitContext`.
    """

    subject: Subject
    parts: Partition
    sizes: list[int]
    engines: list[Engine]
    seeds: list[int]
    audit: list[int] = field(default_factory=list)
    most: int = 64
    mirror: bool = True
    shift: float = 0.0
    effort: float = 1.0

    def material(self) -> TrainingData:
        """The images to fit on and to choose with."""
        X, parts = self.subject.X, self.parts
        return TrainingData(
            X[parts.train],
            X[parts.validation],
            mirror=self.mirror,
            shift=self.shift,
            max_bottleneck=self.most,
        )

    @property
    def jobs(self) -> list[tuple[Engine, list[int], int]]:
        """Each fit: the engine, the sizes it is asked for, the seed."""
        made: list[tuple[Engine, list[int], int]] = []
        for engine in self.engines:
            for seed in self.seeds if engine.random else self.seeds[:1]:
                if engine.serves_all_sizes:
                    made.append((engine, self.sizes, seed))
                else:
                    made += [(engine, [k], seed) for k in self.sizes]
        for engine in self.engines:
            beside = ENGINES.get(SEPARATE.get(engine.name, ""))
            if beside is not None and beside not in self.engines:
                made += [(beside, [k], seed) for seed in self.seeds for k in self.audit]
        return made


@dataclass(frozen=True)
class Limit:
    """The longest code, and why."""

    most: int
    reason: str


def most_possible(parts: Partition, values: int, *, mirror: bool) -> Limit:
    """The longest code that so many training rows of so many values allow."""
    # The mirrored twins are counted: k components need more than k rows once the mean is taken off.
    n = len(parts.train)
    most = min(n * (1 + mirror) - 1, values)
    return Limit(most, f"{n} training images{', mirrored' if mirror else ''}, {values} values each")


def usable_sizes(
    bottlenecks: Iterable[int] | int | None, limit: Limit, *, extra: Iterable[int] = ()
) -> list[int]:
    """The sizes in ascending order, each once: the default ones that fit, or those asked for."""
    if bottlenecks is None:
        bottlenecks = [k for k in BOTTLENECKS if k <= limit.most]
    asked = [*checks.as_list(bottlenecks), *extra]
    sizes = sorted({checks.integer("sweep", "a bottleneck", k, low=1) for k in asked})
    if not sizes:
        raise InputError("sweep: at least one bottleneck size is needed, got none. Write 2,8,32.")
    if sizes[-1] > limit.most:
        raise InputError(
            f"sweep: a bottleneck must be at most {limit.most} here ({limit.reason}), got "
            f"{sizes[-1]}. Leave it out or give more images."
        )
    return sizes
