#!/usr/bin/env python
"""A full disk, a read-only folder, an image that goes away in mid-run, two processes on one folder.

    scripts/bench/failures.py      # as root on Linux: it mounts small file systems of its own

Checked through the command line: exit 2 with one sentence (0 with a warning for the image that is
gone), nothing half written left behind, and a store that is finished afterwards by the same command
and found sound by ``repviz verify``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from measuring import parser
from PIL import Image

LAYERS = ("core.g.layers.1", "code")
COMMAND = ("extract", "autoencoder", "--grey", "--layers", ",".join(LAYERS), "--batch", 16)
results: dict[str, bool] = {}


def start(*words: object) -> subprocess.Popen:
    """The command line, as a user calls it."""
    command = [sys.executable, "-m", "repviz", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*words: object) -> tuple[int, str, str]:
    """Exit code, output and error output."""
    process = start(*words)
    out, err = process.communicate()
    return process.returncode, out, err


def extract(images: Path, out: Path) -> tuple[int, str, str]:
    """An extraction of ``images`` into ``out``."""
    return run(*COMMAND, "--images", f"folder:{images}", "--out", out)


def check(what: str, held: bool, shown: str = "") -> None:
    """Print a check, and what the program said."""
    results[what] = held
    print(
        f"{'holds' if held else 'FAILED'}: {what}"
        + (f"\n         {shown.strip()}" if shown else "")
    )


def refused(what: str, ran: tuple[int, str, str], part: str) -> None:
    """Exit 2 and one sentence that holds ``part``."""
    code, out, err = ran
    one = err.count("\n") == 1 and "Traceback" not in err and part in err
    check(what, code == 2 and out == "" and one, err)


def sound(what: str, images: Path, out: Path) -> None:
    """The same command finishes the folder, and verify is content."""
    ended, verified = extract(images, out), run("verify", out)
    left = list(out.rglob("*.tmp"))
    check(f"{what}: sound afterwards", ended[0] == verified[0] == 0 and not left, verified[1])


@contextmanager
def mounted(folder: Path, options: str):
    """A file system in memory at ``folder``."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def pictures(folder: Path, n: int) -> Path:
    """``n`` grey pictures of noise."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(n):
        noise = rng.integers(0, 256, (64, 64), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number:04d}.png")
    return folder


def main() -> int:
    """Print each check; 1 if one failed, else 0."""
    parser(__doc__).parse_args()
    work = Path(tempfile.mkdtemp(prefix="repviz-failures-"))
    try:
        images = pictures(work / "images", 200)  # about half a megabyte of activations
        try:
            on_a_full_disk(work, images)
            on_a_read_only_disk(work, images)
        except (subprocess.CalledProcessError, FileNotFoundError):
            print("skipped: no file system can be mounted here (needs root on Linux)")
        without_an_image(work, images)
        by_two_processes(work, images)
    finally:
        shutil.rmtree(work)
    return 0 if all(results.values()) else 1


def on_a_full_disk(work: Path, images: Path) -> None:
    """The disk fills, then there is room."""
    with mounted(work / "small", "size=256k") as disk:
        refused("a full disk", extract(images, disk / "acts"), "the disk is full")
        check("a full disk: nothing half written is left", not list(disk.rglob("*.tmp")))
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        sound("a full disk", images, disk / "acts")


def on_a_read_only_disk(work: Path, images: Path) -> None:
    """The disk is read-only from the start, or in mid-store; then it can be written."""
    with mounted(work / "fixed", "size=64m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        refused("a read-only folder", extract(images, disk / "acts"), "the disk is read-only")
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        sound("a read-only folder", images, disk / "acts")


def without_an_image(work: Path, images: Path) -> None:
    """An image is listed and then deleted while the extraction runs."""
    some = shutil.copytree(images, work / "some")
    process = start(*COMMAND, "--images", f"folder:{some}", "--out", work / "gone", "--json")
    manifest = work / "gone" / "manifest.json"
    while not manifest.is_file() and process.poll() is None:
        time.sleep(0.001)
    (some / "0199.png").unlink()
    out, err = process.communicate()
    bad = json.loads(out)["unreadable"] if out else {}
    told = "0199.png" in err and "No such file" in err and err.count("\n") == 1
    check(
        "an image removed in mid-run",
        process.returncode == 0 and set(bad) == {"0199.png"} and told,
        err,
    )
    verified = run("verify", work / "gone")
    check("an image removed in mid-run: sound afterwards", verified[0] == 0, verified[1])


def by_two_processes(work: Path, images: Path) -> None:
    """Two commands on one folder at once: one works, the other is told so."""
    words = (*COMMAND, "--images", f"folder:{images}", "--out", work / "both")
    both = [start(*words), start(*words)]
    ran = [(process.communicate(), process.returncode) for process in both]
    codes = sorted(code for _, code in ran)
    said = [err for (_, err), code in ran if code == 2]
    if codes == [0, 0]:
        print("  (the first was done before the second began)")
    one = all(err.count("\n") == 1 and "only one process at a time" in err for err in said)
    check("two processes on one folder", codes in ([0, 2], [0, 0]) and one, "".join(said))
    sound("two processes on one folder", images, work / "both")


if __name__ == "__main__":
    sys.exit(main())
