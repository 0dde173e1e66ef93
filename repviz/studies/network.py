"""The study ``network``: anatomy, training, accuracy, filters and top images of one network.

What is it made of, how did it learn, how accurate is it on new images, which filters does its first
layer have, and which images activate its units most?
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import checks
from repviz.activations.receptive_fields import UNKNOWN
from repviz.bottleneck.data import describe_images
from repviz.errors import InputError, Unavailable
from repviz.figures import pictures
from repviz.images import as_images
from repviz.images.collection import Images
from repviz.images.partition import clusters_of
from repviz.manifold.identity import nearest_identity
from repviz.models import open_model
from repviz.models.anatomy import anatomy, first_filters, towers
from repviz.models.checkpoints import open_checkpoint, read_card
from repviz.models.model import Model
from repviz.models.weight_files import is_state_file
from repviz.number_format import percent
from repviz.provenance import portable
from repviz.report.page import write_report
from repviz.streams import stream
from repviz.studies.layers import control_network
from repviz.studies.outcomes import write_outcomes
from repviz.studies.representations import draw_by_label, identity_columns
from repviz.studies.top_images import top_images
from repviz.study_folder import Draft, Study, begin
from repviz.training.evaluation import VIEWS, at_training_size, evaluate, saw_crops, unseen

PIXELS = 64  # height and width at which images are compared pixel by pixel
SHOWN_IN_FULL = 0.99  # of the first layer’s weights; the picture cuts the largest
COMPARED = 10_000  # training images, and images looked up among them, at most
SUMMARY = (
    "What is this network made of, how did it learn, how accurate is it on new images, and which "
    "images activate its units most?"
)


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
        Random seed: draws the images that are compared in pixels, of more than 10,000.

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
    new = "held-out " if classifier.recipe else ""
    name = "AlexNet" if classifier.name == "alexnet" else classifier.name
    title = f"What {name} makes of {len(rows):,} {new}{images.nouns.images}"
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
            work = partial(_evaluation, model=classifier, images=images, rows=rows, seed=seed)
            study.stage("evaluation", partial(work, photographs=photographs))
            _pixel_stage(study, images, rows, seed)
        _filter_stage(study, classifier, images, seed)
        if photographs:
            shown = judged.take(rows)
            study.stage(
                "top_images", partial(top_images, model=classifier, images=shown, units=units)
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
    """The reason why accuracy cannot be determined; "" where it can."""
    if images.labels is None:
        return f"the {images.nouns.images} carry no labels"
    if model.classes is None:
        return "the network does not say which label each of its outputs stands for"
    return ""


def _evaluation(
    draft: Draft, model: Model, images: Images, rows: np.ndarray, seed: int, photographs: bool
) -> None:
    """The accuracy of each set of views, and what the centre crop of each image was taken for."""
    shown = [views for views in VIEWS if views == "centre" or saw_crops(model)]
    found = [evaluate(model, images, rows=rows, views=views) for views in shown]
    draft.table("evaluation", pd.concat([one.table for one in found]))
    write_outcomes(draft, model, images, found[0], seed=seed, photographs=photographs)


def _pixel_stage(study: Study, images: Images, rows: np.ndarray, seed: int) -> None:
    """How often the nearest training image in pixels has the label, of the images evaluated."""
    labels = np.asarray(images.labels)
    rng = stream(seed, "network", "nearest in pixels")
    known, queries = (
        part[draw_by_label(labels[part], len(part), COMPARED, rng)]
        for part in (np.setdiff1d(np.arange(len(images)), rows), rows)
    )
    if not len(known) or not len(queries):
        study.skip("nearest in pixels", "none of the images is known to be a training image")
        return

    def compared(draft: Draft) -> None:
        shown = images.take(np.concatenate([known, queries])).at(size=PIXELS, grey=True)
        found = nearest_identity(
            shown.matrix(),
            shown.labels,
            known=np.arange(len(known)),
            queries=np.arange(len(known), len(shown)),
            groups=clusters_of(shown.labels, shown.groups),
        )
        row = {"representation": "pixels", **identity_columns(found), "n_known": len(known)}
        draft.table("nearest_in_pixels", pd.DataFrame([{**row, "size": PIXELS}]))

    study.stage("nearest in pixels", compared)


def _filter_stage(study: Study, model: Model, images: Images, seed: int) -> None:
    if first_filters(model) is None:
        study.skip("filters", "the network’s first layer is no convolution over colours")
        return
    work = partial(_filters, study=study, model=model, images=images, seed=seed)
    study.stage("filters", work)


def _filters(draft: Draft, study: Study, model: Model, images: Images, seed: int) -> None:
    """The first layer's filters, and those of the same network with random weights."""
    networks = {model.weights_kind: model}
    if model.weights_kind != "untrained":
        try:
            networks["untrained"] = control_network(model, images, seed)
        except Unavailable as error:
            study.skip("untrained filters", str(error).rstrip("."))
    filters = {kind: first_filters(one) for kind, one in networks.items()}
    weights = np.stack([one for one in filters.values() if one is not None])
    draft.array("filters", weights)
    n_towers, rows = towers(model), []
    each, limit = weights.shape[1] // n_towers, np.quantile(np.abs(weights), SHOWN_IN_FULL)
    # Another recipe's control is another draw, of which filters of equal number are unrelated.
    is_start = len(weights) > 1 and model.recipe.get("init") == "data-dependent"
    alike = _median_correlation(weights[0], weights[-1]) if is_start else np.nan
    for state, (kind, one) in enumerate(networks.items()):
        for tower in range(n_towers):
            first, last = tower * each, (tower + 1) * each - 1
            rms = np.sqrt(np.square(weights[state, first : last + 1]).mean())
            rows.append(
                {"state": state, "weights": kind, "origin": one.weights, "tower": tower + 1}
                | {"first": first, "last": last, "rms": rms, "limit": limit}
                | {"control_correlation": alike}
            )
    draft.table("filters", pd.DataFrame(rows))
    pictures.save_png(pictures.filters(weights[0], towers=n_towers), draft.path("filters.png"))


def _median_correlation(weights: np.ndarray, others: np.ndarray) -> float:
    """Median over filters of the correlation of two networks' weights; NaN where none varies."""
    centred = [one.reshape(len(one), -1) for one in (weights, others)]
    centred = [one - one.mean(axis=1, keepdims=True) for one in centred]
    norms = np.prod([np.linalg.norm(one, axis=1) for one in centred], axis=0)
    varies = norms > 0
    products = np.einsum("ij,ij->i", *centred)[varies]
    return float(np.median(products / norms[varies])) if varies.any() else np.nan


def _findings(draft: Draft, study: Study, model: Model) -> None:
    parameters = study.result("anatomy")["parameters"].sum()
    sentences = {
        "anatomy": [f"The network has {parameters:,.0f} parameters; weights: {model.weights}."]
    }
    if "evaluation" in study.manifest["stages"]:
        rows = study.result("evaluation").to_dict("records")
        sentences["evaluation"] = [_accuracy(row, known=bool(model.recipe)) for row in rows]
        sentences["evaluation"] += _nearest_in_pixels(study)
    if "top_images" in study.manifest["stages"]:
        sentences["top_images"] = [_receptive_fields(study.result("top_images"))]
    draft.findings(sentences)


def _accuracy(row: Any, *, known: bool) -> str:
    """Accuracy in a sentence; ``known`` is whether the network says what it was trained on."""
    crops = "ten crops" if row["views"] == "ten" else "the centre crop"
    images = "held-out images" if known else "images"
    caveat = "" if known else " Which of them it was trained on is not known."
    return (
        f"{percent(row['accuracy'])} [{percent(row['low'])}, {percent(row['high'])}] of "
        f"{row['n']} {images} are classified correctly by {crops}; chance is "
        f"{percent(row['chance'])}.{caveat}"
    )


def _nearest_in_pixels(study: Study) -> list[str]:
    if "nearest in pixels" not in study.manifest["stages"]:
        return []
    row = study.result("nearest_in_pixels").iloc[0]
    low, high = percent(row["nearest_same_low"]), percent(row["nearest_same_high"])
    return [
        f"Without training, the nearest of {row['n_known']:,} training images in pixels "
        f"({PIXELS}×{PIXELS}, grey) has the right label for {percent(row['nearest_same'])} "
        f"[{low}, {high}] of {row['nearest_same_n']:,} of these images."
    ]


def _receptive_fields(table: pd.DataFrame) -> str:
    layers = list(table.groupby("layer", sort=False))
    (first, one), (last, other) = layers[0], layers[-1]
    return (
        f"Of an image of {table['input_height'].iloc[0]}×{table['input_width'].iloc[0]} pixels, "
        f"a unit of {first} responds to {_extent(one)}, a unit of {last} to {_extent(other)}."
    )


def _extent(rows: pd.DataFrame) -> str:
    """The largest receptive field of a layer's units, in words."""
    if (rows["field_top"] == UNKNOWN).all():
        return "a part of unknown size"
    height = (rows["field_bottom"] - rows["field_top"]).max()
    width = (rows["field_right"] - rows["field_left"]).max()
    whole = (height, width) == (rows["input_height"].iloc[0], rows["input_width"].iloc[0])
    return "all of it" if whole else f"at most {height}×{width}"
