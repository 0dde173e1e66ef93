"""The study ``layers``: what each layer of a network holds of the images, trained and untrained.

Over the depth of a network: how many degrees of freedom the images have there, how well labels and
known factors can be read, how alike the layers are, and how far each moves when an image is
mirrored, moved, turned or lit otherwise. The same network with random weights stands beside the
trained one, a Gaussian of the same covariance beside each dimension, shuffled labels beside each
reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import checks, progress
from repviz.activations.extraction import extract
from repviz.activations.store import open_activations
from repviz.bottleneck.data import describe
from repviz.images import as_images, split
from repviz.images.collection import Images
from repviz.images.partition import labels_are_identities
from repviz.images.perturbations import PERTURBATIONS, perturb
from repviz.manifold.dimension import dimension
from repviz.manifold.dimension.curve import scale_curve
from repviz.manifold.invariance import invariance
from repviz.manifold.neighbors import neighbors
from repviz.manifold.probes import Probe, probe
from repviz.manifold.similarity import similarity
from repviz.models import open_model
from repviz.models.model import Model
from repviz.principal import pca
from repviz.report.page import write_report
from repviz.studies.findings import layers_findings
from repviz.studies.representations import Representation, describe_representations
from repviz.study_folder import Draft, Study, begin

LEDE = (
    "What does each layer of a network hold, trained and untrained: how many degrees of freedom, "
    "which labels and known factors, and which changes of an image leave it unmoved?"
)
FEWEST = 40  # images
CHANGED = 200  # images that are changed, at most
SCALES = 64  # neighbours of the shared graph, where there are as many
COMPARED = 500  # images that similarity compares, at most
SHUFFLES = 99
THUMBNAIL = 64  # pixels a side
STATES = {"trained": "trained", "untrained": "random"}  # as a file's name, as the tables have it


def layers(
    images: Images | str,
    *,
    out: str | Path,
    model: str = "alexnet",
    weights: str | None = None,
    of: Iterable[str] | str | None = None,
    classes: int | None = None,
    seed: int = 0,
) -> Study:
    """A study folder with the profile of a network's layers over depth, and its report.

    Parameters
    ----------
    images : Images or str
        At least 40, or the name of a source. Labels and factors, where known, are read from each
        layer.
    out : path
        The folder.
    model : str
        As :func:`repviz.open_model` takes it.
    weights : str, optional
        The trained weights: "default" or a checkpoint. Without them only the untrained network is
        looked at, and the report says so.
    of : str or iterable of str, optional
        Layers, by name or glob; the model's own choice if left out.
    classes : int, optional
        Handed to the model, where it takes it.
    seed : int
        Of everything random, the untrained network's weights too.

    Returns
    -------
    Study
        The folder, opened.
    """
    images = as_images(images)
    if len(images) < FEWEST:
        checks.integer("study layers", "the number of images", len(images), low=FEWEST)
    networks = _networks(model, weights, classes, seed)
    names = checks.as_list(of) if of is not None else list(networks["untrained"].layers)
    shown = images.at(size=THUMBNAIL)
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
        title=f"What the layers of {model} hold of {len(images)} images of {images.name}",
        parameters=parameters,
        images=describe(shown),
        lede=LEDE,
    ) as study:
        study.stage("images", partial(_images, images=shown, seed=seed))
        if "trained" not in networks:
            study.skip(
                "similarity",
                "no trained weights were given, so there is nothing to set beside the random ones",
            )
        for state, network in networks.items():
            study.stage(
                f"extract {state}",
                partial(_extract, network=network, images=images, names=names, state=state),
            )
            study.stage(
                f"changes {state}",
                partial(
                    _changes, study=study, network=network, images=images, state=state, seed=seed
                ),
            )
        listed = partial(_listed, study=study, images=shown, model=model, states=list(networks))
        study.stage(
            "manifold", partial(_manifold, study=study, images=images, listed=listed, seed=seed)
        )
        study.stage("profile", partial(_profile, images=images, listed=listed, seed=seed))
        if "trained" in networks:
            study.stage("similarity", partial(_similarity, listed=listed, seed=seed))
        study.stage(
            "invariance", partial(_invariance, study=study, states=list(networks), images=images)
        )
        study.stage("findings", partial(_findings, study=study))
        write_report(out)
    return Study(Path(out))


def _networks(model: str, weights: str | None, classes: int | None, seed: int) -> dict[str, Model]:
    options = {} if classes is None else {"classes": classes}
    if weights is None:
        return {"untrained": open_model(model, weights="random", seed=seed, **options)}
    trained = open_model(model, weights=weights, seed=seed, **options)
    untrained = open_model(model, weights="random", seed=seed, **trained.options)
    return {"trained": trained, "untrained": untrained}


def _images(draft: Draft, images: Images, seed: int) -> None:
    identity = split(images, (0.7, 0.3), by="image", seed=seed)
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


def _extract(draft: Draft, network: Model, images: Images, names: list[str], state: str) -> None:
    _kept(draft, network, images, names, f"acts/{state}")


def _changes(
    draft: Draft, study: Study, network: Model, images: Images, state: str, seed: int
) -> None:
    """The same layers of changed images: their first ``CHANGED``, evenly over the rows."""
    names = list(open_activations(study.folder / "acts" / state).layers)
    few = images.take(_few(len(images), CHANGED)).at(size=network.preprocessing.size)
    for name in PERTURBATIONS:
        _kept(draft, network, perturb(few, name, seed=seed), names, f"acts/{state}-{name}")


def _kept(draft: Draft, network: Model, images: Images, names: list[str], where: str) -> None:
    out = draft.folder / where
    extract(network, images, layers=names, out=out, strict=True)
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        draft.path(path.relative_to(draft.folder).as_posix())


def _few(n: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def _listed(study: Study, images: Images, model: str, states: list[str]) -> list[Representation]:
    """The pixels, and every layer of every state, in the order of depth."""
    found = [Representation("pixels", "pixels", "none", "pixels", images.matrix())]
    for state in states:
        acts = open_activations(study.folder / "acts" / state)
        found += [
            Representation(f"{state} {layer}", model, STATES[state], layer, acts[layer])
            for layer in acts.layers
        ]
    return found


def _manifold(draft: Draft, study: Study, images: Images, listed: Any, seed: int) -> None:
    part = study.result("images")["identity_split"].to_numpy()
    identity = np.flatnonzero(part == "train"), np.flatnonzero(part == "held-out")
    describe_representations(
        draft,
        listed(),
        labels=images.labels,
        identity=identity,
        clusters=_clusters(images),
        seed=seed,
    )


def _clusters(images: Images) -> np.ndarray | None:
    """Which images are no independent draws: those of one label, where labels are individuals."""
    return images.labels if labels_are_identities(images) else None


def _profile(draft: Draft, images: Images, listed: Any, seed: int) -> None:
    """results/profile.csv and factors.csv: a row a layer, a row a layer and factor."""
    rows, factors = [], []
    chosen = listed()
    order = list(dict.fromkeys(of.layer for of in chosen))
    with progress.task("profile", len(chosen), "layers") as advance:
        for of in chosen:
            # Distances and directions among n rows lie in at most n - 1 dimensions.
            fit = pca(np.asarray(of.X))
            X = fit.scores[:, fit.explained_variance > 0]
            named = {
                "representation": of.name,
                "weights": of.weights,
                "layer": of.layer,
                "depth": order.index(of.layer),
                "n": len(X),
            }
            rows.append(
                {**named, **_shape(X, _clusters(images), seed), **_labels(X, images.labels, seed)}
            )
            for factor, values in images.factors.items():
                if np.isfinite(values).all() and np.ptp(values) > 0:
                    read = probe(X, values, method="factor", seed=seed)
                    factors.append({**named, "factor": factor, **_fields(read, "r2")})
            advance(1)
    draft.table("profile", pd.DataFrame(rows))
    if factors:
        draft.table("factors", pd.DataFrame(factors))


def _shape(X: np.ndarray, clusters: np.ndarray | None, seed: int) -> dict[str, Any]:
    """Dimension by several rulers, and that of a Gaussian of the same covariance."""
    graph = neighbors(X, k=min(SCALES + 8, len(X) - 1)).with_groups(clusters)
    curve = scale_curve(graph)
    two, danco = dimension(graph), dimension(graph, method="danco")
    spread = X.std(axis=0, ddof=1)
    drawn = np.random.default_rng(seed).standard_normal(X.shape) * spread
    flat = dimension(neighbors(drawn, k=graph.k))  # its rows are drawn one by one
    return {
        "twonn": two.value,
        "twonn_calibrated": two.calibrated,
        "twonn_calibrated_low": two.calibrated_low,
        "twonn_calibrated_high": two.calibrated_high,
        "plateau": curve.dimension,
        "plateau_low": curve.low,
        "plateau_high": curve.high,
        "plateau_from": curve.plateau[0],
        "plateau_to": curve.plateau[1],
        "danco": danco.value,
        "danco_low": danco.low,
        "danco_high": danco.high,
        "participation": dimension(graph, method="participation").calibrated,
        "pca_90": dimension(graph, method="pca-90").value,
        "gaussian": flat.value,
        "gaussian_calibrated": flat.calibrated,
        "gaussian_calibrated_low": flat.calibrated_low,
        "gaussian_calibrated_high": flat.calibrated_high,
        "warnings": " ".join(dict.fromkeys((*two.warnings, *curve.warnings))),
    }


def _labels(X: np.ndarray, labels: np.ndarray | None, seed: int) -> dict[str, float]:
    """How well labels are read, and how well shuffled ones are."""
    if labels is None or len(np.unique(labels)) < 2:
        return {}
    shuffled = np.random.default_rng(seed).permutation(labels)
    found: dict[str, float] = {}
    for method in ("knn", "linear"):
        read = probe(X, labels, method=method, seed=seed)
        found |= _fields(read, method)
        found[f"{method}_shuffled"] = probe(X, shuffled, method=method, seed=seed).value
        found["chance"] = read.chance
    return found


def _fields(read: Probe, name: str) -> dict[str, float]:
    return {name: read.value, f"{name}_low": read.low, f"{name}_high": read.high}


def _similarity(draft: Draft, listed: Any, seed: int) -> None:
    """results/similarity.csv: debiased CKA of every two representations, on the same images."""
    chosen = listed()
    few = _few(len(chosen[0].X), COMPARED)
    scores = []
    for of in chosen:
        scores.append(pca(np.asarray(of.X[few])).scores)
    rows = []
    with progress.task("similarity", len(chosen), "layers") as advance:
        for i, one in enumerate(chosen):
            for j in range(i, len(chosen)):
                # What chance makes of a pair is asked where it can be small: across states.
                found = similarity(scores[i], scores[j], permutations=SHUFFLES, seed=seed)
                rows.append(
                    {
                        "one": one.name,
                        "other": chosen[j].name,
                        "cka": found.value,
                        "null": found.null,
                        "p": found.p,
                        "n": found.n,
                    }
                )
            advance(1)
    draft.table("similarity", pd.DataFrame(rows))


def _invariance(draft: Draft, study: Study, states: list[str], images: Images) -> None:
    """results/invariance.csv: how far each layer moves under each change, a row each."""
    few = _few(len(images), CHANGED)
    groups = None if images.labels is None else images.labels[few]
    if groups is not None and len(np.unique(groups)) < 6:
        groups = None  # a jackknife over so few labels says next to nothing
    rows = []
    for state in states:
        acts = open_activations(study.folder / "acts" / state)
        for name, change in PERTURBATIONS.items():
            after = open_activations(study.folder / "acts" / f"{state}-{name}")
            for depth, layer in enumerate(acts.layers):
                found = invariance(acts[layer][few], np.asarray(after[layer]), groups=groups)
                rows.append(
                    {
                        "change": name,
                        "title": change.title,
                        "weights": STATES[state],
                        "layer": layer,
                        "depth": depth,
                        "relative_displacement": found.relative_displacement,
                        "relative_displacement_low": found.low,
                        "relative_displacement_high": found.high,
                        "top1_retrieval": found.top1_retrieval,
                        "top1_retrieval_low": found.top1_retrieval_low,
                        "top1_retrieval_high": found.top1_retrieval_high,
                        "n": found.n,
                    }
                )
    draft.table("invariance", pd.DataFrame(rows))


def _findings(draft: Draft, study: Study) -> None:
    draft.findings(layers_findings(study))
