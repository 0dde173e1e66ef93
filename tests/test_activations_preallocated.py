"""A file that is filled block by block holds the blocks, whichever way they went to the disk."""

import errno
import hashlib
import os

import numpy as np
import pytest
import xxhash

from repviz.activations import preallocated
from repviz.activations.layout import PAGE
from repviz.activations.preallocated import PreallocatedFile


@pytest.fixture
def pages(monkeypatch):
    """Small blocks are large enough, and 8 pages of memory begin where a page does."""
    monkeypatch.setattr(preallocated, "LARGE", PAGE)
    monkeypatch.setattr(preallocated, "CHUNK", 2 * PAGE)
    room = np.random.default_rng(0).integers(0, 256, 9 * PAGE, dtype=np.uint8)
    start = -room.ctypes.data % PAGE
    return room[start : start + 8 * PAGE]


@pytest.fixture
def ways(monkeypatch):
    """The flags that the file was opened with, one an opening."""
    seen, opens = [], os.open
    monkeypatch.setattr(os, "open", lambda path, how: seen.append(how) or opens(path, how))
    return seen


@pytest.mark.parametrize(
    "cuts",
    [
        [8 * PAGE],  # whole pages
        [3 * PAGE, 5 * PAGE],  # and more of them
        [3 * PAGE + 7, 5 * PAGE - 7],  # a rest, after which no block begins at a page
        [5, 8 * PAGE - 5],
        [0, 100, 8 * PAGE - 100],
    ],
)
def test_it_holds_the_blocks_and_their_sum(tmp_path, pages, cuts):
    file, start = PreallocatedFile(tmp_path / "f", len(pages)), 0
    for length in cuts:
        file.append(pages[start : start + length].data)
        start += length
    assert (tmp_path / "f").read_bytes() == pages.tobytes()
    assert file.filled == len(pages)
    assert file.checksum() == xxhash.xxh3_128_hexdigest(pages.tobytes())


@pytest.mark.skipif(not preallocated.DIRECT, reason="this system has no way past its cache")
def test_whole_pages_go_past_the_cache(tmp_path, pages, ways):
    file = PreallocatedFile(tmp_path / "f", len(pages))
    ways.clear()
    file.append(pages[: 3 * PAGE + 7].data)
    file.append(pages[3 * PAGE + 7 :].data)
    assert [bool(how & preallocated.DIRECT) for how in ways] == [True, False, False]


@pytest.mark.skipif(not preallocated.DIRECT, reason="this system has no way past its cache")
def test_a_file_system_that_knows_no_other_way(tmp_path, pages, monkeypatch):
    opens = os.open

    def refuses(path, how):
        if how & preallocated.DIRECT:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return opens(path, how)

    monkeypatch.setattr(os, "open", refuses)
    file = PreallocatedFile(tmp_path / "f", len(pages))
    file.append(pages.data)
    assert (tmp_path / "f").read_bytes() == pages.tobytes()
    assert file.checksum() == xxhash.xxh3_128_hexdigest(pages.tobytes())


def test_a_write_that_takes_only_a_part(tmp_path, pages, monkeypatch):
    writes = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda f, data, at: writes(f, data[:PAGE], at))
    file = PreallocatedFile(tmp_path / "f", len(pages))
    file.append(pages.data)
    assert hashlib.sha256((tmp_path / "f").read_bytes()).digest() == (
        hashlib.sha256(pages).digest()
    )
