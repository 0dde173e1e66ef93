"""The study ``bottleneck``: how small can the code be, and what does PCA do with the same size?

Every fit is a stage of its own, so a killed sweep goes on where it was, and a finished one takes
more sizes, engines or seeds. All engines see the same training images (mirrored and shifted unless
told otherwise), choose with the same validation images and are judged on the same test images;
every reconstruction of pixels is clipped to their range before its error is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import checks, durable
from repviz.bottleneck.choice import reasonable_stages
from repviz.bottleneck.code_contents import keeping_stages
from repviz.bottleneck.criteria import chosen as chosen_criterion
from repviz.bottleneck.data import Subject, subject
from repviz.bottleneck.engines import Engine, chosen
from repviz.bottleneck.findings import sweep_findings
from repviz.bottleneck.fits import sweep_stages
from repviz.bottleneck.plan import Plan, most_possible, usable_sizes
from repviz.bottleneck.traversals import walking_stages
from repviz.errors import InputError
from repviz.images.partition import Partition, partition
from repviz.report.page import write_report
from repviz.study_folder import Draft, Study, begin

MOST = 256  # the longest code of an engine that serves every size
ENGINES = ("pca", "pca-augmented", "conv", "linear-start")


@dataclass(frozen=True)
class SweepSetup:
    """What a sweep holds fixed over its sizes and engines.

    Attributes
    ----------
    layer : str or None
        Of activations: which layer; the last if None.
    split : {"label", "image"} or None
        Whether a label (a person) may lie on two sides; see :func:`repviz.images.partition`.
    mirror : bool
        Whether an image's mirror image counts as another image, for PCA and for training. False
        for what has a left and a right, such as digits.
    shift : float or None
        The farthest that an image is moved in training, as a share of its side, from 0 to 0.25;
        if None, 1/32, and 0 for images of a manifold that is known as a whole (drawn faces): a code
        that must also tell where an image was moved to needs two numbers more.
    effort : float
        How long autoencoders are trained, as a multiple of the usual (about 20 CPU-seconds a size
        on 8,000 images of 64x64), above 0.
    audit : iterable of int
        Sizes at which an engine that serves every size ("prefix", "nested") is held against a
        training of its own.
    """

    layer: str | None = None
    split: str | None = None
    mirror: bool = True
    shift: float | None = None
    effort: float = 1.0
    audit: Iterable[int] | int = ()

    def __post_init__(self) -> None:
        if self.shift is not None:
            checks.real("sweep", "shift", self.shift, low=0, high=0.25)
        checks.real("sweep", "effort", self.effort, low=1e-6, high=1000)


class Sweep(Study):
    """A finished sweep."""

    @property
    def table(self) -> pd.DataFrame:
        """A row an engine and size: test error with its interval, and its ratio to PCA's."""
        return self.result("sweep")


def sweep(
    images: Any,
    *,
    bottlenecks: Iterable[int] | int | None = None,
    out: str | Path,
    engines: Iterable[str | Callable[..., Any]] | str | Callable[..., Any] = ENGINES,
    criteria: Iterable[str | Callable[..., Any]] | str = (),
    size: int | None = None,
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
        Sizes of the code, each at least 1 and below the number of training images (twice that
        where they are mirrored) and the number of pixels; those of 2, 4, 8, 16, 32 and 64 that fit
        if left out. A finished sweep in ``out`` takes further sizes and repeats none.
    out : path
        The study folder. A killed sweep is taken up again; other parameters are refused.
    engines : iterable of str or callable
        Names in ``repviz.bottleneck.engines.ENGINES``, or functions ``(context, k)`` that give a
        pair
        ``(encode, decode)``. "pca" is always among them: it is the baseline.
    criteria : iterable of str or callable
        Who says whether a reconstruction is still reasonable: names in
        ``repviz.bottleneck.criteria.CRITERIA``
        ("psnr:25", "person"), or functions ``(images, of)`` that give a number an image.
    size : int, optional
        Pixels a side that the images are brought to; as they were opened if left out.
    seed : int or iterable of int
        Of the trainings; the first is that of the split, too. A finished sweep takes further ones.
    setup : SweepSetup, optional
        Layer, split, augmentation, effort and audit.

    Returns
    -------
    Sweep
        ``.table`` is a DataFrame, ``.report`` the HTML file.

    Raises
    ------
    InputError
        A size or an engine that cannot be; images of several sizes; too few images.
    Mismatch
        ``out`` holds a sweep with other parameters.
    """
    setup = setup or SweepSetup()
    asked = [chosen_criterion(one) for one in checks.as_list(criteria)]
    _named_apart("criteria", [criterion.name for criterion in asked])
    # Decoded before anything is written: a bad image ends it here.
    of = subject(images, size=size, layer=setup.layer)
    plan = _plan(of, bottlenecks, engines, seed, setup=setup, before=_before(Path(out)))
    with begin(
        out,
        study="bottleneck",
        title=f"How small a code do {of.name} {'images' if of.pictures else 'rows'} need?",
        parameters={
            "images": of.name,
            "split": plan.parts.by,
            "seed": plan.seeds[0],
            "mirror": plan.mirror,
            "shift": plan.shift,
            "effort": plan.effort,
        },
        images=of.described(),
        lede="How few numbers can an image be squeezed into and still be drawn again?",
        grows={
            "bottlenecks": plan.sizes,
            "engines": [engine.identity for engine in plan.engines],
            "seeds": plan.seeds,
            "audits": plan.audit,
        },
    ) as study:
        study.stage("images", lambda draft: write_subject(draft, of, plan.parts))
        sweep_stages(study, plan)
        walking_stages(study, plan)
        reasonable_stages(study, plan, asked)
        keeping_stages(study, plan)
        findings = {"sweep": sweep_findings(study)}
        study.stage("findings", lambda draft: draft.findings(findings), inputs=findings)
    write_report(out)
    return Sweep(Path(out))


def _plan(
    of: Subject,
    bottlenecks: Iterable[int] | int | None,
    engines: Any,
    seed: Iterable[int] | int,
    *,
    setup: SweepSetup,
    before: dict[str, Any],
) -> Plan:
    """What is asked for now, and what the folder held ``before``."""
    wanted = [chosen(one) for one in ("pca", *checks.as_list(engines))]
    wanted = _joined(wanted, before.get("engines", []))
    seeds = [
        checks.integer("sweep", "seed", s, low=0, high=2**32 - 1) for s in checks.as_list(seed)
    ]
    if not seeds:
        raise InputError("sweep: at least one seed is needed, got none. Write seed=0.")
    seeds = list(dict.fromkeys([*before.get("seeds", []), *seeds]))
    parts = partition(of, by=setup.split, seed=seeds[0])
    mirror = setup.mirror and of.pictures
    audit = [*before.get("audits", []), *checks.as_list(setup.audit)]
    limit = most_possible(parts, int(np.prod(of.X.shape[1:])), mirror=mirror)
    sizes = usable_sizes(bottlenecks, limit, extra=[*before.get("bottlenecks", []), *audit])
    once = any(engine.serves_all_sizes for engine in wanted)
    return Plan(
        of,
        parts,
        sizes,
        wanted,
        seeds,
        audit=usable_sizes(audit, limit) if audit else [],
        most=max(sizes[-1], min(MOST, limit.most)) if once else sizes[-1],
        mirror=mirror,
        shift=of.shift if setup.shift is None or not of.pictures else setup.shift,
        effort=setup.effort,
    )


def write_subject(draft: Draft, of: Subject, parts: Partition, **columns: np.ndarray) -> None:
    """Keep the list of rows with the part that each is in, and their pixels for the report."""
    table = {
        "row": np.arange(len(of)),
        "id": of.ids,
        "label": "" if of.labels is None else of.labels,
        "sweep_split": parts.names(),
        **{f"factor_{name}": values for name, values in of.factors.items()},
        **columns,
    }
    draft.table("images", pd.DataFrame(table))
    if of.pictures:
        draft.array("thumbnails", of.X[:, 0] if of.X.shape[1] == 1 else of.X)


def _before(folder: Path) -> dict[str, Any]:
    """The parameters of the sweep that lies in ``folder``, or none."""
    path = folder / "manifest.json"
    if not path.is_file():
        return {}
    manifest = durable.read_json(path)
    if not isinstance(manifest, dict) or manifest.get("study") != "bottleneck":
        return {}
    found: dict[str, Any] = manifest.get("parameters", {})
    return found


def _named_apart(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"sweep: {what} must have different names, got '{twice[0]}' twice. Rename a function, "
            "or choose another folder for out where it has changed."
        )


def _joined(engines: list[Engine], before: list[str]) -> list[Engine]:
    """The engines asked for, each once, and those that the sweep had before."""
    named = {engine.identity: engine for engine in engines}
    for identity in before:
        if identity in named:
            continue
        if " " in identity:
            raise InputError(
                f"sweep: this folder holds results of your engine '{identity.split()[0]}', and it "
                "must be given again, unchanged. Give it too, or choose another folder for out."
            )
        named[identity] = chosen(identity)
    _named_apart("engines", [engine.name for engine in named.values()])
    return sorted(named.values(), key=lambda engine: engine.name != "pca")
