"""Studies: each composes the floors below it and leaves a folder with tables and a report.

To add one: a file with a function ``(images, *, out, ..., seed)`` that returns a
:class:`~repviz.study_folder.Study`, and a line in :data:`STUDIES`.
"""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repviz import checks
from repviz.references import resolve

if TYPE_CHECKING:
    from repviz.cost import Cost
    from repviz.study_folder import Study


@dataclass(frozen=True)
class Entry:
    """One entry of :data:`STUDIES`; its file is imported when the study is run.

    Attributes
    ----------
    function : str
        The study's function, as ``"module:function"``.
    summary : str
        Its question in one line, at most 55 characters.
    source : str
        The name of its function's first parameter: "images", "activations" or "studies".
    estimate : str
        The function that says what it will take, from the images and all options but ``out``; ""
        where there is none.
    """

    function: str
    summary: str
    source: str = "images"
    estimate: str = ""


STUDIES: dict[str, Entry] = {
    "faces": Entry(
        "repviz.studies.faces:faces",
        "faces: bottleneck, layers, dimension, random images",
    ),
    "layers": Entry(
        "repviz.studies.layers:layers",
        "how representations change with depth, with controls",
        estimate="repviz.studies.layers:estimate_layers",
    ),
    "bottleneck": Entry(
        "repviz.bottleneck.sweep:sweep",
        "how small the code can be: autoencoders against PCA",
        estimate="repviz.bottleneck.estimate:estimate_sweep",
    ),
    "network": Entry(
        "repviz.studies.network:network",
        "a classifier: accuracy, curves, filters and units",
    ),
    "featuremaps": Entry(
        "repviz.studies.feature_maps:feature_maps",
        "a few photographs through a network, map by map",
    ),
    "activations": Entry(
        "repviz.studies.saved_activations:saved_activations",
        "saved activations, folder beside folder",
        source="activations",
    ),
    "comparison": Entry(
        "repviz.studies.comparison:comparison",
        "two studies side by side, paired by image",
        source="studies",
    ),
}


def study(
    name: str, images: Any, *, out: str | Path, title: str | None = None, **options: Any
) -> Study:
    """A finished study: its folder holds the tables, ``.report`` is the HTML file.

    Parameters
    ----------
    name : str
        A name in :data:`STUDIES`.
    images : Images or str; for "activations" and "comparison" folders
        What the study is of: images, the name of a source as :func:`repviz.open_images` takes it,
        saved activations, or two studies.
    out : path
        The folder. An interrupted study is resumed; one with other parameters is refused.
    title : str, optional
        The report's headline in place of the study's own.
    **options
        Those of the study's own function, by name (for "faces": size, bottlenecks, epochs,
        samples, seed). One that it does not have is refused.

    Raises
    ------
    UnknownName
        No study, or no option of it, has that name.
    Mismatch
        ``out`` holds a study with other parameters.
    """
    checks.one_of("study", "study", name, STUDIES)
    out = checks.path("study", "out", out)
    function = resolve(STUDIES[name].function)
    given = (STUDIES[name].source, "out")
    own = [p for p in inspect.signature(function).parameters if p not in given]
    for option in options:
        checks.one_of(f"study {name}", "option", option, own)
    if title is not None:
        checks.text("study", "title", title)
    with _network_device(STUDIES[name].source):
        finished: Study = function(images, out=out, **options)
    if title is not None:
        from repviz.report.page import write_report  # loads matplotlib

        write_report(finished.folder, title=title)
    return finished


def estimate_study(name: str, images: Any, **options: Any) -> Cost:
    """What :func:`study` with the same options will take on this machine; writes nothing.

    Bytes on disk and in memory, and wall time, from short trials. For the studies whose entry in
    :data:`STUDIES` has an ``estimate``.
    """
    able = [one for one, entry in STUDIES.items() if entry.estimate]
    entry = STUDIES[checks.one_of("estimate", "study", name, able)]
    own = inspect.signature(resolve(entry.function)).parameters.values()
    known = {p.name: p.default for p in own if p.kind is p.KEYWORD_ONLY and p.name != "out"}
    for option in options:
        checks.one_of(f"study {name}", "option", option, known)
    with _network_device(entry.source):
        found: Cost = resolve(entry.estimate)(images, **{**known, **options})
    return found


def _network_device(source: str) -> AbstractContextManager[None]:
    """Within the block networks run on the device that was chosen, or else on the GPU there is."""
    if source != "images":  # no network runs
        return nullcontext()
    from repviz.models.device import AUTO, chosen_device, on_device  # loads torch

    return on_device(chosen_device() or AUTO)
