"""Extraction and its store: true values, killed runs, and unreadable images."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import TensorDataset

from repviz import progress
from repviz.activations import extraction
from repviz.activations.extraction import extract
from repviz.activations.integrity import verify
from repviz.activations.store import open_activations
from repviz.errors import Damaged, ImageError, InputError
from repviz.images import images_from, open_images
from repviz.images.cache import cache_images
from repviz.models import open_model
from repviz.models.model import Model, Preprocessing
from repviz.principal import pca

LAYERS = ["encoder.0", "encoder.2", "code"]


@pytest.fixture
def model():
    return open_model("autoencoder", form="conv", size=32, bottleneck=3, width=4, seed=1)


@pytest.fixture
def images():
    return open_images("digits", limit=23, size=32)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(extraction, "SHARD_BYTES", 4 * 512 * 5)  # 5 rows of the widest layer


def by_hand(model, images):
    with torch.no_grad():
        x = model.preprocessing(torch.from_numpy(images.pixels()))
        centred = x - model.module.mean
        return {
            "encoder.0": model.module.encoder[0](centred).flatten(1).numpy(),
            "encoder.2": model.module.encoder[:3](centred).flatten(1).numpy(),
            "code": model.module.encode(x).numpy(),
        }


def bytes_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_matrices_hold_what_the_layers_answer(model, images, tmp_path, small_shards):
    acts = extract(model, images, layers=LAYERS, out=tmp_path / "acts", batch=5)
    assert acts.layers == tuple(LAYERS)
    for layer, expected in by_hand(model, images).items():
        matrix = acts[layer]
        assert matrix.shape == expected.shape == (len(matrix), matrix.shape[1])
        assert matrix.dtype == np.float32
        np.testing.assert_allclose(np.asarray(matrix), expected, atol=1e-5)
    assert acts["encoder.0"].feature_shape == (8, 8, 8)
    assert len(list((tmp_path / "acts" / "layers" / "code").iterdir())) == 5


def test_each_layer_may_have_its_own_reduction(model, images, tmp_path):
    reduce = {"encoder.0": "grid:2", "encoder.*": "max"}
    acts = extract(model, images, layers=LAYERS, out=tmp_path / "acts", reduce=reduce)
    expected = by_hand(model, images)
    maps = expected["encoder.0"].reshape(23, 8, 2, 4, 2, 4)
    np.testing.assert_allclose(acts["encoder.0"][:], maps.mean((3, 5)).reshape(23, -1), atol=1e-5)
    highest = expected["encoder.2"].reshape(23, 16, 16).max(2)
    np.testing.assert_allclose(acts["encoder.2"][:], highest, atol=1e-5)
    np.testing.assert_allclose(acts["code"][:], expected["code"], atol=1e-5)
    assert acts["encoder.0"].feature_shape == (8, 2, 2)


@pytest.mark.slow
def test_components_are_nearly_those_of_an_exact_pca(model, tmp_path):
    images = open_images("digits", limit=600, size=32)
    acts = extract(model, images, layers=["encoder.2"], out=tmp_path / "a", reduce="pca:3")
    exact = pca(by_hand(model, images)["encoder.2"], components=3)
    scores = acts["encoder.2"][:]
    agreement = np.abs(np.corrcoef(scores.T, exact.scores.T)[:3, 3:]).diagonal()
    assert agreement.min() > 0.99
    np.testing.assert_allclose(scores.var(0, ddof=1), exact.explained_variance, rtol=0.02)
    assert verify(tmp_path / "a").ok
    again = extract(model, images, layers=["encoder.2"], out=tmp_path / "b", reduce="pca:3")
    np.testing.assert_array_equal(again["encoder.2"][:], scores)


def test_half_precision_counts_what_it_cannot_hold(images, tmp_path):
    net = nn.Sequential(nn.Flatten(), nn.Linear(1024, 2, bias=False))
    net[1].weight.data = torch.stack([torch.full((1024,), 1e-3), torch.full((1024,), 1e3)])
    made_for = Preprocessing((32, 32), 1, (0.0,), (1 / 255,))
    model = Model("sum", net, made_for, ("1",), "by hand", {})
    with pytest.warns(
        UserWarning, match=r"beyond 65,504, the largest float16, became infinite.*\(1: 23\)"
    ):
        acts = extract(model, images, out=tmp_path / "a", dtype="float16")
    sums = images.pixels().reshape(23, -1).sum(1, dtype=float)
    assert acts["1"].dtype == np.float16
    np.testing.assert_allclose(acts["1"][:, 0], sums * 1e-3, rtol=2e-3)
    assert np.isposinf(acts["1"][:, 1]).all()
    assert acts.overflow == {"1": 23}


def test_pictures_of_ones_own(model, tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, 16, 16), dtype=np.uint8)
    expected = extract(model, list(pixels), out=tmp_path / "a")
    as_floats = [torch.from_numpy(picture / np.float32(255)) for picture in pixels]
    paired = TensorDataset(torch.from_numpy(pixels)[:, None], torch.arange(6))
    turned = [np.ascontiguousarray(picture[::-1, ::-1])[::-1, ::-1] for picture in pixels]
    given = {"floats": as_floats, "data set": paired, "array": pixels, "turned": turned}
    for name, items in given.items():
        acts = extract(model, items, out=tmp_path / name)
        np.testing.assert_array_equal(acts["code"][:], expected["code"][:])
    named = images_from(pixels, ids=list("abcdef"), labels=[0, 0, 0, 1, 1, 1])
    rows = extract(model, named, out=tmp_path / "named").rows
    assert (rows["id"].tolist(), rows["label"].tolist()) == (list("abcdef"), list("000111"))


def test_mean_over_space(model, images, tmp_path):
    acts = extract(model, images, layers=LAYERS, out=tmp_path / "acts", reduce="mean")
    expected = by_hand(model, images)["encoder.2"].reshape(23, 16, 16).mean(2)
    np.testing.assert_allclose(np.asarray(acts["encoder.2"]), expected, atol=1e-5)
    assert acts["code"].shape == (23, 3)


def test_slices_rows_masks_and_blocks_are_numpys(model, images, tmp_path, small_shards):
    matrix = extract(model, images, layers=["code"], out=tmp_path / "a", batch=5)["code"]
    whole = np.asarray(matrix)
    mask = whole[:, 0] > np.median(whole[:, 0])
    for rows in (3, -1, slice(4, 17), slice(None, None, -4), [22, 0, 7, 7], mask, (slice(2, 9), 1)):
        np.testing.assert_array_equal(matrix[rows], whole[rows])
    np.testing.assert_array_equal(np.asarray(matrix, dtype=np.float64), whole.astype(np.float64))
    blocks = list(matrix.blocks(7))
    assert [start for start, _ in blocks] == [0, 7, 14, 21]
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), whole)
    with pytest.raises(IndexError):
        matrix[23]


def test_rows_say_what_each_row_is(model, images, tmp_path):
    rows = extract(model, images, layers=["code"], out=tmp_path / "a").rows
    assert rows["row"].tolist() == list(range(23))
    assert rows["id"].tolist() == list(images.ids)
    assert rows["label"].tolist() == list(images.labels)
    assert rows["content_hash"].tolist() == list(images.hashes())
    assert set(rows["status"]) == {"ok"}


def test_two_extractions_give_the_same_bytes(model, images, tmp_path, small_shards):
    for name in ("a", "b"):
        extract(model, images, layers=LAYERS, out=tmp_path / name, batch=5)
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_a_finished_folder_is_not_made_again(model, images, tmp_path):
    extract(model, images, layers=["code"], out=tmp_path / "a")
    before = (tmp_path / "a" / "layers" / "code" / "000000.npy").stat().st_mtime_ns
    again = extract(model, images, layers=["code"], out=tmp_path / "a")
    assert (tmp_path / "a" / "layers" / "code" / "000000.npy").stat().st_mtime_ns == before
    assert again.key == open_activations(tmp_path / "a").key


@pytest.mark.parametrize("killed_at", [0, 2, 4])
def test_an_interrupted_run_is_resumed(model, images, tmp_path, small_shards, killed_at):
    extract(model, images, layers=LAYERS, out=tmp_path / "complete", batch=5)

    def interrupt(event):
        if event == progress.Event("shard", str(killed_at), "written"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), progress.observed_by(interrupt):
        extract(model, images, layers=LAYERS, out=tmp_path / "cut", batch=5)
    with pytest.raises(Damaged) as error:
        open_activations(tmp_path / "cut")
    assert str(error.value) == (
        f"{tmp_path / 'cut'}: the extraction must be finished, got {killed_at} of 5 shards. Run "
        "it again with the same parameters to continue."
    )
    events = []
    with progress.observed_by(events.append):
        extract(model, images, layers=LAYERS, out=tmp_path / "cut", batch=5)
    finished = [int(event.name) for event in events if event.state == "finished"]
    assert finished == list(range(killed_at, 5))
    assert bytes_of(tmp_path / "cut") == bytes_of(tmp_path / "complete")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_kill_9_and_run_again(tmp_path):
    script = textwrap.dedent("""
        import os, signal, sys
        from repviz import progress
        from repviz.activations import extraction
        from repviz.images import open_images
        from repviz.models import open_model
        out, at = sys.argv[1], int(sys.argv[2])
        extraction.SHARD_BYTES = 4 * 512 * 5
        def kill(event):
            global at
            at -= event.state == "appended"
            if at == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        model = open_model("autoencoder", form="conv", size=32, bottleneck=3, width=4, seed=1)
        images = open_images("digits", limit=23, size=32)
        with progress.observed_by(kill):
            extraction.extract(model, images, layers=["encoder.0", "code"], out=out, batch=5)
    """)

    def run(out, at):
        return subprocess.run(
            [sys.executable, "-c", script, str(out), str(at)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            check=False,
        ).returncode

    assert run(tmp_path / "whole", 1000) == 0
    assert (
        run(tmp_path / "cut", 7) == -signal.SIGKILL
    )  # in the fourth shard, with one of two layers
    left = [name for name in bytes_of(tmp_path / "cut") if "unfinished" in name]
    assert len(left) == 2
    assert run(tmp_path / "cut", 1000) == 0
    assert bytes_of(tmp_path / "cut") == bytes_of(tmp_path / "whole")
    assert verify(tmp_path / "cut").ok


def test_an_unreadable_image_keeps_its_row(model, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    from PIL import Image

    for place in range(5):
        values = np.random.default_rng(place).integers(0, 256, (16, 16), dtype=np.uint8)
        Image.fromarray(values).save(folder / f"{place}.png")
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])
    images = open_images(f"folder:{folder}")
    with pytest.warns(UserWarning, match=r"1 of 5 images could not be read.*2\.png"):
        acts = extract(model, images, layers=["code"], out=tmp_path / "acts")
    codes = np.asarray(acts["code"])
    assert np.isnan(codes).all(axis=1).tolist() == [False, False, True, False, False]
    assert acts.rows["status"].tolist() == ["ok", "ok", "unreadable", "ok", "ok"]
    assert "2.png" in acts.rows["reason"][2]
    alone = extract(model, images.take([3]), layers=["code"], out=tmp_path / "alone")
    np.testing.assert_allclose(codes[3], alone["code"][0], atol=1e-5)
    with pytest.raises(ImageError, match=r"2\.png"):
        extract(model, images, layers=["code"], out=tmp_path / "strict", strict=True)


def test_a_complaint_of_many_images_is_made_once(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("L", (8, 8), 9).save(folder / "000.png")
    for number in range(1, 301):
        (folder / f"{number:03d}.png").write_bytes(b"no picture" if number % 3 else b"")
    model = open_model("autoencoder", size=8, bottleneck=2)
    images = open_images(f"folder:{folder}", size=8, grey=True)
    with pytest.warns(UserWarning, match="could not be read") as warned:
        extract(model, images, out=tmp_path / "a")
    assert [str(one.message) for one in warned] == [
        "extract: 300 of 301 images could not be read; their rows are NaN: 001.png, 002.png, "
        "004.png, 005.png, 007.png, ... (200 images): the file must contain an image, got "
        "something else. Leave it out.; 003.png, 006.png, 009.png, 012.png, 015.png, ... (100 "
        "images): the file must contain an image, got 0 bytes. Leave it out."
    ]


def test_a_network_that_gives_nan_for_an_image_says_so(tmp_path):
    pixels = np.full((3, 8, 8), 100, np.uint8)
    pixels[1] = 0
    net = nn.Sequential(nn.Flatten(), LogOfMean())
    model = Model("log", net, Preprocessing((8, 8), 1, (0.0,), (1.0,)), ("1",), "by hand", {})
    with pytest.warns(UserWarning, match="output is not finite for 1 of 3 images") as warned:
        acts = extract(model, pixels, out=tmp_path / "a")
    assert str(warned[0].message) == (
        "extract: the network's output is not finite for 1 of 3 images: image 1: a NaN or an "
        "infinity in 1"
    )
    assert acts.rows["status"].tolist() == ["ok", "not finite", "ok"]
    assert acts.readable.tolist() == [True, False, True]


class LogOfMean(nn.Module):
    def forward(self, x):
        return x.mean(1, keepdim=True).log()


def test_a_layer_whose_first_axis_is_no_image_is_refused(tmp_path):
    class TokensFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Identity()

        def forward(self, x):
            return self.tokens(x.flatten(2)[:, 0, :2].T[..., None])  # (2, b, 1)

    model = Model(
        "tokens", TokensFirst(), Preprocessing((8, 8), 1, (0.0,), (1.0,)), ("tokens",), "", {}
    )
    with pytest.raises(InputError) as error:
        extract(model, np.zeros((4, 8, 8), np.uint8), out=tmp_path / "a")
    assert str(error.value) == (
        "extract: layer 'tokens' must return one row per image, got shape (2, 2, 1) for 2 images "
        "and (2, 3, 1) for 3. Choose the layer that contains it."
    )


def test_decoded_once_they_give_the_same(model, tmp_path):
    from PIL import Image

    (tmp_path / "pictures").mkdir()
    for place in range(5):
        values = np.random.default_rng(place).integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(values).save(tmp_path / "pictures" / f"{place}.png")
    images = open_images(f"folder:{tmp_path / 'pictures'}", size=16, grey=True)
    kept = cache_images(images, folder=tmp_path / "cache")
    first = extract(model, images, out=tmp_path / "a")
    second = extract(model, kept, out=tmp_path / "b")
    np.testing.assert_array_equal(first["code"][:], second["code"][:])
    assert first.key == second.key
    assert first.rows.equals(second.rows)


def test_the_notebook_shows_what_there_is(model, images, tmp_path):
    page = extract(model, images, layers=LAYERS, out=tmp_path / "a")._repr_html_()
    for text in ("23 of digits", "autoencoder, weights: random (seed 1)", "8 x 8 x 8", "23 x 512"):
        assert text in page


def test_the_store_needs_no_torch():
    code = "import sys, repviz.activations.store; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
