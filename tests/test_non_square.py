"""Images that are higher than wide, or wider than high: from the command line to the report."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import repviz
from repviz import cli


@pytest.fixture
def run(monkeypatch):
    """Call the command line in this process; gives back the exit code."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["repviz", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0

    return call


@pytest.mark.slow
def test_extraction_at_height_x_width(run, tmp_path):
    model = repviz.open_model("autoencoder", size=(48, 64), bottleneck=3, seed=1)
    images = repviz.open_images("drawn-faces:40", size=(48, 64), grey=True)
    weights = tmp_path / "own.safetensors"
    repviz.train(model, images, out=weights, epochs=1)
    words = ["--weights", weights, "--images", "drawn-faces:40", "--size", "48x64", "--grey"]
    assert run("extract", "autoencoder", *words, "--out", tmp_path / "acts") == 0
    acts = repviz.open_activations(tmp_path / "acts")
    assert images.pixels([0]).shape[-2:] == (48, 64)
    direct = repviz.extract(repviz.open_checkpoint(weights), images, out=tmp_path / "direct")
    assert np.array_equal(acts["code"][:], direct["code"][:])


@pytest.mark.slow
def test_a_sweep_at_height_x_width(run, tmp_path):
    words = ["--size", "24x32", "--engines", "pca,linear-start,conv", "--bottlenecks", "2"]
    given = [*words, "--effort", "0.01", "--out", tmp_path / "sweep"]
    assert run("sweep", "drawn-faces:60", *given) == 0
    study = repviz.open_study(tmp_path / "sweep")
    assert study.manifest["images"]["size"] == [24, 32]
    assert {"pca", "linear-start", "conv"} <= set(study.result("sweep")["engine"])
    assert "<svg" in study.report.read_text()
