"""The study of one trained network: what it writes, and that its pictures are what they say."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from report_pages import Page
from table_dictionary import undocumented
from torch import nn

from repviz.errors import InputError, Unavailable
from repviz.images import open_images, split
from repviz.models import open_model
from repviz.models.checkpoints import open_checkpoint
from repviz.models.model import Preprocessing
from repviz.report.pictures import signed
from repviz.report.sections import get_section
from repviz.studies import study
from repviz.studies.layers import control_network
from repviz.studies.unit_activations import peaks
from repviz.training import train

pytestmark = pytest.mark.slow

NETS = """
from torch import nn
def small(classes):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=2), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(288, classes),
    )
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    (folder / "small_nets.py").write_text(NETS)
    sys.path.insert(0, str(folder))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    images = open_images("digits", limit=120, size=16)
    model = open_model("small_nets:small", classes=10, size=16, channels=3)
    weights = folder / "net.safetensors"
    train(model, images, out=weights, epochs=3, batch=8)
    made = study(
        "network", images, out=folder / "study", weights=weights, model="small_nets:small", units=3
    )
    bare = study(
        "network",
        images,
        out=folder / "bare",
        weights=weights,
        model="small_nets:small",
        photographs=False,
    )
    yield images, weights, made, bare
    torch.set_num_threads(threads)
    sys.path.remove(str(folder))
    sys.modules.pop("small_nets", None)


def test_its_tables_are_those_of_the_dictionary(trained):
    assert undocumented(trained[2].folder) == []


def test_every_stage_is_there_and_counts_new_images_only(trained):
    images, _, made, _ = trained
    assert [*made.manifest["stages"]] == [
        "anatomy",
        "training",
        "evaluation",
        "nearest in pixels",
        "filters",
        "top_images",
        "findings",
    ]
    held_out = split(images, (0.7, 0.3), by="image", seed=0)[1]
    judged = made.result("evaluation")
    assert judged["n"].tolist() == [len(held_out)]
    assert judged["views"].tolist() == ["centre"]  # the recipe shows no crops of larger images
    assert judged["accuracy"].iloc[0] == pytest.approx(
        made.result("training")["held_out_accuracy"].iloc[-1]
    )
    outcomes = made.result("evaluation_images")
    assert outcomes["row"].tolist() == held_out.tolist()
    assert outcomes["correct"].mean() == pytest.approx(judged["accuracy"].iloc[0])
    html = made.report.read_text(encoding="utf-8")
    for words in (
        "Tower 2: maps 4 to 7",
        "Accuracy on held-out images",
        "ten crops are left out, since the network was trained on complete images",
    ):
        assert words in html


def test_the_nearest_training_image_in_pixels_stands_beside_the_accuracy(trained):
    images, _, made, _ = trained
    known, held_out = split(images, (0.7, 0.3), by="image", seed=0)
    X, labels = images.at(size=64, grey=True).matrix(), np.asarray(images.labels)
    nearest = [known[np.square(X[known] - X[row]).sum(axis=1).argmin()] for row in held_out]
    row = made.result("nearest_in_pixels").iloc[0]
    assert row["nearest_same"] == pytest.approx((labels[nearest] == labels[held_out]).mean())
    assert (row["nearest_same_n"], row["n_known"]) == (36, 84)
    share = f"{100 * row['nearest_same']:.1f} %."
    text = f"Without training, the nearest image in pixels is right for {share}"
    assert text in made.report.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")


def test_the_filters_are_the_first_layer_s_weights_beside_those_it_started_from(trained):
    images, weights, made, _ = trained
    model = open_checkpoint(weights, model="small_nets:small")
    control = control_network(model, images, 0)
    both = [one.module[0].weight.detach().numpy() for one in (model, control)]
    np.testing.assert_array_equal(made.array("filters"), both)
    assert not np.allclose(*both)
    table = made.result("filters")
    assert table[["state", "tower", "first", "last"]].to_numpy().tolist() == [
        [0, 1, 0, 3],
        [0, 2, 4, 7],
        [1, 1, 0, 3],
        [1, 2, 4, 7],
    ]
    assert table["weights"].tolist() == ["trained"] * 2 + ["untrained"] * 2
    assert table["origin"].tolist() == [model.weights] * 2 + [control.weights] * 2
    assert table["rms"].iloc[3] == pytest.approx(np.sqrt(np.square(both[1][4:]).mean()), rel=1e-4)
    limit = np.quantile(np.abs(both), 0.99)
    assert table["limit"].to_numpy() == pytest.approx(np.full(4, limit), rel=1e-4)
    pairs = zip(*(one.reshape(8, -1) for one in both), strict=True)
    alike = np.median([np.corrcoef(*pair)[0, 1] for pair in pairs])
    assert table["control_correlation"].to_numpy() == pytest.approx(np.full(4, alike), rel=1e-4)
    page = Page(made.report.read_text(encoding="utf-8"))
    rows = page.tables["filters"]
    assert rows[0] == ["trained weights", "random weights"]
    assert rows[1::2] == [["Tower 1: maps 0 to 3"], ["Tower 2: maps 4 to 7"]]
    alts = [str(of["alt"]) for _, of in page.elements if of.get("class") == "sheet"]
    assert [alt.partition(": root mean square weight")[0] for alt in alts] == [
        "4 filters of the first layer, trained weights",
        "4 filters of the first layer, random weights",
    ] * 2


def test_the_strongest_images_are_the_strongest(trained):
    images, weights, made, _ = trained
    model = open_checkpoint(weights, model="small_nets:small")
    new = images.take(split(images, (0.7, 0.3), by="image", seed=0)[1])
    with torch.no_grad():
        x = model.preprocessing(torch.from_numpy(new.pixels()))
        strongest = model.module[0](x).amax((2, 3))
    table = made.result("top_images")
    for unit in (0, 7):
        of = table[(table["layer"].astype(str) == "0") & (table["unit"] == unit)]
        expected = strongest[:, unit].sort(descending=True).values[:8]
        np.testing.assert_allclose(of["value"], expected, rtol=1e-4)
        assert of["id"].tolist() == [new.ids[row] for row in of["row"]]
        assert of["n"].unique().tolist() == [36]
    assert len(made.array("top_images")) == len(made.array("top_patches")) == len(table)


def test_the_framed_field_is_where_the_image_holds_the_strongest_response(trained):
    images, weights, made, _ = trained
    model = open_checkpoint(weights, model="small_nets:small")
    x = model.preprocessing(torch.from_numpy(images.pixels()))
    table = made.result("top_images")
    rows = {one: row for row, one in enumerate(images.ids)}
    for layer, side in (("0", 3), ("2", 5)):
        shown = table[table["layer"].astype(str) == layer]
        assert len(shown)
        for row in shown.itertuples():
            top, left = row.field_top, row.field_left
            assert [row.field_bottom - top, row.field_right - left] == [side, side]
            patch = x[rows[row.id], None, :, top : top + side, left : left + side]
            with torch.no_grad():  # without padding, the field alone gives the unit's value
                value = model.module[: int(layer) + 1](patch)[0, row.unit, 0, 0]
            assert value == pytest.approx(row.value, rel=1e-4, abs=1e-5)
    last = table[table["layer"].astype(str) == "5"]
    assert (last[["field_top", "field_left"]] == 0).all(axis=None)
    assert (last[["field_bottom", "field_right"]] == 16).all(axis=None)
    assert (table[["input_height", "input_width"]] == 16).all(axis=None)
    assert made.result("findings")["sentence"].iloc[-1] == (
        "Of an image of 16×16 pixels, a unit of 0 responds to at most 3×3, a unit of 5 to all of "
        "it."
    )
    html = made.report.read_text(encoding="utf-8")
    assert "Framed: the receptive field, at most 5×5 of 16×16 pixels;" in html
    assert "Each unit depends on the complete image." in html


def test_without_photographs_there_is_none(trained):
    bare = trained[3]
    assert "top_images" not in bare.manifest["stages"]
    assert not (bare.folder / "arrays" / "top_images.npy").exists()
    assert "image/jpeg" not in bare.report.read_text(encoding="utf-8")


def test_a_filter_is_drawn_at_its_own_contrast_with_grey_for_zero():
    weights = np.zeros((13, 3, 2, 2), np.float32)
    weights[0, 0], weights[12, 2, 0, 0] = 0.5, -3
    sheet = signed(weights, across=12, scale=4)
    step = (2 + 1) * 4  # a weight of nothing between two pictures
    assert sheet.shape == (4, 2 * step - 4, 12 * step - 4)
    assert sheet[:, 0, 0].tolist() == [255, 128, 128, 255]
    assert sheet[:, step, 0].tolist() == [128, 128, 0, 255]
    assert sheet[:, 0, step].tolist() == [128, 128, 128, 255]
    assert sheet[3, 0, step - 1] == 0


def test_filters_on_one_scale_are_cut_at_its_end():
    weights = np.zeros((3, 1, 1, 1), np.float32)
    weights[:, 0, 0, 0] = 0.5, -1, 4
    sheet = signed(weights, across=3, scale=1, limit=2)
    assert sheet[0, 0, [0, 2, 4]].tolist() == [159, 64, 255]


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(InputError) as error:
        study("network", open_images("digits"), out=tmp_path / "x")
    assert str(error.value) == (
        "study network: weights or model must be given, got neither. For example: "
        "model='torchvision:resnet18'; or train a checkpoint first: repviz train."
    )
    with pytest.raises(Unavailable) as error:
        study("network", open_images("digits"), out=tmp_path / "x", weights=tmp_path / "none")
    assert str(error.value) == (
        "open_model: weights must be 'random', 'default' or the path of a checkpoint, got "
        f"'{tmp_path / 'none'}', which does not exist. Check the path."
    )
    assert not (tmp_path / "x").exists()


def test_any_network_shows_its_filters_and_units_and_says_what_is_left_out(tmp_path):
    images = open_images("digits", limit=9)
    made = study("network", images, out=tmp_path / "s", model="torchvision:squeezenet1_1", units=2)
    assert made.manifest["skipped"] == {
        "training": "no checkpoint says how the network was trained",
        "evaluation": "the network does not say which label each of its outputs stands for",
    }
    table = made.result("top_images")
    assert table["layer"].nunique() == 10
    assert (table["n"] == 9).all()
    assert made.array("filters").shape == (1, 64, 3, 3, 3)  # random weights need no control
    assert set(made.result("filters")["weights"]) == {"untrained"}
    assert made.result("findings")["sentence"].tolist() == [
        "The network has 1,235,496 parameters; weights: random (seed 0).",
        "Of an image of 224×224 pixels, a unit of features.0 responds to at most 3×3, a "
        "unit of classifier.3 to at most 223×223.",
    ]
    assert made.manifest["title"] == "What torchvision:squeezenet1_1 makes of 9 digits"
    claim = get_section("top_images").claim(made)
    assert claim.value == "3×3 in features.0, 223×223 in classifier.3"
    assert " of classifier.3</small>" in claim.picture
    assert claim.answer.startswith(
        "Of an image of 224×224 pixels a unit’s strongest response depends on 3×3 in features.0, "
        "the first layer shown, and on 223×223 in classifier.3, the last. Shown: "
    )
    assert str(claim.picture).count("<img") == 4
    assert "No checkpoint says how the network was trained" in made.report.read_text()


def test_units_of_tokens_are_features_and_their_strength_is_the_largest_over_tokens(tmp_path):
    model = open_model("torchvision:squeezenet1_1")
    tokens = nn.Sequential(nn.Flatten(2), Swapped(), nn.Linear(3, 5))
    model = replace(
        model, module=tokens, preprocessing=Preprocessing((8, 8), 3, (0,) * 3, (1,) * 3)
    )
    images = open_images("digits", limit=4, size=8)
    found = peaks(model, images, ["2"])["2"]
    with torch.no_grad():
        output = tokens(model.preprocessing(torch.from_numpy(images.pixels())))
    np.testing.assert_allclose(found.values, output.amax(1), rtol=1e-5)
    assert found.values.shape == (4, 5)
    assert found.places.tolist() == (output.argmax(1) * 5 + torch.arange(5)).tolist()


class Swapped(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)
