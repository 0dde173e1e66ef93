"""``torchvision:NAME``: the training images of a set that torchvision knows."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from repviz import checks
from repviz.errors import ImageError
from repviz.images import decoding, fetching
from repviz.images.collection import Images


@dataclass(frozen=True)
class Set:
    """How the training images of torchvision's class of the same name are selected.

    Attributes
    ----------
    url : str
        An address of the download; "" if there is none.
    options : dict
        What the class is called with, besides the folder.
    targets : str
        The attribute that lists the classes of all images.
    """

    url: str
    options: dict[str, Any] = field(default_factory=dict)
    targets: str = "targets"


_TRAIN = {"train": True}
_SPLIT = {"split": "train"}
SETS: dict[str, Set] = {
    "CIFAR10": Set("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", _TRAIN),
    "CIFAR100": Set("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz", _TRAIN),
    "DTD": Set("https://www.robots.ox.ac.uk/~vgg/data/dtd", _SPLIT, "_labels"),
    "EuroSAT": Set("https://huggingface.co/datasets/torchgeo/eurosat"),
    "FakeData": Set("", {"size": 100, "image_size": (3, 64, 64)}, ""),
    "FashionMNIST": Set("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", _TRAIN),
    "Flowers102": Set("https://www.robots.ox.ac.uk/~vgg/data/flowers/102/", _SPLIT, "_labels"),
    "Food101": Set("https://data.vision.ee.ethz.ch/cvl/food-101.tar.gz", _SPLIT, "_labels"),
    "KMNIST": Set("http://codh.rois.ac.jp/kmnist/dataset/kmnist/", _TRAIN),
    "MNIST": Set("https://ossci-datasets.s3.amazonaws.com/mnist/", _TRAIN),
    "OxfordIIITPet": Set(
        "https://www.robots.ox.ac.uk/~vgg/data/pets", {"split": "trainval"}, "_labels"
    ),
    "STL10": Set("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz", _SPLIT, "labels"),
    "SVHN": Set("http://ufldl.stanford.edu/housenumbers/train_32x32.mat", _SPLIT, "labels"),
    "USPS": Set("https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/", _TRAIN),
}


class Items:
    """One item of a torchvision data set per row; what is hashed is its pixels."""

    def __init__(self, dataset: Any, name: str) -> None:
        self.dataset, self.name = dataset, name

    def where(self, row: int) -> str:
        """The set's name and the row."""
        return f"{self.name}, image {row}"

    def stored_bytes(self, row: int) -> bytes:
        """The shape and the pixels, for a set's own files hold many pictures each."""
        pixels = self.decode(row)
        return f"{pixels.shape}".encode() + pixels.tobytes()

    def decode(self, row: int, stored: bytes | None = None) -> np.ndarray:
        """The item's picture."""
        try:
            picture = self.dataset[row][0]
        except Exception as error:  # the readers of the sets raise different exceptions
            reason = " ".join(str(error).split())
            raise ImageError(
                f"{self.where(row)}: the image must be complete, got '{reason}'. Delete the set's "
                "folder, so that it is downloaded again."
            ) from error
        return decoding.from_pillow(picture, self.where(row))


def open_torchvision(argument: str) -> Images:
    """The training images of one of torchvision's sets, with its class names as labels.

    Parameters
    ----------
    argument : str
        ``NAME`` or ``NAME@ROOT``: the class's name in torchvision, one of :data:`SETS`, and the
        folder in which torchvision keeps it (left out: ``repviz/torchvision`` in the user's
        cache). A set that is not there is downloaded into it. FakeData is 100 images of noise.

    Raises
    ------
    UnknownName
        No set has this name.
    Unavailable
        The set was not downloaded before and cannot be now.
    """
    name, _, root = argument.partition("@")
    checks.one_of("open_images", "torchvision set", name, SETS)
    wanted = SETS[name]
    dataset = _dataset(name, wanted, Path(root).expanduser() if root else _cache())
    return Images(
        name=f"torchvision:{argument}",
        ids=tuple(f"{name} {row}" for row in range(len(dataset))),
        labels=_labels(dataset, wanted),
        factors={},
        credit=f"{name}, through torchvision; see its documentation for the authors and terms",
        _store=Items(dataset, f"torchvision:{name}"),
        _index=np.arange(len(dataset)),
    )


def _dataset(name: str, wanted: Set, root: Path) -> Any:
    from torchvision import datasets

    make = getattr(datasets, name)
    if not wanted.url:
        return make(**wanted.options)

    def kept() -> Any:
        try:
            return make(root, download=False, **wanted.options)
        except RuntimeError as error:  # torchvision's way to say that the files are not there
            raise FileNotFoundError(str(error)) from error

    return fetching.load_or_download(
        f"torchvision:{name}",
        root,
        wanted.url,
        kept,
        lambda: make(root, download=True, **wanted.options),
        f"Name a folder that has it: torchvision:{name}@FOLDER",
    )


def _labels(dataset: Any, wanted: Set) -> np.ndarray:
    if not wanted.targets:
        return np.array([str(int(dataset[row][1])) for row in range(len(dataset))])
    targets = np.asarray(getattr(dataset, wanted.targets)).astype(np.int64)
    classes = getattr(dataset, "classes", None)
    return targets.astype(str) if classes is None else np.asarray(classes)[targets]


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "repviz", "torchvision")
