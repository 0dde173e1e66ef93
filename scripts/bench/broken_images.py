#!/usr/bin/env python
"""2,000 images of which 20 are broken in 12 ways, through the command line.

    scripts/bench/broken_images.py [--n 2000]

Checked: exit 0 with a warning that names every bad file and its reason, exit 2 with --strict; the
rows of the bad ones are NaN and marked; no other row differs in any number from an extraction of
the good images alone, whatever stood before it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import parser
from PIL import Image

import repviz

RANDOM = np.random.default_rng(0)


def picture(kind: str = "PNG", mode: str = "RGB", side: int = 24) -> bytes:
    """A picture of noise as a file of ``kind``."""
    noise = RANDOM.integers(0, 256, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(out, kind)
    return out.getvalue()


def animation() -> bytes:
    """A GIF of two pictures."""
    out, frames = io.BytesIO(), [Image.new("L", (24, 24), level) for level in (0, 255)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that unpacks to ``width`` x ``height`` pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def flipped(data: bytes) -> bytes:
    """One bit changed in the middle."""
    changed = bytearray(data)
    changed[len(data) // 2] ^= 4
    return bytes(changed)


WAYS: dict[str, Callable[[], bytes | None]] = {
    "empty": lambda: b"",
    "cut JPEG": lambda: picture("JPEG")[:-200],
    "cut PNG": lambda: picture()[:-200],
    "bit rot in a PNG": lambda: flipped(picture()),
    "text": lambda: b"id,label\n1,cat\n",
    "a web page": lambda: b"<!doctype html><title>404</title>",
    "one pixel": lambda: picture(side=1),
    "animation": animation,
    "bomb": lambda: bomb(50_000, 50_000),
    "too large": lambda: bomb(10_000, 9_000),
    "floating point": lambda: picture("TIFF", "F"),
    "a link to nothing": lambda: None,
}


def repviz_cli(*words: object) -> subprocess.CompletedProcess:
    """The command line, as a user calls it."""
    command = [sys.executable, "-m", "repviz", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def main() -> int:
    """Print each check; 1 if one failed, else 0."""
    options = parser(__doc__)
    options.add_argument("--n", type=int, default=2000)
    n = options.parse_args().n
    work = Path(tempfile.mkdtemp(prefix="repviz-broken-"))
    folder, good = work / "images", work / "good"
    folder.mkdir()
    good.mkdir()
    places = set(RANDOM.choice(n, max(n // 100, len(WAYS)), replace=False).tolist())
    ways, broken = list(WAYS), {}
    for number in range(n):
        path = folder / f"{number:05d}.png"
        if number in places:
            broken[path.name] = ways[len(broken) % len(ways)]
            data = WAYS[broken[path.name]]()
            path.symlink_to("/nowhere.png") if data is None else path.write_bytes(data)
        else:
            path.write_bytes(picture(["PNG", "JPEG", "BMP"][number % 3]))
            os.link(path, good / path.name)
    words = ("extract", "autoencoder", "--size", 32, "--grey", "--layers", "core.g.layers.1,code")
    ran = repviz_cli(*words, "--images", f"folder:{folder}", "--out", work / "a", "--json")
    strict = repviz_cli(*words, "--images", f"folder:{folder}", "--out", work / "s", "--strict")
    alone = repviz_cli(*words, "--images", f"folder:{good}", "--out", work / "b")
    acts = repviz.open_activations(work / "a")
    clean = repviz.open_activations(work / "b")
    rows = acts.rows
    named = json.loads(ran.stdout)["unreadable"]
    fine = acts.readable
    checks = {
        "exit 0": ran.returncode == 0 and alone.returncode == 0,
        "exit 2 with --strict, one sentence": strict.returncode == 2
        and strict.stderr.count("\n") == 1,
        "the warning names every bad file": all(name in ran.stderr for name in broken),
        "and no good one": not any(f"{k:05d}.png" in ran.stderr for k in set(range(n)) - places),
        "so does the JSON": set(named) == set(broken),
        "every bad file has its reason": all(
            name in reason and len(reason) > len(name) for name, reason in named.items()
        ),
        "rows are in the order of the files": rows["id"].tolist()
        == sorted(path.name for path in folder.iterdir()),
        "the rows of the bad ones, and only they, are NaN": all(
            np.array_equal(np.isnan(np.asarray(acts[layer])).all(1), ~fine)
            and np.isfinite(np.asarray(acts[layer])[fine]).all()
            for layer in acts.layers
        ),
        "no row shifted": rows["id"][fine].tolist() == clean.rows["id"].tolist()
        and all(
            np.allclose(np.asarray(acts[layer])[fine], np.asarray(clean[layer]), atol=1e-5)
            for layer in acts.layers
        ),
        "verify is content": repviz_cli("verify", work / "a").returncode == 0,
    }
    reasons = {way: named.get(name, "-") for name, way in reversed(broken.items())}
    for way, reason in reasons.items():
        print(f"  {way:<18} {reason.split('/')[-1]}")
    for what, held in checks.items():
        print(f"{'holds' if held else 'FAILED'}: {what}")
    if not all(checks.values()):
        print(ran.stderr[-2000:], strict.stderr[-500:])
    shutil.rmtree(work)
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
