"""The wheel and the sdist: what they hold, and that an installation outside the checkout works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

import repviz

pytestmark = pytest.mark.slow

ROOT = Path(repviz.__file__).parents[1]
BUILD = """
import sys
from setuptools import build_meta
out = sys.argv[1]  # which setuptools replaces
build_meta.build_wheel(out)
build_meta.build_sdist(out)
"""


def run(*words: str, cwd: Path, **more: str) -> str:
    """What a command prints, without the variables that would let it see the checkout."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV")
    environment = {name: v for name, v in os.environ.items() if name not in hidden} | more
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tracked(*folders: str) -> set[str]:
    """The files of the repository, or of some of its folders."""
    return set(run("git", "ls-files", *folders, cwd=ROOT).split())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A wheel and an sdist of the tracked files, as they are in the working tree."""
    source = tmp_path_factory.mktemp("source")
    for name in tracked():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-c", BUILD, str(out), cwd=source)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds the wheel, and sees its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"), cwd=folder)
    python = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install")
    run(*pip, "--quiet", "--no-deps", "--no-index", str(built[0]), cwd=folder)
    site = run(str(python), "-c", "import site; print(site.getsitepackages()[0])", cwd=folder)
    # A path in a .pth file is searched, but the .pth files in it, such as the checkout's, are not.
    Path(site.strip(), "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


def test_the_wheel_holds_the_package_and_nothing_else(built):
    names = {name for name in zipfile.ZipFile(built[0]).namelist() if ".dist-info/" not in name}
    assert names == {name for name in tracked("repviz") if (ROOT / name).is_file()}


def test_the_sdist_holds_what_builds_the_package_and_no_test(built):
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "repviz/py.typed"} <= names
    assert [name for name in names if name.startswith(("tests", "reports", "scripts"))] == []
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []


def test_the_installed_package_is_not_the_checkout(installed, tmp_path):
    where = run(
        str(installed / "python"), "-c", "import repviz; print(repviz.__file__)", cwd=tmp_path
    )
    assert Path(where.strip()).is_relative_to(installed.parent)


def test_every_command_works_outside_the_checkout(installed, tmp_path):
    def command(*words: str) -> str:
        return run(str(installed / "repviz"), *words, cwd=tmp_path, OMP_NUM_THREADS="1")

    faces = ("--images", "drawn-faces:60", "--size", "32")
    assert command("--version").startswith("repviz 0.")
    assert "twonn" in command("list")
    assert "60,965,224 parameters" in command("anatomy", "alexnet", "--variant", "paper")
    command("sweep", *faces, "--grey", "--engines", "pca", "--bottlenecks", "2,4", "--out", "sweep")
    short = ("--bottleneck", "4", "--epochs", "1", "--out", "net.safetensors")
    command("train", "autoencoder", "--images", "drawn-faces:60", *short)
    assert "features.12" in command("layers", "torchvision:squeezenet1_0")
    network = ("autoencoder", "--weights", "net.safetensors")
    command("extract", *network, "--images", "drawn-faces:60", "--layers", "code", "--out", "acts")
    command("dimension", "acts", "--layer", "code")
    command("export", "acts", "--layer", "code", "--format", "npy", "--out", "code.npy")
    command("report", "acts", "--out", "report")
    assert (tmp_path / "report" / "report.html").is_file()
    for folder in ("sweep", "acts", "report"):
        command("verify", folder)
