"""The study ``layers``: what each layer of a network represents, trained and untrained.

Over the depth of a network: the intrinsic dimension of the images, how well labels and known
factors are predicted by probes, how similar the layers are, and how far each moves when an image is
mirrored, shifted, rotated or brightened. The same network with random weights stands beside the
trained one, a Gaussian of the same covariance beside each dimension, shuffled labels beside each
probe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
import pandas as pd

from repviz import checks, progress
from repviz.activations import layout, writer
from repviz.activations.extraction import extract
from repviz.activations.layer_table import layers as layer_table
from repviz.activations.reduction import reductions
from repviz.activations.store import Activations, open_activations
from repviz.bottleneck.data import as_stored, describe_images
from repviz.cost import Cost
from repviz.errors import InputError, Unavailable
from repviz.images import as_images, split
from repviz.images.collection import Images
from repviz.images.partition import by_for_labels, clusters_of
from repviz.images.perturbations import PERTURBATIONS, perturb
from repviz.models import open_model
from repviz.models.depth import ENOUGH, layers_over_depth
from repviz.models.model import AnyModel, Model
from repviz.models.opening import as_model
from repviz.models.untrained import untrained_copy
from repviz.provenance import portable
from repviz.report.page import write_report
from repviz.streams import stream
from repviz.studies.cost import (
    default_reductions,
    estimate,
    refuse_what_does_not_fit,
    seen_layers,
)
from repviz.studies.layer_findings import layer_findings
from repviz.studies.layer_tables import evenly_spaced, invariance_row, similarity_table
from repviz.studies.measurement import Read, Targets, images_table, measure
from repviz.studies.representations import Representation, Split, draw_by_label
from repviz.study_folder import Draft, Study, begin
from repviz.training.alexnet_recipe import untrained_control
from repviz.training.evaluation import unseen

SUMMARY = (
    "What does each layer of a network hold, trained and untrained: how many degrees of freedom, "
    "which labels and known factors, and which changes of an image leave it unmoved?"
)
FEWEST = 40  # images
PERTURBED = 200  # images that are perturbed, at most
THUMBNAIL = 64  # pixels per side
MIN_CLUSTERS = 6  # of a jackknife over groups


def layers(
    images: Images | str,
    *,
    out: str | Path,
    model: AnyModel = "alexnet",
    weights: str | None = None,
    layers: Iterable[str] | str | None = None,
    sample: int = 2000,
    classes: int | None = None,
    seed: int = 0,
) -> Study:
    """A study folder with the profile of a network's layers over depth, and its report.

    Parameters
    ----------
    images : Images or str
        At least 40, or the name of a source. Labels and factors, where known, are predicted from
        each layer.
    out : path
        The folder.
    model : str, Model or torch.nn.Module
        The name of a network, a model from :func:`repviz.open_model`, or a network in memory.
    weights : str, optional
        Trained weights of a network that is named: "default" or a checkpoint. Without them the
        network is measured with the weights that it comes with: those of your own network are taken
        as given, all others are random, and then only the untrained network is measured.
    layers : str or iterable of str, optional
        Layers to measure, by name or glob. By default those that the model names or, if it names
        fewer than six, ten over its depth (:mod:`repviz.models.depth`).
    sample : int
        Largest number of images to measure, at least 40; of more, a random sample, stratified by
        label. Beyond a few thousand, time grows with its square.
    classes : int, optional
        Number of outputs of the network, for models that take it.
    seed : int
        Random seed, also of the untrained network's weights.

    Returns
    -------
    Study
        The folder, opened.
    """
    setting = _prepare(images, model, weights, layers, sample, classes, seed)
    images, available, plan = setting.images, setting.available, setting.plan
    networks, no_control = setting.networks, setting.no_control
    studied = next(iter(networks.values()))
    refuse_what_does_not_fit("study layers", setting.cost, out)
    progress.say(f"study layers: {setting.cost}, as estimated")
    thumbnails = images.at(size=THUMBNAIL)
    parameters = {
        "images": portable(images.name),
        "available": available,
        "reduce": plan.reduce,
        "model": studied.name,
        "weights": {kind: f"{one.weights}, {one.key}" for kind, one in networks.items()},
        "layers": plan.layers,
        "seed": seed,
    }
    with begin(
        out,
        study="layers",
        title=_title(studied, images, available),
        parameters=parameters,
        images=describe_images(thumbnails),
        summary=SUMMARY,
    ) as study:
        known, held_out = split(images, (0.7, 0.3), by=by_for_labels(images), seed=seed)
        identity = known, held_out
        study.stage("images", partial(_images, images=thumbnails, identity=identity))
        if no_control:
            study.skip("similarity", no_control)
        for state, network in networks.items():
            study.stage(
                f"extract {state}",
                partial(_extract, network=network, images=images, plan=plan, where=f"acts/{state}"),
            )
        read = partial(_representations, study, thumbnails, studied.name, list(networks))
        targets = Targets(images.labels, images.factors, identity)
        study.stage("manifold", partial(measure, read=read, targets=targets, seed=seed))
        if not no_control:
            study.stage("similarity", partial(_similarity, read=read, seed=seed))
        study.stage(
            "invariance",
            partial(_invariance, study=study, networks=networks, images=images, plan=plan),
        )
        findings = partial(layer_findings, study, weights=studied.weights, no_control=no_control)
        study.stage("findings", lambda draft: draft.findings(findings()))
        write_report(out)
    return study


@dataclass(frozen=True)
class _Plan:
    """Which layers are extracted, and how each is reduced.

    Attributes
    ----------
    layers : list of str
        Names or globs.
    reduce : dict of str to str
        What is kept of each layer, as :func:`repviz.extract` takes it.
    widths : list of int
        Numbers kept of each layer.
    seconds : float
        One image's pass.
    seed : int
        Seed of random projections and of noise.
    """

    layers: list[str]
    reduce: dict[str, str]
    widths: list[int]
    seconds: float
    seed: int

    def extract(self, network: Model, images: Images, out: Path) -> Activations:
        """The activations of these layers, in ``out``."""
        return extract(
            network,
            images,
            layers=self.layers,
            out=out,
            reduce=self.reduce,
            strict=True,
            seed=self.seed,
        )


@dataclass(frozen=True)
class _Setting:
    """What is studied, and what that will take."""

    images: Images
    available: int
    networks: dict[str, Model]
    no_control: str
    plan: _Plan

    @property
    def cost(self) -> Cost:
        n, plan = len(self.images), self.plan
        perturbed = len(PERTURBATIONS) * min(n, PERTURBED)
        about = {"n": n, "networks": len(self.networks), "perturbed": perturbed}
        return estimate(plan.widths, seconds=plan.seconds, **about)


def estimate_layers(
    images: Images | str,
    *,
    model: AnyModel,
    weights: str | None,
    layers: Iterable[str] | str | None,
    sample: int,
    classes: int | None,
    seed: int,
) -> Cost:
    """What :func:`layers` with the same options will take; a few images are passed to find it."""
    return _prepare(images, model, weights, layers, sample, classes, seed).cost


def _prepare(
    images: Images | str,
    model: AnyModel,
    weights: str | None,
    layers: Iterable[str] | str | None,
    sample: int,
    classes: int | None,
    seed: int,
) -> _Setting:
    images = as_images(images)
    if len(images) < FEWEST:
        checks.integer("study layers", "the number of images", len(images), low=FEWEST)
    sample = checks.integer("study layers", "sample", sample, low=FEWEST)
    available = len(images)
    rows = draw_by_label(images.labels, available, sample, stream(seed, "layers", "sample"))
    images = images.take(rows)
    networks, no_control = _networks(model, weights, classes, images, seed)
    plan = _plan(next(iter(networks.values())), layers, seed)
    return _Setting(images, available, networks, no_control, plan)


def _plan(
    network: Model,
    layers: Iterable[str] | str | None,
    seed: int,
) -> _Plan:
    if layers is not None:
        names = checks.as_list(layers)
    elif len(network.layers) < ENOUGH:
        names = _with_output(network, layers_over_depth(network.module))
    else:
        names = list(network.layers)
    seen, seconds = seen_layers(network, names)
    kept = default_reductions(seen)
    widths = [prod(one.reduction.shape) for one in reductions(seen, kept, seed).values()]
    return _Plan(names, kept, widths, seconds, seed)


def _with_output(network: Model, names: Iterable[str]) -> list[str]:
    """The layers that have an output, one per name: of several the first, such as "lstm[0]"."""
    outputs = layer_table(network)["layer"]
    found = (outputs[(outputs == name) | outputs.str.startswith(f"{name}[")] for name in names)
    return [own.iloc[0] for own in found if len(own)]


def _title(model: Model, images: Images, available: int) -> str:
    n, nouns = len(images), images.nouns
    network = f"an untrained {model.name}" if model.weights_kind == "untrained" else model.name
    title = f"What the layers of {network} hold of {n:,}"
    if n == available:
        return f"{title} {nouns.images}"
    how = "at random" if images.labels is None else f"by {nouns.label}"
    return f"{title} of {available:,} {nouns.images}, drawn {how}"


def _networks(
    model: AnyModel, weights: str | None, classes: int | None, images: Images, seed: int
) -> tuple[dict[str, Model], str]:
    """The networks by kind of weights, and why there is no control to compare with, or ""."""
    options = {} if classes is None else {"classes": classes}
    if isinstance(model, str):
        opened = open_model(model, weights=weights or "random", seed=seed, **options)
    else:
        opened = as_model("study layers", model)
        for name, value in (("weights", weights), ("classes", classes)):
            if value is not None:
                raise InputError(
                    f"study layers: {name} must be left out where the network stands in memory, "
                    f"got {value!r}. Load the weights into it first."
                )
    if opened.weights_kind == "untrained":
        reason = (
            "no trained weights were given, so there is nothing to compare with the random ones"
        )
        return {"untrained": opened}, reason
    try:
        control = control_network(opened, images, seed)
    except Unavailable as error:
        return {opened.weights_kind: opened}, f"no untrained control could be drawn ({error})"
    return {opened.weights_kind: opened, "untrained": control}, ""


def control_network(model: Model, images: Images, seed: int) -> Model:
    """The same network with random weights, scaled as before training where the recipe did so."""
    if model.recipe.get("init") != "data-dependent":
        return untrained_copy(model, seed)
    trained_on = np.setdiff1d(np.arange(len(images)), unseen(model, images))
    control = untrained_copy(model, model.recipe["seed"])
    if not len(trained_on):
        return control
    return untrained_control(control, images, trained_on, seed=model.recipe["seed"])


def _images(draft: Draft, images: Images, identity: Split) -> None:
    draft.table("images", images_table(images, identity))
    draft.array("thumbnails", as_stored(images.pixels()))


def _extract(draft: Draft, network: Model, images: Images, plan: _Plan, where: str) -> None:
    out = draft.folder / where
    plan.extract(network, images, out)
    draft.list_files(layout.written_files(out))


def _representations(
    study: Study, images: Images, model: str, states: list[str]
) -> Iterator[Representation]:
    """The pixels, and every layer in every state, in the order of depth; one at a time."""
    clusters = clusters_of(images.labels, images.groups)
    yield Representation("pixels", "pixels", "none", "pixels", images.matrix(), clusters)
    for state in states:
        acts = open_activations(study.folder / "acts" / state)
        for layer in acts.layers:
            yield Representation(f"{state} {layer}", model, state, layer, acts[layer], clusters)


def _similarity(draft: Draft, read: Read, seed: int) -> None:
    draft.table("similarity", similarity_table(list(read()), seed))


def _invariance(
    draft: Draft, study: Study, networks: dict[str, Model], images: Images, plan: _Plan
) -> None:
    """Write invariance.csv: how far each layer moves under each perturbation, a row each.

    The activations of perturbed images lie on the disk one perturbation at a time.
    """
    some = evenly_spaced(len(images), PERTURBED)
    clusters = clusters_of(images.labels, images.groups)
    clusters = None if clusters is None else clusters[some]
    if clusters is not None and len(np.unique(clusters)) < MIN_CLUSTERS:
        clusters = None  # a jackknife over so few groups says next to nothing
    rows = []
    for state, network in networks.items():
        acts = open_activations(study.folder / "acts" / state)
        originals = images.take(some).at(size=network.preprocessing.size)
        for name, perturbation in PERTURBATIONS.items():
            with _temporary(study.folder / "acts" / "perturbed") as folder:
                after = plan.extract(network, perturb(originals, name, seed=plan.seed), folder)
                for depth, layer in enumerate(acts.layers):
                    pair = acts[layer][some], np.asarray(after[layer])
                    names = {
                        "change": name,
                        "title": perturbation.title,
                        "weights": state,
                        "layer": layer,
                        "depth": depth,
                    }
                    rows.append({**names, **invariance_row(*pair, clusters)})
    draft.table("invariance", pd.DataFrame(rows))


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """A folder of activations, absent at first whatever a killed run left, and gone afterwards."""
    writer.remove(folder)
    try:
        yield folder
    finally:
        writer.remove(folder)
