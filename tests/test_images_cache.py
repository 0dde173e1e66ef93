"""Images decoded once: the pixels are those of the images, whatever kills whom."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from repviz.errors import ImageError, InputError
from repviz.images import cache, open_images
from repviz.images.cache import cached_pixels, home
from repviz.images.concatenation import concatenate


def test_the_cache_holds_the_pixels_and_decodes_once(tmp_path, monkeypatch):
    images = open_images("digits", limit=150, size=12, grey=True)
    found = cached_pixels(images, folder=tmp_path)
    np.testing.assert_array_equal(found, images.pixels())
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    monkeypatch.setattr(cache, "_write", None)
    np.testing.assert_array_equal(cached_pixels(images, folder=tmp_path), found)


@pytest.mark.parametrize("other", [{"size": 13}, {"grey": False}, {"limit": 149}])
def test_other_pixels_are_another_file(tmp_path, other):
    one = {"limit": 150, "size": 12, "grey": True}
    for options in (one, one | other):
        cached_pixels(open_images("digits", **options), folder=tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 2


def test_a_file_cut_short_is_decoded_again_and_what_killed_processes_left_goes(tmp_path):
    images = open_images("digits", limit=40, size=12, grey=True)
    cached_pixels(images, folder=tmp_path)
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(path.read_bytes()[:-7])
    left = tmp_path / f".{path.name}.4194305.repviz.tmp"  # no process has this number
    left.write_bytes(b"half")
    np.testing.assert_array_equal(cached_pixels(images, folder=tmp_path), images.pixels())
    assert not left.exists()


@pytest.mark.slow
def test_processes_that_want_one_file_write_it_once(tmp_path):
    code = (
        "import sys; from repviz.images import open_images; "
        "from repviz.images.cache import cached_pixels; "
        "print(cached_pixels(open_images('digits', size=40, grey=True), folder=sys.argv[1]).sum())"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    sums = {process.communicate(timeout=60)[0] for process in running}
    assert len(sums) == 1
    assert len(list(tmp_path.glob("*.npy"))) == 1


def test_two_sets_become_one():
    first = open_images("digits", limit=5, size=12)
    second = open_images("digits", limit=8, seed=4)
    both, (one, two) = concatenate(first, second)
    assert (len(both), one.tolist(), two.tolist()) == (13, [*range(5)], [*range(5, 13)])
    np.testing.assert_array_equal(both.pixels(two), second.at(size=12).pixels())
    assert both.labels.tolist() == [*first.labels, *second.labels]
    assert both.hashes() == first.hashes() + second.hashes()
    assert both.take(two[::-1]).hashes() == second.hashes()[::-1]


def test_a_cache_of_images_without_a_shape_is_refused(tmp_path):
    with pytest.raises(InputError) as caught:
        cached_pixels(open_images("digits"), folder=tmp_path)
    assert str(caught.value) == (
        "images 'digits': caching needs one shape for all, got size=None and grey=None. Give "
        "both: images.at(size=64, grey=True)."
    )


def test_an_image_that_cannot_be_decoded_leaves_no_file(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    broken = open_images(f"folder:{tmp_path}", size=12, grey=True)
    with pytest.raises(ImageError) as caught:
        cached_pixels(broken, folder=tmp_path / "cache")
    assert str(caught.value) == (
        f"{tmp_path / 'bad.png'}: the file must contain an image, got something else. Leave it out."
    )
    assert not list((tmp_path / "cache").glob("*.npy"))
    assert not list((tmp_path / "cache").glob(".*.tmp"))


def test_the_home_of_the_cache_is_read_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("REPVIZ_CACHE", str(tmp_path))
    assert home() == tmp_path
