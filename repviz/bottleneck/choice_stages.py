"""The stages of a sweep that choose a size: one by its criteria, one by the knee of the error."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from repviz.bottleneck.choice import choose_bottleneck
from repviz.bottleneck.criteria import Criterion
from repviz.bottleneck.engines import Engine
from repviz.bottleneck.knee import knee
from repviz.bottleneck.plan import Plan
from repviz.bottleneck.reconstructions import open_reconstructions
from repviz.study_folder import Draft, Study


def choice_stages(study: Study, plan: Plan, criteria: list[Criterion]) -> None:
    """Write choices.csv and criteria.csv where there are criteria, and knee.csv."""
    engines = plan.decoding_engines
    inputs = {"engines": [engine.name for engine in engines], "sizes": plan.sizes}
    if criteria:
        identities = [criterion.identity for criterion in criteria]
        write = partial(_write_choices, study=study, criteria=criteria, engines=engines)
        study.stage("criteria", write, inputs={"criteria": identities, **inputs})
    study.stage("knee", partial(_write_knees, study=study), inputs=inputs)


def _write_choices(
    draft: Draft, study: Study, criteria: list[Criterion], engines: list[Engine]
) -> None:
    reference = open_reconstructions(study).reference
    tables: list[pd.DataFrame] = []
    choices: list[dict[str, Any]] = []
    for criterion in criteria:
        named: dict[str, Any] = {"criterion": criterion.name, "title": criterion.title}
        if reason := criterion.missing(reference):
            choices.append({**named, "left_out": reason})
            continue
        for engine in engines:
            choice = choose_bottleneck(study, criterion, engine=engine.name)
            row = {**named, "engine": engine.name, "engine_label": engine.label}
            tables.append(choice.table.assign(**row, margin=choice.margin, n_test=choice.n))
            choices.append(
                {
                    **row,
                    "size": choice.size or np.nan,
                    "observed": choice.observed or np.nan,
                    "undecided": choice.undecided,
                    "low": choice.low,
                    "high": choice.high,
                    "margin": choice.margin,
                    "level": choice.level,
                    "n_test": choice.n,
                    "groups_test": choice.groups,
                    "left_out": "",
                }
            )
    if tables:
        draft.table("criteria", pd.concat(tables))
    columns = [
        "criterion",
        "title",
        "engine",
        "engine_label",
        "size",
        "undecided",
        "observed",
        "low",
    ]
    columns += ["high", "margin", "level", "n_test", "groups_test", "left_out"]
    draft.table("choices", pd.DataFrame(choices, columns=columns))


def _write_knees(draft: Draft, study: Study) -> None:
    rows = []
    for (engine, label), table in study.result("sweep").groupby(
        ["engine", "engine_label"], sort=False
    ):
        table = table.sort_values("bottleneck")
        bend = knee(table["bottleneck"].tolist(), table["mse"].tolist())
        rows.append({"engine": engine, "engine_label": label, "sizes": len(table), **vars(bend)})
    draft.table("knee", pd.DataFrame(rows))
