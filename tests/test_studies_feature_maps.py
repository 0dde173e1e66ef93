"""The study ``featuremaps``: the maps are those of ``extract``, ranked by what the layer gives."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from table_dictionary import undocumented
from torch import nn

import repviz
from repviz.errors import InputError
from repviz.figures.pictures import grey_levels, tiled
from repviz.studies.feature_maps import feature_maps, write_maps
from repviz.study_folder import begin, open_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return feature_maps(
        repviz.open_images("orl").take(np.arange(3)),
        out=tmp_path_factory.mktemp("maps") / "s",
        layers=["conv1", "pool5"],
        channels=4,
    )


# ---- truth --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_its_tables_are_those_of_the_dictionary(study):
    assert undocumented(study.folder) == []


@pytest.mark.slow
def test_maps_are_those_of_a_hand_written_hook_strongest_first(study):
    model = repviz.open_model("alexnet", seed=0)
    seen = {}
    model.module.conv1.register_forward_hook(lambda _, __, y: seen.update(conv1=y))
    image = repviz.open_images("orl", size=227, grey=False)[1]
    with torch.no_grad():
        model.module(model.preprocessing(torch.from_numpy(image[None])))
    maps = seen["conv1"][0].numpy()
    table = study.result("feature_maps")
    rows = table[(table["layer"] == "conv1") & (table["image"] == 1)]
    for tower, first in ((1, 0), (2, 48)):  # 48 maps per tower
        own = rows[rows["tower"] == tower]
        peaks = maps[first : first + 48].max(axis=(1, 2))
        assert own["channel"].tolist() == (first + np.argsort(-peaks)[:2]).tolist()
    stored = study.array("maps_given_conv1")[1]
    assert stored.shape == (4, 55, 55)
    np.testing.assert_allclose(stored, maps[rows["channel"]], atol=1e-5)
    np.testing.assert_allclose(rows["maximum"], stored.max(axis=(1, 2)), rtol=1e-6)


def test_one_network_before_and_after_training_shows_the_same_channels(tmp_path):
    images = repviz.open_images("orl").take(np.arange(2))
    states, table = {}, {}
    for seed, state in enumerate(("trained", "untrained")):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Conv2d(3, 8, 5, stride=8), nn.Flatten(), nn.LazyLinear(3))
        net(torch.zeros(1, 3, 224, 224))
        states[state] = repviz.open_model(net)
        repviz.extract(states[state], images, tmp_path / "acts" / state, layers=["0"])
    for same in (True, False):
        about = {"key": "k", "labels_key": ""}
        write = partial(write_maps, folder=tmp_path / "acts", states=states, images=images)
        with begin(
            tmp_path / f"{same}", study="s", title="T", parameters={}, images=about
        ) as study:
            study.stage("maps", partial(write, channels=3, same_channels=same))
        found = open_study(tmp_path / f"{same}").result("feature_maps")
        table[same] = [rows["channel"].tolist() for _, rows in found.groupby("state")]
    own_trained, own_untrained = table[False]
    assert own_trained != own_untrained
    assert table[True] == [own_trained, own_trained]


def test_grey_levels_are_black_at_zero_and_white_at_the_largest():
    maps = np.array([[[-1.0, 0.0], [1.0, 2.0]], [[-3.0, -2.0], [-1.0, 0.0]]])
    assert grey_levels(maps).tolist() == [[[0, 0], [128, 255]], [[0, 0], [0, 0]]]


def test_maps_stand_side_by_side_with_a_line_between():
    sheet = tiled(np.zeros((3, 2, 2), np.uint8), across=2, scale=2)
    assert sheet.shape == (9, 9)
    assert (sheet[4] == 255).all()
    assert (sheet[:4, :4] == 0).all()


# ---- edges --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_random_weights_have_no_control_and_are_called_random(study):
    assert study.manifest["skipped"] == {"extract untrained": "the weights are random themselves"}
    assert "random (seed 0)" in study.result("findings")["sentence"].iloc[0]


def test_one_image_file_is_a_source_whatever_its_name_ends_in(tmp_path):
    file = tmp_path / "photo"
    Image.new("RGB", (50, 30), (200, 100, 0)).save(file, "png")
    images = repviz.open_images(f"file:{file}")
    assert (images.ids, images[0].shape) == (("photo",), (3, 30, 50))


def test_a_network_without_maps_is_refused(monkeypatch, tmp_path):
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 224 * 224, 4))
    opened = repviz.open_model(flat)
    monkeypatch.setattr("repviz.studies.feature_maps.open_model", lambda *_, **__: opened)
    with pytest.raises(InputError) as caught:
        feature_maps("orl", out=tmp_path / "s", model="flat")
    assert str(caught.value) == (
        "study featuremaps: a layer must output maps (channels, height, width), got none among 1. "
        "Choose convolutions: layers='type:Conv2d'."
    )
    assert not (tmp_path / "s").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError) as caught:
        repviz.open_images(f"file:{tmp_path}/none.png")
    assert str(caught.value) == (
        f"open_images: file:{tmp_path}/none.png must be the path of an image file, got nothing. "
        "Check the path."
    )
