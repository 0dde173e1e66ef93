"""A decoder, or a disk, that never answers: it is named, and nothing waits for it."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from PIL import Image

import repviz
from repviz import reading
from repviz.errors import ImageError
from repviz.images.cache import cached_pixels
from repviz.images.collection import Files

SIDE = 32


@pytest.fixture
def photographs(tmp_path):
    """Images of a folder, of which the third hangs when it is decoded; the folder."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in "abcdef":
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def hanging(monkeypatch):
    """Decoding of c.png takes a minute; two seconds are allowed."""
    decode = Files.decode

    def slow(self, row, stored=None):
        if str(self.paths[row]).endswith("c.png"):
            time.sleep(60)
        return decode(self, row, stored)

    monkeypatch.setattr(Files, "decode", slow)
    monkeypatch.setattr(reading, "LIMIT", 2.0)


def test_a_decoder_that_hangs_is_named_and_the_same_call_continues(
    photographs, hanging, monkeypatch, tmp_path
):
    model = repviz.open_model("autoencoder", size=SIDE, bottleneck=2)
    extract = partial(
        repviz.extract, model, f"folder:{photographs}", out=tmp_path / "acts", batch=2
    )
    start = time.monotonic()
    with pytest.raises(ImageError) as error:
        extract(layers="code")
    assert time.monotonic() - start < 20
    assert str(error.value) == (
        f"{repviz.provenance.portable(str(photographs / 'c.png'))}: an image must be read within "
        "2 s, got no answer. Copy it to another disk, or leave it out, and run the same command "
        "again."
    )
    monkeypatch.undo()
    assert extract(layers="code")["code"].shape == (6, 2)


def test_a_cache_of_decoded_images_names_it_too_and_leaves_no_file(photographs, hanging, tmp_path):
    images = repviz.open_images(f"folder:{photographs}", size=SIDE, grey=False)
    with pytest.raises(ImageError, match=r"c\.png: an image must be read within 2 s"):
        cached_pixels(images, folder=tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").rglob("*.npy")] == []


def test_pixels_name_it_too(photographs, hanging):
    images = repviz.open_images(f"folder:{photographs}", size=SIDE, grey=False)
    start = time.monotonic()
    with pytest.raises(
        ImageError, match=r"c\.png: an image must be read within 2 s, got no answer"
    ):
        images.pixels()
    assert time.monotonic() - start < 20
    assert len(images.pixels([0, 1, 3])) == 3


def test_the_process_ends_although_a_thread_reads_for_ever():
    program = (
        "import threading, time\n"
        "from repviz import reading\n"
        "reading.LIMIT = 0.5\n"
        "since = time.monotonic()\n"
        "with reading.ReadingThreads(2) as threads:\n"
        "    call = threads.submit(threading.Event().wait)\n"
        "    reading.read(call, lambda: ('share/a.jpg', since))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("repviz.errors.ImageError: share/a.jpg: ")


def test_what_a_call_raises_itself_comes_through():
    def refuses():
        raise TimeoutError("of its own")

    with reading.ReadingThreads(1) as threads, pytest.raises(TimeoutError, match="of its own"):
        reading.read(threads.submit(refuses), lambda: ("a", time.monotonic()))


def test_many_files_may_take_longer_together_than_one(monkeypatch):
    monkeypatch.setattr(reading, "LIMIT", 0.6)
    monkeypatch.setattr(reading, "GRACE", 0.1)
    now = ["0", time.monotonic()]

    def several():
        for number in range(4):
            now[:] = str(number), time.monotonic()
            time.sleep(0.4)
        return "all"

    with reading.ReadingThreads(1) as threads:
        assert reading.read(threads.submit(several), lambda: tuple(now)) == "all"
