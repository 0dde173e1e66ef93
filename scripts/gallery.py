"""Builds the reports of reports/gallery, each by one command, and the page that lists them.

The studies themselves, with their weights, arrays and activations, stay in reports/studies, which
git ignores. A study that is finished there is not computed again, only its report is written anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import sync_playwright

import repviz

ROOT = Path(__file__).parents[1]
STUDIES, GALLERY = ROOT / "reports" / "studies", ROOT / "reports" / "gallery"
FACES = ROOT / "reports" / "faces"  # the study of scripts/demo
ALEXNET = FACES / "models" / "alexnet.safetensors"
FIRST_SCREEN = {"width": 1280, "height": 900}  # CSS pixels
PREAMBLE = """# Gallery

Each report is one file that works offline: download it and open it in a browser. `scripts/gallery`
builds all of them again; the commands below build one, from a folder where `scripts/demo` has run.
"""


@dataclass(frozen=True)
class Entry:
    """One report of the gallery.

    Attributes
    ----------
    name : str
        Of its files.
    shows : str
        What to look for, in one sentence.
    command : str
        Of repviz, without ``--out``.
    """

    name: str
    shows: str
    command: str


ENTRIES = (
    Entry(
        "drawn-faces-sweep",
        "Drawn faces that vary in exactly six ways: the autoencoder needs six to eight numbers "
        "where PCA needs more than twelve, and the codes have about six degrees of freedom.",
        "sweep drawn-faces:1500@6 --size 32 --grey --engines pca,linear-start "
        "--bottlenecks 2,4,6,8,12 --criteria factors,psnr:30",
    ),
    Entry(
        "digits",
        "Is a random point of pixel space ever a digit? The five questions asked of handwritten "
        "digits instead of faces.",
        "study faces --images digits --limit 600 --size 32 --samples 2000",
    ),
    Entry(
        "alexnet-layers",
        "The AlexNet that scripts/demo trained, layer by layer, beside a copy with random "
        "weights: dimension, probes, similarity and invariance.",
        "study layers --images orl --model alexnet --weights {alexnet} "
        "--layers pool1,pool2,pool5,fc6,fc7",
    ),
    Entry(
        "alexnet-network",
        "The same network from inside: its filters and the photographs that activate its units "
        "most, with the receptive field that fired.",
        "study network --images orl --model alexnet --weights {alexnet}",
    ),
)


def main(names: list[str]) -> None:
    """Build the entries of these names; all, and the example, if none is given."""
    unknown = set(names) - {entry.name for entry in ENTRIES}
    if unknown:
        known = ", ".join(entry.name for entry in ENTRIES)
        raise SystemExit(f"gallery: no entry is called '{min(unknown)}'. Known: {known}.")
    run("study faces --images orl", FACES)
    if not names:
        copy_study(FACES, ROOT / "reports" / "example-faces")
    for entry in ENTRIES:
        if not names or entry.name in names:
            folder = STUDIES / entry.name
            run(entry.command.format(alexnet=ALEXNET.relative_to(ROOT)), folder)
            copy_study(folder, GALLERY / entry.name)
    (GALLERY / "README.md").write_text(index(), encoding="utf-8")


def run(command: str, folder: Path) -> None:
    """Run a command of repviz that writes the study ``folder``."""
    print(f"repviz {command}", flush=True)
    words = [*command.split(), "--out", str(folder.relative_to(ROOT))]
    subprocess.run([Path(sys.executable).parent / "repviz", *words], cwd=ROOT, check=True)


def copy_study(folder: Path, out: Path) -> None:
    """What of a study is published: report, manifest, tables and a picture of its first screen."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("report.html", "manifest.json"):
        shutil.copy(folder / name, out)
    shutil.rmtree(out / "results", ignore_errors=True)
    shutil.copytree(folder / "results", out / "results")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=os.environ["REPVIZ_CHROMIUM"])
        page = browser.new_page(viewport=FIRST_SCREEN)
        page.goto((out / "report.html").as_uri())
        page.wait_for_timeout(1500)  # until the maps are drawn
        page.screenshot(path=out / "screenshot.png")
        browser.close()


def index() -> str:
    """The page of the gallery: of each report a picture, what it shows, findings, its command."""
    parts = [PREAMBLE]
    for entry in ENTRIES:
        folder = STUDIES / entry.name
        if not folder.is_dir():
            continue
        study = repviz.open_study(folder)
        findings = study.result("findings")["sentence"].head(3)
        command = entry.command.format(alexnet=ALEXNET.relative_to(ROOT))
        parts.append(
            f"## {study.manifest['title']}\n\n"
            f"[![First screen]({entry.name}/screenshot.png)]({entry.name}/report.html)\n\n"
            f"{entry.shows}\n\n"
            + "".join(f"- {sentence}\n" for sentence in findings)
            + f"\n    repviz {command} --out reports/{entry.name}\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    main(sys.argv[1:])
