"""The map of activations in a notebook, computed in a temporary study folder."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from repviz import checks
from repviz.activations.store import Activations
from repviz.images import as_images, split
from repviz.images.collection import Images
from repviz.images.partition import by_for_labels
from repviz.report.notebook import HEIGHT, Explorer, show
from repviz.streams import stream
from repviz.studies import stores as stored
from repviz.studies.measurement import Targets, map_images
from repviz.studies.saved_activations import THUMBNAIL, describe_stores, write_stored_images
from repviz.study_folder import begin


def map_activations(
    activations: Activations,
    *,
    layers: Iterable[str] | str | None = None,
    sample: int = 2000,
    pictures: Images | str | None = None,
    height: int = HEIGHT,
    seed: int = 0,
) -> Explorer:
    """The explorer of some layers: see :meth:`repviz.activations.store.Activations.map`."""
    sample = checks.integer("map", "sample", sample, low=stored.FEWEST)
    rng = stream(seed, "activations", "sample")
    stores, images = stored.open_stores(activations, layers=layers, sample=sample, rng=rng)
    shown = None if pictures is None else as_images(pictures).at(size=THUMBNAIL)
    with TemporaryDirectory() as folder:
        about = describe_stores(stores, images, shown)
        title = f"Map of {activations.path.name}"
        with begin(
            Path(folder) / "map", study="map", title=title, parameters={}, images=about
        ) as study:
            parts = split(images, (0.7, 0.3), by=by_for_labels(images), seed=seed)
            targets = Targets(images.labels, images.factors, (parts[0], parts[1]))
            work = partial(write_stored_images, images=images, split=targets.split, shown=shown)
            study.stage("images", work)
            read = partial(stored.representations, stores, images.clusters)
            study.stage("manifold", partial(map_images, read=read, targets=targets, seed=seed))
        return show(study, height=height)
