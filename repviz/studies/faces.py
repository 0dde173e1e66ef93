"""The study ``faces``: bottleneck, network, manifold and random images of faces in one report.

How small can a face's code be? What do AlexNet's layers hold before and after training? What shape
is the set of faces in each of them, and how far from it is a random point?
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from repviz import checks, remote
from repviz.activations.store import open_activations
from repviz.bottleneck.choice_stages import choice_stages
from repviz.bottleneck.criteria import get_criterion
from repviz.bottleneck.data import SweepData, describe_images, load_data
from repviz.bottleneck.decoders import decoder_stage
from repviz.bottleneck.engines import ENGINES
from repviz.bottleneck.findings import choice_findings, sweep_findings
from repviz.bottleneck.fits import fit_stages
from repviz.bottleneck.plan import Plan, size_limit, usable_sizes
from repviz.bottleneck.splits import further_partitions
from repviz.bottleneck.sweep import write_images
from repviz.errors import InputError
from repviz.images import as_images, split
from repviz.images.collection import Images
from repviz.images.partition import by_for_labels, partition
from repviz.models import autoencoder
from repviz.number_format import count, counted, percent, share_interval
from repviz.provenance import portable
from repviz.report.page import write_report
from repviz.streams import stream
from repviz.studies.alexnet_stages import LAYERS, affordable_training, alexnet_stages
from repviz.studies.capacity import capacity_findings
from repviz.studies.random_images import ladder_findings
from repviz.studies.random_stages import code_autoencoder, random_stages
from repviz.studies.rarity import rarity_findings
from repviz.studies.representations import (
    Description,
    Representation,
    Split,
    describe,
    draw_by_label,
    leading_components,
    quoted_dimension,
    write_descriptions,
)
from repviz.studies.shown_images import shown_rows, shown_stage
from repviz.study_folder import Draft, Study, begin, records
from repviz.training.settings import ConvolutionalOptions
from repviz.weight_kinds import benefit

SUMMARY = (
    "What does each layer of a network hold, how small a code does {one} need, what shape does the "
    "set of {images} have, and how far from it is a random image?"
)
SWEPT = ["pca", "pca-all", "pca-augmented", "conv", "linear-start"]
CRITERIA = ["same-label", "psnr:22"]  # when a code is large enough: who it is, and how near it is
MEASURED = 2000  # images that are measured, at most; of more, so many are drawn by label
CODE = 32  # the bottleneck whose codes are looked at closer: the size swept that is nearest to it


@dataclass(frozen=True)
class FacesSetup:
    """Settings of the networks of the study, of their tests and of what is estimated.

    Attributes
    ----------
    splits : int
        Number of train-test splits on which autoencoders and PCA are fitted and tested, at
        least 1; from 2 on the intervals of their errors are over splits, seeds and people.
    convolutional : ConvolutionalOptions
        Depth, width and epochs of the convolutional autoencoder.
    budget : float
        CPU-minutes for the training of AlexNet and its scoring after each epoch, above 0, at a
        nominal 0.11 s per image and epoch and 0.03 s per image scored: of more images it sees
        fewer epochs, then a sample by label. An explicit number of epochs overrides it.
    rarity : bool
        Whether to estimate how rarely all judges together accept noise, which takes minutes of
        multilevel splitting; without it a bound is given.
    """

    splits: int = 1
    convolutional: ConvolutionalOptions = field(default_factory=ConvolutionalOptions)
    budget: float = 5.0
    rarity: bool = False

    def __post_init__(self) -> None:
        splits = checks.integer("study faces", "splits", self.splits, low=1, high=1000)
        object.__setattr__(self, "splits", splits)
        object.__setattr__(self, "rarity", checks.flag("study faces", "rarity", self.rarity))
        budget = checks.real("study faces", "budget", self.budget, low=0.01, high=1e6)
        object.__setattr__(self, "budget", budget)
        hint = "See repviz.ConvolutionalOptions."
        own = self.convolutional
        checks.instance("study faces", "convolutional", own, ConvolutionalOptions, hint=hint)


def faces(
    images: Images | str,
    *,
    out: str | Path,
    size: int = 64,
    bottlenecks: Iterable[int] | None = None,
    epochs: int | None = None,
    samples: int = 10_000,
    seed: int = 0,
    setup: FacesSetup | None = None,
) -> Study:
    """A study folder with the five questions answered on ``images``, and its report.

    Parameters
    ----------
    images : Images or str
        At least 10, or the name of a source. Labels (who it is) make the split people-disjoint,
        where there are 20 or more, and AlexNet's training possible; without them the report says
        what was left out.
    out : path
        The folder.
    size : int
        Resize the face-space images, grey and square, to this many pixels per side, 16 to 128.
    bottlenecks : iterable of int, optional
        Code sizes; by default those of 2, 4, 8, 16, 32 and 64 that the images allow.
    epochs : int, optional
        Training epochs of AlexNet, on all images; by default those of the recipe, as far as the
        budget allows.
    samples : int
        Random images per rung of the ladder from noise to face, 100 to 1,000,000.
    seed : int
        Random seed of the whole study.
    setup : FacesSetup, optional
        Splits, the convolutional autoencoder's options, the budget of AlexNet's training, and
        whether to estimate how rare accepted noise is.

    Returns
    -------
    Study
        The folder, opened.
    """
    images = as_images(images)
    size = checks.integer("study faces", "size", size, low=16, high=128)
    samples = checks.integer("study faces", "samples", samples, low=100, high=1_000_000)
    if epochs is not None:
        epochs = checks.integer("study faces", "epochs", epochs, low=1, high=checks.MOST_EPOCHS)
    grey = images.at(size=size, grey=True)
    hint = "See repviz.FacesSetup."
    setup = checks.instance("study faces", "setup", setup or FacesSetup(), FacesSetup, hint=hint)
    parts = partition(grey, seed=seed)
    data = _load(grey)  # before anything is written: a bad image ends it here
    further = further_partitions(data, setup.splits, by=None, seed=seed)
    fewest = min([parts, *further], key=lambda part: len(part.train))
    sizes = usable_sizes(bottlenecks, size_limit(fewest, size * size, mirror=True))
    plan = Plan(
        data, parts, sizes, [ENGINES[name] for name in SWEPT], [seed], further_parts=further,
        longest=sizes[-1], shift=data.default_shift, convolutional=setup.convolutional,
    )  # fmt: skip
    parameters = {
        "images": portable(images.name),
        "size": size,
        "bottlenecks": sizes,
        "epochs": epochs,
        "samples": samples,
        "split": parts.by,
        "seed": seed,
        **asdict(setup),
    }
    with begin(
        out,
        study="faces",
        title=f"What {len(grey):,} {images.nouns.images} look like to a network",
        parameters=parameters,
        images=describe_images(data),
        summary=SUMMARY.format(one=images.nouns.one, images=images.nouns.several),
    ) as study:
        known, held_out = split(images, (0.7, 0.3), by=by_for_labels(images), seed=seed)
        identity = known, held_out
        rng = stream(seed, "faces", "sample")
        measured = draw_by_label(images.labels, len(images), MEASURED, rng)
        shown = shown_rows(images.labels, np.intersect1d(held_out, measured), seed=seed)
        study.stage("images", partial(_images, plan=plan, identity=identity))
        fit_stages(study, plan)
        decoder_stage(study, plan)
        choice_stages(study, plan, [get_criterion(name) for name in CRITERIA])
        code = min(sizes, key=lambda k: abs(np.log(k / CODE)))
        training = affordable_training(images.labels, identity, epochs, setup.budget, seed)
        alexnet_stages(study, images, measured, shown, training)
        study.stage(
            "manifold",
            partial(_manifold, study=study, plan=plan, identity=identity, rows=measured, code=code),
        )
        shown_stage(study, images, shown)
        random_stages(study, plan, code=code, samples=samples, split=setup.rarity, rows=measured)
        study.stage("findings", partial(_findings, study=study, code=code))
        write_report(out)
    return study


def _load(images: Images) -> SweepData:
    """The decoded images, which must differ."""
    data = load_data(images)
    if (data.X[1:] == data.X[:-1]).all():
        n = len(images)
        raise InputError(
            f"study faces: the images must differ, got {n} identical ones. Use other images."
        )
    return data


def _images(draft: Draft, plan: Plan, identity: Split) -> None:
    names = np.full(len(plan.data), "held-out", dtype=object)
    names[identity[0]] = "train"
    write_images(draft, plan.data, plan.parts, identity_split=names)


def _manifold(
    draft: Draft, study: Study, plan: Plan, identity: Split, rows: np.ndarray, code: int
) -> None:
    """Measure every representation on ``rows``, and the components of the pixels, as pictures."""
    autoencoder_model = code_autoencoder(study, code)
    X = plan.training_data().rows(plan.data.X[rows])
    codes = autoencoder.encode(autoencoder_model.module, X)
    clusters = None if plan.parts.clusters is None else plan.parts.clusters[rows]
    labels = None if plan.data.labels is None else plan.data.labels[rows]
    part = np.isin(rows, identity[0])
    split = np.flatnonzero(part), np.flatnonzero(~part)
    representations: list[tuple[str, str, str, str, Any]] = [
        ("pixels", "pixels", "none", "pixels", X),
        (f"code {code}", "autoencoder", "trained", "code", codes),
    ]
    for state in ("untrained", "trained"):
        folder = study.folder / "acts" / state
        if folder.exists():
            acts = open_activations(folder)
            representations += [
                (f"{state} {layer}", "alexnet", state, layer, acts[layer]) for layer in LAYERS
            ]
    seed = plan.seeds[0]
    own = {"labels": labels, "split": split, "seed": seed}
    calls: list[Callable[[], Any]] = [partial(leading_components, plan.data.X[rows], seed=seed)]
    calls += [partial(_described, one, clusters, rows, **own) for one in representations]
    # A matrix, centred, in float64, and its scores: what is measured of the widest layer.
    widest = max(4 * np.prod(one[-1].shape) for one in representations)
    with remote.results(
        calls, unit="representations", worker_bytes=remote.WORKER_BYTES + int(4 * widest)
    ) as results:
        table, pictures = next(results)
        draft.table("components", table)
        draft.array("components", pictures)
        write_descriptions(draft, list(results))


def _described(
    one: tuple[str, str, str, str, Any],
    clusters: np.ndarray | None,
    rows: np.ndarray,
    **options: Any,
) -> Description:
    """The description of one representation, whose memory is freed at the end of the call."""
    return describe(Representation(*one, clusters, rows), **options)


def _findings(draft: Draft, study: Study, code: int) -> None:
    """Sentences with the numbers first, by the section that shows them."""
    draft.findings(
        {
            "sweep": sweep_findings(study, code),
            "criteria": choice_findings(study),
            "training": _training_findings(study),
            "dimension": _dimension_findings(study),
            "identity": _identity_findings(study),
            "ladder": ladder_findings(study),
            "rarity": rarity_findings(study),
            "capacity": capacity_findings(study),
        }
    )


def _training_findings(study: Study) -> list[str]:
    """How many held-out images the trained AlexNet classifies correctly."""
    if "training" in study.manifest["skipped"]:
        return []
    last: Any = study.result("training").iloc[-1]
    n, epochs = count(last.n_train), counted(last.epoch, "epoch")
    available, usual = last.n_available, last.usual_epochs
    cut = "" if last.n_train == available else f" of {count(available)} training"
    limits = f" (usually {count(usual)}; the budget allows no more)" if last.epoch < usual else ""
    return [
        f"After {epochs}{limits} on {n}{cut} images the paper's AlexNet names "
        f"{percent(last.held_out_accuracy)} of {last.n_held_out:.0f} held-out images correctly "
        f"({share_interval(last.held_out_low, last.held_out_high, study.nouns.unit)}; chance "
        f"{percent(last.chance)})."
    ]


def _dimension_findings(study: Study) -> list[str]:
    """The dimension of the pixels, of the code and of the deepest layer."""
    table = study.result("layers").set_index("representation")
    pixels: Any = table.loc["pixels"]
    code: Any = table[table["model"] == "autoencoder"].iloc[0]
    deep = [name for name in table.index if table.loc[name, "model"] == "alexnet"][-1]
    available = study.manifest["images"]["n"]
    how = f"by {study.nouns.label}" if study.manifest["images"].get("labels") else "at random"
    drawn = f" of {available:,}, drawn {how}," if pixels.n < available else ""
    return [
        f"The intrinsic dimension of {pixels.n:,} images{drawn} is {quoted_dimension(pixels)} "
        f"in their {pixels.d:,.0f} pixels, {quoted_dimension(code)} in their "
        f"{code.d:.0f}-number codes and {quoted_dimension(table.loc[deep])} in {deep}, with "
        f"{table.loc[deep, 'd']:,.0f} numbers (TwoNN, calibrated; 95 % intervals of sampling and "
        "model error)."
    ]


def _identity_findings(study: Study) -> list[str]:
    """Nearest-neighbour identity: trained, untrained, in the pixels, and what training gains."""
    table = study.result("layers").set_index("representation")
    layers = [layer for layer in table["layer"].unique() if f"trained {layer}" in table.index]
    if not layers or table["nearest_same"].isna().any():
        return []
    names = (f"trained {layers[-1]}", f"untrained {layers[-1]}", "pixels")
    trained, untrained, pixels = (_nearest(table.loc[name]) for name in names)
    n: Any = table.loc[names[0], "nearest_same_n"]
    _, verdict = benefit(records(study.result("identity_differences")), "trained")
    return [
        f"Nearest-neighbour identity is {trained} in the trained {layers[-1]}, {untrained} in the "
        f"untrained one and {pixels} in the pixels ({n:.0f} held-out images): {verdict}; "
        "differences paired by image."
    ]


def _nearest(row: Any) -> str:
    low, high = percent(row.nearest_same_low), percent(row.nearest_same_high)
    return f"{percent(row.nearest_same)} [{low}, {high}]"
