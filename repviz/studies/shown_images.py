"""A few held-out images of a study: their feature maps, and their nearest images in each layer."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from repviz.images.collection import Images
from repviz.models import open_model
from repviz.streams import stream
from repviz.studies.feature_maps import write_maps
from repviz.study_folder import Draft, Study

SHOWN = 3  # images
CHANNELS = 6  # maps of each layer, strongest first
NEAREST = 5  # nearest training images of each image, at most
COLUMNS = (
    *("image", "row", "id", "label", "representation", "rank"),
    *("neighbor_row", "neighbor_id", "same_label"),
)


def shown_rows(labels: np.ndarray | None, rows: np.ndarray, *, seed: int) -> np.ndarray:
    """At most three of ``rows``, drawn at random, each of another label, ascending.

    Parameters
    ----------
    labels : ndarray, shape (n,), or None
        Labels of all images; None draws three of ``rows``, whatever they show.
    rows : ndarray of int
        Rows to choose from.
    seed : int
        Which rows.
    """
    order = stream(seed, "feature maps").permutation(rows)
    if labels is not None:
        order = order[np.sort(np.unique(labels[order], return_index=True)[1])]
    return np.sort(order[:SHOWN])


def shown_stage(study: Study, images: Images, rows: np.ndarray) -> None:
    """The stage ``feature_maps``: what :func:`write_maps` writes of ``rows``, and their nearest.

    Needs the stages of AlexNet and the map; where AlexNet is not trained, the study says why there
    are no maps.

    Parameters
    ----------
    study : Study
        Where the stage writes.
    images : Images
        All images.
    rows : ndarray of int
        The rows whose maps were extracted, a row of images.csv each.
    """
    if reason := study.manifest["skipped"].get("training"):
        study.skip("feature_maps", f"AlexNet was not trained: {reason}")
        return
    study.stage("feature_maps", partial(_shown, study=study, images=images, rows=rows))


def _shown(draft: Draft, study: Study, images: Images, rows: np.ndarray) -> None:
    model = open_model("alexnet", weights=str(study.folder / "models/alexnet.safetensors"))
    states = dict.fromkeys(("trained", "untrained"), model)  # one architecture
    # The untrained network is the start of the training, so a channel is the same in both.
    shown, folder = images.take(rows), study.folder / "acts/maps"
    write_maps(draft, folder, states, shown, channels=CHANNELS, same_channels=True)
    nearest = nearest_images(
        study.result("images"), study.result("map"), study.array("map_neighbors"), rows
    )
    names = study.result("layers")[["representation", "layer", "weights"]]
    draft.table("nearest_images", nearest.merge(names, on="representation", how="left"))


def nearest_images(
    images: pd.DataFrame, points: pd.DataFrame, neighbors: np.ndarray, rows: np.ndarray
) -> pd.DataFrame:
    """The nearest training images of a few images, in each representation.

    They are the first five training images among the neighbours that the study keeps, which are
    the nearest of all images measured; fewer, where fewer of these are training images.

    Parameters
    ----------
    images : DataFrame
        row, id, label, identity_split ("train" or "held-out").
    points : DataFrame
        representation, row: the order of ``neighbors``.
    neighbors : ndarray of int, shape (representations, n, k)
        Rows of the k nearest images of each image, nearest first; -1 beyond the last.
    rows : ndarray of int
        The images, as rows of ``images``.

    Returns
    -------
    DataFrame
        image (place in ``rows``), row, id, label, representation, rank (from 1), neighbor_row,
        neighbor_id, same_label.
    """
    known = images.set_index("row")
    training = set(known.index[known["identity_split"] == "train"])
    found = []
    for (name, own), nearest in zip(
        points.groupby("representation", sort=False), neighbors, strict=True
    ):
        places = {row: place for place, row in enumerate(own["row"])}
        for image, row in enumerate(rows.tolist()):
            label = known.loc[row, "label"]
            kept = [at for at in nearest[places[row]].tolist() if at in training][:NEAREST]
            found += [
                {"image": image, "row": row, "id": known.loc[row, "id"], "label": label}
                | {"representation": name, "rank": rank, "neighbor_row": at}
                | {"neighbor_id": known.loc[at, "id"]}
                | {"same_label": bool(known.loc[at, "label"] == label)}
                for rank, at in enumerate(kept, 1)
            ]
    return pd.DataFrame(found, columns=list(COLUMNS))
