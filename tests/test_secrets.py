"""What files do not say: no secret of a command line, no folder, no host; as little in private."""

import contextlib
import platform
import socket
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pyarrow import parquet
from safetensors import safe_open

import repviz
from repviz.activations.exports import EXPORTS
from repviz.errors import Unavailable

pytestmark = pytest.mark.slow

PERSON, SECRET = "jane-doe-7f3a", "sk-19c2e7b4"
HOST, USER, IN_ENVIRONMENT = "host-61be9d", "user-08d3c1", "token-55aa03"


@pytest.fixture(autouse=True)
def secrets(home, monkeypatch):
    monkeypatch.setattr(sys, "argv", command_line(home))
    monkeypatch.setattr(platform, "node", lambda: HOST)
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    for name in ("USER", "LOGNAME"):
        monkeypatch.setenv(name, USER)
    monkeypatch.setenv("SERVICE_TOKEN", IN_ENVIRONMENT)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A person's folder with photographs, of which one is damaged."""
    home = tmp_path_factory.mktemp("home") / PERSON
    rng = np.random.default_rng(0)
    for person in ("a", "b"):
        (home / "photos" / person).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, 256, (16, 16), np.uint8)
            Image.fromarray(pixels).save(home / "photos" / person / f"{number}.png")
    (home / "photos" / "a" / "broken.png").write_bytes(b"\x89PNG")
    rows = [f"{p}/{n}.png,{i}" for p in "ab" for i, n in enumerate([*range(12), "broken"])]
    (home / "photos.csv").write_text("\n".join(["file,age", *rows[:13], *rows[13:25]]))
    np.savez(home / "arrays.npz", images=rng.integers(0, 256, (12, 16, 16), np.uint8))
    return home


def command_line(home):
    source = f"folder:{home}/photos"
    return ["repviz", "study", "faces", "--images", source, "--api-key", SECRET]


def write_everything(home: Path, out: Path) -> None:
    """One of each kind of file that repviz writes, from images in ``home``."""
    images = repviz.open_images(
        f"folder:{home}/photos", size=16, grey=True, metadata=home / "photos.csv"
    )
    network = repviz.open_model("autoencoder", size=16, bottleneck=2)
    with pytest.warns(UserWarning, match="could not be read"):
        acts = repviz.extract(network, images, out=out / "store")
    arrays = repviz.open_images(f"array:{home}/arrays.npz")
    repviz.extract(network, arrays, out=out / "of-arrays")
    for kind in EXPORTS:
        with contextlib.suppress(Unavailable):
            repviz.export(acts, acts.layers[-1], out / f"export.{kind}", format=kind)
    np.save(home / "matrix.npy", np.eye(8))
    repviz.import_matrix(home / "matrix.npy", out / "imported")
    good = images.take([row for row, name in enumerate(images.ids) if "broken" not in name])
    trained = repviz.train(network, good, out=out / "ae.safetensors", epochs=1)
    both, _ = repviz.concatenate(good, arrays_with_labels(arrays))
    repviz.extract(trained.model, both, out=out / "both")
    repviz.sweep(good, out=out / "sweep", bottlenecks=2, engines="linear-start")
    repviz.export_encoder(
        repviz.open_study(out / "sweep"), out / "encoder.safetensors", bottleneck=2
    )
    weights = str(out / "ae.safetensors")
    options = {"model": "autoencoder", "weights": weights, "photographs": False}
    repviz.study("network", good, out=out / "network", **options)
    repviz.cache_images(good, folder=out / "cache")


def arrays_with_labels(arrays):
    return repviz.images_from(list(arrays), name=arrays.name, labels=["c"] * len(arrays))


def contents(folder: Path) -> dict[str, bytes]:
    """Each file's name and bytes; of compressed files also what they hold, as text."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = str(path.relative_to(folder)).encode() + path.read_bytes()
        if path.suffix == ".parquet":
            schema = parquet.read_schema(path).metadata
            content += f"{schema}{pd.read_parquet(path).to_csv()}".encode()
        if path.suffix == ".anndata":
            data = pytest.importorskip("anndata").read_h5ad(path)
            content += f"{data.obs.to_csv()}{data.uns}".encode()
        if path.suffix == ".safetensors":
            with safe_open(path, framework="np") as file:
                content += str(file.metadata()).encode()
        found[path.relative_to(folder).as_posix()] = content
    return found


def test_no_file_holds_a_secret_a_person_or_a_host(home, tmp_path):
    write_everything(home, tmp_path / PERSON / "out")
    written = contents(tmp_path / PERSON / "out")
    assert {Path(name).suffix for name in written} >= {
        *(".json", ".parquet", ".npy", ".safetensors", ".html", ".csv", ".tsv")
    }
    for word in (PERSON, SECRET, HOST, USER, IN_ENVIRONMENT):
        assert [name for name, content in written.items() if word.encode() in content] == []
    # What they do say: the verb, its options, and the last part of each path.
    manifest = written["sweep/manifest.json"]
    assert b"repviz study faces --images folder:.../photos --api-key ..." in manifest
    assert repviz.open_activations(tmp_path / PERSON / "out/store").rows["path"][0] == ".../0.png"


def test_private_files_name_no_source_either(home, tmp_path, monkeypatch):
    monkeypatch.chdir(home)
    with repviz.private():
        images = repviz.open_images("folder:photos", size=16, grey=True)
        good = images.take([row for row, name in enumerate(images.ids) if "broken" not in name])
        repviz.sweep(good, out=tmp_path / "sweep", bottlenecks=2, engines="pca")
        repviz.extract(
            repviz.open_model("autoencoder", size=16, bottleneck=2), good, out=tmp_path / "store"
        )
    for word in ("photos", PERSON, SECRET, HOST, USER, platform.system(), "--api-key"):
        found = [name for name, content in contents(tmp_path).items() if word.encode() in content]
        assert found == []


def test_a_study_from_a_folder_far_away_is_taken_up_again(home, tmp_path, monkeypatch):
    images = repviz.open_images(f"array:{home}/arrays.npz")
    out = tmp_path / "sweep"
    first = repviz.sweep(images, out=out, bottlenecks=2, engines="pca").table
    monkeypatch.chdir(home.parent)  # an ancestor of the images, from where they are named alike
    again = repviz.sweep(images, out=out, bottlenecks=[2, 3], engines="pca").table
    assert set(first["bottleneck"]) < set(again["bottleneck"])
    assert repviz.verify(out) > 1
