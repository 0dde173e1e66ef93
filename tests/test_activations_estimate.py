"""The estimate of an extraction: exact where it can be, and nothing is written."""

from __future__ import annotations

import numpy as np
import pytest

from repviz.activations import extraction
from repviz.activations.estimate import Estimate, estimate_extraction
from repviz.activations.extraction import extract
from repviz.errors import InputError
from repviz.images import images_from
from repviz.models import open_model


@pytest.fixture
def model():
    return open_model("autoencoder", form="conv", size=32, bottleneck=3, width=4, seed=1)


@pytest.mark.parametrize("n", [1, 7, 23])
@pytest.mark.parametrize(
    "options",
    [{}, {"dtype": "float16", "reduce": "mean"}, {"reduce": {"enc*": "none", "*": "max"}}],
)
def test_bytes_on_disk_are_exact(model, tmp_path, monkeypatch, n, options):
    monkeypatch.setattr(extraction, "SHARD_BYTES", 4 * 512 * 5)
    pixels = np.random.default_rng(0).integers(0, 256, (n, 1, 32, 32), dtype=np.uint8)
    layers = ["encoder.0", "code"]
    found = estimate_extraction(model, images_from(pixels), layers, batch=5, **options)
    assert list(tmp_path.iterdir()) == []
    acts = extract(model, images_from(pixels), tmp_path / "a", layers, batch=5, **options)
    assert found.disk == sum(file.stat().st_size for file in (acts.path / "layers").rglob("*.npy"))
    assert found.shards == len(list((acts.path / "layers" / "code").iterdir()))
    assert (found.images, found.layers, found.batch) == (n, 2, 5)
    assert found.seconds > 0
    assert found.memory > 10**7


def test_components_take_a_second_pass(model, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 1, 32, 32), dtype=np.uint8)
    ticks = iter(range(100))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(ticks)))
    one = estimate_extraction(model, images_from(pixels), ["encoder.0"], batch=5)
    two = estimate_extraction(model, images_from(pixels), ["encoder.0"], batch=5, reduce="pca:2")
    assert (one.seconds, two.seconds) == (3, 6)  # a second per batch, of three batches


def test_the_sentence():
    found = Estimate(1_300_000, 8, 4_000_000_000_000, 3_100_000_000, 26_000.0, 32, 1270)
    assert str(found) == (
        "1,300,000 images, 8 layers: 4,000,000,000,000 bytes on disk, about 3.1 GB of memory and "
        "433 min (50.0 images/s), in at most 1,270 parts"
    )


def test_what_extract_refuses_is_refused(model):
    pixels = np.zeros((2, 1, 32, 32), np.uint8)
    with pytest.raises(InputError, match="type of number"):
        estimate_extraction(model, images_from(pixels), dtype="int8")
