"""What the store of activations refuses: damage, other parameters, other folders."""

from __future__ import annotations

import json

import numpy as np
import pytest

from repviz import durable
from repviz.activations import extraction
from repviz.activations.extraction import extract
from repviz.activations.integrity import verify
from repviz.activations.store import open_activations
from repviz.errors import Damaged, InputError, Mismatch, StoreError, UnknownName
from repviz.images import open_images
from repviz.models import open_model

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


def bytes_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_images_that_changed_since_are_refused(model, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 16, 16), dtype=np.uint8)
    extract(model, pixels, out=tmp_path / "a")
    pixels[2, 5, 5] ^= 1
    with pytest.raises(Mismatch) as error:
        extract(model, pixels, out=tmp_path / "a")
    assert str(error.value) == (
        f"{tmp_path / 'a'}: the images must be those that this folder was extracted from, but 1 "
        "have changed since, 'own images, image 2' first. Choose another folder, or delete this "
        "one."
    )


def test_a_folder_that_is_held_is_refused(model, images, tmp_path):
    with durable.locked(tmp_path / "a"), pytest.raises(StoreError) as error:
        extract(model, images, out=tmp_path / "a")
    assert str(error.value) == (
        f"{tmp_path / 'a'}: only one process at a time may write to this folder, and another one "
        "is writing to it. Wait until it ends, or choose another folder."
    )
    assert extract(model, images, out=tmp_path / "a")["code"].shape == (23, 3)


def test_verify_names_what_was_changed_and_a_lost_file_is_made_again(
    model, images, tmp_path, small_shards
):
    path = tmp_path / "acts"
    acts = extract(model, images, layers=["code", "encoder.0"], out=path, batch=5)
    whole = bytes_of(path)
    found = verify(path)
    assert found.ok
    assert found.files == 18  # five shards of two layers, six commits, the rows and the manifest
    shard = path / "layers" / "code" / "000001.npy"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    assert verify(path).damaged == ("layers/code/000001.npy",)
    shard.unlink()
    assert verify(path).damaged == ("layers/code/000001.npy",)
    with pytest.raises(Damaged) as error:
        np.asarray(acts["code"])
    assert str(error.value) == (
        f"{shard}: this part of the activations is missing. Run the extraction again with the "
        "same parameters: it makes what is missing."
    )
    assert acts["code"][0].shape == (3,)  # the other shards are still there
    extract(model, images, layers=["code", "encoder.0"], out=path, batch=5)
    assert bytes_of(path) == whole
    manifest = (path / "manifest.json").read_text()
    (path / "manifest.json").write_text(manifest.replace("random (seed 1)", "trained"))
    with pytest.raises(Damaged) as error:
        verify(path)
    assert str(error.value) == (
        f"{path / 'manifest.json'}: the content of this file does not match its checksum. Restore "
        "it from a copy, or create the folder again."
    )


def test_other_parameters_are_refused_with_the_difference(model, images, tmp_path):
    path = tmp_path / "acts"
    extract(model, images, layers=["code"], out=path)
    with pytest.raises(Mismatch) as error:
        extract(model, images, layers=["code"], out=path, reduce="mean", batch=8)
    assert str(error.value) == (
        f"{path}: this folder holds activations extracted with other parameters: batch was 32 and "
        "is now 8; layers: code: reduce was 'none' and is now 'mean'. Choose another folder, or "
        "delete this one."
    )
    other = open_model("autoencoder", form="conv", size=32, bottleneck=3, width=4, seed=2)
    with pytest.raises(Mismatch, match="weights was 'random \\(seed 1\\)' and is now 'random"):
        extract(other, images, layers=["code"], out=path)


def test_a_folder_of_other_files_is_not_extracted_into(model, images, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(StoreError) as error:
        extract(model, images, layers=["code"], out=tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: activations need a folder of their own, and this one contains other files. "
        "Choose another folder."
    )


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        pytest.param(
            None,
            "not a folder of activations: it has no manifest.json. Choose a folder that repviz "
            "extract wrote.",
            id="no manifest",
        ),
        pytest.param(
            {"format": "x", "version": 3},
            "the manifest must have format 'repviz activations', version 3, got 'x', version 3. "
            "Choose another folder.",
            id="other format",
        ),
    ],
)
def test_folders_that_are_no_activations(tmp_path, manifest, sentence):
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreError) as error:
        open_activations(tmp_path)
    assert str(error.value) == f"{tmp_path}: {sentence}"


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        pytest.param(
            {"layers": ["coda"]},
            UnknownName,
            "capture: no layer is called 'coda'. Did you mean 'code'? Known: code, encoder, "
            "encoder.0, encoder.1, encoder.2, encoder.3, encoder.4, encoder.5, decoder, "
            "decoder.0, decoder.1, decoder.2, decoder.3, decoder.4, decoder.5.",
            id="unknown layer",
        ),
        pytest.param(
            {"reduce": "min"},
            UnknownName,
            "extract: no reduction is called 'min'. Known: none, mean, patch-mean, max, cls, "
            "tokens, grid, project, pca.",
            id="unknown reduction",
        ),
        pytest.param(
            {"batch": 0},
            InputError,
            "extract: batch must be a whole number from 1 to 65536, got 0.",
            id="empty batch",
        ),
    ],
)
def test_messages(model, images, tmp_path, options, error, sentence):
    with pytest.raises(error) as caught:
        extract(model, images, out=tmp_path / "a", **options)
    assert str(caught.value) == sentence


def test_a_layer_that_was_not_extracted_is_unknown(model, images, tmp_path):
    acts = extract(model, images, layers=["code"], out=tmp_path / "a")
    with pytest.raises(UnknownName) as caught:
        acts["fc7"]
    assert str(caught.value) == (
        f"activations '{tmp_path / 'a'}': no layer is called 'fc7'. Known: code."
    )
