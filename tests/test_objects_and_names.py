"""A name or a container in the place of a matrix: every verb says so in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import repviz
from repviz.errors import InputError, UnknownName

X = np.random.default_rng(0).normal(size=(40, 6))

# Verb -> the call with something in the place of its first matrix, and of its second.
CALLS = {
    "neighbors": lambda thing: repviz.neighbors(thing),
    "dimension": lambda thing: repviz.dimension(thing),
    "dimension, of a matrix": lambda thing: repviz.dimension(thing, method="participation"),
    "dimension_by_label": lambda thing: repviz.dimension_by_label(thing, ["a", "b"] * 20),
    "scale_curve": lambda thing: repviz.scale_curve(thing),
    "pca": lambda thing: repviz.pca(thing),
    "parallel_analysis": lambda thing: repviz.parallel_analysis(thing),
    "umap": lambda thing: repviz.umap(thing),
    "umap_by_landmarks": lambda thing: repviz.umap_by_landmarks(thing),
    "embed": lambda thing: repviz.embed(thing, method="pca"),
    "similarity": lambda thing: repviz.similarity(thing, X),
    "similarity, other": lambda thing: repviz.similarity(X, thing),
    "minibatch_cka": lambda thing: repviz.minibatch_cka(thing, X),
    "probe": lambda thing: repviz.probe(thing, ["a", "b"] * 20),
    "invariance": lambda thing: repviz.invariance(thing, X),
    "invariance, other": lambda thing: repviz.invariance(X, thing),
}


@pytest.fixture(scope="module")
def acts(tmp_path_factory):
    return repviz.import_matrix(X, tmp_path_factory.mktemp("names") / "acts", layer="fc7")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("kind", ["activations", "folder", "path", "images"])
def test_what_is_no_matrix_is_named_with_the_way_to_one(call, kind, acts):
    things = {
        "activations": acts,
        "folder": str(acts.path),
        "path": Path(acts.path),
        "images": repviz.open_images("digits", limit=40),
    }
    with pytest.raises(InputError) as caught:
        call(things[kind])
    sentence = str(caught.value).partition(": ")[2]
    assert sentence.startswith("X must be ")
    assert sentence.endswith(
        {
            "activations": "must be one layer, got activations with the layers fc7. Choose one: "
            "acts['fc7'].",
            "folder": "Open it first: repviz.open_activations(folder)[layer], or numpy.load(file).",
            "path": "Open it first: repviz.open_activations(folder)[layer], or numpy.load(file).",
            "images": "must be a matrix, got images. Take their pixels: images.matrix().",
        }[kind]
    )


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda: repviz.open_model("resnet18"), "'torchvision:resnet18'"),
        (lambda: repviz.open_model("torchvision:ResNet-18"), "'resnet18'"),
        (lambda: repviz.open_images("cifar10"), "'torchvision:CIFAR10'"),
        (lambda: repviz.open_images("drawn_faces:40"), "'drawn-faces'"),
        (lambda: repviz.dimension(X, method="Two-NN"), "'twonn'"),
        (lambda: repviz.embed(X, method="UMAP-2"), "'umap'"),
        (lambda: repviz.sweep(X, out="never", engines=["Linear Start"]), "'linear-start'"),
        (lambda: repviz.sweep(X, out="never", criteria=["PSNR_:25"]), "'psnr'"),
        (lambda: repviz.study("Layers", "digits", out="never"), "'layers'"),
        (lambda: repviz.catalog("Estimator"), "'estimators'"),
    ],
)
def test_what_was_meant_is_proposed(call, meant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownName) as caught:
        call()
    assert f" Did you mean {meant}" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
