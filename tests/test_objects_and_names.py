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


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A finished sweep with the autoencoder "linear-start-2"."""
    return repviz.sweep(
        repviz.open_images("drawn-faces:60", size=16, grey=True),
        out=tmp_path_factory.mktemp("names") / "sweep",
        bottlenecks=[2],
        engines=["pca", "linear-start"],
        setup=repviz.SweepSetup(effort=0.01),
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", [str, Path])
def test_the_name_of_a_folder_is_opened(kind, sweep, acts, tmp_path):
    folder = kind(sweep.folder)
    by_name = repviz.export_encoder(folder, tmp_path / "name.safetensors", bottleneck=2)
    by_object = repviz.export_encoder(sweep, tmp_path / "object.safetensors", bottleneck=2)
    assert by_name.read_bytes() == by_object.read_bytes()
    table = repviz.choose_bottleneck(folder, "psnr:10", engine="pca").table
    assert table.equals(repviz.choose_bottleneck(sweep, "psnr:10", engine="pca").table)
    exported = repviz.export(kind(acts.path), "fc7", tmp_path / "fc7.npy", format="npy")
    assert np.array_equal(np.load(exported), acts["fc7"][:])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: repviz.export_encoder(5, "never", bottleneck=2),
            "export_encoder: sweep must be a Study, got 5. Open it: repviz.open_study.",
        ),
        (
            lambda: repviz.choose_bottleneck([1], "psnr:10"),
            "choose_bottleneck: sweep must be a Study, got [1]. Open it: repviz.open_study.",
        ),
        (
            lambda: repviz.export(5, "fc7", "never", format="npy"),
            "export: acts must be an Activations, got 5. Open them: repviz.open_activations.",
        ),
        (
            lambda: repviz.images_from("digits"),
            "images_from: images must be a sequence of arrays or PIL images, got 'digits'. Open "
            "files by a source's name: 'folder:PATH', 'array:PATH'.",
        ),
        (
            lambda: repviz.extract("autoencoder", Path("photos"), out="never"),
            "images_from: images must be a sequence of arrays or PIL images, got "
            f"{Path('photos')!r} ({type(Path()).__name__}). Open files by a source's name: "
            "'folder:PATH', 'array:PATH'.",
        ),
        (
            lambda: repviz.train("autoencoder", "digits", epochs=10**9),
            "train: epochs must be a whole number from 1 to 100000, got 1000000000.",
        ),
    ],
)
def test_what_is_no_such_object_is_named(call, sentence):
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == sentence


def test_frames_and_tensors_are_matrices_of_any_size():
    torch, pd = pytest.importorskip("torch"), pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    expected = repviz.pca(X, components=2, solver="streaming").scores
    for thing in (frame, torch.tensor(X), X.tolist()):
        got = repviz.pca(thing, components=2, solver="streaming").scores
        assert np.array_equal(got, expected)


@pytest.mark.slow
def test_landmarks_of_a_frame_are_those_of_its_matrix():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    placed = repviz.umap_by_landmarks(frame, landmarks=30, neighbors=5)
    assert np.array_equal(
        placed.embedding, repviz.umap_by_landmarks(X, landmarks=30, neighbors=5).embedding
    )
