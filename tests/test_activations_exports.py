"""What goes out to other programs is read back by those programs; what comes in is the same."""

from __future__ import annotations

import io
import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import repviz
from repviz.activations.exports import EXPORTS, export
from repviz.activations.imports import import_matrix
from repviz.activations.integrity import verify
from repviz.activations.store import open_activations
from repviz.errors import Damaged, InputError, StoreError, Unavailable, UnknownName
from repviz.images import images_from
from repviz.images.metadata import add_metadata

X = np.random.default_rng(0).normal(size=(7, 2, 3)).astype(np.float32)
FLAT = X.reshape(7, 6)
LABELS = ["a\tb", "b", "c", "a", "b", "c", "é\n"]


@pytest.fixture
def acts(tmp_path):
    return import_matrix(X, tmp_path / "acts", layer="fc", labels=LABELS)


# truth


def test_an_imported_matrix_is_what_it_was(acts):
    assert acts["fc"].shape == (7, 6)
    assert acts["fc"].feature_shape == (2, 3)
    np.testing.assert_array_equal(acts["fc"][:], FLAT)
    assert acts.labels.tolist() == LABELS
    assert acts.rows["id"].tolist() == [f"row {row}" for row in range(7)]
    assert verify(acts.path).ok


def test_rows_that_are_no_numbers_are_marked(tmp_path):
    holed = FLAT.copy()
    holed[2, 1], holed[5, 0] = np.nan, np.inf
    np.save(tmp_path / "X.npy", holed.astype(np.float16))
    acts = import_matrix(tmp_path / "X.npy", tmp_path / "acts")
    assert acts["matrix"].dtype == np.float16
    assert np.flatnonzero(~acts.readable).tolist() == [2, 5]
    assert np.isnan(acts["matrix"][[2, 5]]).all()
    assert acts.rows["reason"][2] == "a NaN, an infinity or a masked value"
    assert acts.manifest["model"] == "X.npy"


def test_npy_is_numpys(acts, tmp_path):
    path = export(acts, "fc", tmp_path / "X.npy", format="npy")
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), FLAT)


def test_parquet_holds_rows_and_features(acts, tmp_path):
    table = pd.read_parquet(export(acts, "fc", tmp_path / "X.parquet", format="parquet"))
    np.testing.assert_array_equal(np.stack(table["fc"]), FLAT)
    assert table["label"].tolist() == LABELS
    assert table["id"].tolist() == acts.rows["id"].tolist()


def test_zarr_opens_it(acts, tmp_path):
    zarr = pytest.importorskip("zarr")
    array = zarr.open_array(str(export(acts, "fc", tmp_path / "X.zarr", format="zarr")), mode="r")
    np.testing.assert_array_equal(array[:], FLAT)
    assert array.attrs["layer"] == "fc"
    assert array.attrs["ids"] == acts.rows["id"].tolist()


def test_anndata_opens_it(acts, tmp_path):
    anndata = pytest.importorskip("anndata")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = anndata.read_h5ad(export(acts, "fc", tmp_path / "X.h5ad", format="anndata"))
    np.testing.assert_array_equal(data.X, FLAT)
    assert data.obs["label"].tolist() == LABELS
    assert data.obs_names.tolist() == acts.rows["id"].tolist()
    assert json.loads(data.uns["made_of"])["key"] == acts.manifest["key"]


def test_the_projector_gets_a_line_a_row_and_a_square_sheet(acts, tmp_path):
    shades = np.arange(7, dtype=np.uint8)[:, None, None] * np.full((16, 16), 30, np.uint8)
    images = images_from(shades, ids=acts.rows["id"])
    path = export(acts, "fc", tmp_path / "projector", format="projector", images=images)
    np.testing.assert_allclose(np.loadtxt(path / "vectors.tsv", delimiter="\t"), FLAT, rtol=1e-6)
    lines = (path / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 8
    assert lines[1] == "row 0\ta b\tok"
    embedding = json.loads((path / "projector_config.json").read_text())["embeddings"][0]
    assert embedding["tensorShape"] == [7, 6]
    side = embedding["sprite"]["singleImageDim"][0]
    sheet = np.asarray(Image.open(io.BytesIO((path / "sprite.png").read_bytes())))
    assert sheet.shape == (3 * side, 3 * side, 3)
    assert [int(sheet[k // 3 * side, k % 3 * side, 0]) for k in range(7)] == shades[
        :, 0, 0
    ].tolist()


def test_embedding_atlas_gets_the_map_the_neighbors_and_a_picture_of_each_readable_row(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 6)).astype(np.float32)
    X[4, 2] = np.nan
    acts = import_matrix(X, tmp_path / "acts", layer="fc")
    shades = np.arange(30, dtype=np.uint8)[:, None, None] * np.full((16, 16), 8, np.uint8)
    images = images_from(shades, ids=acts.rows["id"].tolist())
    table = pd.read_parquet(export(acts, "fc", tmp_path / "X", format="atlas", images=images))
    assert table["id"].tolist() == acts.rows["id"].tolist()
    known = np.r_[:4, 5:30]
    xy = table[["x", "y"]].to_numpy()
    np.testing.assert_array_equal(np.isnan(xy).any(axis=1), np.isnan(X).any(axis=1))
    graph = repviz.neighbors(X[known], k=15)
    np.testing.assert_array_equal(xy[known], repviz.umap(graph, seed=0).astype(np.float32))
    assert table["neighbors"][4] is None
    apart = np.linalg.norm(X[:, None] - X, axis=2)
    for row in known:
        order = [other for other in np.argsort(apart[row]) if other not in (row, 4)][:15]
        near = table["neighbors"][row]
        assert near["ids"].tolist() == order
        np.testing.assert_allclose(near["distances"], apart[row][order], rtol=1e-5)
        pixels = np.asarray(Image.open(io.BytesIO(table["image"][row]["bytes"])))
        assert pixels.shape == (96, 96, 3)
        assert np.unique(pixels).tolist() == [shades[row, 0, 0]]


def test_labels_and_factors_go_along_in_every_format_that_has_room(tmp_path):
    """Ages are numbers in each: 9, 10.5 and 100 in this order, not "10.5", "100", "9"."""
    path = tmp_path / "meta.csv"
    path.write_text("id,age,wears\nimage 0,100,hat;tie\nimage 1,9,\nimage 2,10.5,tie\n")
    shades = np.arange(3, dtype=np.uint8)[:, None, None] * np.full((16, 16), 30, np.uint8)
    images = add_metadata(images_from(shades, labels=["a", "b", "b"]), path)
    ages, ties = [100.0, 9.0, 10.5], [1.0, 0.0, 1.0]
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 8, 8))
    acts = repviz.extract(net, images, layers=["0"], reduce="mean", out=tmp_path / "acts")
    written = {name: export(acts, "0", tmp_path / f"X-{name}", format=name) for name in EXPORTS}

    table = pd.read_parquet(written["parquet"])
    assert table["factor_age"].tolist() == ages
    assert table["factor_wears=tie"].tolist() == ties
    tsv = pd.read_csv(written["projector"] / "metadata.tsv", sep="\t")
    assert tsv["factor_age"].tolist() == ages
    assert tsv["label"].tolist() == ["a", "b", "b"]
    assert (written["projector"] / "metadata.tsv").read_text().splitlines()[1:] == [
        "image 0\ta\tok\t100\t1\t1",
        "image 1\tb\tok\t9\t0\t0",
        "image 2\tb\tok\t10.5\t0\t1",
    ]
    zarr = pytest.importorskip("zarr")
    attributes = zarr.open_array(str(written["zarr"]), mode="r").attrs
    assert attributes["labels"] == ["a", "b", "b"]
    assert attributes["factors"] == {"age": ages, "wears=hat": [1.0, 0.0, 0.0], "wears=tie": ties}
    anndata = pytest.importorskip("anndata")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        observations = anndata.read_h5ad(written["anndata"]).obs
    assert observations["factor_age"].tolist() == ages
    assert observations["factor_age"].dtype == np.float64


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        (np.array([[1e8 + 1 / 3, 1e-310]]), "float64"),
        (np.array([[1, -(2**53)]]), "float64"),
        (np.array([[1, 2**31 - 1]], np.int32), "float64"),
        (np.array([[-32768, 3]], np.int16), "float32"),
        (np.array([[True, False]]), "float32"),
        (np.array([[6e4, 0.1]], np.float16), "float16"),
    ],
)
def test_an_import_changes_no_value(tmp_path, values, stored):
    matrix = import_matrix(values, tmp_path / "acts")["matrix"]
    assert matrix.dtype == stored
    np.testing.assert_array_equal(matrix[:], values)


def test_masked_values_and_tensors(tmp_path):
    masked = np.ma.masked_greater(np.arange(6).reshape(3, 2), 4)
    acts = import_matrix(masked, tmp_path / "masked", labels=["a", None, float("nan")])
    assert acts.readable.tolist() == [True, True, False]
    assert acts.rows["status"].tolist() == ["ok", "ok", "not finite"]
    assert acts.rows["label"].tolist() == ["a", None, None]
    tensor = torch.ones(2, 3, dtype=torch.bfloat16, requires_grad=True)
    assert import_matrix(tensor, tmp_path / "tensor")["matrix"][:].tolist() == [[1, 1, 1]] * 2


def test_a_layer_of_any_name_is_stored_and_exported(tmp_path):
    for place, layer in enumerate(["..", ".", "label", "a/b", "é" * 200, "x" * 300]):
        acts = import_matrix(X, tmp_path / f"{place}", layer=layer)
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            str(i) for i in range(place + 1)
        ]
        np.testing.assert_array_equal(acts[layer][:], FLAT)
    acts = open_activations(tmp_path / "2")
    table = pd.read_parquet(export(acts, "label", tmp_path / "X.parquet", format="parquet"))
    np.testing.assert_array_equal(np.stack(table["label.features"]), FLAT)


# contracts


@pytest.mark.parametrize("to", EXPORTS)
def test_an_export_is_verified_by_its_card(acts, tmp_path, to):
    try:
        path = export(acts, "fc", tmp_path / "out" / "x", format=to)
    except Unavailable:
        pytest.skip("its package is not installed")
    files = [file for file in [path, *path.rglob("*")] if file.is_file()]
    assert repviz.verify(path) == len(files)
    for file in [*files, path.with_name("x.json")]:
        content = file.read_bytes()
        file.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
        with pytest.raises(Damaged):
            repviz.verify(path)
        file.write_bytes(content)


@pytest.mark.parametrize("to", EXPORTS)
def test_an_export_takes_nothing_elses_place_and_leaves_nothing_half(
    acts, tmp_path, to, monkeypatch
):
    (tmp_path / "there").write_text("mine")
    with pytest.raises(StoreError) as error:
        export(acts, "fc", tmp_path / "there", format=to)
    assert str(error.value) == (
        f"{tmp_path / 'there'}: this file already exists and would be overwritten. Choose another "
        "name, or allow it: overwrite=True (--overwrite)."
    )

    def stops(self, rows=1024):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(acts["fc"]), "blocks", stops)
    monkeypatch.setattr(type(acts["fc"]), "__array__", stops)
    with pytest.raises((KeyboardInterrupt, Unavailable)):
        export(acts, "fc", tmp_path / "new", format=to)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["acts", "there"]


# messages


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        pytest.param(
            lambda acts, out: export(acts, "fc", out, format="csv"),
            UnknownName,
            "export: no format is called 'csv'. Known: npy, parquet, zarr, anndata, projector, "
            "atlas.",
            id="unknown format",
        ),
        pytest.param(
            lambda acts, out: export(
                acts, "fc", out, format="projector", images=images_from(np.zeros((7, 8, 8)))
            ),
            InputError,
            "export: the images must be those that were extracted (7 of a matrix), got 7 of own "
            "images.",
            id="other images",
        ),
        pytest.param(
            lambda acts, out: export(
                import_matrix(np.zeros((2, 3)), out.with_name("two")), "matrix", out, format="atlas"
            ),
            InputError,
            "export: 'atlas' draws a map of at least 3 readable rows, got 2. Extract more images, "
            "or choose another format.",
            id="too few rows",
        ),
        pytest.param(
            lambda acts, out: import_matrix(np.zeros(3), out),
            InputError,
            "import_matrix: X must be a numeric array of shape (n, ...) with at least one row, "
            "got shape (3,) of float64.",
            id="vector",
        ),
        pytest.param(
            lambda acts, out: import_matrix(X, out, labels=["a"]),
            InputError,
            "import_matrix: labels must have 7 entries, one per row, got 1.",
            id="too few labels",
        ),
        pytest.param(
            lambda acts, out: import_matrix(X, out, labels=5),
            InputError,
            "import_matrix: labels must have 7 entries, one per row, got 1.",
            id="labels are a number",
        ),
        pytest.param(
            lambda acts, out: import_matrix(X, out, ids=5),
            InputError,
            "import_matrix: ids must have 7 entries, one per row, got 1.",
            id="ids are a number",
        ),
    ],
)
def test_messages(acts, tmp_path, call, error, sentence):
    with pytest.raises(error) as caught:
        call(acts, tmp_path / "x")
    assert str(caught.value) == sentence


def test_an_import_leaves_a_used_folder_alone(acts):
    with pytest.raises(StoreError) as caught:
        import_matrix(X, acts.path)
    assert str(caught.value) == (
        f"{acts.path}: an import needs a new folder, and this one already exists. Choose another."
    )
    assert open_activations(acts.path).key == acts.key
