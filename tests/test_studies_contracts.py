"""What every study of :data:`STUDIES` keeps to, a study added from elsewhere included."""

from __future__ import annotations

import inspect
import sys
import textwrap

import numpy as np
import pytest
from noisy_patterns import noisy_patterns
from study_folder import build

import repviz
from repviz.errors import UnknownName
from repviz.references import resolve
from repviz.studies import STUDIES, Entry, study
from repviz.studies.faces import FacesSetup
from repviz.training.settings import ConvolutionalOptions

TOY = '''
"""The study ``toy``: how bright is each image?"""

import pandas as pd

from repviz.bottleneck.data import describe_images
from repviz.images import as_images
from repviz.report.page import write_report
from repviz.study_folder import Study, begin


def toy(images, *, out, scale=1.0, seed=0):
    """A study folder with the mean brightness of each image, and its report.

    Parameters
    ----------
    images : Images or str
        Any.
    out : path
        The folder.
    scale : float
        What brightness is multiplied by.
    seed : int
        Kept with the study; nothing here is random.

    Returns
    -------
    Study
        The folder, opened.
    """
    images = as_images(images)
    with begin(
        out,
        study="toy",
        title=f"How bright {len(images)} {images.nouns.images} are",
        parameters={"images": images.name, "scale": scale, "seed": seed},
        images=describe_images(images),
        summary="How bright is each image?",
    ) as study:
        brightness = [scale * float(image.mean()) for image in images]
        table = pd.DataFrame({"row": range(len(images)), "brightness": brightness})
        study.stage("brightness", lambda draft: draft.table("brightness", table))
        sentence = f"The mean brightness is {table['brightness'].mean():.1f} grey levels."
        study.stage("findings", lambda draft: draft.findings({"brightness": [sentence]}))
        write_report(out)
    return Study(out)
'''
SMALL = {
    "faces": {
        "size": 16,
        "bottlenecks": [2],
        "epochs": 1,
        "samples": 100,
        "setup": FacesSetup(convolutional=ConvolutionalOptions(epochs=1)),
    },
    "layers": {"layers": ["pool1", "fc6"]},
    "bottleneck": {"bottlenecks": [2], "engines": ["pca"]},
    "network": {"units": 1},
    "featuremaps": {"channels": 2},
    "activations": {},
    "comparison": {},
    "toy": {},
}


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """``STUDIES`` with one study more, from one file and one line."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "toy_study.py").write_text(textwrap.dedent(TOY))
    sys.path.insert(0, str(folder))
    STUDIES["toy"] = Entry("toy_study:toy", "how bright each image is")
    yield STUDIES
    del STUDIES["toy"]
    sys.path.remove(str(folder))
    sys.modules.pop("toy_study", None)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The name of a source in a folder whose path no headline may show: 40 images of 4 labels."""
    folder = tmp_path_factory.mktemp("private")
    pixels, labels = noisy_patterns(4, 10)
    np.savez(folder / "set.npz", images=pixels, labels=labels)
    return f"array:{folder / 'set.npz'}"


@pytest.fixture(scope="module", params=[*STUDIES, "toy"])
def finished(request, studies, images, tmp_path_factory):
    options = dict(SMALL[request.param])
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "network":
        model = repviz.open_model("alexnet", classes=4)
        options["weights"] = folder / "net.safetensors"
        opened = repviz.open_images(images)
        repviz.train(model, opened, out=options["weights"], epochs=1, batch=8)
    source = of(studies[request.param].source, images, folder)
    return request.param, study(request.param, source, out=folder / "study", **options), options


def of(source, images, folder):
    """What a study is of: images, stored activations, or two studies."""
    if source == "images":
        return images
    parts = [folder / "one", folder / "other"]
    if source == "activations" and not parts[0].exists():
        X = np.random.default_rng(0).normal(size=(60, 5))
        for part in parts:
            repviz.import_matrix(X, part, labels=["a", "b", "c"] * 20)
    if source == "studies" and not parts[0].exists():
        for part, sizes in zip(parts, [(2, 4), (2, 4, 8)], strict=True):
            build(part, sizes=sizes)
    return parts


@pytest.mark.parametrize("name", [*STUDIES, "toy"])
def test_a_study_takes_images_a_folder_and_named_options_with_defaults(studies, name):
    function = resolve(studies[name].function)
    first, out, *options = inspect.signature(function).parameters.values()
    assert first.name == studies[name].source
    assert "out" in inspect.signature(function).parameters
    for option in (out, *options):
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.name == "out" or option.default is not inspect.Parameter.empty
        assert f"{option.name} : " in inspect.getdoc(function)
    # Nothing is random where finished numbers are compared.
    assert ("seed" in inspect.signature(function).parameters) == (first.name != "studies")
    assert studies[name].summary


@pytest.mark.parametrize("name", [*STUDIES, "toy"])
def test_an_option_that_it_lacks_is_named_with_those_that_it_has(studies, tmp_path, name):
    with pytest.raises(UnknownName, match=rf"study {name}: no option is called 'sizzle'"):
        study(name, "digits", out=tmp_path / "s", sizzle=3)
    assert not (tmp_path / "s").exists()


def test_a_study_that_is_not_there_is_named_with_those_that_are(studies, tmp_path):
    with pytest.raises(UnknownName) as caught:
        study("layer", "digits", out=tmp_path / "s")
    assert str(caught.value) == (
        "study: no study is called 'layer'. Did you mean 'layers'? Known: faces, layers, "
        "bottleneck, network, featuremaps, activations, comparison, toy."
    )


@pytest.mark.slow
def test_a_finished_study_says_what_it_asks_and_what_it_found(finished):
    name, made, _ = finished
    manifest = made.manifest
    assert manifest["study"] == name
    assert manifest["summary"].endswith("?")
    assert STUDIES[name].source == "studies" or {"seed", "seeds"} & manifest["parameters"].keys()
    assert "array:" not in manifest["title"]
    assert "/" not in manifest["title"]
    findings = made.result("findings")
    assert len(findings)
    assert all(sentence.endswith(".") for sentence in findings["sentence"])
    assert any(char.isdigit() for char in "".join(findings["sentence"]))
    page = made.report.read_text(encoding="utf-8")
    assert manifest["summary"].replace("'", "&#x27;").split("&")[0] in page
    assert repviz.verify(made.folder) > 0


@pytest.mark.slow
def test_run_again_a_study_keeps_every_stage(finished, images):
    name, made, options = finished
    images = of(STUDIES[name].source, images, made.folder.parent)
    before = made.manifest["stages"], made.report.read_bytes()
    again = study(name, images, out=made.folder, **options)
    assert (again.manifest["stages"], again.report.read_bytes()) == before
