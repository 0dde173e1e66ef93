"""Damage to any file is named, or changes no value; nothing of it ends in a traceback."""

import random
import re
import shutil

import numpy as np
import pytest
from damage import (
    DELETION,
    FLIP,
    SWAP,
    TRUNCATION,
    Artefact,
    damaged,
    judge,
    read_files,
    read_model,
    read_store,
    read_study,
)
from study_folder import build

import repviz
from repviz import durable
from repviz.errors import Damaged

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory):
    """One of each kind: activations with a graph, a study, a checkpoint, an exported file."""
    work = tmp_path_factory.mktemp("work")
    images = repviz.open_images("digits", limit=40)
    for seed in (0, 1):
        model = repviz.open_model("autoencoder", size=16, bottleneck=2, form="conv", seed=seed)
        store = work / f"store-{seed}"
        acts = repviz.extract(model, images, layers=["encoder.0", "code"], out=store)
        repviz.neighbors(acts["code"], k=5, cache=acts["code"].graphs)
        build(work / f"study-{seed}", sizes=(2, 4 + seed))
        repviz.write_report(work / f"study-{seed}")
    checkpoint = repviz.models.checkpoints.save_checkpoint(model, work / "net.safetensors")
    exported = repviz.export(acts, "code", work / "code.npy", format="npy")
    return {
        "store": Artefact("store", work / "store-0", read_store, work / "store-1"),
        "study": Artefact("study", work / "study-0", read_study, work / "study-1"),
        "checkpoint": Artefact("checkpoint", checkpoint, read_model),
        "export": Artefact("export", exported, read_files),
    }


@pytest.mark.parametrize("name", ["store", "study", "checkpoint", "export"])
@pytest.mark.parametrize(("kind", "times"), [(FLIP, 20), (TRUNCATION, 4), (DELETION, 4), (SWAP, 4)])
def test_damage_is_named_or_changes_no_value(artefacts, name, kind, times, record_property):
    artefact, rng = artefacts[name], random.Random(f"{name} {kind}")
    before = artefact.read(artefact.path)
    for _ in range(times):
        with damaged(artefact, kind, rng) as file:
            if file is not None:
                outcome = judge(artefact, kind, file, before)
                assert outcome.good, outcome
    assert repviz.verify(artefact.path)
    record_property("faults", times)


def test_a_manifest_of_another_folder_is_named(artefacts, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(artefacts["store"].path, store)
    shutil.copy(artefacts["store"].twin / "manifest.json", store)
    with pytest.raises(Damaged, match=r"the first 'commits/000000\.json'"):
        repviz.verify(store)


def test_a_report_of_another_study_is_named(artefacts, tmp_path):
    study = tmp_path / "study"
    shutil.copytree(artefacts["study"].path, study)
    shutil.copy(artefacts["study"].twin / "report.html", study)
    sentence = (
        f"{study / 'report.html'}: this page shows other results than the study in this folder. "
        "Write the report again."
    )
    with pytest.raises(Damaged, match=f"^{re.escape(sentence)}$"):
        repviz.verify(study)
    repviz.write_report(study)
    assert repviz.verify(study)


def test_a_sweep_goes_on_only_from_parameters_that_can_be_read(tmp_path):
    images = repviz.open_images("digits", limit=40)
    repviz.sweep(images, bottlenecks=[2], engines=["pca"], out=tmp_path)
    manifest = tmp_path / "manifest.json"
    durable.write_record(manifest, durable.read_record(manifest) | {"parameters": "x"})
    with pytest.raises(Damaged) as caught:
        repviz.sweep(images, bottlenecks=[2], engines=["pca"], out=tmp_path)
    assert str(caught.value) == (
        f"{manifest}: the entry 'parameters' must be an object, got a text. {durable.RESTORE}"
    )


def test_a_graph_of_other_rows_is_named(artefacts, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(artefacts["store"].path, store)
    acts = repviz.open_activations(store)
    rng = np.random.default_rng(0)
    repviz.neighbors(rng.normal(size=(40, 3)), k=5, cache=acts["code"].graphs)
    one, other = sorted(acts["code"].graphs.iterdir())
    shutil.copy(other, one)
    sentence = (
        f"{one}: this neighbour graph is damaged. Delete the file, and the graph is computed again."
    )
    with pytest.raises(Damaged, match=f"^{re.escape(sentence)}$"):
        repviz.verify(store)


def test_a_damaged_torchscript_encoder_is_named(tmp_path):
    images = repviz.open_images("digits", limit=40)
    sweep = repviz.sweep(images, bottlenecks=[2], engines=["linear-start"], out=tmp_path / "sweep")
    script = tmp_path / "encoder.pt"
    repviz.export_encoder(sweep, script, bottleneck=2, format="torchscript")
    assert repviz.verify(script) == 1
    content = bytearray(script.read_bytes())
    content[len(content) // 2] ^= 1
    script.write_bytes(content)
    sentence = (
        f"{script}: this file of the export was changed since it was written. Export it again."
    )
    with pytest.raises(Damaged, match=f"^{re.escape(sentence)}$"):
        repviz.verify(script)
