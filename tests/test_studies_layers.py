"""The study of layers: whole on real-enough images, resumed, and honest without trained weights."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import repviz
from repviz.errors import InputError
from repviz.images.perturbations import PERTURBATIONS

NET = """
import torch
from torch import nn


def net(pretrained=False):
    torch.manual_seed(5 if pretrained else torch.initial_seed())
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 6)
    )


def grey(pretrained=False):
    from repviz.models.model import Preprocessing

    made = net(pretrained)
    made.preprocessing = Preprocessing((32, 32), 1, (0.5,), (0.5,))
    return made
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    (folder / "a_net_of_mine.py").write_text(NET)
    sys.path.insert(0, str(folder))
    images = repviz.open_images("drawn-faces:48", size=32, grey=True, seed=0)
    options = {"model": "a_net_of_mine:grey", "weights": "default", "layers": ["1", "3", "4"]}
    made = repviz.study("layers", images, out=folder / "study", **options)
    yield made, images, options
    sys.path.remove(str(folder))


@pytest.mark.slow
def test_every_layer_stands_trained_beside_untrained_with_its_controls(study):
    made, images, _ = study
    profile = made.result("profile")
    assert profile["representation"].tolist() == [
        "pixels",
        *(f"trained {layer}" for layer in "134"),
        *(f"untrained {layer}" for layer in "134"),
    ]
    assert (profile["plateau_low"] <= profile["plateau"]).all()
    assert (profile["plateau"] <= profile["plateau_high"]).all()
    assert profile.loc[0, "gaussian_calibrated"] > profile.loc[0, "dimension_calibrated"]
    # The same rows have one dimension, wherever the report quotes it.
    columns = [name for name in profile if name.startswith("dimension")]
    described = made.result("layers").set_index("representation")
    assert profile.set_index("representation")[columns].equals(described[columns])
    factors = made.result("factors")
    assert set(factors["factor"]) == set(images.factors)
    pixels = factors[factors["representation"] == "pixels"].set_index("factor")["r2"]
    assert pixels["nod"] > 0.9
    invariance = made.result("invariance")
    assert set(invariance["change"]) == set(PERTURBATIONS)
    assert len(invariance) == len(PERTURBATIONS) * 2 * 3
    similarity = made.result("similarity")
    own = similarity[similarity["one"] == similarity["other"]]
    assert np.allclose(own["cka"], 1)
    text = made.report.read_text()
    for section in ("profile", "factors", "invariance", "similarity", "dimension", "map"):
        assert f'id="{section}"' in text


@pytest.mark.slow
def test_started_again_it_keeps_what_is_there(study):
    made, images, options = study
    before = made.manifest["stages"]
    again = repviz.study("layers", images, out=made.folder, **options)
    assert again.manifest["stages"] == before


@pytest.mark.slow
def test_without_trained_weights_it_says_so(study, tmp_path):
    _, images, options = study
    few = images.take(range(40))
    made = repviz.study("layers", few, out=tmp_path, model=options["model"], layers="4")
    assert set(made.result("profile")["weights"]) == {"none", "untrained"}
    assert "no trained weights were given" in made.manifest["skipped"]["similarity"]
    assert "No trained weights were given" in made.report.read_text()


def test_too_few_images_are_refused(tmp_path: Path):
    images = repviz.open_images("drawn-faces:12", size=32, seed=0)
    with pytest.raises(InputError) as caught:
        repviz.study("layers", images, out=tmp_path / "s")
    assert str(caught.value) == (
        "study layers: the number of images must be a whole number at least 40, got 12."
    )
    assert not (tmp_path / "s").exists()
