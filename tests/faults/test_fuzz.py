"""Readers of damaged files; scripts/bench/fuzz.py tries them at random for as long as it is let."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from study_folder import build
from torch import nn

import repviz
from repviz import durable, provenance
from repviz.activations.fitted import read_fitted
from repviz.activations.layout import fitted_path
from repviz.errors import RepvizError
from repviz.images.cache import _map_if_complete
from repviz.manifold.embedding.map_files import open_map
from repviz.manifold.search.graph_files import read_graph
from repviz.models.weight_files import _read as read_state
from repviz.training.checkpointing import _checked

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "fuzz.py"
HEADERS = {
    "cut": "{'descr': '<f8', 'shape': (3,",
    "negative": "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
    "empty": "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 0)}",
    "endless": "{'descr': '<f8', 'fortran_order': False, 'shape': (2**40, 2**40)}",
    "huge": f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({2**40}, {2**40})}}",
    "values of no size": "{'descr': '|V0', 'fortran_order': False, 'shape': (-1,)}",
    "texts of no size": "{'descr': '<U0', 'fortran_order': False, 'shape': (3,)}",
    "no shape": "{'descr': '<f8', 'fortran_order': False}",
    "shape of texts": "{'descr': '<f8', 'fortran_order': False, 'shape': ('x',)}",
    "no type": "{'descr': '<f99', 'fortran_order': False, 'shape': (3,)}",
    "type of another kind": "{'descr': {'x': 3}, 'fortran_order': False, 'shape': (3,)}",
    "long texts": "{'descr': '<U100000000', 'fortran_order': False, 'shape': (3,)}",
    "objects": "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}",
    "nested": "(" * 5000,
    "nothing": "",
}


def ending(call: Callable[[], object]) -> str:
    """The sentence in which a call ends; "" where it gives an answer."""
    try:
        call()
    except RepvizError as error:
        return str(error)
    return ""


def array_file(header: str) -> bytes:
    """A .npy file with a header of its own, and three numbers."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(24)


def archive(content: bytes) -> bytes:
    """An .npz file whose members all have this content."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name in ("embedding", "landmarks", "rows", "options", "checksum", "images", "indices"):
            file.writestr(f"{name}.npy", content)
    return out.getvalue()


def in_study(path: Path, folder: Path) -> None:
    study = folder / "study"
    target = study / "arrays" / "thumbnails.npy"
    target.write_bytes(path.read_bytes())
    record = durable.read_record(study / "manifest.json")
    for stage in record["stages"].values():
        if "arrays/thumbnails.npy" in stage["files"]:
            stage["files"]["arrays/thumbnails.npy"] = provenance.file_sha256(target)
    durable.write_record(study / "manifest.json", record)
    repviz.open_study(study).array("thumbnails").sum()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "pattern", "value", "section"),
    [
        ("sweep", r"0\.\d+", "x", "sweep"),
        ("reconstruction_panels", "original", "other", "sweep"),
    ],
)
def test_a_table_of_other_values_is_named_by_the_section_that_shows_it(
    name, pattern, value, section, tmp_path, record_property
):
    build(tmp_path)
    table = tmp_path / "results" / f"{name}.csv"
    table.write_text(re.sub(pattern, value, table.read_text(), count=1))
    record = durable.read_record(tmp_path / "manifest.json")
    for stage in record["stages"].values():
        if f"results/{name}.csv" in stage["files"]:
            stage["files"][f"results/{name}.csv"] = provenance.file_sha256(table)
    durable.write_record(tmp_path / "manifest.json", record)
    start = f"{tmp_path}: the section '{section}' cannot show what is in the study's files, got '"
    said = ending(partial(repviz.write_report, tmp_path))
    assert said.startswith(start)
    assert said.endswith("'. Run the study again in a new folder.")
    record_property("faults", 1)


def fitted(path: Path, folder: Path) -> None:
    file = fitted_path(folder / "acts", "means", "fc")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(path.read_bytes())
    read_fitted(folder / "acts", "means", "fc")


def cached(path: Path, folder: Path) -> None:
    if _map_if_complete(path, (3, 8, 8)) is None:
        raise RepvizError("decoded again")


def graph(path: Path, folder: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    cache = folder / "graphs"
    repviz.neighbors(rows, k=5, cache=cache)
    (file,) = cache.iterdir()
    file.write_bytes(path.read_bytes())
    repviz.neighbors(rows, k=5, cache=cache)


READERS = {
    "study": in_study,
    "fitted": fitted,
    "cache of images": cached,
    "import": lambda path, folder: repviz.import_matrix(path, folder / "imported"),
    "images": lambda path, folder: repviz.open_images(f"array:{path}").matrix(),
    "images in an archive": lambda path, folder: repviz.open_images(f"array:{path}").matrix(),
    "landmark map": lambda path, folder: open_map(path),
    "graph": graph,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readers")
    build(folder / "study")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_an_array_whose_header_lies_is_one_sentence(reader, folder, tmp_path, record_property):
    archived = reader in ("landmark map", "images in an archive", "graph")
    for name, header in HEADERS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "study").symlink_to(folder / "study")
        file = tmp_path / name / ("x.npz" if archived else "x.npy")
        content = array_file(header)
        file.write_bytes(archive(content) if archived else content)
        said = ending(partial(READERS[reader], file, tmp_path / name))
        assert said or name == "empty", name  # an array of no numbers is one
        assert "\n" not in said, name
    record_property("faults", len(HEADERS))


@pytest.mark.parametrize(
    ("numbers", "squared"),
    [
        ([[1], [0]], [["a"], ["b"]]),
        ([[1.0], [0.0]], [[1.0], [1.0]]),
        ([[1], [2]], [[1.0], [1.0]]),
        ([[1], [-1]], [[1.0], [1.0]]),
        ([1, 0], [1.0, 1.0]),
        ([[1], [0]], [[1.0, 2.0], [1.0, 2.0]]),
    ],
)
def test_a_graph_of_other_numbers_is_damaged(numbers, squared, tmp_path, record_property):
    file = tmp_path / "key.npz"
    np.savez(file, numbers=[[1], [0]], squared=[[1.0], [1.0]], recall=1.0, key="key")
    assert read_graph(file)[0].tolist() == [[1], [0]]
    np.savez(file, numbers=numbers, squared=squared, recall=1.0, key="key")
    assert ending(partial(read_graph, file)) == (
        f"{file}: this neighbour graph is damaged. Delete the file, and the graph is computed "
        "again."
    )
    record_property("faults", 1)


@pytest.mark.slow
@pytest.mark.parametrize("member", ["data.pkl", "byteorder", "version"])
def test_damaged_weights_are_one_sentence(member, tmp_path, record_property):
    network = nn.Linear(3, 2)
    complete, file = tmp_path / "complete.pt", tmp_path / "damaged.pt"
    torch.save(network.state_dict(), complete)
    assert read_state(complete).keys() == {"weight", "bias"}
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        with zipfile.ZipFile(complete) as source, zipfile.ZipFile(file, "w") as target:
            for one in source.infolist():
                data = bytearray(source.read(one))
                if one.filename.endswith(member):
                    data[rng.integers(len(data))] = rng.integers(256)
                target.writestr(one.filename, bytes(data))
        said = ending(partial(read_state, file))
        assert "\n" not in said
        refused += said != ""
    assert refused or member != "data.pkl"
    record_property("faults", 60)


STATE = {"step": 3, "loss": 1.0, "score": 0.0, "history": [{"epoch": 1, "train_loss": 2.0}]}


@pytest.mark.parametrize(
    "state",
    [
        *(None, [], {}, {"step": 3}, STATE | {"more": 1}, STATE | {"step": "3"}),
        *(STATE | {"step": 1.5}, STATE | {"loss": None}, STATE | {"history": {"epoch": 1}}),
        *(STATE | {"history": [3]}, STATE | {"history": [{"train_loss": 2.0}]}),
        STATE | {"history": [{"epoch": "one"}]},
    ],
)
def test_a_training_goes_on_only_from_a_state_that_can_be_read(state, record_property):
    assert _checked(Path("net"), {"state": STATE}) == STATE
    assert ending(lambda: _checked(Path("net"), {"state": state})) == (
        "net: the training state cannot be read. Delete the file and train again."
    )
    record_property("faults", 1)


@pytest.mark.slow
def test_every_reader_of_damaged_files_ends_in_values_or_in_one_sentence(
    fault_seed, record_property
):
    words = ["--minutes", "0.3", "--seed", str(fault_seed)]
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    cases = re.search(r"seed \d+: (\d+) cases, 0 faults", done.stdout.splitlines()[-1])
    assert int(cases[1]) >= 20
    record_property("faults", int(cases[1]))
