"""The catalogue of all sources, models, methods, studies and report sections."""

from __future__ import annotations

from repviz import checks


def catalog(family: str | None = None) -> dict[str, dict[str, str]]:
    """A dict of every family to its members, each with a one-line description.

    Parameters
    ----------
    family : str, optional
        One family only: "sources", "models", "layers", "recipes", "augmentations", "reductions",
        "ablations", "exports", "estimators", "embeddings", "similarities", "probes",
        "perturbations", "engines", "criteria", "samplers", "judges", "studies" or "sections".

    Raises
    ------
    UnknownName
        There is no such family.
    """
    from repviz.activations.ablation import ABLATIONS
    from repviz.activations.exports import EXPORTS
    from repviz.activations.reduction import REDUCTIONS
    from repviz.bottleneck.criteria import CRITERIA
    from repviz.bottleneck.engines import ENGINES
    from repviz.facespace import CONTROLS, JUDGES, SAMPLERS
    from repviz.images import SOURCES
    from repviz.images.perturbations import PERTURBATIONS
    from repviz.manifold.dimension import ESTIMATORS
    from repviz.manifold.embedding import EMBEDDINGS
    from repviz.manifold.probes import PROBES
    from repviz.manifold.similarity import SIMILARITIES
    from repviz.models import MODELS
    from repviz.models.alexnet import LAYERS
    from repviz.nouns import FACES
    from repviz.report.sections import SECTIONS, get_section
    from repviz.studies import STUDIES
    from repviz.training import RECIPES
    from repviz.training.augmentation import AUGMENTATIONS

    families = {
        "sources": {s.usage: s.summary for s in SOURCES.values()},
        "models": {entry.usage: entry.summary for entry in MODELS.values()},
        "layers": {"alexnet": ", ".join(LAYERS), "autoencoder": "code"},
        "recipes": {name: recipe.summary for name, recipe in RECIPES.items()},
        "augmentations": {name: entry.summary for name, entry in AUGMENTATIONS.items()},
        "reductions": {kind.usage: kind.summary for kind in REDUCTIONS.values()},
        "ablations": dict(ABLATIONS),
        "exports": {name: entry.summary for name, entry in EXPORTS.items()},
        "estimators": {name: entry.summary for name, entry in ESTIMATORS.items()},
        "embeddings": {name: entry.summary for name, entry in EMBEDDINGS.items()},
        "similarities": {name: entry.summary for name, entry in SIMILARITIES.items()},
        "probes": {name: entry.summary for name, entry in PROBES.items()},
        "perturbations": {name: entry.title for name, entry in PERTURBATIONS.items()},
        "engines": {name: engine.summary for name, engine in ENGINES.items()},
        "criteria": {name: entry.summary for name, entry in CRITERIA.items()},
        "samplers": {
            name: FACES.fill(entry.title) for name, entry in (SAMPLERS | CONTROLS).items()
        },
        "judges": {name: FACES.fill(entry.title) for name, entry in JUDGES.items()},
        "studies": {name: entry.summary for name, entry in STUDIES.items()},
        "sections": {name: get_section(name).title for name in SECTIONS},
    }
    if family is None:
        return families
    return {family: families[checks.one_of("list", "family", family, families)]}
