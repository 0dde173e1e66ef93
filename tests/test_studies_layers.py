"""The study of layers: whole on real-enough images, resumed, and honest without trained weights."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from table_dictionary import undocumented
from torch import nn

import repviz
from repviz import intervals, memory
from repviz.activations.axes import Layer
from repviz.errors import InputError
from repviz.images.perturbations import PERTURBATIONS
from repviz.models import open_model
from repviz.models.model import Preprocessing
from repviz.models.opening import as_model
from repviz.studies import cost
from repviz.studies.layer_findings import _difference
from repviz.studies.layers import _plan
from repviz.studies.measurement import probe_pairs
from repviz.studies.paired_layers import paired_differences
from repviz.studies.representations import draw_by_label

pytestmark = pytest.mark.slow

NET = """
import torch
from torch import nn


def net(pretrained=False):
    torch.manual_seed(5 if pretrained else torch.initial_seed())
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 6)
    )


class Dead(nn.Module):
    def forward(self, x):
        return 0 * x


def dead(pretrained=False):
    from repviz.models.model import Preprocessing

    made = nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.Flatten(), Dead(), nn.Linear(900, 3))
    made.preprocessing = Preprocessing((32, 32), 1, (0.5,), (0.5,))
    return made


def grey(pretrained=False):
    from repviz.models.model import Preprocessing

    made = net(pretrained)
    made.preprocessing = Preprocessing((32, 32), 1, (0.5,), (0.5,))
    return made


class Token(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.ones(6))

    def forward(self, x):
        return x + self.token


def bare():
    from repviz.models.model import Preprocessing

    made = nn.Sequential(nn.Conv2d(1, 2, 3, 2), nn.Flatten(), nn.Linear(450, 6), Token())
    made.preprocessing = Preprocessing((32, 32), 1, (0.5,), (0.5,))
    made.weights_from = "our paper, epoch 30"
    return made
"""
GIVEN = "as the module gave them, asked for pretrained ones"


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


def test_its_tables_are_those_of_the_dictionary(study):
    assert undocumented(study[0].folder) == []


def test_every_layer_stands_trained_beside_untrained_with_its_controls(study):
    made, images, _ = study
    profile = made.result("profile")
    assert profile["representation"].tolist() == [
        "pixels",
        *(f"given {layer}" for layer in "134"),
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
    own = similarity[similarity["representation_a"] == similarity["representation_b"]]
    assert np.allclose(own["cka"], 1)
    text = made.report.read_text()
    weights = made.manifest["parameters"]["weights"]
    assert weights["given"].startswith(f"{GIVEN} (sha256 {weights['given'].split()[-1][:16]}), ")
    assert weights["untrained"].startswith(
        "random (seed 0), drawn by each module's reset_parameters, "
    )
    findings = made.result("findings")["sentence"].tolist()
    assert (
        f"The weights of the network: {weights['given'].rpartition(', ')[0]}. repviz neither drew "
        "nor trained them, so what they add to the untrained control need not be due to training."
    ) in findings
    assert "weights as the module gave them" in text
    assert "trained weights" not in text
    assert "What only the network as given has is due to its weights" in text
    for section in ("profile", "factors", "invariance", "similarity", "dimension", "map"):
        assert f'id="{section}"' in text


def test_started_again_it_keeps_what_is_there(study):
    made, images, options = study
    before = made.manifest["stages"]
    again = repviz.study("layers", images, out=made.folder, **options)
    assert again.manifest["stages"] == before


def test_without_trained_weights_it_says_so(study, tmp_path):
    _, images, _ = study
    few = images.take(range(40))
    network = repviz.open_model("autoencoder", size=32, bottleneck=4)
    made = repviz.study("layers", few, out=tmp_path, model=network, layers="code")
    assert set(made.result("profile")["weights"]) == {"none", "untrained"}
    assert "no trained weights were given" in made.manifest["skipped"]["similarity"]
    assert "No trained weights were given" in made.report.read_text()


def test_where_no_control_can_be_drawn_the_report_says_which_module_is_to_blame(study, tmp_path):
    import a_net_of_mine

    few = study[1].take(range(40))
    made = repviz.study("layers", few, out=tmp_path, model=a_net_of_mine.bare(), layers="3")
    assert set(made.result("profile")["weights"]) == {"none", "given"}
    reason = (
        "no untrained control could be drawn (untrained_copy: each module of 'Sequential' with "
        "parameters must have a method reset_parameters, and '3' (Token), which owns 'token', has "
        "none. Add one, or skip the untrained control.)"
    )
    assert made.manifest["skipped"]["similarity"] == reason
    findings = made.result("findings")["sentence"].tolist()
    assert f"N{reason[1:-2]})." in findings
    assert any(
        sentence.startswith("The weights of the network: our paper, epoch 30 (sha256 ")
        for sentence in findings
    )
    assert "What only the network as given has" not in made.report.read_text()


def test_a_network_in_memory_has_its_weights_already(study, tmp_path):
    import a_net_of_mine

    with pytest.raises(InputError) as caught:
        repviz.study(
            "layers", study[1], out=tmp_path / "s", model=a_net_of_mine.bare(), weights="default"
        )
    assert str(caught.value) == (
        "study layers: weights must be left out where the network stands in memory, got "
        "'default'. Load the weights into it first."
    )


def test_too_few_images_are_refused(tmp_path: Path):
    images = repviz.open_images("drawn-faces:12", size=32, seed=0)
    with pytest.raises(InputError) as caught:
        repviz.study("layers", images, out=tmp_path / "s")
    assert str(caught.value) == (
        "study layers: the number of images must be a whole number at least 40, got 12."
    )
    assert not (tmp_path / "s").exists()


def test_a_dead_layer_ends_its_own_rows_and_not_the_study(study, tmp_path):
    _, images, _ = study
    made = repviz.study(
        "layers",
        images.take(range(40)),
        out=tmp_path,
        model="a_net_of_mine:dead",
        layers=["0", "2"],
    )
    layers = made.result("layers").set_index("representation")
    assert np.isnan(layers.loc["given 2", "dimension"])
    assert layers.loc["given 2", "dimension_warnings"].startswith(
        "not measured: its rows do not distinguish the images. ("
    )
    assert layers.loc["given 0", "dimension"] > 0
    invariance = made.result("invariance")
    invariance = invariance[invariance["weights"] == "given"].set_index("layer")
    assert invariance.loc["2", "relative_displacement"].isna().all()
    assert invariance.loc["0", "relative_displacement"].notna().all()
    reason = "invariance: the rows of X must not all be identical."
    assert set(invariance.loc["2", "warnings"]) == {reason}
    page = made.report.read_text()
    assert "not measured: its rows do not distinguish" in page
    assert reason in page


def test_of_a_layer_with_several_outputs_the_first_is_taken():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(32, 5, batch_first=True)
            self.head = nn.Linear(5, 3)

        def forward(self, x):
            rows, _ = self.lstm(x.mean(1))
            return self.head(rows[:, -1])

    network = Recurrent()
    network.preprocessing = Preprocessing((32, 32), 1, (0.5,), (0.5,))
    network = as_model("study layers", network)
    assert _plan(network, None, 0).layers == ["lstm[0]", "head"]


def test_of_more_images_than_the_sample_some_are_drawn_and_the_headline_says_so(study, tmp_path):
    _, images, options = study
    made = repviz.study(
        "layers", images, out=tmp_path, sample=40, model=options["model"], layers="4"
    )
    assert made.manifest["title"] == (
        "What the layers of a_net_of_mine:grey hold of 40 of 48 drawn faces, drawn by identity"
    )
    assert made.result("layers")["n"].tolist() == [40, 40, 40]
    assert set(made.result("images")["id"]) < set(images.ids)
    assert not (made.folder / "acts" / "perturbed").exists()


def test_rows_are_drawn_from_each_label_in_proportion():
    labels = np.repeat(["a", "b", "c"], [600, 300, 100])
    rows = draw_by_label(labels, 1000, 100, np.random.default_rng(0))
    assert np.unique(labels[rows], return_counts=True)[1].tolist() == [60, 30, 10]
    assert (np.diff(rows) > 0).all()
    other = draw_by_label(labels, 1000, 100, np.random.default_rng(1))
    assert set(rows) != set(other)
    assert draw_by_label(labels, 1000, 1000, np.random.default_rng(0)).tolist() == [*range(1000)]
    assert len(draw_by_label(None, 1000, 100, np.random.default_rng(0))) == 100


def test_wide_layers_are_reduced_to_4096_numbers():
    shapes = {
        "maps": ((64, 112, 112), "chw"),
        "last": ((56, 56, 96), "hwc"),
        "deep": ((5000, 7, 7), "chw"),
        "tokens": ((197, 768), "tc"),
        "flat": ((4096,), "c"),
    }
    layers = [Layer(name, *shape) for name, shape in shapes.items()]
    assert cost.default_reductions(layers) == {
        "maps": "grid:8",
        "last": "grid:6",
        "deep": "project:4096",
        "tokens": "project:4096",
        "flat": "none",
    }


def test_what_does_not_fit_is_refused_with_the_estimate(tmp_path):
    needed = cost.Cost(disk=2.2e16, memory=16.5e9, seconds=960)
    with pytest.raises(InputError) as caught:
        cost.refuse_what_does_not_fit("study layers", needed, tmp_path / "s")
    assert str(caught.value).startswith(
        "study layers: about 22000000.0 GB of disk, 16.5 GB of memory and 16 minutes must be free, "
        "got "
    )
    assert str(caught.value).endswith("Use fewer images (sample=) or fewer layers.")
    cost.refuse_what_does_not_fit("study layers", cost.Cost(1, 1, 1), tmp_path / "s")


def test_a_study_that_would_not_fit_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 5e8)
    monkeypatch.setattr(cost.shutil, "disk_usage", lambda folder: SimpleNamespace(free=2e9))
    images = repviz.images_from(np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8))
    network = open_model("autoencoder", size=8, bottleneck=2)
    with pytest.raises(InputError) as caught:
        repviz.study(
            "layers",
            images,
            out=tmp_path / "s",
            model=network,
            layers=["code"],
        )
    assert re.sub(r"\d+ s ", "N s ", str(caught.value)) == (
        "study layers: about 0 MB of disk, 1.0 GB of memory and N s must be free, got 2.0 GB of "
        f"disk at {tmp_path} and 0.5 GB of memory. Use fewer images (sample=) or fewer layers."
    )
    assert list(tmp_path.iterdir()) == []


def test_an_estimate_counts_every_row_that_is_kept():
    found = cost.estimate([4096, 1000], n=700, networks=2, perturbed=1200, seconds=0.1)
    assert found.disk == (2 * 700 + 1200) * 5096 * 4
    assert found.memory > cost.BASE_MEMORY
    assert found.seconds > 2 * 1900 * 0.1


def test_a_layer_is_compared_with_its_untrained_self_paired_by_image():
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 60)) < 0.8
    people = np.repeat(np.arange(20), 3)
    rows = [
        {"representation": "pixels", "weights": "none", "layer": "pixels"},
        {"representation": "trained fc", "weights": "trained", "layer": "fc"},
        {"representation": "untrained fc", "weights": "untrained", "layer": "fc"},
    ]
    hits = {"pixels": other, "trained fc": one, "untrained fc": other}
    table = paired_differences(
        {name: pd.Series(own) for name, own in hits.items()},
        probe_pairs(rows),
        dict.fromkeys(hits, pd.Series(people)),
    )
    assert table[["representation_a", "representation_b"]].to_numpy().tolist() == [
        ["trained fc", "pixels"],
        ["trained fc", "untrained fc"],
    ]
    expected = intervals.paired_difference(one, other, people)
    assert table.iloc[1][["difference", "low", "high"]].tolist() == pytest.approx(
        [expected["difference"], expected["low"], expected["high"]]
    )
    points = f"{100 * expected['difference']:+.1f}"
    assert _difference(table.iloc[1], "training").startswith(f" (a difference of {points} points [")
    assert _difference(table.iloc[1], "training").endswith(
        "paired by image, so no benefit of training is shown)"
    )
