"""Face sets that scikit-learn downloads once and keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from repviz.images import fetching
from repviz.images.collection import Arrays, Files, Images
from repviz.nouns import FACES

OLIVETTI_URL = "https://ndownloader.figshare.com/files/5976027"
LFW_URL = "https://ndownloader.figshare.com/files/5976015"


def open_olivetti() -> Images:
    """scikit-learn's copy of the AT&T faces: 400 grey images, 64x64, 10 of each of 40 people.

    Raises
    ------
    Unavailable
        They were not downloaded before and cannot be now.
    """
    from sklearn.datasets import fetch_olivetti_faces, get_data_home

    faces = fetching.load_or_download(
        "olivetti",
        Path(get_data_home()),
        OLIVETTI_URL,
        lambda: fetch_olivetti_faces(download_if_missing=False),
        fetch_olivetti_faces,
        "Use 'orl', the same faces at full size, which needs no network",
    )
    pixels = np.rint(faces.images * 255).astype(np.uint8)
    people = faces.target
    earlier = [(people[:row] == person).sum() for row, person in enumerate(people)]
    return Images(
        name="olivetti",
        ids=tuple(f"{person}/{count + 1}" for person, count in zip(people, earlier, strict=True)),
        labels=people.astype(str),
        factors={},
        credit="The Database of Faces, AT&T Laboratories Cambridge (Samaria and Harter 1994), "
        "64x64 version by S. Roweis, through scikit-learn",
        nouns=FACES,
        _store=Arrays(pixels[:, None], "olivetti"),
        _index=np.arange(len(pixels)),
    )


def open_lfw() -> Images:
    """Labeled Faces in the Wild, funneled: 13,233 colour images, 250x250, of 5,749 people.

    Raises
    ------
    Unavailable
        They were not downloaded before and cannot be now.

    References
    ----------
    G. Huang et al., "Labeled Faces in the Wild", University of Massachusetts Amherst, Technical
    Report 07-49, 2007.
    """
    from sklearn.datasets import fetch_lfw_people, get_data_home

    home = Path(get_data_home(), "lfw_home", "lfw_funneled")

    def kept() -> list[Path]:
        paths = sorted(home.glob("*/*.jpg"))
        if not paths:
            raise FileNotFoundError(home)
        return paths

    def fetched() -> list[Path]:
        # It unpacks every file and then loads the people with 500 images or more: one man.
        fetch_lfw_people(min_faces_per_person=500)
        return kept()

    paths = fetching.load_or_download(
        "lfw",
        home,
        LFW_URL,
        kept,
        fetched,
        "Use 'patches' or 'orl', which need no network, or folder: with a copy of your own",
    )
    return Images(
        name="lfw",
        ids=tuple(f"{path.parent.name}/{path.stem}" for path in paths),
        labels=np.array([path.parent.name for path in paths]),
        factors={},
        credit="Labeled Faces in the Wild (Huang et al. 2007), through scikit-learn",
        nouns=FACES,
        _store=Files(paths),
        _index=np.arange(len(paths)),
    )
