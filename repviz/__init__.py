"""What does a network's representation hold? Extract layer features, sweep bottlenecks, report.

    >>> import repviz
    >>> images = repviz.open_images("orl", size=64, grey=True)
    >>> study = repviz.study("faces", images, out="reports/faces")
    >>> study.report

Importing this package loads nothing heavy: each verb brings its own libraries when first used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# numba sets the threads of OpenMP for torch too, once it has run: with another number than torch
# began with, a study that is resumed would round otherwise than one that was not interrupted.
if os.environ.get("OMP_NUM_THREADS", "").isdigit():
    os.environ.setdefault("NUMBA_NUM_THREADS", os.environ["OMP_NUM_THREADS"])

if TYPE_CHECKING:
    from repviz.activations.exports import export
    from repviz.activations.extraction import extract
    from repviz.activations.imports import import_matrix
    from repviz.activations.layer_table import layers
    from repviz.activations.store import open_activations
    from repviz.bottleneck.choice import choose_bottleneck
    from repviz.bottleneck.encoder_export import export_encoder
    from repviz.bottleneck.sweep import SweepSetup, sweep
    from repviz.families import catalog
    from repviz.images import images_from, open_images, split
    from repviz.images.cache import cache_images
    from repviz.images.concatenation import concatenate
    from repviz.images.metadata import Metadata
    from repviz.manifold.dimension import dimension, dimension_by_label
    from repviz.manifold.dimension.curve import scale_curve
    from repviz.manifold.embedding import embed
    from repviz.manifold.embedding.landmarks import place_on_map, umap_by_landmarks
    from repviz.manifold.embedding.map_files import open_map, save_map
    from repviz.manifold.embedding.umap_map import umap
    from repviz.manifold.invariance import invariance
    from repviz.manifold.layer_similarity import layer_similarity
    from repviz.manifold.neighbors import neighbors
    from repviz.manifold.probes import probe
    from repviz.manifold.quality import quality
    from repviz.manifold.similarity import minibatch_cka, similarity
    from repviz.models import open_model
    from repviz.models.anatomy import anatomy
    from repviz.models.checkpoints import open_checkpoint
    from repviz.models.device import on_device
    from repviz.principal import pca
    from repviz.principal.parallel import parallel_analysis
    from repviz.provenance import private
    from repviz.report.figure_files import write_figures
    from repviz.report.page import write_report
    from repviz.report.selection import selection
    from repviz.studies import study
    from repviz.studies.augmentation import plot_augmentation
    from repviz.studies.faces import FacesSetup
    from repviz.studies.reports import ActivationsSetup, build_report
    from repviz.study_folder import open_study
    from repviz.training import train
    from repviz.training.evaluation import evaluate
    from repviz.training.settings import ConvolutionalOptions
    from repviz.verification import verify

# Public verb -> the module that holds it, in the order of the work.
_VERBS = {
    "open_images": "repviz.images",
    "Metadata": "repviz.images.metadata",
    "images_from": "repviz.images",
    "cache_images": "repviz.images.cache",
    "split": "repviz.images",
    "concatenate": "repviz.images.concatenation",
    "open_model": "repviz.models",
    "open_checkpoint": "repviz.models.checkpoints",
    "on_device": "repviz.models.device",
    "anatomy": "repviz.models.anatomy",
    "train": "repviz.training",
    "evaluate": "repviz.training.evaluation",
    "layers": "repviz.activations.layer_table",
    "extract": "repviz.activations.extraction",
    "open_activations": "repviz.activations.store",
    "import_matrix": "repviz.activations.imports",
    "export": "repviz.activations.exports",
    "neighbors": "repviz.manifold.neighbors",
    "dimension": "repviz.manifold.dimension",
    "dimension_by_label": "repviz.manifold.dimension",
    "scale_curve": "repviz.manifold.dimension.curve",
    "pca": "repviz.principal",
    "parallel_analysis": "repviz.principal.parallel",
    "umap": "repviz.manifold.embedding.umap_map",
    "umap_by_landmarks": "repviz.manifold.embedding.landmarks",
    "place_on_map": "repviz.manifold.embedding.landmarks",
    "save_map": "repviz.manifold.embedding.map_files",
    "open_map": "repviz.manifold.embedding.map_files",
    "embed": "repviz.manifold.embedding",
    "quality": "repviz.manifold.quality",
    "similarity": "repviz.manifold.similarity",
    "layer_similarity": "repviz.manifold.layer_similarity",
    "minibatch_cka": "repviz.manifold.similarity",
    "probe": "repviz.manifold.probes",
    "invariance": "repviz.manifold.invariance",
    "plot_augmentation": "repviz.studies.augmentation",
    "sweep": "repviz.bottleneck.sweep",
    "SweepSetup": "repviz.bottleneck.sweep",
    "ConvolutionalOptions": "repviz.training.settings",
    "choose_bottleneck": "repviz.bottleneck.choice",
    "export_encoder": "repviz.bottleneck.encoder_export",
    "study": "repviz.studies",
    "FacesSetup": "repviz.studies.faces",
    "open_study": "repviz.study_folder",
    "write_report": "repviz.report.page",
    "write_figures": "repviz.report.figure_files",
    "build_report": "repviz.studies.reports",
    "ActivationsSetup": "repviz.studies.reports",
    "selection": "repviz.report.selection",
    "verify": "repviz.verification",
    "private": "repviz.provenance",
    "catalog": "repviz.families",
}

__all__ = [
    "open_images",
    "Metadata",
    "images_from",
    "cache_images",
    "split",
    "concatenate",
    "open_model",
    "open_checkpoint",
    "on_device",
    "anatomy",
    "train",
    "evaluate",
    "layers",
    "extract",
    "open_activations",
    "import_matrix",
    "export",
    "neighbors",
    "dimension",
    "dimension_by_label",
    "scale_curve",
    "pca",
    "parallel_analysis",
    "umap",
    "umap_by_landmarks",
    "place_on_map",
    "save_map",
    "open_map",
    "embed",
    "quality",
    "similarity",
    "layer_similarity",
    "minibatch_cka",
    "probe",
    "invariance",
    "plot_augmentation",
    "sweep",
    "SweepSetup",
    "ConvolutionalOptions",
    "choose_bottleneck",
    "export_encoder",
    "study",
    "FacesSetup",
    "open_study",
    "write_report",
    "write_figures",
    "build_report",
    "ActivationsSetup",
    "selection",
    "verify",
    "private",
    "catalog",
]


def __getattr__(name: str) -> Any:
    if name not in _VERBS:
        raise AttributeError(f"module 'repviz' has no attribute '{name}'")
    return getattr(import_module(_VERBS[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
