"""``drawn-faces:N@D``: synthetic faces with D known factors, for tests against the truth."""

from __future__ import annotations

import re

import numpy as np

from repviz import checks, progress
from repviz.errors import InputError
from repviz.images.collection import Arrays, Images
from repviz.images.drawing import SIDE, draw
from repviz.nouns import Nouns

SHAPE = ("width", "jaw", "nose", "eyes")
POSE = ("turn", "nod", "tilt")
LIGHT = ("light_side", "light_height")
EXPRESSION = ("smile", "mouth_open", "brows")
# One of each kind in turn, so that the first D of them are a face that changes in every way.
FACTORS = (
    "width",
    "turn",
    "light_side",
    "smile",
    "jaw",
    "nod",
    "light_height",
    "mouth_open",
    "nose",
    "tilt",
    "brows",
    "eyes",
)
PEOPLE = 40
IDENTITIES = Nouns("drawn face", "drawn faces", "identity", "identities")
THIRDS = ("low", "middle", "high")
BATCH = 16  # faces drawn at a time: their arrays stay in the processor's cache


def open_drawn_faces(argument: str, *, label: str | None = None, seed: int = 0) -> Images:
    """N synthetic grey 64x64 faces of D independent factors: a manifold of known dimension D.

    The first D of :data:`FACTORS` are drawn uniformly from [-1, 1] for each image; the others
    stay 0. All else is fixed and everything is smooth, so the pictures lie on one connected
    manifold of D dimensions; autoencoders are not shown moved copies, which lie off it. Grey
    levels are whole numbers, which shows where images lie close: thousands of images of 1 or 2
    factors differ from their neighbours by little but rounding.

    The labels are identities: 40 people are spread evenly over the space of the shape factors
    (head width, jaw, nose, distance of the eyes; those among the first D), and an image is of the
    person whose shape is nearest. With ``label`` a factor, they are that factor's thirds: low,
    middle, high.

    Parameters
    ----------
    argument : str
        ``N`` or ``N@D``: N from 1 to 1,000,000 images, D from 1 to 12 true factors (6 if left
        out). A face takes about 2 ms and 4 KiB.
    label : str, optional
        "identity" (the same as left out) or one of the first D factors.
    seed : int
        Chooses the factors. The first images of a larger N are those of a smaller.

    Returns
    -------
    Images
        Its ``factors`` are the D that vary, from -1 to 1. ``turn``, ``nod`` and ``tilt`` of 1 are
        15, 7 and 8 degrees; ``light_side`` of 1 is 34 degrees; ``light_height`` goes from 6
        degrees below to 46 above.

    Raises
    ------
    InputError
        The argument is not of this form, or N or D is out of range.
    UnknownName
        ``label`` is not one of the factors that vary.
    """
    written = re.fullmatch(r"(\d+)(?:@(\d+))?", argument, re.ASCII)
    if written is None:
        raise InputError(
            f"open_images: drawn-faces needs N or N@D, got '{argument}'. Write drawn-faces:2000@6 "
            "for 2000 faces of 6 true factors."
        )
    who = "open_images"
    n = checks.integer(who, "N of drawn-faces:N@D", int(written[1]), low=1, high=1_000_000)
    d = checks.integer(who, "D of drawn-faces:N@D", int(written[2] or 6), low=1, high=len(FACTORS))
    varied = FACTORS[:d]
    if label is not None:
        checks.one_of(who, f"factor of drawn-faces:{argument}", label, ("identity", *varied))
    factor = None if label == "identity" else label
    rng = np.random.default_rng([seed, 1])
    values = dict(zip(varied, rng.uniform(-1, 1, (n, d)).T, strict=True))
    return Images(
        name=f"drawn-faces:{argument}",
        ids=tuple(f"face {row}" for row in range(n)),
        labels=_identities(values) if factor is None else _thirds(values[factor]),
        factors=values,
        from_known_manifold=True,
        nouns=IDENTITIES if factor is None else Nouns("drawn face", "drawn faces"),
        credit=f"drawn by repviz from {d} factors: {', '.join(varied)}",
        _store=Arrays(_drawn(values, n), f"drawn-faces:{argument}"),
        _index=np.arange(n),
    )


def _drawn(values: dict[str, np.ndarray], n: int) -> np.ndarray:
    pixels = np.empty((n, 1, SIDE, SIDE), np.uint8)
    factors = {name: values.get(name, np.zeros(n)) for name in FACTORS}
    with progress.task("draw", n) as advance:
        for start in range(0, n, BATCH):
            stop = min(start + BATCH, n)
            faces = draw({name: column[start:stop] for name, column in factors.items()})
            pixels[start:stop, 0] = faces
            advance(stop - start)
    return pixels


def _identities(values: dict[str, np.ndarray]) -> np.ndarray:
    shapes = np.stack([column for name, column in values.items() if name in SHAPE], axis=1)
    people = 2 * _spread(PEOPLE, shapes.shape[1]) - 1
    distances = ((shapes[:, None] - people) ** 2).sum(axis=2)
    return np.array([f"person {person + 1:02d}" for person in distances.argmin(axis=1)])


def _spread(n: int, d: int) -> np.ndarray:
    """N points evenly over [0, 1]^d: multiples of the powers of the generalised golden ratio."""
    ratio = 2.0
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (d + 1))  # the root above 1 of x^(d+1) = x + 1
    return (0.5 + np.outer(np.arange(1, n + 1), ratio ** -np.arange(1.0, d + 1))) % 1


def _thirds(values: np.ndarray) -> np.ndarray:
    return np.array(THIRDS)[np.clip(((values + 1) * 1.5).astype(int), 0, 2)]
