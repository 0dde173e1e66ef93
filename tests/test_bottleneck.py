"""The sweep: what it writes, and that it grows and resumes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from study_folder import files_of
from table_dictionary import undocumented

import repviz
from repviz import intervals
from repviz.bottleneck.choice import choose_bottleneck
from repviz.bottleneck.criteria import CRITERIA, Reference, get_criterion
from repviz.bottleneck.sweep import SweepSetup
from repviz.errors import InputError, Mismatch, StoreError
from repviz.facespace import JUDGES, Known

pytestmark = pytest.mark.slow

SETUP = SweepSetup(effort=0.05)


@pytest.fixture(scope="module")
def faces():
    return one_label(repviz.open_images("drawn-faces:80", size=16, grey=True, seed=0))


def one_label(images):
    """Without labels, as drawn faces are to be here: what they show is in their factors."""
    return replace(images, labels=None)


@pytest.fixture(scope="module")
def made(faces, tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "s"
    return repviz.sweep(
        faces,
        bottlenecks=[2, 8],
        engines=["pca", "pca-augmented", "linear-start", "prefix"],
        criteria=["psnr:15", "factors", "same-prediction"],
        seed=[0, 1],
        out=out,
        setup=replace(SETUP, audit=[8]),
    )


@pytest.mark.parametrize(
    ("source", "asked", "moved"),
    [("orl", None, 1 / 32), ("drawn-faces:40", None, 0), ("drawn-faces:40", 0.1, 0.1)],
)
def test_a_manifold_that_is_known_whole_is_not_moved_unless_asked(source, asked, moved, tmp_path):
    images = repviz.open_images(source, size=16, grey=True, limit=40).take(range(30))
    setup = SweepSetup(shift=asked, split="image")
    made = repviz.sweep(images, bottlenecks=[2], engines=["pca"], out=tmp_path / "s", setup=setup)
    assert made.manifest["parameters"]["shift"] == moved


def test_six_true_factors_are_found(tmp_path):
    """At most twice as many numbers, no fewer than half, and as many degrees of freedom in them."""
    images = repviz.open_images("drawn-faces:3000@6", size=32, grey=True)
    sizes = [2, 6, 8, 12]
    made = repviz.sweep(
        images,
        bottlenecks=sizes,
        engines=["pca", "linear-start"],
        criteria=["factors", "psnr:30"],
        out=tmp_path / "s",
    )
    table = made.table.set_index(["engine", "bottleneck"])
    decibels = table.loc["linear-start"]["psnr"]
    gained = decibels.diff() / np.diff([np.nan, *np.log2(sizes)])  # a doubling of the size
    assert decibels[6] > 40 > 33 > table.loc["pca"]["psnr"][6]
    assert gained[6] > 7 > gained[8] > gained[12]  # it flattens there
    for criterion in ("factors", "psnr:30"):
        assert choose_bottleneck(made, criterion, engine="linear-start").observed in (6, 8, 12)
        assert choose_bottleneck(made, criterion, engine="pca").observed in (None, 12)
    freedom = made.result("code_dimension").set_index(["engine", "bottleneck"]).loc["linear-start"]
    assert freedom.calibrated_low[12] < 6 < freedom.calibrated_high[12]
    assert freedom.calibrated_high[2] < 3


def test_judges_tell_an_original_from_noise(faces):
    X = faces.matrix()
    labels = np.repeat(["a", "b", "c", "d"], 20)
    of = Reference(X, (1, 16, 16), labels, faces.factors, X, labels, faces.factors)
    noise = np.random.default_rng(0).random(X.shape, dtype=np.float32)
    for name in CRITERIA:
        if name in ("face", "same-label"):
            continue
        criterion = get_criterion(name)
        assert criterion.scores(X, of).mean() > criterion.scores(noise, of).mean(), name


def test_a_face_is_found_where_the_judge_of_random_points_finds_one():
    X = repviz.open_images("patches").matrix()[75:125]
    wide = np.pad(X.reshape(-1, 25, 25), ((0, 0), (0, 0), (5, 5)), mode="edge")
    tinted = np.stack([np.clip(wide * tint, 0, 1) for tint in (0.9, 1.0, 0.8)], axis=1)
    found = [
        get_criterion("face").scores(
            images.reshape(50, -1), Reference(images, shape, None, {}, images, None, {})
        )
        for images, shape in ((X, (1, 25, 25)), (wide, (1, 25, 35)), (tinted, (3, 25, 35)))
    ]
    refused = JUDGES["cascade"].fitted(Known(X), 0)(X)[:, 0]
    assert np.array_equal(found[0], 1 - refused)
    for scores in found:
        assert scores[:25].mean() > 0.8 > 0.1 > scores[25:].mean()


def test_its_tables_are_those_of_the_dictionary(made):
    assert undocumented(made.folder) == []


def test_every_size_and_engine_has_a_row(made):
    table = made.table.set_index(["engine", "bottleneck"])
    assert set(table.index) == {
        (engine, k)
        for engine in ("pca", "pca-all", "pca-augmented", "linear-start", "prefix")
        for k in (2, 8)
    }
    baselines = table[table["is_baseline"]]
    best = baselines.groupby("bottleneck")["mse"].idxmin()
    assert (table.loc[best, "ratio"] == 1).all()
    assert (baselines["ratio"] >= 1).all()
    for (_, k), row in table.iterrows():
        assert (row["baseline"], k) == best[k]
        expected = row["mse"] / table.loc[best[k], "mse"]
        assert row["ratio"] == pytest.approx(expected, rel=1e-6)
    assert (table["n_seeds"] == [1] * 6 + [2] * 4).all()
    assert ((table["mse_low"] <= table["mse"]) & (table["mse"] <= table["mse_high"])).all()
    assert table.loc["pca", "pca_equivalent"].tolist() == [2, 8]
    each = made.result("sweep_images").groupby(["engine", "bottleneck"])["mse"].mean()
    np.testing.assert_allclose(each[table.index].to_numpy(), table["mse"], rtol=1e-6)
    audit = made.result("audit").iloc[0]
    assert audit["gap"] == pytest.approx(audit["mse"] / audit["per_size_mse"] - 1, rel=1e-5)
    assert made.report.is_file()


def test_traversals_go_through_the_mean_code_and_end_at_the_images(made):
    directions, way = made.result("traversals"), made.result("interpolation")
    assert directions["variance_share"].is_monotonic_decreasing
    assert directions["variance_share"].sum() <= 1 + 1e-6
    assert directions["factor"].ne("").all()
    along, between = made.array("traversals"), made.array("interpolation")
    for steps in along:  # every direction is left and right of the same mean code
        assert np.array_equal(steps[3], along[0][3])
        assert not np.array_equal(steps[0], steps[6])
    images = made.result("images").set_index("id")
    for end, name in ((0, "from"), (6, "to")):
        row = images.loc[way[name][0], "row"]
        assert np.array_equal(between[0][end], made.array("thumbnails")[row])
        kept = made.array("sweep_prefix_8_0_images")
        test = np.flatnonzero(made.result("images")["sweep_split"] == "test")
        drawn = kept[np.flatnonzero(test == row)[0]].reshape(between[1][end].shape)
        assert np.abs(between[1][end].astype(int) - drawn).max() <= 1
    middle = between[0][3].astype(float)
    np.testing.assert_allclose(middle, between[0][[0, 6]].mean(axis=0), atol=0.51)


def test_it_says_why_a_judge_had_to_pass(made):
    choices = made.result("choices").set_index("criterion")
    assert set(choices.loc["psnr:15", "engine"]) == {"pca", "linear-start", "prefix"}
    assert choices.loc["same-prediction", "left_out"] == "the images have fewer than two labels"


def test_the_report_says_how_factors_are_read_where_they_judged(made):
    page = made.report.read_text(encoding="utf-8")
    assert "Factors are read off the pixels by linear weights" in page


def test_more_sizes_repeat_nothing(made, faces, tmp_path):
    shutil.copytree(made.folder, tmp_path / "s")
    before = repviz.open_study(tmp_path / "s").manifest["stages"]
    grown = repviz.sweep(
        faces, bottlenecks=[4], engines=["pca"], out=tmp_path / "s", seed=[0, 1], setup=SETUP
    )
    after = grown.manifest["stages"]
    kept = [name for name in before if ", seed " in name]
    assert all(before[name] == after[name] for name in kept)
    assert set(after) - set(before) == {
        "pca 4, seed 0",
        "pca-all 4, seed 0",
        "pca-augmented 4, seed 0",
        "linear-start 4, seed 0",
        "linear-start 4, seed 1",
        "prefix 4, seed 0",
        "prefix 4, seed 1",
    }
    assert sorted(set(grown.table["bottleneck"])) == [2, 4, 8]


def test_killed_and_resumed_it_gives_the_same_bytes(faces, tmp_path):
    options = {"bottlenecks": [2, 4], "engines": ["linear-start", "prefix"], "setup": SETUP}
    whole = repviz.sweep(faces, out=tmp_path / "whole", **options)
    code = """
        import os, signal, sys
        import repviz
        from repviz import progress
        from repviz.bottleneck.sweep import SweepSetup

        def kill(event):  # its files are written, but the manifest does not list them yet
            if event == progress.Event("stage", "linear-start 4, seed 0", "written"):
                os.kill(os.getpid(), signal.SIGKILL)

        from dataclasses import replace
        faces = repviz.open_images("drawn-faces:80", size=16, grey=True, seed=0)
        faces = replace(faces, labels=None)
        with progress.observed_by(kill):
            repviz.sweep(faces, out=sys.argv[1], bottlenecks=[2, 4],
                         engines=["linear-start", "prefix"], setup=SweepSetup(effort=0.05))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "killed")]
    killed = subprocess.run(command, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    resumed = repviz.sweep(faces, out=tmp_path / "killed", **options)
    resumed, whole = files_of(resumed.folder), files_of(whole.folder)
    files = {"report.html", "results/learning_curves.csv", "models/linear-start-4.safetensors"}
    assert files <= resumed.keys() == whole.keys()
    assert [name for name in whole if resumed[name] != whole[name]] == []


def test_rows_that_are_no_images_are_swept(tmp_path):
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 3)) @ random.normal(size=(3, 12))
    made = repviz.sweep(X, bottlenecks=[3], engines=["pca"], out=tmp_path / "s")
    assert (made.table["mse"] < 1e-10 * X.var()).all()
    assert made.table["psnr"].isna().all()
    assert made.report.is_file()


def test_where_pca_is_exact_there_is_no_ratio_but_the_reason(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3)) @ rng.normal(size=(3, 12))

    def halves(context, k):
        return lambda X: X[:, :k], lambda Z: np.repeat(Z, 4, axis=1)

    made = repviz.sweep(X, bottlenecks=[3], engines=[halves], out=tmp_path / "s")
    row = made.table.set_index("engine").loc["halves"]
    assert np.isnan(row[["ratio", "ratio_low", "ratio_high"]].astype(float)).all()
    assert row["left_out"] == "PCA is exact with this size"
    assert made.result("findings")["sentence"].tolist() == [
        "No ratio is given for the engine halves with 3 numbers per image: PCA is exact with this "
        "size."
    ]


def test_pixels_that_pca_gives_back_up_to_their_rounding_have_no_ratio(tmp_path):
    digits = repviz.open_images("digits", size=16, grey=True, limit=300)  # of 8 x 8 pixels
    made = repviz.sweep(digits, bottlenecks=[16, 64], engines=["pca"], out=tmp_path / "s")
    table = made.result("baselines").set_index(["engine", "bottleneck"])
    assert (table.loc[("pca-all", 16), "left_out"], table.loc[("pca-all", 64), "left_out"]) == (
        "",
        "PCA is exact with this size",
    )
    assert 0 < made.table.set_index(["engine", "bottleneck"]).loc[("pca", 64), "mse"] < 1.3e-6


def test_several_splits_are_other_images_other_trainings_and_one_interval(faces, tmp_path):
    def mean_image(context, k):
        mean = context.train.mean(axis=0)
        return lambda X: np.zeros((len(X), k)), lambda Z: np.repeat(mean[None], len(Z), axis=0)

    options = {"bottlenecks": [2], "engines": [mean_image], "out": tmp_path / "s"}
    once = repviz.sweep(faces, **options).table.set_index("engine")
    made = repviz.sweep(faces, **options, setup=SweepSetup(splits=4))  # a finished sweep grows
    splits = made.result("splits").set_index(["engine", "split"])["mse"]
    row = made.table.set_index("engine").loc["mean-image"]
    assert splits["mean-image"].nunique() == 4
    assert splits["mean-image", 0] == pytest.approx(once.loc["mean-image", "mse"])
    best = splits.groupby("engine").mean().drop("mean-image").idxmin()
    logs = np.log(splits["mean-image"] / splits[best]).to_numpy()
    low, high = np.exp(intervals.over_splits(logs, test_share=row["n_test"] / row["n_train"]))
    assert row["n_splits"] == 4
    values = row[["ratio", "ratio_low", "ratio_high"]].astype(float)
    assert values.tolist() == pytest.approx([np.exp(logs.mean()), low, high], rel=1e-6)
    (sentence,) = made.result("findings")["sentence"]
    assert sentence.endswith(
        "; 12 test images; the interval is over 4 splits, each with trainings of its own, and new "
        "drawn faces."
    )


def test_the_examples_of_the_readme_run_as_they_stand(tmp_path, monkeypatch):
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    example = next(part for part in readme.split("```python\n") if "def still_bright" in part)
    monkeypatch.chdir(tmp_path)
    example = example.split("```")[0].replace('"orl"', '"drawn-faces:80"')
    names = {}
    exec(example.replace("size=64", "size=16"), names)
    assert "random-directions" in set(names["sweep"].table["engine"])
    choice = names["choice"]
    assert choice.criterion == "still_bright"
    assert choice.table["reconstructed"].is_monotonic_increasing


def half(context, k):
    return "encoder"


HOLED = np.where(np.arange(80).reshape(20, 4) == 13, np.nan, 1.0)  # row 3, column 1


@pytest.mark.parametrize(
    ("images", "options", "sentence"),
    [
        pytest.param(
            lambda faces: faces,
            {"bottlenecks": 112},
            "sweep: a bottleneck must be at most 111 here (56 training images, mirrored, 256 "
            "values each), got 112. Leave it out, or use more images.",
            id="bottleneck too large",
        ),
        pytest.param(
            lambda faces: faces[:3],
            {},
            "partition: a study needs at least 10 images, got 3. Use more images.",
            id="three images",
        ),
        pytest.param(
            lambda faces: HOLED,
            {},
            "sweep: every value of X must be finite, got NaN in row 3 (1 of 20 rows). Leave those "
            "rows out: X[np.isfinite(X).all(axis=1)].",
            id="NaN in a matrix",
        ),
        pytest.param(
            lambda faces: faces,
            {"engines": half, "bottlenecks": 2},
            "engine 'half': it must return two functions, encode and decode, got str. Return "
            "(encode, decode).",
            id="engine without a decoder",
        ),
    ],
)
def test_messages(faces, tmp_path, images, options, sentence):
    with pytest.raises(InputError) as caught:
        repviz.sweep(images(faces), out=tmp_path / "s", **options)
    assert str(caught.value) == sentence


def test_training_images_must_differ(tmp_path):
    np.save(tmp_path / "grey.npy", np.full((20, 16, 16), 7, np.uint8))
    with pytest.raises(InputError) as caught:
        repviz.sweep(f"array:{tmp_path / 'grey.npy'}", out=tmp_path / "s")
    assert str(caught.value) == (
        "sweep: the training images must differ, got identical images. Use other images."
    )


def test_a_folder_of_other_settings_is_refused(faces, made):
    with pytest.raises(Mismatch) as caught:
        repviz.sweep(faces, out=made.folder, seed=[0, 1])
    assert str(caught.value) == (
        f"{made.folder}: this study was made with other parameters: effort was 0.05 and is now "
        "1.0. Choose another folder for out, or pass the old parameters to continue it."
    )


def test_a_criterion_that_cannot_be_computed_says_why(made):
    with pytest.raises(InputError) as caught:
        choose_bottleneck(made, "same-label")
    assert str(caught.value) == (
        "choose_bottleneck: 'same-label' cannot be computed: the images have fewer than two labels."
    )


@pytest.mark.parametrize("engine", ["linear-start", "prefix"])
def test_the_encoder_alone_gives_the_codes_of_the_whole(made, faces, tmp_path, engine):
    stored = made.array(f"sweep_{engine}_8_0_codes")
    path = repviz.export_encoder(made, tmp_path / "e.safetensors", bottleneck=8, engine=engine)
    model = repviz.open_model("autoencoder", weights=str(path))
    acts = repviz.extract(model, faces, out=tmp_path / "acts")
    np.testing.assert_allclose(acts["code"][:], stored, atol=1e-4)
    script = repviz.export_encoder(
        made, tmp_path / "e.pt", bottleneck=8, engine=engine, format="torchscript"
    )
    pixels = torch.from_numpy(faces.pixels()).float() / 255
    with torch.no_grad():
        again = torch.jit.load(script)(pixels)
    np.testing.assert_allclose(again.numpy(), stored, atol=1e-4)


def test_the_encoder_alone_runs_as_onnx(made, faces, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = repviz.export_encoder(made, tmp_path / "e.onnx", bottleneck=8, format="onnx")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    pixels = faces.pixels().astype(np.float32) / 255
    for n in (1, 80):
        codes = session.run(None, {"images": pixels[:n]})[0]
        np.testing.assert_allclose(codes, made.array("sweep_linear-start_8_0_codes")[:n], atol=1e-4)


def test_an_encoder_replaces_no_file(made, tmp_path):
    out = tmp_path / "precious.txt"
    out.write_text("mine")
    with pytest.raises(StoreError) as error:
        repviz.export_encoder(made, out, bottleneck=8)
    assert str(error.value) == (
        f"{out}: this file already exists and would be overwritten. Choose another name, or "
        "allow it: overwrite=True (--overwrite)."
    )
    assert out.read_text() == "mine"


def test_onnx_without_its_packages_is_told(made, tmp_path, monkeypatch):
    from repviz.errors import Unavailable
    from repviz.models import tracing

    monkeypatch.setattr(tracing, "find_spec", lambda name: None)
    with pytest.raises(Unavailable) as caught:
        repviz.export_encoder(made, tmp_path / "e.onnx", bottleneck=8, format="onnx")
    assert str(caught.value) == (
        "export: ONNX needs the package onnx, which is not installed. Run: pip install "
        "'repviz-toolkit[onnx]'."
    )
    assert not (tmp_path / "e.onnx").exists()
