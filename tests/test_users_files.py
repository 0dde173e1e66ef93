"""Files of the user's: the same bytes after every command, whether it refuses or succeeds."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from noisy_patterns import noisy_patterns
from PIL import Image

import repviz
from repviz import cli, durable
from repviz.errors import StoreError
from repviz.models.checkpoints import save_checkpoint
from repviz.studies import STUDIES

pytestmark = pytest.mark.slow

# Names that a program might take for its own, or for nobody's.
NAMES = [
    *(".lock", ".a.lock", ".manifest.lock", "a.tmp", ".a.tmp", ".a.csv.tmp", ".a.csv.123.tmp"),
    *(".a.repviz.tmp", "a.csv.123.repviz.tmp", ".a.csv.123.repviz.tmp.bak", "~a.csv", "#a.csv#"),
    *(".DS_Store", "core", "notes.csv", "page.html", "000000.npy", ".saved.json"),
    *(".git/config", ".hidden/deep/b.tmp", "deep/.c.csv.5.tmp", "deep/d.npy", "deep/.lock"),
]


NETWORK = """
from torch import nn
def small():
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 16)
    )
"""


def strew(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Write files of the user's below ``folder``, where none are; their contents and times."""
    mine = [folder / name for name in NAMES if not (folder / name).exists()]
    for number, path in enumerate(mine):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"mine, {number}")
        os.utime(path, ns=(10**18, 10**18))
    Image.fromarray(np.full((16, 16), 7, np.uint8)).save(folder / "cat.png")
    (folder / "empty.csv").touch()
    mine += [folder / "cat.png", folder / "empty.csv"]
    written = states(folder)
    return {name: written[name] for name in (str(path.relative_to(folder)) for path in mine)}


def states(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of each file below ``folder``."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Images, a checkpoint, a store, a sweep: what commands read."""
    work = tmp_path_factory.mktemp("work")
    pixels, labels = noisy_patterns(4, 10)
    np.savez(work / "images.npz", images=pixels, labels=labels)
    np.save(work / "matrix.npy", np.random.default_rng(0).normal(size=(40, 6)))
    model = repviz.open_model("autoencoder", size=16, bottleneck=2)
    save_checkpoint(model, work / "model.safetensors")
    (work / "users_nets.py").write_text(NETWORK)
    images = repviz.open_images(f"array:{work}/images.npz")
    repviz.extract(model, images, out=work / "store")
    repviz.sweep(images, out=work / "sweep", bottlenecks=2, engines="linear-start")
    return work


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    def run(line: str, **places: Path) -> int:
        words = [word.format(**places) for word in line.split()]
        monkeypatch.setattr(sys, "argv", ["repviz", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        text = capsys.readouterr()
        assert end.value.code in (0, 2, None), (line, text.err)
        assert "Traceback" not in text.err
        if end.value.code == 2:
            assert text.err.strip().splitlines()[-1].startswith("repviz: "), (line, text.err)
        return end.value.code or 0

    monkeypatch.chdir(tmp_path)
    return run


SOURCE = "--images array:{work}/images.npz"
# Commands that write to {out} within a folder of the user's, and commands that read that folder.
WRITE_FOLDERS = [
    f"extract autoencoder --weights {{work}}/model.safetensors {SOURCE} --out {{out}}",
    "import {work}/matrix.npy --out {out}",
    "sweep {work}/store --engines pca --bottlenecks 2 --out {out}",
    f"sweep {SOURCE} --size 16 --engines pca --bottlenecks 2 --out {{out}}",
    *(f"study {name} {SOURCE} --out {{out}}" for name in STUDIES if name != "network"),
    f"study network {SOURCE} --model alexnet --out {{out}}",
    "featuremaps alexnet --image {out}/cat.png --out {out}",
]
WRITE_FILES = [
    f"train autoencoder --bottleneck 2 --epochs 1 {SOURCE} --out {{out}}",
    f"train alexnet --epochs 1 --limit 8 --batch 4 {SOURCE} --out {{out}}",
    f"train alexnet --show-augmentation {SOURCE} --out {{out}}",
    "export {work}/store --format npy --out {out}",
    "export {work}/store --format projector --out {out}",
    "encoder {work}/sweep --bottleneck 2 --out {out}",
    "encoder {work}/sweep --bottleneck 2 --format torchscript --out {out}",
    "report {work}/sweep --out {out}",
    "anatomy autoencoder --bottleneck 2 --csv {out}",
    "anatomy autoencoder --bottleneck 2 --figure {out}",
]
READ = [
    "verify {out}",
    "report {out}",
    "dimension {out}",
    "scales {out}",
    "similarity {out} {out}",
    "export {out} --format npy --out {new}",
    "encoder {out} --bottleneck 2 --out {new}",
    "evaluate {out}/notes.csv --images folder:{out}",
    "layers autoencoder",
    "list",
]


@pytest.fixture
def foreign(tmp_path):
    folder = tmp_path / "mine"
    return folder, strew(folder)


@pytest.mark.parametrize("line", [*WRITE_FOLDERS, *WRITE_FILES])
def test_a_folder_of_the_users_is_refused_and_left_as_it_was(line, work, foreign, run):
    folder, before = foreign
    if "--show-augmentation" in line:
        (folder.parent / "mine.png").mkdir()  # the picture takes the name with another ending
    assert run(line, work=work, out=folder) == 2
    assert states(folder) == before


@pytest.mark.parametrize("line", WRITE_FILES)
def test_a_new_file_among_the_users_changes_none_of_them(line, work, foreign, run):
    folder, before = foreign
    assert run(line, work=work, out=folder / "new.safetensors") == 0
    after = states(folder)
    assert {name: after.get(name) for name in before} == before
    assert {Path(name).parts[0].split(".")[0] for name in after.keys() - before} == {"new"}


@pytest.mark.parametrize("line", WRITE_FILES)
def test_a_file_of_the_users_is_replaced_only_where_that_is_allowed(line, work, tmp_path, run):
    out = tmp_path / "a.png"
    out.write_text("mine")
    assert run(line, work=work, out=out) == 2
    assert {name: text for name, (text, _) in states(tmp_path).items()} == {"a.png": b"mine"}
    if "train alexnet --epochs" in line:  # slow; see the tests of the training's loop
        return
    assert run(f"{line} --overwrite", work=work, out=out) == (2 if "projector" in line else 0) or (
        "projector" in line and out.is_dir()
    )


@pytest.mark.parametrize("line", READ)
def test_reading_a_folder_of_the_users_changes_nothing(line, work, foreign, run, tmp_path):
    folder, before = foreign
    run(line, work=work, out=folder, new=tmp_path / "new")
    assert states(tmp_path) == {f"mine/{name}": state for name, state in before.items()}


def test_images_in_a_folder_of_the_users_are_only_read(foreign, run, tmp_path):
    folder, before = foreign
    assert run("extract autoencoder --images folder:{out} --out {new}", out=folder, new="acts") in (
        *(0, 2),
    )
    assert states(folder) == before


def test_every_command_is_among_these():
    lines = [*WRITE_FOLDERS, *WRITE_FILES, *READ]
    assert {line.split()[0] for line in lines} == set(cli.COMMANDS)


# folders of repviz's own, with files of the user's in them


def strewn(folder: Path) -> dict[str, dict[str, tuple[bytes, int]]]:
    """Files of the user's in ``folder`` and in every folder below it, by folder."""
    folders = [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]
    return {str(one): strew(one) for one in folders}


def check(before: dict[str, dict[str, tuple[bytes, int]]]) -> None:
    """The user's files are as they were."""
    for folder, files in before.items():
        for name, (content, time) in files.items():
            path = Path(folder) / name
            assert path.read_bytes() == content, path
            assert path.stat().st_mtime_ns == time, path


def test_a_store_with_files_of_the_users(work, tmp_path, run):
    store = tmp_path / "store"
    shutil.copytree(work / "store", store)
    extract = WRITE_FOLDERS[0]
    (store / "unfinished").mkdir()
    before = strewn(store)
    everything = states(store)
    for line in (
        *("verify {out}", "dimension {out}", "scales {out}", "similarity {out} {out}"),
        "export {out} --format npy --out {new}.npy",
        "sweep {out} --engines pca --bottlenecks 2 --out {new}-sweep",
        *(extract, f"{extract} --limit 20", f"{extract} --reduce mean --dtype float16"),
        *WRITE_FOLDERS[1:],
    ):
        run(line, work=work, out=store, new=tmp_path / "new")
        assert states(store) == everything, line
    # Rows that are computed again take nothing along.
    (store / "commits" / "000000.json").unlink()
    assert run(extract, work=work, out=store) == 0
    assert run("verify {out}", out=store) == 0
    check(before)


@pytest.mark.parametrize("name", ["sweep", "featuremaps", "layers"])
def test_a_study_with_files_of_the_users(name, work, tmp_path, run, monkeypatch):
    monkeypatch.syspath_prepend(work)
    out = tmp_path / "study"
    first, other = {
        "sweep": (
            f"sweep {SOURCE} --size 16 --engines linear-start --bottlenecks 2 --out {{out}}",
            "--seed 1 --effort 0.5",
        ),
        "featuremaps": (
            "featuremaps alexnet --image {work}/cat.png --channels 2 --out {out}",
            "--seed 1",
        ),
        "layers": (
            f"study layers {SOURCE} --model users_nets:small --layers 1,4 --out {{out}}",
            "--seed 1",
        ),
    }[name]
    Image.fromarray(np.full((16, 16), 7, np.uint8)).save(work / "cat.png")
    assert run(first, work=work, out=out) == 0
    before = strewn(out)
    everything = states(out)
    for line in (
        f"{first} {other}",
        "verify {out}",
        *WRITE_FOLDERS[:2],
        "import {out} --out {out}",
    ):
        run(line, work=work, out=out)
        assert states(out) == everything, line
    for line in (first, "report {out}", "report {out} --out {new}.html", "verify {out}"):
        assert run(line, work=work, out=out, new=tmp_path / "new") == 0, line
        check(before)
    if name == "sweep":
        assert run(first.replace("bottlenecks 2", "bottlenecks 2,3"), work=work, out=out) == 0
        encoder = "encoder {out} --bottleneck 2 --out {new}.safetensors"
        assert run(encoder, out=out, new=tmp_path / "new") == 0
        assert run("encoder {out} --bottleneck 2 --out {out}/notes.csv", out=out) == 2
    else:  # what a killed run had not finished is written again
        manifest = repviz.open_study(out).manifest
        stages = list(manifest["stages"])
        for stage in stages[len(stages) // 2 :]:
            del manifest["stages"][stage]
        durable.write_record(out / "manifest.json", manifest)
        assert run(first, work=work, out=out) == 0
    check(before)
    assert run("verify {out}", out=out) == 0


# messages


def test_the_sentences_name_what_is_in_the_way(work, tmp_path):
    study = repviz.open_study(work / "sweep")
    (tmp_path / "there.html").write_text("mine")
    with pytest.raises(StoreError) as caught:
        repviz.write_report(study.folder, out=tmp_path / "there.html")
    assert str(caught.value) == (
        f"{tmp_path}/there.html: this file already exists and would be overwritten. Choose another "
        "name, or allow it: overwrite=True (--overwrite)."
    )
    for folder in (str(tmp_path), ".", "/"):
        with pytest.raises(StoreError) as caught:
            repviz.write_report(study.folder, out=folder, overwrite=True)
        assert str(caught.value) == (
            f"{folder}: a file must be written here, and this is a folder. Choose another name."
        )
