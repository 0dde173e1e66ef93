"""The study ``bottleneck``: how small can the code be, and what does PCA do with the same size?

Each fit is a stage of its own: a killed sweep is resumed where it stopped, and a finished one can
be extended by sizes, engines or seeds. All engines are fitted to the same training images (mirrored
and shifted by default), select with the same validation images and are tested on the same test
images; reconstructed pixels are clipped to their range before the error is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import checks, durable, study_manifest
from repviz.bottleneck.choice_stages import choice_stages
from repviz.bottleneck.code_contents import code_contents_stages
from repviz.bottleneck.criteria import Criterion, get_criterion
from repviz.bottleneck.data import SweepData, as_stored, describe_images, load_data
from repviz.bottleneck.decoders import decoder_stage
from repviz.bottleneck.engines import ENGINES as ENGINE_TABLE
from repviz.bottleneck.engines import Engine, get_engine, with_colours
from repviz.bottleneck.findings import choice_findings, found_size_findings, sweep_findings
from repviz.bottleneck.fits import fit_stages
from repviz.bottleneck.plan import Plan, size_limit, usable_sizes
from repviz.bottleneck.splits import further_partitions
from repviz.bottleneck.traversals import traversal_stage
from repviz.errors import InputError
from repviz.images.partition import Partition, partition
from repviz.number_format import listed
from repviz.provenance import portable
from repviz.report.page import write_report
from repviz.study_folder import Draft, Study, begin
from repviz.training.settings import ConvolutionalOptions

LONGEST = 256  # the longest code of an engine that serves all sizes
BASELINES = ("pca", "pca-all")  # of every sweep: validation images choose nothing for PCA
ENGINES = (*BASELINES, "pca-augmented", "conv", "linear-start")


@dataclass(frozen=True)
class SweepSetup:
    """Settings of a sweep that are the same for all its sizes and engines.

    Attributes
    ----------
    layer : str or None
        Layer to sweep, if the data are activations; the last if None.
    split : {"group", "label", "image"} or None
        "group" and "label" keep all images of one group or label (a person) on one side of the
        split, "image" does not; see :func:`repviz.images.partition`.
    mirror : bool
        Whether PCA and the autoencoders also train on mirror images. False for
        images with a left and a right, such as digits.
    shift : float or None
        Largest random shift in training, as a fraction of the image side, from 0 to 0.25. If None,
        1/32, and 0 for images of a known manifold (drawn faces): a code that must also hold the
        shift needs two numbers more.
    effort : float
        Training length, as a multiple of the default (about 20 CPU-seconds
        per size on 8,000 images of 64x64), above 0.
    audit : iterable of int
        Sizes at which an engine that serves all sizes ("prefix", "nested") is compared with one
        training per size.
    splits : int
        How many times everything is fitted and tested, each time with another split into
        training, validation and test images and another seed, at least 1. From 2 on the intervals
        of errors and ratios are over splits, seeds and people; pictures, codes and choices are
        those of the first.
    convolutional : ConvolutionalOptions
        Depth, width and epochs of the convolutional engines.
    """

    layer: str | None = None
    split: str | None = None
    mirror: bool = True
    shift: float | None = None
    effort: float = 1.0
    audit: Iterable[int] | int = ()
    splits: int = 1
    convolutional: ConvolutionalOptions = field(default_factory=ConvolutionalOptions)

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "effort": checks.real("sweep", "effort", self.effort, low=1e-6, high=1000),
            "mirror": checks.flag("sweep", "mirror", self.mirror),
            "splits": checks.integer("sweep", "splits", self.splits, low=1, high=1000),
        }
        if self.shift is not None:
            checked["shift"] = checks.real("sweep", "shift", self.shift, low=0, high=0.25)
        for name, value in checked.items():  # Python's own numbers, which a manifest can hold
            object.__setattr__(self, name, value)
        hint = "See repviz.ConvolutionalOptions."
        own = self.convolutional
        checks.instance("sweep", "convolutional", own, ConvolutionalOptions, hint=hint)


class Sweep(Study):
    """A finished sweep."""

    @property
    def table(self) -> pd.DataFrame:
        """One row per engine and size: the test error, and its ratio to that of the best PCA."""
        return self.result("sweep")


def sweep(
    images: Any,
    *,
    bottlenecks: Iterable[int] | int | None = None,
    out: str | Path,
    engines: Iterable[str | Callable[..., Any]] | str | Callable[..., Any] = ENGINES,
    criteria: Iterable[str | Callable[..., Any]] | str = (),
    size: int | tuple[int, int] | None = None,
    seed: Iterable[int] | int = 0,
    setup: SweepSetup | None = None,
) -> Sweep:
    """A folder with the reconstruction error of each engine at each bottleneck size, and a report.

    Parameters
    ----------
    images : Images, Activations, ndarray of shape (n, d), str or Path
        Images of one size, or the name of a source (then give ``size``); activations, or their
        folder; any matrix.
    bottlenecks : iterable of int, optional
        Code sizes, at least 1 and less than the numbers of pixels and of training images (mirror
        images included). By default those of 2, 4, 8, 16, 32 and 64 that fit. A finished sweep in
        ``out`` is extended by new sizes and repeats none.
    out : path
        The study folder. A killed sweep is resumed; other parameters are refused.
    engines : iterable of str or callable
        Names that ``repviz list engines`` prints, or functions ``(context, k)`` that return a pair
        ``(encode, decode)``. "pca" and "pca-all" are always among them: whichever PCA leaves
        the lower error at a size is the baseline there.
    criteria : iterable of str or callable
        Criteria for a good enough reconstruction: names that ``repviz list criteria`` prints
        ("psnr:25", "same-label"), or functions ``(images, reference)`` that return one number per
        image.
    size : int or (int, int), optional
        Side in pixels, or height and width, to which the images are resized; unchanged if None.
    seed : int or iterable of int
        Random seeds, one training each, from 0 to 2^32 - 1; the first also seeds the
        split. A finished sweep can be extended by further ones.
    setup : SweepSetup, optional
        Layer, split, augmentation, effort, audit, and the convolutional engines' options.

    Returns
    -------
    Sweep
        ``.table`` is a DataFrame, ``.report`` the HTML file.

    Raises
    ------
    InputError
        A size or an engine that is not possible; images of several sizes; too few images.
    Mismatch
        ``out`` holds a sweep with other parameters.
    """
    hint = "See repviz.SweepSetup."
    setup = SweepSetup() if setup is None else setup
    checks.instance("sweep", "setup", setup, SweepSetup, hint=hint)
    out = checks.path("sweep", "out", out)
    before = _before(out)
    requested = [get_criterion(criterion) for criterion in checks.as_list(criteria)]
    _check_distinct("criteria", [criterion.name for criterion in requested])
    scored_by = _with_earlier_criteria(requested, before.get("criteria", []))
    # Decoded before anything is written: a bad image ends it here.
    data = load_data(images, size=size, layer=setup.layer)
    _check_criteria(scored_by, data)
    plan = plan_sweep(data, bottlenecks, engines, seed, setup=setup, before=before)
    _check_convolutional(plan)
    with begin(
        out,
        study="bottleneck",
        title=f"How small a code do {len(data):,} {data.nouns.images} need?",
        parameters={
            "images": portable(data.name),
            "split": plan.parts.by,
            "seed": plan.seeds[0],
            "mirror": plan.mirror,
            "shift": plan.shift,
            "effort": plan.effort,
            "convolutional": asdict(plan.convolutional),
        },
        images=describe_images(data),
        summary="How few numbers per image does a reconstruction need?",
        grows={
            "bottlenecks": plan.sizes,
            "engines": [engine.identity for engine in plan.engines],
            "seeds": plan.seeds,
            "audits": plan.audit,
            "splits": list(range(plan.splits)),
            "criteria": [criterion.identity for criterion in scored_by],
        },
    ) as study:
        study.stage("images", lambda draft: write_images(draft, data, plan.parts))
        fit_stages(study, plan)
        traversal_stage(study, plan)
        decoder_stage(study, plan)
        choice_stages(study, plan, scored_by)
        code_contents_stages(study, plan)
        findings = {
            "sweep": sweep_findings(study),
            "found_sizes": found_size_findings(study),
            "criteria": choice_findings(study),
        }
        study.stage(
            "findings", lambda draft: draft.findings(findings), inputs={"findings": findings}
        )
    write_report(out)
    return Sweep(out)


def plan_sweep(
    data: SweepData,
    bottlenecks: Iterable[int] | int | None,
    engines: Any,
    seed: Iterable[int] | int,
    *,
    setup: SweepSetup,
    before: dict[str, Any],
) -> Plan:
    """The plan of the requested fits and of those of the sweep that the folder already holds."""
    requested = [get_engine(engine) for engine in (*BASELINES, *checks.as_list(engines))]
    requested = _with_earlier(requested, before.get("engines", []))
    seeds = [checks.seed("sweep", s) for s in checks.as_list(seed)]
    if not seeds:
        raise InputError("sweep: at least one seed must be given, got none. For example: seed=0.")
    seeds = list(dict.fromkeys([*before.get("seeds", []), *seeds]))
    parts = partition(data, by=setup.split, seed=seeds[0])
    n_splits = max(setup.splits, len(before.get("splits", [])))
    further = further_partitions(data, n_splits, by=setup.split, seed=seeds[0])
    mirror = setup.mirror and data.are_images
    audit = [*before.get("audits", []), *checks.as_list(setup.audit)]
    fewest = min([parts, *further], key=lambda part: len(part.train))
    limit = size_limit(fewest, int(np.prod(data.X.shape[1:])), mirror=mirror)
    sizes = usable_sizes(bottlenecks, limit, extra=[*before.get("bottlenecks", []), *audit])
    all_sizes = any(engine.serves_all_sizes for engine in requested)
    return Plan(
        data,
        parts,
        sizes,
        with_colours(requested),
        seeds,
        audit=usable_sizes(audit, limit) if audit else [],
        longest=max(sizes[-1], min(LONGEST, limit.size)) if all_sizes else sizes[-1],
        further_parts=further,
        mirror=mirror,
        shift=data.default_shift if setup.shift is None or not data.are_images else setup.shift,
        effort=setup.effort,
        convolutional=setup.convolutional,
    )


def write_images(draft: Draft, data: SweepData, parts: Partition, **columns: np.ndarray) -> None:
    """Write images.csv, including the part of the split of each row, and the thumbnails."""
    table = {
        "row": np.arange(len(data)),
        "id": data.ids,
        "label": "" if data.labels is None else data.labels,
        **({} if data.groups is None else {"group": data.groups}),
        "sweep_split": parts.names(),
        **{f"factor_{name}": values for name, values in data.factors.items()},
        **columns,
    }
    draft.table("images", pd.DataFrame(table))
    if data.are_images:
        draft.array("thumbnails", as_stored(data.X))


def _before(folder: Path) -> dict[str, Any]:
    """The parameters of the sweep that ``folder`` holds; none where it holds no sweep."""
    path = folder / "manifest.json"
    if not path.is_file():
        return {}
    manifest = durable.read_json(path)
    if not isinstance(manifest, dict) or manifest.get("study") != "bottleneck":
        return {}
    parameters: dict[str, Any] = study_manifest.read(folder)["parameters"]
    return parameters


def _check_convolutional(plan: Plan) -> None:
    """Refuse options that no engine uses; a user's own function may use them."""
    given = list(plan.convolutional.given)
    if given and not any(e.is_convolutional or callable(e.function) for e in plan.engines):
        able = ", ".join(engine.name for engine in ENGINE_TABLE.values() if engine.is_convolutional)
        raise InputError(
            f"sweep: {listed(given)} are those of convolutional engines ({able}), got "
            f"{listed([engine.name for engine in plan.engines])}. Add one to engines, or leave "
            "them out."
        )


def _check_criteria(criteria: list[Criterion], data: SweepData) -> None:
    """Refuse criteria of rows that are no images, which none of them could score."""
    if criteria and not data.are_images:
        raise InputError(
            f"sweep: criteria score reconstructed images, got {criteria[0].name!r} for rows that "
            "are no images. Leave criteria out."
        )


def _check_distinct(what: str, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(
            f"sweep: {what} must have different names, got '{repeated[0]}' twice. Rename one "
            "function or, if its code has changed, choose another folder for out."
        )


def _with_earlier_criteria(criteria: list[Criterion], before: list[str]) -> list[Criterion]:
    """The existing sweep's criteria, then ``criteria``; a changed one replaces its old version."""
    names = {criterion.name for criterion in criteria}
    earlier = []
    for identity in before:
        name, *source = identity.split()
        if name in names:
            continue
        if source:
            raise InputError(
                f"sweep: your criterion '{name}', whose choices this folder holds, must be passed "
                "again, got none. Pass it too, or choose another folder for out."
            )
        earlier.append(get_criterion(name))
    return [*earlier, *criteria]


def _with_earlier(engines: list[Engine], before: list[str]) -> list[Engine]:
    """``engines`` and those of the existing sweep, each once; baselines first."""
    by_identity = {engine.identity: engine for engine in engines}
    for identity in before:
        if identity in by_identity:
            continue
        if " " in identity:
            raise InputError(
                f"sweep: your engine '{identity.split()[0]}', whose results this folder holds, "
                "must be passed again unchanged, got none. Pass it too, or choose another folder "
                "for out."
            )
        by_identity[identity] = get_engine(identity)
    _check_distinct("engines", [engine.name for engine in by_identity.values()])
    return sorted(by_identity.values(), key=lambda engine: engine.name not in BASELINES)
