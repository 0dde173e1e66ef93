"""The study ``network``: one network from its parameters to its units.

What is it made of, how did it learn, how accurate is it on images new to it, which filters does its
first layer have, and which images activate its units most?
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import checks
from repviz.bottleneck.data import describe_images
from repviz.errors import InputError
from repviz.figures import pictures
from repviz.images import as_images
from repviz.images.collection import Images
from repviz.models import open_model
from repviz.models.anatomy import anatomy, first_filters, towers
from repviz.models.checkpoints import open_checkpoint, read_card
from repviz.models.depth import ENOUGH, layers_over_depth
from repviz.models.model import Model
from repviz.models.weight_files import is_state_file
from repviz.number_format import percent
from repviz.provenance import portable
from repviz.report.page import write_report
from repviz.studies.unit_activations import strengths
from repviz.study_folder import Draft, Study, begin
from repviz.training.evaluation import VIEWS, at_training_size, evaluate, unseen

SUMMARY = (
    "What is this network made of, how did it learn, how accurate is it on new images, and which "
    "images activate its units most?"
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
    """A study folder about one network, and its report.

    Parameters
    ----------
    images : Images or str
        Those that the network was trained on are left out. Without labels that it knows, its
        accuracy is left out, and the report says so.
    out : path
        The folder.
    weights : str or path, optional
        A checkpoint that :func:`repviz.train` wrote; with ``model``, any weights of
        :func:`repviz.open_model` (default: random).
    model : str, optional
        A model name, as for :func:`repviz.open_model` (``"torchvision:resnet18"``,
        ``"mypackage.nets:make_net"``). Required where the checkpoint is of your own network: no
        code that a file names is ever imported.
    units : int
        Number of units per layer to show with their most activating images, 1 to 64.
    photographs : bool
        Whether the report may show the images; if not, it shows numbers and filters only.
    seed : int
        Recorded with the study; nothing in it is random.

    Returns
    -------
    Study
        The folder, opened.
    """
    if weights is None and model is None:
        raise InputError(
            "study network: weights or model must be given, got neither. For example: "
            "model='torchvision:resnet18'; or train a checkpoint first: repviz train."
        )
    images = as_images(images)
    photographs = checks.flag("study network", "photographs", photographs)
    units = checks.integer("study network", "units", units, low=1, high=64)
    classifier, history = _opened(model, weights, seed)
    judged = at_training_size(images, classifier)
    rows = unseen(classifier, judged)
    parameters = {
        "images": portable(images.name),
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
        summary=SUMMARY,
    ) as study:
        study.stage("anatomy", lambda draft: draft.table("anatomy", anatomy(classifier)))
        if history.empty:
            study.skip("training", "no checkpoint says how the network was trained")
        else:
            study.stage("training", lambda draft: draft.table("training", history))
        reason = _unanswerable(classifier, images)
        if reason:
            study.skip("evaluation", reason)
        else:
            work = partial(_evaluation, model=classifier, images=images, rows=rows)
            study.stage("evaluation", work)
        _filter_stage(study, classifier)
        if photographs:
            shown = judged.take(rows)
            study.stage(
                "top_images", partial(_top_images, model=classifier, images=shown, units=units)
            )
        study.stage("findings", partial(_findings, study=study, model=classifier))
        write_report(out)
    return study


def _opened(model: str | None, weights: str | Path | None, seed: int) -> tuple[Model, pd.DataFrame]:
    """The network, and the learning curve that its checkpoint holds; empty where none does."""
    weights = None if weights is None else checks.path("study network", "weights", weights)
    if weights is not None and weights.is_file() and not is_state_file(weights):
        state = read_card(weights).get("training", {}).get("state", {})
        history = pd.DataFrame(state.get("history", []))
        if not history.empty:  # a training of its own has no budget, so nothing was left out
            longest = history["epoch"].max()
            history = history.assign(n_available=history["n_train"], usual_epochs=longest)
        return open_checkpoint(weights, model=model), history
    if model is None:
        assert weights is not None
        return open_checkpoint(weights), pd.DataFrame()  # which says what is wrong with the file
    given = "random" if weights is None else str(weights)
    return open_model(model, weights=given, seed=seed), pd.DataFrame()


def _unanswerable(model: Model, images: Images) -> str:
    """Why accuracy cannot be determined; empty where it can."""
    if images.labels is None:
        return f"the {images.nouns.images} carry no labels"
    if model.classes is None:
        return "the network does not say which label each of its outputs stands for"
    return ""


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
    names = model.layers if len(model.layers) >= ENOUGH else layers_over_depth(model.module)
    strength = strengths(model, images, list(names))
    thumbnails = images.at(size=THUMBNAIL)
    split = towers(model)
    found: list[dict[str, object]] = []
    panels: list[np.ndarray] = []
    for layer, values in strength.items():  # (n, units of the layer)
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


def _findings(draft: Draft, study: Study, model: Model) -> None:
    parameters = study.result("anatomy")["parameters"].sum()
    sentences = {
        "anatomy": [f"The network has {parameters:,.0f} parameters; its weights: {model.weights}."]
    }
    if "evaluation" in study.manifest["stages"]:
        rows = study.result("evaluation").to_dict("records")
        sentences["evaluation"] = [_accuracy(row) for row in rows]
    draft.findings(sentences)


def _accuracy(row: Any) -> str:
    crops = "ten crops" if row["views"] == "ten" else "the centre crop"
    return (
        f"{percent(row['accuracy'])} [{percent(row['low'])}, {percent(row['high'])}] of "
        f"{row['n']} images new to it are classified correctly by {crops}; chance is "
        f"{percent(row['chance'])}."
    )
