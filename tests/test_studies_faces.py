"""The whole walk on a small set: what it writes, that it repeats, and that nothing kills it."""

import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from noisy_patterns import noisy_patterns
from study_folder import files_of
from table_dictionary import undocumented

import repviz
from repviz.errors import Damaged, InputError, Mismatch
from repviz.images import images_from
from repviz.studies.faces import FacesSetup
from repviz.training.settings import ConvolutionalOptions

pytestmark = pytest.mark.slow

OPTIONS = {
    "size": 16,
    "bottlenecks": [2, 4],
    "epochs": 1,
    "samples": 200,
    "seed": 3,
    "setup": FacesSetup(convolutional=ConvolutionalOptions(epochs=2)),
}
STAGES = [
    "images",
    *(
        f"{engine} {k}, seed 3"
        for engine in ("pca", "pca-all", "pca-augmented", "conv", "linear-start")
        for k in (2, 4)
    ),
    "sweep",
    "decoders",
    "criteria",
    "knee",
    "anatomy",
    "extract untrained",
    "training",
    "extract trained",
    "manifold",
    "feature_maps",
    "ladder",
    "rarity",
    "paths",
    "random map",
    "findings",
]
KILLED = [stage for stage in STAGES if " 4, " not in stage]  # one size per engine


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A .npz of 60 images of 20 people, each a pattern of its own under noise."""
    images, labels = noisy_patterns(20, 3)
    path = tmp_path_factory.mktemp("people") / "people.npz"
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture(scope="module")
def study(people, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "faces"
    return repviz.study("faces", f"array:{people}", out=out, **OPTIONS)


def test_every_stage_leaves_its_files(study):
    assert list(study.manifest["stages"]) == STAGES
    assert study.report.stat().st_size > 50_000
    assert study.manifest["skipped"] == {
        "capacity": "the 18 images of 6 labels on which the encoder was not trained make 135 pairs "
        "of different labels, too few for a false-accept rate of 10 % (30 accepted pairs of 5 "
        "labels or more)"
    }
    listed = sum(len(stage["files"]) for stage in study.manifest["stages"].values())
    assert repviz.verify(study.folder) == listed + 2  # and the manifest and the report


def test_its_tables_are_those_of_the_dictionary(study):
    assert undocumented(study.folder) == []


def test_no_person_is_on_two_sides(study):
    images = study.result("images")
    assert images.groupby("label")["sweep_split"].nunique().max() == 1
    assert set(images["sweep_split"]) == {"train", "validation", "test"}
    # For naming it is the other way round: one can only recognise whom one has seen.
    sides = images.groupby("identity_split")["label"].unique()
    assert set(sides["held-out"]) <= set(sides["train"])


def test_the_outcomes_of_held_out_images_have_the_accuracy_of_the_last_epoch(study):
    outcomes, last = study.result("evaluation_images"), study.result("training").iloc[-1]
    split = study.result("images").set_index("row")["identity_split"]
    assert set(split.loc[outcomes["row"]]) == {"held-out"}
    assert len(outcomes) == last["n_held_out"]
    assert outcomes["correct"].mean() == pytest.approx(last["held_out_accuracy"])
    labels = study.result("images").set_index("row")["label"]
    assert outcomes["label"].tolist() == labels.loc[outcomes["row"]].tolist()
    confused = study.result("confusion")
    right = confused["label"] == confused["predicted"]
    assert confused["n"].sum() == len(outcomes)
    assert confused["n"][right].sum() == outcomes["correct"].sum()
    kept = study.array("evaluation_images")
    assert kept.shape == ((outcomes["panel"] >= 0).sum(), 1, 64, 64)  # grey: one channel is kept
    page = study.report.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "held-out faces are classified wrongly (95 % CI" in page or "All" in page


def test_shown_maps_are_those_of_the_extraction_and_the_first_neighbour_is_the_one_judged(study):
    maps, near = study.result("feature_maps"), study.result("nearest_images")
    assert set(maps["layer"]) == {"conv1", "pool1", "conv5", "pool5"}
    own, control = (maps.loc[maps["state"] == s, "channel"] for s in ("trained", "untrained"))
    assert own.tolist() == control.tolist()  # one network, after training and before it
    images = study.result("images").set_index("row")
    rows = near.drop_duplicates("image").set_index("image")["row"]
    assert set(images.loc[rows, "identity_split"]) == {"held-out"}
    assert images.loc[rows, "label"].is_unique
    for state in ("trained", "untrained"):
        every = repviz.open_activations(study.folder / "acts" / state)["pool5"]
        for place, row in rows.items():
            own = maps[(maps["state"] == state) & (maps["layer"] == "pool5")]
            own = own[own["image"] == place]
            values = np.asarray(every[row]).reshape(256, 6, 6)[own["channel"]]
            shown = study.array(f"maps_{state}_pool5")[place]
            np.testing.assert_allclose(shown, values, atol=1e-5)
    assert set(study.result("predictions")["state"]) == {"trained"}
    first = near[near["rank"] == 1].set_index(["representation", "row"])["same_label"]
    judged = study.result("identity_images").set_index(["representation", "row"])["correct"]
    assert len(first) > 0
    assert (judged.loc[first.index] == first).all()


def test_the_sweeps_errors_are_those_of_its_pictures(study):
    sweep, each = study.result("sweep"), study.result("sweep_images")
    mean = each.groupby(["engine", "bottleneck"])["mse"].mean()
    for row in sweep.itertuples():
        assert row.mse == pytest.approx(mean[row.engine, row.bottleneck], rel=1e-6)
        assert row.mse_low <= row.mse <= row.mse_high
        assert row.psnr == pytest.approx(-10 * np.log10(row.mse), rel=1e-6)
    panels = study.result("reconstruction_panels")
    shown = study.result("reconstruction_images")
    pictures = study.array("reconstructions").astype(float) / 255
    for panel in panels[panels["engine"] != "original"].itertuples():
        got = np.square(pictures[panel.panel] - pictures[0]).mean(axis=(1, 2))
        of = each[(each["engine"] == panel.engine) & (each["bottleneck"] == panel.bottleneck)]
        truth = of.set_index("row").loc[shown["row"], "mse"].to_numpy()
        np.testing.assert_allclose(got, truth, atol=3e-4)  # the pictures are rounded to 8 bits


def test_pca_is_the_baseline_that_scikit_learn_gives(study, people):
    from sklearn.decomposition import PCA

    images = study.result("images")
    X = np.load(people)["images"].reshape(60, 16, 16) / 255
    train = X[images["sweep_split"] == "train"]
    test = X[images["sweep_split"] == "test"].reshape(-1, 256)
    both = np.concatenate([train, train[:, :, ::-1]]).reshape(-1, 256)
    pca = PCA(4, svd_solver="full").fit(both)
    output = np.clip(pca.inverse_transform(pca.transform(test)), 0, 1)
    sweep = study.result("sweep").set_index(["engine", "bottleneck"])
    assert sweep.loc[("pca", 4), "mse"] == pytest.approx(np.square(output - test).mean(), rel=1e-4)


def test_every_representation_is_measured_with_the_control_beside_it(study):
    layers = study.result("layers").set_index("representation")
    for layer in ("pool1", "pool2", "pool5", "fc6", "fc7"):
        assert layers.loc[f"untrained {layer}", "weights"] == "untrained"
        assert layers.loc[f"trained {layer}", "weights"] == "trained"
    assert (layers["n"] == 60).all()
    assert (layers["groups"] == 20).all()  # people are drawn, not their images
    assert (layers["dimension_low"] <= layers["dimension"]).all()
    assert (layers["dimension"] <= layers["dimension_high"]).all()
    points = study.result("map").groupby("representation").size()
    assert (points == 60).all()
    assert set(points.index) == set(layers.index)


def test_the_nearest_row_of_a_sample_is_the_nearest_known_image(study):
    images, samples = study.result("images"), study.result("ladder_samples")
    thumbnails = study.array("thumbnails").reshape(len(images), -1).astype(float)
    pictures = study.array("ladder").reshape(len(samples), -1) / 255
    thumbnails = thumbnails / 255 if thumbnails.max() > 1 else thumbnails
    squares = np.square(pictures[:, None] - thumbnails).mean(axis=2)
    distances = np.sqrt(squares[np.arange(len(samples)), samples["nearest_row"]])
    known = images["sweep_split"] != "test"
    assert known[samples["nearest_row"]].all()
    # The pictures are rounded to 8 bits: two faces can be equally near but for that.
    np.testing.assert_allclose(distances, samples["distance"], atol=1e-3)
    np.testing.assert_allclose(distances, np.sqrt(squares[:, known].min(axis=1)), atol=1e-3)


def test_random_images_lie_on_the_map_and_their_distances_beside_it(study):
    random, points = study.result("random_map"), study.result("map")
    samples = study.result("ladder_samples").set_index(["rung", "sample"])
    assert "held-out" not in set(random["rung"])
    pixels = study.array("thumbnails").reshape(60, -1) / 255
    usual = np.sort(np.linalg.norm(pixels[:, None] - pixels, axis=2), axis=1)[:, 1]
    pictures = study.array("ladder").reshape(len(samples), -1) / 255
    for name, own in random.groupby("representation"):
        xy = points.loc[points["representation"] == name, ["x", "y"]]
        margin = 0.5 * (xy.max() - xy.min())
        assert own[["x", "y"]].ge(xy.min() - margin).all(axis=None)
        assert own[["x", "y"]].le(xy.max() + margin).all(axis=None)
        keys = pd.MultiIndex.from_frame(own[["rung", "sample"]])
        assert (own["accepted"].to_numpy() == samples.loc[keys, "accepted"]).all()
        if name == "pixels":
            rows = [samples.index.get_loc(key) for key in keys]
            apart = np.linalg.norm(pictures[rows, None] - pixels, axis=2)
            np.testing.assert_allclose(
                own["relative_distance"], apart.min(axis=1) / np.median(usual)
            )
            np.testing.assert_array_equal(own["nearest_row"], apart.argmin(axis=1))


def test_paths_join_two_held_out_people_and_their_real_steps_are_their_images(study):
    steps, images = study.result("paths"), study.result("images").set_index("row")
    ends = images.loc[[steps["from_row"].iloc[0], steps["to_row"].iloc[0]]]
    assert set(ends["sweep_split"]) == {"test"}
    assert ends["label"].nunique() == 2
    pictures, thumbnails = study.array("paths"), study.array("thumbnails")
    assert len(pictures) == len(steps)
    real = steps["image_row"].notna().to_numpy()
    own = thumbnails[steps["image_row"][real].astype(int)].reshape(-1, 16, 16)
    np.testing.assert_array_equal(pictures[real], own)
    known = images["sweep_split"] != "test"
    assert known[steps["nearest_row"]].all()
    nearest = thumbnails.reshape(60, -1)[steps["nearest_row"]] / 255
    apart = np.sqrt(np.square(nearest - pictures.reshape(len(steps), -1) / 255).mean(axis=1))
    np.testing.assert_allclose(apart, steps["distance"], atol=2e-3)  # pictures have 8 bits
    inner = steps[(steps["path"] == "graph") & steps["step"].gt(0)].iloc[:-1]
    labels = (images["label"].loc[inner[c].astype(int)] for c in ("image_row", "nearest_row"))
    assert all(one != other for one, other in zip(*labels, strict=True))


def test_killed_in_each_stage_it_ends_with_the_same_bytes(study, people, tmp_path):
    out = tmp_path / "killed"
    code = """
        import importlib, os, pkgutil, signal, sys
        import repviz
        from repviz import progress, study_folder
        from repviz.studies.faces import FacesSetup
        from repviz.training.settings import ConvolutionalOptions

        # One process imports everything once, and each run is a child of it.
        for module in pkgutil.walk_packages(repviz.__path__, "repviz."):
            if not module.name.startswith(("repviz.cli", "repviz.__main__")):  # which would run
                importlib.import_module(module.name)
        import skimage.feature, sklearn.linear_model, umap

        stages, people, out, options = eval(sys.argv[1])
        for stage in stages:
            child = os.fork()
            if child == 0:
                def kill(event):  # its files are written, but the manifest does not list them yet
                    if event == progress.Event("stage", stage, "written"):
                        os.kill(os.getpid(), signal.SIGKILL)

                with progress.observed_by(kill):
                    repviz.study("faces", f"array:{people}", out=out, **options)
                os._exit(1)
            _, status = os.waitpid(child, 0)
            recorded = study_folder.open_study(out).manifest["stages"]
            print(stage, os.waitstatus_to_exitcode(status), stage in recorded, sep="|")
    """
    arguments = repr((KILLED, str(people), str(out), OPTIONS))
    runs = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), arguments], capture_output=True, text=True
    )
    killed = [f"{stage}|{-signal.SIGKILL}|False" for stage in KILLED]
    assert runs.stdout.splitlines() == killed, runs.stderr
    ended = repviz.study("faces", f"array:{people}", out=out, **OPTIONS)
    resumed, whole = files_of(ended.folder), files_of(study.folder)
    assert {"report.html", "acts/trained/rows.parquet"} <= resumed.keys() == whole.keys()
    assert [name for name in whole if resumed[name] != whole[name]] == []


def test_the_control_is_what_training_started_from(study, people):
    """Of the untrained network every unit has mean 0 and variance 1 over the training images."""
    acts = repviz.open_activations(study.folder / "acts" / "untrained")
    assert acts.manifest["weights"] == "random (seed 3), scaled on the images"
    train = study.result("images")["identity_split"].to_numpy() == "train"
    fc6 = acts["fc6"][train].astype(float)
    np.testing.assert_allclose(fc6.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(fc6.std(axis=0, ddof=0), 1, atol=0.05)


def test_a_changed_shard_is_found(study, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(study.folder, copy)
    shard = next((copy / "acts" / "trained" / "layers" / "fc7").glob("*.npy"))
    damaged = bytearray(shard.read_bytes())
    damaged[-1] ^= 1
    shard.write_bytes(damaged)
    with pytest.raises(Damaged) as caught:
        repviz.verify(copy)
    assert str(caught.value) == (
        f"{shard}: this file of the finished stage 'extract trained' was changed since it was "
        "written. Restore it, or start again in a new folder."
    )


def test_other_parameters_are_refused(study, people):
    with pytest.raises(Mismatch, match="seed was 3 and is now 4"):
        repviz.study("faces", f"array:{people}", out=study.folder, **{**OPTIONS, "seed": 4})


def test_identical_images_are_refused_before_anything_is_written(tmp_path):
    path, out = tmp_path / "same.npz", tmp_path / "study"
    np.savez(path, images=np.full((24, 16, 16), 90, np.uint8))
    with pytest.raises(InputError) as caught:
        repviz.study("faces", f"array:{path}", out=out, **OPTIONS)
    assert str(caught.value) == (
        "study faces: the images must differ, got 24 identical ones. Use other images."
    )
    assert not out.exists()


def test_without_labels_the_report_says_what_was_left_out(people, tmp_path):
    np.savez(tmp_path / "nobody.npz", images=np.load(people)["images"])
    made = repviz.study("faces", f"array:{tmp_path / 'nobody.npz'}", out=tmp_path / "s", **OPTIONS)
    reason = "the images have no labels, and a classifier needs two"
    unknown = (
        "it is not known which images show the same individual: labels count as individuals where "
        "there are 20 or more"
    )
    no_maps = f"AlexNet was not trained: {reason}"
    assert made.manifest["skipped"] == {
        "training": reason,
        "feature_maps": no_maps,
        "capacity": unknown,
    }
    assert reason[1:] in made.report.read_text(encoding="utf-8")  # it opens with a capital there
    assert set(made.result("sweep")["split_by"]) == {"image"}
    assert not made.result("layers")["representation"].str.startswith("trained").any()


def test_of_one_test_group_there_are_no_paths_and_the_report_says_why(people, tmp_path):
    stored = np.load(people)["images"]
    images = images_from(stored, groups=np.arange(60) // 10)
    made = repviz.study("faces", images, out=tmp_path / "s", **OPTIONS)
    assert made.result("images").query("sweep_split == 'test'")["group"].nunique() == 1
    reason = "the 10 held-out images are of one group, and a path leads from one group to another"
    assert made.manifest["skipped"]["paths"] == reason
    assert reason[1:] in made.report.read_text(encoding="utf-8")


def test_a_sweep_stands_alone(people, tmp_path):
    images = repviz.open_images(f"array:{people}")
    made = repviz.sweep(images, bottlenecks=[2], engines=["linear-start"], out=tmp_path / "s")
    assert made.table["engine"].tolist() == ["pca", "pca-all", "linear-start"]
    assert made.report.is_file()
    assert "people" not in made.result("findings")["sentence"].iloc[0]


def test_the_example_of_the_readme_runs_as_it_stands(people, tmp_path, monkeypatch):
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    example = readme.split("```python\n")[1].split("```")[0]
    example = example.replace('"orl"', repr(f"array:{people}")).replace("classes=40", "classes=20")
    small = "size=16, bottlenecks=[2, 4], epochs=1, samples=100"
    example = example.replace("size=64", "size=16")
    short = "setup=repviz.SweepSetup(effort=0.1)"
    example = example.replace('out="sweep")', f'out="sweep", {short})')
    example = example.replace('out="reports/faces")', f'out="reports/faces", {small})')
    monkeypatch.chdir(tmp_path)
    made = {}
    exec(example, made)
    assert made["acts"].layers == ("conv1", "pool5", "fc7")
    assert made["xy"].shape == (60, 2)
    assert made["d"].low < made["d"].value < made["d"].high
    assert made["p"].scores.shape == (60, 50)
    assert sorted(set(made["sweep"].table["bottleneck"])) == [2, 8, 32]
    assert made["study"].report.is_file()


def test_of_many_images_some_are_measured_and_the_finding_says_so(people, tmp_path, monkeypatch):
    monkeypatch.setattr("repviz.studies.faces.MEASURED", 40)
    made = repviz.study("faces", f"array:{people}", out=tmp_path / "s", **OPTIONS)
    assert set(made.result("layers")["n"]) == {40}
    rows = made.result("map").groupby("representation")["row"].apply(frozenset)
    assert len(set(rows)) == 1
    labels = made.result("images").set_index("row").loc[sorted(rows.iloc[0]), "label"]
    assert set(labels.value_counts()) == {2}  # of three images of each of 20 people
    findings = " ".join(made.result("findings")["sentence"])
    assert "dimension of 40 images of 60, drawn by label, is " in findings
