"""The study ``layers``: what each layer of a network holds of the images, trained and untrained.

Over the depth of a network: the intrinsic dimension of the images, how well labels and known
factors are predicted by probes, how similar the layers are, and how far each moves when an image is
mirrored, shifted, rotated or brightened. The same network with random weights stands beside the
trained one, a Gaussian of the same covariance beside each dimension, shuffled labels beside each
probe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import checks, progress
from repviz.activations.extraction import extract
from repviz.activations.store import open_activations
from repviz.bottleneck.data import describe_images
from repviz.images import as_images, split
from repviz.images.collection import Images
from repviz.images.partition import labels_are_identities
from repviz.images.perturbations import PERTURBATIONS, perturb
from repviz.manifold.invariance import invariance
from repviz.models import open_model
from repviz.models.model import Model
from repviz.number_format import percent
from repviz.report.page import write_report
from repviz.studies.layer_tables import (
    COMPARED,
    factor_rows,
    invariance_row,
    profile_row,
    similarity_table,
)
from repviz.studies.representations import Representation, Split, describe, write_descriptions
from repviz.study_folder import Draft, Study, begin

LEDE = (
    "What does each layer of a network hold, trained and untrained: how many degrees of freedom, "
    "which labels and known factors, and which changes of an image leave it unmoved?"
)
FEWEST = 40  # images
PERTURBED = 200  # images that are perturbed, at most
THUMBNAIL = 64  # pixels per side
MIN_CLUSTERS = 6  # of a jackknife over labels

Read = Callable[[], Iterator[Representation]]  # every representation, read anew


def layers(
    images: Images | str,
    *,
    out: str | Path,
    model: str = "alexnet",
    weights: str | None = None,
    layers: Iterable[str] | str | None = None,
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
    model : str
        As :func:`repviz.open_model` takes it.
    weights : str, optional
        The trained weights: "default" or a checkpoint. Without them only the untrained network is
        measured, and the report says so.
    layers : str or iterable of str, optional
        Layers, by name or glob; the model's own choice if left out.
    classes : int, optional
        The number of outputs, where the model takes it.
    seed : int
        Seed of everything random, the untrained network's weights included.

    Returns
    -------
    Study
        The folder, opened.
    """
    images = as_images(images)
    if len(images) < FEWEST:
        checks.integer("study layers", "the number of images", len(images), low=FEWEST)
    networks = _networks(model, weights, classes, seed)
    names = list(networks["untrained"].layers) if layers is None else checks.as_list(layers)
    thumbnails = images.at(size=THUMBNAIL)
    parameters = {
        "images": images.name,
        "model": model,
        "weights": {state: network.key for state, network in networks.items()},
        "layers": names,
        "seed": seed,
    }
    with begin(
        out,
        study="layers",
        title=f"What the layers of {model} hold of {len(images):,} {images.nouns.images}",
        parameters=parameters,
        images=describe_images(thumbnails),
        lede=LEDE,
    ) as study:
        known, held_out = split(images, (0.7, 0.3), by="image", seed=seed)
        identity = known, held_out
        study.stage("images", partial(_images, images=thumbnails, identity=identity))
        if "trained" not in networks:
            study.skip(
                "similarity",
                "no trained weights were given, so there is nothing to compare with the random "
                "ones",
            )
        for state, network in networks.items():
            _extract_stages(study, network, images, names, state=state, seed=seed)
        read = partial(
            _representations, study=study, images=thumbnails, model=model, states=list(networks)
        )
        study.stage(
            "manifold", partial(_manifold, read=read, images=images, identity=identity, seed=seed)
        )
        if "trained" in networks:
            study.stage("similarity", partial(_similarity, read=read, seed=seed))
        study.stage(
            "invariance", partial(_invariance, study=study, states=list(networks), images=images)
        )
        study.stage("findings", lambda draft: draft.findings(_findings(study)))
        write_report(out)
    return Study(Path(out))


def _networks(model: str, weights: str | None, classes: int | None, seed: int) -> dict[str, Model]:
    options = {} if classes is None else {"classes": classes}
    if weights is None:
        return {"untrained": open_model(model, weights="random", seed=seed, **options)}
    trained = open_model(model, weights=weights, seed=seed, **options)
    untrained = open_model(model, weights="random", seed=seed, **trained.options)
    return {"trained": trained, "untrained": untrained}


def _images(draft: Draft, images: Images, identity: Split) -> None:
    part = np.full(len(images), "held-out", dtype=object)
    part[identity[0]] = "train"
    table = {
        "row": np.arange(len(images)),
        "id": images.ids,
        "label": "" if images.labels is None else images.labels,
        "identity_split": part,
    }
    draft.table("images", pd.DataFrame(table))
    pixels = images.pixels()
    draft.array("thumbnails", pixels[:, 0] if pixels.shape[1] == 1 else pixels)


def _extract_stages(
    study: Study, network: Model, images: Images, names: list[str], *, state: str, seed: int
) -> None:
    """The layers of all images, and those of some images under each perturbation."""

    def plain(draft: Draft) -> None:
        _extract(draft, network, images, names, f"acts/{state}")

    def perturbed(draft: Draft) -> None:
        layers = list(open_activations(study.folder / "acts" / state).layers)
        some = images.take(_evenly(len(images), PERTURBED)).at(size=network.preprocessing.size)
        for name in PERTURBATIONS:
            _extract(draft, network, perturb(some, name, seed=seed), layers, f"acts/{state}-{name}")

    study.stage(f"extract {state}", plain)
    study.stage(f"perturb {state}", perturbed)


def _extract(draft: Draft, network: Model, images: Images, names: list[str], where: str) -> None:
    out = draft.folder / where
    extract(network, images, layers=names, out=out, strict=True)
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        draft.path(path.relative_to(draft.folder).as_posix())


def _evenly(n: int, most: int) -> np.ndarray:
    """At most ``most`` of n rows, evenly spaced."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def _representations(
    study: Study, images: Images, model: str, states: list[str]
) -> Iterator[Representation]:
    """The pixels, and every layer in every state, in the order of depth; one at a time."""
    clusters = images.labels if labels_are_identities(images) else None
    yield Representation("pixels", "pixels", "none", "pixels", images.matrix(), clusters)
    for state in states:
        acts = open_activations(study.folder / "acts" / state)
        for layer in acts.layers:
            yield Representation(f"{state} {layer}", model, state, layer, acts[layer], clusters)


def _manifold(draft: Draft, read: Read, images: Images, identity: Split, seed: int) -> None:
    """Measure every representation: layers.csv, spectrum.csv, map.csv, profile.csv, factors.csv."""
    described, profile, factors = [], [], []
    depths: dict[str, int] = {}
    total = sum(1 for _ in read())
    with progress.task("manifold", total, "layers") as advance:
        for one in read():
            described.append(describe(one, labels=images.labels, split=identity, seed=seed))
            depth = depths.setdefault(one.layer, len(depths))
            names = {**one.identify(), "depth": depth, "n": len(one.matrix)}
            if described[-1].measured:
                profile.append({**names, **profile_row(one, images.labels, seed)})
                rows = factor_rows(one, images.factors, seed)
                factors += [{**names, **row} for row in rows]
            advance(1)
    write_descriptions(draft, described)
    draft.table("profile", pd.DataFrame(profile))
    if factors:
        draft.table("factors", pd.DataFrame(factors))


def _similarity(draft: Draft, read: Read, seed: int) -> None:
    representations = list(read())
    rows = _evenly(len(representations[0].X), COMPARED)
    draft.table("similarity", similarity_table(representations, rows, seed))


def _invariance(draft: Draft, study: Study, states: list[str], images: Images) -> None:
    """Write invariance.csv: how far each layer moves under each perturbation, a row each."""
    some = _evenly(len(images), PERTURBED)
    groups = None if images.labels is None else images.labels[some]
    if groups is not None and len(np.unique(groups)) < MIN_CLUSTERS:
        groups = None  # a jackknife over so few labels says next to nothing
    rows = []
    for state in states:
        acts = open_activations(study.folder / "acts" / state)
        for name, perturbation in PERTURBATIONS.items():
            after = open_activations(study.folder / "acts" / f"{state}-{name}")
            for depth, layer in enumerate(acts.layers):
                measured = invariance(acts[layer][some], np.asarray(after[layer]), groups=groups)
                names = {
                    "change": name,
                    "title": perturbation.title,
                    "weights": state,
                    "layer": layer,
                    "depth": depth,
                }
                rows.append({**names, **invariance_row(measured)})
    draft.table("invariance", pd.DataFrame(rows))


def _findings(study: Study) -> dict[str, list[str]]:
    """Sentences with the numbers first, by the section that shows them."""
    table, invariances = study.result("profile"), study.result("invariance")
    sentences = {"profile": [_dimension_finding(table)]}
    if "knn" in table:
        sentences["profile"].append(_probe_finding(table))
    sentences["invariance"] = [_invariance_finding(invariances)]
    if "similarity" in study.manifest["stages"]:
        sentences["similarity"] = [_similarity_finding(study.result("similarity"))]
    return sentences


def _dimension_finding(table: Any) -> str:
    spans = []
    for state in ("trained", "untrained"):
        rows = table[table["weights"] == state]
        if not rows.empty:
            first, last = rows.iloc[0], rows.iloc[-1]
            spans.append(
                f"from {first.dimension_calibrated:.1f} in {first.layer} to "
                f"{last.dimension_calibrated:.1f} in {last.layer} in the {state} network"
            )
    pixels: Any = table.iloc[0]
    return (
        f"The intrinsic dimension (TwoNN, calibrated) goes {', and '.join(spans)}; that of the "
        f"pixels is {pixels.dimension_calibrated:.1f} [{pixels.dimension_calibrated_low:.1f}, "
        f"{pixels.dimension_calibrated_high:.1f}] ({pixels.n} images)."
    )


def _probe_finding(table: Any) -> str:
    trained = table[table["weights"] == "trained"]
    rows = trained if not trained.empty else table[table["weights"] == "untrained"]
    best: Any = rows.loc[rows["linear"].idxmax()]
    same = table[(table["layer"] == best.layer) & (table["weights"] == "untrained")]
    control = ""
    if best.weights == "trained" and not same.empty:
        control = f", {_share(same.iloc[0], 'linear')} from the same layer untrained"
    return (
        f"{_share(best, 'linear')} of held-out images are classified correctly by a linear probe "
        f"of {best.representation}{control}; with shuffled labels it is "
        f"{percent(best.linear_shuffled)}."
    )


def _invariance_finding(table: Any) -> str:
    last = table[table["depth"] == table["depth"].max()]
    rows = last[last["weights"] == last["weights"].iloc[0]]
    most: Any = rows.loc[rows["relative_displacement"].idxmax()]
    least: Any = rows.loc[rows["relative_displacement"].idxmin()]
    return (
        f"{most.layer} of the {most.weights} network moves most when an image is {most.title}, by "
        f"{_displacement(most)} times the distance between two images, and least when it is "
        f"{least.title}, by {_displacement(least)} ({most.n} images)."
    )


def _similarity_finding(table: Any) -> str:
    layers = [name.removeprefix("trained ") for name in table["one"] if name.startswith("trained ")]
    deepest = layers[-1]
    pair = {f"trained {deepest}", f"untrained {deepest}"}
    both = [{a, b} == pair for a, b in zip(table["one"], table["other"], strict=True)]
    row: Any = table[both].iloc[0]
    return (
        f"{row.cka:.2f} is the similarity (debiased CKA) of the trained {deepest} and the "
        f"untrained one; shuffled images stay below {row.null:.2f} ({row.n} images)."
    )


def _share(row: Any, name: str) -> str:
    return f"{percent(row[name])} [{percent(row[f'{name}_low'])}, {percent(row[f'{name}_high'])}]"


def _displacement(row: Any) -> str:
    low, high = row.relative_displacement_low, row.relative_displacement_high
    return f"{row.relative_displacement:.2f} [{low:.2f}, {high:.2f}]"
