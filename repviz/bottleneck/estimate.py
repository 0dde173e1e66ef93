"""What a sweep will take, from short fits of its engines on the same rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from repviz import memory, progress, remote
from repviz.bottleneck.data import load_data
from repviz.bottleneck.engines import Engine, FitContext
from repviz.bottleneck.plan import Plan
from repviz.bottleneck.sweep import SweepSetup, plan_sweep
from repviz.cost import Cost
from repviz.models.device import has_accelerator

# Two short fits of each engine, as multiples of the default length: what a fit takes whatever its
# length, and what its length takes. Shorter ones would hold no whole epoch of a thousand images.
TRIAL = (0.1, 0.3)
PAGE_SECONDS, PAGE_BYTES = 15.0, 5e6  # tables, decoders and the report of 400 images, two cores
SHOWN = 0.2  # of all rows are tested, and their reconstructions kept, a byte per number


def estimate_sweep(
    images: Any,
    *,
    bottlenecks: Iterable[int] | int | None,
    engines: Iterable[str | Callable[..., Any]] | str | Callable[..., Any],
    criteria: Any,
    size: int | tuple[int, int] | None,
    seed: Iterable[int] | int,
    setup: SweepSetup | None,
) -> Cost:
    """What :func:`repviz.sweep` with the same options will take here; writes nothing.

    Each engine is fitted twice, shortly, to the same rows: 0.4 of one of its fits altogether. The
    time that criteria take to score is not counted.

    Raises
    ------
    InputError
        As in :func:`repviz.sweep`.
    """
    setup = setup or SweepSetup()
    start = time.perf_counter()
    data = load_data(images, size=size, layer=setup.layer)
    plan = plan_sweep(data, bottlenecks, engines, seed, setup=setup, before={})
    context = plan.context(plan.training_data(), plan.seeds[0])
    loading = time.perf_counter() - start
    at_once = 1 if has_accelerator() else max(remote.workers(), 1)
    in_turn = beside = 0.0
    models = 0.0
    for engine in (*plan.engines, *plan.audit_engines):
        jobs = plan.splits * sum(job.engine.name == engine.name for job in plan.jobs)
        with progress.shown_by(progress.SILENT):
            seconds, stored = fit_cost(engine, context, plan)
        models += jobs * stored
        if engine.is_random:
            beside += jobs * seconds
        else:  # its sizes share one decomposition
            in_turn += plan.splits * seconds
    fits = sum(len(job.sizes) for job in plan.jobs)
    rows = fits * len(data) * int(data.X[0].size)
    return Cost(
        disk=PAGE_BYTES + models + rows * SHOWN,
        memory=memory.peak_bytes() + (at_once - 1) * remote.WORKER_BYTES,
        seconds=loading + in_turn + beside / min(at_once, len(plan.jobs)) + PAGE_SECONDS,
    )


def fit_cost(engine: Engine, context: FitContext, plan: Plan) -> tuple[float, int]:
    """Seconds of one fit at the length that the plan asks for, and bytes of its network."""
    stored = 0

    def timed(effort: float) -> float:
        nonlocal stored
        start = time.perf_counter()
        codec = engine.fit(replace(context, effort=effort), plan.sizes[-1])
        stored = 4 * (codec.parameters or 0) if codec.model is not None else 0
        return time.perf_counter() - start

    short, long = TRIAL
    if not engine.is_random or plan.effort <= long:
        return timed(plan.effort), stored
    timed(short / 10)  # loads what the first fit loads
    first, second = timed(short), timed(long)
    rate = max(second - first, 0.0) / (long - short)
    return second + (plan.effort - long) * rate, stored
