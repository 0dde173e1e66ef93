"""The study ``comparison``: two finished studies side by side, paired by image where they can be.

Each number that both have stands beside the other with what sets them apart and its 95 % interval.
Where both are of the same images and keep the outcome of each, the interval is paired by image;
elsewhere it follows from the two intervals, taken as independent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from repviz import provenance
from repviz.errors import InputError
from repviz.nouns import IMAGES
from repviz.report.page import write_report
from repviz.studies.compared_quantities import COMPARISONS, comparison_rows
from repviz.studies.comparison_findings import comparison_findings
from repviz.studies.paired_studies import PairedStudies
from repviz.study_folder import Draft, Study, as_study, begin

SUMMARY = "In what do two studies differ, by more than chance would make them?"
NAMES = ("A", "B")
COLUMNS = [
    *("comparison", "title", "quantity", "a", "a_low", "a_high", "b", "b_low", "b_high"),
    *("effect_kind", "effect", "effect_low", "effect_high", "n_paired", "verdict"),
]


def comparison(studies: Sequence[Study | str | Path], *, out: str | Path) -> Study:
    """A study folder with two studies side by side, and its report.

    Parameters
    ----------
    studies : sequence of two Study or path
        Two finished studies: of two data sets, networks, seeds or options. B is compared with A.
    out : path
        The folder.

    Returns
    -------
    Study
        The folder, opened.

    Raises
    ------
    InputError
        There are not two studies, or they have no number in common.
    """
    pair = _opened(studies)
    comparable = [name for name, entry in COMPARISONS.items() if pair.both(*entry.tables)]
    if not comparable:
        raise InputError(
            "study comparison: the two studies must have a table in common, got studies of "
            f"'{pair.a.manifest['study']}' and '{pair.b.manifest['study']}'. Compare two of a kind."
        )
    named = dict(zip(NAMES, (pair.a, pair.b), strict=True))
    about = [one.manifest["images"] for one in named.values()]
    titles = dict.fromkeys(_title(one) for one in named.values())
    same_nouns = pair.a.nouns == pair.b.nouns
    with begin(
        out,
        study="comparison",
        title=f"Two studies side by side: {' | '.join(titles)}",
        parameters={name: one.results_key for name, one in named.items()},
        images={
            "name": " and ".join(dict.fromkeys(str(one["name"]) for one in about)),
            "credit": " ".join(dict.fromkeys(str(one["credit"]) for one in about)),
            "key": provenance.key([one["key"] for one in about]),
            "labels_key": provenance.key([one.get("labels_key", "") for one in about]),
            "n": max(one["n"] for one in about),
            "nouns": (pair.a.nouns if same_nouns else IMAGES).as_json(),
        },
        summary=SUMMARY,
    ) as study:
        study.stage("studies", partial(_studies, named=named, pair=pair))
        study.stage("comparisons", partial(_comparisons, names=comparable, pair=pair))
        study.stage("findings", lambda draft: draft.findings(comparison_findings(study)))
        write_report(out)
    return Study(Path(out))


def _opened(studies: Sequence[Study | str | Path]) -> PairedStudies:
    given = [studies] if isinstance(studies, str | Path | Study) else list(studies)
    if len(given) != 2:
        raise InputError(
            f"study comparison: there must be two studies, got {len(given)}. Give two folders."
        )
    a, b = (as_study("study comparison", "each study", one) for one in given)
    if a.folder.resolve() == b.folder.resolve():
        raise InputError(
            f"study comparison: the studies must be two folders, got '{a.folder}' twice."
        )
    return PairedStudies(a, b)


def _title(study: Study) -> str:
    return str(study.manifest["title"])


def _studies(draft: Draft, named: dict[str, Study], pair: PairedStudies) -> None:
    """Write compared_studies.csv and option_differences.csv."""
    rows = []
    for name, study in named.items():
        about = study.manifest["images"]
        rows.append(
            {
                "side": name,
                "study": study.manifest["study"],
                "title": _title(study),
                "images": about["name"],
                "n": about["n"],
                "n_shared": about["n"] if pair.paired_by == "content" else len(pair.images),
                "paired_by": pair.paired_by,
                "key": study.results_key[:16],
            }
        )
    if pair.paired_by == "nothing":
        rows = [{**row, "n_shared": 0} for row in rows]
    draft.table("compared_studies", pd.DataFrame(rows))
    facts = [_facts(study.manifest) for study in named.values()]
    keys = dict.fromkeys([*facts[0], *facts[1]])
    different = [
        {"option": key, "value_a": facts[0].get(key, ""), "value_b": facts[1].get(key, "")}
        for key in keys
        if facts[0].get(key, "") != facts[1].get(key, "")
    ]
    columns = ["option", "value_a", "value_b"]
    draft.table("option_differences", pd.DataFrame(different, columns=columns))


def _facts(manifest: dict[str, Any]) -> dict[str, str]:
    """A study's parameters, images and versions as texts, for comparison with another's."""
    about = manifest["images"]
    facts = {"study": manifest["study"], **manifest["parameters"]}
    facts |= {f"images: {name}": about.get(name) for name in ("n", "labels", "size", "grey")}
    facts |= {f"version: {name}": number for name, number in manifest["versions"].items()}
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in facts.items()
    }


def _comparisons(draft: Draft, names: Sequence[str], pair: PairedStudies) -> None:
    rows = [row for name in names for row in comparison_rows(name, pair)]
    draft.table("comparison", pd.DataFrame(rows, columns=COLUMNS))
