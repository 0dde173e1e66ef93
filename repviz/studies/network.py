"""The study ``network``: a trained classifier, looked at from all sides.

What is it made of, how did it learn, how often is it right on images new to it, what does its first
layer look for, and which images do its units answer to?
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from repviz import checks
from repviz.bottleneck.data import describe_images
from repviz.errors import InputError
from repviz.figures import pictures
from repviz.images import as_images
from repviz.images.collection import Images
from repviz.models.anatomy import anatomy, first_filters, towers
from repviz.models.checkpoints import open_checkpoint, read_card
from repviz.models.model import Model
from repviz.number_format import percent
from repviz.report.page import write_report
from repviz.studies.unit_activations import strengths
from repviz.study_folder import Draft, Study, begin
from repviz.training.evaluation import VIEWS, at_training_size, evaluate, unseen

LEDE = (
    "What is this classifier made of, how did it learn, how often is it right on new images, and "
    "which images do its units respond to?"
)
STRONGEST = 8  # images a unit
THUMBNAIL = 64  # pixels


def network(
    images: Images | str,
    *,
    out: str | Path,
    weights: str | Path | None = None,
    model: str | None = None,
    units: int = 8,
    photographs: bool = True,
    seed: int = 0,
) -> Study:
    """A study folder about one trained classifier, and its report.

    Parameters
    ----------
    images : Images or str
        With labels that the network knows; those that it was trained on are left out.
    out : path
        The folder.
    weights : path
        The checkpoint; it must be given.
    model : str, optional
        The name of your own network (``"mypackage.nets:make_net"``), if the checkpoint is of one:
        no code that a file names is ever imported.
    units : int
        Units a layer that are shown with the images they answer to most, 1 to 64.
    photographs : bool
        Whether the report may show the images; without, it holds numbers and filters only.
    seed : int
        Kept with the study; nothing here is random.

    Returns
    -------
    Study
        The folder, opened.
    """
    if weights is None:
        raise InputError(
            "study network: weights must be the path of a checkpoint, got none. Train one first: "
            "repviz train."
        )
    images = as_images(images)
    units = checks.integer("study network", "units", units, low=1, high=64)
    classifier, card = open_checkpoint(weights, model=model), read_card(weights)
    judged = at_training_size(images, classifier)
    rows = unseen(classifier, judged)
    parameters = {
        "images": images.name,
        "weights": classifier.key,
        "units": units,
        "photographs": photographs,
        "seed": seed,
    }
    title = f"What {classifier.name} makes of {len(rows):,} images new to it"
    with begin(
        out,
        study="network",
        title=title,
        parameters=parameters,
        images=describe_images(judged),
        lede=LEDE,
    ) as study:
        study.stage("anatomy", lambda draft: draft.table("anatomy", anatomy(classifier)))
        history = pd.DataFrame(card.get("training", {}).get("state", {}).get("history", []))
        if history.empty:
            study.skip("training", "the checkpoint says nothing of how it was trained")
        else:
            study.stage("training", lambda draft: draft.table("training", history))
        study.stage("evaluation", partial(_evaluation, model=classifier, images=images, rows=rows))
        _filter_stage(study, classifier)
        if photographs:
            shown = judged.take(rows)
            study.stage(
                "top_images", partial(_top_images, model=classifier, images=shown, units=units)
            )
        study.stage("findings", partial(_findings, study=study))
        write_report(out)
    return Study(Path(out))


def _evaluation(draft: Draft, model: Model, images: Images, rows: np.ndarray) -> None:
    tables = [evaluate(model, images, rows=rows, views=views).table for views in VIEWS]
    draft.table("evaluation", pd.concat(tables))


def _filter_stage(study: Study, model: Model) -> None:
    found = first_filters(model)
    if found is None:
        study.skip("filters", "the network’s first layer is no convolution over colours")
        return
    study.stage("filters", partial(_filters, filters=found, towers=towers(model)))


def _filters(draft: Draft, filters: np.ndarray, towers: int) -> None:
    draft.array("filters", filters)
    each = len(filters) // towers
    spans = [(tower + 1, tower * each, (tower + 1) * each - 1) for tower in range(towers)]
    draft.table("filters", pd.DataFrame(spans, columns=["tower", "first", "last"]))
    pictures.save_png(pictures.filters(filters, towers=towers), draft.path("filters.png"))


def _top_images(draft: Draft, model: Model, images: Images, units: int) -> None:
    """For units at equal steps through each layer, the images with the largest activation."""
    layers = list(model.layers)
    strength = strengths(model, images, layers)
    thumbnails = images.at(size=THUMBNAIL)
    split = towers(model)
    found: list[dict[str, object]] = []
    panels: list[np.ndarray] = []
    for layer in layers:
        values = strength[layer]  # (n, units of the layer)
        chosen = np.unique(np.linspace(0, values.shape[1] - 1, units).round().astype(int))
        for unit in chosen:
            best = np.argsort(-values[:, unit], kind="stable")[:STRONGEST]
            for rank, row in enumerate(best, 1):
                in_tower = layer.startswith("conv") and split > 1
                found.append(
                    {
                        "panel": len(panels),
                        "layer": layer,
                        "unit": unit,
                        "tower": 1 + unit * split // values.shape[1] if in_tower else 0,
                        "rank": rank,
                        "row": row,
                        "id": images.ids[row],
                        "label": "" if images.labels is None else images.labels[row],
                        "value": values[row, unit],
                        "n": len(images),
                    }
                )
                panels.append(thumbnails[int(row)])
    draft.table("top_images", pd.DataFrame(found))
    draft.array("top_images", np.stack(panels))


def _findings(draft: Draft, study: Study) -> None:
    sentences = [
        (
            f"{percent(row['accuracy'])} [{percent(row['low'])}, {percent(row['high'])}] of "
            f"{row['n']} images new to it are named rightly by "
            f"{'ten crops' if row['views'] == 'ten' else 'the centre crop'}; guessing gets "
            f"{percent(row['chance'])}."
        )
        for row in study.result("evaluation").to_dict("records")
    ]
    draft.findings({"evaluation": sentences})
