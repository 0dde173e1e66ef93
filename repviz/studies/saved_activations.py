"""The study ``activations``: the representations in one or several folders of activations.

Activations that were extracted before, or made elsewhere and imported: their intrinsic dimension,
spectrum, map, nearest neighbours and probes, layer by layer, and how similar the layers are.
Several folders (networks, weights, epochs, data sets) stand side by side, and are compared image by
image where they are of the same images.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks, progress, provenance
from repviz.bottleneck.data import as_stored, labels_key
from repviz.images import as_images, split
from repviz.images.collection import Images
from repviz.images.partition import by_for_labels
from repviz.report.page import write_report
from repviz.streams import stream
from repviz.studies import stores as stored
from repviz.studies.activation_findings import activation_findings
from repviz.studies.cost import estimate, refuse_what_does_not_fit
from repviz.studies.layer_tables import similarity_table
from repviz.studies.measurement import Targets, images_table, measure
from repviz.studies.representations import Split
from repviz.studies.stores import Store, StoredImages
from repviz.study_folder import Draft, Study, begin

if TYPE_CHECKING:
    from repviz.activations.store import Activations

SUMMARY = (
    "What do these activations hold of their images: in how many directions do they vary, which "
    "labels can be read off them, and how similar are the layers?"
)
THUMBNAIL = 64  # pixels per side
BLANK = 200  # grey level of an image whose picture is not known


def saved_activations(
    activations: Activations | str | Path | Sequence[Activations | str | Path],
    *,
    out: str | Path,
    layers: Iterable[str] | str | None = None,
    sample: int = 2000,
    pictures: Images | str | None = None,
    seed: int = 0,
) -> Study:
    """A study folder with what saved activations hold of their images, and its report.

    Parameters
    ----------
    activations : Activations, path, or sequence of these
        Folders that :func:`repviz.extract` or :func:`repviz.import_matrix` wrote, of at least 40
        readable rows each. Rows of several folders are paired by the content of their images; by
        their ids, where one was imported.
    out : path
        The folder.
    layers : str or iterable of str, optional
        Layers to measure, by name or glob; all if left out.
    sample : int
        Largest number of images to measure of each folder, at least 40; of more, a random sample,
        which is the same for folders of the same images.
    pictures : Images or str, optional
        The images, or the name of their source, for the pictures in the report; paired by id.
    seed : int
        Random seed of the sample, the maps, the probes and their controls.

    Returns
    -------
    Study
        The folder, opened.

    Raises
    ------
    InputError
        A folder is given twice, has too few rows, or none of the layers.
    """
    sample = checks.integer("study activations", "sample", sample, low=stored.FEWEST)
    rng = stream(seed, "activations", "sample")
    stores, images = stored.open_stores(activations, layers=layers, sample=sample, rng=rng)
    _announce_cost(stores, out)
    shown = None if pictures is None else as_images(pictures).at(size=THUMBNAIL)
    parameters = {
        "activations": {one.name: one.acts.key for one in stores},
        "layers": {one.name: list(one.layers) for one in stores},
        "sample": sample,
        "pictures": None if shown is None else provenance.portable(shown.name),
        "seed": seed,
    }
    with begin(
        out,
        study="activations",
        title=_title(stores, len(images)),
        parameters=parameters,
        images=describe_stores(stores, images, shown),
        summary=SUMMARY,
    ) as study:
        parts = split(images, (0.7, 0.3), by=by_for_labels(images), seed=seed)
        halves = parts[0], parts[1]
        study.stage(
            "images", partial(write_stored_images, images=images, split=halves, shown=shown)
        )
        study.stage("stores", partial(_stores, stores=stores))
        read = partial(stored.representations, stores, images.clusters)
        targets = Targets(images.labels, images.factors, halves)
        pairs = stored.store_pairs, stored.store_pairs
        work = partial(
            measure, read=read, targets=targets, depths=stored.depths(stores), pairs=pairs
        )
        study.stage("manifold", partial(work, seed=seed))
        if sum(len(one.layers) for one in stores) > 1:
            study.stage(
                "similarity",
                lambda draft: draft.table("similarity", similarity_table(list(read()), seed)),
            )
        else:
            study.skip("similarity", "there is one layer, and nothing to compare it with")
        study.stage("findings", lambda draft: draft.findings(activation_findings(study)))
        write_report(out)
    return Study(Path(out))


def _announce_cost(stores: Sequence[Store], out: str | Path) -> None:
    """Report the cost of the study, and refuse one for which disk or memory do not suffice."""
    n = max(len(one.rows) for one in stores)
    widths = [one.acts[layer].shape[1] for one in stores for layer in one.layers]
    cost = estimate(widths, n=n, networks=1, perturbed=0, seconds=0.0)
    cost = replace(cost, disk=0.0)  # nothing is extracted
    refuse_what_does_not_fit("study activations", cost, out)
    progress.say(f"study activations: {cost}, as estimated")


def describe_stores(
    stores: Sequence[Store], images: StoredImages, shown: Images | None
) -> dict[str, Any]:
    """The description of the images of stores in a study's manifest.

    Parameters
    ----------
    stores : sequence of Store
        What is measured.
    images : StoredImages
        Their images.
    shown : Images or None
        Those whose pictures are shown.
    """
    return {
        "name": images.name,
        "credit": "" if shown is None else shown.credit,
        "key": stored.images_key(stores, images),
        "labels_key": labels_key(images.labels, images.groups),
        "n": len(images),
        "labels": len(images.classes),
        "nouns": replace(
            stored.nouns_of_stores(stores), grouped=images.groups is not None
        ).as_json(),
    }


def _title(stores: Sequence[Store], n: int) -> str:
    images = stored.nouns_of_stores(stores).images
    if len(stores) > 1:
        return f"{len(stores)} folders of activations side by side, of {n:,} {images}"
    network, layers = stores[0].acts.network, stores[0].layers
    named = f"layer {layers[0]}" if len(layers) == 1 else f"{len(layers)} layers"
    holds = "holds" if len(layers) == 1 else "hold"
    return f"What {named} of {network} {holds} of {n:,} {images}"


def write_stored_images(
    draft: Draft, images: StoredImages, split: Split, shown: Images | None
) -> None:
    """Write images.csv and, where their pictures are known, the array of thumbnails.

    Parameters
    ----------
    draft : Draft
        Where the stage writes.
    images : StoredImages
        One row each.
    split : (ndarray, ndarray)
        The rows that are known, and those that are held out.
    shown : Images or None
        Their pictures, found by id.
    """
    draft.table("images", images_table(images, split))
    if shown is not None:
        draft.array("thumbnails", _thumbnails(images.ids, shown))


def _thumbnails(ids: Sequence[str], shown: Images) -> np.ndarray:
    """The picture of each id (n, ...) uint8; grey where there is none."""
    place = {name: row for row, name in enumerate(shown.ids)}
    rows = np.array([place.get(name, -1) for name in ids])
    if (rows < 0).all():
        checks.one_of("study activations: pictures", "image", ids[0], list(shown.ids))
    found = np.flatnonzero(rows >= 0)
    pixels = as_stored(shown.take(rows[found]).pixels())
    thumbnails = np.full((len(ids), *pixels.shape[1:]), BLANK, np.uint8)
    thumbnails[found] = pixels
    return thumbnails


def _stores(draft: Draft, stores: Sequence[Store]) -> None:
    draft.table("stores", stored.stores_table(stores))
    draft.table("shared_images", stored.shared_table(stores))
