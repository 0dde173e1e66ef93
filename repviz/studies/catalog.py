"""What there is, family by family; and whether a folder still is what was written."""

from __future__ import annotations

from pathlib import Path

from repviz import checks
from repviz.errors import Damaged, StoreError


def catalog(family: str | None = None) -> dict[str, dict[str, str]]:
    """Family -> member -> one line about it, as the families' own tables have it.

    Parameters
    ----------
    family : str, optional
        One family only: "sources", "models", "layers", "recipes", "augmentations", "reductions",
        "exports", "methods", "embeddings", "changes", "engines", "judges", "samplers", "studies"
        or "sections".

    Raises
    ------
    UnknownName
        There is no such family.
    """
    from repviz.activations.exporting import EXPORTS
    from repviz.activations.reduction import REDUCTIONS
    from repviz.engines import ENGINES
    from repviz.facespace import SAMPLERS
    from repviz.images import SOURCES
    from repviz.images.changing import CHANGES
    from repviz.judges import JUDGES
    from repviz.manifold.dimension import ESTIMATORS
    from repviz.manifold.embedding import EMBEDDINGS
    from repviz.models import MODELS
    from repviz.models.alexnet import LAYERS
    from repviz.report.sections import SECTIONS
    from repviz.studies import STUDIES
    from repviz.training import RECIPES
    from repviz.training.augmenting import AUGMENTATIONS

    families = {
        "sources": {s.usage: s.summary for s in SOURCES.values()},
        "models": {entry.usage: entry.summary for entry in MODELS.values()},
        "layers": {"alexnet": ", ".join(LAYERS), "autoencoder": "code"},
        "recipes": {name: recipe.summary for name, recipe in RECIPES.items()},
        "augmentations": {name: entry.summary for name, entry in AUGMENTATIONS.items()},
        "reductions": {kind.usage: kind.summary for kind in REDUCTIONS.values()},
        "exports": {name: entry.summary for name, entry in EXPORTS.items()},
        "methods": {name: entry.summary for name, entry in ESTIMATORS.items()},
        "embeddings": {name: entry.summary for name, entry in EMBEDDINGS.items()},
        "changes": {name: change.title for name, change in CHANGES.items()},
        "engines": {name: engine.summary for name, engine in ENGINES.items()},
        "judges": {name: judge.summary for name, judge in JUDGES.items()},
        "samplers": {name: entry.title for name, entry in SAMPLERS.items()},
        "studies": {name: entry.summary for name, entry in STUDIES.items()},
        "sections": {name: section.question for name, section in SECTIONS.items()},
    }
    if family is None:
        return families
    return {family: families[checks.known("list", "family", family, families)]}


def verify(folder: str | Path) -> int:
    """The number of files of an activations or study folder, each hashed and found unchanged.

    Raises
    ------
    Damaged
        A file is missing or was changed.
    StoreError
        The folder holds neither activations nor a study.
    """
    from repviz import durable
    from repviz.activations import store, verifying
    from repviz.studies import folder as studies

    folder = Path(folder)
    if not (folder / "manifest.json").is_file():
        raise StoreError(
            f"{folder}: this must be a folder of activations or of a study, and has no "
            "manifest.json. Check the path."
        )
    form = durable.read_json(folder / "manifest.json").get("format")
    if form == studies.FORMAT:
        opened = studies.open_study(folder)
        return sum(opened.check(stage) for stage in opened.manifest["stages"])
    if form != store.FORMAT:
        raise Damaged(f"{folder}: this folder holds neither activations nor a study, but '{form}'.")
    found = verifying.verify(folder)
    if not found.ok:
        raise Damaged(
            f"{folder}: {len(found.damaged)} of {found.files} files are not as they were written, "
            f"'{found.damaged[0]}' first. Make the activations anew in another folder."
        )
    return found.files
