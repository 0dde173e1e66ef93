"""Image sources given pipes, devices, bombs, odd names and wrong types: one sentence each."""

import errno
import io
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from repviz.errors import ImageError, InputError, StoreError
from repviz.images import images_from, open_images
from repviz.images.cache import cached_pixels
from repviz.images.local_files import MAX_BYTES

PIXELS = np.arange(3 * 8 * 8, dtype=np.uint8).reshape(3, 8, 8)


def sentence(call) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


# files behind a name


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    images = open_images(f"folder:{tmp_path}")
    assert sentence(lambda: images[0]) == (
        f"{tmp_path}/a.png: an image must be a regular file, got a pipe. Leave it out."
    )
    assert sentence(lambda: open_images(f"array:{tmp_path}/a.png")) == (
        f"open_images: array:{tmp_path}/a.png must be the path of a file, got a pipe. Check the "
        "path."
    )


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/random"])
def test_a_device_is_not_read(tmp_path, device):
    (tmp_path / "a.png").symlink_to(device)
    images = open_images(f"folder:{tmp_path}")
    assert sentence(images.hashes) == (
        f"{tmp_path}/a.png: an image must be a regular file, got a device. Leave it out."
    )


def test_a_sparse_file_of_4_gb_is_not_read(tmp_path):
    with open(tmp_path / "a.png", "wb") as file:
        file.truncate(4 * 2**30)
    images = open_images(f"folder:{tmp_path}")
    assert sentence(lambda: images[0]) == (
        f"{tmp_path}/a.png: an image file must be at most {MAX_BYTES:,} bytes, got 4,294,967,296. "
        "Leave it out."
    )


@pytest.mark.parametrize(
    ("name", "got"), [("x" * 300, "'File name too long'"), ("a\0b", "a name with a zero byte")]
)
@pytest.mark.parametrize(("source", "wanted"), [("folder", "a folder"), ("array", "a file")])
def test_names_that_no_file_can_have(source, wanted, name, got):
    shown = name.replace("\0", "\\x00")
    assert sentence(lambda: open_images(f"{source}:{name}")) == (
        f"open_images: {source}:{shown} must be the path of {wanted}, got {got}. Check the path."
    )


def test_terminal_codes_in_names_are_shown_not_obeyed(tmp_path):
    name = "a\x1b[31m.png"
    Image.new("L", (8, 8)).save(tmp_path / name)
    images = open_images(f"folder:{tmp_path}")
    assert images.ids == ("a\\x1b[31m.png",)
    assert images.where(0) == f"{tmp_path}/a\\x1b[31m.png"
    assert images[0].shape == (1, 8, 8)


def test_a_name_that_is_no_utf8_is_read_and_written_in_ascii(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.png"
    try:
        with open(path, "wb") as file:
            Image.new("L", (8, 8)).save(file, "PNG")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    images = open_images(f"folder:{tmp_path}")
    assert images.ids == ("\\xff.png",)
    assert images.where(0).encode("utf-8").endswith(b"/\\xff.png")
    assert images[0].shape == (1, 8, 8)


def test_permission_denied_is_not_called_damage(tmp_path, monkeypatch):
    path = tmp_path / "x.npy"
    np.save(path, PIXELS)

    def refused(*args: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refused)
    assert sentence(lambda: open_images(f"array:{path}")) == (
        f"open_images: array:{path} must be readable, got 'Permission denied'. Change its "
        "permissions."
    )


# .npz


def archive(path, **members: np.ndarray | bytes) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, values in members.items():
            stream = io.BytesIO()
            if isinstance(values, bytes):
                file.writestr(name, values)
                continue
            np.save(stream, values)
            file.writestr(f"{name}.npy", stream.getvalue())
    return f"array:{path}"


def test_members_that_nobody_asked_for_are_not_unpacked(tmp_path, monkeypatch):
    written = archive(
        tmp_path / "x.npz",
        images=PIXELS,
        readme=b"hello",
        bomb=np.zeros(40_000_000, np.uint8),
        age=np.arange(3.0),
        name=np.array([b"a", b"b", b"c"]),
    )
    read, sizes = np.lib.format.read_array, []

    def recorded(file, **options):
        values = read(file, **options)
        sizes.append(values.nbytes)
        return values

    monkeypatch.setattr(np.lib.format, "read_array", recorded)
    images = open_images(written)
    np.testing.assert_array_equal(images.pixels()[:, 0], PIXELS)
    assert images.factors["age"].tolist() == [0, 1, 2]
    assert max(sizes) == PIXELS.nbytes


def test_images_that_are_a_bomb_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("repviz.images.arrays.MAX_UNPACKED", 2**20)
    written = archive(tmp_path / "x.npz", images=np.zeros((400, 100, 100), np.uint8))
    assert sentence(lambda: open_images(written)).startswith(
        f"open_images: the arrays of {written} must decompress to at most 100 times their "
        "compressed size, got 4,000,128 bytes from "
    )


def test_pickled_members_are_left_alone_and_pickled_images_refused(tmp_path):
    pickled = np.array([{}, {}, {}], dtype=object)
    images = open_images(archive(tmp_path / "x.npz", images=PIXELS, notes=pickled))
    assert images.labels is None
    assert "must have one number or text per image, got Python objects" in sentence(
        lambda: open_images(archive(tmp_path / "z.npz", images=PIXELS, labels=pickled))
    )
    assert "must be a complete .npy or .npz file of plain arrays" in sentence(
        lambda: open_images(archive(tmp_path / "y.npz", images=pickled))
    )


# labels and masks

MISSING = (
    "either every image or no image must have a label, got {} for image 1 (1 of 3 images). Leave "
    "those images out, or label them."
)


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan"), np.ma.masked])
def test_a_missing_label_is_refused(missing):
    got = sentence(lambda: images_from(PIXELS, labels=[0, missing, 1]))
    assert got == f"images_from: {MISSING.format(missing)}"


def test_a_label_array_with_nan_is_refused(tmp_path):
    written = archive(tmp_path / "x.npz", images=PIXELS, labels=np.array([0.0, np.nan, 1.0]))
    assert sentence(lambda: open_images(written)) == f"open_images: {MISSING.format('nan')}"


def test_the_label_nan_as_text_is_a_label_like_any_other():
    assert images_from(PIXELS, labels=["nan", "None", "a"]).classes == ("None", "a", "nan")


def test_masked_arrays_are_refused():
    masked = np.ma.masked_greater(PIXELS, 9)
    assert sentence(lambda: images_from(masked)) == (
        "images_from: images must not be a masked array. Fill it: x.filled(0)."
    )
    assert sentence(lambda: images_from([masked[0]])[0]) == (
        "own images, image 0: an image must not be a masked array. Fill it: x.filled(0)."
    )


# data sets of the user's own


class Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        return 2

    def __getitem__(self, row: int) -> np.ndarray:
        if row:
            raise self.error
        return PIXELS[0]


@pytest.mark.parametrize(
    "error", [RuntimeError("no\nworker"), KeyError("no worker"), IndexError("no worker")]
)
def test_a_dataset_that_raises_names_the_image(error):
    images = images_from(Failing(error))
    kind = type(error).__name__
    reason = "'no worker'" if kind == "KeyError" else "no worker"
    statuses = images.statuses()
    assert statuses == [
        "ok",
        f"own images, image 1: the item must be readable, got '{kind}: {reason}'. Leave it out.",
    ]


def test_a_dataset_keeps_its_targets():
    class Birds:
        targets = (1, 0, 1)
        classes = ("owl", "tit")

        def __len__(self) -> int:
            return 3

        def __getitem__(self, row: int) -> tuple[np.ndarray, int]:
            return PIXELS[row], self.targets[row]

    assert images_from(Birds()).labels.tolist() == ["tit", "owl", "tit"]
    assert images_from(Birds(), labels="abc").labels.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["folder", "array", "torchvision"])
def test_a_name_without_its_source_is_guessed(tmp_path, kind):
    np.save(tmp_path / "x.npy", PIXELS)
    name = {"folder": str(tmp_path), "array": f"{tmp_path}/x.npy", "torchvision": "CIFAR10"}[kind]
    sources = (
        "orl, digits, patches, folder, file, array, drawn-faces, torchvision, huggingface, "
        "olivetti, lfw"
    )
    known = f" Known: {sources}."
    assert sentence(lambda: open_images(name)) == (
        f"open_images: no image source is called '{name}'. Did you mean '{kind}:{name}'?"
        f"{known if kind == 'torchvision' else ''}"
    )


def test_tensors_with_gradients_and_in_half_precision_are_pictures():
    import torch

    picture = torch.full((1, 8, 8), 0.5)
    kinds = [picture.requires_grad_(), picture.detach().bfloat16(), picture.detach().half()]
    assert [int(pixels.max()) for pixels in images_from(kinds)] == [128, 128, 128]


@pytest.mark.parametrize("item", [[[1, 2], [3]], object(), "face.png", {"a": 1}])
def test_items_that_are_no_picture(item):
    images = images_from([item])
    with pytest.raises(ImageError, match=r"^own images, image 0: "):
        images[0]


# a full disk


def test_a_full_disk_ends_the_cache_in_one_sentence(tmp_path, monkeypatch):
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    images = open_images("digits", limit=9, size=12, grey=True)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StoreError, match="npy: cannot be written: the disk is full") as caught:
        cached_pixels(images, folder=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/{images.key}.npy: cannot be written: the disk is full. Free some space and "
        "run again: what is finished is kept."
    )
    assert not list(tmp_path.glob("*.npy"))
    assert not list(tmp_path.glob(".*.tmp"))
    monkeypatch.undo()
    np.testing.assert_array_equal(cached_pixels(images, folder=tmp_path), images.pixels())
