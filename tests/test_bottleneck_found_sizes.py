"""Engines that find a size by themselves: what a sweep writes and says of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from math import nan

import numpy as np
import pandas as pd
import pytest
from study_folder import files_of
from table_dictionary import undocumented

import repviz
from repviz.bottleneck.engines import ENGINES
from repviz.bottleneck.engines.codec import codec_of
from repviz.bottleneck.findings import found_size_sentence
from repviz.bottleneck.sweep import SweepSetup
from repviz.errors import InputError
from repviz.models.autoencoder import encode
from repviz.models.checkpoints import open_checkpoint
from repviz.training.settings import ConvolutionalOptions

SETUP = SweepSetup(effort=0.02)
NAMES = [name for name, engine in ENGINES.items() if engine.size_rule]


@pytest.fixture(scope="module")
def faces():
    images = repviz.open_images("drawn-faces:60@6", size=16, grey=True, seed=0)
    return replace(images, labels=None)


@pytest.fixture(scope="module")
def study(faces, tmp_path_factory):
    return repviz.sweep(
        faces,
        bottlenecks=[2, 48],
        engines=["prefix", *NAMES],
        seed=[0, 1],
        out=tmp_path_factory.mktemp("found") / "s",
        setup=SETUP,
    )


def rows(*found: tuple[int, int, float, str]) -> pd.DataFrame:
    """Rows of found_sizes.csv: seed, size, needed, compared method."""
    names = ("seed", "size", "needed", "compared_title")
    table = pd.DataFrame([dict(zip(names, one, strict=True)) for one in found])
    return table.assign(engine_title="the toy", longest=64, rule="the fewest that do")


# ---- contracts ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_training_has_a_row_per_method_that_it_is_compared_with(study):
    table = study.result("found_sizes")
    expected = {
        (name, seed, compared)
        for name in NAMES
        for seed in (0, 1)
        for compared in ("pca", "prefix")
    }
    assert set(zip(table["engine"], table["seed"], table["compared"], strict=True)) == expected
    assert table["size"].between(1, table["longest"]).all()
    assert undocumented(study.folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_error_is_that_of_codes_of_the_size_found(study, faces, name):
    row = study.result("found_sizes").set_index(["engine", "seed", "compared"]).loc[name, 1, "pca"]
    model = open_checkpoint(study.folder / "models" / f"{name}-seed1.safetensors")
    assert model.module.found_size == row["size"]
    test = faces.matrix()[study.result("images")["sweep_split"] == "test"]
    codec = codec_of(model, int(row["size"]))
    output = np.clip(codec.decode(codec.encode(test)), 0, 1)
    assert row["mse"] == pytest.approx(np.square(output - test).mean(), rel=1e-5)
    curve = study.result("pca_curve").set_index("components")["mse"]
    assert (curve[curve.index >= row["needed"]] <= row["mse"] * (1 + 1e-5)).all()
    assert (curve[curve.index < row["needed"]] > row["mse"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_code_longer_than_the_size_found_loses_nothing(study, name):
    table = study.table.set_index(["engine", "bottleneck"])
    found = study.result("found_sizes").set_index("engine").loc[name]
    assert (found["size"] < 48).all()
    assert table.loc[(name, 48), "mse"] <= found["mse"].max() * 1.01
    codes = study.array(f"sweep_{name}_48_0_codes")
    assert codes.shape[1] == (48 if name == "least-volume" else found["size"].iloc[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_encoder_alone_gives_the_codes(study, faces, tmp_path, name):
    path = repviz.export_encoder(study, tmp_path / "e.safetensors", bottleneck=48, engine=name)
    model = repviz.open_model("autoencoder", weights=str(path))
    codes = encode(model.module, faces.matrix(), k=2)
    np.testing.assert_allclose(codes, study.array(f"sweep_{name}_2_0_codes"), atol=1e-5)


@pytest.mark.slow
def test_the_findings_and_the_report_name_the_sizes(study):
    sentences = " ".join(study.result("findings")["sentence"])
    page = study.report.read_text(encoding="utf-8")
    for name in NAMES:
        assert f"{ENGINES[name].title.capitalize()} keeps " in sentences
        # The page keeps a number and its unit on one line.
        assert ENGINES[name].size_rule.replace(" %", "\u00a0%") in page
    assert "Sizes found without a sweep" in page


@pytest.mark.slow
def test_without_such_an_engine_there_is_no_table(faces, tmp_path):
    study = repviz.sweep(faces, bottlenecks=[2], engines=["pca"], out=tmp_path / "s", setup=SETUP)
    assert not study.has("results/found_sizes.csv")


@pytest.mark.slow
def test_killed_and_resumed_it_gives_the_same_bytes(faces, tmp_path):
    options = {"bottlenecks": [2], "engines": NAMES, "setup": SETUP}
    code = """
        import os, signal, sys
        from dataclasses import replace
        import repviz
        from repviz import progress
        from repviz.bottleneck.sweep import SweepSetup

        def kill(event):
            if event == progress.Event("stage", "rank-reduction, seed 0", "written"):
                os.kill(os.getpid(), signal.SIGKILL)

        faces = repviz.open_images("drawn-faces:60@6", size=16, grey=True, seed=0)
        with progress.observed_by(kill):
            repviz.sweep(replace(faces, labels=None), out=sys.argv[1], bottlenecks=[2],
                         engines=["least-volume", "rank-reduction"], setup=SweepSetup(effort=0.02))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "killed")]
    killed = subprocess.run(command, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    complete = files_of(repviz.sweep(faces, out=tmp_path / "complete", **options).folder)
    resumed = files_of(repviz.sweep(faces, out=tmp_path / "killed", **options).folder)
    assert "results/found_sizes.csv" in resumed.keys() == complete.keys()
    assert [name for name in complete if resumed[name] != complete[name]] == []


# ---- messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        pytest.param(
            rows((0, 7, 23, "PCA"), (0, 7, 8, "another")),
            "The toy keeps 7 of 64 numbers: the fewest that do. For the same test error PCA needs "
            "23 and another needs 8. Another tolerance, or a longer training, may find another "
            "size.",
            id="one training",
        ),
        pytest.param(
            rows((0, 7, 23, "PCA"), (1, 7, 23, "PCA")),
            "The toy keeps 7 (in each of 2 trainings) of 64 numbers: the fewest that do. For the "
            "same test error PCA needs 23 (in each of 2 trainings). Another tolerance, or a longer "
            "training, may find another size.",
            id="two trainings that agree",
        ),
        pytest.param(
            rows((0, 7, 23, "PCA"), (1, 9, 30, "PCA"), (2, 6, nan, "PCA")),
            "The toy keeps 7 (6 to 9 over 3 trainings) of 64 numbers: the fewest that do. For the "
            "same test error PCA needs 30 (23 to more than its longest code over 3 trainings). "
            "Another tolerance, or a longer training, may find another size.",
            id="three trainings, one that PCA cannot match",
        ),
    ],
)
def test_a_sentence_says_the_size_and_what_others_need(found, sentence):
    assert found_size_sentence(found) == sentence


def test_options_of_other_engines_are_refused(faces, tmp_path):
    with pytest.raises(InputError) as caught:
        repviz.sweep(
            faces,
            bottlenecks=[2],
            engines=["least-volume"],
            out=tmp_path / "s",
            setup=SweepSetup(convolutional=ConvolutionalOptions(depth=2)),
        )
    assert str(caught.value) == (
        "sweep: depth are those of convolutional engines (conv, denoising, variational, nested), "
        "got pca, pca-all and least-volume. Add one to engines, or leave them out."
    )
