"""Rows appended to a finished folder: those of one extraction of all images, the old untouched."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import TensorDataset

from repviz import progress
from repviz.activations import extraction
from repviz.activations.extraction import extract
from repviz.activations.store import open_activations
from repviz.errors import Damaged, Mismatch
from repviz.images import images_from, open_images
from repviz.models import open_model
from repviz.models.model import Model, Preprocessing
from repviz.verification import verify

pytestmark = pytest.mark.slow

BEFORE, N = 1000, 1200


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (N, 1, 8, 8), dtype=np.uint8)


@pytest.fixture
def model():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 50)).eval()
    return Model("small", module, Preprocessing((8, 8), 1, (0.5,), (0.5,)), ("0", "3"), "", {})


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(extraction, "SHARD_BYTES", 4 * 144 * 128)  # 128 rows


def bytes_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def assert_same_rows(one, other):
    assert len(one) == len(other)
    for layer in other.layers:
        assert one[layer][:].tobytes() == other[layer][:].tobytes(), layer
    assert one.rows.equals(other.rows)
    assert one.overflow == other.overflow


def as_array(pixels, rows):
    return images_from(pixels[:rows])


def as_dataset(pixels, rows):
    return images_from(TensorDataset(torch.from_numpy(pixels[:rows])))


@pytest.mark.parametrize("source", [as_array, as_dataset])
@pytest.mark.parametrize("cuts", [(1000, 1200), (1000, 1001, 1030, 1200), (64, 1200)])
def test_appended_rows_are_those_of_one_extraction(model, pixels, tmp_path, source, cuts):
    complete = extract(model, source(pixels, N), tmp_path / "once")
    extract(model, source(pixels, cuts[0]), tmp_path / "grown")
    for rows in cuts[1:]:
        before = bytes_of(tmp_path / "grown")
        grown = extract(model, source(pixels, rows), tmp_path / "grown", append=True)
        assert before.items() <= bytes_of(tmp_path / "grown").items()
        assert len(grown) == rows
    assert_same_rows(grown, complete)
    assert grown["3"][[1199, 3, 1000]].tobytes() == complete["3"][[1199, 3, 1000]].tobytes()
    assert verify(tmp_path / "grown") > verify(tmp_path / "once")
    assert extract(model, source(pixels, N), tmp_path / "grown").key == grown.key  # nothing to do


def test_new_files_of_a_folder_come_after_the_old_ones(tmp_path):
    model = open_model("autoencoder", form="conv", size=32, bottleneck=3, width=4, seed=1)
    rng = np.random.default_rng(0)

    def draw(*names):
        (tmp_path / "photos").mkdir(exist_ok=True)
        for name in names:
            image = rng.integers(0, 256, (32, 32), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / "photos" / f"{name}.png")
        return open_images(f"folder:{tmp_path / 'photos'}", size=32, grey=True)

    old = [f"b{number:02d}" for number in range(20)]
    new = ["a first", "b05 again", "z last"]
    extract(model, draw(*old), tmp_path / "acts", batch=8)
    images = draw(*new)
    grown = extract(model, images, tmp_path / "acts", batch=8, append=True)
    assert [name.removesuffix(".png") for name in grown.rows["id"]] == old + new
    order = [images.ids.index(name) for name in grown.rows["id"]]
    complete = extract(model, images[order], tmp_path / "once", batch=8)
    assert_same_rows(grown, complete)


@pytest.mark.parametrize("part", [None, (0, 1)])
@pytest.mark.parametrize("killed_at", [0, 1])
def test_a_killed_append_leaves_the_folder_as_it_was_and_goes_on(
    model, pixels, tmp_path, killed_at, part
):
    images = as_array(pixels, N)
    complete = extract(model, images, tmp_path / "once")
    before = extract(model, as_array(pixels, BEFORE), tmp_path / "grown")

    def interrupt(event):
        if event == progress.Event("shard", str(killed_at), "written"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), progress.observed_by(interrupt):
        extract(model, images, tmp_path / "grown", append=True, part=part)
    as_it_was = open_activations(tmp_path / "grown")
    assert_same_rows(as_it_was, before)
    assert as_it_was.key == before.key
    verify(tmp_path / "grown")
    assert_same_rows(extract(model, images, tmp_path / "grown", append=True, part=part), complete)
    assert not list((tmp_path / "grown").rglob("unfinished"))


def test_parts_append_as_one_process_does(model, pixels, tmp_path):
    complete = extract(model, as_array(pixels, N), tmp_path / "once")
    extract(model, as_array(pixels, BEFORE), tmp_path / "grown")
    for rank in (1, 0):
        grown = extract(model, as_array(pixels, N), tmp_path / "grown", append=True, part=(rank, 2))
    assert_same_rows(open_activations(tmp_path / "grown"), complete)
    assert len(grown) == N


def test_appended_scores_are_along_the_components_of_the_first_images(model, pixels, tmp_path):
    extract(model, as_array(pixels, BEFORE), tmp_path / "grown", reduce="pca:3")
    grown = extract(model, as_array(pixels, N), tmp_path / "grown", reduce="pca:3", append=True)
    values = extract(model, as_array(pixels, N), tmp_path / "values")["3"][BEFORE:]
    basis = np.load(tmp_path / "grown" / "components" / "3.npy")
    np.testing.assert_allclose(grown["3"][BEFORE:], (values - basis[0]) @ basis[1:].T, atol=1e-5)
    verify(tmp_path / "grown")


def test_a_changed_byte_of_an_appended_row_is_found_and_named(model, pixels, tmp_path):
    extract(model, as_array(pixels, BEFORE), tmp_path / "a")
    extract(model, as_array(pixels, N), tmp_path / "a", append=True)
    file = tmp_path / "a" / "appended" / "000001" / "layers" / "3" / "000001.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(Damaged, match=r"appended/000001/layers/3/000001\.npy"):
        verify(tmp_path / "a")
    file.unlink()
    assert verify(extract(model, as_array(pixels, N), tmp_path / "a").path)


def test_appended_rows_of_another_folder_are_refused(model, pixels, tmp_path):
    extract(model, as_array(pixels, BEFORE), tmp_path / "a")
    extract(model, as_array(pixels, N), tmp_path / "a", append=True)
    extract(model, as_array(pixels, 500), tmp_path / "b")
    shutil.copytree(tmp_path / "a" / "appended", tmp_path / "b" / "appended")
    with pytest.raises(Damaged) as error:
        open_activations(tmp_path / "b")
    assert str(error.value) == (
        f"{tmp_path / 'b' / 'appended' / '000001'}: these rows must have the layers of those "
        "before them and begin at row 500, got row 1000. Restore it from a copy, or create the "
        "folder again."
    )


def refusal(*arguments, **options):
    with pytest.raises(Mismatch) as error:
        extract(*arguments, **options)
    return str(error.value)


def test_messages(model, pixels, tmp_path):
    path = tmp_path / "a"
    extract(model, as_array(pixels, BEFORE), path)
    more = ", ".join(f"'{row}'" for row in as_array(pixels, N).ids[BEFORE : BEFORE + 8])
    assert refusal(model, as_array(pixels, N), path) == (
        f"{path}: this folder must hold all images, got 200 that it does not hold: {more} and 192 "
        "more. Append them with append=True (--append), or choose another folder."
    )
    fewer = as_array(pixels, N)[[*range(5), *range(7, N)]]
    gone = as_array(pixels, N).ids[5:7]
    assert refusal(model, fewer, path, append=True) == (
        f"{path}: rows can be appended where all images of this folder are among the images, got "
        f"2 that are not: '{gone[0]}', '{gone[1]}'. Restore them, or choose another folder."
    )
    changed = pixels.copy()
    changed[7] ^= 1
    assert refusal(model, as_array(changed, N), path, append=True) == (
        f"{path}: the images must be those that this folder was extracted from, but 1 have "
        "changed since, 'own images, image 7' first. Choose another folder, or delete this one."
    )
    assert not (path / "appended").exists()
    assert "batch was 32 and is now 16" in refusal(
        model, as_array(pixels, N), path, append=True, batch=16
    )
    extract(model, as_array(pixels, 20), tmp_path / "few")
    assert refusal(model, as_array(pixels, N), tmp_path / "few", append=True) == (
        f"{tmp_path / 'few'}: rows can be appended to at least one batch of rows (32), got 20: "
        "their values depend on the size of the batch. Extract all images anew, into another "
        "folder."
    )
