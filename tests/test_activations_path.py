"""The whole way on few images: open, train, keep, open again, extract, read."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import repviz
from repviz.models.autoencoder import encode


def test_codes_from_the_store_are_those_of_the_trained_model(tmp_path):
    images = repviz.open_images("digits", limit=40, size=16)
    model = repviz.open_model("autoencoder", size=16, bottleneck=3, width=4)
    made = repviz.train(model, images, epochs=1, out=tmp_path / "net.safetensors")
    again = repviz.open_model("autoencoder", weights=str(tmp_path / "net.safetensors"))
    acts = repviz.extract(again, images, out=tmp_path / "acts")
    expected = encode(made.model.module, images.matrix())
    np.testing.assert_allclose(np.asarray(acts["code"]), expected, atol=1e-5)
    assert acts.manifest["weights_hash"] == made.model.key != model.key
    assert (
        acts.manifest["weights"]
        == made.model.weights
        == "trained for 1 epoch on 35 images (seed 0)"
    )
    assert repviz.open_activations(tmp_path / "acts").key == acts.key


@pytest.mark.slow
def test_alexnets_layers_are_what_a_pass_by_hand_gives(tmp_path):
    images = repviz.open_images("orl", limit=3)
    model = repviz.open_model("alexnet", classes=40)
    acts = repviz.extract(model, images, layers=["conv1", "relu1", "fc7"], out=tmp_path / "acts")
    net = model.module
    with torch.no_grad():
        x = model.preprocessing(torch.from_numpy(images.pixels()))
        conv1 = net.conv1(x)
        pool5 = torch.nn.Sequential(*list(net)[:15])(x)
        fc7 = net.fc7(net.relu6(net.fc6(pool5.flatten(1))))
    np.testing.assert_allclose(np.asarray(acts["conv1"]), conv1.flatten(1), atol=1e-4)
    np.testing.assert_allclose(np.asarray(acts["relu1"]), conv1.relu().flatten(1), atol=1e-4)
    np.testing.assert_allclose(np.asarray(acts["fc7"]), fc7, atol=1e-3)
    assert acts["conv1"].feature_shape == (96, 55, 55)


def test_a_tilde_is_the_home_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    matrix = np.random.default_rng(0).normal(size=(5, 2))
    made = repviz.import_matrix(matrix, out="~/acts", layer="rows")
    assert made.path == tmp_path / "acts"
    assert repviz.open_activations("~/acts").path == tmp_path / "acts"
    assert repviz.export(made, "rows", "~/rows.npy", format="npy") == tmp_path / "rows.npy"
    assert repviz.verify("~/rows.npy") == 1
    assert repviz.verify("~/acts") == repviz.verify(tmp_path / "acts")
