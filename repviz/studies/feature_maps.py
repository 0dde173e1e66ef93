"""The study ``featuremaps``: a few photographs through a network, map by map.

What does each layer see in a photograph, what does pooling carry forward, and what would the same
architecture see before any training?
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import checks
from repviz.activations import layout
from repviz.activations.capture import Capture, matching
from repviz.activations.extraction import dry_run, extract
from repviz.activations.reduction import Layer
from repviz.activations.store import open_activations
from repviz.bottleneck.data import describe_images
from repviz.errors import InputError, Unavailable
from repviz.figures import pictures
from repviz.images import as_images
from repviz.images.collection import Images
from repviz.models import open_model
from repviz.models.anatomy import towers
from repviz.models.depth import layers_over_depth
from repviz.models.model import Model, evaluating
from repviz.models.untrained import untrained_copy
from repviz.number_format import percent
from repviz.provenance import portable
from repviz.report.page import write_report
from repviz.study_folder import Draft, Study, begin

SUMMARY = (
    "What does each layer see in a photograph, what does pooling carry forward, and what would the "
    "same architecture see untrained?"
)
MOST_IMAGES, MOST_LAYERS = 12, 12
ACROSS, SIDE = 8, 64  # maps per row of a PNG, and pixels of a map, at least
TOP = 5  # classes listed per image


def feature_maps(
    images: Images | str,
    *,
    out: str | Path,
    model: str = "alexnet",
    weights: str | Path | None = None,
    layers: Iterable[str] | str | None = None,
    channels: int = 16,
    photographs: bool = True,
    seed: int = 0,
) -> Study:
    """A study folder with the strongest feature maps of each layer, and its report.

    Arrays hold the maps as :func:`repviz.extract` gives them; a PNG of each layer and image shows
    them as a grid, each map at its own contrast.

    Parameters
    ----------
    images : Images or str
        Of more than 12, 12 at equal steps are shown.
    out : path
        The folder.
    model : str
        The name of any network, as :func:`repviz.open_model` takes it.
    weights : str or path, optional
        Its weights, as :func:`repviz.open_model` takes them; random if left out.
    layers : iterable of str, optional
        Names, globs or types of layers that give maps; convolutions and max-pooling, or at most 12
        layers over the depth, if left out.
    channels : int
        Maps per layer and image, the strongest first, 1 to 64.
    photographs : bool
        Whether the report may show the images; without, it shows the maps only.
    seed : int
        Seed of random weights: the model's own, and the untrained control's.

    Returns
    -------
    Study
        The folder, opened.

    Raises
    ------
    InputError
        No layer gives maps.
    """
    channels = checks.integer("study featuremaps", "channels", channels, low=1, high=64)
    network = open_model(model, weights="random" if weights is None else str(weights), seed=seed)
    images = as_images(images)
    rows = np.unique(np.linspace(0, len(images) - 1, min(MOST_IMAGES, len(images))).round())
    images = images.take(rows.astype(int))
    chosen = _layers_with_maps(network, layers)
    states = {"given": network}
    control = _control(network, seed)
    if isinstance(control, Model):
        states["untrained"] = control
    parameters = {
        "images": portable(images.name),
        "weights": network.key,
        "layers": chosen,
        "channels": channels,
        "photographs": photographs,
        "seed": seed,
    }
    title = f"What {network.name} sees in {len(images)} {images.nouns.images}"
    with begin(
        out,
        study="featuremaps",
        title=title,
        parameters=parameters,
        images=describe_images(images),
        summary=SUMMARY,
    ) as study:
        for state, one in states.items():
            work = partial(_extract, model=one, images=images, layers=chosen, state=state)
            study.stage(f"extract {state}", work)
        if isinstance(control, str):
            study.skip("extract untrained", control)
        show = partial(_maps, study=study, images=images, states=states, channels=channels)
        study.stage("feature_maps", partial(show, photographs=photographs))
        study.stage("findings", partial(_findings, study=study, model=network))
        write_report(out)
    return study


def _layers_with_maps(model: Model, layers: Iterable[str] | str | None) -> list[str]:
    """The layers whose output has height and width; an error if there are none."""
    if layers is not None:
        names = list(matching(model.module, checks.as_list(layers)))
    else:
        kinds = {"Conv2d", "MaxPool2d"}
        names = [
            name
            for name, part in model.module.named_modules()
            if kinds & {above.__name__ for above in type(part).__mro__}
        ]
        if not 0 < len(names) <= MOST_LAYERS:
            names = list(layers_over_depth(model.module, most=MOST_LAYERS))
    with evaluating(model.module), Capture(model.module, names) as capture:
        seen = {layer.name: layer for layer in dry_run(model, capture, strict=False)}
    with_maps = [name for name in names if name in seen and _positions(seen[name]) > 1]
    if not with_maps:
        raise InputError(
            "study featuremaps: a layer must output maps (channels, height, width), got none "
            f"among {', '.join(names)}. Choose convolutions: layers='type:Conv2d'."
        )
    return with_maps


def _positions(layer: Layer) -> int:
    """The number of positions of a layer's maps; 0 where its output has no maps."""
    if "h" not in layer.axes:
        return 0
    return prod(layer.shape[layer.axes.index(axis)] for axis in "hw")


def _control(model: Model, seed: int) -> Model | str:
    """The same architecture untrained, or why there is none."""
    if model.weights_kind == "untrained":
        return "the weights are random themselves"
    try:
        return untrained_copy(model, seed)
    except Unavailable as error:
        return str(error)


def _extract(draft: Draft, model: Model, images: Images, layers: list[str], state: str) -> None:
    last = list(model.layers or layers_over_depth(model.module))[-1]
    out = draft.folder / "acts" / state
    extract(model, images, layers=list(dict.fromkeys([*layers, last])), out=out, strict=True)
    draft.list_files(layout.written_files(out))


def _maps(
    draft: Draft,
    study: Study,
    images: Images,
    states: dict[str, Model],
    channels: int,
    photographs: bool,
) -> None:
    write_maps(draft, study.folder / "acts", states, images, channels=channels)
    if photographs:
        size = next(iter(states.values())).preprocessing.size
        draft.array("photographs", np.stack([images.at(size=size)[i] for i in range(len(images))]))


def write_maps(
    draft: Draft,
    folder: Path,
    states: Mapping[str, Model],
    images: Images,
    *,
    channels: int,
    same_channels: bool = False,
) -> None:
    """Write the strongest maps of every layer and image, and the classes of the largest scores.

    feature_maps.csv and an array (n, channels, h, w) of each layer and state, as
    :func:`repviz.extract` gave them; a PNG of each image's; predictions.csv of the layers that give
    scores and no maps.

    Parameters
    ----------
    draft : Draft
        Where the stage writes.
    folder : Path
        Holds the activations of ``images``, a folder for each state.
    states : mapping of str to Model
        The network of each state: "given" or "trained", "untrained".
    images : Images
        The n images.
    channels : int
        Maps per layer and image, at least 1, as many of each tower.
    same_channels : bool
        Whether the states are one network before and after training, so that a channel is the same
        in all: then every state shows the channels that are strongest in the first.
    """
    found: list[dict[str, Any]] = []
    first: dict[str, list[list[tuple[int, int]]]] = {}
    scores: list[dict[str, Any]] = []
    for state, model in states.items():
        acts = open_activations(folder / state)
        for layer, card in acts.manifest["layers"].items():
            values = np.asarray(acts[layer], dtype=np.float32).reshape(-1, *card["shape"])
            if "h" not in card["axes"]:
                scores += _scores(values, images, model, state)
                continue
            maps = np.moveaxis(values, card["axes"].index("c") + 1, 1)
            split = towers(model) if layer.startswith("conv") else 1
            kept = [_strongest(one, channels, split) for one in maps]
            if same_channels:
                kept = first.setdefault(layer, kept)
            for row, chosen in enumerate(kept):
                found += [
                    {"state": state, "layer": layer, "image": row, "id": images.ids[row]}
                    | {"tower": tower, "rank": rank, "channel": channel}
                    | {"height": maps.shape[2], "width": maps.shape[3]}
                    | {"maximum": maps[row, channel].max(), "mean": maps[row, channel].mean()}
                    for rank, (tower, channel) in enumerate(chosen, 1)
                ]
                shown = maps[row][[channel for _, channel in chosen]]
                scale = max(1, -(-SIDE // max(shown.shape[1:])))
                grid = pictures.tiled(pictures.grey_levels(shown), across=ACROSS, scale=scale)
                pictures.save_grey(grid, draft.path(f"maps/{state}-{layer}-{row:02d}.png"))
            indices = np.array([[channel for _, channel in chosen] for chosen in kept])
            strongest = np.take_along_axis(maps, indices[:, :, None, None], axis=1)
            draft.array(f"maps_{state}_{layer}", strongest)
    draft.table("feature_maps", pd.DataFrame(found))
    columns = ["state", "image", "id", "rank", "label", "probability"]
    draft.table("predictions", pd.DataFrame(scores, columns=columns))


def _strongest(maps: np.ndarray, channels: int, split: int) -> list[tuple[int, int]]:
    """(tower, channel) of the maps (c, h, w) with the largest activation, as many per tower."""
    each, peaks = len(maps) // split, maps.max(axis=(1, 2))
    chosen = []
    for tower in range(split):
        order = np.argsort(-peaks[tower * each : (tower + 1) * each], kind="stable")
        most = max(1, channels // split)
        chosen += [(tower + 1 if split > 1 else 0, tower * each + int(c)) for c in order[:most]]
    return chosen


def _scores(values: np.ndarray, images: Images, model: Model, state: str) -> list[dict[str, Any]]:
    """The classes with the largest softmax probability; of a network without labels, by number."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    shares = np.exp(flat - flat.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    classes = model.classes or [f"class {i}" for i in range(shares.shape[1])]
    return [
        {"state": state, "image": row, "id": images.ids[row], "rank": rank}
        | {"label": classes[best], "probability": share[best]}
        for row, share in enumerate(shares)
        for rank, best in enumerate(np.argsort(-share, kind="stable")[:TOP], 1)
    ]


def _findings(draft: Draft, study: Study, model: Model) -> None:
    table = study.result("feature_maps")
    layers = table[table["state"] == "given"].drop_duplicates("layer")
    first, last = layers.iloc[0], layers.iloc[-1]
    sentences = [
        f"From {first.layer} to {last.layer} the maps shrink from {first.height}×{first.width} to "
        f"{last.height}×{last.width} positions; the network's weights: {model.weights}."
    ]
    scores = study.result("predictions")
    best = scores[(scores["state"] == "given") & (scores["rank"] == 1)]
    if len(best):
        row: Any = best.iloc[0]
        sentences.append(
            f"{row.id} is classified as {row.label} with a probability of "
            f"{percent(row.probability)} by the network's own softmax, which is no calibrated one."
        )
    draft.findings({"feature_maps": sentences})
