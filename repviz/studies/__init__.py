"""Studies: each composes the rooms below it and leaves a folder with tables and a report."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repviz import checks

if TYPE_CHECKING:
    from repviz.images.collection import Images
    from repviz.study_folder import Study


@dataclass(frozen=True)
class Entry:
    """Where a study is, and its question."""

    function: str  # "module:function"
    summary: str


STUDIES: dict[str, Entry] = {
    "faces": Entry(
        "repviz.studies.faces:faces",
        "from faces to bottleneck, layers, dimension and random points: the whole walk",
    ),
    "layers": Entry(
        "repviz.studies.layers:layers",
        "a network's layers over depth, trained beside untrained, with controls",
    ),
    "bottleneck": Entry(
        "repviz.bottleneck.sweep:sweep",
        "how small the code can be, with PCA beside every autoencoder",
    ),
    "network": Entry(
        "repviz.studies.network:network",
        "a trained classifier: its layers, curves, filters, units, and how often it is right",
    ),
}


def study(name: str, images: Images | str, *, out: str | Path, **options: Any) -> Study:
    """A finished study: its folder holds the tables, ``.report`` is the HTML file.

    Parameters
    ----------
    name : str
        A name in ``STUDIES``.
    images : Images or str
        The images, or the name of a source as :func:`repviz.open_images` takes it.
    out : path
        The folder. A killed study is taken up where it was; other parameters are refused.
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
    module, _, attribute = STUDIES[name].function.partition(":")
    function = getattr(import_module(module), attribute)
    own = [p for p in inspect.signature(function).parameters if p not in ("images", "out")]
    for option in options:
        checks.one_of(f"study {name}", "option", option, own)
    made: Study = function(images, out=out, **options)
    return made
